//! Prometheus metrics.
//!
//! Counters and gauges of the node live in a registry of the `prometheus` crate ([`node`]). Series of single containers
//! are made at each scrape from what is known about the containers ([`containers`], [`group`], [`scrape`]), because
//! they must appear at 0 before their first increment and disappear together.

mod containers;
mod exposition;
mod families;
mod group;
mod names;
mod node;
mod process;
mod scrape;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus::{IntCounterVec, Registry};

use crate::config::Metrics as Bounds;
use crate::detect::budget::Reason;
use crate::detect::finding::{Class, Severity};
use crate::observe::event::CgroupId;
use crate::workload::container::Container;
use crate::workload::lookups::Source;

use containers::{Containers, Seen};
use exposition::Exposition;
use families::{Builder, Kind};
use group::{SERIES_PER_CONTAINER, Score};
use node::Node;
use process::OwnProcess;

/// What `picket_build_info` tells.
#[derive(Clone, Copy, Debug)]
pub struct BuildInfo {
    /// Version of the package.
    pub version: &'static str,
    /// Commit it was built from; empty when unknown.
    pub revision: &'static str,
    /// Compiler.
    pub rustc: &'static str,
    /// Target triple.
    pub target: &'static str,
}

/// An anomaly that was reported.
#[derive(Clone, Copy, Debug)]
pub struct Anomaly<'a> {
    /// Class.
    pub class: Class,
    /// Severity.
    pub severity: Severity,
    /// The event's id, a ULID.
    pub event_id: &'a str,
    /// What happened, in words without secrets.
    pub title: &'a str,
    /// When it happened.
    pub unix_ms: i64,
}

/// State of a container's baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// The container is known, but nothing of it is seen.
    Blind,
    /// What is normal is still being learned.
    Learning,
    /// Behaviour is compared with the baseline.
    Active,
    /// Behaviour is compared; the baseline no longer changes.
    Frozen,
}

impl State {
    /// All states, in metric order.
    pub const ALL: [Self; 4] = [Self::Blind, Self::Learning, Self::Active, Self::Frozen];

    /// The metric label value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blind => "blind",
            Self::Learning => "learning",
            Self::Active => "active",
            Self::Frozen => "frozen",
        }
    }
}

/// All metrics of the agent.
pub struct Metrics {
    registry: Registry,
    node: Node,
    process: OwnProcess,
    containers: Mutex<Containers>,
    /// Absolute totals last reported, by family and label.
    totals: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
}

