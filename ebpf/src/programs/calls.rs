//! System calls: counts and errors per container, taken where they return.
//!
//! A call refused by seccomp never reaches `sys_enter`, so `sys_exit` is the one that sees all.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use picket_ebpf::{
    CALL_ABOUT_SOCKETS, CALL_AT, CALL_COMPAT, CALL_DUPLICATES, CALL_EXECS, CALL_OPENS,
    CALL_PRIVILEGED, CALL_WAITS, CALLS, Slot, cell,
};

use super::{
    fields,
    fields::direct,
    files,
    maps::ROW,
    names::{self, Named},
    privileged, sockets, threads, watch,
};

/// `include/trace/events/syscalls.h`: `TP_PROTO(struct pt_regs *regs, long ret)`.
#[btf_tracepoint(function = "sys_exit")]
pub fn sys_exit(ctx: BtfTracePointContext) -> i32 {
    let task = watch::current_task();
    let Some(slot) = watch::of_caller(task) else {
        return 0;
    };
    let Some(row) = ROW.get_ptr_mut(slot.row) else {
        return 0;
    };
    let registers: *const u8 = ctx.arg(0);
    let result: i64 = ctx.arg(1);
    // SAFETY: typed argument and offset from BTF; the row is this CPU's own, the index masked into it.
    unsafe {
        // 32 bits: arm64 keeps an `int`, x86 a `long` whose lower half it is.
        let number: u32 = direct(registers, &fields::REGS_CALL);
        let index = if watch::in_compat_call(task) {
            CALL_COMPAT
        } else {
            cell(u64::from(number))
        } & (CALLS - 1);
        (*row).calls[index] = (*row).calls[index].wrapping_add(1);
        let failed = (-4095..0).contains(&result);
        if failed {
            (*row).errors[index] = (*row).errors[index].wrapping_add(1);
        }
        let flags = (&raw const fields::CALL_FLAGS)
            .cast::<u32>()
            .add(index)
            .read_volatile();
        threads::called(task, slot, index, flags, failed);
        if flags & !CALL_WAITS != 0 {
            noteworthy(task, slot, flags, index as u64, result, registers);
        }
    }
    0
}

/// The few calls that may become events.
#[inline(always)]
unsafe fn noteworthy(
    task: *const u8,
    slot: Slot,
    flags: u32,
    number: u64,
    result: i64,
    registers: *const u8,
) {
    if flags & CALL_OPENS != 0 {
        if result >= 0 {
            files::opened(task, slot, result as u64);
        }
    } else if flags & CALL_DUPLICATES != 0 {
        if (0..=2).contains(&result) {
            files::duplicated(slot, result as u64);
        }
    } else if flags & CALL_PRIVILEGED != 0 {
        // SAFETY: as in the caller.
        privileged::made(slot, flags, number, result, unsafe { arguments(registers) });
    } else if flags & CALL_ABOUT_SOCKETS != 0 {
        // SAFETY: as in the caller.
        unsafe { sockets::called(slot, flags, number, result, registers) };
    } else if flags & CALL_EXECS != 0 && result < 0 {
        // SAFETY: as in the caller.
        let [first, second, _] = unsafe { arguments(registers) };
        let (directory, name) = if flags & CALL_AT != 0 {
            (Some(first), second)
        } else {
            (None, first)
        };
        let named = Named {
            call: number,
            result,
            detail: 0,
            directory,
            name,
        };
        names::report(slot, named);
    }
}

#[inline(always)]
unsafe fn arguments(registers: *const u8) -> [u64; 3] {
    // SAFETY: typed argument and offsets from BTF.
    unsafe {
        [
            direct::<u64>(registers, &fields::REGS_ARG0),
            direct::<u64>(registers, &fields::REGS_ARG1),
            direct::<u64>(registers, &fields::REGS_ARG2),
        ]
    }
}

const _: () = assert!(CALLS.is_power_of_two());
const _: () = assert!(CALL_PRIVILEGED != CALL_OPENS && CALL_PRIVILEGED != CALL_DUPLICATES);
