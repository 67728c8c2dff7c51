//! How dangerous it is that one step follows another: judgements, in one place.

use crate::baseline::orders::Step;
use crate::detect::danger::Profile;
use crate::detect::finding::Class;
use crate::detect::technique as t;

const SECRET_LEAVES: Profile = Profile {
    class: Class::Network,
    danger: 8.0,
    why: "credentials were read, and then a place was contacted that never followed such a read",
    techniques: &[t::CREDENTIAL_FILES, t::ATLAS_CREDENTIALS, t::EXFILTRATION],
    next_step: "Take the credentials as stolen until shown otherwise: find out who owns the place, and what those \
                credentials may do.",
};

const SECRET_ASKS: Profile = Profile {
    class: Class::Dns,
    danger: 6.5,
    why: "credentials were read, and then a name was asked for that never followed such a read",
    ..SECRET_LEAVES
};

const WRITTEN_RUNS: Profile = Profile {
    class: Class::Process,
    danger: 7.0,
    why: "a program was run that the container itself had just written",
    techniques: &[t::TOOL_TRANSFER, t::SCRIPTING],
    next_step: "Copy the file before it is removed, and look at the process that wrote it and at where it got it from.",
};

const WRITTEN_MAPPED: Profile = Profile {
    class: Class::File,
    danger: 6.0,
    why: "code was loaded that the container itself had just written",
    ..WRITTEN_RUNS
};

const ODD_REQUEST_RUNS: Profile = Profile {
    class: Class::Process,
    danger: 6.5,
    why: "a program was started right after a request of unusual size",
    techniques: &[t::SCRIPTING, t::ATLAS_SCRIPTING],
    next_step: "Look for that request in the server's log, and at what the program did.",
};

const MODEL_FROM_NOWHERE: Profile = Profile {
    class: Class::Model,
    danger: 6.0,
    why: "a model file was written although nothing had come in that could be it",
    techniques: &[t::DATA_MANIPULATION, t::ATLAS_MANIPULATE_MODEL],
    next_step: "Compare the model's files with their release, and see which process wrote them.",
};

const MODEL_ON_REQUEST: Profile = Profile {
    danger: 5.0,
    why: "a model file was written while requests were served, and not after a download",
    ..MODEL_FROM_NOWHERE
};

/// What is made beside the models that are served, as engines are built and caches filled.
pub(super) const MODEL_ASIDE: Profile = Profile {
    danger: 3.0,
    why: "something was put beside the models although nothing had come in that could be it",
    ..MODEL_FROM_NOWHERE
};

const MODEL_BROUGHT: Profile = Profile {
    danger: 3.0,
    why: "a model file was written after something large came in from where models did not come so far",
    ..MODEL_FROM_NOWHERE
};

const RELOAD_FOR_NOTHING: Profile = Profile {
    class: Class::Model,
    danger: 3.8,
    why: "the model was read again although no new one had come",
    techniques: &[t::LOCAL_DATA, t::ATLAS_COLLECT_MODEL],
    next_step: "See which process reads the model's files, and what it sends and where.",
};

/// The danger of one step after another; `None` where their order says nothing.
pub(super) const fn of(before: Step, after: Step) -> Option<&'static Profile> {
    Some(match (before, after) {
        (Step::SecretRead, Step::Connect) => &SECRET_LEAVES,
        (Step::SecretRead, Step::Dns) => &SECRET_ASKS,
        (Step::Write | Step::ModelWrite, Step::Exec) => &WRITTEN_RUNS,
        (Step::Write | Step::ModelWrite, Step::CodeMap) => &WRITTEN_MAPPED,
        (Step::OddRequest, Step::Exec) => &ODD_REQUEST_RUNS,
        (Step::Nothing, Step::ModelWrite) => &MODEL_FROM_NOWHERE,
        (Step::Request, Step::ModelWrite) => &MODEL_ON_REQUEST,
        (Step::Download | Step::Ingest, Step::ModelWrite) => &MODEL_BROUGHT,
        (Step::Nothing | Step::Request, Step::ModelRead) => &RELOAD_FOR_NOTHING,
        _ => return None,
    })
}

/// How often a month ordinary workloads take up such an order, before anything is known: half a time, and once a week
/// where it is how models are updated and reloaded.
pub(super) const fn prior_per_month(before: Step, after: Step) -> f64 {
    match (before, after) {
        (Step::Download | Step::Ingest, Step::ModelWrite) | (_, Step::ModelRead) => 4.0,
        _ => 0.5,
    }
}

/// A step's name in features and identities.
pub(super) const fn name(step: Step) -> &'static str {
    match step {
        Step::Nothing => "nothing",
        Step::Request => "request",
        Step::OddRequest => "odd_request",
        Step::Ingest => "ingest",
        Step::Download => "download",
        Step::ModelWrite => "model_write",
        Step::ModelRead => "model_read",
        Step::SecretRead => "secret_read",
        Step::Write => "write",
        Step::Exec => "exec",
        Step::CodeMap => "code_map",
        Step::Connect => "connect",
        Step::Dns => "dns",
    }
}

/// A step in words.
pub(super) const fn words(step: Step) -> &'static str {
    match step {
        Step::Nothing => "nothing came in",
        Step::Request => "requests were served",
        Step::OddRequest => "a request of unusual size was served",
        Step::Ingest => "clients sent much",
        Step::Download => "much was fetched",
        Step::ModelWrite => "a model file was written",
        Step::ModelRead => "a model file was read again",
        Step::SecretRead => "credentials were read",
        Step::Write => "a file was written",
        Step::Exec => "a program was started",
        Step::CodeMap => "a file was mapped as code",
        Step::Connect => "a peer was contacted",
        Step::Dns => "a name was asked for",
    }
}
