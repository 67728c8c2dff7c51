//! Files: what a container opened, by identity, and its path where it is new.

use aya_ebpf::{bindings::BPF_NOEXIST, helpers::bpf_get_current_pid_tgid};
use picket_ebpf::{
    ACCESS_CHANGE, ACCESS_MAP_CODE, ACCESS_MAP_WRITE, ACCESS_READ, ACCESS_WRITE, FileKey,
    FileState, KNOWN_FILES, OpenEvent, PATH_BYTES, SEEN_BY_PROCESS, SEEN_FILE, SEEN_FOR_GOOD,
    SEEN_UNSORTED, SeenKey, Slot, StdioEvent, UNSORTED, file_class, kind, lost,
};

use super::{
    arguments::Arguments,
    descriptors::{self, Read, Untyped, WithFile, file_of},
    emit::{self, Ring},
    fields,
    fields::{direct, peek},
    maps::{EPOCH, FILE, KNOWN, OPEN_SCRATCH, SEEN_THINGS},
    paths::{self, S_IFDIR, S_IFMT, S_IFSOCK},
    protocols::{AF_INET, AF_INET6},
};

const NOT_SORTED: FileState = FileState {
    class: UNSORTED,
    _pad: 0,
    read: 0,
    written: 0,
};
/// `include/linux/fs.h`.
const FMODE_WRITE: u32 = 2;
const FMODE_PATH: u32 = 1 << 14;
/// `include/uapi/asm-generic/fcntl.h`.
const O_APPEND: u32 = 0o2000;
/// `include/uapi/asm-generic/mman-common.h` and `include/uapi/linux/mman.h`.
const PROT_WRITE: u64 = 2;
const PROT_EXEC: u64 = 4;
const MAP_PRIVATE: u64 = 2;
const MAP_TYPE: u64 = 0xf;
const MAP_ANONYMOUS: u64 = 0x20;

/// A file was opened as descriptor `fd`: reported once per container, epoch and access.
#[inline(always)]
pub fn opened(task: *const u8, slot: Slot, fd: u64, arguments: &Arguments) {
    descriptors::with_file(task, fd, Open { slot, arguments });
}

struct Open<'a> {
    slot: Slot,
    arguments: &'a Arguments,
}

impl WithFile for Open<'_> {
    #[inline(always)]
    fn run<R: Read>(self, file: *const u8) {
        let mode: u32 = R::field(file, &fields::FILE_MODE);
        // It stands for the name alone; to use the file it has to be opened.
        if mode & FMODE_PATH != 0 {
            return;
        }
        let kept: u32 = R::field(file, &fields::FILE_FLAGS);
        let writes = mode & FMODE_WRITE != 0;
        let access = u64::from(if writes { ACCESS_WRITE } else { ACCESS_READ });
        // To add to a file and to write over what is in it are two uses.
        let adds = u64::from(writes && kept & O_APPEND != 0);
        let Some((key, known)) = unremembered::<R>(&self.slot, file, access | adds << 8) else {
            return;
        };
        // The file keeps its flags, but those that only the opening needs (`do_dentry_open`, fs/open.c).
        let flags = kept | self.arguments.detail() as u32;
        unfamiliar(&self.slot, file, &key, known, flags);
    }
}

/// A file was mapped: reported as [`opened`] is, when it was mapped as code, or so that stores change it.
///
/// # Safety
///
/// `registers` is the typed argument of the tracepoint.
#[inline(never)]
pub unsafe fn mapped(slot: &Slot, registers: *const u8) {
    // SAFETY: the caller's.
    let (protection, flags, fd) = unsafe {
        (
            direct::<u64>(registers, &fields::REGS_ARG2),
            direct::<u64>(registers, &fields::REGS_ARG3),
            direct::<u64>(registers, &fields::REGS_ARG4),
        )
    };
    if flags & MAP_ANONYMOUS != 0 {
        return;
    }
    let is_shared = flags & MAP_TYPE != MAP_PRIVATE;
    let access = if protection & PROT_EXEC != 0 {
        ACCESS_MAP_CODE
    } else if is_shared && protection & PROT_WRITE != 0 {
        ACCESS_MAP_WRITE
    } else {
        return;
    };
    // The upper half of the register may be anything.
    let file = file_of(fd & u64::from(u32::MAX));
    if let Some((key, known)) = unremembered::<Untyped>(slot, file, access.into()) {
        let flags = peek(file, &fields::FILE_FLAGS);
        unfamiliar(slot, file, &key, known, flags);
    }
}

