//! Facts: the generalised, comparable form of what was seen, and the phase it was seen in.

use serde::{Deserialize, Serialize};

use super::event::Moment;

/// Part of a container's life. Baselines are kept per phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// From the first instruction until a model file is read or the server takes its first request.
    Start,
    /// Model files are being read, before the first request.
    Load,
    /// The first requests, while the server still settles: code compiled or imported on first use, pools that grow.
    WarmUp,
    /// Requests are being served, or the server waits for them.
    Serve,
    /// The server reads model files again while it serves.
    Reload,
    /// The main process is going down.
    Stop,
}

impl Phase {
    /// All phases in the order of a container's life.
    pub const ALL: [Self; 6] = [
        Self::Start,
        Self::Load,
        Self::WarmUp,
        Self::Serve,
        Self::Reload,
        Self::Stop,
    ];

    /// The phase's name in files, metrics and findings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Load => "load",
            Self::WarmUp => "warmup",
            Self::Serve => "serve",
            Self::Reload => "reload",
            Self::Stop => "stop",
        }
    }
}

/// Kind of fact. Each family learns and matures on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// An executable together with its parent's executable.
    Executable,
    /// A generalised path opened for reading.
    FileRead,
    /// A generalised path opened for writing.
    FileWrite,
    /// A remote address, port and protocol contacted.
    Endpoint,
    /// Who contacts a remote peer: the endpoint, and the program, its copy, or that it has several clients; and who takes the
    /// connections that come to a port.
    Contact,
    /// A local port listened on or bound.
    Listener,
    /// A system call number used.
    Syscall,
    /// A privileged operation (mount, ptrace, socket onto stdio, ...) with its outcome.
    Privileged,
    /// A change to a file that is no write: rename, unlink, truncate, chmod, link, times; with the generalised path.
    FileChange,
    /// An open or exec of a generalised path that failed, with the error.
    FileAttempt,
    /// A file mapped as code, by generalised path.
    CodeMap,
    /// A GPU or other watched device opened, with the executable.
    Device,
    /// A kind of socket asked for.
    Socket,
    /// A UNIX socket connected to or bound, by generalised path.
    UnixSocket,
    /// How attempts to reach a peer end.
    Outcome,
    /// A name asked of DNS.
    DnsName,
    /// A server name asked for in TLS.
    TlsName,
    /// An operation submitted to io_uring.
    IoUring,
    /// A short sequence of system calls.
    Sequence,
    /// A program that ended with an error or by a signal.
    Exit,
}

impl Family {
    /// All families, in file and display order.
    pub const ALL: [Self; 20] = [
        Self::Executable,
        Self::FileRead,
        Self::FileWrite,
        Self::Endpoint,
        Self::Contact,
        Self::Listener,
        Self::Syscall,
        Self::Privileged,
        Self::FileChange,
        Self::FileAttempt,
        Self::CodeMap,
        Self::Device,
        Self::Socket,
        Self::UnixSocket,
        Self::Outcome,
        Self::DnsName,
        Self::TlsName,
        Self::IoUring,
        Self::Sequence,
        Self::Exit,
    ];

    /// The family's name in files, metrics and findings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Executable => "executable",
            Self::FileRead => "file_read",
            Self::FileWrite => "file_write",
            Self::Endpoint => "endpoint",
            Self::Contact => "contact",
            Self::Listener => "listener",
            Self::Syscall => "syscall",
            Self::Privileged => "privileged",
            Self::FileChange => "file_change",
            Self::FileAttempt => "file_attempt",
            Self::CodeMap => "code_map",
            Self::Device => "device",
            Self::Socket => "socket",
            Self::UnixSocket => "unix_socket",
            Self::Outcome => "outcome",
            Self::DnsName => "dns_name",
            Self::TlsName => "tls_name",
            Self::IoUring => "io_uring",
            Self::Sequence => "sequence",
            Self::Exit => "exit",
        }
    }
}

/// Who started the process behind a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The container's own process tree.
    Server,
    /// The container runtime, after the start: `docker exec`, `kubectl exec`, an exec probe, and their children.
    Runtime,
}

impl Origin {
    /// The origin's name in files and findings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Runtime => "runtime",
        }
    }
}

/// What a baseline remembers: a generalised value of one family, by origin.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fact {
    /// Kind of fact.
    pub family: Family,
    /// Who did it.
    pub origin: Origin,
    /// The generalised value in the family's canonical form, for example `/bin/sh <- /usr/bin/python3`,
    /// `tcp 10.0.0.7:443`, `/tmp/*`, `openat`.
    pub value: String,
}

