//! From claims to findings: weighs what the layers say about one container, under the operator's budget.

use serde::{Deserialize, Serialize};

use super::budget::{Budget, Reason};
use super::claim::{At, Claim};
use super::danger::{REPORTED_FROM, begins_at, severity};
use super::finding::{BaselineRef, Contribution, Finding, Severity};
use super::outcome::Outcome;
use super::technique::named;
use crate::baseline::exposure::Totals;
use crate::baseline::model::Baseline;

/// What the verdict remembers of one container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    budget: Budget,
    /// Events lost in the last two windows.
    lost: [u64; 2],
    /// Findings suppressed for budget or repetition since the last one reported.
    suppressed: u64,
    /// Highest score of the previous and the current window.
    scores: [f64; 2],
}

impl Verdict {
    /// A container of which nothing was claimed yet.
    #[must_use]
    pub fn new(findings_per_month: f64) -> Self {
        Self {
            budget: Budget::new(findings_per_month),
            lost: [0; 2],
            suppressed: 0,
            scores: [0.0; 2],
        }
    }

    /// The score from which claims are reported, nats: a budget e times as large lets pass what is e times as frequent.
    /// What pages passes any budget.
    #[must_use]
    pub fn threshold(&self) -> f64 {
        let wanted = REPORTED_FROM - self.budget.per_month().max(1e-6).ln();
        wanted.min(begins_at(Severity::High))
    }

    /// A window begins to be judged, in which so many events were lost.
    pub fn window(&mut self, lost_events: u64) {
        self.lost = [self.lost[1], lost_events];
        self.scores = [self.scores[1], 0.0];
    }

    /// The highest score of the last two windows, nats.
    #[must_use]
    pub fn score(&self) -> f64 {
        self.scores[0].max(self.scores[1])
    }

    /// Judges one claim. `told` says that a low or medium finding of it was reported before.
    pub fn judge(&mut self, baseline: &Baseline, at: At<'_>, claim: Claim, told: bool) -> Outcome {
        let (score, severity, contributions) = match claim.fixed {
            Some(fixed) => {
                let score = begins_at(fixed);
                (score, Some(fixed), fixed_parts(&claim, score))
            }
            None => {
                let (score, parts) = claim.score();
                let reported = score >= self.threshold();
                let severity = severity(score).unwrap_or(Severity::Low);
                (score, reported.then_some(severity), parts)
            }
        };
        self.scores[1] = self.scores[1].max(score);
        let Some(severity) = severity else {
            return Outcome::suppressed(Reason::Weak);
        };
        let repeat = match severity {
            Severity::Low | Severity::Medium if claim.fixed.is_none() => told,
            _ => self.budget.is_repeat(claim.identity, at.now_s),
        };
        if repeat {
            return self.suppress(Reason::Repeat);
        }
        let Claim {
            class,
            origin,
            identity,
            ..
        } = claim;
        let allowed = claim.always
            || self
                .budget
                .take(severity, class, origin, identity, at.now_s);
        if !allowed {
            return self.suppress(Reason::Budget);
        }
        Outcome::found(Finding {
            cgroup: at.cgroup,
            key: baseline.key.clone(),
            at: claim.at,
            class,
            severity,
            method: claim.method,
            phase: claim.phase,
            score,
            threshold: self.threshold(),
            feature: claim.feature,
            title: claim.title,
            observed: claim.observed,
            raw: claim.raw,
            expected: claim.expected,
            contributions: contributions.into_iter().chain(claim.reasons).collect(),
            baseline: baseline_ref(baseline),
            process: claim.process,
            ancestry: claim.ancestry,
            techniques: named(claim.techniques),
            next_step: claim.next_step.to_owned(),
            lost_events: self.lost[0].saturating_add(self.lost[1]),
            suppressed: std::mem::take(&mut self.suppressed),
        })
    }

    fn suppress(&mut self, reason: Reason) -> Outcome {
        self.suppressed = self.suppressed.saturating_add(1);
        Outcome::suppressed(reason)
    }
}

/// What alerts whatever was learned is not scored: it has the score at which its severity begins.
fn fixed_parts(claim: &Claim, score: f64) -> Vec<Contribution> {
    vec![Contribution {
        name: claim.feature.clone(),
        value: score,
        reason: claim.danger.1.clone(),
    }]
}

fn baseline_ref(baseline: &Baseline) -> BaselineRef {
    let Totals {
        seconds,
        requests,
        replicas,
        lost,
        ..
    } = baseline.exposure();
    BaselineRef {
        id: baseline.id(),
        version: baseline.version(),
        container_seconds: seconds,
        requests,
        replicas,
        events_lost: lost,
    }
}
