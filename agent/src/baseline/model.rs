//! The baseline of one workload: learned facts and feature rows per phase, with their exposure.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bags::Bags;
use super::bouts::Bouts;
use super::calls::CallPeaks;
use super::claims::Claims;
use super::decision::{Decision, Freezing};
use super::exposure::{Clock, Exposure, Share, Totals, merge_clocks};
use super::facts::{Again, FactSet, Learned, Seen, cap, truncate};
use super::hash::{hash64, sha256_hex};
use super::key::Key;
use super::levels::Levels;
use super::neighbours::judge_of;
use super::orders::Orders;
use super::rhythms::Rhythms;
use super::rollout::Predecessor;
use super::sample::Sample;
use super::starts::StartContacts;
use super::support::{command_of, name_of};
use super::surprises::Surprises;
use crate::observe::fact::{Fact, Family, Phase, Sighting};

/// Facts of a matured family that wait for approval.
const PENDING: usize = 256;

/// Replicas whose visits to a phase are remembered.
const VISITS: usize = 256;

/// Two baselines that belong to different workloads cannot be merged.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot merge the baseline of {theirs} into that of {mine}: they describe different workloads"
)]
pub struct KeyMismatch {
    mine: String,
    theirs: String,
}

/// Learned facts of one family in one phase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FamilyBaseline {
    /// What is normal.
    pub facts: FactSet,
    /// What was seen after the family matured: reported once, and not normal until approved.
    pub pending: FactSet,
    /// What the image before did, as a prior.
    #[serde(default, skip_serializing_if = "FactSet::is_empty")]
    pub(super) inherited: FactSet,
    /// The family of the image before judged.
    #[serde(default)]
    pub(super) inherited_active: bool,
    /// The exposure at the last new fact.
    pub(super) last_new: Clock,
    /// When the family matured, Unix seconds.
    pub(super) active_since_s: Option<i64>,
}

impl FamilyBaseline {
    /// Whether facts may be judged: the family matured and its set is complete.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.active_since_s.is_some() && self.facts.refused() == 0
    }

    /// The exposure at the last new fact.
    #[must_use]
    pub fn last_new(&self) -> &Clock {
        &self.last_new
    }

    /// Pending facts that nothing has made normal since.
    pub fn waiting(&self) -> impl Iterator<Item = (&Fact, &Seen)> {
        let learned = |fact: &Fact| self.facts.get(fact).is_some_and(|seen| !seen.is_narrow());
        self.pending.iter().filter(move |(fact, _)| !learned(fact))
    }

    /// Facts learned although they are dangerous, which the operator has not confirmed.
    pub fn suspect(&self) -> impl Iterator<Item = (&Fact, &Seen)> {
        let suspect = |seen: &Seen| seen.danger.is_some() && seen.approved.is_none();
        self.facts.iter().filter(move |(_, seen)| suspect(seen))
    }

    /// Makes a fact normal; true when it had not been approved before, `None` when there is no room for it.
    pub(super) fn approve(&mut self, fact: &Fact, decision: &Decision) -> Option<bool> {
        if self.facts.get(fact).is_none() {
            let seen = self.pending.get(fact).cloned().unwrap_or_default();
            if !self.facts.put(fact, seen, cap(fact.family)) {
                return None;
            }
        }
        Some(self.facts.approve(fact, decision))
    }

    fn merge(&mut self, family: Family, other: &Self) {
        self.facts.merge(&other.facts, cap(family));
        self.pending.merge(&other.pending, PENDING);
        self.inherited.merge(&other.inherited, cap(family));
        self.inherited_active |= other.inherited_active;
        merge_clocks(&mut self.last_new, &other.last_new);
        self.active_since_s = match (self.active_since_s, other.active_since_s) {
            (Some(mine), Some(theirs)) => Some(mine.min(theirs)),
            (mine, theirs) => mine.or(theirs),
        };
    }
}

