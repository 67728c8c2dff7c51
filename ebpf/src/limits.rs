//! How much the probe holds and carries.

/// Rows (watched containers) in the default build; the agent may set another number at load.
pub const ROWS: u32 = 128;
/// Watched cgroups, nested ones included.
pub const WATCHED: u32 = 8192;
/// Of these, cgroups that one container nested in itself while it was watched.
pub const NESTED_OF_ROW: u32 = WATCHED / 8;
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
/// Of these, ports that one container began to listen on while it was watched.
pub const LISTENERS_OF_ROW: u32 = LISTENERS / 8;
/// Peers whose traffic is counted apart, over all containers.
pub const PEERS: u32 = 16_384;
/// Of these, peers of one container.
pub const PEERS_OF_ROW: u32 = PEERS / 8;
/// Peers of which it is known when a connection to them was last made, over all containers; and processes with such peers. The
/// least recently used give way: what tells that such a peer has several clients is missed then.
pub const CONNECTED: u32 = 4096;
/// Bytes of the ring of rare security events.
pub const ALERTS_BYTES: u32 = 4 << 20;
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
