//! Names that callers write: reported once per container, epoch, call, result and directory.

use aya_ebpf::{
    helpers::generated::{bpf_probe_read_kernel_str, bpf_probe_read_user_str},
    macros::map,
    maps::{LruHashMap, PerCpuArray},
};
use picket_ebpf::{
    NAME_BYTES, NAME_KEY_BYTES, NAME_KEY_OTHER, NameEvent, NameKey, PATH_BYTES,
    SEEN_NAMES as SEEN_NAMES_ENTRIES, Slot, kind, lost, shape,
};

use super::{
    arguments::Arguments,
    descriptors,
    emit::{self, Ring},
    fields,
    fields::peek,
    maps::EPOCH,
    paths, watch,
};

/// Names already reported. When full, the least recently used give way and are reported again.
#[map]
static SEEN_NAMES: LruHashMap<NameKey, u8> = LruHashMap::with_max_entries(SEEN_NAMES_ENTRIES, 0);

/// Where a name's key and event are put together. Only `sys_exit` uses it, which never interrupts itself.
#[map]
static NAME_SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(1, 0);

#[repr(C)]
struct Scratch {
    key: NameKey,
    event: NameEvent,
}

/// `include/uapi/linux/fcntl.h`.
const AT_FDCWD: i32 = -100;
/// `include/uapi/asm-generic/errno-base.h`.
const EFAULT: i64 = 14;
/// `include/linux/errno.h`: from here on the kernel starts the call again, so that it has not ended yet.
const ERESTARTSYS: i64 = 512;

/// Words of a key's name, and of those the ones before the second name.
const KEY_WORDS: usize = NAME_KEY_BYTES / 8;
const OTHER_WORD: usize = NAME_KEY_OTHER / 8;

/// Reports the names given to a call unless they were reported before. Without a name, which another thread may have
/// unmapped meanwhile, only a loss is counted; a caller who gave no valid address named nothing.
#[inline(never)]
pub fn report(slot: &Slot, call: u64, result: i64, arguments: &Arguments) {
    let (Some(&epoch), Some(scratch)) = (EPOCH.get(slot.row), NAME_SCRATCH.get_ptr_mut(0)) else {
        return;
    };
    if result <= -ERESTARTSYS || result == -EFAULT {
        return;
    }
    // SAFETY: this CPU's own scratch (see its declaration); every field sent is written first.
    unsafe {
        let key = &raw mut (*scratch).key;
        let event = &raw mut (*scratch).event;
        let words = (&raw mut (*key).name).cast::<u64>();
        for word in 0..KEY_WORDS {
            words.add(word).write(0);
        }
        // First into the key alone: most names are known, and shorter than a key.
        let has_other = arguments.get(shape::OTHER).is_some();
        let (first, second) = (words.cast::<u8>(), words.add(OTHER_WORD).cast::<u8>());
        let (name, other) = (arguments.get(shape::NAME), arguments.get(shape::OTHER));
        let (length, room, other_length) = if has_other {
            let room = NAME_KEY_OTHER as u32;
            let other_room = NAME_KEY_BYTES as u32 - room;
            (
                read(first, room, name),
                room,
                read(second, other_room, other),
            )
        } else {
            let room = NAME_KEY_BYTES as u32;
            (read(first, room, name), room, 0)
        };
        if length < 0 || other_length < 0 {
            emit::count_loss(slot.row, lost::PATH_UNREADABLE);
            return;
        }
        let start = Start::of(first, arguments.get(shape::DIRECTORY));
        let mut other_start = start;
        if has_other {
            other_start = Start::of(second, arguments.get(shape::OTHER_DIRECTORY));
        }
        let result = if result > 0 { 0 } else { result as i32 };
        (&raw mut (*key).row).write(slot.row);
        (&raw mut (*key).epoch).write(epoch);
        (&raw mut (*key).call).write(call as u32);
        (&raw mut (*key).result).write(result);
        (&raw mut (*key).detail).write(arguments.detail());
        (&raw mut (*key).directories).write([start.identity(), other_start.identity()]);
        // A name that fills its room may be longer, and would pass for every other that begins alike.
        let other_room = NAME_KEY_BYTES as i64 - i64::from(room);
        let fits = length < i64::from(room) - 1 && (!has_other || other_length < other_room - 1);
        if fits && !first_time(slot, &*key) {
            return;
        }
        let (to, other_to) = (
            (&raw mut (*event).name).cast::<u8>(),
            (&raw mut (*event).other).cast::<u8>(),
        );
        let (mut length, mut other_length) = (length, other_length);
        if fits {
            // What the key says, and not what stands in the caller's memory by now.
            copy(to, first, room);
            if has_other {
                copy(
                    other_to,
                    second,
                    NAME_KEY_BYTES as u32 - NAME_KEY_OTHER as u32,
                );
            }
        } else {
            length = read(to, NAME_BYTES as u32, name).max(0);
            other_length = read(other_to, NAME_BYTES as u32, other).max(0);
        }
        emit::write_header(&raw mut (*event).header, kind::NAME, slot.container);
        (&raw mut (*event).call).write(call as u32);
        (&raw mut (*event).result).write(result);
        (&raw mut (*event).detail).write((*key).detail);
        (&raw mut (*event).len).write(length as u32);
        (&raw mut (*event).other_len).write(if has_other { other_length as u32 } else { 0 });
        (&raw mut (*event).other_base).write(0);
        (&raw mut (*event)._pad).write(0);
        let base = &raw mut (*event).base;
        let mut used = paths::walk(slot.row, start.dentry, start.mounted, base, 0);
        if other_start.dentry != start.dentry && !other_start.dentry.is_null() {
            (&raw mut (*event).other_base).write(used as u32);
            used = paths::walk(
                slot.row,
                other_start.dentry,
                other_start.mounted,
                base,
                used,
            );
        }
        let size = size_of::<NameEvent>() - PATH_BYTES + (used & (PATH_BYTES - 1));
        if !emit::output(slot.row, Ring::Events, event.cast(), size, false) && fits {
            forget(&*key);
        }
    }
}

