//! Where the steps meet: records of the probe become events of containers, events become sightings, sightings become
//! findings. One task owns all of it, so nothing here is shared or locked.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use picket_ebpf::lost;
use tokio::sync::mpsc;

use super::baselines::Baselines;
use super::clock;
use super::inventory::{self, Existing};
use super::recordings::Recordings;
use super::report::Reporter;
use super::selftest::{Acted, SelfTest};
use super::watched::{Closed, WAITING_EVENTS, Waiting, Watched, kind};
use crate::baseline::learning::LearningSettings;
use crate::engine::{Effects, Engine, Input};
use crate::export::metrics::Metrics;
use crate::export::view::ContainerView;
use crate::observe::event::{CgroupId, Event, Moment};
use crate::observe::path;
use crate::observe::redact;
use crate::observe::window::ThreadCalls;
use crate::probe::{CANARY, Probe, Record, Totals};
use crate::record::Taps;
use crate::workload::cgroup_path;
use crate::workload::container::Container;
use crate::workload::hierarchy::Hierarchy;
use crate::workload::own_cgroup;
use crate::workload::processes;
use crate::workload::resolve::Resolver;
use crate::workload::selection::Selection;

/// The longest that a record may be on its way into its ring. A program stamps it and sends it within microseconds; only
/// a processor taken away in between takes longer.
const ON_ITS_WAY_NS: u64 = 1_000_000;

/// Reason of a loss: more events than are kept while a container's identity is looked up.
pub(super) const QUEUE: &str = "queue";

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
    /// What is made of all that is seen.
    pub engine: Engine<Baselines>,
    /// Globs of the devices whose opens are facts of their own.
    pub devices: Arc<[String]>,
    /// When learning is enough, for display.
    pub learning: LearningSettings,
    /// What recordings say of the agent.
    pub recordings: Recordings,
    /// Where findings go.
    pub reporter: Reporter,
    /// Metrics.
    pub metrics: Arc<Metrics>,
}

/// The running agent's state.
pub struct Pipeline {
    pub(super) parts: Parts,
    pub(super) watched: BTreeMap<CgroupId, Watched>,
    pub(super) blind: BTreeMap<CgroupId, Container>,
    pub(super) ended: VecDeque<ContainerView>,
    pub(super) waiting: BTreeMap<CgroupId, Waiting>,
    /// Container of each nested cgroup.
    pub(super) nested: BTreeMap<CgroupId, CgroupId>,
    /// Seen, resolved and not selected: their events are nobody's loss. They may be selected when more is known of them.
    pub(super) not_watched: BTreeMap<CgroupId, Container>,
    pub(super) resolved: mpsc::UnboundedSender<Container>,
    /// The agent's own container, which it never watches.
    pub(super) own_cgroup: Option<CgroupId>,
    pub(super) self_test: SelfTest,
    pub(super) taps: Taps,
    /// A baseline has just become worth more than before.
    save_at_once: bool,
    /// The last window of an agent before this one, until the gap since then was told.
    before: Option<Moment>,
    /// Containers whose birth should be reported by what waits in the rings.
    pub(super) announced: BTreeMap<CgroupId, Existing>,
    pub(super) events: BTreeMap<&'static str, u64>,
    pub(super) unattributed: u64,
    pub(super) suppressed: BTreeMap<&'static str, u64>,
    /// Events the rings had no room for, when the last windows were closed.
    ring_full: u64,
}

impl Pipeline {
    /// A pipeline that watches nothing yet. Resolved containers come back through `resolved`, canaries through `acted`.
    pub fn new(
        parts: Parts,
        resolved: mpsc::UnboundedSender<Container>,
        acted: mpsc::UnboundedSender<Acted>,
    ) -> Self {
        let own_cgroup = own_container(&parts.hierarchy);
        let before = parts.probe.last_window();
        Self {
            parts,
            watched: BTreeMap::new(),
            blind: BTreeMap::new(),
            ended: VecDeque::new(),
            waiting: BTreeMap::new(),
            nested: BTreeMap::new(),
            not_watched: BTreeMap::new(),
            resolved,
            own_cgroup,
            self_test: SelfTest::new(acted),
            taps: Taps::default(),
            save_at_once: false,
            before,
            announced: BTreeMap::new(),
            events: BTreeMap::new(),
            unattributed: 0,
            suppressed: BTreeMap::new(),
            ring_full: 0,
        }
    }

