//! The contract between the kernel programs and the agent: record layouts, limits, counters.
//!
//! Everything here is plain `#[repr(C)]` data without implicit padding, so that both sides agree byte for byte.
#![no_std]

mod evidence;
pub mod shape;

pub use evidence::*;

/// Digest of this file and of the one beside it. What pinned maps and waiting records mean is written here, so that an agent built from another
/// text of it starts with fresh ones.
pub const LAYOUT: u32 =
    digest(include_bytes!("lib.rs")) ^ digest(include_bytes!("evidence.rs")).rotate_left(1);

/// FNV-1a over the text without its comments and blanks.
#[expect(
    clippy::indexing_slicing,
    reason = "below the length; slice::get is not const"
)]
const fn digest(text: &[u8]) -> u32 {
    let mut digest = 0x811c_9dc5u32;
    let mut at = 0;
    let mut comment = false;
    while at < text.len() {
        if text[at] == b'/' && at + 1 < text.len() && text[at + 1] == b'/' {
            comment = true;
        }
        if text[at] == b'\n' {
            comment = false;
        }
        if !comment && !text[at].is_ascii_whitespace() {
            digest = (digest ^ text[at] as u32).wrapping_mul(0x0100_0193);
        }
        at += 1;
    }
    digest
}

/// Cells of a container's row: one per system call number.
pub const CALLS: usize = 512;
/// Cell of 32-bit (compat) calls, whose numbers mean something else.
pub const CALL_COMPAT: usize = CALLS - 1;
/// Cell of numbers beyond the table.
pub const CALL_OTHER: usize = CALLS - 2;

/// Cell of a system call number in a container's row.
#[must_use]
pub const fn cell(number: u64) -> usize {
    if number < CALL_OTHER as u64 {
        number as usize
    } else {
        CALL_OTHER
    }
}

/// Cells of a container's io_uring operations.
pub const URING_OPS: usize = 64;

/// Rows (watched containers) in the default build; the agent may set another number at load.
pub const ROWS: u32 = 128;
/// Watched cgroups, nested ones included.
pub const WATCHED: u32 = 8192;
/// Things already reported, over all containers. Least recently used entries give way and are then reported again.
pub const SEEN: u32 = 32_768;
/// Words of a container's set of call sequences.
pub const SEQUENCE_WORDS: usize = 1024;
/// Sequences that a container's set takes in. Up to so many, at most one new sequence in 40 passes for a known one:
/// with four in each word on average, two bits of 64 each, `E[(1 - (63/64)^(2n))^2]` for n Poisson(4) is 0.018.
pub const SEQUENCES_MAX: u32 = 4096;
/// Threads whose calls are remembered, over all containers. The least recently used give way and begin anew.
pub const THREADS: u32 = 8192;
/// Names already reported, over all containers. Least recently used entries give way, as in [`SEEN`].
pub const SEEN_NAMES: u32 = 8192;
/// Files whose class is known or awaited, over all containers. Least recently used entries give way: `OTHER` then.
pub const FILE_CLASSES: u32 = 16_384;
/// Files that a CPU remembers as known, so that it need not look them up.
pub const KNOWN_FILES: u32 = 256;
/// Listening ports of watched containers.
pub const LISTENERS: u32 = 4096;
/// Peers whose traffic is counted apart, over all containers.
pub const PEERS: u32 = 16_384;
/// Of these, peers of one container.
pub const PEERS_OF_ROW: u32 = PEERS / 8;
/// Bytes of the ring of rare security events.
pub const ALERTS_BYTES: u32 = 1 << 20;
/// Bytes of the ring of ordinary events.
pub const EVENTS_BYTES: u32 = 4 << 20;
/// Fill of the ring of ordinary events from which its reader is woken at once.
pub const EVENTS_WAKE_BYTES: u64 = 128 << 10;
/// One container may use this part of a ring between two drains.
pub const RING_SHARE: u32 = 8;

