//! Facts that alert whatever was learned: an intruder who is there during learning must not become normal.

use std::collections::BTreeSet;

use super::claim::{At, Claim};
use super::danger::begins_at;
use super::finding::{Class, Method, Severity};
use super::technique::{self as t, Known};
use super::wording;
use crate::baseline::hash::hash64;
use crate::baseline::model::Baseline;
use crate::baseline::quantity::counted;
use crate::baseline::starts::{ENOUGH_LIVES, StartContact};
use crate::observe::fact::{Family, Origin, Sighting};

/// The claim that a never-learnable fact was seen; `None` for a contact that the workload makes at each of its starts, which
/// it told of often enough (see [`StartContact`]).
#[must_use]
pub fn claim(
    kind: Kind,
    sighting: &Sighting,
    baseline: &mut Baseline,
    at: At<'_>,
) -> Option<Claim> {
    let at_start = match kind {
        Kind::MetadataAddress => StartContact::of(sighting),
        _ => None,
    };
    let mut expected = format!(
        "never, whatever was learned, unless the operator allows it ({})",
        kind.name()
    );
    if let Some(contact) = at_start {
        let life = hash64(&[at.replica.as_bytes(), &at.cgroup.0.to_le_bytes()]);
        let others = baseline.starts.others(&contact, life);
        if !baseline.is_frozen() {
            baseline.starts.note(&contact, life, at.now_s);
        }
        if others >= ENOUGH_LIVES {
            return None;
        }
        expected = format!(
            "{expected}, or {ENOUGH_LIVES} lives of the workload made the same contact at their start: {} did so far",
            counted(others as u64, "other")
        );
    }
    let profile = kind.profile(sighting);
    Some(Claim {
        danger: (begins_at(profile.severity), profile.why.to_owned()),
        fixed: Some(profile.severity),
        title: wording::never_learn_title(kind, sighting),
        observed: wording::observed(sighting),
        expected: format!("{expected}: {}", profile.why),
        techniques: profile.techniques,
        next_step: profile.next_step,
        ..Claim::about(sighting, Method::NeverLearnable, profile.class)
    })
}

/// Kind of never-learnable fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A cloud metadata address was contacted.
    MetadataAddress,
    /// `/etc/ld.so.preload` was opened for writing.
    PreloadWrite,
    /// A Kubernetes service account token was read.
    ServiceAccountToken,
    /// A socket was put in place of standard input or output.
    SocketOnStdio,
    /// The server ran a program that has no file.
    FilelessExec,
    /// The server made a privileged call, granted or refused.
    PrivilegedCall,
}

/// What is known about a kind.
#[derive(Debug)]
pub struct Profile {
    /// Class of its findings.
    pub class: Class,
    /// Their severity.
    pub severity: Severity,
    /// Why it alerts even when it was always there.
    pub why: &'static str,
    /// Techniques.
    pub techniques: &'static [Known],
    /// First look to take.
    pub next_step: &'static str,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::MetadataAddress,
        Self::PreloadWrite,
        Self::ServiceAccountToken,
        Self::SocketOnStdio,
        Self::FilelessExec,
        Self::PrivilegedCall,
    ];

    /// Name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MetadataAddress => "metadata_address",
            Self::PreloadWrite => "preload_write",
            Self::ServiceAccountToken => "service_account_token",
            Self::SocketOnStdio => "socket_on_stdio",
            Self::FilelessExec => "fileless_exec",
            Self::PrivilegedCall => "privileged_call",
        }
    }

    /// The kind of a sighting, if it is a never-learnable one.
    #[must_use]
    pub fn of(sighting: &Sighting) -> Option<Self> {
        let fact = &sighting.fact;
        let server = fact.origin == Origin::Server;
        let marks = &sighting.marks;
        match fact.family {
            Family::Endpoint if marks.metadata_address => Some(Self::MetadataAddress),
            Family::FileWrite if sighting.raw.ends_with("/etc/ld.so.preload") => {
                Some(Self::PreloadWrite)
            }
            Family::FileRead if is_service_account_token(&sighting.raw) => {
                Some(Self::ServiceAccountToken)
            }
            Family::Privileged if is_stdio(sighting) => Some(Self::SocketOnStdio),
            Family::Privileged if server && privileged_call(sighting).is_some() => {
                Some(Self::PrivilegedCall)
            }
            Family::Executable if marks.socket_on_stdio => Some(Self::SocketOnStdio),
            Family::Executable if marks.fileless && server => Some(Self::FilelessExec),
            _ => None,
        }
    }

    /// What is known about the kind; privileged calls differ by the call.
    #[must_use]
    pub fn profile(self, sighting: &Sighting) -> &'static Profile {
        match self {
            Self::MetadataAddress => &METADATA_ADDRESS,
            Self::PreloadWrite => &PRELOAD_WRITE,
            Self::ServiceAccountToken => &SERVICE_ACCOUNT_TOKEN,
            Self::SocketOnStdio => &SOCKET_ON_STDIO,
            Self::FilelessExec => &FILELESS_EXEC,
            Self::PrivilegedCall => privileged_call(sighting).unwrap_or(&KERNEL_CALL),
        }
    }
}

