//! System calls: counts and errors per container, taken where they return.
//!
//! A call refused by seccomp never reaches `sys_enter`, so `sys_exit` is the one that sees all.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use picket_ebpf::{
    CALL_ABOUT_SOCKETS, CALL_ACCEPTS, CALL_CHANGES, CALL_COMPAT, CALL_DUPLICATES, CALL_EXECS,
    CALL_MAPS, CALL_MOVES, CALL_NAMES, CALL_OPENS, CALL_PRIVILEGED, CALL_READS, CALL_WAITS,
    CALL_WRITES, CALLS, Row, Slot, cell, shape,
};

use super::{
    arguments::Arguments,
    fields,
    fields::direct,
    file_bytes::{self, Way},
    files,
    maps::ROW,
    names, network, privileged, sockets, threads, watch,
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
            noteworthy(task, slot, row, flags, index as u64, result, registers);
        }
    }
    0
}

/// The few calls that are looked at more closely, the frequent ones first.
#[inline(always)]
unsafe fn noteworthy(
    task: *const u8,
    slot: Slot,
    row: *mut Row,
    flags: u32,
    number: u64,
    result: i64,
    registers: *const u8,
) {
    // SAFETY: as in the caller.
    let arguments = unsafe { Arguments::of(registers, number) };
    if flags & (CALL_READS | CALL_WRITES) != 0 {
        if result > 0 {
            let way = if flags & CALL_READS != 0 {
                Way::Read
            } else {
                Way::Written
            };
            // SAFETY: as in the caller.
            let fd = unsafe { direct(registers, &fields::REGS_ARG0) };
            file_bytes::moved(task, slot, row, fd, result as u64, way);
        }
    } else if flags & CALL_OPENS != 0 && result >= 0 {
        files::opened(task, slot, result as u64, &arguments);
    } else if flags & CALL_NAMES != 0 || (flags & (CALL_OPENS | CALL_EXECS) != 0 && result < 0) {
        // `utimensat` without a name means the file behind the descriptor in the directory's place.
        match (arguments.get(shape::NAME), arguments.get(shape::DIRECTORY)) {
            (Some(0), Some(fd)) if result == 0 => files::changed(&slot, fd, number, 0),
            _ => names::report(&slot, number, result, &arguments),
        }
    } else if flags & CALL_MAPS != 0 {
        if result >= 0 || result < -4095 {
            // SAFETY: as in the caller.
            unsafe { files::mapped(&slot, registers) };
        }
    } else if flags & CALL_CHANGES != 0 {
        if result == 0 {
            // SAFETY: as in the caller.
            let fd = unsafe { direct(registers, &fields::REGS_ARG0) };
            files::changed(&slot, fd, number, arguments.detail());
        }
    } else if flags & CALL_MOVES != 0 {
        if result > 0 {
            let both = [(shape::SOURCE, Way::Read), (shape::TARGET, Way::Written)];
            for (shift, way) in both {
                if let Some(fd) = arguments.get(shift) {
                    file_bytes::moved(task, slot, row, fd, result as u64, way);
                }
            }
        }
    } else if flags & CALL_DUPLICATES != 0 {
        if (0..=2).contains(&result) {
            files::duplicated(slot, result as u64);
        }
        if flags & CALL_ACCEPTS != 0 && result >= 0 {
            network::accepted(&slot, result as u64);
        }
    } else if flags & CALL_PRIVILEGED != 0 {
        // SAFETY: as in the caller.
        privileged::made(slot, flags, number, result, unsafe {
            first_three(registers)
        });
    } else if flags & CALL_ABOUT_SOCKETS != 0 {
        // SAFETY: as in the caller.
        unsafe { sockets::called(slot, flags, number, result, registers) };
    }
}

#[inline(always)]
unsafe fn first_three(registers: *const u8) -> [u64; 3] {
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
