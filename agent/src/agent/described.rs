//! What the API server tells of pods after their containers were found: names, owners, labels, roles.
//!
//! Nobody waits for it. A container is watched under what its node knows of it, and goes on under what the API says:
//!
//! * One that turns out to be a model server is watched from then on, as one that was found running.
//! * One that turns out to be none (its pod opts out, it is a debugging shell) is let go, but only by what is told first.
//!   Later changes never end a watch: whoever may label pods could blind the agent.
//! * One that turns out to be of another workload is compared with that workload's baseline from then on. This happens only
//!   where a pod's name does not tell its workload (LeaderWorkerSets, Ray clusters, pods that nobody made) and the API is
//!   slower than the container. What was learned under the provisional name goes along where the workload had no baseline.

use std::sync::Arc;
use std::time::Instant;

use super::clock;
use super::inventory;
use super::pipeline::Pipeline;
use crate::baseline::key::Key;
use crate::engine::Input;
use crate::export::metrics::State;
use crate::observe::event::CgroupId;
use crate::workload::baseline_key::baseline_key;
use crate::workload::container::{Container, Role};

impl Pipeline {
    /// Takes up what was told of pods since the last time.
    pub fn pods_changed(&mut self) {
        let resolver = &self.parts.resolver;
        let watched = self.watched.values().map(|it| &*it.container);
        let watched: Vec<Container> = watched
            .filter_map(|container| resolver.described_anew(container))
            .collect();
        let blind = self.blind.values();
        let blind: Vec<Container> = blind
            .filter_map(|container| resolver.described_anew(container))
            .collect();
        let others = self.not_watched.values();
        let others: Vec<Container> = others
            .filter_map(|container| resolver.described_anew(container))
            .collect();
        self.tell_time();
        for container in watched {
            self.described(container);
        }
        for container in blind {
            let now = Instant::now();
            self.parts.metrics.container_seen(&container, now);
            self.parts.metrics.baseline_state(&container, State::Blind);
            self.blind.insert(container.cgroup, container);
        }
        self.reconsider(others);
    }

    /// A watched container is better known.
    fn described(&mut self, container: Container) {
        let cgroup = container.cgroup;
        let Some(before) = self.watched.get(&cgroup) else {
            return;
        };
        let is_first = before.container.role == Role::Unknown;
        let (old, found_ms) = (before.key.clone(), before.container.discovered_ms);
        if is_first && self.parts.selection.watches(&container).is_none() {
            self.stop_watching(cgroup, clock::now());
            tracing::info!(container = %container.name, pod = %container.pod, "A container is not watched any more, as its pod says.");
            self.not_watched.insert(cgroup, container);
            return;
        }
        let key = baseline_key(&container);
        let container = Arc::new(container);
        if key != old {
            tracing::info!(
                container = %container.name, pod = %container.pod, workload = %container.workload,
                kind = %container.workload_kind, before = %old.workload, "A watched container is of another workload than its name said."
            );
            self.prepare(&old, &key);
        }
        let goes_on = self
            .parts
            .engine
            .going_on(cgroup, Arc::clone(&container), key.clone());
        let Some(goes_on) = goes_on else {
            return;
        };
        self.feed(goes_on);
        let now = Instant::now();
        self.parts.metrics.container_seen(&container, now);
        if let Some(watched) = self.watched.get_mut(&cgroup) {
            watched.key = key.clone();
            watched.container = container;
        }
        if key != old && !self.watched.values().any(|it| it.key == old) {
            let since_s = found_ms.div_euclid(1000);
            self.parts
                .engine
                .baselines_mut()
                .forget_provisional(&old, since_s);
        }
        self.show_state(cgroup);
    }

    /// Sees that there is a baseline for a container that was compared with another's.
    fn prepare(&mut self, old: &Key, new: &Key) {
        let now_s = self.parts.engine.seconds(clock::now());
        let baselines = self.parts.engine.baselines_mut();
        let successor = baselines.successor(new, now_s);
        let baseline = successor.or_else(|| baselines.renamed(old, new));
        if let Some(baseline) = baseline {
            self.feed(Input::Baseline(Box::new(baseline)));
        }
    }

    /// Watches those containers that are better known by now and chosen for what they are.
    fn reconsider(&mut self, containers: Vec<Container>) {
        let mut chosen: Vec<CgroupId> = Vec::new();
        for container in containers {
            let cgroup = container.cgroup;
            let is_chosen = self.parts.selection.watches(&container).is_some();
            if is_chosen && Some(cgroup) != self.own_cgroup {
                self.not_watched.remove(&cgroup);
                chosen.push(cgroup);
            } else {
                self.not_watched.insert(cgroup, container);
            }
        }
        if chosen.is_empty() {
            return;
        }
        let lookups = self.parts.resolver.lookups();
        let existing = inventory::take(&self.parts.hierarchy, lookups);
        for existing in existing.into_iter().filter(|it| chosen.contains(&it.id)) {
            self.take_up(existing);
        }
    }
}