/// Longest name copied from a cgroup path, a file name given to `execve`.
pub const NAME_BYTES: usize = 256;
/// Bytes of path components carried.
pub const PATH_BYTES: usize = 1024;
/// Path components followed.
pub const PATH_PARTS: usize = 40;
/// Bytes of program arguments carried.
pub const ARGV_BYTES: usize = 1024;
/// Texts carried of a privileged call.
pub const TEXTS: usize = 3;
/// Bytes of each, the closing NUL included.
pub const TEXT_BYTES: usize = 96;
/// Bytes of a cgroup path carried.
pub const CGROUP_PATH_BYTES: usize = 512;

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

/// What the kernel knows about a watched cgroup.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Index of the container's row.
    pub row: u32,
    /// Always 0.
    pub _pad: u32,
    /// Cgroup id of the container itself; a nested cgroup carries its container's.
    pub container: u64,
}

/// Key of a thing already reported. `row` and `epoch` keep containers and their phases apart.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct SeenKey {
    /// Row of the container.
    pub row: u32,
    /// The row's epoch: the agent raises it to have everything reported again.
    pub epoch: u32,
    /// One of the `SEEN_` constants and, in the upper half, a detail such as the access.
    pub kind: u64,
    /// What was seen, exactly: no hash that an attacker could collide.
    pub what: [u64; 3],
}

/// [`SeenKey::kind`]: a file, with its `ACCESS_` constant and what else tells uses apart from bit 8 on, and in the
/// upper half the process where each is reported; `what` is the addresses of inode and dentry, and the kernel's name hash and length.
pub const SEEN_FILE: u64 = 1;
/// [`SeenKey::kind`]: a peer; `what` is address (16 bytes), then port, protocol, IP version and how many new
/// DNS answers there were about the address.
pub const SEEN_PEER: u64 = 2;
/// [`SeenKey::kind`]: a privileged call; `what` is number, result, first argument.
pub const SEEN_PRIVILEGED: u64 = 3;
/// [`SeenKey::kind`]: how connecting to a peer ended; `what` is as for [`SEEN_PEER`], with the errno.
pub const SEEN_OUTCOME: u64 = 4;
/// [`SeenKey::kind`]: a local address bound; `what` is as for [`SEEN_PEER`].
pub const SEEN_BIND: u64 = 5;
/// [`SeenKey::kind`]: a kind of socket; `what` is domain and type, protocol, result.
pub const SEEN_SOCKET: u64 = 6;

/// Bytes of names that [`NameKey`] holds. Longer names are reported each time.
pub const NAME_KEY_BYTES: usize = 120;
/// Where among them a second name begins.
pub const NAME_KEY_OTHER: usize = 64;

/// Key of a name already reported: the very bytes that the caller wrote.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NameKey {
    /// Row of the container.
    pub row: u32,
    /// The row's epoch, as in [`SeenKey`].
    pub epoch: u32,
    /// System call number.
    pub call: u32,
    /// 0 or a negative errno.
    pub result: i32,
    /// The call's flags or mode, where it has one.
    pub detail: u64,
    /// Identities of the directories from which relative names start; 0 for absolute names.
    pub directories: [u64; 2],
    /// The name, and from [`NAME_KEY_OTHER`] on a second one, each filled up with zeroes.
    pub name: [u64; NAME_KEY_BYTES / 8],
}

/// Value of a thing already reported: whether each process is to be reported for it is not known yet.
pub const SEEN_UNSORTED: u8 = 0;
/// Value of a thing already reported that is not reported again.
pub const SEEN_FOR_GOOD: u8 = 1;
/// Value of a thing already reported that is reported for each process once.
pub const SEEN_BY_PROCESS: u8 = 2;

/// A file as the agent knows it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileKey {
    /// Row of the container.
    pub row: u32,
    /// Device number of the file system.
    pub device: u32,
    /// Inode number.
    pub inode: u64,
}

