//! Files: what a container opened, by identity, and its path where it is new.

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use picket_ebpf::{
    ACCESS_READ, ACCESS_WRITE, FileKey, KNOWN_FILES, OpenEvent, PATH_BYTES, SEEN_BY_PROCESS,
    SEEN_FILE, SEEN_FOR_GOOD, SEEN_UNSORTED, SeenKey, Slot, StdioEvent, file_class, kind, lost,
};

use super::{
    descriptors::{self, Read, WithFile, file_of},
    emit::{self, Ring},
    fields,
    fields::peek,
    maps::{EPOCH, FILE_CLASS, KNOWN, OPEN_SCRATCH, SEEN_THINGS},
    paths::{self, S_IFDIR, S_IFMT, S_IFSOCK},
};

/// `include/linux/fs.h`.
const FMODE_WRITE: u32 = 2;
/// `include/linux/socket.h`.
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// A file was opened as descriptor `fd`: reported once per container, epoch and access.
#[inline(always)]
pub fn opened(task: *const u8, slot: Slot, fd: u64) {
    descriptors::with_file(task, fd, Use { slot });
}

struct Use {
    slot: Slot,
}

impl WithFile for Use {
    #[inline(always)]
    fn run<R: Read>(self, file: *const u8) {
        let mode: u32 = R::field(file, &fields::FILE_MODE);
        let access = if mode & FMODE_WRITE != 0 {
            ACCESS_WRITE
        } else {
            ACCESS_READ
        };
        let Some(key) = key_of::<R>(&self.slot, file, access) else {
            return;
        };
        let Some(known) = KNOWN.get_ptr_mut(index_of(&key)) else {
            return;
        };
        // SAFETY: this CPU's own value, which no other program touches.
        unsafe {
            if is_same(known, &key) {
                return;
            }
        }
        unfamiliar(&self.slot, file, key, known);
    }
}

/// What a file is known by.
///
/// Two addresses and the name's hash, which the kernel seeds with the address of the directory. They stand for the file
/// while it is in use. For another file to be taken for it, both its inode and its dentry must come to lie where the
/// known file's lay, which can be provoked, and its name's 32-bit hash must be the same under a seed that no container
/// knows. Inode numbers, which a file system gives out again as it likes, would be no harder, and cost another read.
#[inline(always)]
fn key_of<R: Read>(slot: &Slot, file: *const u8, access: u32) -> Option<SeenKey> {
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
        kind: SEEN_FILE | u64::from(access) << 8,
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
fn unfamiliar(slot: &Slot, file: *const u8, mut key: SeenKey, known: *mut SeenKey) {
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
    report(slot, file, &key, &identity);
}

/// What is known of a file that was reported before, `None` for a new one. Whether it is of the kind that every process is
/// to be reported for is the agent's to say, which it does once it has read the report.
#[inline(always)]
fn sorted(key: &SeenKey, identity: &FileKey) -> Option<u8> {
    let value = SEEN_THINGS.get_ptr_mut(key)?;
    // SAFETY: a map value, which may be another key's by now: then that one is sorted too early or once more.
    unsafe {
        if *value == SEEN_UNSORTED
            && let Some(class) = FILE_CLASS.get_ptr(identity)
        {
            *value = match *class {
                file_class::DEVICE | file_class::SECRET => SEEN_BY_PROCESS,
                _ => SEEN_FOR_GOOD,
            };
        }
        Some(*value)
    }
}

#[inline(always)]
fn report(slot: &Slot, file: *const u8, key: &SeenKey, identity: &FileKey) {
    let Some(event) = OPEN_SCRATCH.get_ptr_mut(0) else {
        return;
    };
    let access = (key.kind >> 8) as u32 & 0xff;
    // SAFETY: this CPU's own scratch (see its declaration); every field sent is written first.
    unsafe {
        emit::write_header(&raw mut (*event).header, kind::OPEN, slot.container);
        (&raw mut (*event).access).write(access);
        (&raw mut (*event).flags).write(peek(file, &fields::FILE_FLAGS));
        (&raw mut (*event).place).write(paths::place_of(file, peek(file, &fields::FILE_INODE)));
        (&raw mut (*event).device).write(identity.device);
        (&raw mut (*event).inode).write(identity.inode);
        let used = paths::of_file(slot.row, file, &raw mut (*event).path);
        let size = size_of::<OpenEvent>() - PATH_BYTES + used;
        let urgent = access == ACCESS_WRITE;
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