/// A file was changed through its descriptor: reported as [`opened`] is, once for each call and kind of mode.
#[inline(never)]
pub fn changed(slot: &Slot, fd: u64, call: u64, mode: u64) {
    let file = file_of(fd & u64::from(u32::MAX));
    // Whether it may be run, and as whom, is what matters of a mode.
    let telling = u64::from(mode & 0o111 != 0) | (mode & 0o6000) >> 9;
    let detail = (call & 0x1ff) | telling << 9;
    let access = u64::from(ACCESS_CHANGE) | detail << 8;
    if let Some((key, known)) = unremembered::<Untyped>(slot, file, access) {
        let flags = (call & 0xffff) as u32 | (mode as u32) << 16;
        unfamiliar(slot, file, &key, known, flags);
    }
}

/// The key of a file that this CPU does not remember, and where it is to be remembered.
#[inline(always)]
fn unremembered<R: Read>(
    slot: &Slot,
    file: *const u8,
    access: u64,
) -> Option<(SeenKey, *mut SeenKey)> {
    let key = key_of::<R>(slot, file, access)?;
    let known = KNOWN.get_ptr_mut(index_of(&key))?;
    // SAFETY: this CPU's own value, which no other program touches.
    if unsafe { is_same(known, &key) } {
        return None;
    }
    Some((key, known))
}

/// What a file is known by.
///
/// Two addresses and the name's hash, which the kernel seeds with the address of the directory. They stand for the file
/// while it is in use. For another file to be taken for it, both its inode and its dentry must come to lie where the
/// known file's lay, which can be provoked, and its name's 32-bit hash must be the same under a seed that no container
/// knows. Inode numbers, which a file system gives out again as it likes, would be no harder, and cost another read.
#[inline(always)]
fn key_of<R: Read>(slot: &Slot, file: *const u8, access: u64) -> Option<SeenKey> {
    let inode: u64 = R::field(file, &fields::FILE_INODE);
    let dentry: *const u8 = R::field(file, &fields::FILE_DENTRY);
    let name: u64 = R::field(dentry, &fields::DENTRY_HASH_LEN);
    // Another thread closed the descriptor meanwhile.
    if inode == 0 {
        return None;
    }
    let &epoch = EPOCH.get(slot.row)?;
    Some(SeenKey {
        row: slot.row,
        epoch,
        kind: SEEN_FILE | access << 8,
        what: [inode, dentry as u64, name],
    })
}

/// Where a key is remembered among `KNOWN`: by its name's hash, as no sum may be made of the verifier's typed pointers.
#[inline(always)]
fn index_of(key: &SeenKey) -> u32 {
    key.what[2] as u32 & (KNOWN_FILES - 1)
}

#[inline(always)]
unsafe fn is_same(known: *const SeenKey, key: &SeenKey) -> bool {
    unsafe {
        (*known).what[0] == key.what[0]
            && (*known).what[1] == key.what[1]
            && (*known).what[2] == key.what[2]
            && (*known).kind == key.kind
            && (*known).row == key.row
            && (*known).epoch == key.epoch
    }
}

/// A file that this CPU does not remember.
#[inline(never)]
fn unfamiliar(slot: &Slot, file: *const u8, key: &SeenKey, known: *mut SeenKey, flags: u32) {
    let mut key = *key;
    let inode: *const u8 = peek(file, &fields::FILE_INODE);
    let format = peek::<u16>(inode, &fields::INODE_MODE) & S_IFMT;
    // 0 is what an unreadable chain ends in.
    if format == 0 {
        return;
    }
    if format == S_IFDIR {
        // SAFETY: the caller's: this CPU's own value.
        unsafe { known.write(key) };
        return;
    }
    let filesystem: *const u8 = peek(inode, &fields::INODE_SB);
    let identity = FileKey {
        row: slot.row,
        device: peek(filesystem, &fields::SB_DEV),
        inode: peek(inode, &fields::INODE_INO),
    };
    match sorted(&key, &identity) {
        Some(SEEN_FOR_GOOD) => {
            // SAFETY: as above.
            unsafe { known.write(key) };
            return;
        }
        Some(SEEN_BY_PROCESS) => {
            key.kind |= bpf_get_current_pid_tgid() >> 32 << 32;
            if SEEN_THINGS.get_ptr(&key).is_some() {
                return;
            }
        }
        Some(_) => return,
        None => {}
    }
    if SEEN_THINGS.insert(&key, &SEEN_UNSORTED, 0).is_err() {
        emit::count_loss(slot.row, lost::SEEN_FULL);
    }
    // A file that is there already keeps its class.
    let _ = FILE.insert(&identity, &NOT_SORTED, BPF_NOEXIST.into());
    report(slot, file, &key, &identity, flags);
}

