//! How dangerous a kind of behaviour is, before asking how surprising it is.
//!
//! Danger is in nats like surprise, so the two add up to the score: one nat more makes a finding count as if it had
//! been e times as surprising. The values are judgements about what a model server has no business doing.

use super::finding::{Class, Severity};
use super::technique::{self as t, Known};
use crate::observe::fact::{Family, Origin, Phase, Sighting};

/// Kind of behaviour, as far as danger goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    /// A shell was started.
    Shell,
    /// A program in a scratch place was started.
    Dropped,
    /// Any other program was started.
    Executable,
    /// A remote peer was contacted.
    Endpoint,
    /// A peer on the container's own loopback was contacted, or a port opened there.
    Loopback,
    /// A port was opened for connections.
    Listener,
    /// A model file was opened for writing.
    ModelWrite,
    /// A model file was opened for reading while serving.
    ModelRead,
    /// A file was written that makes other programs run code.
    CodeWrite,
    /// A credential file was read.
    SecretRead,
    /// A credential file was written.
    SecretWrite,
    /// Any other file was written.
    FileWrite,
    /// A file in a scratch place was written.
    ScratchWrite,
    /// A privileged call was made.
    Privileged,
    /// A system call was used that is not part of every program's life.
    Syscall,
}

/// What is known about a category.
#[derive(Debug)]
pub struct Profile {
    /// Class of its findings.
    pub class: Class,
    /// Danger, nats.
    pub danger: f64,
    /// Why it is that dangerous, in words.
    pub why: &'static str,
    /// Techniques it may be part of.
    pub techniques: &'static [Known],
    /// First look to take.
    pub next_step: &'static str,
}

/// The category of a sighting; `None` when its novelty alone is never worth a finding.
///
/// `is_common_syscall` says by name which system calls belong to every program's life.
#[must_use]
pub fn categorise(sighting: &Sighting, is_common_syscall: fn(&str) -> bool) -> Option<Category> {
    let marks = &sighting.marks;
    Some(match sighting.fact.family {
        Family::Executable if marks.shell => Category::Shell,
        Family::Executable if marks.scratch => Category::Dropped,
        Family::Executable => Category::Executable,
        Family::Endpoint | Family::Listener if marks.loopback => Category::Loopback,
        Family::Endpoint => Category::Endpoint,
        Family::Listener => Category::Listener,
        Family::FileWrite if marks.model_file => Category::ModelWrite,
        Family::FileWrite if marks.code_path => Category::CodeWrite,
        Family::FileWrite if marks.secret_file => Category::SecretWrite,
        Family::FileWrite if CHARACTER_DEVICES.contains(&sighting.fact.value.as_str()) => {
            return None;
        }
        Family::FileWrite if marks.scratch => Category::ScratchWrite,
        Family::FileWrite => Category::FileWrite,
        Family::FileRead if marks.secret_file => Category::SecretRead,
        Family::FileRead if marks.model_file && sighting.phase == Phase::Serve => {
            Category::ModelRead
        }
        Family::FileRead => return None,
        Family::Privileged => Category::Privileged,
        Family::Syscall if is_common_syscall(&sighting.fact.value) => return None,
        // Calls are counted per container: beside a command of the runtime's they may be the server's or the command's,
        // and the command itself is reported.
        Family::Syscall if sighting.fact.origin == Origin::Runtime => return None,
        Family::Syscall => Category::Syscall,
    })
}

/// Devices that every program may write to: what goes there is kept nowhere, or is the terminal's.
const CHARACTER_DEVICES: [&str; 6] = [
    "/dev/full",
    "/dev/null",
    "/dev/ptmx",
    "/dev/pts/*",
    "/dev/tty",
    "/dev/zero",
];

/// Score at which a severity begins, nats.
#[must_use]
pub const fn begins_at(severity: Severity) -> f64 {
    match severity {
        Severity::Low => REPORTED_FROM,
        Severity::Medium => 5.0,
        Severity::High => 8.0,
        Severity::Critical => 11.0,
    }
}

/// Severity of a score in nats; `None` when it is too weak to report.
#[must_use]
pub fn severity(score: f64) -> Option<Severity> {
    let mut falling = Severity::ALL.into_iter().rev();
    falling.find(|severity| score >= begins_at(*severity))
}

