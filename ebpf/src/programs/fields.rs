//! Offsets of kernel fields, and the reads built on them.
//!
//! The agent computes every offset from the running kernel's BTF and sets it before loading; no kernel layout is
//! compiled in. A global is a known constant to the verifier, so a direct read is type-checked as if it were C.

use core::mem::MaybeUninit;

use aya_ebpf::{Global, helpers::generated::bpf_probe_read_kernel};

macro_rules! offsets {
    ($($name:ident: $field:literal),+ $(,)?) => {
        $(
            #[doc = concat!("Byte offset of `", $field, "`.")]
            #[unsafe(no_mangle)]
            pub static $name: Global<u64> = Global::new(0);
        )+
    };
}

offsets! {
    TASK_PID: "task_struct.pid",
    TASK_TGID: "task_struct.tgid",
    TASK_REAL_PARENT: "task_struct.real_parent",
    TASK_CGROUPS: "task_struct.cgroups",
    TASK_MM: "task_struct.mm",
    TASK_FS: "task_struct.fs",
    TASK_FILES: "task_struct.files",
    TASK_COMM: "task_struct.comm",
    TASK_CRED: "task_struct.cred",
    TASK_EXIT_CODE: "task_struct.exit_code",
    TASK_STATUS: "task_struct.thread_info.status",
    TASK_SIGNAL: "task_struct.signal",
    SIGNAL_LIVE: "signal_struct.live.counter",
    CRED_EUID: "cred.euid",
    CSS_SET_DFL_CGRP: "css_set.dfl_cgrp",
    CGROUP_KN: "cgroup.kn",
    CGROUP_ROOT: "cgroup.root",
    CGROUP_SELF_PARENT: "cgroup.self.parent",
    CSS_CGROUP: "cgroup_subsys_state.cgroup",
    ROOT_HIERARCHY_ID: "cgroup_root.hierarchy_id",
    KN_ID: "kernfs_node.id",
    KN_NAME: "kernfs_node.name",
    BPRM_FILENAME: "linux_binprm.filename",
    BPRM_FILE: "linux_binprm.file",
    BPRM_INTERP: "linux_binprm.interp",
    MM_ARG_START: "mm_struct.arg_start",
    MM_ARG_END: "mm_struct.arg_end",
    FILES_FDT: "files_struct.fdt",
    FILES_EMBEDDED: "files_struct.fd_array",
    FDT_FD: "fdtable.fd",
    FDT_MAX_FDS: "fdtable.max_fds",
    FILE_INODE: "file.f_inode",
    FILE_MODE: "file.f_mode",
    FILE_FLAGS: "file.f_flags",
    FILE_PRIVATE: "file.private_data",
    FILE_DENTRY: "file.f_path.dentry",
    FILE_MNT: "file.f_path.mnt",
    INODE_INO: "inode.i_ino",
    INODE_MODE: "inode.i_mode",
    INODE_NLINK: "inode.i_nlink",
    INODE_SB: "inode.i_sb",
    SB_DEV: "super_block.s_dev",
    SB_MAGIC: "super_block.s_magic",
    OVL_UPPER: "ovl_inode.__upperdentry, from the inode within",
    DENTRY_PARENT: "dentry.d_parent",
    DENTRY_HASH_LEN: "dentry.d_name.hash_len",
    DENTRY_NAME: "dentry.d_name.name",
    FS_ROOT_DENTRY: "fs_struct.root.dentry",
    FS_ROOT_MNT: "fs_struct.root.mnt",
    FS_PWD_DENTRY: "fs_struct.pwd.dentry",
    FS_PWD_MNT: "fs_struct.pwd.mnt",
    VFSMOUNT_ROOT: "vfsmount.mnt_root",
    MOUNT_MNT: "mount.mnt",
    MOUNT_PARENT: "mount.mnt_parent",
    MOUNT_MOUNTPOINT: "mount.mnt_mountpoint",
    SOCKET_SK: "socket.sk",
    SOCK_FAMILY: "sock.__sk_common.skc_family",
    SOCK_PORT: "sock.__sk_common.skc_num",
    SOCK_V4: "sock.__sk_common.skc_rcv_saddr",
    SOCK_V6: "sock.__sk_common.skc_v6_rcv_saddr",
    SOCK_PROTOCOL: "sock.sk_protocol",
    SOCK_CGROUP: "sock.sk_cgrp_data.cgroup",
    SOCK_FLAGS: "sock.__sk_common.skc_flags",
    SOCK_DADDR: "sock.__sk_common.skc_daddr",
    SOCK_V6_DADDR: "sock.__sk_common.skc_v6_daddr",
    SOCK_DPORT: "sock.__sk_common.skc_dport",
    SOCK_ERR: "sock.sk_err",
    SOCK_OWNED: "sock.sk_lock.owned",
    TCP_WRITE_SEQ: "tcp_sock.write_seq",
    TCP_SRTT_US: "tcp_sock.srtt_us",
    TCP_TOTAL_RETRANS: "tcp_sock.total_retrans",
    TCP_RETRANS_STAMP: "tcp_sock.retrans_stamp",
    TCP_BYTES_RECEIVED: "tcp_sock.bytes_received",
    TCP_BYTES_SENT: "tcp_sock.bytes_sent",
    TCP_BYTES_RETRANS: "tcp_sock.bytes_retrans",
    TCP_DATA_SEGS_IN: "tcp_sock.data_segs_in",
    TCP_DATA_SEGS_OUT: "tcp_sock.data_segs_out",
    URING_OPCODE: "io_kiocb.opcode",
    REGS_CALL: "pt_regs: the system call's number",
    REGS_ARG0: "pt_regs: first argument as it was at entry",
    REGS_ARG1: "pt_regs: second argument",
    REGS_ARG2: "pt_regs: third argument",
    REGS_ARG3: "pt_regs: fourth argument",
    REGS_ARG4: "pt_regs: fifth argument",
    REGS_ARG5: "pt_regs: sixth argument",
}

