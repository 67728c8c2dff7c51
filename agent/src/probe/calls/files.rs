//! Calls about files: which of them the probe looks at, and where among their arguments it finds what.

use libc::c_long;
use picket_ebpf::{
    CALL_CHANGES, CALL_EXECS, CALL_MAPS, CALL_MOVES, CALL_NAMES, CALL_OPENS, CALL_READS,
    CALL_WRITES, CALLS, shape,
};

/// `fchmodat2`, which libc does not name for every architecture; the number is the same on all.
const SYS_FCHMODAT2: c_long = 452;
/// `setxattrat` and `removexattrat`, likewise.
const SYS_SETXATTRAT: c_long = 463;
const SYS_REMOVEXATTRAT: c_long = 466;

/// A call, what it does, and the positions of its arguments from 1 on, 0 for none: name, directory, second name, its
/// directory, flags or mode.
type Naming = (c_long, u32, [u32; 5]);

const NAMING: &[Naming] = &[
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, CALL_OPENS, [1, 0, 0, 0, 2]),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_creat, CALL_OPENS, [1, 0, 0, 0, 0]),
    (libc::SYS_openat, CALL_OPENS, [2, 1, 0, 0, 3]),
    (
        libc::SYS_openat2,
        CALL_OPENS,
        [2, 1, 0, 0, 3 | shape::BEHIND],
    ),
    (libc::SYS_execve, CALL_EXECS, [1, 0, 0, 0, 0]),
    (libc::SYS_execveat, CALL_EXECS, [2, 1, 0, 0, 0]),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_rename, CALL_NAMES, [1, 0, 2, 0, 0]),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_renameat, CALL_NAMES, [2, 1, 4, 3, 0]),
    (libc::SYS_renameat2, CALL_NAMES, [2, 1, 4, 3, 5]),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_unlink, CALL_NAMES, [1, 0, 0, 0, 0]),
    (libc::SYS_unlinkat, CALL_NAMES, [2, 1, 0, 0, 3]),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_rmdir, CALL_NAMES, [1, 0, 0, 0, 0]),
    (libc::SYS_truncate, CALL_NAMES, [1, 0, 0, 0, 0]),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_chmod, CALL_NAMES, [1, 0, 0, 0, 2]),
    (libc::SYS_fchmodat, CALL_NAMES, [2, 1, 0, 0, 3]),
    (SYS_FCHMODAT2, CALL_NAMES, [2, 1, 0, 0, 3]),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_chown, CALL_NAMES, [1, 0, 0, 0, 2]),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_lchown, CALL_NAMES, [1, 0, 0, 0, 2]),
    (libc::SYS_fchownat, CALL_NAMES, [2, 1, 0, 0, 3]),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_link, CALL_NAMES, [1, 0, 2, 0, 0]),
    (libc::SYS_linkat, CALL_NAMES, [2, 1, 4, 3, 5]),
    // The link comes second here; what it points to is a text and no file.
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_symlink, CALL_NAMES, [2, 0, 1, 0, 0]),
    (libc::SYS_symlinkat, CALL_NAMES, [3, 2, 1, 2, 0]),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_utime, CALL_NAMES, [1, 0, 0, 0, 0]),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_utimes, CALL_NAMES, [1, 0, 0, 0, 0]),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_futimesat, CALL_NAMES, [2, 1, 0, 0, 0]),
    (libc::SYS_utimensat, CALL_NAMES, [2, 1, 0, 0, 0]),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_mkdir, CALL_NAMES, [1, 0, 0, 0, 2]),
    (libc::SYS_mkdirat, CALL_NAMES, [2, 1, 0, 0, 3]),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_mknod, CALL_NAMES, [1, 0, 0, 0, 2]),
    (libc::SYS_mknodat, CALL_NAMES, [2, 1, 0, 0, 3]),
    (libc::SYS_setxattr, CALL_NAMES, [1, 0, 0, 0, 0]),
    (libc::SYS_lsetxattr, CALL_NAMES, [1, 0, 0, 0, 0]),
    (SYS_SETXATTRAT, CALL_NAMES, [2, 1, 0, 0, 0]),
    (libc::SYS_removexattr, CALL_NAMES, [1, 0, 0, 0, 0]),
    (libc::SYS_lremovexattr, CALL_NAMES, [1, 0, 0, 0, 0]),
    (SYS_REMOVEXATTRAT, CALL_NAMES, [2, 1, 0, 0, 0]),
    (libc::SYS_memfd_create, CALL_NAMES, [1, 0, 0, 0, 2]),
    // Through a descriptor, in the first argument.
    (libc::SYS_ftruncate, CALL_CHANGES, [0, 0, 0, 0, 0]),
    (libc::SYS_fchmod, CALL_CHANGES, [0, 0, 0, 0, 2]),
    (libc::SYS_fchown, CALL_CHANGES, [0, 0, 0, 0, 0]),
    (libc::SYS_fsetxattr, CALL_CHANGES, [0, 0, 0, 0, 0]),
    (libc::SYS_fremovexattr, CALL_CHANGES, [0, 0, 0, 0, 0]),
];

