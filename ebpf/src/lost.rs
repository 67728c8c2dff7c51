//! Ways to lose something, each with a counter. The numbers index the `LOST` map.

/// The ring was full.
pub const RING_FULL: u32 = 0;
/// No free row for a new container: it is not watched until one is free.
pub const ROWS_FULL: u32 = 1;
/// The table of watched cgroups, or the container's share of it, was full.
pub const WATCHED_FULL: u32 = 2;
/// The table of listening ports, or the container's share of it, was full: requests to that port are not counted.
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
