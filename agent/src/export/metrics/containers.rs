//! Series of single containers: birth at 0, the first increment, the limit, and death.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::config::{Granularity, Metrics as Bounds};
use crate::detect::finding::Severity;
use crate::observe::event::CgroupId;
use crate::workload::container::Container;

use super::group::{Detail, Group, Labels, SERIES_PER_CONTAINER};
use super::{Anomaly, State};

/// How long a dead container's series stay: two scrape intervals of a minute.
const KEEP_QUIET: Duration = Duration::from_secs(2 * 60);

/// How long they stay after an anomaly: the longest window of the alert rules that looks at one container's counter.
const KEEP_AFTER_ANOMALY: Duration = Duration::from_secs(10 * 60);

/// Namespaces that get an own aggregate for containers beyond the limit; further ones share one without namespace.
const OVERFLOW_NAMESPACES: usize = 16;

/// All series of single containers.
pub(super) struct Containers {
    limit: usize,
    pub granularity: Granularity,
    pub groups: BTreeMap<Labels, Group>,
    /// Stand-ins for containers without own series: all labels but the namespace are empty.
    pub overflow: BTreeMap<Labels, Group>,
    live: BTreeMap<CgroupId, Live>,
}

/// A container that runs.
struct Live {
    /// Its series; `None` beyond the limit.
    labels: Option<Labels>,
    state: State,
}

/// What became of a container that was reported as seen.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It has series.
    Exported,
    /// It has none, as the limit is reached; told once a container.
    Dropped,
    /// It has none, as was told before.
    StillDropped,
}

impl Containers {
    /// No container yet.
    pub fn new(bounds: &Bounds) -> Self {
        Self {
            limit: usize::try_from(bounds.max_series).unwrap_or(usize::MAX),
            granularity: bounds.granularity,
            groups: BTreeMap::new(),
            overflow: BTreeMap::new(),
            live: BTreeMap::new(),
        }
    }

    /// `container` exists, or is now better known.
    pub fn seen(&mut self, container: &Container, now: Instant) -> Seen {
        let labels = self.labels(container);
        let before = self.live.get(&container.cgroup);
        let state = before.map_or(State::Blind, |live| live.state);
        let known = before.is_some();
        let old_labels = before.and_then(|live| live.labels.clone());
        if let Some(old) = old_labels.filter(|old| *old != labels) {
            self.leave(&old, container.cgroup, now);
            // Born under a provisional name: without an anomaly nobody needs the old series.
            if self.groups.get(&old).is_some_and(Group::is_idle) {
                self.groups.remove(&old);
            }
        }
        let admitted = self.groups.contains_key(&labels) || self.make_room();
        if admitted {
            let group = self.groups.entry(labels.clone()).or_default();
            group.inhabit(container.cgroup);
            if self.granularity == Granularity::Container {
                group.describe(container, state);
            }
        } else {
            self.overflow_group(&container.namespace);
        }
        let live = Live {
            labels: admitted.then_some(labels),
            state,
        };
        self.live.insert(container.cgroup, live);
        match (admitted, known) {
            (true, _) => Seen::Exported,
            (false, false) => Seen::Dropped,
            (false, true) => Seen::StillDropped,
        }
    }

    /// `container` has ended.
    pub fn gone(&mut self, container: &Container, now: Instant) {
        if let Some(labels) = self.live.remove(&container.cgroup).and_then(|l| l.labels) {
            self.leave(&labels, container.cgroup, now);
        }
    }

    /// An anomaly of `container`; counted for its namespace when it has no series of its own.
    pub fn anomaly(&mut self, container: &Container, anomaly: &Anomaly<'_>, now: Instant) {
        self.group(container)
            .anomaly(container.cgroup, anomaly, now);
    }

    /// `open` are the highest severities of all open incidents, by container.
    pub fn set_incidents(&mut self, open: &BTreeMap<CgroupId, Severity>) {
        for group in self.groups.values_mut().chain(self.overflow.values_mut()) {
            group.set_incidents(open);
        }
    }

    /// `n` more events of `container` were lost; counted for its namespace when it has no series of its own.
    pub fn lost(&mut self, container: &Container, reason: &'static str, n: u64) {
        self.group(container).lose(reason, n);
    }

    fn labels(&self, container: &Container) -> Labels {
        Labels::of(container, self.granularity)
    }

    /// Where `container` is counted.
    fn group(&mut self, container: &Container) -> &mut Group {
        let labels = self.labels(container);
        if self.groups.contains_key(&labels) {
            self.groups.entry(labels).or_default()
        } else {
            self.overflow_group(&container.namespace)
        }
    }

    /// Sets the baseline state of `container`.
    pub fn set_state(&mut self, container: &Container, state: State) {
        if let Some(live) = self.live.get_mut(&container.cgroup) {
            live.state = state;
        }
        if let Some(detail) = self.detail(container) {
            detail.state = state;
        }
    }

    /// What is exported about the container itself; `None` when it has no series of its own, or a later container has
    /// taken its labels over.
    pub fn detail(&mut self, container: &Container) -> Option<&mut Detail> {
        let labels = self.live.get(&container.cgroup)?.labels.as_ref()?;
        let detail = self.groups.get_mut(labels)?.detail.as_mut()?;
        (detail.container.cgroup == container.cgroup).then_some(detail)
    }

    /// How many containers run in `state`.
    pub fn count(&self, state: State) -> usize {
        let in_state = self.live.values().filter(|live| live.state == state);
        in_state.count()
    }

    /// Before a scrape: removes what has been dead long enough and ends overdue holds.
    pub fn settle(&mut self, now: Instant) {
        self.groups.retain(|_, group| !group.is_over(now, keep));
        for group in self.groups.values_mut().chain(self.overflow.values_mut()) {
            group.end_overdue_hold(now);
        }
    }

    /// After a scrape was built: all present series have now been shown.
    pub fn shown(&mut self) {
        for group in self.groups.values_mut().chain(self.overflow.values_mut()) {
            group.shown();
        }
    }

    fn leave(&mut self, labels: &Labels, cgroup: CgroupId, now: Instant) {
        if let Some(group) = self.groups.get_mut(labels) {
            group.leave(cgroup, now);
        }
    }

    /// Whether one more container fits, if need be in place of the one that is dead longest without an anomaly.
    fn make_room(&mut self) -> bool {
        if self.fits() {
            return true;
        }
        let idle = self.groups.iter().filter(|(_, group)| group.is_idle());
        let oldest = idle.min_by_key(|(_, group)| group.gone_at());
        if let Some(labels) = oldest.map(|(labels, _)| labels.clone()) {
            self.groups.remove(&labels);
        }
        self.fits()
    }

    fn fits(&self) -> bool {
        (self.groups.len() + 1) * SERIES_PER_CONTAINER <= self.limit
    }

    fn overflow_group(&mut self, namespace: &str) -> &mut Group {
        let mut labels = Labels::overflow(namespace, self.granularity);
        if !self.overflow.contains_key(&labels) && self.overflow.len() >= OVERFLOW_NAMESPACES {
            labels = Labels::overflow("", self.granularity);
        }
        self.overflow.entry(labels).or_default()
    }
}

/// How long the series of a dead group stay.
fn keep(had_anomaly: bool) -> Duration {
    if had_anomaly {
        KEEP_AFTER_ANOMALY
    } else {
        KEEP_QUIET
    }
}
