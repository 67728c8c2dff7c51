//! Kernel version, architecture, type information and the kernel's own restrictions on BPF.

use std::fs::{self, File};
use std::io::{self, Read};

use caps::Capability;

use super::{Host, Line};

const BTF: &str = "/sys/kernel/btf/vmlinux";
const LOCKDOWN: &str = "/sys/kernel/security/lockdown";
const UNPRIVILEGED: &str = "/proc/sys/kernel/unprivileged_bpf_disabled";

/// CAP_BPF, the ring buffer and cgroup ids of other tasks all exist from here on.
const OLDEST: (u32, u32) = (5, 8);
/// From here on BPF memory is charged to the memory cgroup instead of the locked-memory limit.
const CHARGED_TO_CGROUP: (u32, u32) = (5, 11);
/// `BTF_MAGIC` of `include/uapi/linux/btf.h`, in the two byte orders.
const BTF_MAGIC: [[u8; 2]; 2] = [[0x9f, 0xeb], [0xeb, 0x9f]];

pub(super) fn check(host: &Host) -> Vec<Line> {
    vec![
        release(host),
        architecture(host),
        btf(host),
        lockdown(host),
        unprivileged(host),
        locked_memory(host),
    ]
}

fn release(host: &Host) -> Line {
    let what = "kernel";
    match host.kernel_version() {
        Some(version) if version >= OLDEST => Line::ok(what, &host.kernel),
        Some(_) => Line::fail(
            what,
            format!("{} is older than 5.8", host.kernel),
            "run a kernel from 5.8 on",
        ),
        None => Line::warn(
            what,
            format!("release {:?} has no version number", host.kernel),
            "make sure that it is 5.8 or newer",
        ),
    }
}

fn architecture(host: &Host) -> Line {
    let what = "architecture";
    match host.architecture.as_str() {
        "x86_64" | "aarch64" => Line::ok(what, &host.architecture),
        other => Line::fail(
            what,
            format!("{other} is not supported"),
            "run on x86_64 or aarch64",
        ),
    }
}

fn btf(host: &Host) -> Line {
    let what = "btf";
    let mut magic = [0; 2];
    let read = File::open(host.path(BTF)).and_then(|mut file| file.read_exact(&mut magic));
    match read {
        Ok(()) if BTF_MAGIC.contains(&magic) => Line::ok(what, BTF),
        Ok(()) => Line::fail(
            what,
            format!("{BTF} does not begin like BTF"),
            "run a kernel built with CONFIG_DEBUG_INFO_BTF=y",
        ),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Line::fail(
            what,
            format!("{BTF} does not exist: the kernel describes its types nowhere"),
            "run a kernel built with CONFIG_DEBUG_INFO_BTF=y, and mount /sys",
        ),
        Err(error) => Line::fail(
            what,
            format!("cannot read {BTF}: {error}"),
            "run as root, and check that /sys is the host's",
        ),
    }
}

fn lockdown(host: &Host) -> Line {
    let what = "lockdown";
    let Ok(text) = fs::read_to_string(host.path(LOCKDOWN)) else {
        return Line::ok(
            what,
            format!("unknown: {LOCKDOWN} is not there (no securityfs mounted)"),
        );
    };
    let mode = text
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'))
        .map_or("unknown", |(mode, _)| mode);
    match mode {
        "confidentiality" => Line::warn(
            what,
            "confidentiality: BPF may not read kernel memory",
            "boot with lockdown=integrity if probes are refused below",
        ),
        mode => Line::ok(what, mode),
    }
}

fn unprivileged(host: &Host) -> Line {
    let what = "unprivileged bpf";
    let text = fs::read_to_string(host.path(UNPRIVILEGED)).unwrap_or_default();
    match text.trim() {
        "0" => Line::ok(
            what,
            "allowed; `sysctl kernel.unprivileged_bpf_disabled=1` is safer",
        ),
        "1" | "2" => Line::ok(what, "disabled; the agent does not need it"),
        _ => Line::ok(what, "unknown; the agent does not need it"),
    }
}

fn locked_memory(host: &Host) -> Line {
    let what = "bpf memory";
    let charged = host
        .kernel_version()
        .is_some_and(|version| version >= CHARGED_TO_CGROUP);
    match host.memlock {
        _ if charged => Line::ok(what, "charged to the memory cgroup, no limit of its own"),
        None => Line::ok(what, "locked memory is not limited"),
        // Such a process raises its own limit.
        Some(_) if host.has(Capability::CAP_SYS_RESOURCE) => Line::ok(
            what,
            "locked memory is limited, and the limit can be raised",
        ),
        Some(bytes) => Line::warn(
            what,
            format!(
                "this kernel counts maps as locked memory, of which only {} KiB are allowed",
                bytes / 1024
            ),
            "run with `ulimit -l unlimited` or CAP_SYS_RESOURCE",
        ),
    }
}
