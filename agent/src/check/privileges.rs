//! User and capabilities.

use caps::Capability;

use super::{Host, Line};

const ADVICE: &str = "run as root, or add the capability (Kubernetes: securityContext.capabilities.add, systemd: AmbientCapabilities)";

pub(super) fn check(host: &Host) -> Vec<Line> {
    let mut lines = vec![user(host)];
    // CAP_SYS_ADMIN includes CAP_BPF and CAP_PERFMON: capabilities(7).
    for (capability, needed_for) in [
        (Capability::CAP_BPF, "load the probe"),
        (Capability::CAP_PERFMON, "attach to kernel tracepoints"),
    ] {
        lines.push(needed(host, capability, needed_for));
    }
    for (capability, missing) in [
        (
            Capability::CAP_NET_ADMIN,
            "no connections, listeners and bytes of containers",
        ),
        (
            Capability::CAP_SYS_PTRACE,
            "programs of containers that are older than the agent stay unknown",
        ),
        (
            Capability::CAP_DAC_READ_SEARCH,
            "container bundles and processes of other users may be unreadable",
        ),
    ] {
        lines.push(useful(host, capability, missing));
    }
    lines
}

fn user(host: &Host) -> Line {
    let what = "user";
    if host.uid == 0 {
        return Line::ok(what, "root");
    }
    Line::warn(
        what,
        format!("user id {}, not root", host.uid),
        "run as root, or make sure that state_dir and the socket's directory are writable",
    )
}

fn needed(host: &Host, capability: Capability, needed_for: &str) -> Line {
    let what = name(capability);
    if host.has(capability) {
        Line::ok(&what, "held")
    } else if host.has(Capability::CAP_SYS_ADMIN) {
        Line::ok(&what, "not held, but CAP_SYS_ADMIN includes it")
    } else {
        Line::fail(
            &what,
            format!("missing, and CAP_SYS_ADMIN too: needed to {needed_for}"),
            ADVICE,
        )
    }
}

fn useful(host: &Host, capability: Capability, missing: &str) -> Line {
    let what = name(capability);
    // Network programs also load and attach with CAP_SYS_ADMIN (kernel/bpf/syscall.c, bpf_net_capable).
    let included = capability == Capability::CAP_NET_ADMIN && host.has(Capability::CAP_SYS_ADMIN);
    if host.has(capability) {
        Line::ok(&what, "held")
    } else if included {
        Line::ok(&what, "not held, but CAP_SYS_ADMIN is enough")
    } else {
        Line::warn(&what, format!("missing: {missing}"), ADVICE)
    }
}

fn name(capability: Capability) -> String {
    capability.to_string()
}