/// Whether this was not reported before. It is remembered; should its event not be delivered, [`forget`] it.
#[inline(always)]
pub fn first_time(slot: &Slot, key: &NameKey) -> bool {
    if SEEN_NAMES.get_ptr(key).is_some() {
        return false;
    }
    if SEEN_NAMES.insert(key, &1, 0).is_err() {
        emit::count_loss(slot.row, lost::SEEN_FULL);
    }
    true
}

/// Forgets what was not delivered.
#[inline(always)]
pub fn forget(key: &NameKey) {
    let _ = SEEN_NAMES.remove(key);
}

/// Reads a caller's name, and returns its length, or less than 0.
#[inline(always)]
unsafe fn read(to: *mut u8, room: u32, from: Option<u64>) -> i64 {
    let Some(from) = from else {
        return -1;
    };
    // SAFETY: the caller's: `to` has this room.
    unsafe { bpf_probe_read_user_str(to.cast(), room, from as *const _) - 1 }
}

/// Copies a name with its end, which lies within this room.
#[inline(always)]
unsafe fn copy(to: *mut u8, name: *const u8, room: u32) {
    // SAFETY: the caller's.
    unsafe {
        bpf_probe_read_kernel_str(to.cast(), room, name.cast());
    }
}

/// Where a name starts: null for an absolute one.
#[derive(Clone, Copy)]
struct Start {
    dentry: *const u8,
    mounted: *const u8,
}

impl Start {
    /// # Safety
    ///
    /// `name` points to a name that was read.
    #[inline(always)]
    unsafe fn of(name: *const u8, directory: Option<u64>) -> Self {
        // SAFETY: the caller's.
        if unsafe { name.read() } == b'/' {
            return Self {
                dentry: core::ptr::null(),
                mounted: core::ptr::null(),
            };
        }
        match directory {
            Some(descriptor) if descriptor as i32 != AT_FDCWD => {
                let file = descriptors::file_of(descriptor);
                Self {
                    dentry: peek(file, &fields::FILE_DENTRY),
                    mounted: peek(file, &fields::FILE_MNT),
                }
            }
            _ => {
                let fs: *const u8 = peek(watch::current_task(), &fields::TASK_FS);
                Self {
                    dentry: peek(fs, &fields::FS_PWD_DENTRY),
                    mounted: peek(fs, &fields::FS_PWD_MNT),
                }
            }
        }
    }

    /// The directory's address, mixed with its name's hash, which the kernel seeds with its parent's address: another
    /// directory that comes to lie at the same address is another one.
    #[inline(always)]
    fn identity(self) -> u64 {
        let name: u64 = peek(self.dentry, &fields::DENTRY_HASH_LEN);
        self.dentry as u64 ^ name.rotate_left(32)
    }
}