    /// Handles what the rings hold, but for what is so young that something earlier may still be on its way.
    pub fn drain(&mut self) {
        let now = clock::now();
        self.drain_until(Moment(now.0.saturating_sub(ON_ITS_WAY_NS)));
    }

    /// Whether [`Pipeline::drain`] left a record because it was too young.
    pub fn holds_records(&self) -> bool {
        self.parts.probe.holds_records()
    }

    /// Handles everything that the rings hold by now.
    pub fn drain_all(&mut self) {
        self.drain_until(clock::now());
    }

    fn drain_until(&mut self, until: Moment) {
        self.tell_time();
        while let Some(record) = self.parts.probe.next_record(until) {
            match record {
                Ok(Record::Event(event)) if event.cgroup == CANARY => self.self_test.saw(&event),
                Ok(Record::Event(event)) => self.event(event),
                Ok(Record::CgroupMade(change)) => self.cgroup_made(change),
                Ok(Record::CgroupRemoved(change)) => self.cgroup_removed(&change),
                Err(error) => {
                    tracing::error!(%error, "A record of the probe could not be read.");
                    self.parts.metrics.events_lost("decode", 1);
                }
            }
        }
        self.parts.probe.drained();
    }

    pub(super) fn counted(&mut self, kind: &'static str) {
        *self.events.entry(kind).or_insert(0) += 1;
        self.parts.metrics.events(kind, 1);
    }

    fn event(&mut self, event: Event) {
        self.counted(kind(&event.action));
        let delay = Duration::from_nanos(clock::now().since(event.at));
        self.parts.metrics.event_delay(delay);
        if let Some(waiting) = self.waiting.get_mut(&event.cgroup) {
            if waiting.events.len() < WAITING_EVENTS {
                waiting.events.push(event);
            } else {
                waiting.overflow += 1;
                self.parts.metrics.events_lost(QUEUE, 1);
            }
            return;
        }
        let cgroup = event.cgroup;
        if self.watched.contains_key(&cgroup) {
            self.observed(event);
        } else if !self.not_watched.contains_key(&cgroup) {
            self.unattributed += 1;
            self.parts.metrics.events_unattributed(1);
        }
    }

    pub(super) fn observed(&mut self, mut event: Event) {
        let cgroup = event.cgroup;
        let Some(watched) = self.watched.get_mut(&cgroup) else {
            return;
        };
        watched.count(&event);
        if let Some((file, class)) = path::class_of(&event.action, &self.parts.devices) {
            let moved = self.parts.probe.classify(watched.row, file, class);
            watched.count_bytes(class, moved);
        }
        // Before anything keeps it.
        redact::event(&mut event);
        let effects = self.feed(Input::Event(event));
        self.effect(cgroup, effects);
    }

    /// Gives the core its next input, and the recordings.
    pub(super) fn feed(&mut self, input: Input) -> Effects {
        self.taps.note(&input, &mut self.parts.engine);
        self.parts.engine.take(input)
    }

    /// Tells the core the time.
    pub(super) fn tell_time(&mut self) {
        self.feed(Input::Time(clock::time()));
    }

    /// Does what the core asks for, and hands on what it says.
    fn effect(&mut self, cgroup: CgroupId, effects: Effects) {
        let Some(watched) = self.watched.get_mut(&cgroup) else {
            return;
        };
        let time = self.parts.engine.time();
        let Parts {
            probe,
            metrics,
            reporter,
            ..
        } = &mut self.parts;
        if effects.forget_sequences {
            probe.forget_sequences(watched.row);
        }
        if effects.raise_epoch {
            probe.raise_epoch(watched.row);
        }
        for reason in effects.suppressed {
            *self.suppressed.entry(reason.name()).or_insert(0) += 1;
            metrics.suppressed(reason, 1);
        }
        for (news, sighting) in effects.news {
            reporter.news(news, sighting, &watched.container, time.boot_ms);
        }
        self.taps.reported(cgroup, effects.findings.len(), time);
        for finding in &effects.findings {
            watched.findings += 1;
            reporter.report(finding);
        }
        if effects.matured {
            tracing::info!(container = %watched.container.name, "Learning has ended: behaviour is compared from now on.");
            self.save_at_once = true;
        }
    }