/// What is known of a file.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileState {
    /// One of [`file_class`], or [`UNSORTED`].
    pub class: u32,
    /// Always 0.
    pub _pad: u32,
    /// Bytes read while the class was not known.
    pub read: u64,
    /// Bytes written while the class was not known.
    pub written: u64,
}

/// [`FileState::class`] of a file whose report the agent has not read yet.
pub const UNSORTED: u32 = u32::MAX;

/// Key of a listening port of a container.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ListenerKey {
    /// Row of the container.
    pub row: u32,
    /// Port, host byte order.
    pub port: u32,
}

/// A peer of a container.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PeerKey {
    /// Row of the container.
    pub row: u32,
    /// The peer's port; for a served peer the container's own, as clients choose theirs at random.
    pub port: u16,
    /// IP protocol number.
    pub protocol: u8,
    /// 1 when the peer came to the container, 0 when the container went to the peer.
    pub served: u8,
    /// The peer's IPv6 address in network byte order, or its IPv4 address mapped into one.
    pub address: [u64; 2],
}

/// What went to and came from a peer. Grows as long as the peer is in the table.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerBytes {
    /// Bytes received: payload for TCP, whole packets for other protocols.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets received; for TCP those with payload.
    pub rx_packets: u64,
    /// Packets sent.
    pub tx_packets: u64,
}

/// Event kinds. Numbers are never reused.
pub mod kind {
    /// [`CgroupEvent`](super::CgroupEvent): a v2 cgroup was made.
    pub const CGROUP_MKDIR: u32 = 1;
    /// [`CgroupEvent`](super::CgroupEvent): a v2 cgroup was removed.
    pub const CGROUP_RMDIR: u32 = 2;
    /// [`ForkEvent`](super::ForkEvent).
    pub const FORK: u32 = 3;
    /// [`ExecEvent`](super::ExecEvent).
    pub const EXEC: u32 = 4;
    /// [`ExitEvent`](super::ExitEvent).
    pub const EXIT: u32 = 5;
    /// [`OpenEvent`](super::OpenEvent).
    pub const OPEN: u32 = 6;
    /// [`ConnectEvent`](super::ConnectEvent).
    pub const CONNECT: u32 = 7;
    /// [`ListenEvent`](super::ListenEvent).
    pub const LISTEN: u32 = 8;
    /// [`PrivilegedEvent`](super::PrivilegedEvent).
    pub const PRIVILEGED: u32 = 9;
    /// [`StdioEvent`](super::StdioEvent).
    pub const STDIO: u32 = 10;
    /// [`NameEvent`](super::NameEvent).
    pub const NAME: u32 = 11;
    /// [`DnsEvent`](super::DnsEvent).
    pub const DNS: u32 = 12;
    /// [`TlsEvent`](super::TlsEvent).
    pub const TLS: u32 = 13;
    /// [`OutcomeEvent`](super::OutcomeEvent).
    pub const OUTCOME: u32 = 14;
    /// [`BindEvent`](super::BindEvent).
    pub const BIND: u32 = 15;
    /// [`SocketEvent`](super::SocketEvent).
    pub const SOCKET: u32 = 16;
    /// [`UnixEvent`](super::UnixEvent).
    pub const UNIX: u32 = 17;
    /// [`SequenceEvent`](super::SequenceEvent).
    pub const SEQUENCE: u32 = 18;
}

/// What every event begins with.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Header {
    /// One of [`kind`].
    pub kind: u32,
    /// Process id (thread group id), host numbering.
    pub pid: u32,
    /// Nanoseconds since boot (`CLOCK_BOOTTIME`).
    pub time_ns: u64,
    /// Cgroup id of the container (for cgroup events: of the cgroup).
    pub cgroup: u64,
    /// Name of the thread.
    pub comm: [u8; 16],
}