/// The call's name stands first in the value of a privileged fact: `mount denied EPERM`.
fn call_of(sighting: &Sighting) -> &str {
    let value = sighting.fact.value.as_str();
    value.split(' ').next().unwrap_or(value)
}

/// The calls among the privileged ones that no server makes in its normal life. The rest (chroot, accounting, quotas)
/// can be learned.
fn privileged_call(sighting: &Sighting) -> Option<&'static Profile> {
    Some(match call_of(sighting) {
        "mount" | "umount2" | "unshare" | "setns" | "clone" | "clone3" | "pivot_root"
        | "open_tree" | "move_mount" | "fsopen" | "fsconfig" | "fsmount" | "fspick"
        | "mount_setattr" | "open_by_handle_at" => &ESCAPE_CALL,
        "ptrace" | "process_vm_readv" | "process_vm_writev" | "pidfd_getfd" => &INTRUSION_CALL,
        "init_module" | "finit_module" | "delete_module" | "kexec_load" | "kexec_file_load" => {
            &MODULE_CALL
        }
        "bpf" | "perf_event_open" | "userfaultfd" | "keyctl" | "add_key" | "request_key" => {
            &KERNEL_CALL
        }
        _ => return None,
    })
}

fn is_stdio(sighting: &Sighting) -> bool {
    call_of(sighting) == "socket"
}

/// Kubelet mounts the token as a link into a directory named after the time, so the real path has one more part.
fn is_service_account_token(path: &str) -> bool {
    path.contains("/kubernetes.io/serviceaccount/") && path.ends_with("/token")
}

/// Which never-learnable facts are on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NeverLearn {
    /// All of them.
    #[default]
    Builtin,
    /// None: everything can be learned.
    None,
    /// Only these.
    Only(BTreeSet<Kind>),
}

/// A name in the configuration's list that no never-learnable fact has.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("never_learn: unknown fact {name:?}; known are {known}", known = known_names())]
pub struct UnknownName {
    name: String,
}

fn known_names() -> String {
    Kind::ALL.map(Kind::name).join(", ")
}

impl NeverLearn {
    /// The setting for a list of names.
    ///
    /// # Errors
    /// When a name is not known.
    pub fn only<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Result<Self, UnknownName> {
        let kind = |name: S| {
            let name = name.as_ref();
            let found = Kind::ALL.into_iter().find(|kind| kind.name() == name);
            found.ok_or_else(|| UnknownName {
                name: name.to_owned(),
            })
        };
        names
            .into_iter()
            .map(kind)
            .collect::<Result<_, _>>()
            .map(Self::Only)
    }

    /// The kind of a sighting, if it is never-learnable and on.
    #[must_use]
    pub fn kind(&self, sighting: &Sighting) -> Option<Kind> {
        let kind = Kind::of(sighting)?;
        match self {
            Self::Builtin => Some(kind),
            Self::None => None,
            Self::Only(kinds) => kinds.contains(&kind).then_some(kind),
        }
    }
}

const METADATA_ADDRESS: Profile = Profile {
    class: Class::Network,
    severity: Severity::High,
    why: "the metadata service hands out the node's cloud credentials",
    techniques: &[t::METADATA_API, t::ATLAS_CREDENTIALS],
    next_step: "Check whether the server fetches URLs that users give; block the address for this pod, and rotate the \
                node role's credentials if nothing explains the contact. Allow it if the workload needs it.",
};

const PRELOAD_WRITE: Profile = Profile {
    class: Class::File,
    severity: Severity::Critical,
    why: "whatever is listed there is loaded into every program",
    techniques: &[t::LINKER_HIJACKING],
    next_step: "Read the file and the library it names; isolate the container before another program starts in it.",
};

const SERVICE_ACCOUNT_TOKEN: Profile = Profile {
    class: Class::File,
    severity: Severity::High,
    why: "the token speaks for the pod at the Kubernetes API",
    techniques: &[t::STEAL_TOKEN, t::ATLAS_CREDENTIALS],
    next_step: "Look in the API server's audit log for this service account. If the server never needs the token, \
                unmount it (automountServiceAccountToken: false); if it does, allow the path.",
};

const SOCKET_ON_STDIO: Profile = Profile {
    class: Class::Process,
    severity: Severity::Critical,
    why: "a program that reads its input from a socket is how a reverse shell is wired",
    techniques: &[t::UNIX_SHELL, t::RAW_PROTOCOL, t::ATLAS_REVERSE_SHELL],
    next_step: "Look at the connections and children of this process; isolate the container.",
};

