//! Bytes read from files and written to them, by class of file. Pipes and sockets leave at the first test.

use core::arch::asm;

use picket_ebpf::{FileKey, Row, Slot, UNSORTED, file_class};

use super::{
    descriptors::{self, Read, WithFile},
    fields,
    maps::FILE,
    paths::{S_IFBLK, S_IFCHR, S_IFMT, S_IFREG},
};

/// `include/uapi/linux/magic.h`: event counters, timers and their like, which newer kernels give a regular file's mode.
const ANON_INODE_FS_MAGIC: u64 = 0x0904_1934;

/// Which way the bytes went.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the file.
    Read,
    /// To the file.
    Written,
}

/// Counts bytes that a call has moved from or to descriptor `fd`.
#[inline(always)]
pub fn moved(task: *const u8, slot: Slot, row: *mut Row, fd: u64, bytes: u64, way: Way) {
    let count = Count {
        slot,
        row,
        bytes,
        way,
    };
    descriptors::with_file(task, fd, count);
}

struct Count {
    slot: Slot,
    row: *mut Row,
    bytes: u64,
    way: Way,
}

impl WithFile for Count {
    #[inline(always)]
    fn run<R: Read>(self, file: *const u8) {
        let inode: *const u8 = R::field(file, &fields::FILE_INODE);
        let format = R::field::<u16>(inode, &fields::INODE_MODE) & S_IFMT;
        if format != S_IFREG && format != S_IFCHR && format != S_IFBLK {
            return;
        }
        let filesystem: *const u8 = R::field(inode, &fields::INODE_SB);
        if R::field::<u64>(filesystem, &fields::SB_MAGIC) == ANON_INODE_FS_MAGIC {
            return;
        }
        let key = FileKey {
            row: self.slot.row,
            device: R::field(filesystem, &fields::SB_DEV),
            inode: R::field(inode, &fields::INODE_INO),
        };
        // SAFETY: the row is this CPU's own. The entry is a map value, which may be another file's by now: then that one
        // is counted too much, once.
        unsafe {
            let entry = FILE.get_ptr_mut(&key);
            let class = entry.map_or(file_class::OTHER, |entry| (*entry).class);
            if class == UNSORTED
                && let Some(entry) = entry
            {
                let counter = match self.way {
                    Way::Read => &raw mut (*entry).read,
                    Way::Written => &raw mut (*entry).written,
                };
                asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) counter, in(reg) self.bytes);
                return;
            }
            if class as usize >= file_class::COUNT {
                return;
            }
            let counters = match self.way {
                Way::Read => (&raw mut (*self.row).file_read).cast::<u64>(),
                Way::Written => (&raw mut (*self.row).file_written).cast::<u64>(),
            };
            let counter = counters.add(class as usize);
            *counter = (*counter).wrapping_add(self.bytes);
        }
    }
}
