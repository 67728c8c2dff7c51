//! Names that callers write: reported once per container, epoch, call, result and directory.

use aya_ebpf::{
    helpers::generated::bpf_probe_read_user_str,
    macros::map,
    maps::{LruHashMap, PerCpuArray},
};
use picket_ebpf::{
    NAME_BYTES, NAME_KEY_BYTES, NameEvent, NameKey, PATH_BYTES, SEEN_NAMES as SEEN_NAMES_ENTRIES,
    Slot, kind, lost,
};

use super::{
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

/// A call that named a file.
#[derive(Clone, Copy)]
pub struct Named {
    pub call: u64,
    pub result: i64,
    pub detail: u64,
    /// The directory's descriptor, for calls that take one.
    pub directory: Option<u64>,
    /// Where the caller has the name.
    pub name: u64,
}

/// Reports a name unless it was reported before. Without the name, which another thread may have unmapped meanwhile,
/// only a loss is counted; a caller who gave no valid address named nothing.
#[inline(always)]
pub fn report(slot: Slot, named: Named) {
    let (Some(&epoch), Some(scratch)) = (EPOCH.get(slot.row), NAME_SCRATCH.get_ptr_mut(0)) else {
        return;
    };
    // SAFETY: this CPU's own scratch (see its declaration); every field sent is written first.
    unsafe {
        let key = &raw mut (*scratch).key;
        let event = &raw mut (*scratch).event;
        let name = (&raw mut (*event).name).cast::<u64>();
        for word in 0..NAME_KEY_BYTES / 8 {
            name.add(word).write(0);
        }
        let written =
            bpf_probe_read_user_str(name.cast(), NAME_BYTES as u32, named.name as *const _);
        if written <= 0 {
            if named.result != -EFAULT {
                emit::count_loss(slot.row, lost::PATH_UNREADABLE);
            }
            return;
        }
        let length = written as u32 - 1;
        let absolute = name.cast::<u8>().read() == b'/';
        let file = directory_file(named);
        let directory: u64 = if absolute {
            0
        } else if file.is_null() {
            let fs: *const u8 = peek(watch::current_task(), &fields::TASK_FS);
            peek(fs, &fields::FS_PWD_DENTRY)
        } else {
            peek(file, &fields::FILE_DENTRY)
        };
        (&raw mut (*key).row).write(slot.row);
        (&raw mut (*key).epoch).write(epoch);
        (&raw mut (*key).call).write(named.call as u32);
        (&raw mut (*key).result).write(named.result as i32);
        (&raw mut (*key).directory).write(directory);
        for word in 0..NAME_KEY_BYTES / 8 {
            (&raw mut (*key).name)
                .cast::<u64>()
                .add(word)
                .write(name.add(word).read());
        }
        // A longer one would pass for every other that begins alike.
        let fits = (length as usize) < NAME_KEY_BYTES;
        if fits && !first_time(slot, &*key) {
            return;
        }
        emit::write_header(&raw mut (*event).header, kind::NAME, slot.container);
        (&raw mut (*event).call).write(named.call as u32);
        (&raw mut (*event).result).write(named.result as i32);
        (&raw mut (*event).detail).write(named.detail);
        (&raw mut (*event).len).write(length);
        (&raw mut (*event).other_len).write(0);
        (&raw mut (*event).base.len).write(0);
        (&raw mut (*event).base.flags).write(0);
        let used = if absolute {
            0
        } else if file.is_null() {
            paths::of_working_directory(slot.row, &raw mut (*event).base)
        } else {
            paths::of_file(slot.row, file, &raw mut (*event).base)
        };
        let size = size_of::<NameEvent>() - PATH_BYTES + used;
        if !emit::output(slot.row, Ring::Events, event.cast(), size, false) {
            if fits {
                forget(&*key);
            }
        }
    }
}

/// Whether this was not reported before. It is remembered; should its event not be delivered, [`forget`] it.
#[inline(always)]
pub fn first_time(slot: Slot, key: &NameKey) -> bool {
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

/// The directory's file, or null where relative names start at the working directory.
#[inline(always)]
fn directory_file(named: Named) -> *const u8 {
    match named.directory {
        Some(descriptor) if descriptor as i32 != AT_FDCWD => descriptors::file_of(descriptor),
        _ => core::ptr::null(),
    }
}