/// Learned state of one phase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseBaseline {
    /// How much was observed.
    pub exposure: Exposure,
    /// When each replica was last seen in this phase, Unix seconds, by the hash of its id.
    pub(super) visits: BTreeMap<u64, i64>,
    /// When each replica was first seen in this phase, as far as its last visit is remembered.
    #[serde(default)]
    pub(super) first_visits: BTreeMap<u64, i64>,
    /// For so many container-seconds what was inherited counts.
    #[serde(default)]
    pub(super) inherited_s: u64,
    /// Learned facts.
    pub families: BTreeMap<Family, FamilyBaseline>,
    /// Feature rows.
    pub sample: Sample,
    /// How often each system call was made at most.
    #[serde(default)]
    pub calls: CallPeaks,
    /// How much of each thing is done at most.
    #[serde(default)]
    pub levels: Levels,
    /// When new sequences of calls came up.
    #[serde(default)]
    pub surprises: Surprises,
    /// Which system calls windows made.
    #[serde(default)]
    pub bags: Bags,
    /// At which pace each endpoint is contacted.
    #[serde(default)]
    pub rhythms: Rhythms,
    /// How often in a row things are done that are done once in a while.
    #[serde(default)]
    pub bouts: Bouts,
    /// In which order dangerous things are done.
    #[serde(default)]
    pub orders: Orders,
}

impl PhaseBaseline {
    fn visit(&mut self, replica: u64, now_s: i64) {
        self.visited(replica, now_s, now_s);
    }

    fn visited(&mut self, replica: u64, first_s: i64, last_s: i64) {
        let last = self.visits.entry(replica).or_insert(last_s);
        *last = (*last).max(last_s);
        let first = self.first_visits.entry(replica).or_insert(first_s);
        *first = (*first).min(first_s);
        truncate(&mut self.visits, VISITS);
        truncate(&mut self.first_visits, VISITS);
    }

    fn merge(&mut self, other: &Self) {
        self.exposure.merge(&other.exposure);
        self.inherited_s = self.inherited_s.max(other.inherited_s);
        for (replica, last_s) in &other.visits {
            let first_s = other.first_visits.get(replica).unwrap_or(last_s);
            self.visited(*replica, *first_s, *last_s);
        }
        for (family, theirs) in &other.families {
            self.families
                .entry(*family)
                .or_default()
                .merge(*family, theirs);
        }
        self.sample.merge(&other.sample);
        self.calls.merge(&other.calls);
        self.levels.merge(&other.levels);
        self.surprises.merge(&other.surprises);
        self.bags.merge(&other.bags);
        self.rhythms.merge(&other.rhythms);
        self.bouts.merge(&other.bouts);
        self.orders.merge(&other.orders);
    }
}

/// What is normal for one workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// What it belongs to.
    pub key: Key,
    /// When it was begun, Unix seconds.
    pub created_s: i64,
    /// The image before, where one was known when this began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predecessor: Option<Predecessor>,
    /// When the difference from the predecessor was told, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) drift_told_s: Option<i64>,
    /// Grows by one with every reset. What was learned in an earlier epoch counts for nothing in a later one.
    #[serde(default)]
    pub epoch: u64,
    /// The reset that began this epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<Decision>,
    /// What the version had come to when this epoch began.
    #[serde(default)]
    pub(super) version_before: u64,
    /// The operator's last word on whether it learns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freezing: Option<Freezing>,
    /// What the layers that watch windows have claimed so far.
    #[serde(default, skip_serializing_if = "Claims::is_empty")]
    pub claims: Claims,
    /// Contacts that cannot be learned, and that the workload makes at its starts.
    #[serde(default, skip_serializing_if = "StartContacts::is_empty")]
    pub starts: StartContacts,
    /// Learned state per phase.
    pub phases: BTreeMap<Phase, PhaseBaseline>,
}

impl Baseline {
    /// An empty baseline.
    #[must_use]
    pub fn new(key: Key, now_s: i64) -> Self {
        Self {
            key,
            created_s: now_s,
            predecessor: None,
            drift_told_s: None,
            epoch: 0,
            reset: None,
            version_before: 0,
            freezing: None,
            claims: Claims::default(),
            starts: StartContacts::default(),
            phases: BTreeMap::new(),
        }
    }

