//! A seccomp profile that allows the system calls that a baseline holds.
//!
//! The form is that of the OCI runtime specification (config-linux.md, "Seccomp"), which Docker, containerd and CRI-O
//! read from a file. Calls of other architectures of the same processor (32-bit programs) are not allowed.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{exposure, warning};
use crate::baseline::model::Baseline;
use crate::observe::fact::Family;

/// Calls that runc and crun make inside the container between loading the profile and running the program, and calls
/// that the kernel makes on a program's behalf. They happen before or beside what is observed.
/// Source: runc's `libcontainer/standard_init_linux.go` and its Go runtime; seccomp(2), restart_syscall(2).
const ALWAYS: [&str; 65] = [
    "arch_prctl",
    "brk",
    "capget",
    "capset",
    "chdir",
    "clone",
    "clone3",
    "close",
    "close_range",
    "dup2",
    "dup3",
    "epoll_create1",
    "epoll_ctl",
    "epoll_pwait",
    "eventfd2",
    "execve",
    "exit",
    "exit_group",
    "faccessat2",
    "fchdir",
    "fchown",
    "fcntl",
    "fstat",
    "fstatfs",
    "futex",
    "getcwd",
    "getdents64",
    "getpid",
    "getppid",
    "getrandom",
    "gettid",
    "getuid",
    "kill",
    "lseek",
    "madvise",
    "mmap",
    "mprotect",
    "munmap",
    "nanosleep",
    "newfstatat",
    "openat",
    "openat2",
    "pipe2",
    "prctl",
    "read",
    "readlinkat",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sched_getaffinity",
    "sched_yield",
    "set_robust_list",
    "set_tid_address",
    "setgid",
    "setgroups",
    "setresgid",
    "setresuid",
    "setsid",
    "setuid",
    "sigaltstack",
    "statx",
    "tgkill",
    "write",
];

/// What happens to a call that the profile does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// It fails with EPERM.
    Refuse,
    /// It is logged by the kernel's audit and let through.
    Log,
}

/// A profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// What happens to a call that is not listed.
    pub default_action: &'static str,
    /// The error it gets, where it gets one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_errno_ret: Option<i32>,
    /// The processor's own calls only.
    pub architectures: Vec<&'static str>,
    /// What is allowed.
    pub syscalls: Vec<Rule>,
}

/// Calls that are allowed together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Their names.
    pub names: Vec<String>,
    /// What happens to them.
    pub action: &'static str,
    /// Why they are in it. Runtimes ignore this.
    pub comment: String,
}

/// The profile of a baseline: the calls of all its phases, and those that every runtime needs.
#[must_use]
pub fn profile(baseline: &Baseline, otherwise: Otherwise) -> Profile {
    let families = baseline.families();
    let facts = families.flat_map(|(_, family)| family.facts.iter());
    let calls = facts.filter(|(fact, _)| fact.family == Family::Syscall);
    // What has no name in this build's kernel headers cannot be named in a profile either.
    let seen: BTreeSet<&str> = calls
        .map(|(fact, _)| fact.value.as_str())
        .filter(|name| *name != "compat" && !name.starts_with("syscall_"))
        .collect();
    let runtime: BTreeSet<&str> = ALWAYS
        .into_iter()
        .filter(|name| !seen.contains(name))
        .collect();
    let key = &baseline.key;
    let mut label = format!(
        "Seen in {}/{}/{} of image {} (Picket baseline {}, version {}): {}.",
        key.namespace,
        key.workload,
        key.container,
        key.image_digest,
        baseline.id(),
        baseline.version(),
        exposure(baseline)
    );
    if let Some(warning) = warning(baseline) {
        label += &format!(" Warning: {warning}.");
    }
    let allow = |names: BTreeSet<&str>, comment: &str| Rule {
        names: names.into_iter().map(str::to_owned).collect(),
        action: "SCMP_ACT_ALLOW",
        comment: comment.to_owned(),
    };
    let rules = [
        allow(seen, &label),
        allow(
            runtime,
            "Not seen, but needed by container runtimes to start any program.",
        ),
    ];
    Profile {
        default_action: match otherwise {
            Otherwise::Refuse => "SCMP_ACT_ERRNO",
            Otherwise::Log => "SCMP_ACT_LOG",
        },
        default_errno_ret: (otherwise == Otherwise::Refuse).then_some(libc::EPERM),
        architectures: vec![ARCHITECTURE],
        // A rule without names is refused by some runtimes.
        syscalls: rules
            .into_iter()
            .filter(|rule| !rule.names.is_empty())
            .collect(),
    }
}

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: &str = "SCMP_ARCH_X86_64";
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: &str = "SCMP_ARCH_AARCH64";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;
    use crate::baseline::key::Key;
    use crate::observe::fact::{Fact, Origin, Phase};

    fn learned(calls: &[(Phase, &str)]) -> Baseline {
        let key = Key {
            namespace: "models".into(),
            workload: "iris".into(),
            container: "server".into(),
            image_digest: "sha256:1".into(),
        };
        let mut baseline = Baseline::new(key, 0);
        for (phase, call) in calls {
            let fact = Fact {
                family: Family::Syscall,
                origin: Origin::Server,
                value: (*call).to_owned(),
            };
            baseline.learn(*phase, &fact, "r", 1);
        }
        baseline
    }

    #[test]
    fn calls_of_every_phase_are_allowed_once_and_unnamed_ones_left_out() {
        let calls = [
            (Phase::Start, "mlock"),
            (Phase::Serve, "sendto"),
            (Phase::Load, "sendto"),
            (Phase::Serve, "compat"),
            (Phase::Serve, "syscall_999"),
        ];
        let profile = profile(&learned(&calls), Otherwise::Refuse);
        assert_eq!(profile.syscalls[0].names, ["mlock", "sendto"]);
        assert!(profile.syscalls[1].names.contains(&"execve".to_owned()));
        let comment = &profile.syscalls[0].comment;
        assert!(comment.contains("models/iris/server"), "{comment}");
        assert!(comment.contains("Warning") && comment.contains("still learning"));
    }

    #[test]
    fn the_file_has_the_shape_of_the_runtime_specification() {
        let profile = profile(&learned(&[]), Otherwise::Log);
        let json = serde_json::to_value(&profile).unwrap();
        assert_eq!(json["defaultAction"], "SCMP_ACT_LOG");
        assert!(json.get("defaultErrnoRet").is_none());
        assert!(
            json["architectures"][0]
                .as_str()
                .unwrap()
                .starts_with("SCMP_ARCH_")
        );
        assert_eq!(json["syscalls"].as_array().unwrap().len(), 1);
        assert_eq!(json["syscalls"][0]["action"], "SCMP_ACT_ALLOW");
        assert!(json["syscalls"][0]["names"].as_array().unwrap().len() > 40);
    }
}
