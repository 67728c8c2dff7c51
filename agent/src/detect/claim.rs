//! What a layer says: that something is not ordinary, in a form that every layer shares.
//!
//! A layer neither decides how severe its claim is nor whether it is reported. It says how often it makes such a claim
//! about ordinary behaviour; the verdict weighs that against danger and against what else was claimed.

use super::finding::{Class, Contribution, Method, Severity};
use super::technique::Known;
use crate::baseline::facts::fact_id;
use crate::baseline::hash::hash64;
use crate::baseline::neighbours::judge_of;
use crate::observe::event::{CgroupId, Moment};
use crate::observe::fact::{Fact, Origin, Phase, ProcessInfo, Sighting};

/// Whom and when a sighting or window is about.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// The container.
    pub cgroup: CgroupId,
    /// Its id, by which replicas are told apart.
    pub replica: &'a str,
    /// Unix time, seconds.
    pub now_s: i64,
}

/// Something that a layer holds to be out of the ordinary.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// The layer.
    pub method: Method,
    /// When it happened.
    pub at: Moment,
    /// Phase of the container.
    pub phase: Phase,
    /// Who did it.
    pub origin: Origin,
    /// Equal for claims that say the same of the same container, so that it is told once.
    pub identity: u64,
    /// Class of the finding it may become.
    pub class: Class,
    /// Danger in nats, with its reason: one nat more makes a claim count as if it were e times as rare.
    pub danger: (f64, String),
    /// How many claims like this a container-month of ordinary behaviour is predicted to make, with what stands behind
    /// that prediction, in words. Positive.
    pub false_per_month: (f64, String),
    /// Further parts of the score, in nats.
    pub adjustments: Vec<Contribution>,
    /// Highest score it may reach, nats, with the reason.
    pub most: Option<(f64, String)>,
    /// A severity that does not depend on the score: for what alerts whatever was learned.
    pub fixed: Option<Severity>,
    /// Told whatever the budget.
    pub always: bool,
    /// The fact it is about, by its id in the baseline; empty for what is computed over a window.
    pub fact_id: String,
    /// What was judged: the family's name, or the model's.
    pub feature: String,
    /// One sentence for a person, naming the thing.
    pub title: String,
    /// What was observed, in words.
    pub observed: String,
    /// The bare value that was judged; empty for what is computed over a window.
    pub raw: String,
    /// What was expected, with its evidence.
    pub expected: String,
    /// What made the layer say so, in the layer's own units: the explanation of a computed claim. These do not add up
    /// to the score.
    pub reasons: Vec<Contribution>,
    /// The process behind it, where one is.
    pub process: Option<ProcessInfo>,
    /// Its ancestors in the container, nearest first.
    pub ancestry: Vec<ProcessInfo>,
    /// Techniques it may be part of.
    pub techniques: &'static [Known],
    /// First look to take, in words.
    pub next_step: &'static str,
}

impl Claim {
    /// A claim of a layer about a window, to be completed: without danger, never false.
    #[must_use]
    pub fn about_window(method: Method, class: Class, at: Moment, phase: Phase) -> Self {
        Self {
            method,
            at,
            phase,
            origin: Origin::Server,
            identity: hash64(&[method.name().as_bytes(), phase.name().as_bytes()]),
            class,
            danger: (0.0, String::new()),
            false_per_month: (1.0, String::new()),
            adjustments: Vec::new(),
            most: None,
            fixed: None,
            always: false,
            fact_id: String::new(),
            feature: method.name().to_owned(),
            title: String::new(),
            observed: String::new(),
            raw: String::new(),
            expected: String::new(),
            reasons: Vec::new(),
            process: None,
            ancestry: Vec::new(),
            techniques: &[],
            next_step: "",
        }
    }

    /// A claim of a layer about a sighting, to be completed.
    #[must_use]
    pub fn about(sighting: &Sighting, method: Method, class: Class) -> Self {
        Self {
            origin: sighting.fact.origin,
            identity: identity(&sighting.fact),
            fact_id: fact_id(judge_of(sighting.phase), &sighting.fact),
            feature: sighting.fact.family.name().to_owned(),
            raw: sighting.raw.clone(),
            process: (sighting.process.pid != 0).then(|| sighting.process.clone()),
            ancestry: sighting.ancestry.clone(),
            ..Self::about_window(method, class, sighting.at, sighting.phase)
        }
    }

    /// How rare it is taken to be, nats, whatever its danger: 0 for once a month.
    #[must_use]
    pub fn rarity(&self) -> f64 {
        let adjustments = self.adjustments.iter().map(|part| part.value);
        rarity(self.false_per_month.0) + adjustments.sum::<f64>()
    }

    /// The score in nats with its parts: danger, rarity and adjustments, up to the highest score allowed.
    #[must_use]
    pub fn score(&self) -> (f64, Vec<Contribution>) {
        let part = |name: &str, value: f64, reason: &str| Contribution {
            name: name.to_owned(),
            value,
            reason: reason.to_owned(),
        };
        let (danger, why) = &self.danger;
        let (per_month, evidence) = &self.false_per_month;
        let mut parts = vec![
            part("danger", *danger, why),
            part("surprise", rarity(*per_month), evidence),
        ];
        parts.extend(self.adjustments.iter().cloned());
        let sum: f64 = parts.iter().map(|part| part.value).sum();
        let Some((most, why)) = &self.most else {
            return (sum, parts);
        };
        if sum > *most {
            parts.push(part("limit", most - sum, why));
        }
        (sum.min(*most), parts)
    }
}

/// The highest score of a claim that rests on counts alone, with the reason: no act stands behind it, and on real
/// recordings such claims came more often than their layers foretold (see docs/DETECTION.md), so they are a note.
#[must_use]
pub fn counts_alone() -> Option<(f64, String)> {
    Some((4.9, "counts alone are no more than a note".to_owned()))
}

/// Rarity in nats of what ordinary behaviour does so often a month: 0 for once, 2.3 for once in ten. Always a number.
#[must_use]
pub fn rarity(per_month: f64) -> f64 {
    if per_month.is_nan() {
        return 0.0;
    }
    -per_month.clamp(1e-9, 1e9).ln()
}

/// The identity of claims about a fact.
#[must_use]
pub fn identity(fact: &Fact) -> u64 {
    hash64(&[
        fact.family.name().as_bytes(),
        fact.origin.name().as_bytes(),
        fact.value.as_bytes(),
    ])
}
