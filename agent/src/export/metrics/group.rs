//! The series that share one container's labels.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use picket_ebpf::lost;

use crate::detect::finding::{Class, Severity};
use crate::observe::event::CgroupId;
use crate::workload::container::Container;

use super::State;

/// Room for scores: models a container.
const MODELS: usize = 4;

/// The reason of loss that a container brings about itself, and that exists at 0 for it from the start.
pub(super) const LOST_TO_QUOTA: &str = "quota";

/// Reasons of loss that can be counted for a container: those of the probe, and the agent's queue.
const LOSSES: usize = lost::COUNT as usize + 1;

/// Series that one container may come to have: counters, last anomalies, states, scores with thresholds, losses, and
/// info, first seen and samples.
pub(super) const SERIES_PER_CONTAINER: usize = Class::ALL.len() * Severity::ALL.len()
    + Severity::ALL.len()
    + State::ALL.len()
    + 2 * MODELS
    + LOSSES
    + 3;

/// Longest time that an increment waits for a scrape to show the 0 before it.
///
/// `increase()` sees no rise in a series that is born at 1, so a first anomaly waits for one scrape. Who scrapes less
/// often than this alerts on `picket_last_anomaly_timestamp_seconds`.
const HOLD: Duration = Duration::from_secs(30);

/// What identifies the series of a container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Labels {
    pub namespace: String,
    pub pod: String,
    pub container: String,
}

impl Labels {
    pub fn of(container: &Container) -> Self {
        Self {
            namespace: container.namespace.clone(),
            pod: container.pod.clone(),
            container: container.name.clone(),
        }
    }

    /// Labels of the containers of `namespace` that have no series of their own.
    pub fn overflow(namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            pod: String::new(),
            container: String::new(),
        }
    }
}

/// Series with the same labels: of one container after the other when it restarts under its name.
pub(super) struct Group {
    /// Anomalies; every combination is there from the start.
    pub counts: BTreeMap<(Class, Severity), Count>,
    /// Unix milliseconds of the last anomaly.
    pub last_anomaly: BTreeMap<Severity, i64>,
    /// Events lost, by reason.
    pub lost: BTreeMap<&'static str, u64>,
    /// The latest container with these labels; `None` for stand-ins of many containers.
    pub detail: Option<Detail>,
    inhabitants: BTreeSet<CgroupId>,
    gone_at: Option<Instant>,
    shown: bool,
    held_since: Option<Instant>,
}

/// A counter and the increments that wait.
#[derive(Default)]
pub(super) struct Count {
    pub value: u64,
    /// The event that was last added to `value`.
    pub exemplar: Option<Exemplar>,
    held: u64,
    held_exemplar: Option<Exemplar>,
}

/// The event behind an increment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Exemplar {
    pub event_id: String,
    pub unix_ms: i64,
}

/// What is exported about the container itself.
pub(super) struct Detail {
    pub container: Container,
    pub state: State,
    pub samples: u64,
    scores: BTreeMap<&'static str, Score>,
}

/// A model's last verdict.
#[derive(Clone, Copy)]
pub(super) struct Score {
    pub score: f64,
    pub threshold: f64,
}

impl Detail {
    /// Sets a model's last verdict.
    pub fn score(&mut self, model: &'static str, score: Score) {
        if self.scores.len() < MODELS || self.scores.contains_key(model) {
            self.scores.insert(model, score);
        } else {
            debug_assert!(false, "no room for model {model}: raise MODELS");
        }
    }

    pub fn scores(&self) -> impl Iterator<Item = (&'static str, Score)> {
        self.scores.iter().map(|(model, score)| (*model, *score))
    }
}

impl Default for Group {
    fn default() -> Self {
        let combinations = Class::ALL
            .into_iter()
            .flat_map(|class| Severity::ALL.map(|severity| (class, severity)));
        Self {
            counts: combinations.map(|key| (key, Count::default())).collect(),
            last_anomaly: BTreeMap::new(),
            lost: BTreeMap::from([(LOST_TO_QUOTA, 0)]),
            detail: None,
            inhabitants: BTreeSet::new(),
            gone_at: None,
            shown: false,
            held_since: None,
        }
    }
}

impl Group {
    /// `container` now has these labels.
    pub fn inhabit(&mut self, container: &Container, state: State) {
        self.inhabitants.insert(container.cgroup);
        self.gone_at = None;
        match &mut self.detail {
            Some(detail) if detail.container.cgroup == container.cgroup => {
                detail.container = container.clone();
            }
            detail => {
                *detail = Some(Detail {
                    container: container.clone(),
                    state,
                    samples: 0,
                    scores: BTreeMap::new(),
                });
            }
        }
    }

    /// The container in `cgroup` no longer has these labels.
    pub fn leave(&mut self, cgroup: CgroupId, now: Instant) {
        self.inhabitants.remove(&cgroup);
        if self.inhabitants.is_empty() {
            self.gone_at = Some(now);
        }
    }

    pub fn anomaly(
        &mut self,
        class: Class,
        severity: Severity,
        event_id: &str,
        unix_ms: i64,
        now: Instant,
    ) {
        let exemplar = Some(Exemplar {
            event_id: event_id.to_owned(),
            unix_ms,
        });
        let count = self.counts.entry((class, severity)).or_default();
        if self.shown {
            count.value += 1;
            count.exemplar = exemplar;
        } else {
            count.held += 1;
            count.held_exemplar = exemplar;
            self.held_since.get_or_insert(now);
        }
        let last = self.last_anomaly.entry(severity).or_insert(unix_ms);
        *last = unix_ms.max(*last);
    }

    /// `n` more events were lost.
    pub fn lose(&mut self, reason: &'static str, n: u64) {
        *self.lost.entry(reason).or_insert(0) += n;
    }

    /// No container has these labels any more and none ever had an anomaly.
    pub fn is_idle(&self) -> bool {
        self.gone_at.is_some() && self.last_anomaly.is_empty()
    }

    /// When the last container with these labels ended.
    pub fn gone_at(&self) -> Option<Instant> {
        self.gone_at
    }

    /// Whether the series have outlived their container for as long as `keep` says, given whether there was an anomaly.
    pub fn is_over(&self, now: Instant, keep: impl Fn(bool) -> Duration) -> bool {
        self.gone_at.is_some_and(|gone| {
            now.saturating_duration_since(gone) >= keep(!self.last_anomaly.is_empty())
        })
    }

    pub fn end_overdue_hold(&mut self, now: Instant) {
        if self
            .held_since
            .is_some_and(|since| now.saturating_duration_since(since) >= HOLD)
        {
            self.release();
        }
    }

    /// A scrape has shown the present values.
    pub fn shown(&mut self) {
        self.shown = true;
        self.release();
    }

    fn release(&mut self) {
        if self.held_since.take().is_none() {
            return;
        }
        for count in self.counts.values_mut() {
            count.value += std::mem::take(&mut count.held);
            if let Some(exemplar) = count.held_exemplar.take() {
                count.exemplar = Some(exemplar);
            }
        }
    }
}
