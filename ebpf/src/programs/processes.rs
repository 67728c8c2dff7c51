//! Processes: fork, exec, exit, and being asked to end.

use aya_ebpf::{
    helpers::generated::{bpf_probe_read_kernel_str, bpf_probe_read_user},
    macros::btf_tracepoint,
    programs::BtfTracePointContext,
};
use picket_ebpf::{
    ARGV_BYTES, EXEC_ARGV_CUT, EXEC_PARENT_OUTSIDE, EXEC_SCRIPT, EXEC_STDIO_SOCKET, ExecEvent,
    ExitEvent, ForkEvent, NAME_BYTES, SignalEvent, Slot, kind, lost,
};

use super::{
    descriptors,
    emit::{self, Ring},
    fields,
    fields::{direct, peek},
    files,
    maps::ROW,
    paths, threads, watch,
};

/// `include/trace/events/sched.h`: `TP_PROTO(struct task_struct *parent, struct task_struct *child)`.
#[btf_tracepoint(function = "sched_process_fork")]
pub fn sched_process_fork(ctx: BtfTracePointContext) -> i32 {
    let child: *const u8 = ctx.arg(1);
    // The child's own cgroup: clone3 can place it in another than its parent's.
    let Some(slot) = watch::of_task(child) else {
        return 0;
    };
    if let Some(row) = ROW.get_ptr_mut(slot.row) {
        // SAFETY: this CPU's own value.
        unsafe { (*row).clones = (*row).clones.wrapping_add(1) };
    }
    // SAFETY: typed argument, offsets from BTF.
    let (thread, process) = unsafe {
        (
            direct::<u32>(child, &fields::TASK_PID),
            direct::<u32>(child, &fields::TASK_TGID),
        )
    };
    threads::created(thread);
    if thread != process {
        return 0;
    }
    if let Some(mut entry) = emit::reserve::<ForkEvent>(slot.row, Ring::Events) {
        let event = entry.as_mut_ptr();
        // SAFETY: reserved ring memory; every field is written.
        unsafe {
            emit::write_header(&raw mut (*event).header, kind::FORK, slot.container);
            (&raw mut (*event).child).write(process);
            (&raw mut (*event)._pad).write(0);
        }
        entry.submit(emit::wake_flags(false));
    }
    0
}

/// `include/trace/events/sched.h`: `TP_PROTO(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)`.
#[btf_tracepoint(function = "sched_process_exec")]
pub fn sched_process_exec(ctx: BtfTracePointContext) -> i32 {
    let task: *const u8 = ctx.arg(0);
    let binary: *const u8 = ctx.arg(2);
    let Some(slot) = watch::of_task(task) else {
        return 0;
    };
    let Some(mut entry) = emit::reserve::<ExecEvent>(slot.row, Ring::Alerts) else {
        return 0;
    };
    // SAFETY: typed arguments, offsets from BTF; reserved ring memory of which every byte sent is written, the unused
    // tails of the text fields excepted: the agent reads only as far as their lengths.
    unsafe {
        let event = entry.as_mut_ptr();
        emit::write_header(&raw mut (*event).header, kind::EXEC, slot.container);

        let parent: *const u8 = direct(task, &fields::TASK_REAL_PARENT);
        (&raw mut (*event).parent).write(direct::<u32>(parent, &fields::TASK_TGID));
        let cred: *const u8 = direct(task, &fields::TASK_CRED);
        (&raw mut (*event).uid).write(direct::<u32>(cred, &fields::CRED_EUID));

        let mut flags = 0;
        if !parent_inside(parent, slot) {
            flags |= EXEC_PARENT_OUTSIDE;
            // What the runtime did while it set this up is no reason not to report it of the program, which does it
            // before the agent has read of its start.
            emit::raise_epoch(slot.row);
        }
        if (0..3).any(|fd| files::is_internet_socket(descriptors::file_of(fd))) {
            flags |= EXEC_STDIO_SOCKET;
        }
        let file: *const u8 = direct(binary, &fields::BPRM_FILE);
        let inode: *const u8 = direct(file, &fields::FILE_INODE);
        (&raw mut (*event).place).write(paths::place_of(file, inode));
        paths::of_file(slot.row, file, &raw mut (*event).exe);
        paths::of_working_directory(slot.row, &raw mut (*event).cwd);

        let name: *const u8 = direct(binary, &fields::BPRM_FILENAME);
        // `bprm_change_interp` (fs/exec.c) gives the interpreter a name of its own.
        if name != direct::<*const u8>(binary, &fields::BPRM_INTERP) {
            flags |= EXEC_SCRIPT;
        }
        let written = bpf_probe_read_kernel_str(
            (&raw mut (*event).filename).cast(),
            NAME_BYTES as u32,
            name.cast(),
        );
        if written <= 0 {
            emit::count_loss(slot.row, lost::PATH_UNREADABLE);
        }
        (&raw mut (*event).filename_len).write(if written > 0 { written as u32 - 1 } else { 0 });

        let memory: *const u8 = direct(task, &fields::TASK_MM);
        let start: u64 = direct(memory, &fields::MM_ARG_START);
        let end: u64 = direct(memory, &fields::MM_ARG_END);
        let mut length = end.saturating_sub(start);
        if length > ARGV_BYTES as u64 {
            length = ARGV_BYTES as u64;
            flags |= EXEC_ARGV_CUT;
        }
        let read = bpf_probe_read_user(
            (&raw mut (*event).argv).cast(),
            length as u32,
            start as *const _,
        );
        if read != 0 {
            emit::count_loss(slot.row, lost::ARGV_UNREADABLE);
        }
        (&raw mut (*event).argv_len).write(if read == 0 { length as u32 } else { 0 });
        (&raw mut (*event).flags).write(flags);
    }
    entry.submit(emit::wake_flags(true));
    0
}

