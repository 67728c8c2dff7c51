//! Where the steps meet: records of the probe become events of containers, events become sightings, sightings become
//! findings. One task owns all of it, so nothing here is shared or locked.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::baselines::Baselines;
use super::clock::{self, SteadyClock};
use super::inventory::Existing;
use super::report::Reporter;
use super::watched::{Birth, WAITING_EVENTS, Waiting, Watched, kind};
use crate::baseline::learning::LearningSettings;
use crate::detect::budget::Reason;
use crate::detect::detector::{Detector, Outcome};
use crate::export::metrics::{Metrics, State};
use crate::export::view::ContainerView;
use crate::observe::container::Observer;
use crate::observe::event::{CgroupId, Event, Moment};
use crate::probe::{CgroupChange, Probe, Record, Row, Totals};
use crate::workload::baseline_key::baseline_key;
use crate::workload::cgroup_path;
use crate::workload::container::Container;
use crate::workload::hierarchy::Hierarchy;
use crate::workload::lookups::Source;
use crate::workload::resolve::Resolver;
use crate::workload::selection::Selection;

/// Ended containers still listed, so that a responder sees what has just gone.
const ENDED_LISTED: usize = 128;

/// What the pipeline is built from.
pub struct Parts {
    /// The attached probe.
    pub probe: Probe,
    /// The cgroup v2 hierarchy.
    pub hierarchy: Hierarchy,
    /// Names containers.
    pub resolver: Arc<Resolver>,
    /// Which containers are watched.
    pub selection: Selection,
    /// Learned state.
    pub baselines: Baselines,
    /// The verdict.
    pub detector: Detector,
    /// When learning is enough, for display.
    pub learning: LearningSettings,
    /// Where findings go.
    pub reporter: Reporter,
    /// Metrics.
    pub metrics: Arc<Metrics>,
}

/// The running agent's state.
pub struct Pipeline {
    pub(super) parts: Parts,
    pub(super) steady: SteadyClock,
    pub(super) watched: BTreeMap<CgroupId, Watched>,
    pub(super) blind: BTreeMap<CgroupId, Container>,
    pub(super) ended: VecDeque<ContainerView>,
    waiting: BTreeMap<CgroupId, Waiting>,
    /// Container of each nested cgroup.
    nested: BTreeMap<CgroupId, CgroupId>,
    /// Seen, resolved and not selected: their events are nobody's loss.
    not_watched: BTreeSet<CgroupId>,
    resolved: mpsc::UnboundedSender<Container>,
    own_cgroup: Option<CgroupId>,
    /// Lookups made and failed, by source, as last counted.
    lookups: BTreeMap<&'static str, (u64, u64)>,
    pub(super) events: BTreeMap<&'static str, u64>,
    pub(super) unattributed: u64,
    pub(super) suppressed: BTreeMap<&'static str, u64>,
}

impl Pipeline {
    /// A pipeline that watches nothing yet. Resolved containers come back through `resolved`.
    pub fn new(parts: Parts, resolved: mpsc::UnboundedSender<Container>) -> Self {
        let own_cgroup = own_cgroup(&parts.hierarchy);
        Self {
            parts,
            steady: SteadyClock::start(),
            watched: BTreeMap::new(),
            blind: BTreeMap::new(),
            ended: VecDeque::new(),
            waiting: BTreeMap::new(),
            nested: BTreeMap::new(),
            not_watched: BTreeSet::new(),
            resolved,
            own_cgroup,
            lookups: BTreeMap::new(),
            events: BTreeMap::new(),
            unattributed: 0,
            suppressed: BTreeMap::new(),
        }
    }

    /// Takes up the containers that were there before the agent.
    pub fn take_inventory(&mut self, existing: Vec<Existing>) {
        for container in existing {
            let id = container.id;
            let known = self.waiting.contains_key(&id) || self.watched.contains_key(&id);
            if !known && Some(id) != self.own_cgroup {
                self.take_up(container);
            }
        }
    }