/// Birth or death of a cgroup of the v2 hierarchy.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CgroupEvent {
    /// Common part; `cgroup` is the id of this cgroup.
    pub header: Header,
    /// Row given to it (or inherited), or [`NO_ROW`].
    pub row: u32,
    /// Length of `path` without its NUL.
    pub len: u32,
    /// Path within the hierarchy, NUL-terminated, cut when longer.
    pub path: [u8; CGROUP_PATH_BYTES],
}

/// A new process.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ForkEvent {
    /// Common part; `pid` is the parent.
    pub header: Header,
    /// The new process.
    pub child: u32,
    /// Always 0.
    pub _pad: u32,
}

/// [`ExecEvent::flags`]: the parent is outside the container.
pub const EXEC_PARENT_OUTSIDE: u32 = 1;
/// [`ExecEvent::flags`]: standard input, output or error is an internet socket.
pub const EXEC_STDIO_SOCKET: u32 = 2;
/// [`ExecEvent::flags`]: `filename` is a script, which the executable interprets.
pub const EXEC_SCRIPT: u32 = 4;
/// [`ExecEvent::flags`]: arguments were longer than carried.
pub const EXEC_ARGV_CUT: u32 = 8;

/// A program start.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ExecEvent {
    /// Common part.
    pub header: Header,
    /// Parent process.
    pub parent: u32,
    /// `EXEC_` flags.
    pub flags: u32,
    /// Effective user id.
    pub uid: u32,
    /// Bytes of `filename` without NUL.
    pub filename_len: u32,
    /// Bytes of `argv`.
    pub argv_len: u32,
    /// `PLACE_` flags of the executable.
    pub place: u32,
    /// The executable's path.
    pub exe: PathParts,
    /// The working directory.
    pub cwd: PathParts,
    /// What was given to `execve`, NUL-terminated.
    pub filename: [u8; NAME_BYTES],
    /// Arguments, each NUL-terminated.
    pub argv: [u8; ARGV_BYTES],
}

/// The end of a process.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ExitEvent {
    /// Common part.
    pub header: Header,
    /// Status as `wait` gives it.
    pub status: u32,
    /// Always 0.
    pub _pad: u32,
}

/// [`PathParts::flags`]: deeper or longer than carried; the upper directories are missing.
pub const PATH_CUT: u32 = 1;
/// [`PathParts::flags`]: some component could not be read.
pub const PATH_UNREADABLE: u32 = 2;

/// A path as its components from the file up to the container's root, each NUL-terminated.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PathParts {
    /// Bytes used in `bytes`.
    pub len: u32,
    /// `PATH_` flags.
    pub flags: u32,
    /// The components.
    pub bytes: [u8; PATH_BYTES],
}

/// [`OpenEvent::access`]: reading only.
pub const ACCESS_READ: u32 = 0;
/// [`OpenEvent::access`]: writing.
pub const ACCESS_WRITE: u32 = 1;
/// [`OpenEvent::access`]: mapped as code.
pub const ACCESS_MAP_CODE: u32 = 2;
/// [`OpenEvent::access`]: mapped so that stores change the file.
pub const ACCESS_MAP_WRITE: u32 = 3;
/// [`OpenEvent::access`]: changed through its descriptor (ftruncate, fchmod, futimens); `flags` is the call's number.
pub const ACCESS_CHANGE: u32 = 4;

/// A file used for the first time in this way by this container in this epoch. Sent only as long as its path needs.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct OpenEvent {
    /// Common part.
    pub header: Header,
    /// `ACCESS_` constant.
    pub access: u32,
    /// Flags the file was opened with.
    pub flags: u32,
    /// `PLACE_` flags.
    pub place: u32,
    /// Device number of the file system.
    pub device: u32,
    /// Inode number.
    pub inode: u64,
    /// The file's path; its `bytes` may be cut short by the record's end.
    pub path: PathParts,
}

