//! The maps, but for those that one file keeps to itself: what each holds, who writes, who reads, what happens when it is full.

use aya_ebpf::{
    macros::map,
    maps::{Array, HashMap, LruHashMap, PerCpuArray, Queue, RingBuf},
};
use picket_ebpf::{
    ALERTS_BYTES, Control, EVENTS_BYTES, FILE_CLASSES, FileKey, FileState, Held, KNOWN_FILES,
    LISTENERS, ListenerKey, ROWS, Row, SEEN, SeenKey, Slot, Taken, Used,
    WATCHED as WATCHED_ENTRIES, lost,
};

/// Counters of the watched containers, by row. Written here, read by the agent. A new container without a free row
/// is not watched and counted in `LOST[ROWS_FULL]`.
#[map]
pub static ROW: PerCpuArray<Row> = PerCpuArray::with_max_entries(ROWS, 0);

/// Free rows. Filled and refilled by the agent, taken at `cgroup_mkdir`.
#[map]
pub static FREE_ROWS: Queue<u32> = Queue::with_max_entries(ROWS, 0);

/// Watched cgroups by cgroup id. Written at `cgroup_mkdir` and by the agent; when full, or when the container has nested
/// its share, the cgroup is not watched and counted in `LOST[WATCHED_FULL]`.
#[map]
pub static WATCHED: HashMap<u64, Slot> = HashMap::with_max_entries(WATCHED_ENTRIES, 0);

/// Epoch of each row, raised by the agent, and where the runtime starts a program, to have everything reported again.
#[map]
pub static EPOCH: Array<u32> = Array::with_max_entries(ROWS, 0);

/// Things already reported. When full, the least recently used give way and are reported again.
#[map]
pub static SEEN_THINGS: LruHashMap<SeenKey, u8> = LruHashMap::with_max_entries(SEEN, 0);

/// The latest of `SEEN_THINGS` that are files and not to be reported again, by CPU; each takes the place of another whose
/// key falls together with its own. Only `sys_exit` uses it, which never interrupts itself.
#[map]
pub static KNOWN: PerCpuArray<SeenKey> = PerCpuArray::with_max_entries(KNOWN_FILES, 0);

/// Files by class. Entered when a file is reported, sorted by the agent. When full, the least recently used give way, and
/// are `OTHER` until they are reported again.
#[map]
pub static FILE: LruHashMap<FileKey, FileState> = LruHashMap::with_max_entries(FILE_CLASSES, 0);

/// Listening ports of watched containers. When full, or when the container has its share, requests to further ports are not counted and
/// `LOST[LISTENERS_FULL]` is.
#[map]
pub static LISTENER: HashMap<ListenerKey, u8> = HashMap::with_max_entries(LISTENERS, 0);

/// What each row has of `WATCHED` and `LISTENER`. CPUs that enter something at once may miss one of each other.
#[map]
pub static HELD: Array<Held> = Array::with_max_entries(ROWS, 0);

/// What the agent tells the programs. Written by the agent alone.
#[map]
pub static CONTROL: Array<Control> = Array::with_max_entries(1, 0);

/// What an agent has counted of each row's container. No program looks at it: the agent keeps it here so that the next
/// one finds it.
#[map]
pub static TAKEN: Array<Taken> = Array::with_max_entries(ROWS, 0);

/// Rare security events to the agent, apart from what a flood of ordinary ones could fill. When full, or when the
/// container has used up its share, the event is dropped and counted in `LOST` and in its container's row.
#[map]
pub static ALERTS: RingBuf = RingBuf::with_byte_size(ALERTS_BYTES, 0);

/// Ordinary events to the agent. When full, as `ALERTS`.
#[map]
pub static EVENTS: RingBuf = RingBuf::with_byte_size(EVENTS_BYTES, 0);

/// What each row used of the rings since they were last emptied. Two CPUs that begin a new count at once may forget
/// one event of each other, and each may exceed the share by the event it is about to send.
#[map]
pub static USED: Array<Used> = Array::with_max_entries(ROWS, 0);

/// Losses by reason.
#[map]
pub static LOST: PerCpuArray<u64> = PerCpuArray::with_max_entries(lost::COUNT, 0);

/// Where an event of varying length is put together. Only `sys_exit` uses it, which never interrupts itself.
#[map]
pub static OPEN_SCRATCH: PerCpuArray<picket_ebpf::OpenEvent> = PerCpuArray::with_max_entries(1, 0);
