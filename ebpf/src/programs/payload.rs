//! What packets carry: reading it, and who sent it.

use core::mem::MaybeUninit;

use aya_ebpf::{
    bindings::__sk_buff,
    helpers::generated::{bpf_get_current_task, bpf_ktime_get_boot_ns, bpf_skb_load_bytes},
};
use picket_ebpf::{Header, Slot};

use super::{
    fields::{self, peek},
    packet::Packet,
    watch,
};

/// What a packet of a watched container carries.
#[derive(Clone, Copy)]
pub struct Payload {
    /// The program's context.
    pub skb: *mut __sk_buff,
    /// The container.
    pub slot: Slot,
    /// Received, not sent.
    pub inbound: bool,
    /// Of the IP header: 4 or 6.
    pub version: u8,
    /// Where it begins, counted from the IP header.
    pub at: u32,
}

impl Payload {
    /// What a packet carries.
    #[inline(always)]
    pub fn of(packet: &Packet, slot: Slot) -> Self {
        Self {
            skb: packet.skb,
            slot,
            inbound: packet.inbound,
            version: packet.version,
            at: packet.payload as u32,
        }
    }

    /// Reads so far behind the IP header; all zeroes where the packet has ended.
    #[inline(always)]
    pub fn load<T: Copy>(&self, at: u32) -> T {
        let mut value = MaybeUninit::<T>::uninit();
        // SAFETY: the helper clears the whole destination when it fails (net/core/filter.c). Every T here is made of
        // integers.
        unsafe {
            bpf_skb_load_bytes(
                self.skb.cast(),
                at,
                value.as_mut_ptr().cast(),
                size_of::<T>() as u32,
            );
            value.assume_init()
        }
    }

    /// As [`Payload::load`], two bytes in network order.
    #[inline(always)]
    pub fn load_be16(&self, at: u32) -> u16 {
        u16::from_be_bytes(self.load(at))
    }

    /// Reads `length` bytes, which are at least one and at most `ROOM`, to a place of that size, a power of two; false when
    /// the packet does not have as many.
    #[inline(always)]
    pub fn load_into<const ROOM: u32>(&self, at: u32, to: *mut u8, length: u32) -> bool {
        const { assert!(ROOM.is_power_of_two()) };
        // In this form the verifier sees the bounds however the compiler moves the comparisons before.
        let length = (length.wrapping_sub(1) & (ROOM - 1)) + 1;
        // SAFETY: the length is from 1 to the size of the place.
        unsafe { bpf_skb_load_bytes(self.skb.cast(), at, to.cast(), length) == 0 }
    }

    /// Where the packet ends.
    #[inline(always)]
    pub fn end(&self) -> u32 {
        // SAFETY: the context's field is checked by the verifier.
        unsafe { (*self.skb).len }
    }

    /// Address of the other side, as events have it: IPv4 in the first four bytes.
    #[inline(always)]
    pub fn peer(&self) -> [u64; 2] {
        if self.version == 4 {
            let address: u32 = self.load(if self.inbound { 12 } else { 16 });
            [u64::from(address), 0]
        } else {
            self.load(if self.inbound { 8 } else { 24 })
        }
    }
}

/// Who sends a packet: whoever runs at that moment, if that is of the same container, as acknowledgements that arrive send
/// packets too. What is received has no process, and before 5.11 these programs could not ask for the task.
#[inline(always)]
pub fn sender(slot: Slot, inbound: bool) -> Option<*const u8> {
    if fields::TYPED_TASK.load() == 0 || inbound {
        return None;
    }
    // SAFETY: no arguments.
    let task = unsafe { bpf_get_current_task() } as *const u8;
    let set: *const u8 = peek(task, &fields::TASK_CGROUPS);
    let group: *const u8 = peek(set, &fields::CSS_SET_DFL_CGRP);
    let node: *const u8 = peek(group, &fields::CGROUP_KN);
    let id: u64 = peek(node, &fields::KN_ID);
    watch::by_cgroup(id)
        .is_some_and(|of| of.row == slot.row)
        .then_some(task)
}

/// Writes the common part of an event about a packet.
///
/// # Safety
///
/// `header` points into reserved ring memory or a map value.
#[inline(always)]
pub unsafe fn write_header(header: *mut Header, kind: u32, payload: &Payload) {
    let mut pid = 0;
    let mut comm = [0; 2];
    if let Some(task) = sender(payload.slot, payload.inbound) {
        pid = peek(task, &fields::TASK_TGID);
        comm = peek::<[u64; 2]>(task, &fields::TASK_COMM);
    }
    // SAFETY: the caller's.
    unsafe {
        (&raw mut (*header).kind).write(kind);
        (&raw mut (*header).pid).write(pid);
        (&raw mut (*header).time_ns).write(bpf_ktime_get_boot_ns());
        (&raw mut (*header).cgroup).write(payload.slot.container);
        let to = (&raw mut (*header).comm).cast::<u64>();
        to.write(comm[0]);
        to.add(1).write(comm[1]);
    }
}