/// A peer contacted for the first time by this container in this epoch.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ConnectEvent {
    /// Common part.
    pub header: Header,
    /// Address; IPv4 in the first four bytes.
    pub address: [u8; 16],
    /// Port, host byte order.
    pub port: u16,
    /// IP protocol number.
    pub protocol: u8,
    /// 4 or 6.
    pub version: u8,
    /// Always 0.
    pub _pad: u32,
}

/// A TCP socket began to listen.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ListenEvent {
    /// Common part.
    pub header: Header,
    /// Local address; IPv4 in the first four bytes.
    pub address: [u8; 16],
    /// Port, host byte order.
    pub port: u16,
    /// 4 or 6.
    pub version: u8,
    /// Always 0.
    pub _pad: [u8; 5],
}

/// A rare privileged system call, successful or refused.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PrivilegedEvent {
    /// Common part.
    pub header: Header,
    /// System call number.
    pub call: u64,
    /// Its result.
    pub result: i64,
    /// Its first three arguments.
    pub args: [u64; 3],
    /// The texts they point to, filled up with zeroes; cut when longer, empty for what is no text.
    pub texts: [[u8; TEXT_BYTES]; TEXTS],
}

/// An internet socket was put in the place of standard input, output or error.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct StdioEvent {
    /// Common part.
    pub header: Header,
    /// The descriptor, 0 to 2.
    pub fd: u32,
    /// Always 0.
    pub _pad: u32,
}

/// Ways to lose something, each with a counter. The numbers index the `LOST` map.
pub mod lost {
    /// The ring was full.
    pub const RING_FULL: u32 = 0;
    /// No free row for a new container: it is not watched until one is free.
    pub const ROWS_FULL: u32 = 1;
    /// The table of watched cgroups was full.
    pub const WATCHED_FULL: u32 = 2;
    /// The table of listening ports was full: requests to that port are not counted.
    pub const LISTENERS_FULL: u32 = 3;
    /// A path component or name could not be read.
    pub const PATH_UNREADABLE: u32 = 4;
    /// Program arguments could not be read.
    pub const ARGV_UNREADABLE: u32 = 5;
    /// The container had used up its share of a ring since the rings were last emptied.
    pub const QUOTA: u32 = 6;
    /// The table of things already reported took no more: this one will be reported again.
    pub const SEEN_FULL: u32 = 7;
    /// The table of peers, or the container's share of it, was full: traffic counts for the container alone.
    pub const PEERS_FULL: u32 = 8;
    /// The container makes more call sequences than its set takes in: a new one was not reported.
    pub const SEQUENCES_FULL: u32 = 9;
    /// Number of counters.
    pub const COUNT: u32 = 10;
    /// Counters in a container's row: room for more reasons, and a power of two.
    pub const ROOM: usize = 16;
    /// Reasons by which a whole event is lost; by the others it arrives incomplete, or a count is missing.
    pub const UNDELIVERED: [u32; 2] = [RING_FULL, QUOTA];
    /// Names for metrics, by number.
    pub const NAMES: [&str; COUNT as usize] = [
        "ring_full",
        "rows_full",
        "watched_full",
        "listeners_full",
        "path_unreadable",
        "argv_unreadable",
        "quota",
        "seen_full",
        "peers_full",
        "sequences_full",
    ];
}

/// Flags of a system call in the `CALL_FLAGS` global: the call opens a file.
pub const CALL_OPENS: u32 = 1;
/// The call is privileged and rare: every distinct use is reported.
pub const CALL_PRIVILEGED: u32 = 2;
/// The call duplicates a descriptor.
pub const CALL_DUPLICATES: u32 = 4;
/// The call starts a program.
pub const CALL_EXECS: u32 = 8;
/// The call is privileged, and its first three arguments may be texts, which tell its uses apart.
pub const CALL_TEXTS: u32 = 32;
/// Whether and how often the call is made depends on what others do: it is no part of sequences.
pub const CALL_WAITS: u32 = 1 << 31;
/// The call is privileged, and its first argument points to a structure that begins with flags, which stand in its place.
pub const CALL_STRUCT: u32 = 64;
/// The call asks for a socket.
pub const CALL_SOCKET: u32 = 128;
/// The call gives a socket an address by its second and third argument.
pub const CALL_ADDRESS: u32 = 256;
/// As [`CALL_ADDRESS`], and the address is a peer's.
pub const CALL_CONNECTS: u32 = 512;
/// The call sends to an address by its fifth and sixth argument, if it has one.
pub const CALL_SENDS: u32 = 1024;
/// The call does to a descriptor what its second argument says.
pub const CALL_COMMANDS: u32 = 2048;
/// The call is about sockets.
pub const CALL_ABOUT_SOCKETS: u32 =
    CALL_SOCKET | CALL_ADDRESS | CALL_CONNECTS | CALL_SENDS | CALL_COMMANDS;
