//! Records of what is seen beyond process life, opens and new peers.

use super::{Header, NAME_BYTES, PathParts};

/// Longest name of a UNIX socket (`include/uapi/linux/un.h`).
pub const UNIX_PATH_BYTES: usize = 108;
/// Bytes of a DNS message carried; longer ones are cut.
pub const DNS_BYTES: usize = 512;
/// Names asked of DNS and TLS already reported, over all containers. Least recently used entries give way.
pub const SEEN_HOSTS: u32 = 4096;
/// Bytes of a name that [`HostKey`] holds. Questions with longer names are reported each time.
pub const HOST_BYTES: usize = 128;
/// Counters of new answers, by a hash of the address they are about.
pub const ANSWERED: u32 = 4096;

/// Classes of files whose bytes are counted apart, as indices into [`Row`](super::Row)'s byte counters. The agent says
/// which file is of which class; what it has not named is `OTHER`.
pub mod file_class {
    /// Any other file.
    pub const OTHER: u32 = 0;
    /// Model artefacts.
    pub const MODEL: u32 = 1;
    /// Libraries and programs.
    pub const LIBRARY: u32 = 2;
    /// Scratch places.
    pub const TEMPORARY: u32 = 3;
    /// Device nodes.
    pub const DEVICE: u32 = 4;
    /// Credentials.
    pub const SECRET: u32 = 5;
    /// Number of classes.
    pub const COUNT: usize = 6;
    /// Names by number.
    pub const NAMES: [&str; COUNT] = ["other", "model", "library", "temp", "device", "secret"];
}

/// Where a file lies: it is on a memory file system (tmpfs).
pub const PLACE_TMPFS: u32 = 1;
/// Where a file lies: it is in the container's writable layer, not in its image.
pub const PLACE_UPPER: u32 = 2;
/// Where a file lies: no name leads to it any more.
pub const PLACE_UNLINKED: u32 = 4;
/// Where a file lies: it is a memfd.
pub const PLACE_MEMFD: u32 = 8;
/// Where a file lies: it is a character or block device.
pub const PLACE_DEVICE: u32 = 16;

/// A call that names files by path: a change (rename, unlink, ...), or an open or exec that failed. The names are
/// what the caller wrote, read when the call returned: another thread may have changed them meanwhile.
/// Sent only as long as `base` needs.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NameEvent {
    /// Common part.
    pub header: Header,
    /// System call number.
    pub call: u32,
    /// 0 or a negative errno.
    pub result: i32,
    /// The call's flags or mode, where it has one.
    pub detail: u64,
    /// Bytes of `name` without NUL.
    pub len: u32,
    /// Bytes of `other` without NUL; 0 for calls with one name.
    pub other_len: u32,
    /// Where in `base` the directory begins from which the second name starts; 0 when that is the first's.
    pub other_base: u32,
    /// Always 0.
    pub _pad: u32,
    /// The file.
    pub name: [u8; NAME_BYTES],
    /// The second name: a rename's or link's target.
    pub other: [u8; NAME_BYTES],
    /// Directory from which relative names start; empty when all are absolute. A second one may follow.
    pub base: PathParts,
}

/// A DNS message in one of the container's own packets.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct DnsEvent {
    /// Common part; `pid` is 0 where no task stands for the packet.
    pub header: Header,
    /// The name server's address; IPv4 in the first four bytes.
    pub address: [u8; 16],
    /// The name server's port.
    pub port: u16,
    /// 4 or 6.
    pub version: u8,
    /// 1 for a message to the server, 0 for one from it.
    pub outbound: u8,
    /// Bytes of `message`.
    pub len: u32,
    /// The message without a TCP length prefix.
    pub message: [u8; DNS_BYTES],
}

/// Key of a DNS question, an address in a DNS answer, or a TLS server name already reported.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct HostKey {
    /// Row of the container.
    pub row: u32,
    /// The row's epoch, as in [`SeenKey`](super::SeenKey).
    pub epoch: u32,
    /// One of the `HOST_` constants, and what else must be the same.
    pub what: u64,
    /// Of a question the name server, of an answer the address; IPv4 addresses mapped into IPv6.
    pub address: [u64; 2],
    /// The name, lower case, filled up with zeroes; DNS names as in messages.
    pub name: [u64; HOST_BYTES / 8],
}

