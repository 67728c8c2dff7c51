//! How dangerous a kind of behaviour is, before asking how surprising it is.
//!
//! Danger is in nats like surprise, so the two add up to the score: one nat more makes a finding count as if it had
//! been e times as surprising. The values are judgements about what a model server has no business doing.

mod code;
mod models;
mod names;
mod profiles;
mod programs;

use code::{becomes_temporary_code, is_temporary_code};
pub use models::added;
use models::removes_temporary;
use names::is_missing_host;
pub use names::is_search;
pub use programs::started_again;
use programs::{
    is_entrypoint, is_look, is_looked_for, is_own_script, is_question, is_resource_tracker,
    is_worker,
};

use super::finding::{Class, Severity};
use super::technique::Known;
use crate::observe::container::ACCEPTED_AT;
use crate::observe::dns::is_reverse;
use crate::observe::fact::{Family, Origin, Phase, Sighting};

/// Kind of behaviour, as far as danger goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    /// A shell was started.
    Shell,
    /// A program in a scratch place, or one that did not come with the image, was started.
    Dropped,
    /// The container was started with another command.
    Entrypoint,
    /// A program started another process of itself as its worker.
    Worker,
    /// A program of the image was asked, or asked for, what libraries want to know about the machine.
    Question,
    /// A program had its own interpreter run a script that came with the image.
    OwnScript,
    /// Any other program was started.
    Executable,
    /// A remote peer was contacted.
    Endpoint,
    /// A known peer was contacted by another program, by a copy of one, or by another client.
    Contact,
    /// The connections of a known port were taken by another program, or by a copy of one.
    Acceptance,
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
    /// A setting of the system was written.
    SettingWrite,
    /// A file in a scratch place was written.
    ScratchWrite,
    /// A file in a temporary folder was written, and is code by its name.
    TemporaryCode,
    /// A privileged call was made.
    Privileged,
    /// A system call was used that is not part of every program's life.
    Syscall,
    /// A credential file was looked for and not got.
    SecretAttempt,
    /// Something that leads out of the container was looked for and not got.
    EscapeAttempt,
    /// Something that leads out of the container was opened.
    EscapePath,
    /// A program was asked for that does not exist or may not be run.
    FailedExec,
    /// A file that did not come with the image was mapped as code.
    ForeignCode,
    /// A program opened a GPU that it never used.
    Device,
    /// A socket was made that sees or forges packets.
    RawSocket,
    /// A UNIX socket was contacted.
    UnixSocket,
    /// A UNIX socket was made, or one in a scratch place contacted.
    OwnSocket,
    /// A name was asked of DNS.
    DnsName,
    /// The name of an address was asked of DNS.
    ReverseName,
    /// The address of a host that does not exist was asked of DNS.
    MissingHost,
    /// A TLS server was asked for by name.
    TlsName,
    /// A file was renamed, removed, cut or changed otherwise.
    FileChange,
    /// A file that is only added to was opened to write over what is in it.
    Overwrite,
    /// A model was put beside those that are known.
    FurtherModel,
    /// A program was marked so that it runs with the rights of its owner.
    OwnersRights,
    /// An io_uring operation was used.
    IoUring,
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
        Family::Executable if is_entrypoint(sighting) => Category::Entrypoint,
        Family::Executable if is_look(sighting) => return None,
        Family::Executable if is_question(sighting) => Category::Question,
        Family::Executable if marks.shell => Category::Shell,
        Family::Executable if marks.scratch || marks.not_from_image => Category::Dropped,
        Family::Executable if is_worker(sighting) => Category::Worker,
        Family::Executable if is_own_script(sighting) => Category::OwnScript,
        Family::Executable if is_resource_tracker(sighting) => return None,
        Family::Executable => Category::Executable,
        Family::Endpoint | Family::Listener if marks.loopback => Category::Loopback,
        Family::Endpoint => Category::Endpoint,
        Family::Contact if sighting.fact.value.starts_with(ACCEPTED_AT) => Category::Acceptance,
        Family::Contact => Category::Contact,
        Family::Listener => Category::Listener,
        Family::FileWrite if marks.escape_path => Category::EscapePath,
        Family::FileWrite if marks.model_file => Category::ModelWrite,
        Family::FileWrite if marks.code_path => Category::CodeWrite,
        Family::FileWrite if marks.secret_file => Category::SecretWrite,
        Family::FileWrite if CHARACTER_DEVICES.contains(&sighting.fact.value.as_str()) => {
            return None;
        }
        Family::FileWrite if is_temporary_code(&sighting.raw) => Category::TemporaryCode,
        Family::FileWrite if marks.scratch => Category::ScratchWrite,
        Family::FileWrite if is_setting(&sighting.raw) => Category::SettingWrite,
        Family::FileWrite => Category::FileWrite,
        Family::FileRead if marks.escape_path => Category::EscapePath,
        Family::FileRead if marks.secret_file => Category::SecretRead,
        Family::FileRead if marks.model_file && sighting.phase == Phase::Serve => {
            Category::ModelRead
        }
        Family::FileRead => return None,
        Family::Privileged => Category::Privileged,
        Family::FileChange if gives_owners_rights(&sighting.fact.value) => Category::OwnersRights,
        // A download that breaks leaves a part of a model, which goes as it came.
        Family::FileChange if marks.model_file && removes_temporary(&sighting.raw) => {
            Category::FileChange
        }
        Family::FileChange if marks.model_file => Category::ModelWrite,
        Family::FileChange if marks.code_path => Category::CodeWrite,
        Family::FileChange if marks.secret_file => Category::SecretWrite,
        Family::FileChange if sighting.fact.value.starts_with("overwrite ") => Category::Overwrite,
        Family::FileChange if becomes_temporary_code(&sighting.raw) => Category::TemporaryCode,
        Family::FileChange if marks.scratch => Category::ScratchWrite,
        Family::FileChange if sighting.raw.split(' ').any(is_setting) => Category::SettingWrite,
        Family::FileChange => Category::FileChange,
        Family::FileAttempt if marks.escape_path => Category::EscapeAttempt,
        Family::FileAttempt if marks.secret_file => Category::SecretAttempt,
        Family::FileAttempt if is_looked_for(sighting) => Category::Question,
        Family::FileAttempt if sighting.fact.value.starts_with("exec ") => Category::FailedExec,
        Family::FileAttempt => return None,
        Family::CodeMap if marks.fileless || marks.not_from_image => Category::ForeignCode,
        Family::CodeMap => return None,
        Family::Device => Category::Device,
        Family::Socket if marks.raw_socket => Category::RawSocket,
        Family::Socket => return None,
        Family::UnixSocket if marks.escape_path && marks.unanswered => Category::EscapeAttempt,
        Family::UnixSocket if marks.escape_path => Category::EscapePath,
        // Programs ask for services that a container does not have, as the C library does for its cache of names.
        Family::UnixSocket if marks.unanswered => return None,
        Family::UnixSocket if marks.scratch || sighting.fact.value.starts_with("bind ") => {
            Category::OwnSocket
        }
        Family::UnixSocket => Category::UnixSocket,
        Family::DnsName if is_reverse(&sighting.fact.value) => Category::ReverseName,
        Family::DnsName if is_missing_host(sighting) => Category::MissingHost,
        Family::DnsName => Category::DnsName,
        Family::TlsName => Category::TlsName,
        // What io_uring does in place of a call that belongs to every program's life does too: event loops do so.
        Family::IoUring if is_common_syscall(&sighting.fact.value) => return None,
        Family::IoUring if sighting.fact.origin == Origin::Runtime => return None,
        Family::IoUring => Category::IoUring,
        // How attempts and programs end, and call sequences, are evidence to be weighed together with other evidence, not
        // alone.
        Family::Outcome | Family::Sequence | Family::Exit => return None,
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

