//! Records of cgroups, processes, opened files, peers and calls.

use super::{ARGV_BYTES, CGROUP_PATH_BYTES, NAME_BYTES, PATH_BYTES, TEXT_BYTES, TEXTS};

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
    /// [`SignalEvent`](super::SignalEvent).
    pub const SIGNAL: u32 = 19;
    /// [`ConnectEvent`](super::ConnectEvent): the peer has several clients in the process.
    pub const CLIENTS: u32 = 20;
    /// [`ListenEvent`](super::ListenEvent): a process took a connection that came to this address.
    pub const ACCEPT: u32 = 21;
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
    /// Cgroup id of the watched container that it is, or is a part of; 0 for none.
    pub container: u64,
    /// Row of that container, or [`NO_ROW`].
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

/// A signal that asks a process of the container to end came from outside the container.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct SignalEvent {
    /// Common part; `pid` is the process that gets it, `comm` the sender's.
    pub header: Header,
    /// Number of the signal.
    pub signal: u32,
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

/// A peer contacted for the first time by this process in this epoch of its container.
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

/// A TCP socket began to listen, or a connection was taken from one.
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