/// Calls without a name whose descriptors the probe knows by itself.
const PLAIN: &[(c_long, u32)] = &[
    (libc::SYS_open_by_handle_at, CALL_OPENS),
    (libc::SYS_mmap, CALL_MAPS),
    (libc::SYS_read, CALL_READS),
    (libc::SYS_pread64, CALL_READS),
    (libc::SYS_readv, CALL_READS),
    (libc::SYS_preadv, CALL_READS),
    (libc::SYS_preadv2, CALL_READS),
    (libc::SYS_write, CALL_WRITES),
    (libc::SYS_pwrite64, CALL_WRITES),
    (libc::SYS_writev, CALL_WRITES),
    (libc::SYS_pwritev, CALL_WRITES),
    (libc::SYS_pwritev2, CALL_WRITES),
];

/// Calls between two descriptors, with the positions of the one read and the one written.
const MOVING: &[(c_long, u32, u32)] = &[
    (libc::SYS_sendfile, 2, 1),
    (libc::SYS_splice, 1, 3),
    (libc::SYS_copy_file_range, 1, 3),
];

/// Adds these calls' flags to the `CALL_FLAGS` global.
pub fn add_flags(flags: &mut [u32; CALLS]) {
    let naming = NAMING.iter().map(|(call, flag, _)| (*call, *flag));
    let moving = MOVING.iter().map(|(call, _, _)| (*call, CALL_MOVES));
    for (call, flag) in naming.chain(PLAIN.iter().copied()).chain(moving) {
        if let Some(slot) = slot(flags, call) {
            *slot |= flag;
        }
    }
}

/// The `CALL_SHAPES` global.
pub fn shapes() -> [u32; CALLS] {
    let mut shapes = [0; CALLS];
    for &(call, _, [name, directory, other, other_directory, detail]) in NAMING {
        if let Some(slot) = slot(&mut shapes, call) {
            *slot = name << shape::NAME
                | directory << shape::DIRECTORY
                | other << shape::OTHER
                | other_directory << shape::OTHER_DIRECTORY
                | detail << shape::DETAIL;
        }
    }
    for &(call, source, target) in MOVING {
        if let Some(slot) = slot(&mut shapes, call) {
            *slot = source << shape::SOURCE | target << shape::TARGET;
        }
    }
    shapes
}

/// Does the call open a file by name?
pub fn opens(call: c_long) -> bool {
    has(call, CALL_OPENS)
}

/// Does the call start a program?
pub fn execs(call: c_long) -> bool {
    has(call, CALL_EXECS)
}

/// Does the call make a symbolic link?
pub fn makes_symlink(call: c_long) -> bool {
    #[cfg(target_arch = "x86_64")]
    if call == libc::SYS_symlink {
        return true;
    }
    call == libc::SYS_symlinkat
}

fn has(call: c_long, flag: u32) -> bool {
    NAMING
        .iter()
        .any(|(number, flags, _)| *number == call && flags & flag != 0)
}

fn slot<T>(table: &mut [T; CALLS], call: c_long) -> Option<&mut T> {
    table.get_mut(usize::try_from(call).ok()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "tests")]

    use super::*;

    #[test]
    fn calls_have_their_flags_and_shapes() {
        let mut flags = [0; CALLS];
        add_flags(&mut flags);
        let shapes = shapes();
        for (call, flag, shape) in [
            (libc::SYS_openat, CALL_OPENS, 0x3_00_12),
            (libc::SYS_openat2, CALL_OPENS, 0xb_00_12),
            (libc::SYS_renameat2, CALL_NAMES, 0x5_34_12),
            (libc::SYS_unlinkat, CALL_NAMES, 0x3_00_12),
            (libc::SYS_symlinkat, CALL_NAMES, 0x0_21_23),
            (libc::SYS_fchmod, CALL_CHANGES, 0x2_00_00),
            (libc::SYS_sendfile, CALL_MOVES, 0x12),
            (libc::SYS_read, CALL_READS, 0),
            (libc::SYS_recvfrom, 0, 0),
        ] {
            let index = usize::try_from(call).unwrap_or(0);
            assert_eq!((flags[index], shapes[index]), (flag, shape), "{call}");
        }
    }

    #[test]
    fn no_call_stands_twice() {
        let mut calls: Vec<c_long> = NAMING.iter().map(|(call, _, _)| *call).collect();
        calls.extend(PLAIN.iter().map(|(call, _)| *call));
        calls.extend(MOVING.iter().map(|(call, _, _)| *call));
        let count = calls.len();
        calls.sort_unstable();
        calls.dedup();
        assert_eq!(calls.len(), count);
    }
}