/// What is known of a file that was reported before, `None` for a new one. Whether it is of the kind that every process is
/// to be reported for is the agent's to say, which it does once it has read the report.
#[inline(always)]
fn sorted(key: &SeenKey, identity: &FileKey) -> Option<u8> {
    let value = SEEN_THINGS.get_ptr_mut(key)?;
    // SAFETY: a map value, which may be another key's by now: then that one is sorted too early or once more.
    unsafe {
        if *value == SEEN_UNSORTED
            && let Some(file) = FILE.get_ptr(identity)
        {
            *value = match (*file).class {
                UNSORTED => SEEN_UNSORTED,
                file_class::DEVICE | file_class::SECRET => SEEN_BY_PROCESS,
                _ => SEEN_FOR_GOOD,
            };
        }
        Some(*value)
    }
}

#[inline(always)]
fn report(slot: &Slot, file: *const u8, key: &SeenKey, identity: &FileKey, flags: u32) {
    let Some(event) = OPEN_SCRATCH.get_ptr_mut(0) else {
        return;
    };
    let access = (key.kind >> 8) as u32 & 0xff;
    // SAFETY: this CPU's own scratch (see its declaration); every field sent is written first.
    unsafe {
        emit::write_header(&raw mut (*event).header, kind::OPEN, slot.container);
        (&raw mut (*event).access).write(access);
        (&raw mut (*event).flags).write(flags);
        (&raw mut (*event).place).write(paths::place_of(file, peek(file, &fields::FILE_INODE)));
        (&raw mut (*event).device).write(identity.device);
        (&raw mut (*event).inode).write(identity.inode);
        let used = paths::of_file(slot.row, file, &raw mut (*event).path);
        let size = size_of::<OpenEvent>() - PATH_BYTES + used;
        let urgent = access == ACCESS_WRITE || access == ACCESS_MAP_WRITE;
        if !emit::output(slot.row, Ring::Events, event.cast(), size, urgent) {
            emit::forget(key);
        }
    }
}

/// A descriptor was duplicated onto standard input, output or error: reported when it is an internet socket.
#[inline(always)]
pub fn duplicated(slot: Slot, fd: u64) {
    if !is_internet_socket(file_of(fd)) {
        return;
    }
    let Some(mut entry) = emit::reserve::<StdioEvent>(slot.row, Ring::Alerts) else {
        return;
    };
    let event = entry.as_mut_ptr();
    // SAFETY: reserved ring memory; every field is written.
    unsafe {
        emit::write_header(&raw mut (*event).header, kind::STDIO, slot.container);
        (&raw mut (*event).fd).write(fd as u32);
        (&raw mut (*event)._pad).write(0);
    }
    entry.submit(emit::wake_flags(true));
}

/// Whether a file is an internet socket.
#[inline(always)]
pub fn is_internet_socket(file: *const u8) -> bool {
    let inode: *const u8 = peek(file, &fields::FILE_INODE);
    let format = peek::<u16>(inode, &fields::INODE_MODE) & S_IFMT;
    let socket: *const u8 = peek(file, &fields::FILE_PRIVATE);
    let sock: *const u8 = peek(socket, &fields::SOCKET_SK);
    let family: u16 = peek(sock, &fields::SOCK_FAMILY);
    format == S_IFSOCK && (family == AF_INET || family == AF_INET6)
}

const _: () = assert!(KNOWN_FILES.is_power_of_two());