/// Score from which a finding is reported, nats.
pub const REPORTED_FROM: f64 = 2.0;

/// Highest score of a category when the process came through the container runtime: an operator's `exec` cannot be
/// told from an intruder's, so it is reported but does not page. Writes to models and credentials weigh more.
#[must_use]
pub fn ceiling(category: Category, origin: Origin) -> f64 {
    match (origin, category) {
        (Origin::Server, _) => f64::INFINITY,
        (Origin::Runtime, Category::ModelWrite | Category::SecretWrite) => 7.9,
        (Origin::Runtime, _) => 4.9,
    }
}

impl Category {
    /// What is known about the category.
    #[must_use]
    pub const fn profile(self) -> &'static Profile {
        match self {
            Self::Shell => &SHELL,
            Self::Dropped => &DROPPED,
            Self::Executable => &EXECUTABLE,
            Self::Endpoint => &ENDPOINT,
            Self::Loopback => &LOOPBACK,
            Self::Listener => &LISTENER,
            Self::ModelWrite => &MODEL_WRITE,
            Self::ModelRead => &MODEL_READ,
            Self::CodeWrite => &CODE_WRITE,
            Self::SecretRead => &SECRET_READ,
            Self::SecretWrite => &SECRET_WRITE,
            Self::FileWrite => &FILE_WRITE,
            Self::ScratchWrite => &SCRATCH_WRITE,
            Self::Privileged => &PRIVILEGED,
            Self::Syscall => &SYSCALL,
        }
    }
}

const SHELL: Profile = Profile {
    class: Class::Process,
    danger: 8.2,
    why: "a shell runs whatever it is told",
    techniques: &[t::UNIX_SHELL, t::ATLAS_SCRIPTING],
    next_step: "Read the command line and the parents; look for the request or the model load at that second in the \
                server's log. If nobody meant it, isolate the container and keep it for inspection.",
};

const DROPPED: Profile = Profile {
    class: Class::Process,
    danger: 8.7,
    why: "programs come with the image, and what is run from a scratch place was brought in",
    techniques: &[t::TOOL_TRANSFER, t::SCRIPTING, t::ATLAS_SCRIPTING],
    next_step: "Copy the file before it is removed, find the process that wrote it, and look at its connections.",
};

const EXECUTABLE: Profile = Profile {
    class: Class::Process,
    danger: 7.7,
    why: "a server that starts a new program may be under someone else's control",
    techniques: &[t::SCRIPTING, t::ATLAS_SCRIPTING],
    next_step: "Read the command line and the parents; check whether the file belongs to the image and whether a \
                release explains it.",
};

const ENDPOINT: Profile = Profile {
    class: Class::Network,
    danger: 7.7,
    why: "a model server talks to few peers; a new one may receive data or give commands",
    techniques: &[
        t::APPLICATION_PROTOCOL,
        t::EXFILTRATION,
        t::ATLAS_EXFILTRATION,
    ],
    next_step: "Find out who owns the address and which process opened the connection; compare the bytes sent with \
                the size of the model and of the requests.",
};

const LOOPBACK: Profile = Profile {
    class: Class::Network,
    danger: 2.5,
    why: "it does not leave the container",
    techniques: &[],
    next_step: "Find the process that listens on that port inside the container.",
};

const LISTENER: Profile = Profile {
    class: Class::Network,
    danger: 7.7,
    why: "a new open port may be a way in",
    techniques: &[t::ODD_PORT],
    next_step: "Find the process that listens and whether the port can be reached from outside the pod.",
};

const MODEL_WRITE: Profile = Profile {
    class: Class::Model,
    danger: 9.5,
    why: "weights that change in place change what the model does",
    techniques: &[t::DATA_MANIPULATION, t::ATLAS_MANIPULATE_MODEL],
    next_step: "Compare the file's hash with the registry's; if no roll-out explains the write, stop serving from \
                this replica and restore the file.",
};

const MODEL_READ: Profile = Profile {
    class: Class::Model,
    danger: 3.8,
    why: "weights are read once at load; a later read may be a copy in the making",
    techniques: &[t::LOCAL_DATA, t::ATLAS_COLLECT_MODEL],
    next_step: "Check whether a reload was asked for; otherwise compare the bytes sent since with the file's size.",
};