/// A process as a finding shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessInfo {
    /// Host pid.
    pub pid: u32,
    /// Executable path, empty when it was never seen.
    pub exe: String,
    /// Thread name at the time.
    pub comm: String,
    /// Arguments, secrets redacted.
    pub argv: Vec<String>,
    /// The script that the executable interprets; empty for other programs.
    #[serde(default)]
    pub script: String,
    /// The working directory it was started in; empty when unknown.
    #[serde(default)]
    pub cwd: String,
    /// When it was started, when that is known.
    pub started: Option<Moment>,
}

/// One fact seen once, with the evidence a responder needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// When.
    pub at: Moment,
    /// The container's phase at that time.
    pub phase: Phase,
    /// The generalised fact.
    pub fact: Fact,
    /// The raw, ungeneralised value: full path, address and port, argv.
    pub raw: String,
    /// The process that did it.
    pub process: ProcessInfo,
    /// Its ancestors inside the container, nearest first, at most 8.
    pub ancestry: Vec<ProcessInfo>,
    /// Properties that change how dangerous the fact is.
    pub marks: Marks,
}

/// Properties of a sighting that matter for its danger, found where the raw evidence is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// The file is a model artefact (weights, tokenizer, graph) by name or place.
    pub model_file: bool,
    /// The file holds credentials (service account token, ssh or cloud keys, shadow, ...).
    pub secret_file: bool,
    /// Writing here makes other programs run code (site-packages, ld.so.preload, cron, unit, profile, ...).
    pub code_path: bool,
    /// The file lies in a scratch place (/tmp, /dev/shm, /var/tmp, caches).
    pub scratch: bool,
    /// The peer is a cloud metadata address.
    pub metadata_address: bool,
    /// The peer is on this container's own loopback.
    pub loopback: bool,
    /// The executable is a command interpreter or shell.
    pub shell: bool,
    /// The executable was run from anonymous memory or after deletion.
    pub fileless: bool,
    /// A privileged call was refused by the kernel or seccomp.
    pub denied: bool,
    /// The file or socket leads out of the container: a runtime's socket, a kernel setting that runs programs, another
    /// process's root.
    #[serde(default)]
    pub escape_path: bool,
    /// The socket sees or makes packets below TCP and UDP, or belongs to a family that no server uses.
    #[serde(default)]
    pub raw_socket: bool,
    /// The file came into being after the container: in its writable layer, on a memory file system, or without a name.
    #[serde(default)]
    pub not_from_image: bool,
    /// The program was started with an internet socket as its standard input, output or error.
    #[serde(default)]
    pub socket_on_stdio: bool,
    /// Nobody answers at the UNIX socket, as it does not exist or nobody listens there; or the name that was asked of DNS does
    /// not exist.
    #[serde(default)]
    pub unanswered: bool,
    /// The program is an interpreter that is told to run a script and nothing else, which nobody wrote or put there since
    /// the container began.
    #[serde(default)]
    pub script_alone: bool,
}

impl Marks {
    /// The names of those that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let Self {
            model_file,
            secret_file,
            code_path,
            scratch,
            metadata_address,
            loopback,
            shell,
            fileless,
            denied,
            escape_path,
            raw_socket,
            not_from_image,
            socket_on_stdio,
            unanswered,
            script_alone,
        } = self;
        [
            (model_file, "model_file"),
            (secret_file, "secret_file"),
            (code_path, "code_path"),
            (scratch, "scratch"),
            (metadata_address, "metadata_address"),
            (loopback, "loopback"),
            (shell, "shell"),
            (fileless, "fileless"),
            (denied, "denied"),
            (escape_path, "escape_path"),
            (raw_socket, "raw_socket"),
            (not_from_image, "not_from_image"),
            (socket_on_stdio, "socket_on_stdio"),
            (unanswered, "unanswered"),
            (script_alone, "script_alone"),
        ]
        .into_iter()
        .filter_map(|(set, name)| set.then_some(name))
    }
}

#[cfg(test)]
impl Sighting {
    /// A plain sighting of a fact; the raw value is the fact's.
    pub(crate) fn plain(phase: Phase, fact: &Fact) -> Self {
        Self {
            at: Moment(1),
            phase,
            fact: fact.clone(),
            raw: fact.value.clone(),
            process: ProcessInfo::default(),
            ancestry: Vec::new(),
            marks: Marks::default(),
        }
    }
}