/// Whether the parent belongs to the same container.
#[inline(always)]
fn parent_inside(parent: *const u8, slot: Slot) -> bool {
    let set: *const u8 = peek(parent, &fields::TASK_CGROUPS);
    let group: *const u8 = peek(set, &fields::CSS_SET_DFL_CGRP);
    let node: *const u8 = peek(group, &fields::CGROUP_KN);
    let id: u64 = peek(node, &fields::KN_ID);
    watch::by_cgroup(id).is_some_and(|parents| parents.container == slot.container)
}

/// `include/trace/events/sched.h`: the task is the first argument on every kernel.
#[btf_tracepoint(function = "sched_process_exit")]
pub fn sched_process_exit(ctx: BtfTracePointContext) -> i32 {
    let task: *const u8 = ctx.arg(0);
    let Some(slot) = watch::of_task(task) else {
        return 0;
    };
    // SAFETY: typed argument, offsets from BTF.
    let (live, status) = unsafe {
        let signal: *const u8 = direct(task, &fields::TASK_SIGNAL);
        (
            direct::<u32>(signal, &fields::SIGNAL_LIVE),
            direct::<u32>(task, &fields::TASK_EXIT_CODE),
        )
    };
    // The process ends with its last thread, which need not be its first: a main thread may leave others behind, and
    // one that another thread's exec replaces leaves too. do_exit (kernel/exit.c) counts down before this tracepoint.
    if live != 0 {
        return 0;
    }
    if let Some(mut entry) = emit::reserve::<ExitEvent>(slot.row, Ring::Events) {
        let event = entry.as_mut_ptr();
        // SAFETY: reserved ring memory; every field is written.
        unsafe {
            emit::write_header(&raw mut (*event).header, kind::EXIT, slot.container);
            (&raw mut (*event).status).write(status);
            (&raw mut (*event)._pad).write(0);
        }
        entry.submit(emit::wake_flags(false));
    }
    0
}

/// Signals by which runtimes ask a container to end: `SIGINT`, `SIGQUIT`, `SIGTERM`, the same on every architecture.
const ENDING: [i32; 3] = [2, 3, 15];

/// `include/trace/events/signal.h`: `TP_PROTO(int sig, struct kernel_siginfo *info, struct task_struct *task, int group, int
/// result)`. It runs in the sender. What a container's own processes send each other is its own affair.
#[btf_tracepoint(function = "signal_generate")]
pub fn signal_generate(ctx: BtfTracePointContext) -> i32 {
    let signal: i32 = ctx.arg(0);
    if !ENDING.contains(&signal) {
        return 0;
    }
    let task: *const u8 = ctx.arg(2);
    let Some(slot) = watch::of_task(task) else {
        return 0;
    };
    if watch::of_current().is_some_and(|sender| sender.container == slot.container) {
        return 0;
    }
    if let Some(mut entry) = emit::reserve::<SignalEvent>(slot.row, Ring::Events) {
        let event = entry.as_mut_ptr();
        // SAFETY: typed argument, offsets from BTF; reserved ring memory of which every field is written.
        unsafe {
            emit::write_header(&raw mut (*event).header, kind::SIGNAL, slot.container);
            (&raw mut (*event).header.pid).write(direct::<u32>(task, &fields::TASK_TGID));
            (&raw mut (*event).signal).write(signal as u32);
            (&raw mut (*event)._pad).write(0);
        }
        entry.submit(emit::wake_flags(false));
    }
    0
}
