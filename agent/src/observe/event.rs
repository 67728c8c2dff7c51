//! What the probe reports about a container, in the domain's own types.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// A point in time: nanoseconds since boot, the kernel's `CLOCK_BOOTTIME`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Moment(pub u64);

impl Moment {
    /// Nanoseconds from `earlier` to `self`; 0 when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Identity of a cgroup v2 directory: its inode number, which is what `bpf_get_current_cgroup_id` returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CgroupId(pub u64);

/// One thing a process in a watched container did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When the kernel saw it.
    pub at: Moment,
    /// The container's cgroup (for a nested cgroup: the container's own, not the nested one).
    pub cgroup: CgroupId,
    /// Process id (thread group id) in the host's pid namespace.
    pub pid: u32,
    /// The thread's name (`comm`, at most 15 bytes); the program chooses it, so it proves nothing.
    pub comm: SmolStr,
    /// What was done.
    pub action: Action,
}

/// What a process did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Created a process (not a thread). `Event::pid` is the parent.
    Fork {
        /// The new process, host pid.
        child: u32,
    },
    /// Replaced its program. The event's `comm` is already the new program's.
    Exec(Exec),
    /// The whole process ended.
    Exit {
        /// Exit status as `wait` reports it: exit code in bits 8..16, signal in bits 0..7.
        status: u32,
    },
    /// Was asked to end, by a signal from outside the container: `Event::pid` is the process that got it, `Event::comm`
    /// names who sent it.
    AskedToEnd {
        /// Number of the signal.
        signal: u32,
    },
    /// Opened a file.
    Open {
        /// Absolute path inside the container, as the kernel's dentries give it (symbolic links resolved).
        path: String,
        /// What the file was opened for.
        access: Access,
        /// The path was longer than the probe carries; `path` is its tail.
        truncated: bool,
        /// Flags the file was opened with (`O_CREAT`, `O_TRUNC`, ...).
        flags: u32,
        /// Where it lies.
        place: Place,
        /// Which file it is.
        file: FileId,
    },
    /// Tried to open a file and was refused.
    OpenFailed {
        /// The path asked for, absolute where the kernel could say from where a relative one starts.
        path: String,
        /// The kernel's error.
        errno: i32,
        /// What it was to be opened for.
        access: Access,
    },
    /// Mapped a file as code, or so that stores change it.
    Map {
        /// Absolute path inside the container.
        path: String,
        /// How it was mapped.
        mapping: Mapping,
        /// The path was longer than the probe carries.
        truncated: bool,
        /// Where it lies.
        place: Place,
        /// Which file it is.
        file: FileId,
    },
    /// Changed a file's name, existence, size, mode or times: rename, unlink, truncate, chmod, link, symlink, utimensat.
    Change {
        /// System call number of this architecture.
        call: u16,
        /// Result: 0, or a negative errno.
        result: i32,
        /// The file.
        path: String,
        /// The second name of a rename or link.
        other: Option<String>,
        /// The call's flags or mode, where it has one.
        detail: u64,
    },
    /// Made a file in anonymous memory.
    Memfd {
        /// The name given to it; the program chooses it.
        name: String,
    },
    /// Tried to start a program and was refused.
    ExecFailed {
        /// The path asked for.
        path: String,
        /// The kernel's error.
        errno: i32,
    },
    /// Connected, or sent a first unconnected datagram, to a peer; told for each process.
    Connect {
        /// Transport protocol.
        protocol: Protocol,
        /// The peer's address.
        peer: SocketAddr,
    },
    /// A connection to the peer is used again that was idle when its process began a later one: it has several clients there.
    Clients {
        /// Transport protocol.
        protocol: Protocol,
        /// The peer's address.
        peer: SocketAddr,
    },
    /// An attempt to connect ended.
    Connected {
        /// Transport protocol.
        protocol: Protocol,
        /// The peer's address.
        peer: SocketAddr,
        /// The kernel's error; 0 when the connection was made.
        errno: i32,
        /// How long it took, microseconds.
        duration_us: u64,
    },
    /// Bound a socket to a local address.
    Bind {
        /// Transport protocol.
        protocol: Protocol,
        /// The local address.
        local: SocketAddr,
    },
    /// Asked for a kind of socket.
    Socket {
        /// Address family.
        domain: u32,
        /// Type, without flags.
        kind: u32,
        /// Protocol.
        protocol: u32,
        /// 0, or a negative errno.
        result: i32,
    },
    /// Connected to, or bound, a UNIX socket.
    Unix {
        /// System call number of this architecture.
        call: u16,
        /// Its path; an abstract name begins with `@`.
        path: String,
        /// 0, or a negative errno.
        result: i32,
    },
    /// A DNS message in one of the container's own packets.
    Dns {
        /// The name server.
        server: SocketAddr,
        /// To the server, or from it.
        outbound: bool,
        /// The message, possibly cut.
        message: Vec<u8>,
    },
    /// The server name that a TLS client asked for.
    TlsName {
        /// The peer.
        peer: SocketAddr,
        /// The name.
        name: String,
    },
    /// A sequence of system calls that no thread of the container had made before.
    Sequence {
        /// Thread id, host numbering.
        thread: u32,
        /// System call numbers, oldest first.
        calls: Vec<u16>,
    },
    /// Began to listen for TCP connections.
    Listen {
        /// The local address.
        local: SocketAddr,
    },
    /// Took a TCP connection that came to the container; told for each process.
    Accept {
        /// The local address.
        local: SocketAddr,
    },
    /// Made one of the rare privileged system calls (mount, ptrace, bpf, ...), successful or refused.
    Privileged {
        /// System call number of this architecture.
        call: u16,
        /// Result: 0 or positive, or a negative errno.
        result: i64,
        /// The first three arguments; of `clone3` the flags in place of the first.
        args: [u64; 3],
        /// The texts among them; empty where an argument is none.
        #[serde(default)]
        texts: [String; 3],
    },
    /// Duplicated a socket onto standard input, output or error: how a reverse shell is wired.
    SocketToStdio {
        /// The descriptor: 0, 1 or 2.
        fd: u32,
    },
}