    /// Stable id: the first 16 hex digits of the SHA-256 of the key.
    #[must_use]
    pub fn id(&self) -> String {
        let Key {
            namespace,
            workload,
            container,
            image_digest,
        } = &self.key;
        // A newline cannot stand in any part, so no two keys give the same text.
        let text = [namespace, workload, container, image_digest].map(String::as_str);
        sha256_hex(text.join("\n").as_bytes())
            .chars()
            .take(16)
            .collect()
    }

    /// Grows by one with every fact learned and every family matured. Derived from the content, so that merging in any
    /// order gives the same version.
    #[must_use]
    pub fn version(&self) -> u64 {
        let learned = self
            .families()
            .map(|(_, f)| f.facts.len() as u64 + u64::from(f.is_active()));
        let learned = learned.sum::<u64>() + u64::from(self.is_frozen());
        self.version_before.saturating_add(learned)
    }

    /// Every family that holds something, with its phase, in order.
    pub fn families(&self) -> impl Iterator<Item = (Phase, &FamilyBaseline)> {
        self.phases.iter().flat_map(|(phase, learned)| {
            let families = learned.families.values();
            families.map(move |family| (*phase, family))
        })
    }

    /// Learned state of a family in a phase, when there is any.
    #[must_use]
    pub fn family(&self, phase: Phase, family: Family) -> Option<&FamilyBaseline> {
        self.phases.get(&phase)?.families.get(&family)
    }

    /// Whether facts of this family and phase are judged rather than learned.
    #[must_use]
    pub fn judges(&self, phase: Phase, family: Family) -> bool {
        let complete = self
            .family(phase, family)
            .is_none_or(|here| here.facts.refused() == 0);
        self.is_frozen()
            || complete
                && self
                    .family(judge_of(phase), family)
                    .is_some_and(FamilyBaseline::is_active)
    }

    /// Learns one sighting of a fact. The caller decides whether the family still learns.
    pub fn learn(&mut self, phase: Phase, fact: &Fact, replica: &str, now_s: i64) -> Learned {
        let replica = hash64(&[replica.as_bytes()]);
        let here = self.phases.entry(phase).or_default();
        here.visit(replica, now_s);
        let family = here.families.entry(fact.family).or_default();
        let learned = family.facts.learn(fact, cap(fact.family), replica, now_s);
        if learned == Learned::New && family.inherited.get(fact).is_none() {
            family.last_new = here.exposure.clock();
        }
        learned
    }

    /// Learns further sightings of a fact that it holds in the phase.
    pub fn learn_again(&mut self, phase: Phase, fact: &Fact, replica: u64, again: Again) {
        let here = self.phases.entry(phase).or_default();
        here.visited(replica, again.first_s, again.last_s);
        if let Some(family) = here.families.get_mut(&fact.family) {
            family.facts.learn_again(fact, replica, again);
        }
    }

    /// Whether a fact was learned although it is dangerous.
    #[must_use]
    pub fn is_suspect(&self, phase: Phase, fact: &Fact) -> bool {
        self.family(phase, fact.family)
            .and_then(|family| family.facts.get(fact))
            .is_some_and(|seen| seen.danger.is_some())
    }

    /// Learns one sighting, and which name stood behind a wildcard that needs support.
    pub fn learn_sighting(&mut self, sighting: &Sighting, replica: &str, now_s: i64) -> Learned {
        let (phase, fact) = (sighting.phase, &sighting.fact);
        let learned = self.learn(phase, fact, replica, now_s);
        if let Some(name) = name_of(sighting)
            && let Some(here) = self.phases.get_mut(&phase)
            && let Some(family) = here.families.get_mut(&fact.family)
        {
            family.facts.set_name(fact, name);
        }
        if let Some(command) = command_of(sighting)
            && let Some(here) = self.phases.get_mut(&phase)
            && let Some(family) = here.families.get_mut(&fact.family)
        {
            family.facts.set_command(fact, command);
        }
        learned
    }