const CODE_WRITE: Profile = Profile {
    class: Class::File,
    danger: 8.0,
    why: "what is written there is run by other programs",
    techniques: &[t::EVENT_TRIGGERED],
    next_step: "Look at the file's content; remove it before the next start of the container, which would run it.",
};

const SECRET_READ: Profile = Profile {
    class: Class::File,
    danger: 8.0,
    why: "the file holds credentials",
    techniques: &[t::CREDENTIAL_FILES, t::ATLAS_CREDENTIALS],
    next_step: "Look for connections by the same process afterwards; rotate the credential if nothing explains the read.",
};

const SECRET_WRITE: Profile = Profile {
    class: Class::File,
    danger: 8.0,
    why: "credentials that are planted open a way back in",
    techniques: &[t::CREDENTIAL_FILES, t::ATLAS_CREDENTIALS],
    next_step: "Compare the file with the image's; remove what was added.",
};

const FILE_WRITE: Profile = Profile {
    class: Class::File,
    danger: 2.5,
    why: "a file outside the known ones was written",
    techniques: &[],
    next_step: "Look at the file and the process that wrote it; approve the path if it is part of the service.",
};

const SCRATCH_WRITE: Profile = Profile {
    class: Class::File,
    danger: 0.5,
    why: "temporary files come and go",
    techniques: &[],
    next_step: "Look at the file's content and whether it was run.",
};

const PRIVILEGED: Profile = Profile {
    class: Class::Privilege,
    danger: 8.5,
    why: "a model server needs no privileged calls",
    techniques: &[t::ESCAPE, t::ATLAS_ESCAPE],
    next_step: "Find out which program made the call and whether it was refused; check the pod's capabilities.",
};

const SYSCALL: Profile = Profile {
    class: Class::Syscall,
    danger: 1.5,
    why: "a new system call means code that did not run before",
    techniques: &[t::NATIVE_API],
    next_step: "Look at the other findings of this container around the same time.",
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::event::Moment;
    use crate::observe::fact::{Fact, Marks, ProcessInfo};

    #[test]
    fn cutoffs_are_where_they_are_documented() {
        for (score, want) in [
            (1.99, None),
            (2.0, Some(Severity::Low)),
            (5.0, Some(Severity::Medium)),
            (8.0, Some(Severity::High)),
            (10.99, Some(Severity::High)),
            (11.0, Some(Severity::Critical)),
            (99.0, Some(Severity::Critical)),
            (f64::NAN, None),
        ] {
            assert_eq!(severity(score), want, "{score}");
        }
    }

    #[test]
    fn what_comes_through_the_runtime_does_not_page() {
        for category in [Category::Shell, Category::Endpoint, Category::Privileged] {
            let low = severity(ceiling(category, Origin::Runtime));
            assert_eq!(low, Some(Severity::Low));
            assert!(ceiling(category, Origin::Server).is_infinite());
        }
        let medium = severity(ceiling(Category::ModelWrite, Origin::Runtime));
        assert_eq!(medium, Some(Severity::Medium));
    }

    fn sighting(family: Family, origin: Origin, value: &str) -> Sighting {
        Sighting {
            at: Moment(0),
            phase: Phase::Serve,
            fact: Fact {
                family,
                origin,
                value: value.to_owned(),
            },
            raw: value.to_owned(),
            process: ProcessInfo::default(),
            ancestry: Vec::new(),
            marks: Marks::default(),
        }
    }

    #[test]
    fn what_keeps_nothing_and_what_has_no_certain_doer_is_no_finding() {
        for (family, origin, value, reportable) in [
            (Family::FileWrite, Origin::Server, "/dev/null", false),
            (Family::FileWrite, Origin::Server, "/dev/pts/*", false),
            (Family::FileWrite, Origin::Server, "/dev/sda", true),
            (Family::Syscall, Origin::Server, "acct", true),
            (Family::Syscall, Origin::Runtime, "acct", false),
        ] {
            let category = categorise(&sighting(family, origin, value), |_| false);
            assert_eq!(category.is_some(), reportable, "{family:?} {value}");
        }
    }
}
