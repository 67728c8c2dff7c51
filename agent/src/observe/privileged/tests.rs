#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

fn number(call: i64) -> u16 {
    u16::try_from(call).unwrap()
}

fn of(call_number: i64, result: i64, args: [u64; 3]) -> Privileged {
    call(number(call_number), result, args, &Default::default()).unwrap()
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
            "unshare CLONE_NEWUSER ok",
            false,
        ),
        (
            of(libc::SYS_unshare, -22, [0x1002_0001, 1, 2]),
            "unshare CLONE_NEWNS|CLONE_NEWUSER|0x1 failed EINVAL",
            false,
        ),
        (
            of(libc::SYS_setns, -13, [7, 0x2_0000, 0]),
            "setns CLONE_NEWNS denied EACCES",
            true,
        ),
        (of(libc::SYS_setns, 0, [7, 0, 0]), "setns 0x0 ok", false),
        (
            of(libc::SYS_clone, 4711, [0x7e02_0011, 0, 0]),
            "clone CLONE_NEWNS|CLONE_NEWCGROUP|CLONE_NEWUTS|CLONE_NEWIPC|CLONE_NEWUSER|CLONE_NEWPID|CLONE_NEWNET ok",
            false,
        ),
        (
            of(libc::SYS_personality, 0, [0x4_0000, 0, 0]),
            "personality ADDR_NO_RANDOMIZE ok",
            false,
        ),
        (
            of(libc::SYS_bpf, -38, [5, 0, 0]),
            "bpf PROG_LOAD denied ENOSYS",
            true,
        ),
        (
            of(libc::SYS_bpf, -22, [999, 0, 0]),
            "bpf 0x3e7 failed EINVAL",
            false,
        ),
        (
            of(libc::SYS_ptrace, -3, [16, 4711, 0]),
            "ptrace ATTACH failed ESRCH",
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
fn the_raw_form_keeps_the_arguments_that_the_call_has() {
    assert_eq!(
        of(libc::SYS_unshare, -1, [0x1000_0000, 0x7f93, 7]).raw,
        "unshare(CLONE_NEWUSER) = -1 EPERM"
    );
    let texts = ["/dev/sda1", "/mnt", ""].map(str::to_owned);
    let mount = call(number(libc::SYS_mount), -1, [0x1234, 0x5678, 0], &texts).unwrap();
    assert_eq!(mount.raw, r#"mount("/dev/sda1", "/mnt", 0x0) = -1 EPERM"#);
    assert_eq!(
        of(libc::SYS_process_vm_readv, 8, [4711, 0x10, 1]).raw,
        "process_vm_readv(4711, 0x10, 0x1) = 8"
    );
}

#[test]
fn ordinary_uses_are_no_privileged_calls() {
    for (call_number, flags) in [
        (libc::SYS_clone, 0x11),
        // Posix threads; SIGCHLD's low bits are no time namespace.
        (libc::SYS_clone, 0x003d_0f00),
        (libc::SYS_clone, 0x0120_0091),
        (libc::SYS_clone3, 0x003d_0f00),
        (libc::SYS_personality, 0),
        (libc::SYS_personality, 0xffff_ffff),
        (libc::SYS_personality, 8),
    ] {
        let ordinary = call(number(call_number), 0, [flags, 0, 0], &Default::default());
        assert_eq!(ordinary, None, "{call_number} {flags:#x}");
    }
}