/// [`HostKey::what`]: a question; the type stands in bits 16 to 31.
pub const HOST_ASKED: u64 = 1;
/// [`HostKey::what`]: an answer; the result stands in bits 8 to 11, the type in bits 16 to 31, the time from bit 32 on.
pub const HOST_ANSWERED: u64 = 2;
/// [`HostKey::what`]: a TLS server name; the port stands in bits 16 to 31, the name's length from bit 32 on.
pub const HOST_TLS: u64 = 3;
/// An answer that stays the same is reported again after so many nanoseconds, as a power of two: some 4.6 minutes.
pub const ANSWER_PERIOD_LOG2: u32 = 38;

/// The server name a TLS client asked for.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TlsEvent {
    /// Common part.
    pub header: Header,
    /// Address of the peer; IPv4 in the first four bytes.
    pub address: [u8; 16],
    /// Port of the peer.
    pub port: u16,
    /// 4 or 6.
    pub version: u8,
    /// Always 0.
    pub _pad: u8,
    /// Bytes of `name`.
    pub len: u32,
    /// The name.
    pub name: [u8; NAME_BYTES],
}

/// How an attempt to connect ended.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct OutcomeEvent {
    /// Common part; `pid` is 0 where no task stands for the socket.
    pub header: Header,
    /// Address of the peer; IPv4 in the first four bytes.
    pub address: [u8; 16],
    /// Port of the peer.
    pub port: u16,
    /// 4 or 6.
    pub version: u8,
    /// IP protocol number.
    pub protocol: u8,
    /// 0, or the errno.
    pub error: u32,
    /// How long it took, microseconds.
    pub duration_us: u64,
}

/// A socket was bound to a local address.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct BindEvent {
    /// Common part.
    pub header: Header,
    /// Local address; IPv4 in the first four bytes.
    pub address: [u8; 16],
    /// Local port.
    pub port: u16,
    /// 4 or 6.
    pub version: u8,
    /// IP protocol number.
    pub protocol: u8,
    /// Always 0.
    pub _pad: u32,
}

/// A kind of socket was asked for.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct SocketEvent {
    /// Common part.
    pub header: Header,
    /// Address family.
    pub domain: u32,
    /// Type, without flags.
    pub kind: u32,
    /// Protocol.
    pub protocol: u32,
    /// 0 or a negative errno.
    pub result: i32,
}

/// A UNIX socket was connected to or bound.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct UnixEvent {
    /// Common part.
    pub header: Header,
    /// System call number: connect, bind, or one that sends to a name.
    pub call: u32,
    /// 0 or a negative errno.
    pub result: i32,
    /// Bytes of `name`.
    pub len: u32,
    /// Always 0.
    pub _pad: u32,
    /// The socket's path; an abstract name begins with NUL.
    pub name: [u8; UNIX_PATH_BYTES],
    /// Always 0.
    pub _tail: u32,
}

/// A sequence of system calls that no thread of the container made before.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct SequenceEvent {
    /// Common part.
    pub header: Header,
    /// Thread id, host numbering.
    pub thread: u32,
    /// Two or three calls as in [`history`](super::history), the latest lowest.
    pub sequence: u32,
}

const _: () = assert!(size_of::<NameEvent>() == 40 + 32 + 2 * NAME_BYTES + size_of::<PathParts>());
const _: () = assert!(size_of::<HostKey>() == 32 + HOST_BYTES);
const _: () = assert!(ANSWERED.is_power_of_two());
const _: () = assert!(size_of::<DnsEvent>() == 40 + 24 + DNS_BYTES);
const _: () = assert!(size_of::<TlsEvent>() == 40 + 24 + NAME_BYTES);
const _: () = assert!(size_of::<OutcomeEvent>() == 40 + 32);
const _: () = assert!(size_of::<BindEvent>() == 40 + 24);
const _: () = assert!(size_of::<UnixEvent>() == 40 + 16 + 112);
const _: () = assert!(size_of::<SequenceEvent>() == 40 + 8);
