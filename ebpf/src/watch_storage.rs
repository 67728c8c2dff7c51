//! Which container a task belongs to, by cgroup local storage: one helper call, no hashing.

use aya_ebpf::{
    bindings::cgroup, btf_maps::CgrpStorage, helpers::generated::bpf_get_current_task_btf,
    macros::btf_map,
};
use picket_ebpf::Slot;

use crate::programs::{direct, fields};

/// The watched container of a cgroup. Freed with the cgroup; when the kernel has no memory for it, the cgroup is not
/// watched.
#[btf_map]
static CGROUP_SLOT: CgrpStorage<Slot> = CgrpStorage::new();

/// A pointer to the current task that the verifier trusts.
#[inline(always)]
pub fn current_task() -> *const u8 {
    // SAFETY: no arguments, always valid.
    unsafe { bpf_get_current_task_btf() as *const u8 }
}

/// The watched container of `task`, which must be a typed pointer.
#[inline(always)]
pub fn of_task(task: *const u8) -> Option<Slot> {
    // SAFETY: `task` is typed, and both fields are pointers the verifier follows.
    unsafe {
        let set: *const u8 = direct(task, &fields::TASK_CGROUPS);
        let group: *mut cgroup = direct(set, &fields::CSS_SET_DFL_CGRP);
        let slot = CGROUP_SLOT.get_ptr_mut(group);
        if slot.is_null() { None } else { Some(*slot) }
    }
}

/// The watched container of the current task, as [`current_task`] gave it.
#[inline(always)]
pub fn of_current(task: *const u8) -> Option<Slot> {
    of_task(task)
}

/// Whether the current task, as [`current_task`] gave it, is in a 32-bit system call.
#[inline(always)]
pub fn in_compat_call(task: *const u8) -> bool {
    let bit = fields::COMPAT_BIT.load();
    // SAFETY: typed pointer and offset from BTF.
    bit != 0 && unsafe { direct::<u32>(task, &fields::TASK_STATUS) } & bit != 0
}

/// Marks a cgroup, a typed argument of `cgroup_mkdir`, as watched.
#[inline(always)]
pub fn mark(group: *const u8, slot: &mut Slot) {
    // SAFETY: `group` is a trusted argument.
    unsafe { CGROUP_SLOT.get_or_insert_ptr_mut(group as *mut cgroup, Some(slot)) };
}
