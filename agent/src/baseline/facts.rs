//! Bounded sets of facts with how often, when and on how many replicas each was seen.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::decision::Decision;
use super::hash::hash64;
use crate::observe::fact::{Fact, Family, Phase};

/// Replicas remembered for one fact; more only raise confidence that is high already.
const REPLICAS_PER_FACT: usize = 8;

/// Names remembered behind one wildcard; more only show again that they change.
const NAMES_PER_FACT: usize = 8;

/// Commands remembered of a shell's fact.
const COMMANDS_PER_FACT: usize = 8;

/// Length of the periods that tell a burst from what comes back, seconds.
pub const PERIOD_S: i64 = 6 * 3600;

/// Periods remembered of a fact that waits for approval; more only show again that it comes back.
const PERIODS_PER_FACT: usize = 16;

/// How often and when a fact was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Sightings by replica (hash of its id), of the replicas with the 8 smallest hashes.
    pub replicas: BTreeMap<u64, u64>,
    /// Names seen behind the wildcard of a dangerous value, hashed, of those with the 8 smallest hashes.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub names: BTreeSet<u64>,
    /// What a shell was told, generalised and hashed, of the 8 smallest hashes.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub commands: BTreeSet<u64>,
    /// First sighting, Unix seconds.
    pub first_s: i64,
    /// Last sighting, Unix seconds.
    pub last_s: i64,
    /// When a finding about it was last reported, Unix seconds; only for facts that wait for approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_s: Option<i64>,
    /// Periods of [`PERIOD_S`] since 1970 in which it was seen, the first 16; only for facts that wait for approval.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub periods: BTreeSet<i64>,
    /// What makes it dangerous, in a word, where it was learned all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub danger: Option<String>,
    /// The operator's word that it is normal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Decision>,
}

impl Seen {
    fn once(replica: u64, now_s: i64) -> Self {
        Self {
            replicas: BTreeMap::from([(replica, 1)]),
            first_s: now_s,
            last_s: now_s,
            ..Self::default()
        }
    }

    /// Sightings by the remembered replicas.
    #[must_use]
    pub fn occasions(&self) -> u64 {
        self.replicas
            .values()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }

    fn again(&mut self, replica: u64, again: Again) {
        let count = self.replicas.entry(replica).or_default();
        *count = count.saturating_add(again.times);
        truncate(&mut self.replicas, REPLICAS_PER_FACT);
        self.first_s = self.first_s.min(again.first_s);
        self.last_s = self.last_s.max(again.last_s);
    }

    fn name(&mut self, name: u64) {
        self.names.insert(name);
        while self.names.len() > NAMES_PER_FACT {
            self.names.pop_last();
        }
    }

    fn command(&mut self, command: u64) {
        self.commands.insert(command);
        while self.commands.len() > COMMANDS_PER_FACT {
            self.commands.pop_last();
        }
    }

    fn period(&mut self, period: i64) {
        self.periods.insert(period);
        while self.periods.len() > PERIODS_PER_FACT {
            self.periods.pop_last();
        }
    }

    fn merge(&mut self, other: &Self) {
        for (replica, count) in &other.replicas {
            let mine = self.replicas.entry(*replica).or_default();
            *mine = (*mine).max(*count);
        }
        truncate(&mut self.replicas, REPLICAS_PER_FACT);
        other.names.iter().for_each(|name| self.name(*name));
        let commands = other.commands.iter();
        commands.for_each(|command| self.command(*command));
        other.periods.iter().for_each(|period| self.period(*period));
        self.first_s = self.first_s.min(other.first_s);
        self.last_s = self.last_s.max(other.last_s);
        self.reported_s = self.reported_s.max(other.reported_s);
        self.danger = self.danger.take().max(other.danger.clone());
        self.approved = self.approved.take().max(other.approved.clone());
    }
}

/// Sightings of something seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Again {
    /// How many.
    pub times: u64,
    /// The earliest of them, Unix seconds.
    pub first_s: i64,
    /// The latest of them, Unix seconds.
    pub last_s: i64,
}

impl Again {
    /// One sighting.
    #[must_use]
    pub fn once(now_s: i64) -> Self {
        Self {
            times: 1,
            first_s: now_s,
            last_s: now_s,
        }
    }