/// Whether a file is a setting of the system, which a container's image has and a server reads.
fn is_setting(path: &str) -> bool {
    path.starts_with("/etc/")
}

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

/// Whether a change sets the bit that makes a program run with its owner's rights (chmod(2), `S_ISUID`).
fn gives_owners_rights(change: &str) -> bool {
    let mut words = change.split(' ').take_while(|word| !word.starts_with('/'));
    words.next() == Some("chmod") && words.any(|word| word == "u+s")
}

/// Score from which a finding is worth reading at a budget of one a month, nats.
pub const REPORTED_FROM: f64 = 2.0;

/// Danger from which a kind of behaviour may be a takeover, nats: it is told whatever is foretold of it.
pub const TAKEOVER_FROM: f64 = 7.0;

/// Score from which a finding pages, whatever the budget, nats.
pub const PAGES_FROM: f64 = begins_at(Severity::High);

/// Highest score of what is told as a note, nats: no company makes more of it.
const NOTE: f64 = 4.9;

/// Highest score of a category, where it has one. The container's own command is chosen by who deploys it, a worker
/// can do no more than the program that started it, a library's question only gets its answer, the image's own scripts came with it, a further model serves
/// when somebody has it loaded, compilers leave code in temporary folders, from a host that does not exist nothing
/// comes, and a peer that is known may be asked, and a port served, in other ways. When the process came through the container runtime, an operator's
/// `exec` cannot be told from an intruder's, so it is reported but does not page; writes to models and credentials
/// weigh more.
#[must_use]
pub fn ceiling(category: Category, origin: Origin) -> f64 {
    match (origin, category) {
        (
            Origin::Server,
            Category::Entrypoint
            | Category::Worker
            | Category::Question
            | Category::OwnScript
            | Category::FurtherModel
            | Category::TemporaryCode
            | Category::MissingHost
            | Category::Contact
            | Category::Acceptance,
        ) => NOTE,
        (Origin::Server, _) => f64::INFINITY,
        (Origin::Runtime, Category::ModelWrite | Category::SecretWrite) => 7.9,
        (Origin::Runtime, _) => NOTE,
    }
}

