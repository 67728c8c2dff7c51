//! The one note about a rollout: in what the new image differs from its predecessor.

use super::claim::Claim;
use super::finding::{Class, Method, Severity};
use crate::baseline::learning::State;
use crate::baseline::model::Baseline;
use crate::observe::event::Moment;
use crate::observe::fact::{Family, Phase};

/// The note, once the new image has matured and where it differs; `None` at any other time. It is made once.
#[must_use]
pub fn claim(baseline: &mut Baseline, at: Moment, now_s: i64) -> Option<Claim> {
    let before = baseline.predecessor.clone()?;
    if baseline.state() == State::Learning || !baseline.tell_drift(now_s) {
        return None;
    }
    let drift = baseline.drift();
    let (leading, _) = *drift.first()?;
    let counts = drift
        .iter()
        .map(|(family, count)| format!("{count} {}", family.name()));
    let observed = counts.collect::<Vec<_>>().join(", ");
    let class = class_of(leading);
    Some(Claim {
        fixed: Some(Severity::Low),
        feature: "drift".to_owned(),
        title: format!("the new image does what the one before it did not: {observed}"),
        observed,
        raw: baseline.id(),
        expected: format!(
            "what image {} was seen doing (baseline {})",
            before.image_digest, before.id
        ),
        danger: (
            0.0,
            "a release changes what a workload does, and so does a poisoned one".to_owned(),
        ),
        next_step: "Read `picket baseline diff` of this baseline: what it gained should be what the release was to bring.",
        ..Claim::about_window(Method::Novelty, class, at, Phase::Serve)
    })
}

/// Class of the first family that differs, in the order of families, which begins with the one that says most.
fn class_of(family: Family) -> Class {
    match family {
        Family::Executable | Family::Exit => Class::Process,
        Family::FileRead
        | Family::FileWrite
        | Family::FileChange
        | Family::FileAttempt
        | Family::CodeMap => Class::File,
        Family::Endpoint
        | Family::Contact
        | Family::Listener
        | Family::Socket
        | Family::UnixSocket
        | Family::Outcome => Class::Network,
        Family::DnsName | Family::TlsName => Class::Dns,
        Family::Privileged => Class::Privilege,
        Family::Device => Class::Resource,
        Family::Syscall | Family::IoUring => Class::Syscall,
        Family::Sequence => Class::Sequence,
    }
}
