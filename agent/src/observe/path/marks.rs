//! What a path by itself says about danger: tables of places and names.

use std::sync::LazyLock;

use super::glob::Glob;
use super::{PACKAGE_DIRECTORIES, folded_tree};
use crate::observe::event::Access;
use crate::observe::fact::Marks;

/// Endings of files that hold weights, graphs or serialised models.
const MODEL_ENDINGS: &[&str] = &[
    "cbm",
    "ckpt",
    "engine",
    "ggml",
    "gguf",
    "h5",
    "hdf5",
    "joblib",
    "keras",
    "mar",
    "mlmodel",
    "model",
    "npz",
    "onnx",
    "pb",
    "pickle",
    "pkl",
    "plan",
    "pt",
    "pth",
    "safetensors",
    "tflite",
    "torchscript",
    "trt",
    "ubj",
];

/// Directories whose files are model artefacts whatever they are called.
const MODEL_DIRECTORIES: &[&str] = &[
    "checkpoints",
    "model",
    "model-repository",
    "model-store",
    "model_repository",
    "model_store",
    "models",
    "weights",
];

/// Prefix of a model's directory in the Hugging Face cache; its `blobs` carry digests for names.
const HUB_DIRECTORY_PREFIX: &str = "models--";

/// Endings of program text and compiled code: reading a package that is called `models` loads no model.
const SOURCE_ENDINGS: &[&str] = &[
    "c", "cc", "cpp", "css", "go", "h", "hpp", "html", "java", "js", "md", "py", "pyc", "pyi",
    "rs", "sh", "so", "ts",
];

/// Files that hold credentials.
const SECRETS: &[&str] = &[
    "**/secrets/kubernetes.io/serviceaccount/**",
    "**/secrets/eks.amazonaws.com/serviceaccount/**",
    "**/secrets/azure/tokens/**",
    "/run/secrets/**",
    "/var/run/secrets/**",
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/kubernetes/**",
    "/etc/ssl/private/**",
    "/etc/krb5.keytab",
    "/var/lib/kubelet/pki/**",
    "**/.ssh/id_*",
    "**/.ssh/*.pem",
    "**/.ssh/*_key",
    "**/.ssh/config",
    "**/.ssh/known_hosts",
    "**/id_rsa",
    "**/id_ecdsa",
    "**/id_ed25519",
    "**/ssh_host_*_key",
    "**/*.key",
    "**/*-key.pem",
    "**/*_key.pem",
    "**/privkey*.pem",
    "**/*.p12",
    "**/*.pfx",
    "**/*.ppk",
    "**/*.keytab",
    "**/*.kdbx",
    "**/.aws/**",
    "**/.azure/**",
    "**/.config/gcloud/**",
    "**/gcloud/application_default_credentials.json",
    "**/.boto",
    "**/.kube/**",
    "**/kubeconfig",
    "**/.docker/config.json",
    "**/.dockercfg",
    "**/.config/gh/hosts.yml",
    "**/.netrc",
    "**/.git-credentials",
    "**/.npmrc",
    "**/.pypirc",
    "**/.pgpass",
    "**/.my.cnf",
    "**/.vault-token",
    "**/.terraform.d/credentials*",
    "**/.gnupg/**",
    "**/.cache/huggingface/token",
    "**/.cache/huggingface/stored_tokens",
    "**/.huggingface/token",
    "**/.kaggle/kaggle.json",
    "**/.env",
    "**/.env.*",
    "**/.*_history",
    "**/.local/share/keyrings/**",
    // The kernel names processes by number here, so a process that reads its own environment looks the same.
    "/proc/*/environ",
    "/proc/*/task/*/environ",
    "/proc/*/mem",
    "/proc/*/task/*/mem",
    "/proc/kcore",
];

