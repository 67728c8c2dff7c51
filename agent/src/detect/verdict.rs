//! From claims to findings: weighs what the layers say about one container, under the operator's budget.
//!
//! A claim's score is the logarithm of how many ordinary occurrences of it a month its danger outweighs: danger minus
//! the logarithm of how often ordinary behaviour is expected to make it, plus what other claims add. It is reported from
//! a threshold that follows from the budget.

use serde::{Deserialize, Serialize};

use super::account::{enter, forecasts, held_to_record, kinds_at_once, rarity_needed};
use super::budget::{Asking, Budget, Reason};
use super::claim::{At, Claim};
use super::corroboration::Corroboration;
use super::danger::{PAGES_FROM, TAKEOVER_FROM, begins_at, severity};
use super::finding::{BaselineRef, Contribution, Finding, Method, Severity};
use super::outcome::Outcome;
use super::outlook::prospects;
use super::reporting::{Bar, worth_reading};
use super::technique::named;
use crate::baseline::exposure::Totals;
use crate::baseline::model::Baseline;
use crate::observe::fact::Origin;

/// How long the bar for novelties holds before what is expected is looked at again, seconds: it changes slowly.
const BAR_HOLDS_S: i64 = 300;

/// What the verdict remembers of one container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Findings per container and month that the operator allows.
    #[serde(default = "one")]
    per_month: f64,
    /// Events lost in the last two windows.
    lost: [u64; 2],
    /// Findings suppressed since the last one reported.
    suppressed: u64,
    /// Highest score of the previous and the current window.
    scores: [f64; 2],
    /// What novelties must reach, and when that was found.
    #[serde(default)]
    bar: Option<(i64, Bar)>,
    corroboration: Corroboration,
}

/// A claim with what it comes to by itself.
struct Weighed {
    claim: Claim,
    score: f64,
    parts: Vec<Contribution>,
    /// How rare it said it was, where its layer foretells that.
    said: Option<f64>,
    /// How rare it is held to be with all that speaks for it, nats.
    rarity: f64,
}

impl Weighed {
    fn new(mut claim: Claim, baseline: &Baseline) -> Self {
        let said = held_to_record(&mut claim, baseline);
        let (score, parts) = match claim.fixed {
            Some(fixed) => (begins_at(fixed), fixed_parts(&claim, begins_at(fixed))),
            None => claim.score(),
        };
        Self {
            rarity: claim.rarity(),
            claim,
            score,
            parts,
            said,
        }
    }

    /// Adds what other claims add, up to the highest score the claim may have.
    fn corroborate(&mut self, by: Option<Contribution>) {
        let most = self
            .claim
            .most
            .as_ref()
            .map_or(f64::INFINITY, |most| most.0);
        let (None, Some(mut by)) = (self.claim.fixed, by) else {
            return;
        };
        self.rarity += by.value;
        by.value = by.value.min(most - self.score);
        if by.value > 0.0 {
            self.score += by.value;
            self.parts.push(by);
        }
    }
}

impl Verdict {
    /// A container of which nothing was claimed yet, with so many findings per container and month.
    #[must_use]
    pub fn new(findings_per_month: f64) -> Self {
        Self {
            per_month: findings_per_month.max(0.0),
            lost: [0; 2],
            suppressed: 0,
            scores: [0.0; 2],
            bar: None,
            corroboration: Corroboration::default(),
        }
    }

    /// The score from which every novelty is reported, nats, as it was last found.
    #[must_use]
    pub fn threshold(&self) -> f64 {
        self.bar
            .map_or_else(|| self.worth_reading(), |(_, bar)| bar.score)
    }

    /// The score from which a claim is reported, whatever the highest it may have. Claims of the layers that watch windows
    /// must be as rare as their part of the budget asks. Of novelties that are no takeover those pass that fit into their
    /// part of it, and what pages. What comes through the runtime has an allowance of its own.
    fn threshold_of(&mut self, claim: &Claim, baseline: &Baseline, now_s: i64) -> f64 {
        if forecasts(claim.method) {
            let hours = baseline.exposure().seconds as f64 / 3600.0;
            let kinds = kinds_at_once(claim.method);
            let needed = rarity_needed(claim.danger.0, kinds, self.per_month, hours);
            return self.worth_reading().max(claim.danger.0 + needed);
        }
        let is_foretold = claim.method == Method::Novelty
            && claim.origin == Origin::Server
            && claim.danger.0 < TAKEOVER_FROM;
        if !is_foretold {
            return self.worth_reading();
        }
        let (found_s, bar) = self
            .bar
            .filter(|(found_s, _)| (0..BAR_HOLDS_S).contains(&now_s.saturating_sub(*found_s)))
            .unwrap_or_else(|| (now_s, Bar::new(&prospects(baseline), self.per_month)));
        self.bar = Some((found_s, bar));
        bar.of(claim.false_per_month.0)
    }

