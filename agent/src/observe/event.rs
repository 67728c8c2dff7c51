//! What the probe reports about a container, in the domain's own types.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

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
    pub comm: String,
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
    /// Opened a file.
    Open {
        /// Absolute path inside the container, as the kernel's dentries give it (symbolic links resolved).
        path: String,
        /// What the file was opened for.
        access: Access,
        /// The path was longer than the probe carries; `path` is its tail.
        truncated: bool,
    },
    /// Connected, or sent a first unconnected datagram, to a peer.
    Connect {
        /// Transport protocol.
        protocol: Protocol,
        /// The peer's address.
        peer: SocketAddr,
    },
    /// Began to listen for TCP connections.
    Listen {
        /// The local address.
        local: SocketAddr,
    },
    /// Made one of the rare privileged system calls (mount, ptrace, bpf, ...), successful or refused.
    Privileged {
        /// System call number of this architecture.
        call: u16,
        /// Result: 0 or positive, or a negative errno.
        result: i64,
        /// The first three arguments.
        args: [u64; 3],
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
    /// The program the kernel really started; differs from `filename` for scripts.
    pub interpreter: String,
    /// Arguments, bounded by the probe.
    pub argv: Vec<String>,
    /// More arguments existed than were carried.
    pub argv_truncated: bool,
    /// Parent process, host pid.
    pub parent: u32,
    /// The parent lives outside this container: the runtime started this (container start, `docker exec`, a probe).
    pub parent_outside: bool,
    /// The executable has no name on disk any more (deleted or a memfd).
    pub unlinked: bool,
    /// The executable lies in anonymous memory (`memfd_create`).
    pub memfd: bool,
    /// Effective user id, host numbering.
    pub uid: u32,
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
