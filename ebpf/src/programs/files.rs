//! Files: what a container opened, by identity, and its path where it is new.

use picket_ebpf::{
    ACCESS_READ, ACCESS_WRITE, OpenEvent, PATH_BYTES, SEEN_FILE, Slot, StdioEvent, kind,
};

use super::{
    emit::{self, Ring},
    fields,
    fields::{peek, peek_at},
    maps::OPEN_SCRATCH,
    paths, watch,
};

/// `include/linux/fs.h`.
const FMODE_WRITE: u32 = 2;
/// `include/uapi/linux/stat.h`.
const S_IFMT: u16 = 0o170_000;
const S_IFDIR: u16 = 0o040_000;
const S_IFSOCK: u16 = 0o140_000;
/// `include/linux/socket.h`.
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// The file behind a descriptor of the current task, or null.
#[inline(always)]
pub fn file_of(fd: u64) -> *const u8 {
    let files: *const u8 = peek(watch::current_task(), &fields::TASK_FILES);
    let table: *const u8 = peek(files, &fields::FILES_FDT);
    let limit: u32 = peek(table, &fields::FDT_MAX_FDS);
    if fd >= u64::from(limit) {
        return core::ptr::null();
    }
    let slots: *const u8 = peek(table, &fields::FDT_FD);
    peek_at(slots.wrapping_byte_add((fd * 8) as usize))
}

/// A file was opened as descriptor `fd`: reported once per container, epoch and access.
#[inline(always)]
pub fn opened(slot: Slot, fd: u64) {
    let file = file_of(fd);
    let inode: *const u8 = peek(file, &fields::FILE_INODE);
    let format = peek::<u16>(inode, &fields::INODE_MODE) & S_IFMT;
    // 0 is what an unreadable chain ends in: another thread closed the descriptor meanwhile.
    if format == 0 || format == S_IFDIR {
        return;
    }
    let mode: u32 = peek(file, &fields::FILE_MODE);
    let access = if mode & FMODE_WRITE != 0 {
        ACCESS_WRITE
    } else {
        ACCESS_READ
    };
    let number: u64 = peek(inode, &fields::INODE_INO);
    let filesystem: *const u8 = peek(inode, &fields::INODE_SB);
    let device: u32 = peek(filesystem, &fields::SB_DEV);
    let dentry: *const u8 = peek(file, &fields::FILE_DENTRY);
    // The name's hash is seeded with its parent's address, so a reused inode number under another name is new.
    let name: u64 = peek(dentry, &fields::DENTRY_HASH_LEN);
    let what = [u64::from(device), number, name];
    let Some(key) = emit::first_time(slot, SEEN_FILE | u64::from(access) << 32, what) else {
        return;
    };
    let Some(event) = OPEN_SCRATCH.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: this CPU's own scratch (see its declaration); every field sent is written first.
    unsafe {
        emit::write_header(&raw mut (*event).header, kind::OPEN, slot.container);
        (&raw mut (*event).access).write(access);
        (&raw mut (*event).flags).write(0);
        (&raw mut (*event).place).write(paths::place_of(file, inode));
        (&raw mut (*event).device).write(device);
        (&raw mut (*event).inode).write(number);
        let used = paths::of_file(slot.row, file, &raw mut (*event).path);
        let size = size_of::<OpenEvent>() - PATH_BYTES + used;
        let urgent = access == ACCESS_WRITE;
        if !emit::output(slot.row, Ring::Events, event.cast(), size, urgent) {
            emit::forget(&key);
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
