//! Paths of files and directories, and where a file lies.

use aya_ebpf::helpers::generated::bpf_probe_read_kernel_str;
use picket_ebpf::{
    PATH_BYTES, PATH_CUT, PATH_PARTS, PATH_UNREADABLE, PLACE_DEVICE, PLACE_MEMFD, PLACE_TMPFS,
    PLACE_UNLINKED, PLACE_UPPER, PathParts, lost,
};

use super::{
    emit, fields,
    fields::{peek, peek_at},
    watch,
};

/// Longest component; the kernel's NAME_MAX is 255.
const PART_BYTES: usize = 256;
/// `include/uapi/linux/stat.h`.
pub const S_IFMT: u16 = 0o170_000;
pub const S_IFDIR: u16 = 0o040_000;
pub const S_IFSOCK: u16 = 0o140_000;
pub const S_IFREG: u16 = 0o100_000;
pub const S_IFCHR: u16 = 0o020_000;
pub const S_IFBLK: u16 = 0o060_000;
/// `include/uapi/linux/magic.h`.
const TMPFS_MAGIC: u64 = 0x0102_1994;
const OVERLAYFS_MAGIC: u64 = 0x794c_7630;

/// Writes the path of `file` into `parts`, from its last component up to the task's root, and returns the bytes used.
/// `row` is whose loss it is when a component cannot be read.
///
/// # Safety
///
/// `parts` points into reserved ring memory or a map value.
#[inline(always)]
pub unsafe fn of_file(row: u32, file: *const u8, parts: *mut PathParts) -> usize {
    let dentry: *const u8 = peek(file, &fields::FILE_DENTRY);
    let mounted: *const u8 = peek(file, &fields::FILE_MNT);
    // SAFETY: the caller's.
    unsafe { walk(row, dentry, mounted, parts, 0) }
}

/// As [`of_file`], for the current task's working directory.
///
/// # Safety
///
/// As for [`of_file`].
#[inline(always)]
pub unsafe fn of_working_directory(row: u32, parts: *mut PathParts) -> usize {
    let fs: *const u8 = peek(watch::current_task(), &fields::TASK_FS);
    let dentry: *const u8 = peek(fs, &fields::FS_PWD_DENTRY);
    let mounted: *const u8 = peek(fs, &fields::FS_PWD_MNT);
    // SAFETY: the caller's.
    unsafe { walk(row, dentry, mounted, parts, 0) }
}

/// Writes a path behind the first `used` bytes of `parts`, and returns the bytes used then. A null `dentry` has an empty
/// path. A program of its own to the verifier, so that it follows the loop once for all who call it.
///
/// # Safety
///
/// As for [`of_file`].
#[inline(never)]
pub unsafe fn walk(
    row: u32,
    mut dentry: *const u8,
    mut mounted: *const u8,
    parts: *mut PathParts,
    mut used: usize,
) -> usize {
    let fs: *const u8 = peek(watch::current_task(), &fields::TASK_FS);
    let root_dentry: *const u8 = peek(fs, &fields::FS_ROOT_DENTRY);
    let root_mounted: *const u8 = peek(fs, &fields::FS_ROOT_MNT);
    // A path that ends otherwise than by the walk reaching a root is marked.
    let mut flags = PATH_CUT;
    for _ in 0..PATH_PARTS {
        if used >= PATH_BYTES - PART_BYTES {
            break;
        }
        if dentry.is_null() || (dentry == root_dentry && mounted == root_mounted) {
            flags = 0;
            break;
        }
        let top: *const u8 = peek(mounted, &fields::VFSMOUNT_ROOT);
        let parent: *const u8 = peek(dentry, &fields::DENTRY_PARENT);
        if dentry == top {
            let mount = mounted.wrapping_byte_sub(fields::MOUNT_MNT.load() as usize);
            let above: *const u8 = peek(mount, &fields::MOUNT_PARENT);
            if above == mount || above.is_null() {
                flags = 0;
                break;
            }
            dentry = peek(mount, &fields::MOUNT_MOUNTPOINT);
            mounted = above.wrapping_byte_add(fields::MOUNT_MNT.load() as usize);
            continue;
        }
        let name: *const u8 = peek(dentry, &fields::DENTRY_NAME);
        // SAFETY: `used` is less than PATH_BYTES - PART_BYTES here, so the longest component fits.
        let written = unsafe {
            let to = (&raw mut (*parts).bytes)
                .cast::<u8>()
                .add(used & (PATH_BYTES - 1));
            bpf_probe_read_kernel_str(to.cast(), PART_BYTES as u32, name.cast())
        };
        if written <= 0 {
            emit::count_loss(row, lost::PATH_UNREADABLE);
            flags = PATH_UNREADABLE;
            break;
        }
        used += written as usize & (2 * PART_BYTES - 1);
        // A file without a directory: a memfd, for one.
        if dentry == parent {
            flags = 0;
            break;
        }
        dentry = parent;
    }
    // SAFETY: the caller's.
    unsafe {
        (&raw mut (*parts).len).write(used as u32);
        (&raw mut (*parts).flags).write(flags);
    }
    used & (PATH_BYTES - 1)
}

/// The `PLACE_` flags of a file and its inode.
#[inline(always)]
pub fn place_of(file: *const u8, inode: *const u8) -> u32 {
    let mut place = 0;
    let format = peek::<u16>(inode, &fields::INODE_MODE) & S_IFMT;
    if format == S_IFCHR || format == S_IFBLK {
        place |= PLACE_DEVICE;
    }
    let filesystem: *const u8 = peek(inode, &fields::INODE_SB);
    let magic: u64 = peek(filesystem, &fields::SB_MAGIC);
    let upper: u64 = peek(inode, &fields::OVL_UPPER);
    if magic == TMPFS_MAGIC {
        place |= PLACE_TMPFS;
    }
    if magic == OVERLAYFS_MAGIC && upper != 0 {
        place |= PLACE_UPPER;
    }
    if peek::<u32>(inode, &fields::INODE_NLINK) == 0 {
        place |= PLACE_UNLINKED;
        if is_memfd(file) {
            place |= PLACE_MEMFD;
        }
    }
    place
}

/// `mm/memfd.c` names such files `memfd:…`.
#[inline(always)]
fn is_memfd(file: *const u8) -> bool {
    let dentry: *const u8 = peek(file, &fields::FILE_DENTRY);
    let name: *const u8 = peek(dentry, &fields::DENTRY_NAME);
    // The name may be shorter than eight bytes; it always stands in at least so many.
    peek_at::<u64>(name).to_ne_bytes().starts_with(b"memfd:")
}