    /// Watches a living container that the kernel side has not marked by itself.
    fn take_up(&mut self, existing: Existing) {
        let Some(path) = existing.cgroups.first().map(|(_, path)| path.clone()) else {
            return;
        };
        let directories: Vec<_> = existing
            .cgroups
            .iter()
            .map(|(id, path)| (*id, self.parts.hierarchy.directory(path)))
            .collect();
        let marks: Vec<_> = directories
            .iter()
            .map(|(id, path)| (*id, path.as_path()))
            .collect();
        let row = match self.parts.probe.watch(existing.id, &marks) {
            Ok(row) => row,
            Err(error) => {
                tracing::warn!(%path, %error, "A container cannot be watched: no free row of counters. Raise max_containers.");
                self.resolve(existing.id, path);
                return;
            }
        };
        let nested: Vec<CgroupId> = existing.cgroups.iter().skip(1).map(|(id, _)| *id).collect();
        for cgroup in &nested {
            self.nested.insert(*cgroup, existing.id);
        }
        for port in &existing.listening {
            self.parts.probe.add_listener(row, *port);
        }
        let id = existing.id;
        let waiting = self.wait_for_identity(id, row, path, Birth::Before(existing));
        waiting.nested.extend(nested);
    }

    /// Handles everything the ring holds now.
    pub fn drain(&mut self) {
        while let Some(record) = self.parts.probe.next_record() {
            match record {
                Ok(Record::Event(event)) => self.event(event),
                Ok(Record::CgroupMade(change)) => self.cgroup_made(change),
                Ok(Record::CgroupRemoved(change)) => self.cgroup_removed(&change),
                Err(error) => {
                    tracing::error!(%error, "A record of the probe could not be read.");
                    self.parts.metrics.events_lost("decode", 1);
                }
            }
        }
    }

    fn counted(&mut self, kind: &'static str) {
        *self.events.entry(kind).or_insert(0) += 1;
        self.parts.metrics.events(kind, 1);
    }

    fn cgroup_made(&mut self, change: CgroupChange) {
        self.counted("cgroup_mkdir");
        let CgroupChange {
            at,
            cgroup,
            row,
            path,
        } = change;
        let Some(row) = row else {
            // Names that the kernel side does not recognise, or no free row: the path decides.
            if cgroup_path::parse(&path).is_some_and(|found| !found.nested) {
                self.take_up(Existing::unmarked(cgroup, path));
            }
            return;
        };
        if let Some(container) = self.container_of_row(row) {
            self.nested.insert(cgroup, container);
            if let Some(watched) = self.watched.get_mut(&container) {
                watched.nested.insert(cgroup);
            } else if let Some(waiting) = self.waiting.get_mut(&container) {
                waiting.nested.insert(cgroup);
            }
            return;
        }
        self.wait_for_identity(cgroup, row, path, Birth::Seen(at));
    }

    fn container_of_row(&self, row: Row) -> Option<CgroupId> {
        let waiting = self.waiting.iter().find(|(_, w)| w.row == row);
        let watched = self.watched.iter().find(|(_, w)| w.row == row);
        waiting
            .map(|(id, _)| *id)
            .or_else(|| watched.map(|(id, _)| *id))
    }

    fn wait_for_identity(
        &mut self,
        cgroup: CgroupId,
        row: Row,
        path: String,
        birth: Birth,
    ) -> &mut Waiting {
        self.resolve(cgroup, path.clone());
        self.waiting.entry(cgroup).or_insert(Waiting {
            row,
            path,
            birth,
            nested: BTreeSet::new(),
            events: Vec::new(),
            overflow: 0,
            ended: None,
        })
    }

    fn resolve(&self, cgroup: CgroupId, path: String) {
        let (resolver, resolved) = (Arc::clone(&self.parts.resolver), self.resolved.clone());
        tokio::spawn(async move {
            let container = resolver.resolve(cgroup, &path).await;
            // The receiver is gone only when the agent stops.
            let _ = resolved.send(container);
        });
    }

    fn cgroup_removed(&mut self, change: &CgroupChange) {
        self.counted("cgroup_rmdir");
        let cgroup = change.cgroup;
        self.not_watched.remove(&cgroup);
        self.blind.remove(&cgroup);
        if let Some(container) = self.nested.remove(&cgroup) {
            if let Some(watched) = self.watched.get_mut(&container) {
                watched.nested.remove(&cgroup);
            }
            return;
        }
        if let Some(waiting) = self.waiting.get_mut(&cgroup) {
            let totals = self.parts.probe.totals(waiting.row);
            waiting.ended = Some((change.at, totals.unwrap_or_else(|_| Totals::zero())));
            // The row must not be given to another container while events of this one wait: it is released once the
            // identity is known.
            return;
        }
        self.finish(cgroup, change.at);
    }

