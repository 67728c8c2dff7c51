//! Rare privileged calls, successful or refused: each distinct one is reported.

use aya_ebpf::{
    helpers::generated::{bpf_probe_read_user, bpf_probe_read_user_str},
    macros::map,
    maps::PerCpuArray,
};
use picket_ebpf::{
    CALL_STRUCT, CALL_TEXTS, NAME_KEY_BYTES, NameKey, PrivilegedEvent, SEEN_PRIVILEGED, Slot,
    TEXT_BYTES, TEXTS, kind,
};

use super::{
    emit::{self, Ring},
    maps::EPOCH,
    names,
};

/// Where an event and its key are put together. Only `sys_exit` uses it, which never interrupts itself.
#[map]
static CALL_SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(1, 0);

#[repr(C)]
struct Scratch {
    key: NameKey,
    event: PrivilegedEvent,
}

/// Bytes of each text that tell it apart.
const KEY_PART: usize = NAME_KEY_BYTES / TEXTS;

/// A call with the flags `CALL_FLAGS` has for it.
#[inline(always)]
pub fn made(slot: Slot, flags: u32, call: u64, result: i64, mut args: [u64; 3]) {
    let Some(scratch) = CALL_SCRATCH.get_ptr_mut(0) else {
        return;
    };
    if flags & CALL_STRUCT != 0 {
        // `clone3` also returns in the child, where the flags are no more to be had: they are on the stack of the parent,
        // which may have gone on. It reports the call itself.
        if result == 0 {
            return;
        }
        let mut first = 0u64;
        // SAFETY: the helper copes with any address, and clears the destination when it fails.
        unsafe { bpf_probe_read_user((&raw mut first).cast(), 8, args[0] as *const _) };
        args[0] = first;
    }
    // SAFETY: this CPU's own scratch (see its declaration); all of the event is written before it is sent.
    unsafe {
        let event = &raw mut (*scratch).event;
        let texts = (&raw mut (*event).texts).cast::<u8>();
        for word in 0..TEXTS * TEXT_BYTES / 8 {
            texts.cast::<u64>().add(word).write(0);
        }
        (&raw mut (*event).call).write(call);
        (&raw mut (*event).result).write(result);
        (&raw mut (*event).args).write(args);
        // A positive result (a descriptor, a key) differs from call to call; only its being one counts.
        let outcome = if result > 0 { 0 } else { result };
        if flags & CALL_TEXTS != 0 {
            with_texts(slot, scratch, outcome as i32);
            return;
        }
        let what = [call, outcome as u64, args[0]];
        let Some(key) = emit::first_time(slot, SEEN_PRIVILEGED, what) else {
            return;
        };
        if !send(slot, event) {
            emit::forget(&key);
        }
    }
}

/// Texts tell calls apart, not where the caller keeps them: whoever mounts one thing after another may do it from the
/// same memory.
#[inline(always)]
unsafe fn with_texts(slot: Slot, scratch: *mut Scratch, outcome: i32) {
    let Some(&epoch) = EPOCH.get(slot.row) else {
        return;
    };
    // SAFETY: the caller's.
    unsafe {
        let event = &raw mut (*scratch).event;
        let key = &raw mut (*scratch).key;
        let texts = (&raw mut (*event).texts).cast::<u8>();
        let mut fits = true;
        for index in 0..TEXTS {
            let text = texts.add(index * TEXT_BYTES);
            // What is no address of a text stays empty.
            let written = bpf_probe_read_user_str(
                text.cast(),
                TEXT_BYTES as u32,
                (*event).args[index] as *const _,
            );
            fits &= written <= KEY_PART as i64;
            for word in 0..KEY_PART / 8 {
                (&raw mut (*key).name)
                    .cast::<u64>()
                    .add(index * KEY_PART / 8 + word)
                    .write(text.cast::<u64>().add(word).read());
            }
        }
        (&raw mut (*key).row).write(slot.row);
        (&raw mut (*key).epoch).write(epoch);
        (&raw mut (*key).call).write((*event).call as u32);
        (&raw mut (*key).result).write(outcome);
        (&raw mut (*key).detail).write(0);
        (&raw mut (*key).directories).write([0; 2]);
        if fits && !names::first_time(&slot, &*key) {
            return;
        }
        if !send(slot, event) && fits {
            names::forget(&*key);
        }
    }
}

#[inline(always)]
unsafe fn send(slot: Slot, event: *mut PrivilegedEvent) -> bool {
    // SAFETY: the caller's.
    unsafe {
        emit::write_header(&raw mut (*event).header, kind::PRIVILEGED, slot.container);
        let size = size_of::<PrivilegedEvent>();
        emit::output(slot.row, Ring::Alerts, event.cast(), size, true)
    }
}

const _: () = assert!(KEY_PART.is_multiple_of(8) && TEXT_BYTES.is_multiple_of(8));
