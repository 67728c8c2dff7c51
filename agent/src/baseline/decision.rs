//! What the operator decided about a baseline: approvals, freezing, resets. Each decision says who, when and why, and
//! merges like everything else: the later one counts.

use serde::{Deserialize, Serialize};

use super::facts::fact_id;
use super::model::Baseline;
use crate::observe::fact::{Fact, Phase};

/// Longest text that is kept of a name or reason, bytes.
const TEXT: usize = 512;

/// Who decided something, when and why. Ordered by time first, so that the greater one is the later one.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Decision {
    /// When, Unix seconds.
    pub at_s: i64,
    /// Who.
    pub by: String,
    /// Why; may be empty.
    pub reason: String,
}

impl Decision {
    /// A decision of now. Very long texts are cut.
    #[must_use]
    pub fn new(at_s: i64, by: &str, reason: &str) -> Self {
        let cut = |text: &str| {
            let end = text.floor_char_boundary(TEXT);
            text.get(..end).unwrap_or_default().to_owned()
        };
        Self {
            at_s,
            by: cut(by),
            reason: cut(reason),
        }
    }
}

/// Whether the operator ended learning.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Freezing {
    /// The decision.
    pub decision: Decision,
    /// Learning is ended; otherwise it goes on again.
    pub frozen: bool,
}

/// Which facts an approval means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Approved<'a> {
    /// Everything that waits for approval, and everything learned although dangerous.
    AllPending,
    /// Facts by their ids.
    Ids(&'a [String]),
}

/// An approval that cannot be carried out. Nothing was approved then.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApproveError {
    /// No fact of this baseline has the id.
    #[error(
        "no fact {0:?} waits for approval or was learned; `picket baseline show` lists the ids"
    )]
    NoSuchFact(String),
    /// The family's set has no room for more.
    #[error(
        "the set of learned {0} facts is full, so {1:?} cannot be added; reset the baseline, or allow the fact in the configuration (`allow`)"
    )]
    Full(&'static str, String),
}

impl Baseline {
    /// Whether the operator ended learning: every family judges, whatever its evidence.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.freezing.as_ref().is_some_and(|it| it.frozen)
    }

    /// Ends learning, or lets it go on. The decision counts as later than the last one, whatever the clock says.
    pub fn set_frozen(&mut self, frozen: bool, mut decision: Decision) {
        if let Some(before) = &self.freezing {
            decision.at_s = decision.at_s.max(before.decision.at_s.saturating_add(1));
        }
        self.freezing = Some(Freezing { decision, frozen });
    }

    /// Makes facts normal in the operator's name, and returns those that were not approved before, in their order.
    ///
    /// # Errors
    /// When an id is unknown or there is no room; nothing is changed then.
    pub fn approve(
        &mut self,
        which: &Approved<'_>,
        decision: &Decision,
    ) -> Result<Vec<(Phase, Fact)>, ApproveError> {
        let chosen = match which {
            Approved::AllPending => self.awaiting(),
            Approved::Ids(ids) => {
                let mut chosen = Vec::new();
                for id in *ids {
                    let found = self.find(id);
                    chosen.push(found.ok_or_else(|| ApproveError::NoSuchFact(id.clone()))?);
                }
                chosen
            }
        };
        let mut approved = self.clone();
        let mut new = Vec::new();
        for (phase, fact) in chosen {
            let here = approved.phases.entry(phase).or_default();
            let family = here.families.entry(fact.family).or_default();
            match family.approve(&fact, decision) {
                None => return Err(ApproveError::Full(fact.family.name(), fact.value)),
                Some(true) => new.push((phase, fact)),
                Some(false) => {}
            }
        }
        *self = approved;
        Ok(new)
    }

    /// Everything that asks for the operator's word: facts that wait for approval, and those learned although they are
    /// dangerous.
    #[must_use]
    pub fn awaiting(&self) -> Vec<(Phase, Fact)> {
        self.families()
            .flat_map(|(phase, family)| {
                let waiting = family.waiting().map(|(fact, _)| fact);
                let suspect = family.suspect().map(|(fact, _)| fact);
                waiting
                    .chain(suspect)
                    .map(move |fact| (phase, fact.clone()))
            })
            .collect()
    }

    /// The fact with this id, learned or waiting.
    fn find(&self, id: &str) -> Option<(Phase, Fact)> {
        self.families().find_map(|(phase, family)| {
            let all = family.pending.iter().chain(family.facts.iter());
            let mut named = all.filter(|(fact, _)| fact_id(phase, fact) == id);
            named.next().map(|(fact, _)| (phase, fact.clone()))
        })
    }

    /// The same workload's baseline with nothing learned: what was learned before stays forgotten, also when an older
    /// copy is merged in.
    #[must_use]
    pub fn reset(&self, decision: Decision) -> Self {
        Self {
            epoch: self.epoch.saturating_add(1),
            version_before: self.version().saturating_add(1),
            reset: Some(decision.clone()),
            ..Self::new(self.key.clone(), decision.at_s)
        }
    }

    /// This baseline as one that no older copy of either joins: it takes the place of `other`.
    #[must_use]
    pub fn in_place_of(mut self, other: &Self) -> Self {
        self.epoch = self.epoch.max(other.epoch).saturating_add(1);
        self.version_before = self.version_before.max(other.version());
        self
    }
}

#[cfg(test)]
mod tests;