    /// A container has ended: its last window is judged, its series age out, its row is free.
    fn finish(&mut self, cgroup: CgroupId, at: Moment) {
        self.close_window_of(cgroup, at, None);
        let view = self.container_view(cgroup, Some(at));
        let Some(watched) = self.watched.remove(&cgroup) else {
            return;
        };
        self.parts.probe.unwatch(watched.row, &watched.cgroups());
        self.nested.retain(|_, container| *container != cgroup);
        self.parts.detector.forget(cgroup);
        self.parts
            .metrics
            .container_gone(&watched.container, Instant::now());
        if let Some(view) = view {
            self.ended.push_front(view);
            self.ended.truncate(ENDED_LISTED);
        }
        tracing::info!(container = %watched.container.name, id = %watched.container.id, "A watched container ended.");
    }

    fn event(&mut self, event: Event) {
        self.counted(kind(&event.action));
        if let Some(waiting) = self.waiting.get_mut(&event.cgroup) {
            if waiting.events.len() < WAITING_EVENTS {
                waiting.events.push(event);
            } else {
                waiting.overflow += 1;
                self.parts.metrics.events_lost("queue", 1);
            }
            return;
        }
        let cgroup = event.cgroup;
        if self.watched.contains_key(&cgroup) {
            self.observed(&event);
        } else if !self.not_watched.contains(&cgroup) {
            self.unattributed += 1;
            self.parts.metrics.events_unattributed(1);
        }
    }

    fn observed(&mut self, event: &Event) {
        let Some(watched) = self.watched.get_mut(&event.cgroup) else {
            return;
        };
        watched.count(event);
        let before = watched.observer.epoch();
        let sighting = watched.observer.event(event);
        if watched.observer.epoch() != before {
            self.parts.probe.raise_epoch(watched.row);
        }
        let Some(sighting) = sighting else {
            return;
        };
        let now_s = self.steady.seconds(event.at);
        let baseline = self.parts.baselines.of(&watched.key, now_s);
        let outcome = self.parts.detector.sighting(
            baseline,
            event.cgroup,
            &watched.container.id,
            &sighting,
            now_s,
        );
        self.report(event.cgroup, outcome);
    }

    fn report(&mut self, cgroup: CgroupId, outcome: Outcome) {
        if let Some(reason) = outcome.suppressed.map(Reason::name) {
            *self.suppressed.entry(reason).or_insert(0) += 1;
            self.parts.metrics.suppressed(reason, 1);
        }
        if let (Some(finding), Some(watched)) = (outcome.finding, self.watched.get_mut(&cgroup)) {
            watched.findings += 1;
            self.parts.reporter.report(&finding, &watched.container);
        }
    }

    /// The identity of a container is known now: it is watched from its first event on, or let go.
    pub fn identified(&mut self, container: Container) {
        self.count_lookups();
        let cgroup = container.cgroup;
        let selected =
            Some(cgroup) != self.own_cgroup && self.parts.selection.watches(&container).is_some();
        let Some(waiting) = self.waiting.remove(&cgroup) else {
            // No row was free for it.
            if selected && !self.watched.contains_key(&cgroup) {
                let now = Instant::now();
                self.parts.metrics.container_seen(&container, now);
                self.parts.metrics.baseline_state(&container, State::Blind);
                self.blind.insert(cgroup, container);
            }
            return;
        };
        if !selected {
            self.let_go(cgroup, waiting);
            return;
        }
        let now_s = self.steady.seconds(clock::now());
        let key = baseline_key(&container);
        self.parts.baselines.of(&key, now_s);
        let (observer, start) = match waiting.birth {
            Birth::Seen(at) => (Observer::born(at), at),
            Birth::Before(existing) => {
                let now = clock::now();
                let listening = !existing.listening.is_empty();
                (Observer::existing(now, existing.processes, listening), now)
            }
        };
        self.parts
            .metrics
            .container_seen(&container, Instant::now());
        tracing::info!(
            container = %container.name, namespace = %container.namespace, image = %container.image,
            id = %container.id, "A container is watched."
        );
        let place = (waiting.row, waiting.path);
        let mut watched = Watched::new(container, key, place, observer, start);
        watched.nested = waiting.nested;
        watched.events_lost = waiting.overflow;
        self.watched.insert(cgroup, watched);
        self.show_state(cgroup);
        for event in &waiting.events {
            self.observed(event);
        }
        if let Some((at, totals)) = waiting.ended {
            self.close_window_of(cgroup, at, Some(totals));
            self.finish(cgroup, at);
        }
    }

