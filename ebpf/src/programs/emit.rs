//! Events into the rings, and the count of those that did not get there.

use core::arch::asm;

use aya_ebpf::{
    bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP},
    helpers::bpf_get_current_pid_tgid,
    helpers::generated::{bpf_get_current_comm, bpf_ktime_get_boot_ns, bpf_ringbuf_output},
    maps::{RingBuf, ring_buf::RingBufEntry},
};
use picket_ebpf::{
    ALERTS_BYTES, EVENTS_BYTES, EVENTS_WAKE_BYTES, Header, RING_SHARE, SeenKey, Slot, lost,
};

use super::maps::{ALERTS, CONTROL, EPOCH, EVENTS, LOST, ROW, SEEN_THINGS, USED};

/// Where an event goes. The agent puts both into one order again by the time in their headers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ring {
    /// Rare and about security: no flood of ordinary events can crowd it out.
    Alerts = 0,
    /// Ordinary.
    Events = 1,
}

impl Ring {
    #[inline(always)]
    fn map(self) -> &'static RingBuf {
        match self {
            Self::Alerts => &ALERTS,
            Self::Events => &EVENTS,
        }
    }

    /// Bytes of it that one container may use between two drains.
    #[inline(always)]
    const fn share(self) -> u64 {
        let whole = match self {
            Self::Alerts => ALERTS_BYTES,
            Self::Events => EVENTS_BYTES,
        };
        (whole / RING_SHARE) as u64
    }
}

/// Bytes the kernel puts before each record (`BPF_RINGBUF_HDR_SZ`), whose length it rounds up to 8 (kernel/bpf/ringbuf.c).
const RECORD_HEADER: u64 = 8;

/// Counts one loss, also in the row of the container that suffers it; `NO_ROW` where that is none.
#[inline(always)]
pub fn count_loss(row: u32, reason: u32) {
    if let Some(counter) = LOST.get_ptr_mut(reason) {
        // SAFETY: this CPU's own value of the map.
        unsafe { *counter += 1 };
    }
    if let Some(row) = ROW.get_ptr_mut(row) {
        let index = reason as usize & (lost::ROOM - 1);
        // SAFETY: as above; the index is masked into the array.
        unsafe { (*row).lost[index] = (*row).lost[index].wrapping_add(1) };
    }
}

/// Whether a reader should be woken now. Without this every event of a caught-up reader costs its producer an
/// interrupt; the agent looks at the rings often enough by itself.
#[inline(always)]
pub fn wake_flags(urgent: bool) -> u64 {
    if urgent || EVENTS.query(u64::from(BPF_RB_AVAIL_DATA)) >= EVENTS_WAKE_BYTES {
        u64::from(BPF_RB_FORCE_WAKEUP)
    } else {
        u64::from(BPF_RB_NO_WAKEUP)
    }
}

/// Reserves room for an event of the container with this row. When there is none it is counted, and the event is lost.
#[inline(always)]
pub fn reserve<T: 'static>(row: u32, ring: Ring) -> Option<RingBufEntry<T>> {
    if !within_share(row, ring, size_of::<T>() as u64) {
        return None;
    }
    let entry = ring.map().reserve::<T>(0);
    if entry.is_none() {
        count_loss(row, lost::RING_FULL);
    }
    entry
}

/// Sends the first `size` bytes at `event`, of the container with this row; false when they are lost, which is counted.
///
/// # Safety
///
/// `event` points to at least `size` initialised bytes of a map value or the stack.
#[inline(always)]
pub unsafe fn output(row: u32, ring: Ring, event: *mut u8, size: usize, urgent: bool) -> bool {
    if !within_share(row, ring, size as u64) {
        return false;
    }
    // SAFETY: the caller's.
    let sent = unsafe {
        bpf_ringbuf_output(
            core::ptr::from_ref(ring.map()).cast_mut().cast(),
            event.cast(),
            size as u64,
            wake_flags(urgent),
        )
    };
    if sent != 0 {
        count_loss(row, lost::RING_FULL);
    }
    sent == 0
}

/// Whether the container's share of the ring still holds an event of this size, which is then taken from it. Events that
/// are no watched container's have no share to keep to.
#[inline(always)]
fn within_share(row: u32, ring: Ring, size: u64) -> bool {
    let (Some(control), Some(used)) = (CONTROL.get(0), USED.get_ptr_mut(row)) else {
        return true;
    };
    let taken = (size + RECORD_HEADER + 7) & !7;
    // SAFETY: a map value, which lives as long as the map; other CPUs change it too, see its declaration.
    unsafe {
        if (&raw const (*used).drain).read_volatile() != control.drain {
            (&raw mut (*used).bytes).write_volatile([0; 2]);
            (&raw mut (*used).drain).write_volatile(control.drain);
        }
        let bytes = (&raw mut (*used).bytes).cast::<u64>().add(ring as usize);
        if bytes.read_volatile() + taken > ring.share() {
            count_loss(row, lost::QUOTA);
            return false;
        }
        asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) bytes, in(reg) taken);
    }
    true
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

/// Makes an event nobody's: who was running when it came did not cause it.
///
/// # Safety
///
/// `header` points into reserved ring memory or a map value.
#[inline(always)]
pub unsafe fn by_nobody(header: *mut Header) {
    unsafe {
        (&raw mut (*header).pid).write(0);
        (&raw mut (*header).comm).write([0; 16]);
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
    // An LRU map makes room by itself, unless another CPU holds the lists it would have to look through.
    if SEEN_THINGS.insert(&key, &1, 0).is_err() {
        count_loss(slot.row, lost::SEEN_FULL);
    }
    Some(key)
}

/// Begins a new epoch for a row: everything is reported again.
#[inline(always)]
pub fn raise_epoch(row: u32) {
    if let Some(epoch) = EPOCH.get_ptr_mut(row) {
        // SAFETY: a map value, changed at once for all CPUs.
        unsafe { asm!("lock *(u32 *)({0} + 0) += {1}", in(reg) epoch, in(reg) 1u64) };
    }
}

/// Forgets a thing whose event was not delivered.
#[inline(always)]
pub fn forget(key: &SeenKey) {
    let _ = SEEN_THINGS.remove(key);
}
