//! Command lines without their secrets, and of bounded length.

use super::event::{Action, Event};

/// Most arguments kept.
const MAX_ARGUMENTS: usize = 32;

/// Longest kept argument in bytes, before the sign of the cut.
const MAX_ARGUMENT: usize = 256;

/// Longest kept command line in bytes, all arguments together.
const MAX_TOTAL: usize = 1024;

/// What stands where a secret stood.
pub const REDACTED: &str = "[redacted]";

/// Parts of a name (`HF_TOKEN`, `--db-password`) that say its value is a secret.
const SECRET_PARTS: &[&str] = &[
    "apikey",
    "auth",
    "authorization",
    "bearer",
    "cookie",
    "credential",
    "credentials",
    "key",
    "passphrase",
    "passwd",
    "password",
    "pat",
    "pwd",
    "secret",
    "token",
];

/// Last parts of a name that say its value is about a secret but none: `--token-file`, `SECRET_NAME`.
const HARMLESS_LAST_PARTS: &[&str] = &[
    "count", "dir", "file", "id", "length", "limit", "name", "path", "size", "timeout", "ttl",
    "type",
];

/// Beginnings of tokens that give themselves away.
const TOKEN_PREFIXES: &[&str] = &[
    "AKIA",
    "ASIA",
    "eyJ",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "hf_",
    "sk-",
    "xoxb-",
    "xoxp-",
    "ya29.",
];

/// Shortest word that counts as a token by its beginning.
const MIN_TOKEN: usize = 16;

/// Takes the secrets out of what a process did.
pub fn event(event: &mut Event) {
    if let Action::Exec(exec) = &mut event.action {
        exec.argv = argv(&exec.argv);
    }
}

/// The arguments with secrets replaced by [`REDACTED`], cut to a bounded length.
#[must_use]
pub fn argv(arguments: &[String]) -> Vec<String> {
    let mut scanner = Scanner::default();
    let mut total = 0;
    let mut kept = Vec::new();
    for argument in arguments.iter().take(MAX_ARGUMENTS) {
        let redacted = cut(scanner.argument(argument));
        total += redacted.len();
        if total > MAX_TOTAL {
            break;
        }
        kept.push(redacted);
    }
    if kept.len() < arguments.len() {
        kept.push("…".to_owned());
    }
    kept
}

fn cut(mut argument: String) -> String {
    if argument.len() > MAX_ARGUMENT {
        argument.truncate(argument.floor_char_boundary(MAX_ARGUMENT));
        argument.push('…');
    }
    argument
}

/// Walks over the words of a command line. A secret's name may stand in one argument and its value in the next, and a
/// whole shell command may stand in one argument.
#[derive(Default)]
struct Scanner {
    /// The last word named a secret, so the next one is it.
    awaits_value: bool,
}

impl Scanner {
    fn argument(&mut self, argument: &str) -> String {
        let mut out = String::with_capacity(argument.len());
        let mut rest = argument;
        while let Some(first) = rest.chars().next() {
            if is_separator(first) {
                out.push(first);
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
                continue;
            }
            let (word, tail) = rest.split_at(rest.find(is_separator).unwrap_or(rest.len()));
            self.word(word, &mut out);
            rest = tail;
        }
        out
    }

    fn word(&mut self, word: &str, out: &mut String) {
        // `Authorization: Bearer <token>`: the scheme is no secret, what follows is.
        if self.awaits_value && ["bearer", "basic"].contains(&word.to_lowercase().as_str()) {
            out.push_str(word);
            return;
        }
        if std::mem::take(&mut self.awaits_value) && !word.starts_with('-') {
            out.push_str(REDACTED);
            return;
        }
        if let Some((name, value)) = word.split_once(['=', ':'])
            && is_secret_name(name)
        {
            out.push_str(word.get(..=name.len()).unwrap_or_default());
            if value.is_empty() {
                self.awaits_value = true;
            } else {
                out.push_str(REDACTED);
            }
            return;
        }
        if word.starts_with('-') && is_secret_name(word) {
            self.awaits_value = true;
        }
        if word.eq_ignore_ascii_case("bearer") {
            self.awaits_value = true;
        }
        let bare = word.split_once('=').map_or(word, |(_, value)| value);
        if is_token(bare) {
            out.push_str(word.get(..word.len() - bare.len()).unwrap_or_default());
            out.push_str(REDACTED);
            return;
        }
        match user_information(word) {
            Some((before, after)) => {
                out.push_str(before);
                out.push_str(REDACTED);
                out.push_str(after);
            }
            None => out.push_str(word),
        }
    }
}

fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '"' | '\'' | '`' | '&' | '?' | ';' | '|' | ',' | '(' | ')' | '{' | '}'
        )
}

fn is_secret_name(name: &str) -> bool {
    let name = name.trim_start_matches('-').to_lowercase();
    let parts: Vec<&str> = name.split(['-', '_', '.']).collect();
    let harmless = parts
        .last()
        .is_some_and(|last| HARMLESS_LAST_PARTS.contains(last));
    !harmless && parts.iter().any(|part| SECRET_PARTS.contains(part))
}

fn is_token(word: &str) -> bool {
    word.len() >= MIN_TOKEN && TOKEN_PREFIXES.iter().any(|prefix| word.starts_with(prefix))
}

/// Splits `https://user:password@host` around the password.
fn user_information(word: &str) -> Option<(&str, &str)> {
    let start = word.find("://")? + "://".len();
    let authority = word.get(start..)?;
    let authority = authority.split('/').next()?;
    let (user, _) = authority.rsplit_once('@')?;
    let password = start + user.find(':')? + 1;
    Some((word.get(..password)?, word.get(start + user.len()..)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn redacted(arguments: &[&str]) -> String {
        let arguments: Vec<String> = arguments.iter().map(|&a| a.to_owned()).collect();
        argv(&arguments).join(" ")
    }

    #[test]
    fn secrets_go_and_the_rest_stays() {
        for (arguments, expected) in [
            (&["x", "--token=abc"][..], "x --token=[redacted]"),
            (
                &["x", "--api-key", "abc", "run"],
                "x --api-key [redacted] run",
            ),
            (
                &["env", "HF_TOKEN=abc", "A=b"],
                "env HF_TOKEN=[redacted] A=b",
            ),
            (
                &["curl", "-H", "Authorization: Bearer abc", "http://x/y"],
                "curl -H Authorization: Bearer [redacted] http://x/y",
            ),
            (
                &[
                    "sh",
                    "-c",
                    "curl -H 'X-Auth-Token: abc' 'http://x/?token=def&a=b'",
                ],
                "sh -c curl -H 'X-Auth-Token: [redacted]' 'http://x/?token=[redacted]&a=b'",
            ),
            (
                &["psql", "postgres://u:p:w@db:5432/x"],
                "psql postgres://u:[redacted]@db:5432/x",
            ),
            (&["git", "ghp_0123456789abcdef"], "git [redacted]"),
            (&["x", "--k=sk-0123456789abcdef"], "x --k=[redacted]"),
            (
                &[
                    "vllm",
                    "--max-tokens",
                    "32",
                    "--tokenizer=x",
                    "--token-file",
                    "/t",
                    "--host=h:1",
                ],
                "vllm --max-tokens 32 --tokenizer=x --token-file /t --host=h:1",
            ),
            (&["x", "--no-auth", "--port", "80"], "x --no-auth --port 80"),
        ] {
            assert_eq!(redacted(arguments), expected);
        }
    }

    #[test]
    fn cuts_are_visible() {
        let long = "é".repeat(400);
        let out = argv(&[long]);
        assert!(out[0].ends_with('…') && out[0].len() <= MAX_ARGUMENT + 3);
        assert_eq!(
            argv(&vec!["x".to_owned(); 40]).last().map(String::as_str),
            Some("…")
        );
    }

    proptest! {
        #[test]
        fn a_named_secret_never_comes_out(
            name in "(--)?([A-Z]{1,6}_)?(TOKEN|PASSWORD|SECRET)",
            secret in "[A-Za-z0-9+/]{12,40}",
            joined: bool,
            before in "[a-z ]{0,20}",
        ) {
            prop_assume!(joined || name.starts_with("--"));
            let arguments = if joined {
                vec![before, format!("{name}={secret}")]
            } else {
                vec![before, name, secret.clone()]
            };
            prop_assert!(!argv(&arguments).join(" ").contains(&secret));
        }

        #[test]
        fn anything_comes_out_bounded(arguments in prop::collection::vec("\\PC{0,600}", 0..50)) {
            let out = argv(&arguments);
            prop_assert!(out.len() <= MAX_ARGUMENTS + 1);
            prop_assert!(out.iter().map(String::len).sum::<usize>() <= MAX_TOTAL + 3);
        }
    }
}
