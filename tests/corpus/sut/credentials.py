"""Sixty places of a home where credentials and traces of them are kept. The image has decoys at some of them."""

PLACES = [
    ".ssh/id_rsa", ".ssh/id_ed25519", ".ssh/id_ecdsa", ".ssh/id_dsa", ".ssh/config", ".ssh/known_hosts", ".ssh/authorized_keys",
    ".aws/credentials", ".aws/config", ".aws/sso/cache/token.json",
    ".config/gcloud/credentials.db", ".config/gcloud/access_tokens.db", ".config/gcloud/application_default_credentials.json",
    ".config/gcloud/legacy_credentials/default/adc.json", ".boto",
    ".azure/accessTokens.json", ".azure/azureProfile.json", ".azure/msal_token_cache.json",
    ".kube/config", ".kube/cache/token", ".docker/config.json", ".config/containers/auth.json", ".config/helm/repositories.yaml",
    ".git-credentials", ".gitconfig", ".config/git/credentials", ".config/gh/hosts.yml", ".config/glab-cli/config.yml",
    ".netrc", ".pgpass", ".my.cnf", ".mylogin.cnf", ".mongorc.js", ".rediscli_history", ".psql_history", ".mysql_history",
    ".env", ".env.local", ".env.production", "app/.env", "config/secrets.yaml", "credentials.json", "service-account.json",
    ".huggingface/token", ".cache/huggingface/token", ".cache/huggingface/stored_tokens", ".kaggle/kaggle.json",
    ".config/wandb/settings", ".openai/api_key", ".anthropic/api_key",
    ".npmrc", ".pypirc", ".config/pip/pip.conf", ".cargo/credentials.toml", ".terraform.d/credentials.tfrc.json", ".vault-token",
    ".bash_history", ".zsh_history", ".python_history", ".gnupg/secring.gpg",
]