/// Files that other programs run, load or obey, so that writing one runs code later.
const CODE: &[&str] = &[
    "/etc/ld.so.preload",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d/**",
    "/etc/ld.so.cache",
    // Settings that name libraries to be loaded: by the C library, by TLS, and by the loaders of GPU and Kerberos drivers.
    "/etc/nsswitch.conf",
    "/etc/ssl/openssl.cnf",
    "/etc/OpenCL/vendors/**",
    "/etc/vulkan/**",
    "/etc/glvnd/**",
    "/etc/gss/mech.d/**",
    "/bin/**",
    "/sbin/**",
    "/usr/bin/**",
    "/usr/sbin/**",
    "/usr/libexec/**",
    "/usr/local/bin/**",
    "/usr/local/sbin/**",
    "/opt/**/bin/*",
    "**/.local/bin/*",
    "/lib*/**/*.so",
    "/lib*/**/*.so.*",
    "/usr/lib*/**/*.so",
    "/usr/lib*/**/*.so.*",
    "/usr/local/lib*/**/*.so",
    "/usr/local/lib*/**/*.so.*",
    "/opt/**/*.so",
    "/opt/**/*.so.*",
    "**/lib/python3*/**",
    "**/site-packages/**",
    "**/dist-packages/**",
    "**/node_modules/**",
    "**/sitecustomize.py",
    "**/usercustomize.py",
    "**/.ipython/profile_*/startup/*",
    "/etc/cron*",
    "/etc/cron*/**",
    "/etc/anacrontab",
    "/var/spool/cron/**",
    "/var/spool/at/**",
    "/etc/systemd/**",
    "/lib/systemd/**",
    "/usr/lib/systemd/**",
    "/run/systemd/system/**",
    "**/.config/systemd/**",
    "**/.config/autostart/**",
    "/etc/init.d/**",
    "/etc/rc*.d/**",
    "/etc/rc.local",
    "/etc/inittab",
    "/etc/profile",
    "/etc/profile.d/**",
    "/etc/environment",
    "/etc/bash.bashrc",
    "/etc/zsh/**",
    "**/.bashrc",
    "**/.bash_profile",
    "**/.bash_login",
    "**/.bash_logout",
    "**/.profile",
    "**/.zshrc",
    "**/.zshenv",
    "**/.zprofile",
    "**/.ssh/authorized_keys*",
    "**/.ssh/rc",
    "**/.git/hooks/*",
    "/etc/pam.d/**",
    "/etc/sudoers",
    "/etc/sudoers.d/**",
    "/etc/passwd",
    "/etc/group",
    "/etc/udev/rules.d/**",
    "/etc/modprobe.d/**",
    // Kernel settings that name a program for the host to run.
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/fs/binfmt_misc/**",
    "/sys/kernel/uevent_helper",
    "/sys/fs/cgroup/**/release_agent",
    "/sys/fs/cgroup/release_agent",
    // Another program's memory.
    "/proc/*/mem",
    "/proc/*/task/*/mem",
];

/// Files and sockets that lead out of a container, whatever they are used for.
const ESCAPES: &[&str] = &[
    // Whoever may speak to the runtime may start a container with the host's root.
    "**/docker.sock",
    "**/dockershim.sock",
    "**/cri-dockerd.sock",
    "**/containerd.sock",
    "**/containerd.sock.ttrpc",
    "**/crio.sock",
    "**/podman.sock",
    "**/buildkitd.sock",
    // The host's memory, ports and disks.
    "/dev/mem",
    "/dev/kmem",
    "/dev/port",
    "/proc/kcore",
    "/dev/sd*",
    "/dev/vd*",
    "/dev/xvd*",
    "/dev/nvme*",
    "/dev/mapper/*",
    "/var/lib/kubelet/**",
    "/proc/sysrq-trigger",
];

/// Settings of the kernel, which all containers of a host share: changing one changes the host.
const HOST_SETTINGS: &[&str] = &[
    // Programs for the host's kernel to run.
    "/proc/sys/kernel/**",
    "/proc/sys/fs/binfmt_misc/**",
    "/sys/kernel/**",
    "**/release_agent",
    "/sys/module/**",
    "/sys/firmware/**",
    "/sys/power/**",
    "/proc/sys/vm/**",
    "/dev/kmsg",
];