    /// One more.
    pub fn more(&mut self, now_s: i64) {
        self.times = self.times.saturating_add(1);
        self.first_s = self.first_s.min(now_s);
        self.last_s = self.last_s.max(now_s);
    }
}

/// Name of a fact of a phase in the API and on the command line: 16 hex digits.
#[must_use]
pub fn fact_id(phase: Phase, fact: &Fact) -> String {
    let parts = [
        phase.name(),
        fact.family.name(),
        fact.origin.name(),
        &fact.value,
    ];
    format!("{:016x}", hash64(&parts.map(str::as_bytes)))
}

/// Keeps the `keep` smallest keys. Which keys stay depends on the keys alone, so it commutes with merging.
pub(super) fn truncate<K: Ord, V>(map: &mut BTreeMap<K, V>, keep: usize) {
    while map.len() > keep {
        map.pop_last();
    }
}

/// What became of a fact offered to a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// The set holds it from now on.
    New,
    /// The set held it already.
    Again,
    /// The set is full; the refusal was counted.
    Refused,
}

/// A bounded set of facts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactSet {
    #[serde(with = "entries")]
    facts: BTreeMap<Fact, Seen>,
    /// Sightings of facts that found the set full.
    #[serde(default)]
    refused: u64,
}

impl FactSet {
    /// Notes one sighting, if the set holds the fact or has fewer than `cap` facts.
    pub fn learn(&mut self, fact: &Fact, cap: usize, replica: u64, now_s: i64) -> Learned {
        if let Some(seen) = self.facts.get_mut(fact) {
            seen.again(replica, Again::once(now_s));
            return Learned::Again;
        }
        if self.facts.len() >= cap {
            self.refused = self.refused.saturating_add(1);
            return Learned::Refused;
        }
        self.facts.insert(fact.clone(), Seen::once(replica, now_s));
        Learned::New
    }

    /// Notes further sightings of a held fact by a replica.
    pub(super) fn learn_again(&mut self, fact: &Fact, replica: u64, again: Again) {
        if let Some(seen) = self.facts.get_mut(fact) {
            seen.again(replica, again);
        }
    }

    /// Notes what the shell behind a fact was told.
    pub(super) fn set_command(&mut self, fact: &Fact, command: u64) {
        if let Some(seen) = self.facts.get_mut(fact) {
            seen.command(command);
        }
    }

    /// Notes a name seen behind the wildcard of a held fact.
    pub(super) fn set_name(&mut self, fact: &Fact, name: u64) {
        if let Some(seen) = self.facts.get_mut(fact) {
            seen.name(name);
        }
    }

    /// Notes in which period a held fact was seen.
    pub(super) fn set_period(&mut self, fact: &Fact, now_s: i64) {
        if let Some(seen) = self.facts.get_mut(fact) {
            seen.period(now_s.div_euclid(PERIOD_S));
        }
    }

    /// Takes a fact over with what is known of it; false when there is no room for one that is not held.
    pub(super) fn put(&mut self, fact: &Fact, seen: Seen, cap: usize) -> bool {
        if let Some(mine) = self.facts.get_mut(fact) {
            mine.merge(&seen);
        } else if self.facts.len() < cap {
            self.facts.insert(fact.clone(), seen);
        } else {
            return false;
        }
        true
    }

    /// Gives a fact up with what is known of it.
    pub(super) fn remove(&mut self, fact: &Fact) -> Option<Seen> {
        self.facts.remove(fact)
    }

    /// Notes the operator's approval of a held fact; true when it is the first.
    pub(super) fn approve(&mut self, fact: &Fact, decision: &Decision) -> bool {
        let Some(seen) = self.facts.get_mut(fact) else {
            return false;
        };
        let first = seen.approved.is_none();
        seen.approved = seen.approved.take().max(Some(decision.clone()));
        first
    }

    /// Notes that a held fact is dangerous, and why in a word.
    pub(super) fn set_danger(&mut self, fact: &Fact, danger: &str) {
        if let Some(seen) = self.facts.get_mut(fact) {
            seen.danger = seen.danger.take().max(Some(danger.to_owned()));
        }
    }

    /// What is known about a fact.
    #[must_use]
    pub fn get(&self, fact: &Fact) -> Option<&Seen> {
        self.facts.get(fact)
    }

    /// Notes that a finding about a held fact was reported.
    pub fn reported(&mut self, fact: &Fact, now_s: i64) {
        if let Some(seen) = self.facts.get_mut(fact) {
            seen.reported_s = seen.reported_s.max(Some(now_s));
        }
    }

