//! Rare privileged system calls in comparable form.

use super::syscall;

/// Calls of which one argument says what is asked: its position, a number that does not differ from run to run.
const SELECTORS: &[(&str, usize)] = &[
    ("bpf", 0),
    ("keyctl", 0),
    ("personality", 0),
    ("prctl", 0),
    ("ptrace", 0),
    ("setns", 1),
    ("umount2", 1),
    ("unshare", 0),
];

/// A privileged call, generalised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Privileged {
    /// Canonical form: `mount denied EPERM`, `unshare 0x10000000 ok`.
    pub value: String,
    /// The call with its arguments and result.
    pub raw: String,
    /// The kernel or a seccomp filter refused it.
    pub denied: bool,
}

/// The comparable form of a call. `result` is 0 or positive, or a negative errno.
#[must_use]
pub fn call(call: u16, result: i64, args: [u64; 3]) -> Privileged {
    let name = syscall::name(call);
    let selector = SELECTORS
        .iter()
        .find(|(selected, _)| *selected == name)
        .and_then(|(_, position)| args.get(*position))
        .map(|value| format!(" {value:#x}"))
        .unwrap_or_default();
    let errno = errno(result);
    let denied = errno.is_some_and(is_refusal);
    let outcome = match errno {
        None => "ok".to_owned(),
        Some(errno) if denied => format!("denied {}", errno_name(errno)),
        Some(errno) => format!("failed {}", errno_name(errno)),
    };
    let [a, b, c] = args;
    let returned = errno.map_or_else(
        || result.to_string(),
        |errno| format!("-1 {}", errno_name(errno)),
    );
    Privileged {
        value: format!("{name}{selector} {outcome}"),
        raw: format!("{name}({a:#x}, {b:#x}, {c:#x}) = {returned}"),
        denied,
    }
}

/// The comparable form of a socket put in the place of standard input, output or error.
#[must_use]
pub fn socket_to_stdio(fd: u32) -> Privileged {
    let name = match fd {
        0 => "standard input",
        1 => "standard output",
        2 => "standard error",
        _ => "a descriptor",
    };
    Privileged {
        value: format!("socket on fd {fd}"),
        raw: format!("a socket was duplicated onto {name} (fd {fd})"),
        denied: false,
    }
}

/// The kernel's error of a result: -1 to -4095 (include/linux/err.h, `MAX_ERRNO`).
fn errno(result: i64) -> Option<i32> {
    (-4095..0)
        .contains(&result)
        .then(|| i32::try_from(-result).ok())
        .flatten()
}

/// Seccomp profiles answer with EPERM, or with ENOSYS where a program shall fall back on an older call.
fn is_refusal(errno: i32) -> bool {
    matches!(errno, libc::EPERM | libc::EACCES | libc::ENOSYS)
}

fn errno_name(errno: i32) -> String {
    let name = match errno {
        libc::EPERM => "EPERM",
        libc::ENOENT => "ENOENT",
        libc::ESRCH => "ESRCH",
        libc::EIO => "EIO",
        libc::EBADF => "EBADF",
        libc::EAGAIN => "EAGAIN",
        libc::ENOMEM => "ENOMEM",
        libc::EACCES => "EACCES",
        libc::EFAULT => "EFAULT",
        libc::EBUSY => "EBUSY",
        libc::EEXIST => "EEXIST",
        libc::ENODEV => "ENODEV",
        libc::ENOTDIR => "ENOTDIR",
        libc::EINVAL => "EINVAL",
        libc::ENOSPC => "ENOSPC",
        libc::EROFS => "EROFS",
        libc::ENOSYS => "ENOSYS",
        libc::EOPNOTSUPP => "EOPNOTSUPP",
        libc::ENOKEY => "ENOKEY",
        other => return format!("errno {other}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn of(number: i64, result: i64, args: [u64; 3]) -> Privileged {
        call(u16::try_from(number).unwrap(), result, args)
    }

    #[test]
    fn the_outcome_and_what_was_asked_are_part_of_the_value() {
        for (privileged, value, denied) in [
            (
                of(libc::SYS_mount, -1, [0x7ffc_1234, 0x7ffc_5678, 9]),
                "mount denied EPERM",
                true,
            ),
            (
                of(libc::SYS_unshare, 0, [0x1000_0000, 1, 2]),
                "unshare 0x10000000 ok",
                false,
            ),
            (
                of(libc::SYS_setns, -13, [7, 0x2_0000, 0]),
                "setns 0x20000 denied EACCES",
                true,
            ),
            (
                of(libc::SYS_bpf, -38, [5, 0, 0]),
                "bpf 0x5 denied ENOSYS",
                true,
            ),
            (
                of(libc::SYS_ptrace, -3, [16, 4711, 0]),
                "ptrace 0x10 failed ESRCH",
                false,
            ),
            (
                of(libc::SYS_process_vm_readv, 16, [4711, 0, 0]),
                "process_vm_readv ok",
                false,
            ),
            (
                of(libc::SYS_swapon, -4094, [0, 0, 0]),
                "swapon failed errno 4094",
                false,
            ),
            (of(600, -4096, [0, 0, 0]), "syscall_600 ok", false),
            (socket_to_stdio(0), "socket on fd 0", false),
        ] {
            assert_eq!(
                (privileged.value.as_str(), privileged.denied),
                (value, denied)
            );
        }
    }

    #[test]
    fn the_raw_form_keeps_the_arguments() {
        assert_eq!(
            of(libc::SYS_unshare, -1, [0x1000_0000, 0, 0]).raw,
            "unshare(0x10000000, 0x0, 0x0) = -1 EPERM"
        );
    }
}