    /// Stops watching a container that was not selected.
    fn let_go(&mut self, cgroup: CgroupId, waiting: Waiting) {
        let cgroups: Vec<CgroupId> = std::iter::once(cgroup)
            .chain(waiting.nested.iter().copied())
            .collect();
        self.parts.probe.unwatch(waiting.row, &cgroups);
        if waiting.ended.is_none() {
            let directory = self.parts.hierarchy.directory(&waiting.path);
            self.parts.probe.forget_storage(&directory);
            self.not_watched.insert(cgroup);
        }
        for nested in waiting.nested {
            self.nested.remove(&nested);
        }
    }

    /// Closes the window of every container and judges it.
    pub fn tick(&mut self) {
        let end = clock::now();
        let all: Vec<CgroupId> = self.watched.keys().copied().collect();
        for cgroup in all {
            self.close_window_of(cgroup, end, None);
            self.show_state(cgroup);
        }
        for (reason, total) in self.parts.probe.losses() {
            self.parts.metrics.events_lost_set(reason, total);
        }
        self.parts.metrics.scored(clock::wall_ms());
    }

    fn close_window_of(&mut self, cgroup: CgroupId, end: Moment, totals: Option<Totals>) {
        let Some(watched) = self.watched.get_mut(&cgroup) else {
            return;
        };
        let totals = match totals.map_or_else(|| self.parts.probe.totals(watched.row), Ok) {
            Ok(totals) => totals,
            Err(error) => {
                tracing::error!(container = %watched.container.name, %error, "A container's counters could not be read.");
                return;
            }
        };
        let cpu_ns = self.parts.hierarchy.cpu_usage_ns(&watched.path);
        let Some(window) = watched.close_window(end, totals, cpu_ns) else {
            return;
        };
        let before = watched.observer.epoch();
        let report = watched.observer.window(&window);
        if watched.observer.epoch() != before {
            self.parts.probe.raise_epoch(watched.row);
        }
        let now_s = self.steady.seconds(end);
        let baseline = self.parts.baselines.of(&watched.key, now_s);
        let outcomes =
            self.parts
                .detector
                .window(baseline, cgroup, &watched.container.id, &report, now_s);
        for outcome in outcomes {
            self.report(cgroup, outcome);
        }
    }

    fn count_lookups(&mut self) {
        let lookups = self.parts.resolver.lookups();
        for source in Source::ALL {
            let now = (lookups.made(source), lookups.failed(source));
            let (made, failed) = self.lookups.insert(source.name(), now).unwrap_or_default();
            for lookup in 0..now.0.saturating_sub(made) {
                let found = lookup >= now.1.saturating_sub(failed);
                self.parts.metrics.metadata_lookup(source.name(), found);
            }
        }
    }

    /// Gives the findings log its time to finish.
    pub fn end(self, patience: Duration) {
        self.parts.reporter.end(patience);
    }

    /// Writes the changed baselines if that is due, or at once.
    pub fn save_baselines(&mut self, at_once: bool) {
        let now = Instant::now();
        if !at_once && !self.parts.baselines.is_save_due(now) {
            return;
        }
        let (failures, message) = self.parts.baselines.save(now);
        for _ in 0..failures {
            self.parts.metrics.baseline_save_error();
        }
        self.parts.metrics.degraded("state_dir", failures > 0);
        if let Some(message) = message {
            tracing::error!(failures, error = %message, "Baselines could not be saved; the agent goes on and tries again.");
        }
    }
}

/// The agent's own cgroup, which it never watches.
fn own_cgroup(hierarchy: &Hierarchy) -> Option<CgroupId> {
    let text = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    let own = cgroup_path::container_prefix(path)?;
    hierarchy.id_of(own).ok()
}
