//! Which containers are watched: their birth, the wait for their identity, their end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use super::clock;
use super::inventory::Existing;
use super::pipeline::{Parts, Pipeline, QUEUE};
use super::watched::{Birth, Waiting, Watched};
use crate::engine::{self, Input, Watch};
use crate::export::metrics::State;
use crate::observe::event::{CgroupId, Moment};
use crate::probe::{CANARY, CgroupChange, Counted, Row, Totals};
use crate::workload::baseline_key::baseline_key;
use crate::workload::cgroup_path;
use crate::workload::container::Container;
use crate::workload::lookups::Source;
use crate::workload::processes;

/// Ended containers still listed, so that a responder sees what has just gone.
const ENDED_LISTED: usize = 128;

impl Pipeline {
    /// Takes up the containers that were there before the agent.
    pub fn take_inventory(&mut self, existing: Vec<Existing>) {
        let mut existing: BTreeMap<CgroupId, Existing> =
            existing.into_iter().map(|it| (it.id, it)).collect();
        for (row, counted) in self.parts.probe.counted() {
            let alive = existing.remove(&counted.container);
            self.take_over(row, counted, alive);
        }
        for (id, container) in existing {
            // The kernel side has marked it since the probe was attached: its birth is about to be read.
            if self.parts.probe.row_of(id).is_some() {
                self.announced.insert(id, container);
            } else if Some(id) != self.own_cgroup {
                self.take_up(container);
            }
        }
    }

    /// Handles what waited in the rings, and lets go of what an agent before left and nobody has any more.
    pub fn begin(&mut self) {
        self.drain_all();
        for (id, container) in std::mem::take(&mut self.announced) {
            if self.knows(id) || self.not_watched.contains_key(&id) {
                continue;
            }
            // The report of its birth was lost, or came and went with its end.
            if let Some(row) = self.parts.probe.row_of(id) {
                let since = self.parts.probe.last_window().unwrap_or_else(clock::now);
                let counted = Counted::opened(id, container.path().to_owned(), since);
                self.take_over(row, counted, Some(container));
            }
        }
        let Parts {
            probe, hierarchy, ..
        } = &mut self.parts;
        probe.sweep(|| hierarchy.existing().iter().map(|it| it.id).collect());
        self.end_what_is_gone();
    }