/// Flags by system call number: `CALL_OPENS` and its siblings.
#[unsafe(no_mangle)]
pub static CALL_FLAGS: Global<[u32; picket_ebpf::CALLS]> = Global::new([0; picket_ebpf::CALLS]);

/// Where each system call has its names and descriptors, as `picket_ebpf::shape` says.
#[unsafe(no_mangle)]
pub static CALL_SHAPES: Global<[u32; picket_ebpf::CALLS]> = Global::new([0; picket_ebpf::CALLS]);

/// Whether the kernel hands out the current task as a typed pointer (5.11 and later).
#[unsafe(no_mangle)]
pub static TYPED_TASK: Global<u32> = Global::new(0);

/// Whether call sequences are reported.
#[unsafe(no_mangle)]
pub static SEQUENCES: Global<u32> = Global::new(0);

/// Random numbers that the agent draws: where a call sequence stands in the sets of known ones is not for others to know.
#[unsafe(no_mangle)]
pub static SEQUENCE_KEY0: Global<u64> = Global::new(0);
/// As above.
#[unsafe(no_mangle)]
pub static SEQUENCE_KEY1: Global<u64> = Global::new(0);
/// As above.
#[unsafe(no_mangle)]
pub static SEQUENCE_KEY2: Global<u64> = Global::new(0);

/// Bit of `thread_info.status` that marks a 32-bit call; 0 where the architecture has none.
#[unsafe(no_mangle)]
pub static COMPAT_BIT: Global<u32> = Global::new(0);

/// Reads a field through a pointer whose type the verifier knows.
///
/// # Safety
///
/// `base` comes from a BTF-typed argument or an earlier `direct` read of a pointer, and `offset` from the table above.
#[inline(always)]
pub unsafe fn direct<T: Copy>(base: *const u8, offset: &Global<u64>) -> T {
    unsafe { *base.byte_add(offset.load() as usize).cast::<T>() }
}

/// Reads a field through a pointer the verifier knows nothing of. What cannot be read is all zeroes, which a chain of
/// reads carries to its end: one test there, instead of a branch for each read that the verifier would have to follow.
#[inline(always)]
pub fn peek<T: Copy>(base: *const u8, offset: &Global<u64>) -> T {
    peek_at(base.wrapping_byte_add(offset.load() as usize))
}

/// Reads at an address, all zeroes when it cannot be read.
#[inline(always)]
pub fn peek_at<T: Copy>(address: *const u8) -> T {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: the helper copes with any address, and clears the whole destination when it fails
    // (bpf_probe_read_kernel_common in kernel/trace/bpf_trace.c). Every T here is made of integers and raw pointers.
    unsafe {
        bpf_probe_read_kernel(
            value.as_mut_ptr().cast(),
            size_of::<T>() as u32,
            address.cast(),
        );
        value.assume_init()
    }
}