/// Places where programs leave files that nobody runs or misses, and sinks that keep nothing.
const SCRATCH: &[&str] = &[
    "/tmp/**",
    "/var/tmp/**",
    "/dev/shm/**",
    "/var/cache/**",
    "**/.cache/**",
    "**/__pycache__/*",
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/tty",
    "/dev/pts/*",
    // How a program names its own threads.
    "/proc/*/comm",
    "/proc/*/task/*/comm",
];

/// The tables taken apart, which is done once.
struct Tables {
    secrets: Table,
    code: Table,
    escapes: Table,
    host_settings: Table,
    scratch: Table,
}

struct Table(Vec<Glob<'static>>);

static TABLES: LazyLock<Tables> = LazyLock::new(|| Tables {
    secrets: Table::of(SECRETS),
    code: Table::of(CODE),
    escapes: Table::of(ESCAPES),
    host_settings: Table::of(HOST_SETTINGS),
    scratch: Table::of(SCRATCH),
});

impl Table {
    fn of(patterns: &[&'static str]) -> Self {
        Self(patterns.iter().map(|pattern| Glob::new(pattern)).collect())
    }

    fn has(&self, path: &[&str]) -> bool {
        self.0.iter().any(|glob| glob.matches(path))
    }
}

/// The marks that follow from a path and what it was opened for; the marks of other families stay unset.
#[must_use]
pub fn marks(path: &str, access: Access) -> Marks {
    let parts: Vec<&str> = path.split('/').collect();
    let write = access == Access::Write;
    Marks {
        model_file: is_model(path, access),
        secret_file: TABLES.secrets.has(&parts),
        code_path: write && !is_compiled_python(path) && TABLES.code.has(&parts),
        scratch: TABLES.scratch.has(&parts),
        escape_path: TABLES.escapes.has(&parts)
            || is_other_root(path)
            || (write && TABLES.host_settings.has(&parts)),
        ..Marks::default()
    }
}

/// Another process's view of the files, which for a process of the host is the host's. A program that looks at its own
/// says `self`.
fn is_other_root(path: &str) -> bool {
    let mut parts = path.split('/').skip(1);
    parts.next() == Some("proc")
        && parts
            .next()
            .is_some_and(|process| process.bytes().all(|byte| byte.is_ascii_digit()))
        && matches!(parts.next(), Some("root" | "cwd"))
}

/// Byte code that Python caches by itself, also while it is being written under a temporary name.
fn is_compiled_python(path: &str) -> bool {
    path.rsplit_once('/').is_some_and(|(directory, name)| {
        directory.ends_with("/__pycache__") && name.contains(".pyc")
    })
}

fn is_model(path: &str, access: Access) -> bool {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    let ending = name
        .rsplit_once('.')
        .map(|(_, ending)| ending.to_ascii_lowercase())
        .unwrap_or_default();
    // In a package directory Python runs the lines of a `.pth` file at every start.
    let is_start_hook = ending == "pth"
        && directory
            .split('/')
            .any(|part| PACKAGE_DIRECTORIES.contains(&part));
    if is_start_hook {
        return false;
    }
    if MODEL_ENDINGS.contains(&ending.as_str()) {
        return true;
    }
    // A Python backend's code lies beside its weights, so writing source there is tampering with the model.
    let is_source =
        ending == "pyc" || (access == Access::Read && SOURCE_ENDINGS.contains(&ending.as_str()));
    folded_tree(path).is_none()
        && !is_source
        && directory
            .split('/')
            .any(|part| MODEL_DIRECTORIES.contains(&part) || part.starts_with(HUB_DIRECTORY_PREFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Marks as letters: model, secret, code, scratch, escape.
    fn letters(path: &str, access: Access) -> String {
        let marks = marks(path, access);
        [
            (marks.model_file, 'm'),
            (marks.secret_file, 's'),
            (marks.code_path, 'c'),
            (marks.scratch, 't'),
            (marks.escape_path, 'e'),
        ]
        .into_iter()
        .filter_map(|(set, letter)| set.then_some(letter))
        .collect()
    }

    #[test]
    fn reads() {
        for (path, expected) in [
            ("/models/iris/1/model.onnx", "m"),
            ("/mnt/models/config.json", "m"),
            ("/srv/weights.SAFETENSORS", "m"),
            ("/opt/llm/q4.gguf", "m"),
            ("/models/weights.bin", "m"),
            ("/usr/bin/objects.bin", ""),
            ("/root/.cache/huggingface/hub/models--a--b/blobs/0f3c", "mt"),
            (
                "/usr/local/lib/python3.11/site-packages/x/default.onnx",
                "m",
            ),
            ("/usr/local/lib/python3.11/site-packages/x.pth", ""),
            (
                "/usr/lib/python3/dist-packages/django/db/models/base.json",
                "",
            ),
            ("/app/models/user.py", ""),
            ("/app/models/__pycache__/user.cpython-311.pyc", "t"),
            ("/run/secrets/kubernetes.io/serviceaccount/token", "s"),
            ("/root/.ssh/id_ed25519", "s"),
            ("/home/app/.aws/credentials", "s"),
            ("/root/.config/gcloud/credentials.db", "s"),
            ("/root/.docker/config.json", "s"),
            ("/app/.env", "s"),
            ("/root/.bash_history", "s"),
            ("/proc/7/environ", "s"),
            ("/etc/shadow", "s"),
            ("/etc/passwd", ""),
            ("/etc/ssl/certs/ca-certificates.crt", ""),
            ("/usr/lib/x86_64-linux-gnu/libc.so.6", ""),
            ("/dev/null", "t"),
            ("/run/docker.sock", "e"),
            ("/var/run/containerd/containerd.sock", "e"),
            ("/proc/1/root/etc/shadow", "e"),
            ("/proc/self/root/etc/hostname", ""),
            ("/proc/1/rootless", ""),
            ("/proc/sys/kernel/core_pattern", ""),
            ("/sys/kernel/mm/transparent_hugepage/enabled", ""),
            ("/dev/sda", "e"),
            ("/dev/shm/x", "t"),
            ("", ""),
        ] {
            assert_eq!(letters(path, Access::Read), expected, "{path}");
        }
    }

    #[test]
    fn writes() {
        for (path, expected) in [
            ("/models/iris/1/model.onnx", "m"),
            ("/models/iris/1/model.py", "m"),
            ("/models/.model.onnx.Ab12Cd", "m"),
            ("/etc/ld.so.preload", "c"),
            ("/usr/bin/python3.11", "c"),
            ("/usr/lib/x86_64-linux-gnu/libm.so.6", "c"),
            ("/usr/local/lib/python3.11/site-packages/a_init.pth", "c"),
            ("/opt/venv/lib/python3.11/site-packages/x/y.py", "c"),
            (
                "/opt/venv/lib/python3.11/site-packages/__pycache__/y.cpython-311.pyc.139",
                "t",
            ),
            ("/root/.config/systemd/user/x.service", "c"),
            ("/etc/cron.d/x", "c"),
            ("/var/spool/cron/crontabs/root", "c"),
            ("/root/.bashrc", "c"),
            ("/root/.ssh/authorized_keys", "c"),
            ("/proc/sys/kernel/core_pattern", "ce"),
            ("/sys/fs/cgroup/memory/release_agent", "ce"),
            ("/tmp/cg/release_agent", "te"),
            ("/proc/sysrq-trigger", "e"),
            ("/sys/kernel/uevent_helper", "ce"),
            ("/proc/sys/net/core/somaxconn", ""),
            ("/proc/1/root/etc/crontab", "e"),
            ("/proc/12/mem", "sc"),
            ("/tmp/tmpabcdefgh", "t"),
            ("/tmpfiles/x", ""),
            ("/dev/shm/psm_12ab", "t"),
            ("/root/.cache/x/y", "t"),
            ("/proc/12/task/14/comm", "t"),
            ("/var/log/app.log", ""),
            ("/app/data.json", ""),
        ] {
            assert_eq!(letters(path, Access::Write), expected, "{path}");
        }
    }
}