    /// The facts in their canonical order.
    pub fn iter(&self) -> impl Iterator<Item = (&Fact, &Seen)> {
        self.facts.iter()
    }

    /// Number of facts held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.facts.len()
    }

    /// Whether no fact is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// Sightings refused because the set was full; not 0 means that the set is incomplete.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Joins with another set. Beyond `cap` facts the first in canonical order stay and the set counts as overflowed.
    pub fn merge(&mut self, other: &Self, cap: usize) {
        for (fact, seen) in &other.facts {
            match self.facts.get_mut(fact) {
                Some(mine) => mine.merge(seen),
                None => {
                    self.facts.insert(fact.clone(), seen.clone());
                }
            }
        }
        self.refused = self.refused.max(other.refused);
        if self.facts.len() > cap {
            truncate(&mut self.facts, cap);
            self.refused = self.refused.max(1);
        }
    }
}

/// Most facts a phase keeps of one family. A family that needs more is not describable by a set.
#[must_use]
pub const fn cap(family: Family) -> usize {
    match family {
        Family::FileRead | Family::FileWrite | Family::FileChange | Family::FileAttempt => 2048,
        Family::Sequence => 4096,
        Family::Executable | Family::Syscall | Family::CodeMap | Family::DnsName | Family::Exit => {
            512
        }
        Family::Endpoint
        | Family::Contact
        | Family::TlsName
        | Family::Outcome
        | Family::UnixSocket => 256,
        Family::Listener
        | Family::Privileged
        | Family::Device
        | Family::Socket
        | Family::IoUring => 64,
    }
}

/// JSON has no maps with structured keys: the facts are written as a list of pairs, in order.
mod entries {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Fact, Seen};

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<Fact, Seen>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(map)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<BTreeMap<Fact, Seen>, D::Error> {
        Ok(Vec::<(Fact, Seen)>::deserialize(from)?
            .into_iter()
            .collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        reason = "tests"
    )]

    use proptest::prelude::*;

    use super::*;
    use crate::observe::fact::Origin;

    fn fact(n: u8) -> Fact {
        Fact {
            family: Family::Endpoint,
            origin: Origin::Server,
            value: format!("tcp 10.0.0.{n}:443"),
        }
    }

    #[test]
    fn a_full_set_refuses_and_counts_but_still_knows_what_it_holds() {
        let mut set = FactSet::default();
        assert_eq!(set.learn(&fact(1), 2, 7, 10), Learned::New);
        assert_eq!(set.learn(&fact(2), 2, 7, 11), Learned::New);
        assert_eq!(set.learn(&fact(3), 2, 7, 12), Learned::Refused);
        assert_eq!(set.learn(&fact(1), 2, 8, 13), Learned::Again);
        assert_eq!(set.len(), 2);
        assert_eq!(set.refused(), 1);
        let seen = set.get(&fact(1)).unwrap();
        assert_eq!((seen.occasions(), seen.first_s, seen.last_s), (2, 10, 13));
    }

    #[test]
    fn the_replicas_of_a_fact_are_bounded() {
        let mut set = FactSet::default();
        for replica in 0..100 {
            set.learn(&fact(1), 2, replica, 0);
        }
        assert_eq!(set.get(&fact(1)).unwrap().replicas.len(), REPLICAS_PER_FACT);
    }

    fn sets() -> impl Strategy<Value = FactSet> {
        prop::collection::vec((0_u8..12, 0_u64..20, 0_i64..100), 0..30).prop_map(|sightings| {
            let mut set = FactSet::default();
            for (value, replica, at) in sightings {
                set.learn(&fact(value), 6, replica, at);
            }
            set
        })
    }

    fn joined(a: &FactSet, b: &FactSet) -> FactSet {
        let mut out = a.clone();
        out.merge(b, 6);
        out
    }

    proptest! {
        #[test]
        fn merging_is_commutative_associative_and_idempotent(a in sets(), b in sets(), c in sets()) {
            prop_assert_eq!(joined(&a, &b), joined(&b, &a));
            prop_assert_eq!(joined(&joined(&a, &b), &c), joined(&a, &joined(&b, &c)));
            prop_assert_eq!(joined(&a, &a), a.clone());
            prop_assert!(joined(&a, &b).len() <= 6);
        }
    }
}
