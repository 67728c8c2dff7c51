//! The series that share one container's labels.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use picket_ebpf::lost;

use crate::config::Granularity;
use crate::detect::finding::{Class, Severity};
use crate::observe::event::CgroupId;
use crate::workload::container::Container;

use super::{Anomaly, State};

/// Room for scores: models a container.
const MODELS: usize = 4;

/// The reason of loss that a container brings about itself, and that exists at 0 for it from the start.
pub(super) const LOST_TO_QUOTA: &str = "quota";

/// Reasons of loss that can be counted for a container: those of the probe, and the agent's queue.
const LOSSES: usize = lost::COUNT as usize + 1;

/// Series that one container may come to have: counters, last anomalies with their words, open incidents, states, scores
/// with thresholds, losses, and info, first seen and samples.
pub(super) const SERIES_PER_CONTAINER: usize = Class::ALL.len() * Severity::ALL.len()
    + Severity::ALL.len()
    + Class::ALL.len()
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

/// So long after an anomaly, in milliseconds, the alert rules may still ask for its words.
const FRESH_MS: i64 = 3_600_000;

/// Longest reason that a series carries, in characters: a label is kept by Prometheus for as long as its samples are.
const REASON_LENGTH: usize = 120;

/// What identifies the series of a container: the values of [`super::names::container`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Labels(pub Vec<String>);

impl Labels {
    pub fn of(container: &Container, granularity: Granularity) -> Self {
        let Container {
            namespace,
            pod,
            name,
            workload,
            ..
        } = container;
        let values: &[&String] = match granularity {
            Granularity::Container => &[namespace, pod, name],
            Granularity::Pod => &[namespace, pod],
            Granularity::Workload => &[namespace, workload],
            Granularity::Node => &[],
        };
        Self(values.iter().map(|value| (*value).clone()).collect())
    }

    /// Labels of the containers of `namespace` that have no series of their own.
    pub fn overflow(namespace: &str, granularity: Granularity) -> Self {
        let mut values = vec![String::new(); super::names::container(granularity).len()];
        if let Some(first) = values.first_mut() {
            namespace.clone_into(first);
        }
        Self(values)
    }
}

/// Series with the same labels: of one container after the other when it restarts under its name.
pub(super) struct Group {
    /// Anomalies; every combination is there from the start.
    pub counts: BTreeMap<(Class, Severity), Count>,
    /// Unix milliseconds of the last anomaly.
    pub last_anomaly: BTreeMap<Severity, i64>,
    /// The last anomaly of each class.
    pub reasons: BTreeMap<Class, Told>,
    /// Highest severities of the open incidents.
    pub open_incidents: BTreeSet<Severity>,
    /// Events lost, by reason.
    pub lost: BTreeMap<&'static str, u64>,
    /// The latest container with these labels; `None` for stand-ins of many containers.
    pub detail: Option<Detail>,
    inhabitants: BTreeSet<CgroupId>,
    /// Containers with anomalies, whose incidents may be open.
    suspects: BTreeSet<CgroupId>,
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

/// An anomaly in words.
pub(super) struct Told {
    pub severity: Severity,
    pub event_id: String,
    pub reason: String,
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
            reasons: BTreeMap::new(),
            open_incidents: BTreeSet::new(),
            lost: BTreeMap::from([(LOST_TO_QUOTA, 0)]),
            detail: None,
            inhabitants: BTreeSet::new(),
            suspects: BTreeSet::new(),
            gone_at: None,
            shown: false,
            held_since: None,
        }
    }
}

impl Group {
    /// The container in `cgroup` now has these labels.
    pub fn inhabit(&mut self, cgroup: CgroupId) {
        self.inhabitants.insert(cgroup);
        self.gone_at = None;
    }

    /// These labels are those of `container` alone.
    pub fn describe(&mut self, container: &Container, state: State) {
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

    pub fn anomaly(&mut self, cgroup: CgroupId, anomaly: &Anomaly<'_>, now: Instant) {
        let Anomaly {
            class,
            severity,
            event_id,
            unix_ms,
            ..
        } = *anomaly;
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
        self.tell(anomaly);
        self.suspects.insert(cgroup);
    }

    /// Keeps the words of the anomaly, unless those of a worse one of its class are still fresh.
    fn tell(&mut self, anomaly: &Anomaly<'_>) {
        let worse = |told: &Told| {
            told.severity > anomaly.severity && anomaly.unix_ms - told.unix_ms < FRESH_MS
        };
        if self.reasons.get(&anomaly.class).is_some_and(worse) {
            return;
        }
        let told = Told {
            severity: anomaly.severity,
            event_id: anomaly.event_id.to_owned(),
            reason: anomaly.title.chars().take(REASON_LENGTH).collect(),
            unix_ms: anomaly.unix_ms,
        };
        self.reasons.insert(anomaly.class, told);
    }

    /// `open` are the highest severities of all open incidents, by container.
    pub fn set_incidents(&mut self, open: &BTreeMap<CgroupId, Severity>) {
        self.suspects.retain(|cgroup| open.contains_key(cgroup));
        let severities = self.suspects.iter().filter_map(|cgroup| open.get(cgroup));
        self.open_incidents = severities.copied().collect();
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
