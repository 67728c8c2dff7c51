//! Events into the ring, and the count of those that did not fit.

use aya_ebpf::{
    bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP},
    helpers::bpf_get_current_pid_tgid,
    helpers::generated::{bpf_get_current_comm, bpf_ktime_get_boot_ns},
    maps::ring_buf::RingBufEntry,
};
use picket_ebpf::{Header, RING_WAKE_BYTES, SeenKey, Slot, lost};

use super::maps::{EPOCH, EVENTS, LOST, ROW, SEEN_THINGS};

/// Counts one loss.
#[inline(always)]
pub fn count_loss(reason: u32) {
    if let Some(counter) = LOST.get_ptr_mut(reason) {
        // SAFETY: this CPU's own value of the map.
        unsafe { *counter += 1 };
    }
}

/// Counts one undelivered event, also in its container's row.
#[inline(always)]
pub fn count_undelivered(row: u32) {
    count_loss(lost::RING_FULL);
    if let Some(row) = ROW.get_ptr_mut(row) {
        // SAFETY: as above.
        unsafe { (*row).lost = (*row).lost.wrapping_add(1) };
    }
}

/// Whether a reader should be woken now. Without this every event of a caught-up reader costs its producer an
/// interrupt; the agent looks at the ring often enough by itself.
#[inline(always)]
pub fn wake_flags(urgent: bool) -> u64 {
    if urgent || EVENTS.query(u64::from(BPF_RB_AVAIL_DATA)) >= RING_WAKE_BYTES {
        u64::from(BPF_RB_FORCE_WAKEUP)
    } else {
        u64::from(BPF_RB_NO_WAKEUP)
    }
}

/// Reserves room for an event of container row `row`; a full ring is counted.
#[inline(always)]
pub fn reserve<T: 'static>(row: u32) -> Option<RingBufEntry<T>> {
    let entry = EVENTS.reserve::<T>(0);
    if entry.is_none() {
        count_undelivered(row);
    }
    entry
}

/// Writes the common part of an event about the current task.
///
/// # Safety
///
/// `header` points into reserved ring memory or a map value.
#[inline(always)]
pub unsafe fn write_header(header: *mut Header, kind: u32, cgroup: u64) {
    unsafe {
        (&raw mut (*header).kind).write(kind);
        (&raw mut (*header).pid).write((bpf_get_current_pid_tgid() >> 32) as u32);
        (&raw mut (*header).time_ns).write(bpf_ktime_get_boot_ns());
        (&raw mut (*header).cgroup).write(cgroup);
        bpf_get_current_comm((&raw mut (*header).comm).cast(), 16);
    }
}

/// The key of a thing that is new for the container in its epoch, `None` for a known one. It is remembered; should its
/// event not be delivered, [`forget`] it, so that it is reported when it comes again.
#[inline(always)]
pub fn first_time(slot: Slot, kind: u64, what: [u64; 3]) -> Option<SeenKey> {
    let &epoch = EPOCH.get(slot.row)?;
    let key = SeenKey {
        row: slot.row,
        epoch,
        kind,
        what,
    };
    if SEEN_THINGS.get_ptr(&key).is_some() {
        return None;
    }
    // An LRU map makes room by itself; if it cannot, the thing is reported once more.
    let _ = SEEN_THINGS.insert(&key, &1, 0);
    Some(key)
}

/// Forgets a thing whose event was not delivered.
#[inline(always)]
pub fn forget(key: &SeenKey) {
    let _ = SEEN_THINGS.remove(key);
}