    /// Closes the window of every container and judges it.
    pub fn tick(&mut self) {
        let start = Instant::now();
        self.tell_time();
        let end = clock::now();
        let mut threads = self.threads();
        self.parts.probe.read_peers_of_windows();
        let all: Vec<CgroupId> = self.watched.keys().copied().collect();
        for cgroup in all {
            if let Some(watched) = self.watched.get_mut(&cgroup) {
                watched.threads = threads.remove(&cgroup).unwrap_or_default();
            }
            self.close_window_of(cgroup, end, None);
            self.show_state(cgroup);
        }
        self.parts.probe.windows_closed(end);
        self.tell_gap(end);
        let mut ring_full = 0;
        for (reason, total) in self.parts.probe.losses() {
            self.parts.metrics.events_lost_set(reason, total);
            if lost::NAMES.get(lost::RING_FULL as usize) == Some(&reason) {
                ring_full = total;
            }
        }
        // The end of a container may have been among what the rings had no room for; its row would never be free again.
        if std::mem::replace(&mut self.ring_full, ring_full) < ring_full {
            self.end_what_is_gone();
        }
        let skipped = self.parts.probe.recursion_misses();
        self.parts.metrics.events_lost_set("recursion", skipped);
        self.parts.metrics.scored(clock::wall_ms(), start.elapsed());
    }

    /// What the most active threads of each container did since the last window.
    fn threads(&mut self) -> BTreeMap<CgroupId, Vec<ThreadCalls>> {
        let mut threads = self.parts.probe.threads().unwrap_or_else(|error| {
            tracing::error!(%error, "The counters of threads could not be read; this window has none.");
            BTreeMap::new()
        });
        for thread in threads.values_mut().flatten() {
            thread.comm = processes::thread_name(thread.thread);
        }
        threads
    }

    /// Tells once what lies between the last window of the agent before and the first of this one.
    fn tell_gap(&mut self, end: Moment) {
        let Some(before) = self.before.take() else {
            return;
        };
        let gap = Duration::from_nanos(end.since(before));
        self.parts.metrics.restart_gap(gap);
        let seconds = gap.as_secs_f64();
        if self.parts.probe.carried() {
            tracing::info!(
                seconds,
                "This agent has taken over from one before: the first windows span the time between, and its events were read."
            );
        } else {
            tracing::warn!(
                seconds,
                "Nothing is known of the time since the last window of the agent before."
            );
        }
    }

    pub(super) fn close_window_of(
        &mut self,
        cgroup: CgroupId,
        end: Moment,
        totals: Option<Totals>,
    ) {
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
        let Some(Closed { window, lost }) = watched.close_window(
            end,
            totals,
            self.parts.probe.sampled(),
            &self.parts.hierarchy,
        ) else {
            return;
        };
        self.parts
            .probe
            .keep_counted(watched.row, &watched.counted());
        for (reason, count) in lost {
            self.parts
                .metrics
                .container_events_lost(&watched.container, reason, count);
        }
        let lossy = window.counters.lost_events > 0;
        let resync = std::mem::take(&mut watched.resync) || lossy;
        let window = Box::new(window);
        let effects = self.feed(Input::Window { cgroup, window });
        if resync {
            self.resync(cgroup);
        }
        self.effect(cgroup, effects);
    }

    /// Tells the core which processes really run in a container.
    fn resync(&mut self, cgroup: CgroupId) {
        let Some(watched) = self.watched.get(&cgroup) else {
            return;
        };
        let pids = self.parts.hierarchy.processes(&watched.path);
        let running = processes::known(&pids, self.parts.resolver.lookups());
        let processes = inventory::known(running);
        self.feed(Input::Resync { cgroup, processes });
    }

    /// Gives the findings log its time to finish.
    pub fn end(self, patience: Duration) {
        self.parts.reporter.end(patience);
    }

    /// Writes the changed baselines if that is due, or at once.
    pub fn save_baselines(&mut self, at_once: bool) {
        let now = Instant::now();
        let at_once = std::mem::take(&mut self.save_at_once) || at_once;
        if !at_once && !self.parts.engine.baselines().is_save_due(now) {
            return;
        }
        let (failures, message) = self.parts.engine.baselines_mut().save(now);
        for _ in 0..failures {
            self.parts.metrics.baseline_save_error();
        }
        self.parts.metrics.degraded("state_dir", failures > 0);
        if let Some(message) = message {
            tracing::error!(failures, error = %message, "Baselines could not be saved; the agent goes on and tries again.");
        }
    }
}

/// The container that the agent is in.
fn own_container(hierarchy: &Hierarchy) -> Option<CgroupId> {
    let path = own_cgroup::path(hierarchy)?;
    let own = cgroup_path::container_prefix(&path)?;
    hierarchy.id_of(own).ok()
}