/// A program start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {
    /// The path given to `execve`.
    pub filename: String,
    /// The program the kernel really started: what links lead to, and for a script its interpreter.
    pub interpreter: String,
    /// `filename` is a script, which `interpreter` runs.
    #[serde(default)]
    pub script: bool,
    /// Arguments, bounded by the probe.
    pub argv: Vec<String>,
    /// More arguments existed than were carried.
    pub argv_truncated: bool,
    /// Parent process, host pid.
    pub parent: u32,
    /// The parent lives outside this container: the runtime started this (container start, `docker exec`, a probe).
    pub parent_outside: bool,
    /// Where the executable lies.
    pub place: Place,
    /// The working directory.
    pub cwd: String,
    /// Standard input, output or error is an internet socket.
    pub socket_on_stdio: bool,
    /// Effective user id, host numbering.
    pub uid: u32,
}

/// Where a file lies, as far as that says something about where it came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// On a memory file system (tmpfs): it did not come with the image.
    pub tmpfs: bool,
    /// In the container's writable layer: made or changed since the container was.
    pub upper_layer: bool,
    /// No name leads to it any more (deleted or a memfd).
    pub unlinked: bool,
    /// In anonymous memory (`memfd_create`).
    pub memfd: bool,
    /// A character or block device.
    pub device: bool,
}

/// Which file: the same for every path that leads to it, as long as it exists.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct FileId {
    /// Device number of the file system.
    pub device: u32,
    /// Inode number.
    pub inode: u64,
}

/// Class of a file whose bytes are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileClass {
    /// Any other file.
    Other = 0,
    /// A model artefact.
    Model = 1,
    /// A library or program.
    Library = 2,
    /// In a scratch place.
    Temp = 3,
    /// A device node.
    Device = 4,
    /// Credentials.
    Secret = 5,
}

impl FileClass {
    /// All classes in the order of the probe's counters.
    pub const ALL: [Self; 6] = [
        Self::Other,
        Self::Model,
        Self::Library,
        Self::Temp,
        Self::Device,
        Self::Secret,
    ];
}

/// How a file was mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mapping {
    /// As code.
    Code,
    /// Shared and writable: stores change the file.
    SharedWrite,
}

/// What a file was opened for. Ordered by how much it can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Reading only.
    Read,
    /// Writing to a file (also truncating or appending); it may have been created by this open.
    Write,
}

/// Transport protocol of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// Any other IP protocol.
    Other,
}

impl Protocol {
    /// The protocol with this IP protocol number.
    #[must_use]
    pub const fn of(number: u8) -> Self {
        match number {
            6 => Self::Tcp,
            17 => Self::Udp,
            _ => Self::Other,
        }
    }
}
