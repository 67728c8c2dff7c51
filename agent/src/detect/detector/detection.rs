//! What the detectors remember of one container, to be carried to another detector.

use serde::{Deserialize, Serialize};

use super::Detector;
use crate::baseline::key::Key;
use crate::detect::budget::Budget;
use crate::detect::verdict::Verdict;
use crate::detect::{calls, rates, sequence, signals};
use crate::observe::event::CgroupId;

/// What the detectors remember of one container. Every layer that remembers something has a field here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Detection {
    verdict: Option<Verdict>,
    /// That of its workload.
    budget: Option<Budget>,
    losses: Option<i64>,
    rates: Option<rates::layer::Watch>,
    signals: Option<signals::Watch>,
    calls: Option<calls::layer::Watch>,
    sequences: Option<sequence::layer::Watch>,
    deployed_until_s: Option<i64>,
}

impl Detector {
    /// What is remembered of a container that is compared with the baseline of `key`.
    #[must_use]
    pub fn detection(&self, cgroup: CgroupId, key: &Key) -> Detection {
        Detection {
            verdict: self.verdicts.get(&cgroup).cloned(),
            budget: self.budgets.get(key).cloned(),
            losses: self.losses.remembered(cgroup),
            rates: self.rates.remembered(cgroup),
            signals: self.signals.remembered(cgroup),
            calls: self.calls.remembered(cgroup),
            sequences: self.sequences.remembered(cgroup),
            deployed_until_s: self.deployments.remembered(cgroup),
        }
    }

    /// Goes on with a container from what another detector remembered of it.
    pub fn resume(&mut self, cgroup: CgroupId, key: &Key, detection: Detection) {
        let Detection {
            verdict,
            budget,
            losses,
            rates,
            signals,
            calls,
            sequences,
            deployed_until_s,
        } = detection;
        if let Some(verdict) = verdict {
            self.verdicts.insert(cgroup, verdict);
        }
        if let Some(budget) = budget {
            self.budgets.put(key, budget);
        }
        if let Some(losses) = losses {
            self.losses.resume(cgroup, losses);
        }
        if let Some(rates) = rates {
            self.rates.resume(cgroup, rates);
        }
        if let Some(signals) = signals {
            self.signals.resume(cgroup, signals);
        }
        if let Some(calls) = calls {
            self.calls.resume(cgroup, calls);
        }
        if let Some(sequences) = sequences {
            self.sequences.resume(cgroup, sequences);
        }
        if let Some(until_s) = deployed_until_s {
            self.deployments.resume(cgroup, until_s);
        }
    }

    /// Drops what was derived from a baseline and is no part of what is remembered, so that it is derived anew: a model
    /// that was fitted when the baseline held less is not the one that another detector would fit now.
    pub fn derive_anew(&mut self, baseline: &str) {
        self.rates.derive_anew(baseline);
        self.calls.derive_anew(baseline);
    }
}
