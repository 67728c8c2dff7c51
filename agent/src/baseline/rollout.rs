//! A rollout: a new image of a workload begins with what its predecessor did as a prior.
//!
//! Inherited facts are known, but apart from what the new image showed by itself. They count until the new image was
//! observed for as long as its predecessor had been, and at least for an hour: what it has not done by then it does no
//! more. Where the predecessor's family judged, the new one needs less evidence to mature, the less the fewer facts
//! differ, and dangerous news alerts at once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::facts::Seen;
use super::model::{Baseline, FamilyBaseline};
use super::neighbours::{excuses, judge_of};
use super::support::name_of;
use crate::observe::fact::{Fact, Family, Phase, Sighting};

/// Inherited facts count at least for so much observation, container-seconds.
const LEAST_S: u64 = 3600;

/// Part of the usual evidence that is enough when nothing differs from the predecessor.
const LEAST_EVIDENCE: f64 = 0.25;

/// Share of facts that differ from which on a family needs all of the usual evidence.
const DIFFERENT: f64 = 0.25;

/// The image before.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Predecessor {
    /// When it was succeeded, Unix seconds.
    pub at_s: i64,
    /// Id of its baseline.
    pub id: String,
    /// Its image digest or id.
    pub image_digest: String,
}

impl FamilyBaseline {
    /// Facts that the new image does and its predecessor did not do.
    pub fn gained(&self) -> impl Iterator<Item = &Fact> {
        let facts = self.facts.iter().map(|(fact, _)| fact);
        facts.filter(|fact| self.inherited.get(fact).is_none())
    }

    /// Part of the usual evidence that this family needs, 0 to 1.
    #[must_use]
    pub(super) fn evidence_needed(&self) -> f64 {
        if !self.inherited_active {
            return 1.0;
        }
        let share = self.gained().count() as f64 / self.facts.len().max(1) as f64;
        LEAST_EVIDENCE + (1.0 - LEAST_EVIDENCE) * (share / DIFFERENT).min(1.0)
    }
}

impl Baseline {
    /// Takes what the baseline of the image before holds as a prior. For a baseline that has just begun.
    pub fn inherit(&mut self, from: &Self, now_s: i64) {
        self.predecessor = Some(Predecessor {
            at_s: now_s,
            id: from.id(),
            image_digest: from.key.image_digest.clone(),
        });
        for (phase, theirs) in &from.phases {
            let mine = self.phases.entry(*phase).or_default();
            mine.inherited_s = theirs.exposure.totals().seconds.max(LEAST_S);
            for (family, theirs) in &theirs.families {
                let mine = mine.families.entry(*family).or_default();
                mine.inherited = theirs.facts.clone();
                mine.inherited_active = theirs.is_active() || from.is_frozen();
            }
        }
    }

    /// Whether the predecessor did this in the phase, or in one that excuses it, as far as that still counts.
    #[must_use]
    pub fn inherits(&self, sighting: &Sighting) -> bool {
        let (phase, fact, marks) = (sighting.phase, &sighting.fact, sighting.marks);
        let name = name_of(sighting);
        let did = |there: Phase| {
            self.family(there, fact.family)
                .and_then(|family| family.inherited.get(fact))
                .is_some_and(|seen| seen.vouches_for(name))
        };
        Phase::ALL
            .into_iter()
            .filter(|there| *there == phase || excuses(*there, phase, marks))
            .any(|there| self.inheritance_counts(there) && did(there))
    }

    /// Whether the predecessor's family judged, and this one still learns: dangerous news alerts all the same.
    #[must_use]
    pub fn judges_by_predecessor(&self, phase: Phase, family: Family) -> bool {
        !self.judges(phase, family)
            && self
                .family(judge_of(phase), family)
                .is_some_and(|family| family.inherited_active)
    }

    /// Inherited facts that still count and that the new image has not shown by itself.
    pub fn inherited(&self) -> impl Iterator<Item = (Phase, &Fact, &Seen)> {
        let counting = self
            .families()
            .filter(|(phase, _)| self.inheritance_counts(*phase));
        counting.flat_map(|(phase, family)| {
            let unseen = family.inherited.iter();
            let unseen = unseen.filter(move |(fact, _)| family.facts.get(fact).is_none());
            unseen.map(move |(fact, seen)| (phase, fact, seen))
        })
    }

    /// Facts in which the image differs from its predecessor so far: what it gained, by family.
    #[must_use]
    pub fn drift(&self) -> Vec<(Family, usize)> {
        let mut counts: BTreeMap<Family, usize> = BTreeMap::new();
        let judged = self.families().filter(|(_, it)| it.inherited_active);
        for fact in judged.flat_map(|(_, family)| family.gained()) {
            *counts.entry(fact.family).or_default() += 1;
        }
        counts.into_iter().collect()
    }

    /// Notes that the difference from the predecessor is told; false when it was before.
    pub fn tell_drift(&mut self, now_s: i64) -> bool {
        let first = self.drift_told_s.is_none();
        self.drift_told_s.get_or_insert(now_s);
        first
    }

    fn inheritance_counts(&self, phase: Phase) -> bool {
        self.phases
            .get(&phase)
            .is_some_and(|here| here.exposure.totals().seconds < here.inherited_s)
    }
}

#[cfg(test)]
mod tests;