    /// The score that makes a claim worth reading under the budget, nats.
    fn worth_reading(&self) -> f64 {
        worth_reading(self.per_month).min(PAGES_FROM)
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
    pub fn judge(
        &mut self,
        baseline: &Baseline,
        budget: &mut Budget,
        at: At<'_>,
        claim: Claim,
        told: bool,
    ) -> Outcome {
        let weighed = Weighed::new(claim, baseline);
        // What goes on since long speaks for nothing new.
        if !told {
            self.corroboration
                .note(&weighed.claim, weighed.score, at.now_s);
        }
        self.decide(baseline, budget, at, weighed, told)
    }

    /// Judges what was claimed at one time, in whatever order: the claims speak for each other, and the strongest is
    /// told first.
    pub fn judge_all(
        &mut self,
        baseline: &mut Baseline,
        budget: &mut Budget,
        at: At<'_>,
        claims: Vec<Claim>,
    ) -> Vec<Outcome> {
        let mut all: Vec<_> = claims
            .into_iter()
            .map(|claim| Weighed::new(claim, baseline))
            .collect();
        all.sort_by(|a, b| {
            let order = b.score.total_cmp(&a.score);
            let order = order.then_with(|| a.claim.identity.cmp(&b.claim.identity));
            order.then_with(|| a.claim.title.cmp(&b.claim.title))
        });
        for weighed in &all {
            self.corroboration
                .note(&weighed.claim, weighed.score, at.now_s);
            if let Some(said) = weighed.said {
                enter(&weighed.claim, said, at.replica, baseline);
            }
        }
        all.into_iter()
            .map(|weighed| self.decide(baseline, budget, at, weighed, false))
            .collect()
    }

    fn decide(
        &mut self,
        baseline: &Baseline,
        budget: &mut Budget,
        at: At<'_>,
        mut weighed: Weighed,
        told: bool,
    ) -> Outcome {
        let by = self
            .corroboration
            .adds(&weighed.claim, weighed.score, at.now_s);
        weighed.corroborate(by);
        let Weighed {
            claim,
            score,
            parts,
            rarity,
            ..
        } = weighed;
        self.scores[1] = self.scores[1].max(score);
        let threshold = self.threshold_of(&claim, baseline, at.now_s);
        let severity = match claim.fixed {
            Some(fixed) => fixed,
            None if claim.danger.0 + rarity >= threshold => {
                severity(score).unwrap_or(Severity::Low)
            }
            None => return Outcome::suppressed(Reason::Weak),
        };
        let may_be_small = severity < Severity::High && claim.fixed.is_none();
        let repeat =
            (told && may_be_small) || budget.is_repeat(at.cgroup, claim.identity, at.now_s);
        if repeat {
            return self.suppress(Reason::Repeat);
        }
        if !claim.always && self.corroboration.is_told(&claim, severity, at.now_s) {
            return self.suppress(Reason::Act);
        }
        let class = claim.class;
        let asking = Asking {
            cgroup: at.cgroup,
            severity,
            class,
            origin: claim.origin,
            fact: claim.identity,
            score,
        };
        if !claim.always && !budget.take(&asking, at.now_s) {
            return self.suppress(Reason::Budget);
        }
        self.corroboration.tell(&claim, severity, at.now_s);
        Outcome::found(Finding {
            cgroup: at.cgroup,
            key: baseline.key.clone(),
            at: claim.at,
            class,
            severity,
            method: claim.method,
            phase: claim.phase,
            score,
            threshold: threshold.min(score),
            fact_id: claim.fact_id,
            feature: claim.feature,
            title: claim.title,
            observed: claim.observed,
            raw: claim.raw,
            expected: claim.expected,
            contributions: parts.into_iter().chain(claim.reasons).collect(),
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

/// The budget of recordings from when it was kept elsewhere.
const fn one() -> f64 {
    1.0
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

#[cfg(test)]
mod tests;
