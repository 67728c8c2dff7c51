//! Which system calls the probe looks at more closely than counting.

mod files;

use picket_ebpf::{
    CALL_ACCEPTS, CALL_ADDRESS, CALL_COMMANDS, CALL_CONNECTS, CALL_DUPLICATES, CALL_PRIVILEGED,
    CALL_SENDS, CALL_SOCKET, CALL_STRUCT, CALL_TEXTS, CALL_WAITS, CALLS,
};

pub use files::{execs, makes_symlink, opens, shapes};

const DUPLICATES: &[libc::c_long] = &[
    libc::SYS_dup,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_dup2,
    libc::SYS_dup3,
];

/// They may take one of the standard streams that was closed.
const ACCEPTS: &[libc::c_long] = &[libc::SYS_accept, libc::SYS_accept4];

/// Calls a model server has no business with: changing namespaces and mounts, looking into other processes, loading
/// kernel code, and what kernel exploits start with.
const PRIVILEGED: &[libc::c_long] = &[
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_kexec_load,
    #[cfg(any(target_arch = "x86_64", target_env = "gnu"))]
    libc::SYS_kexec_file_load,
    libc::SYS_fsmount,
    libc::SYS_reboot,
    libc::SYS_quotactl,
    libc::SYS_fanotify_init,
    libc::SYS_open_by_handle_at,
    // Ordinary unless they make namespaces or change the address space's layout, which the agent tells by the flags.
    libc::SYS_clone,
    libc::SYS_personality,
];

/// Those that take texts.
const PRIVILEGED_TEXTS: &[libc::c_long] = &[
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_mount_setattr,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fspick,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
];

/// Those whose first argument points to flags (`struct clone_args`, include/uapi/linux/sched.h).
const PRIVILEGED_STRUCT: &[libc::c_long] = &[libc::SYS_clone3];

/// Calls whose presence in a thread depends on what others do meanwhile: waiting for locks, descriptors, time. With them
/// among the sequences, one program makes many more.
const WAITS: &[libc::c_long] = &[
    libc::SYS_futex,
    libc::SYS_futex_waitv,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    libc::SYS_ppoll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_select,
    libc::SYS_pselect6,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_sched_yield,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_restart_syscall,
];

/// The `CALL_FLAGS` global.
pub fn flags() -> [u32; CALLS] {
    let mut flags = [0; CALLS];
    files::add_flags(&mut flags);
    for (calls, flag) in [
        (PRIVILEGED, CALL_PRIVILEGED),
        (PRIVILEGED_TEXTS, CALL_PRIVILEGED | CALL_TEXTS),
        (PRIVILEGED_STRUCT, CALL_PRIVILEGED | CALL_STRUCT),
        (DUPLICATES, CALL_DUPLICATES),
        (ACCEPTS, CALL_DUPLICATES | CALL_ACCEPTS),
        (&[libc::SYS_fcntl], CALL_COMMANDS),
        (&[libc::SYS_socket], CALL_SOCKET),
        (&[libc::SYS_bind], CALL_ADDRESS),
        (&[libc::SYS_connect], CALL_CONNECTS),
        (&[libc::SYS_sendto], CALL_SENDS),
        (WAITS, CALL_WAITS),
    ] {
        for &call in calls {
            if let Some(slot) = usize::try_from(call)
                .ok()
                .and_then(|call| flags.get_mut(call))
            {
                *slot |= flag;
            }
        }
    }
    flags
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "tests")]

    use picket_ebpf::CALL_EXECS;

    use super::*;

    #[test]
    fn calls_have_their_flags() {
        let flags = flags();
        assert_eq!(flags[libc::SYS_ptrace as usize], CALL_PRIVILEGED);
        assert_eq!(flags[libc::SYS_dup3 as usize], CALL_DUPLICATES);
        assert_eq!(flags[libc::SYS_execve as usize], CALL_EXECS);
        let accepts = CALL_DUPLICATES | CALL_ACCEPTS;
        assert_eq!(flags[libc::SYS_accept4 as usize], accepts);
        assert_eq!(flags[libc::SYS_connect as usize], CALL_CONNECTS);
        assert_eq!(flags[libc::SYS_futex as usize], CALL_WAITS);
        assert_eq!(flags[libc::SYS_socket as usize] & CALL_WAITS, 0);
        assert_eq!(flags[libc::SYS_getppid as usize], 0);
    }
}