    /// Remembers a fact that a matured family does not know, for later approval, and returns what was known before. It
    /// waits in the phase that judged it, so that it is told once for all of them.
    pub fn set_pending(
        &mut self,
        phase: Phase,
        fact: &Fact,
        replica: &str,
        now_s: i64,
    ) -> Option<Seen> {
        let replica = hash64(&[replica.as_bytes()]);
        let here = self.phases.entry(judge_of(phase)).or_default();
        let pending = &mut here.families.entry(fact.family).or_default().pending;
        let before = pending.get(fact).cloned();
        pending.learn(fact, PENDING, replica, now_s);
        pending.set_period(fact, now_s);
        before
    }

    /// Notes that a finding about a pending fact was reported.
    pub fn set_reported(&mut self, phase: Phase, fact: &Fact, now_s: i64) {
        if let Some(family) = self
            .phases
            .get_mut(&judge_of(phase))
            .and_then(|p| p.families.get_mut(&fact.family))
        {
            family.pending.reported(fact, now_s);
        }
    }

    /// Notes that a learned fact is dangerous, and why in a word; the operator is asked to confirm it.
    pub fn set_danger(&mut self, phase: Phase, fact: &Fact, danger: &str) {
        if let Some(family) = self
            .phases
            .get_mut(&phase)
            .and_then(|p| p.families.get_mut(&fact.family))
        {
            family.facts.set_danger(fact, danger);
        }
    }

    /// Adds the exposure of one window.
    pub fn add_window(&mut self, phase: Phase, replica: &str, window: Share, now_s: i64) {
        let replica = hash64(&[replica.as_bytes()]);
        let here = self.phases.entry(phase).or_default();
        here.visit(replica, now_s);
        here.exposure.add(replica, window);
    }

    /// Exposure over all phases; `replicas` is that of the phase with the most.
    #[must_use]
    pub fn exposure(&self) -> Totals {
        self.phases
            .values()
            .map(|phase| phase.exposure.totals())
            .fold(Totals::default(), |sum, phase| Totals {
                seconds: sum.seconds + phase.seconds,
                windows: sum.windows + phase.windows,
                lossy_windows: sum.lossy_windows + phase.lossy_windows,
                requests: sum.requests + phase.requests,
                lost: sum.lost + phase.lost,
                replicas: sum.replicas.max(phase.replicas),
            })
    }

    /// When one of its containers was last seen, Unix seconds; when it was begun, where none was.
    #[must_use]
    pub fn last_seen_s(&self) -> i64 {
        let visits = self.phases.values().flat_map(|phase| phase.visits.values());
        visits.copied().max().unwrap_or(self.created_s)
    }

    /// Joins with the baseline of another agent or replica set. Where one was reset more often than the other, the other
    /// is what was to be forgotten.
    ///
    /// # Errors
    /// When the other one belongs to another workload; nothing is changed then.
    pub fn merge(&mut self, other: &Self) -> Result<(), KeyMismatch> {
        if self.key != other.key {
            let name = |key: &Key| format!("{}/{}/{}", key.namespace, key.workload, key.container);
            return Err(KeyMismatch {
                mine: name(&self.key),
                theirs: name(&other.key),
            });
        }
        match self.epoch.cmp(&other.epoch) {
            Ordering::Greater => return Ok(()),
            Ordering::Less => {
                self.clone_from(other);
                return Ok(());
            }
            Ordering::Equal => {}
        }
        self.created_s = self.created_s.min(other.created_s);
        self.predecessor = self.predecessor.take().max(other.predecessor.clone());
        self.drift_told_s = self.drift_told_s.max(other.drift_told_s);
        self.reset = self.reset.take().max(other.reset.clone());
        self.version_before = self.version_before.max(other.version_before);
        self.freezing = self.freezing.take().max(other.freezing.clone());
        self.claims.merge(&other.claims);
        self.starts.merge(&other.starts);
        for (phase, theirs) in &other.phases {
            self.phases.entry(*phase).or_default().merge(theirs);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