/// Danger from which a kind of behaviour takes a server over or prepares that: it is never learned by itself, and
/// alerts in a new image even while that learns.
const TAKES_OVER: f64 = 7.0;

impl Category {
    /// Whether an intruder who does this has the server, or is about to.
    #[must_use]
    pub fn takes_over(self) -> bool {
        self.profile().danger >= TAKES_OVER
    }

    /// A word for what the operator should confirm where it was learned; `None` for what servers are made to do:
    /// running programs, talking to peers, listening, opening a GPU.
    #[must_use]
    pub fn suspect(self) -> Option<&'static str> {
        Some(match self {
            Self::Shell => "shell",
            Self::Dropped => "dropped program",
            Self::ModelWrite => "model written",
            Self::CodeWrite => "code written",
            Self::SecretRead => "credential read",
            Self::SecretWrite => "credential written",
            Self::Privileged => "privileged call",
            Self::EscapePath => "way out of the container",
            Self::ForeignCode => "foreign code",
            Self::RawSocket => "raw socket",
            Self::OwnersRights => "program with its owner's rights",
            _ => return None,
        })
    }

    /// What is known about the category.
    #[must_use]
    pub const fn profile(self) -> &'static Profile {
        match self {
            Self::Shell => &profiles::SHELL,
            Self::Dropped => &profiles::DROPPED,
            Self::Entrypoint => &profiles::ENTRYPOINT,
            Self::Worker => &profiles::WORKER,
            Self::Question => &profiles::QUESTION,
            Self::OwnScript => &profiles::OWN_SCRIPT,
            Self::Executable => &profiles::EXECUTABLE,
            Self::Endpoint => &profiles::ENDPOINT,
            Self::Contact => &profiles::CONTACT,
            Self::Acceptance => &profiles::ACCEPTANCE,
            Self::Loopback => &profiles::LOOPBACK,
            Self::Listener => &profiles::LISTENER,
            Self::ModelWrite => &profiles::MODEL_WRITE,
            Self::ModelRead => &profiles::MODEL_READ,
            Self::CodeWrite => &profiles::CODE_WRITE,
            Self::SecretRead => &profiles::SECRET_READ,
            Self::SecretWrite => &profiles::SECRET_WRITE,
            Self::FileWrite => &profiles::FILE_WRITE,
            Self::SettingWrite => &profiles::SETTING_WRITE,
            Self::ScratchWrite => &profiles::SCRATCH_WRITE,
            Self::TemporaryCode => &profiles::TEMPORARY_CODE,
            Self::Privileged => &profiles::PRIVILEGED,
            Self::Syscall => &profiles::SYSCALL,
            Self::SecretAttempt => &profiles::SECRET_ATTEMPT,
            Self::EscapeAttempt => &profiles::ESCAPE_ATTEMPT,
            Self::EscapePath => &profiles::ESCAPE_PATH,
            Self::FailedExec => &profiles::FAILED_EXEC,
            Self::ForeignCode => &profiles::FOREIGN_CODE,
            Self::Device => &profiles::DEVICE,
            Self::RawSocket => &profiles::RAW_SOCKET,
            Self::UnixSocket => &profiles::UNIX_SOCKET,
            Self::OwnSocket => &profiles::OWN_SOCKET,
            Self::DnsName => &profiles::DNS_NAME,
            Self::ReverseName => &profiles::REVERSE_NAME,
            Self::MissingHost => &profiles::MISSING_HOST,
            Self::TlsName => &profiles::TLS_NAME,
            Self::FileChange => &profiles::FILE_CHANGE,
            Self::Overwrite => &profiles::OVERWRITE,
            Self::OwnersRights => &profiles::OWNERS_RIGHTS,
            Self::FurtherModel => &profiles::FURTHER_MODEL,
            Self::IoUring => &profiles::IO_URING,
        }
    }
}

#[cfg(test)]
mod tests;
