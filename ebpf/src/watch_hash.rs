//! Which container a task belongs to, by a hash of its cgroup id.

use aya_ebpf::helpers::{bpf_get_current_cgroup_id, generated::bpf_get_current_task};
use picket_ebpf::Slot;

use crate::programs::{
    direct,
    fields::{self, peek},
    maps::WATCHED,
};

/// A pointer to the current task, untyped: read it with `peek`.
#[inline(always)]
pub fn current_task() -> *const u8 {
    // SAFETY: no arguments, always valid.
    unsafe { bpf_get_current_task() as *const u8 }
}

/// The watched container of `task`, which must be a typed pointer.
#[inline(always)]
pub fn of_task(task: *const u8) -> Option<Slot> {
    // SAFETY: `task` is typed and the fields are pointers the verifier follows; the slot is copied at once.
    unsafe {
        let set: *const u8 = direct(task, &fields::TASK_CGROUPS);
        let group: *const u8 = direct(set, &fields::CSS_SET_DFL_CGRP);
        let node: *const u8 = direct(group, &fields::CGROUP_KN);
        let id: u64 = direct(node, &fields::KN_ID);
        WATCHED.get(id).copied()
    }
}

/// The watched container of the current task. Its id is asked of the kernel: that is cheaper than following pointers
/// from `_task`, and kernels before 5.11 have no typed ones.
#[inline(always)]
pub fn of_current(_task: *const u8) -> Option<Slot> {
    // SAFETY: the slot is copied at once.
    unsafe { WATCHED.get(bpf_get_current_cgroup_id()).copied() }
}

/// Whether the current task, as [`current_task`] gave it, is in a 32-bit system call.
#[inline(always)]
pub fn in_compat_call(task: *const u8) -> bool {
    let bit = fields::COMPAT_BIT.load();
    bit != 0 && peek::<u32>(task, &fields::TASK_STATUS) & bit != 0
}

/// Marking is the hash entry alone, which the caller makes.
#[inline(always)]
pub fn mark(_group: *const u8, _slot: &mut Slot) {}
