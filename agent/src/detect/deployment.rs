//! Containers that were started with a command which their baseline did not learn.
//!
//! Another command is another deployment of the same image: more workers, another server in front of the same model. It
//! is told once, and then treated as a new image is: for as long as learning takes, counted from when the command was
//! first seen, what its containers do is learned, but for what takes a server over, which alerts all the while. Only who
//! deploys the container chooses its first program; nothing inside it can.

use std::collections::BTreeMap;

use super::claim::At;
use crate::baseline::learning::LearningSettings;
use crate::baseline::model::Baseline;
use crate::observe::event::CgroupId;
use crate::observe::fact::Sighting;

/// Until when containers of new commands are learned from, Unix seconds.
#[derive(Debug, Default)]
pub struct Deployments {
    until_s: BTreeMap<CgroupId, i64>,
}

impl Deployments {
    /// Takes the start of a container's first program, before the baseline takes it.
    pub fn started(
        &mut self,
        baseline: &Baseline,
        at: At<'_>,
        sighting: &Sighting,
        learning: LearningSettings,
    ) {
        let Some(active_s) = baseline.active_since() else {
            return;
        };
        let fact = &sighting.fact;
        let known = baseline.family(sighting.phase, fact.family);
        let seen = known.and_then(|it| it.facts.get(fact).or_else(|| it.pending.get(fact)));
        let first_s = seen.map_or(at.now_s, |seen| seen.first_s);
        if first_s > active_s {
            let time = i64::try_from(learning.min_duration_s).unwrap_or(i64::MAX);
            self.until_s.insert(at.cgroup, first_s.saturating_add(time));
        }
    }

    /// Whether a container is learned from although its baseline judges.
    #[must_use]
    pub fn is_new(&self, baseline: &Baseline, cgroup: CgroupId, now_s: i64) -> bool {
        let until_s = self.until_s.get(&cgroup);
        !baseline.is_frozen() && until_s.is_some_and(|until_s| now_s < *until_s)
    }

    /// What is remembered of a container.
    #[must_use]
    pub fn remembered(&self, cgroup: CgroupId) -> Option<i64> {
        self.until_s.get(&cgroup).copied()
    }

    /// Goes on from what was remembered.
    pub fn resume(&mut self, cgroup: CgroupId, until_s: i64) {
        self.until_s.insert(cgroup, until_s);
    }

    /// Drops the state of a container that is gone.
    pub fn forget(&mut self, cgroup: CgroupId) {
        self.until_s.remove(&cgroup);
    }
}
