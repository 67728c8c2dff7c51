//! Which kernel fields the programs read, by the name of their global.

use super::btf::{Btf, BtfError};

/// Global, structure, field path.
type Field = (&'static str, &'static str, &'static str);

const REQUIRED: &[Field] = &[
    ("TASK_PID", "task_struct", "pid"),
    ("TASK_TGID", "task_struct", "tgid"),
    ("TASK_REAL_PARENT", "task_struct", "real_parent"),
    ("TASK_CGROUPS", "task_struct", "cgroups"),
    ("TASK_MM", "task_struct", "mm"),
    ("TASK_FS", "task_struct", "fs"),
    ("TASK_FILES", "task_struct", "files"),
    ("TASK_COMM", "task_struct", "comm"),
    ("TASK_CRED", "task_struct", "cred"),
    ("TASK_EXIT_CODE", "task_struct", "exit_code"),
    ("TASK_SIGNAL", "task_struct", "signal"),
    ("SIGNAL_LIVE", "signal_struct", "live.counter"),
    ("CRED_EUID", "cred", "euid"),
    ("CSS_SET_DFL_CGRP", "css_set", "dfl_cgrp"),
    ("CGROUP_KN", "cgroup", "kn"),
    ("CGROUP_ROOT", "cgroup", "root"),
    ("CGROUP_SELF_PARENT", "cgroup", "self.parent"),
    ("CSS_CGROUP", "cgroup_subsys_state", "cgroup"),
    ("ROOT_HIERARCHY_ID", "cgroup_root", "hierarchy_id"),
    ("KN_ID", "kernfs_node", "id"),
    ("KN_NAME", "kernfs_node", "name"),
    ("BPRM_FILENAME", "linux_binprm", "filename"),
    ("BPRM_FILE", "linux_binprm", "file"),
    ("BPRM_INTERP", "linux_binprm", "interp"),
    ("MM_ARG_START", "mm_struct", "arg_start"),
    ("MM_ARG_END", "mm_struct", "arg_end"),
    ("FILES_FDT", "files_struct", "fdt"),
    ("FILES_EMBEDDED", "files_struct", "fd_array"),
    ("FDT_FD", "fdtable", "fd"),
    ("FDT_MAX_FDS", "fdtable", "max_fds"),
    ("FILE_INODE", "file", "f_inode"),
    ("FILE_MODE", "file", "f_mode"),
    ("FILE_FLAGS", "file", "f_flags"),
    ("FILE_PRIVATE", "file", "private_data"),
    ("FILE_DENTRY", "file", "f_path.dentry"),
    ("FILE_MNT", "file", "f_path.mnt"),
    ("INODE_INO", "inode", "i_ino"),
    ("INODE_MODE", "inode", "i_mode"),
    ("INODE_NLINK", "inode", "i_nlink"),
    ("INODE_SB", "inode", "i_sb"),
    ("SB_DEV", "super_block", "s_dev"),
    ("SB_MAGIC", "super_block", "s_magic"),
    ("DENTRY_PARENT", "dentry", "d_parent"),
    ("DENTRY_HASH_LEN", "dentry", "d_name.hash_len"),
    ("DENTRY_NAME", "dentry", "d_name.name"),
    ("FS_ROOT_DENTRY", "fs_struct", "root.dentry"),
    ("FS_ROOT_MNT", "fs_struct", "root.mnt"),
    ("FS_PWD_DENTRY", "fs_struct", "pwd.dentry"),
    ("FS_PWD_MNT", "fs_struct", "pwd.mnt"),
    ("VFSMOUNT_ROOT", "vfsmount", "mnt_root"),
    ("MOUNT_MNT", "mount", "mnt"),
    ("MOUNT_PARENT", "mount", "mnt_parent"),
    ("MOUNT_MOUNTPOINT", "mount", "mnt_mountpoint"),
    ("SOCKET_SK", "socket", "sk"),
    ("SOCK_FAMILY", "sock", "__sk_common.skc_family"),
    ("SOCK_PORT", "sock", "__sk_common.skc_num"),
    ("SOCK_V4", "sock", "__sk_common.skc_rcv_saddr"),
    ("SOCK_V6", "sock", "__sk_common.skc_v6_rcv_saddr"),
    ("SOCK_FLAGS", "sock", "__sk_common.skc_flags"),
    ("SOCK_DADDR", "sock", "__sk_common.skc_daddr"),
    ("SOCK_V6_DADDR", "sock", "__sk_common.skc_v6_daddr"),
    ("SOCK_DPORT", "sock", "__sk_common.skc_dport"),
    ("SOCK_PROTOCOL", "sock", "sk_protocol"),
    ("SOCK_ERR", "sock", "sk_err"),
    ("SOCK_OWNED", "sock", "sk_lock.owned"),
    ("TCP_WRITE_SEQ", "tcp_sock", "write_seq"),
    ("TCP_SRTT_US", "tcp_sock", "srtt_us"),
    ("TCP_TOTAL_RETRANS", "tcp_sock", "total_retrans"),
    ("TCP_RETRANS_STAMP", "tcp_sock", "retrans_stamp"),
    ("TCP_BYTES_RECEIVED", "tcp_sock", "bytes_received"),
    ("TCP_BYTES_SENT", "tcp_sock", "bytes_sent"),
    ("TCP_BYTES_RETRANS", "tcp_sock", "bytes_retrans"),
    ("TCP_DATA_SEGS_IN", "tcp_sock", "data_segs_in"),
    ("TCP_DATA_SEGS_OUT", "tcp_sock", "data_segs_out"),
];

/// Fields without which something small is missing; their globals stay 0 where the kernel has none.
const OPTIONAL: &[Field] = &[
    ("SOCK_CGROUP", "sock", "sk_cgrp_data.cgroup"),
    ("URING_OPCODE", "io_kiocb", "opcode"),
];

#[cfg(target_arch = "x86_64")]
const REGISTERS: &[(&str, &str, u64)] = &[
    ("REGS_CALL", "orig_ax", 0),
    ("REGS_ARG0", "di", 0),
    ("REGS_ARG1", "si", 0),
    ("REGS_ARG2", "dx", 0),
    ("REGS_ARG3", "r10", 0),
    ("REGS_ARG4", "r8", 0),
    ("REGS_ARG5", "r9", 0),
];
/// arm64 overwrites x0 with the result and keeps the argument in `orig_x0`; the others stay in `regs`.
#[cfg(target_arch = "aarch64")]
const REGISTERS: &[(&str, &str, u64)] = &[
    ("REGS_CALL", "syscallno", 0),
    ("REGS_ARG0", "orig_x0", 0),
    ("REGS_ARG1", "regs", 8),
    ("REGS_ARG2", "regs", 16),
    ("REGS_ARG3", "regs", 24),
    ("REGS_ARG4", "regs", 32),
    ("REGS_ARG5", "regs", 40),
];

/// x86's `TS_COMPAT` in `thread_info.status` (`arch/x86/include/asm/thread_info.h`). On arm64 a 32-bit call comes from
/// a 32-bit process only, and its bit lies elsewhere: not told apart there.
#[cfg(target_arch = "x86_64")]
pub const COMPAT_BIT: u32 = 2;
#[cfg(target_arch = "aarch64")]
pub const COMPAT_BIT: u32 = 0;

/// The value of every offset global on this kernel.
pub fn resolve(btf: &Btf<'_>) -> Result<Vec<(&'static str, u64)>, BtfError> {
    let mut offsets = Vec::with_capacity(REQUIRED.len() + 8);
    for &(global, structure, path) in REQUIRED {
        offsets.push((global, btf.offset(structure, path)?));
    }
    for &(global, structure, path) in OPTIONAL {
        offsets.push((global, btf.offset(structure, path).unwrap_or(0)));
    }
    // Where overlayfs is a module its types are not among the kernel's own. The field follows the inode in all versions
    // (struct ovl_inode, fs/overlayfs/ovl_entry.h).
    let upper = match (
        btf.offset("ovl_inode", "__upperdentry"),
        btf.offset("ovl_inode", "vfs_inode"),
    ) {
        (Ok(upper), Ok(inode)) => upper.saturating_sub(inode),
        _ => btf.size("inode")?,
    };
    offsets.push(("OVL_UPPER", upper));
    for &(global, register, plus) in REGISTERS {
        offsets.push((global, btf.offset("pt_regs", register)? + plus));
    }
    if cfg!(target_arch = "x86_64") {
        offsets.push((
            "TASK_STATUS",
            btf.offset("task_struct", "thread_info.status")?,
        ));
    }
    Ok(offsets)
}
