//! Threads: how many calls each makes, and which in a row.

use aya_ebpf::{
    helpers::{bpf_get_current_pid_tgid, bpf_get_smp_processor_id},
    macros::map,
    maps::{Array, LruHashMap},
};
use picket_ebpf::{
    CALL_WAITS, Caller, ROWS, SEQUENCE_WORDS, SEQUENCES_MAX, SequenceEvent, Sequences, Slot,
    THREADS, Thread, history, kind, lost,
};

use super::{
    emit::{self, Ring},
    fields::{self, direct},
};

/// Threads by id. When full, the least recently used give way: their calls are counted anew, and their next two calls
/// begin no sequence.
#[map]
static THREAD: LruHashMap<u32, Thread> = LruHashMap::with_max_entries(THREADS, 0);

/// By CPU: the watched thread that last made a system call there, which most often makes the next. `sys_exit`, which
/// never interrupts itself, writes its own CPU's; it takes a thread that has moved from another's. Sized by the agent.
#[map]
static CALLER: Array<Caller> = Array::with_max_entries(1, 0);

/// Sequences that each row's container made. Beyond `SEQUENCES_MAX` new ones are not reported and counted in
/// `LOST[SEQUENCES_FULL]`.
#[map]
static SEQUENCE: Array<Sequences> = Array::with_max_entries(ROWS, 0);

/// A call of this cell returned to the current task, given by [`current_task`](super::watch::current_task).
#[inline(always)]
pub fn called(task: *const u8, slot: Slot, cell: usize, flags: u32, failed: bool) {
    let thread = id_of_current(task);
    // SAFETY: no arguments.
    let cpu = unsafe { bpf_get_smp_processor_id() };
    let Some(caller) = CALLER.get_ptr_mut(cpu) else {
        return;
    };
    // SAFETY: this CPU's own value.
    unsafe {
        if (*caller).thread != thread {
            switched(caller, cpu, slot, thread);
        }
        (*caller).calls = (*caller).calls.wrapping_add(1);
        (*caller).errors = (*caller).errors.wrapping_add(u32::from(failed));
        if fields::SEQUENCES.load() != 0 && flags & CALL_WAITS == 0 {
            let before = (*caller).history;
            let sequence = before << history::BITS | history::code(cell);
            (*caller).history = sequence & history::PAIR;
            let Some(known) = SEQUENCE.get_ptr_mut(slot.row) else {
                return;
            };
            if !knows(known, sequence) {
                met(slot, known, sequence, thread);
            }
        }
    }
}

/// The current task, by the cheapest way this kernel has.
#[inline(always)]
fn id_of_current(task: *const u8) -> u32 {
    if fields::TYPED_TASK.load() != 0 {
        // SAFETY: typed, offset from BTF.
        unsafe { direct(task, &fields::TASK_PID) }
    } else {
        bpf_get_current_pid_tgid() as u32
    }
}

/// Another thread than the latest on this CPU: what is known of that one goes to its entry, this one's comes from its own.
#[inline(never)]
unsafe fn switched(caller: *mut Caller, cpu: u32, slot: Slot, thread: u32) {
    // SAFETY: the caller's; a thread runs on one CPU at a time, so its entry has one writer but for the moment in which
    // it changes CPUs. What can be lost then is one number of calls or one sequence.
    unsafe {
        if let Some(old) = THREAD.get_ptr_mut(&(*caller).thread) {
            (*old).history = (*caller).history;
            added(old, caller);
        }
        (*caller).thread = thread;
        (*caller).calls = 0;
        (*caller).errors = 0;
        (*caller).history = 0;
        match THREAD.get_ptr_mut(&thread) {
            Some(known) if (*known).container == slot.container => {
                (*caller).history = (*known).history;
                if (*known).cpu != cpu {
                    taken_over(known, caller, thread);
                    (*known).cpu = cpu;
                }
            }
            _ => {
                let new = Thread {
                    container: slot.container,
                    calls: 0,
                    errors: 0,
                    history: 0,
                    cpu,
                };
                if THREAD.insert(&thread, &new, 0).is_err() {
                    emit::count_loss(slot.row, lost::SEEN_FULL);
                }
            }
        }
    }
}