/// The call changes what it names.
pub const CALL_NAMES: u32 = 16;
/// The call maps files.
pub const CALL_MAPS: u32 = 1 << 12;
/// The call reads from the descriptor in its first argument, and returns the bytes.
pub const CALL_READS: u32 = 1 << 13;
/// The call writes to the descriptor in its first argument, and returns the bytes.
pub const CALL_WRITES: u32 = 1 << 14;
/// The call moves bytes from one descriptor to another, and returns how many.
pub const CALL_MOVES: u32 = 1 << 15;
/// The call changes the file behind the descriptor in its first argument.
pub const CALL_CHANGES: u32 = 1 << 16;

const _: () = assert!(
    size_of::<Row>() == 56 + 4 * lost::ROOM + 16 * file_class::COUNT + 4 * URING_OPS + 8 * CALLS
);
const _: () = assert!(lost::ROOM.is_power_of_two() && lost::COUNT as usize <= lost::ROOM);
const _: () = assert!(size_of::<Control>() == 64);
const _: () = assert!(size_of::<Taken>() == 24 + CGROUP_PATH_BYTES + size_of::<Row>());
const _: () = assert!(size_of::<Slot>() == 16);
const _: () = assert!(size_of::<Caller>() == 128);
const _: () = assert!(size_of::<Thread>() == 32);
const _: () = assert!(history::code(CALLS - 1) < 1 << history::BITS);
const _: () = assert!(size_of::<SeenKey>() == 40);
const _: () = assert!(size_of::<PeerKey>() == 24);
const _: () = assert!(size_of::<PeerBytes>() == 32);
const _: () = assert!(size_of::<NameKey>() == 40 + NAME_KEY_BYTES);
const _: () = assert!(size_of::<FileKey>() == 16);
const _: () = assert!(size_of::<FileState>() == 24);
const _: () = assert!(size_of::<Header>() == 40);
const _: () = assert!(size_of::<PathParts>() == 8 + PATH_BYTES);
const _: () =
    assert!(size_of::<ExecEvent>() == 40 + 24 + 2 * (8 + PATH_BYTES) + NAME_BYTES + ARGV_BYTES);

#[cfg(not(target_arch = "bpf"))]
mod pod {
    // SAFETY: plain integers and arrays of them, valid for every bit pattern.
    unsafe impl aya::Pod for super::Row {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::Control {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::Taken {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::Slot {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::Caller {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::Thread {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::Sequences {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::SeenKey {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::ListenerKey {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::FileKey {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::PeerKey {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::PeerBytes {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::FileState {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_text_is_another_layout_but_for_its_comments() {
        assert_eq!(
            digest(b"/// One.\nlen: u32,\n"),
            digest(b"len: u32, // Two.")
        );
        assert_ne!(digest(b"len: u32,"), digest(b"len: u64,"));
    }

    #[test]
    fn numbers_beyond_the_table_share_a_cell() {
        assert_eq!(cell(0), 0);
        assert_eq!(cell(509), 509);
        assert_eq!(cell(510), CALL_OTHER);
        assert_eq!(cell(u64::MAX), CALL_OTHER);
    }
}
