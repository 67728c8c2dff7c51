//! Which watched container a task belongs to.

use aya_ebpf::{
    Global,
    helpers::{
        bpf_get_current_cgroup_id,
        generated::{bpf_get_current_task, bpf_get_current_task_btf},
    },
    macros::map,
    maps::PerCpuArray,
};
use picket_ebpf::{Control, Slot};

use super::{
    fields::{self, direct, peek},
    maps::{CONTROL, WATCHED},
};

/// What `WATCHED` said of the cgroup that a program last met on this CPU, by [`Asker`]. Most come from the same cgroup as
/// the one before, and this spares them the hashing. Each entry is one tracing program's. `inet_sock_set_state` comes in tasks
/// and in interrupts, and before 6.1 nothing keeps a tracing program from interrupting itself (`__bpf_trace_run`,
/// kernel/trace/bpf_trace.c).
#[map]
static LATEST: PerCpuArray<Latest> = PerCpuArray::with_max_entries(ASKERS, 0);

/// The programs that remember the latest cgroup, each its own.
#[derive(Clone, Copy)]
enum Asker {
    /// `sys_exit`.
    Call = 0,
    /// `inet_sock_set_state`.
    Socket = 1,
}

const ASKERS: u32 = 2;

#[repr(C)]
struct Latest {
    cgroup: u64,
    container: u64,
    row: u32,
    changes: u32,
    is_written: u32,
    _pad: u32,
}

/// Generation of these programs.
#[unsafe(no_mangle)]
static GENERATION: Global<u32> = Global::new(0);

/// What the agent tells, `None` where another generation of programs counts. To be asked before anything is done.
#[inline(always)]
pub fn control() -> Option<&'static Control> {
    let control = CONTROL.get(0)?;
    (control.active == GENERATION.load()).then_some(control)
}

/// `Latest::row` of a cgroup that is not watched.
const UNWATCHED: u32 = u32::MAX;

/// The current task: typed, so that `direct` may read it, where `TYPED_TASK` says so.
#[inline(always)]
pub fn current_task() -> *const u8 {
    // SAFETY: no arguments, always valid. The branch not taken is dead to the verifier, its helper may be unknown.
    unsafe {
        if fields::TYPED_TASK.load() != 0 {
            bpf_get_current_task_btf() as *const u8
        } else {
            bpf_get_current_task() as *const u8
        }
    }
}

/// Cgroup id of a task behind a typed pointer.
#[inline(always)]
fn cgroup_of(task: *const u8) -> u64 {
    // SAFETY: typed, and every field up to the last is a pointer that the verifier follows.
    unsafe {
        let set: *const u8 = direct(task, &fields::TASK_CGROUPS);
        let group: *const u8 = direct(set, &fields::CSS_SET_DFL_CGRP);
        let node: *const u8 = direct(group, &fields::CGROUP_KN);
        direct(node, &fields::KN_ID)
    }
}

/// The watched container of `task`, which must be a typed pointer.
#[inline(always)]
pub fn of_task(task: *const u8) -> Option<Slot> {
    by_cgroup(cgroup_of(task))
}

/// The watched container of a cgroup.
#[inline(always)]
pub fn by_cgroup(id: u64) -> Option<Slot> {
    control()?;
    // SAFETY: copied at once, before the entry could be reused.
    unsafe { WATCHED.get(id).copied() }
}

/// The watched container of the current task.
#[inline(always)]
pub fn of_current() -> Option<Slot> {
    // SAFETY: no arguments.
    by_cgroup(unsafe { bpf_get_current_cgroup_id() })
}

/// The watched container of the current task, given by [`current_task`]; for `sys_exit` alone.
#[inline(always)]
pub fn of_caller(task: *const u8) -> Option<Slot> {
    let cgroup = if fields::TYPED_TASK.load() != 0 {
        cgroup_of(task)
    } else {
        // SAFETY: no arguments.
        unsafe { bpf_get_current_cgroup_id() }
    };
    recalled(Asker::Call, cgroup)
}

/// The watched container that made a socket, given by a typed pointer; for `inet_sock_set_state` alone.
#[inline(always)]
pub fn of_socket(sock: *const u8) -> Option<Slot> {
    if fields::SOCK_CGROUP.load() == 0 {
        return None;
    }
    // SAFETY: typed, and every field up to the last is a pointer that the verifier follows.
    let cgroup = unsafe {
        let group: *const u8 = direct(sock, &fields::SOCK_CGROUP);
        let node: *const u8 = direct(group, &fields::CGROUP_KN);
        direct(node, &fields::KN_ID)
    };
    recalled(Asker::Socket, cgroup)
}

/// As [`by_cgroup`], from memory where the program asked for the same cgroup before.
#[inline(always)]
fn recalled(asker: Asker, cgroup: u64) -> Option<Slot> {
    // Read before `WATCHED`, so that a change in between shows at the next call.
    let changes = control()?.changes;
    let latest = LATEST.get_ptr_mut(asker as u32)?;
    // SAFETY: this CPU's own value. A program that interrupted this one leaves alone what is being written; what it
    // writes between two reads shows as another cgroup, which is read last.
    unsafe {
        if (&raw const (*latest).is_written).read_volatile() != 0 {
            return by_cgroup(cgroup);
        }
        let row = (&raw const (*latest).row).read_volatile();
        let container = (&raw const (*latest).container).read_volatile();
        if (&raw const (*latest).changes).read_volatile() == changes
            && (&raw const (*latest).cgroup).read_volatile() == cgroup
        {
            return (row != UNWATCHED).then_some(Slot {
                row,
                _pad: 0,
                container,
            });
        }
        let slot = by_cgroup(cgroup);
        (&raw mut (*latest).is_written).write_volatile(1);
        (&raw mut (*latest).cgroup).write_volatile(cgroup);
        (&raw mut (*latest).changes).write_volatile(changes);
        let (row, container) = slot.map_or((UNWATCHED, 0), |slot| (slot.row, slot.container));
        (&raw mut (*latest).row).write_volatile(row);
        (&raw mut (*latest).container).write_volatile(container);
        (&raw mut (*latest).is_written).write_volatile(0);
        slot
    }
}

/// Whether the current task, given by [`current_task`], is in a 32-bit system call.
#[inline(always)]
pub fn in_compat_call(task: *const u8) -> bool {
    let bit = fields::COMPAT_BIT.load();
    if bit == 0 {
        return false;
    }
    let status: u32 = if fields::TYPED_TASK.load() != 0 {
        // SAFETY: typed pointer and offset from BTF.
        unsafe { direct(task, &fields::TASK_STATUS) }
    } else {
        peek(task, &fields::TASK_STATUS)
    };
    status & bit != 0
}