const FILELESS_EXEC: Profile = Profile {
    class: Class::Process,
    severity: Severity::Critical,
    why: "a program without a file leaves nothing to inspect",
    techniques: &[t::REFLECTIVE_LOADING, t::ATLAS_EVASION],
    next_step: "Dump the process's memory before it ends (/proc/<pid>/exe can be copied while it runs); isolate the container.",
};

const ESCAPE_CALL: Profile = Profile {
    class: Class::Privilege,
    severity: Severity::High,
    why: "mounts and namespaces are the way out of a container",
    techniques: &[t::ESCAPE, t::ATLAS_ESCAPE],
    next_step: "Check whether the call was refused and which capabilities the pod holds; look at what the process did next.",
};

const INTRUSION_CALL: Profile = Profile {
    class: Class::Privilege,
    severity: Severity::High,
    why: "it reads or changes the memory of another process",
    techniques: &[t::PTRACE],
    next_step: "Check whether somebody is debugging or profiling this pod; otherwise look at the process that was touched.",
};

const MODULE_CALL: Profile = Profile {
    class: Class::Privilege,
    severity: Severity::Critical,
    why: "a kernel module owns the node",
    techniques: &[t::KERNEL_MODULES, t::ATLAS_ESCAPE],
    next_step: "If it was not refused, treat the node as lost: cordon it and compare its loaded modules with another node's.",
};

const KERNEL_CALL: Profile = Profile {
    class: Class::Privilege,
    severity: Severity::High,
    why: "a model server does not need this part of the kernel, and attacks on the kernel do",
    techniques: &[t::PRIVILEGE_EXPLOIT],
    next_step: "Check whether the call was refused, and which program made it; keep the kernel log of this node.",
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::detector::testing::{Sight, sight};

    #[test]
    fn each_kind_is_recognised_and_its_harmless_neighbour_is_not() {
        let kind = |s: Sight| Kind::of(&s.0);
        let write = |raw: &str| kind(sight(Family::FileWrite, raw));
        let read = |raw: &str| kind(sight(Family::FileRead, raw));
        let metadata =
            sight(Family::Endpoint, "tcp 169.254.169.254:80").mark(|m| m.metadata_address = true);
        assert_eq!(kind(metadata), Some(Kind::MetadataAddress));
        assert_eq!(
            kind(sight(Family::Endpoint, "tcp 169.254.169.253:80")),
            None
        );
        assert_eq!(write("/etc/ld.so.preload"), Some(Kind::PreloadWrite));
        assert_eq!(write("/etc/ld.so.cache"), None);
        assert_eq!(read("/etc/ld.so.preload"), None);
        for path in [
            "/var/run/secrets/kubernetes.io/serviceaccount/token",
            "/run/secrets/kubernetes.io/serviceaccount/..2026_11_20_10_00_00.123/token",
        ] {
            assert_eq!(read(path), Some(Kind::ServiceAccountToken));
        }
        assert_eq!(
            read("/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"),
            None
        );
        assert_eq!(
            kind(sight(Family::Privileged, "socket on fd 0")),
            Some(Kind::SocketOnStdio)
        );
        assert_eq!(
            kind(sight(Family::Privileged, "mount denied EPERM")),
            Some(Kind::PrivilegedCall)
        );
        assert_eq!(kind(sight(Family::Privileged, "chroot ok")), None);
        let memfd =
            || sight(Family::Executable, "memfd <- /usr/bin/python3").mark(|m| m.fileless = true);
        let wired = sight(Family::Executable, "/bin/sh <- /usr/bin/python3")
            .mark(|m| m.socket_on_stdio = true);
        assert_eq!(kind(wired), Some(Kind::SocketOnStdio));
        assert_eq!(kind(memfd()), Some(Kind::FilelessExec));
        assert_eq!(kind(memfd().by_runtime()), None);
        assert_eq!(
            kind(sight(Family::Privileged, "mount ok").by_runtime()),
            None
        );
    }

    #[test]
    fn the_setting_can_name_some_or_none() {
        let mount = sight(Family::Privileged, "mount denied EPERM").0;
        assert_eq!(NeverLearn::Builtin.kind(&mount), Some(Kind::PrivilegedCall));
        assert_eq!(NeverLearn::None.kind(&mount), None);
        let some = NeverLearn::only(["privileged_call"]);
        assert_eq!(some.map(|s| s.kind(&mount)), Ok(Some(Kind::PrivilegedCall)));
        let others = NeverLearn::only(["preload_write", "fileless_exec"]);
        assert_eq!(others.map(|s| s.kind(&mount)), Ok(None));
        let error = NeverLearn::only(["preload"]).map_err(|e| e.to_string());
        assert!(error.is_err_and(|e| e.contains("\"preload\"") && e.contains("preload_write")));
    }
}
