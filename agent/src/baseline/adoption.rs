//! How what came up after learning becomes normal by itself, and what does not although it was learned.
//!
//! A fact that waits for approval is adopted when it keeps coming back: in three periods of six hours at least, none
//! next to another, over a day at least, on two containers at least (where the workload never had two, in six periods).
//! A burst, however large, is one period. Whether a fact may be adopted at all, as far as danger goes, is the caller's to decide.
//!
//! A dangerous fact that only one of four or more containers showed while they learned is not taken for normal.

use std::collections::BTreeSet;

use super::facts::{Seen, cap};
use super::model::Baseline;
use super::neighbours::judge_of;
use crate::observe::fact::{Fact, Phase};

/// Least time between the first and the last sighting, and least observation of the phase, seconds.
const ADOPT_AFTER_S: i64 = 86_400;

/// Separate periods in which a fact was seen.
const EPOCHS: usize = 3;

/// The same where the workload never had a second container that could confirm it.
const EPOCHS_ALONE: usize = 6;

/// Containers from which on what only one of them does is out of the ordinary.
const CONSENSUS: u64 = 4;

impl Baseline {
    /// Makes a waiting fact normal that has kept coming back; false when it has not, or the baseline is frozen.
    pub fn adopt(&mut self, phase: Phase, fact: &Fact) -> bool {
        if self.is_frozen() {
            return false;
        }
        let Some(here) = self.phases.get_mut(&judge_of(phase)) else {
            return false;
        };
        let totals = here.exposure.totals();
        let Some(family) = here.families.get_mut(&fact.family) else {
            return false;
        };
        let Some(seen) = family.pending.get(fact) else {
            return false;
        };
        let long = i64::try_from(totals.seconds).unwrap_or(i64::MAX) >= ADOPT_AFTER_S;
        if !long || !keeps_coming(seen, totals.replicas) {
            return false;
        }
        let seen = seen.clone();
        family.facts.put(fact, seen, cap(fact.family))
    }

    /// Whether a fact was learned that is dangerous, from one container of many, and not confirmed by the operator. What
    /// one did after its first connection, others may have done before theirs.
    #[must_use]
    pub fn is_quarantined(&self, phase: Phase, fact: &Fact) -> bool {
        let learned = |phase: Phase| self.family(phase, fact.family)?.facts.get(fact);
        let (Some(here), Some(seen)) = (self.phases.get(&phase), learned(phase)) else {
            return false;
        };
        if seen.danger.is_none() || seen.approved.is_some() {
            return false;
        }
        let before: &[Phase] = match phase {
            Phase::WarmUp => &[Phase::Start, Phase::Load],
            _ => &[],
        };
        let others = before.iter().filter_map(|other| learned(*other));
        let replicas = std::iter::once(seen).chain(others);
        let replicas: BTreeSet<u64> = replicas
            .flat_map(|seen| seen.replicas.keys().copied())
            .collect();
        replicas.len() == 1 && here.exposure.totals().replicas >= CONSENSUS
    }
}

fn keeps_coming(seen: &Seen, replicas: u64) -> bool {
    let epochs = match (seen.replicas.len(), replicas) {
        (2.., _) => EPOCHS,
        (_, 0..=1) => EPOCHS_ALONE,
        // There are others, and they do not do it.
        _ => return false,
    };
    separate(seen) >= epochs && seen.last_s.saturating_sub(seen.first_s) >= ADOPT_AFTER_S
}

/// Periods in which a fact was seen, without those that follow directly on one that counts.
fn separate(seen: &Seen) -> usize {
    let (mut count, mut last) = (0, i64::MIN);
    for period in &seen.periods {
        if *period > last.saturating_add(1) {
            (count, last) = (count + 1, *period);
        }
    }
    count
}

#[cfg(test)]
mod tests;