impl Metrics {
    /// All metrics of the node at 0, no container yet.
    ///
    /// # Errors
    /// A metric's name or labels are malformed or taken: a mistake in `names`.
    pub fn new(build: &BuildInfo, bounds: &Bounds) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let node = Node::register(&registry, build)?;
        node.series_limit
            .set(i64::try_from(bounds.max_series).unwrap_or(i64::MAX));
        Ok(Self {
            registry,
            node,
            process: OwnProcess::new(),
            containers: Mutex::new(Containers::new(bounds)),
            totals: Mutex::new(BTreeMap::new()),
        })
    }

    /// `container` was discovered, or is better known than before: its series exist from now on.
    pub fn container_seen(&self, container: &Container, now: Instant) {
        if self.containers().seen(container, now) == Seen::Dropped {
            self.node
                .series_dropped
                .with_label_values(&["limit"])
                .inc_by(SERIES_PER_CONTAINER as u64);
        }
    }

    /// `container` has ended; its series stay a while so that alert rules still see them.
    pub fn container_gone(&self, container: &Container, now: Instant) {
        self.containers().gone(container, now);
    }

    /// An anomaly was reported.
    ///
    /// The node's counter rises at once; the container's counter rises after a scrape has shown it at its former
    /// value, at the latest 30 s later.
    pub fn anomaly(&self, container: &Container, anomaly: &Anomaly<'_>, now: Instant) {
        self.node
            .anomalies
            .with_label_values(&[anomaly.class.name(), anomaly.severity.name()])
            .inc();
        self.containers().anomaly(container, anomaly, now);
    }

    /// `open` are the open incidents: the container of each, and its highest severity.
    pub fn incidents(&self, open: impl Iterator<Item = (CgroupId, Severity)>) {
        let mut highest: BTreeMap<CgroupId, Severity> = BTreeMap::new();
        for (cgroup, severity) in open {
            let known = highest.entry(cgroup).or_insert(severity);
            *known = severity.max(*known);
        }
        self.containers().set_incidents(&highest);
    }

    /// Sets the state of the container's baseline.
    pub fn baseline_state(&self, container: &Container, state: State) {
        self.containers().set_state(container, state);
    }

    /// Sets how many windows the container's baseline was learned from.
    pub fn baseline_samples(&self, container: &Container, samples: u64) {
        if let Some(detail) = self.containers().detail(container) {
            detail.samples = samples;
        }
    }

    /// Sets the last verdict of a model; there may be at most four models.
    pub fn score(&self, container: &Container, model: &'static str, score: f64, threshold: f64) {
        if let Some(detail) = self.containers().detail(container) {
            detail.score(model, Score { score, threshold });
        }
    }

    /// `n` anomalies were seen but not reported.
    pub fn suppressed(&self, reason: Reason, n: u64) {
        let reason = reason.name();
        self.node.suppressed.with_label_values(&[reason]).inc_by(n);
    }

    /// `n` events of `kind` were received.
    pub fn events(&self, kind: &'static str, n: u64) {
        self.node.events.with_label_values(&[kind]).inc_by(n);
    }

    /// `n` more events were lost.
    pub fn events_lost(&self, reason: &'static str, n: u64) {
        self.node.events_lost.with_label_values(&[reason]).inc_by(n);
    }

    /// `total` events were lost since the probe was loaded, as the kernel counts. A smaller total than before means a
    /// freshly loaded probe. A reason is reported either here or to [`Metrics::events_lost`].
    pub fn events_lost_set(&self, reason: &'static str, total: u64) {
        self.raise_to(
            &self.node.events_lost,
            names::EVENTS_LOST.name,
            reason,
            total,
        );
    }

    /// `n` more events of `container` were lost, which the node's counter already holds or will be told.
    pub fn container_events_lost(&self, container: &Container, reason: &'static str, n: u64) {
        self.containers().lost(container, reason, n);
    }

    /// `n` events belonged to no known container.
    pub fn events_unattributed(&self, n: u64) {
        self.node.events_unattributed.inc_by(n);
    }

    /// An event was handled so long after it happened in the kernel.
    pub fn event_delay(&self, delay: Duration) {
        self.node.event_delay.observe(delay.as_secs_f64());
    }

    /// `used` rows of the table of watched containers are taken, out of `capacity`.
    pub fn watched_table(&self, used: usize, capacity: u32) {
        let entries = self.node.map_entries.with_label_values(&[names::WATCHED]);
        entries.set(i64::try_from(used).unwrap_or(i64::MAX));
        let room = self.node.map_capacity.with_label_values(&[names::WATCHED]);
        room.set(i64::from(capacity));
    }

    /// Whether the hook `probe` is attached.
    pub fn probe_attached(&self, probe: &str, attached: bool) {
        self.node
            .probe_attached
            .with_label_values(&[probe])
            .set(i64::from(attached));
    }

    /// Whether the agent goes on without `what`.
    pub fn degraded(&self, what: &'static str, missing: bool) {
        self.node
            .degraded
            .with_label_values(&[what])
            .set(i64::from(missing));
    }

    /// The last window of the agent before ended so long before the first of this one.
    pub fn restart_gap(&self, gap: Duration) {
        self.node.restart_gap.set(gap.as_secs_f64());
    }

    /// A pass over the counters ended at `unix_ms`, and took so long.
    pub fn scored(&self, unix_ms: i64, duration: Duration) {
        self.node.scoring_duration.observe(duration.as_secs_f64());
        self.node.last_scored.set(unix_ms as f64 / 1000.0);
    }

    /// A self-test passed at `unix_ms`.
    pub fn self_test_passed(&self, unix_ms: i64) {
        self.node.self_test_success.set(unix_ms as f64 / 1000.0);
    }

    /// A self-test failed.
    pub fn self_test_failed(&self) {
        self.node.self_test_failures.inc();
    }

    /// Since the agent's start, identities were looked up in `source` `made` times, `failed` times in vain.
    pub fn metadata_lookups_set(&self, source: Source, made: u64, failed: u64) {
        let Node {
            metadata_lookups,
            metadata_failures,
            ..
        } = &self.node;
        for (vec, family, total) in [
            (metadata_lookups, &names::METADATA_LOOKUPS, made),
            (metadata_failures, &names::METADATA_FAILURES, failed),
        ] {
            self.raise_to(vec, family.name, source.name(), total);
        }
    }

    /// A finding was written to `sink`.
    pub fn exported(&self, sink: &'static str) {
        self.node.export_events.with_label_values(&[sink]).inc();
    }

    /// A finding could not be written to `sink`.
    pub fn export_error(&self, sink: &'static str) {
        self.node.export_errors.with_label_values(&[sink]).inc();
    }

    /// So many more findings wait for `sink`; fewer where negative.
    pub fn export_queued(&self, sink: &'static str, more: i64) {
        self.node.export_queue.with_label_values(&[sink]).add(more);
    }

    /// The digest of the effective configuration.
    pub fn config(&self, sha256: &str) {
        self.node.config_info.with_label_values(&[sha256]).set(1);
    }

    /// A baseline file was renamed because it could not be used.
    pub fn baseline_set_aside(&self) {
        self.node.files_set_aside.inc();
    }

    /// A baseline could not be written.
    pub fn baseline_save_error(&self) {
        self.node.save_errors.inc();
    }

    /// A scrape in text format 0.0.4.
    ///
    /// # Errors
    /// The encoder found a malformed family: a mistake in `names`.
    pub fn text(&self, now: Instant) -> Result<String, prometheus::Error> {
        self.gather(now).text()
    }

    /// A scrape in OpenMetrics 1.0, with the event's id as exemplar of an anomaly counter.
    #[must_use]
    pub fn openmetrics(&self, now: Instant) -> String {
        self.gather(now).openmetrics()
    }

    fn gather(&self, now: Instant) -> Exposition {
        let mut durations = Builder::new(&names::COLLECTOR_DURATION, Kind::Gauge, &[]);
        let mut timed = |collector: &str, since: Instant| {
            durations.add(&[], &[collector], since.elapsed().as_secs_f64());
        };
        let start = Instant::now();
        let scraped = {
            let mut containers = self.containers();
            containers.settle(now);
            scrape::scrape(&mut containers)
        };
        timed("containers", start);
        let start = Instant::now();
        let mut families = self.registry.gather();
        timed("node", start);
        let start = Instant::now();
        families.extend(self.process.families());
        timed("process", start);
        families.extend(scraped.families);
        families.extend(durations.build());
        families.sort_by(|a, b| a.name().cmp(b.name()));
        Exposition {
            families,
            exemplars: scraped.exemplars,
        }
    }

    /// Turns an absolute total into increments; a smaller one than before is a count that began anew.
    fn raise_to(&self, vec: &IntCounterVec, family: &'static str, label: &'static str, total: u64) {
        let before = lock(&self.totals).insert((family, label), total);
        let rise = total.checked_sub(before.unwrap_or(0)).unwrap_or(total);
        vec.with_label_values(&[label]).inc_by(rise);
    }

    fn containers(&self) -> MutexGuard<'_, Containers> {
        lock(&self.containers)
    }
}

/// Metrics must outlive a panic elsewhere: what a poisoned lock guards here is always consistent enough to export.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
