//! What others can enforce of a baseline: a seccomp profile, a NetworkPolicy. Each allows what was seen and says how
//! much that was.

pub mod network_policy;
pub mod seccomp;

use crate::baseline::exposure::Totals;
use crate::baseline::learning::State;
use crate::baseline::model::Baseline;
use crate::baseline::quantity::{counted, duration};

/// How much stands behind a baseline, on one line.
#[must_use]
pub fn exposure(baseline: &Baseline) -> String {
    let Totals {
        seconds,
        requests,
        replicas,
        lost,
        ..
    } = baseline.exposure();
    let state = match baseline.state() {
        State::Learning => "still learning",
        State::Active => "mature",
        State::Frozen => "frozen by the operator",
    };
    format!(
        "{} of container time, {}, {}, {}; {state}",
        duration(seconds),
        counted(requests, "request"),
        counted(replicas, "replica"),
        counted(lost, "event") + " lost"
    )
}

/// What speaks against enforcing the baseline as it is; `None` when nothing does.
#[must_use]
pub fn warning(baseline: &Baseline) -> Option<String> {
    let mut reasons = Vec::new();
    if baseline.state() == State::Learning {
        reasons.push("it is still learning, so ordinary behaviour may be missing".to_owned());
    }
    let lost = baseline.exposure().lost;
    if lost > 0 {
        reasons.push(format!("{} lost while it learned", counted(lost, "event")));
    }
    let awaiting = baseline.awaiting().len() as u64;
    if awaiting > 0 {
        reasons.push(format!(
            "{} for approval (`picket baseline show {}`)",
            counted(awaiting, "fact") + if awaiting == 1 { " waits" } else { " wait" },
            baseline.id()
        ));
    }
    if reasons.is_empty() {
        return None;
    }
    Some(format!(
        "baseline {} should not be enforced as it is: {}",
        baseline.id(),
        reasons.join("; ")
    ))
}