    /// Whether a container still waits for its identity.
    pub fn awaits_identities(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn knows(&self, cgroup: CgroupId) -> bool {
        self.waiting.contains_key(&cgroup) || self.watched.contains_key(&cgroup)
    }

    /// Containers whose end nobody reported.
    pub(super) fn end_what_is_gone(&mut self) {
        let waiting = self.waiting.iter().filter(|(_, it)| it.ended.is_none());
        let waiting = waiting.map(|(id, it)| (*id, &it.counted.path));
        let watched = self.watched.iter().map(|(id, it)| (*id, &it.path));
        let hierarchy = &self.parts.hierarchy;
        let gone: Vec<CgroupId> = waiting
            .chain(watched)
            .filter(|(id, path)| hierarchy.id_of(path).ok() != Some(*id))
            .map(|(id, _)| id)
            .collect();
        let now = clock::now();
        for cgroup in gone {
            self.container_ended(cgroup, now);
        }
    }

    /// Goes on watching a container of which an agent before has counted a part. Where it is not `alive` any more, its
    /// end is still to be read.
    fn take_over(&mut self, row: Row, counted: Counted, alive: Option<Existing>) {
        let id = counted.container;
        let existing = alive.unwrap_or_else(|| Existing::gone(id));
        let cgroups: Vec<CgroupId> = existing.cgroups.iter().map(|(id, _)| *id).collect();
        if Some(id) == self.own_cgroup {
            self.parts.probe.unwatch(row, &cgroups);
            return;
        }
        self.parts.probe.adopt(row, id, &cgroups);
        let nested: Vec<CgroupId> = cgroups.into_iter().filter(|it| *it != id).collect();
        for cgroup in &nested {
            self.nested.insert(*cgroup, id);
        }
        for port in &existing.listening {
            self.parts.probe.add_listener(row, *port);
        }
        let waiting = self.wait_for_identity(row, counted, Birth::TakenOver(existing));
        waiting.nested.extend(nested);
    }

    /// Watches a living container that the kernel side has not marked by itself.
    pub(super) fn take_up(&mut self, mut existing: Existing) {
        let Some(path) = existing.cgroups.first().map(|(_, path)| path.clone()) else {
            return;
        };
        let cgroups: Vec<CgroupId> = existing.cgroups.iter().map(|(id, _)| *id).collect();
        let row = match self.parts.probe.watch(existing.id, &cgroups) {
            Ok(row) => row,
            Err(error) => {
                tracing::warn!(%path, %error, "A container cannot be watched: no free row of counters. Raise max_containers.");
                self.resolve(existing.id, path);
                return;
            }
        };
        let nested = cgroups.into_iter().skip(1);
        for cgroup in nested.clone() {
            self.nested.insert(cgroup, existing.id);
        }
        for port in &existing.listening {
            self.parts.probe.add_listener(row, *port);
        }
        // From here on the kernel reports every fork; what was forked since the inventory is made known now.
        let pids = self.parts.hierarchy.processes(&path);
        existing.complete(processes::known(&pids, self.parts.resolver.lookups()));
        let id = existing.id;
        let counted = Counted::opened(id, path, clock::now());
        let waiting = self.wait_for_identity(row, counted, Birth::Before(existing));
        waiting.nested.extend(nested);
    }

    pub(super) fn cgroup_made(&mut self, change: CgroupChange) {
        self.counted("cgroup_mkdir");
        let CgroupChange {
            at,
            cgroup,
            container,
            path,
        } = change;
        // What is made below the agent's own cgroup during a self-test is not the agent's.
        let container = container.filter(|(container, _)| *container != CANARY);
        let Some((container, row)) = container else {
            // Names that the kernel side does not recognise, or no free row: the path decides.
            if cgroup_path::parse(&path).is_some_and(|found| !found.nested) {
                self.take_up(Existing::unmarked(cgroup, path));
            }
            return;
        };
        if container != cgroup {
            self.nested_made(cgroup, container);
            return;
        }
        if Some(cgroup) == self.own_cgroup {
            self.parts.probe.unwatch(row, &[cgroup]);
            return;
        }
        if self.knows(cgroup) {
            return;
        }
        self.wait_for_identity(row, Counted::opened(cgroup, path, at), Birth::Seen(at));
    }

    /// A watched container has made a cgroup in itself. One that was let go meanwhile has no row any more: that may be
    /// another's by now.
    fn nested_made(&mut self, cgroup: CgroupId, container: CgroupId) {
        let nested = match self.watched.get_mut(&container) {
            Some(watched) => &mut watched.nested,
            None => match self.waiting.get_mut(&container) {
                Some(waiting) => &mut waiting.nested,
                None => return,
            },
        };
        nested.insert(cgroup);
        self.nested.insert(cgroup, container);
    }

    fn wait_for_identity(&mut self, row: Row, counted: Counted, birth: Birth) -> &mut Waiting {
        self.parts.probe.keep_counted(row, &counted);
        let cgroup = counted.container;
        self.resolve(cgroup, counted.path.clone());
        self.waiting.entry(cgroup).or_insert(Waiting {
            row,
            counted,
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

    pub(super) fn cgroup_removed(&mut self, change: &CgroupChange) {
        self.counted("cgroup_rmdir");
        self.container_ended(change.cgroup, change.at);
    }

    fn container_ended(&mut self, cgroup: CgroupId, at: Moment) {
        self.not_watched.remove(&cgroup);
        self.blind.remove(&cgroup);
        if let Some(container) = self.nested.remove(&cgroup) {
            if let Some(watched) = self.watched.get_mut(&container) {
                watched.nested.remove(&cgroup);
            }
            return;
        }
        if let Some(waiting) = self.waiting.get_mut(&cgroup) {
            self.parts.probe.read_peers();
            let totals = self.parts.probe.totals(waiting.row);
            waiting.ended = Some((at, totals.unwrap_or_else(|_| Totals::zero())));
            // The row must not be given to another container while events of this one wait: it is released once the
            // identity is known.
            return;
        }
        self.finish(cgroup, at);
    }

    /// A container has ended.
    fn finish(&mut self, cgroup: CgroupId, at: Moment) {
        if let Some(container) = self.stop_watching(cgroup, at) {
            tracing::info!(container = %container.name, id = %container.id, "A watched container ended.");
        }
    }

    /// Ends the watch over a container: its last window is judged, its series age out, its row is free.
    pub(super) fn stop_watching(&mut self, cgroup: CgroupId, at: Moment) -> Option<Arc<Container>> {
        self.parts.probe.read_peers();
        self.close_window_of(cgroup, at, None);
        let view = self.container_view(cgroup, Some(at));
        let watched = self.watched.remove(&cgroup)?;
        self.parts.probe.unwatch(watched.row, &watched.cgroups());
        self.nested.retain(|_, container| *container != cgroup);
        self.feed(Input::End { cgroup });
        self.parts
            .metrics
            .container_gone(&watched.container, Instant::now());
        if let Some(view) = view {
            self.ended.push_front(view);
            self.ended.truncate(ENDED_LISTED);
        }
        Some(watched.container)
    }

    /// The identity of a container is known now: it is watched from its first event on, or let go.
    pub fn identified(&mut self, container: Container) {
        self.count_lookups();
        // The API server may have told more since.
        let anew = self.parts.resolver.described_anew(&container);
        let container = anew.unwrap_or(container);
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
            self.let_go(container, waiting);
            return;
        }
        let key = baseline_key(&container);
        let taken_over = matches!(waiting.birth, Birth::TakenOver(_));
        let birth = match waiting.birth {
            Birth::Seen(at) => engine::Birth::Seen(at),
            Birth::Before(existing) | Birth::TakenOver(existing) => engine::Birth::Found {
                at: waiting.counted.at,
                listening: !existing.listening.is_empty(),
                processes: existing.processes,
            },
        };
        self.parts
            .metrics
            .container_seen(&container, Instant::now());
        tracing::info!(
            container = %container.name, namespace = %container.namespace, image = %container.image,
            id = %container.id, "A container is watched."
        );
        let counted = (waiting.row, waiting.counted);
        let mut watched = Watched::new(container, key, counted);
        watched.sampled = self.parts.probe.sampled();
        watched.nested = waiting.nested;
        // What waited in the ring may tell of processes that have ended since.
        watched.resync = taken_over;
        if waiting.overflow > 0 {
            watched.events_lost = waiting.overflow;
            watched.lost.insert(QUEUE, waiting.overflow);
            let (container, overflow) = (&watched.container, waiting.overflow);
            self.parts
                .metrics
                .container_events_lost(container, QUEUE, overflow);
        }
        self.tell_time();
        let now_s = self.parts.engine.seconds(clock::now());
        if let Some(baseline) = self
            .parts
            .engine
            .baselines_mut()
            .successor(&watched.key, now_s)
        {
            let before = baseline.predecessor.as_ref().map(|it| it.id.clone());
            tracing::info!(container = %watched.container.name, baseline = %baseline.id(), before, "A new image begins with what its predecessor did.");
            self.feed(Input::Baseline(Box::new(baseline)));
        }
        self.feed(Input::Watch(Box::new(Watch {
            container: Arc::clone(&watched.container),
            key: watched.key.clone(),
            birth,
            lossy: taken_over,
        })));
        self.watched.insert(cgroup, watched);
        self.show_state(cgroup);
        for event in waiting.events {
            self.observed(event);
        }
        if let Some((at, totals)) = waiting.ended {
            self.close_window_of(cgroup, at, Some(totals));
            self.finish(cgroup, at);
        }
    }

    /// Stops watching a container that was not selected.
    fn let_go(&mut self, container: Container, waiting: Waiting) {
        let cgroup = container.cgroup;
        let cgroups: Vec<CgroupId> = std::iter::once(cgroup)
            .chain(waiting.nested.iter().copied())
            .collect();
        self.parts.probe.unwatch(waiting.row, &cgroups);
        if waiting.ended.is_none() {
            self.not_watched.insert(cgroup, container);
        }
        for nested in waiting.nested {
            self.nested.remove(&nested);
        }
    }

    fn count_lookups(&self) {
        let lookups = self.parts.resolver.lookups();
        for source in Source::ALL {
            let (made, failed) = (lookups.made(source), lookups.failed(source));
            self.parts
                .metrics
                .metadata_lookups_set(source, made, failed);
        }
    }
}
