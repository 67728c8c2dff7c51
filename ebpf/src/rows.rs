//! What the probe counts, by container and by thread, and what the agent tells it.

use super::{CALLS, CGROUP_PATH_BYTES, SEQUENCE_WORDS, URING_OPS, file_class, lost};

/// Counters of one watched container, one copy per CPU. They only grow, and wrap.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Row {
    /// Bytes received, IP headers included. TCP handshakes and bare acknowledgements do not count, here and below.
    pub rx_bytes: u64,
    /// Bytes sent, IP headers included.
    pub tx_bytes: u64,
    /// Packets received.
    pub rx_packets: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// TCP connections accepted.
    pub accepted: u32,
    /// Outbound payload after inbound on a connection to a listening port.
    pub requests: u32,
    /// Outgoing connects and unconnected datagrams.
    pub connects: u32,
    /// Threads and processes created.
    pub clones: u32,
    /// Attempts to connect that failed.
    pub connects_failed: u32,
    /// Always 0.
    pub _pad: u32,
    /// What was lost of this container, by [`lost`] reason.
    pub lost: [u32; lost::ROOM],
    /// Bytes read from files, by [`file_class`].
    pub file_read: [u64; file_class::COUNT],
    /// Bytes written to files, by [`file_class`].
    pub file_written: [u64; file_class::COUNT],
    /// Operations submitted to io_uring, by opcode; the last cell holds all beyond.
    pub uring: [u32; URING_OPS],
    /// Calls returned, by [`cell`].
    pub calls: [u32; CALLS],
    /// Of these, calls that returned an error.
    pub errors: [u32; CALLS],
}

/// No row: what is counted or reported is no watched container's.
pub const NO_ROW: u32 = u32::MAX;

/// What the agent tells the programs while they run. It is handed from one version of Picket to the next, whatever else
/// changes: its fields and its size never do.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// Raised with each change the agent makes to the watched cgroups. What the kernel side changes there needs none: a
    /// new cgroup has an id that never was, and the id of a removed one never comes back (`kernfs_new_node`,
    /// fs/kernfs/dir.c).
    pub changes: u32,
    /// The generation of programs that counts; all others keep still. With it one agent hands over to the next.
    pub active: u32,
    /// Raised with each emptying of the rings.
    pub drain: u64,
    /// When the agent last closed its windows, nanoseconds since boot; 0 before the first time.
    pub window_ns: u64,
    /// Always 0.
    pub _reserved: [u64; 5],
}

/// Up to when, and how much, an agent has counted of the container that has a row. The next agent goes on from there.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Taken {
    /// Cgroup id of the container; 0 for a row that is nobody's.
    pub container: u64,
    /// End of its last closed window, nanoseconds since boot.
    pub time_ns: u64,
    /// Length of `path`.
    pub len: u32,
    /// Always 0.
    pub _pad: u32,
    /// Its cgroup's path within the hierarchy.
    pub path: [u8; CGROUP_PATH_BYTES],
    /// Its counters at that time.
    pub totals: Row,
}

/// What one container put into the rings since they were last emptied.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Used {
    /// [`Control::drain`] that `bytes` is about.
    pub drain: u64,
    /// Bytes by ring.
    pub bytes: [u64; 2],
}

/// What a container has of tables that all share, so that none can fill them. Written by the programs, emptied by the
/// agent with the row.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Cgroups that it nested in itself.
    pub nested: u32,
    /// Ports that it listened on.
    pub ports: u32,
}

/// The thread of a watched container that last made a system call on a CPU. Its size keeps what one CPU writes out of
/// the cache lines of the next, wherever the array begins.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Caller {
    /// Thread id; 0 when there was none, or it went to another CPU.
    pub thread: u32,
    /// Its [`Thread::history`].
    pub history: u32,
    /// Calls of it that [`Thread::calls`] does not have yet.
    pub calls: u32,
    /// The same for [`Thread::errors`].
    pub errors: u32,
    /// Always 0.
    pub _pad: [u64; 14],
}

/// A thread of a watched container.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// Cgroup id of the container.
    pub container: u64,
    /// System calls, but for those still in [`Caller`].
    pub calls: u64,
    /// Of these, calls that returned an error.
    pub errors: u64,
    /// Its last two calls as [`history`] has them, but for those still in [`Caller`].
    pub history: u32,
    /// CPU on which it made its latest call.
    pub cpu: u32,
}

/// A thread's latest calls in one number.
pub mod history {
    /// Bits of a call.
    pub const BITS: u32 = 10;
    /// The bits of the latest two calls.
    pub const PAIR: u32 = (1 << (2 * BITS)) - 1;

    /// A call's cell as it stands in a history, where 0 is no call.
    #[must_use]
    pub const fn code(cell: usize) -> u32 {
        cell as u32 + 1
    }
}

/// The call sequences that a container is known to make: a set with false positives, keyed by numbers that nobody
/// outside the agent knows.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Sequences {
    /// Sequences entered.
    pub known: u32,
    /// Always 0.
    pub _pad: u32,
    /// Two bits of one word for each.
    pub words: [u64; SEQUENCE_WORDS],
}