/// A thread was last on another CPU, which may still have its latest calls.
#[inline(always)]
unsafe fn taken_over(known: *mut Thread, caller: *mut Caller, thread: u32) {
    // SAFETY: the caller's.
    unsafe {
        let Some(other) = CALLER.get_ptr_mut((*known).cpu) else {
            return;
        };
        if (*other).thread == thread {
            (*caller).history = (*other).history;
            added(known, other);
            (*other).thread = 0;
        }
    }
}

#[inline(always)]
unsafe fn added(thread: *mut Thread, caller: *const Caller) {
    // SAFETY: the caller's.
    unsafe {
        (*thread).calls = (*thread).calls.wrapping_add(u64::from((*caller).calls));
        (*thread).errors = (*thread).errors.wrapping_add(u64::from((*caller).errors));
    }
}

/// Forgets the thread that had this id before.
#[inline(always)]
pub fn created(thread: u32) {
    // SAFETY: map values, which live as long as the maps; nobody has this id now, so that nobody writes what it had.
    unsafe {
        if let Some(known) = THREAD.get_ptr_mut(&thread)
            && let Some(caller) = CALLER.get_ptr_mut((*known).cpu)
            && (*caller).thread == thread
        {
            (*caller).thread = 0;
        }
    }
    let _ = THREAD.remove(&thread);
}

/// Where a sequence stands in a set: index of the word, bits in it. Multiplications carry upwards, so the upper bits
/// are the mixed ones.
#[inline(always)]
fn place(sequence: u32) -> (usize, u64) {
    let mut mixed = (u64::from(sequence) ^ fields::SEQUENCE_KEY0.load())
        .wrapping_mul(fields::SEQUENCE_KEY1.load() | 1);
    mixed ^= mixed >> 32;
    mixed = mixed.wrapping_mul(fields::SEQUENCE_KEY2.load() | 1);
    let word = (mixed >> 54) as usize & (SEQUENCE_WORDS - 1);
    (word, 1 << (mixed >> 48 & 63) | 1 << (mixed >> 42 & 63))
}

#[inline(always)]
unsafe fn knows(known: *const Sequences, sequence: u32) -> bool {
    let (word, bits) = place(sequence);
    // SAFETY: the caller's; the index is masked into the array.
    unsafe { (*known).words[word] & bits == bits }
}

/// Three calls in a row that are new. The last two of them may be new, too; the first call of a thread is no sequence.
#[inline(never)]
unsafe fn met(slot: Slot, known: *mut Sequences, sequence: u32, thread: u32) {
    // SAFETY: the caller's.
    unsafe {
        let pair = sequence & history::PAIR;
        if pair > history::PAIR >> history::BITS && pair != sequence && !knows(known, pair) {
            entered(slot, known, pair, thread);
        }
        entered(slot, known, sequence, thread);
    }
}

/// Enters a sequence and reports it; one whose report finds no room is not entered, to be reported when it comes again.
#[inline(always)]
unsafe fn entered(slot: Slot, known: *mut Sequences, sequence: u32, thread: u32) {
    let (word, bits) = place(sequence);
    // SAFETY: the caller's. Two CPUs that change a word at the same time may lose one of the bits: that sequence is
    // reported once more.
    unsafe {
        if sequence > history::PAIR >> history::BITS {
            if (*known).known >= SEQUENCES_MAX {
                emit::count_loss(slot.row, lost::SEQUENCES_FULL);
            } else if !reported(slot, sequence, thread) {
                return;
            }
            (*known).known = (*known).known.wrapping_add(1);
        }
        (*known).words[word] |= bits;
    }
}

#[inline(always)]
unsafe fn reported(slot: Slot, sequence: u32, thread: u32) -> bool {
    let Some(mut entry) = emit::reserve::<SequenceEvent>(slot.row, Ring::Events) else {
        return false;
    };
    let event = entry.as_mut_ptr();
    // SAFETY: reserved ring memory; every field is written.
    unsafe {
        emit::write_header(&raw mut (*event).header, kind::SEQUENCE, slot.container);
        (&raw mut (*event).thread).write(thread);
        (&raw mut (*event).sequence).write(sequence);
    }
    entry.submit(emit::wake_flags(false));
    true
}
