//! Keys and values of the tables: what is watched, what was reported, files, peers.

/// What the kernel knows about a watched cgroup.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
/// [`SeenKey::kind`]: a peer, in the upper half the process; `what` is address (16 bytes), then port, protocol, IP
/// version and how many new DNS answers there were about the address.
pub const SEEN_PEER: u64 = 2;
/// [`SeenKey::kind`]: a privileged call; `what` is number, result, first argument.
pub const SEEN_PRIVILEGED: u64 = 3;
/// [`SeenKey::kind`]: how connecting to a peer ended; `what` is as for [`SEEN_PEER`], with the errno.
pub const SEEN_OUTCOME: u64 = 4;
/// [`SeenKey::kind`]: a local address bound; `what` is as for [`SEEN_PEER`].
pub const SEEN_BIND: u64 = 5;
/// [`SeenKey::kind`]: a kind of socket; `what` is domain and type, protocol, result.
pub const SEEN_SOCKET: u64 = 6;
/// [`SeenKey::kind`]: a peer that has several clients in one process; `what` is as for [`SEEN_PEER`], without the answers.
pub const SEEN_CLIENTS: u64 = 7;
/// [`SeenKey::kind`]: an address at which connections were taken, in the upper half the process; `what` is as for
/// [`SEEN_PEER`], without the answers.
pub const SEEN_ACCEPT: u64 = 8;

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

/// A process and a peer to which it makes connections.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientKey {
    /// The peer.
    pub peer: PeerKey,
    /// Process id.
    pub process: u32,
    /// No meaning.
    pub _pad: u32,
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

/// What is remembered of a socket. Only programs read it, those of the next version included. Sent packets and the end of a
/// connection change it, which the socket's lock keeps apart.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Flow {
    /// Cgroup id of the container.
    pub container: u64,
    /// Its row.
    pub row: u32,
    /// [`Control::changes`](super::Control) at which `row` was right.
    pub changes: u32,
    /// When its bytes were last added to its peer's, in ticks of the kernel's clock.
    pub settled: u64,
    /// How much the container had received when it last began to send.
    pub answered: u64,
    /// When the container last received something on a connection that it made itself, nanoseconds of the kernel's clock;
    /// 0 before the first time.
    pub heard: u64,
    /// What was added to its peer's so far.
    pub counted: PeerBytes,
    /// The container waited for the peer, not the peer for the container.
    pub served: u16,
    /// The container's own port.
    pub local: u16,
    /// A question went to a name server, whose answer is still to come; TCP alone.
    pub asked: u32,
}
