//! The pure core in one piece: what the probe yields goes in, findings come out.
//!
//! [`Engine`] owns the observers, the baselines in use, the detector and the incidents, and takes one stream of
//! [`Input`]s. It reads no clock and no file: the time comes with the inputs. So the running agent and a recording's
//! replay run the same code, and equal inputs give equal findings, to the byte.

mod deed_key;
mod habits;
mod input;
mod store;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod time;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deed_key::DeedKeys;
use habits::{Habits, written};
use sha2::{Digest, Sha256};
use ulid::Ulid;

pub use input::{Birth, Input, Resume, Settings, SettingsError, Watch};
pub use store::Store;
pub use time::{SteadyClock, Time};

use crate::baseline::key::Key;
use crate::baseline::knowledge::Knowledge;
use crate::baseline::learning::State;
use crate::baseline::model::Baseline;
use crate::detect::budget::Reason;
use crate::detect::detector::Detector;
use crate::detect::finding::Finding;
use crate::detect::news::News;
use crate::detect::outcome::Outcome;
use crate::incident::Incidents;
use crate::observe::container::Observer;
use crate::observe::event::{Action, CgroupId, Event, Moment};
use crate::observe::fact::Sighting;
use crate::observe::window::Window;
use crate::workload::container::Container;

/// What an input led to.
#[derive(Debug, Default)]
pub struct Effects {
    /// What was reported of the container before must be reported again: its phase changed, or who acts in it.
    pub raise_epoch: bool,
    /// An entrypoint took over from the runtime's set-up: the sequences of calls before it are not the server's.
    pub forget_sequences: bool,
    /// The baseline has just ended its learning.
    pub matured: bool,
    /// Why what could have been findings were none.
    pub suppressed: Vec<Reason>,
    /// What was new, whether or not it was worth a finding.
    pub news: Vec<(News, Sighting)>,
    /// Findings, in the order to report them in.
    pub findings: Vec<Reported>,
}

/// A finding with what it got when it was reported.
#[derive(Clone, Debug, PartialEq)]
pub struct Reported {
    /// The finding.
    pub finding: Finding,
    /// The container it is about.
    pub container: Arc<Container>,
    /// A ULID of the finding's time, its container and its content, so that whoever reports it again names it the same.
    pub uid: String,
    /// Number of the finding since the agent's start, from 1.
    pub sequence: u64,
    /// When it was reported.
    pub time: Time,
}

/// A container under watch.
#[derive(Debug)]
struct Member {
    container: Arc<Container>,
    key: Arc<Key>,
    observer: Observer,
    habits: Habits,
}

/// The core with its state. What it keeps per container goes with [`Input::End`].
#[derive(Debug)]
pub struct Engine<S> {
    steady: SteadyClock,
    devices: Arc<[String]>,
    time: Time,
    members: BTreeMap<CgroupId, Member>,
    /// Containers whose habits were counted since their baseline was last settled.
    unsettled: BTreeMap<Arc<Key>, BTreeSet<CgroupId>>,
    deed_keys: DeedKeys,
    baselines: S,
    detector: Detector,
    incidents: Incidents,
    reported: u64,
}

impl<S: Store> Engine<S> {
    /// An engine that watches nothing yet. `boot_ms` is the wall-clock time of `Moment(0)`, Unix milliseconds, that
    /// learning and budgets count by whatever becomes of the wall clock.
    ///
    /// # Errors
    /// When the settings name something that does not exist.
    pub fn new(settings: &Settings, boot_ms: i64, baselines: S) -> Result<Self, SettingsError> {
        Ok(Self {
            steady: SteadyClock::at(boot_ms),
            devices: settings.devices.as_slice().into(),
            time: Time::default(),
            members: BTreeMap::new(),
            unsettled: BTreeMap::new(),
            deed_keys: DeedKeys::new(),
            baselines,
            detector: Detector::new(settings.detector()?),
            incidents: Incidents::default(),
            reported: 0,
        })
    }

    /// Takes the next input.
    pub fn take(&mut self, input: Input) -> Effects {
        match input {
            Input::Time(time) => {
                self.time = time;
                self.incidents.close_quiet(time.wall_ms);
            }
            Input::Baseline(baseline) => self.replace(*baseline),
            Input::Watch(watch) => self.watch(*watch),
            Input::Resume(resume) => self.resume(*resume),
            Input::Event(event) => return self.event(&event),
            Input::Window { cgroup, window } => return self.window(cgroup, &window),
            Input::Resync { cgroup, processes } => {
                if let Some(member) = self.members.get_mut(&cgroup) {
                    member.observer.resync(&processes);
                }
            }
            Input::End { cgroup } => {
                self.settle_of(cgroup);
                self.members.remove(&cgroup);
                self.detector.forget(cgroup);
            }
            Input::Anew { key } => {
                if let Some(baseline) = self.baselines.get(&key) {
                    self.detector.derive_anew(&baseline.id());
                }
            }
            Input::Elsewhere { findings } => {
                self.reported = self.reported.saturating_add(findings);
            }
        }
        Effects::default()
    }

    /// Puts a baseline in the place of what there was. To one that has forgotten, everything is told once more.
    fn replace(&mut self, baseline: Baseline) {
        let before = self.baselines.get(&baseline.key).map(|before| before.epoch);
        // Whoever changed it has read it settled.
        self.unsettled.remove(&baseline.key);
        break_habits(&mut self.members, &baseline.key);
        if before.is_some_and(|epoch| epoch != baseline.epoch) {
            let its = |member: &&mut Member| *member.key == baseline.key;
            for member in self.members.values_mut().filter(its) {
                member.observer.tell_again();
            }
        }
        self.detector.derive_anew(&baseline.id());
        self.baselines.put(baseline);
    }

    fn watch(&mut self, watch: Watch) {
        let Watch {
            container,
            key,
            birth,
            lossy,
        } = watch;
        let mut observer = match birth {
            Birth::Seen(at) => Observer::born(at),
            Birth::Found {
                at,
                processes,
                listening,
            } => Observer::existing(at, processes, listening),
        }
        .with_devices(Arc::clone(&self.devices));
        if lossy {
            observer.note_loss();
        }
        let now_s = self.steady.seconds(self.time.since_boot());
        self.baselines.of(&key, now_s);
        self.admit(container, key, observer);
    }

    fn admit(&mut self, container: Arc<Container>, key: Key, observer: Observer) {
        self.settle_of(container.cgroup);
        let member = Member {
            key: Arc::new(key),
            observer,
            habits: Habits::default(),
            container,
        };
        self.members.insert(member.container.cgroup, member);
    }

    fn resume(&mut self, resume: Resume) {
        let Resume {
            container,
            key,
            observer,
            detection,
            incident,
        } = resume;
        let cgroup = container.cgroup;
        self.detector.resume(cgroup, &key, detection);
        if let Some(incident) = incident {
            self.incidents.resume(incident);
        }
        let observer = observer.with_devices(Arc::clone(&self.devices));
        self.admit(container, key, observer);
    }

    fn event(&mut self, event: &Event) -> Effects {
        let mut effects = Effects::default();
        let Some(member) = self.members.get_mut(&event.cgroup) else {
            return effects;
        };
        let now_s = self.steady.seconds(event.at);
        let (epoch, entrypoints) = (member.observer.epoch(), member.observer.entrypoints());
        let (detector, habits) = (&self.detector, &mut member.habits);
        let keys = &mut self.deed_keys;
        let settled = !habits.has_counted();
        let is_contact = matches!(event.action, Action::Connect { .. });
        let mut is_counted = false;
        let sighting = member.observer.event_unless(event, |deed| {
            let awaited = is_contact && detector.awaits_contact(event.cgroup, event.at);
            is_counted = !awaited && habits.count(deed, now_s, keys);
            is_counted
        });
        if is_counted && let Some(path) = written(&event.action) {
            let line = member.observer.line(event.pid);
            self.detector
                .written_again(event.cgroup, event.at, line, path);
        }
        if settled && member.habits.has_counted() {
            let key = Arc::clone(&member.key);
            self.unsettled.entry(key).or_default().insert(event.cgroup);
        }
        effects.raise_epoch = member.observer.epoch() != epoch;
        effects.forget_sequences = member.observer.entrypoints() != entrypoints;
        if let Some(sighting) = sighting {
            let (container, key) = (Arc::clone(&member.container), Arc::clone(&member.key));
            self.sighting(
                &event.action,
                sighting,
                (&container, &key),
                now_s,
                &mut effects,
            );
        }
        effects
    }

    fn sighting(
        &mut self,
        action: &Action,
        sighting: Sighting,
        (container, key): (&Arc<Container>, &Key),
        now_s: i64,
        effects: &mut Effects,
    ) {
        let cgroup = container.cgroup;
        let baseline = self.baselines.of(key, now_s);
        let is_known = baseline.knows(&sighting) == Knowledge::Here;
        let makes_suspect = self.detector.makes_suspect(baseline, &sighting);
        if !is_known || makes_suspect {
            settle(&mut self.unsettled, &mut self.members, baseline);
        }
        if makes_suspect {
            break_habits(&mut self.members, key);
        }
        let outcome = self
            .detector
            .sighting(baseline, cgroup, &container.id, &sighting, now_s);
        if is_known
            && Habits::may_be(action, &sighting)
            && let Some(member) = self.members.get_mut(&cgroup)
            && member.habits.has_room()
            && self.detector.only_counts(baseline, &sighting)
        {
            let keys = &mut self.deed_keys;
            member.habits.remember(action, &sighting, keys);
        }
        self.note(container, Some(sighting), outcome, effects);
    }

    fn settle_of(&mut self, cgroup: CgroupId) {
        let key = self.members.get(&cgroup).map(|it| Arc::clone(&it.key));
        if let Some(key) = key.filter(|key| self.unsettled.contains_key(key)) {
            self.settled(&key);
        }
    }

    /// A baseline with all that its containers did.
    fn settled(&mut self, key: &Key) -> &mut Baseline {
        let now_s = self.seconds(self.time.since_boot());
        let baseline = self.baselines.of(key, now_s);
        settle(&mut self.unsettled, &mut self.members, baseline);
        baseline
    }

    fn window(&mut self, cgroup: CgroupId, window: &Window) -> Effects {
        let mut effects = Effects::default();
        let Some(member) = self.members.get_mut(&cgroup) else {
            return effects;
        };
        let epoch = member.observer.epoch();
        let report = member.observer.window(window);
        effects.raise_epoch = member.observer.epoch() != epoch;
        let now_s = self.steady.seconds(window.end);
        let (container, key) = (Arc::clone(&member.container), Arc::clone(&member.key));
        let baseline = self.baselines.of(&key, now_s);
        settle(&mut self.unsettled, &mut self.members, baseline);
        let learned = baseline.state() == State::Learning;
        let outcomes = self
            .detector
            .window(baseline, cgroup, &container.id, &report, now_s);
        effects.matured = learned && baseline.state() != State::Learning;
        let mut sightings = report.sightings.into_iter();
        for outcome in outcomes {
            self.note(&container, sightings.next(), outcome, &mut effects);
        }
        effects
    }

    /// Takes up what became of a sighting, or of a window's rates.
    fn note(
        &mut self,
        container: &Arc<Container>,
        sighting: Option<Sighting>,
        outcome: Outcome,
        effects: &mut Effects,
    ) {
        effects.suppressed.extend(outcome.suppressed);
        effects.news.extend(outcome.news.zip(sighting));
        if let Some(finding) = outcome.finding {
            self.reported += 1;
            let reported = Reported {
                uid: uid(&finding, container, self.time.boot_ms),
                finding,
                container: Arc::clone(container),
                sequence: self.reported,
                time: self.time,
            };
            self.incidents
                .add(&reported.uid, &reported.finding, self.time.wall_ms);
            effects.findings.push(reported);
        }
    }

    /// What an engine that knows nothing must take to go on as this one does, for the containers that are compared with
    /// these baselines. What this engine has derived from those baselines it derives anew from now on, as the other will.
    pub fn checkpoint(&mut self, keys: &BTreeSet<Key>) -> Vec<Input> {
        let mut inputs = Vec::new();
        for key in keys {
            let baseline = self.settled(key).clone();
            self.detector.derive_anew(&baseline.id());
            inputs.push(Input::Baseline(Box::new(baseline)));
        }
        for (cgroup, member) in &self.members {
            if !keys.contains(&*member.key) {
                continue;
            }
            let (container, key) = (Arc::clone(&member.container), Key::clone(&member.key));
            inputs.extend(self.going_on(*cgroup, container, key));
        }
        inputs
    }

    /// The input with which a watched container goes on from where it is, as this one, and compared with the baseline of
    /// this key; `None` for one not watched.
    #[must_use]
    pub fn going_on(&self, cgroup: CgroupId, container: Arc<Container>, key: Key) -> Option<Input> {
        let member = self.members.get(&cgroup)?;
        Some(Input::Resume(Box::new(Resume {
            observer: member.observer.clone(),
            detection: self.detector.detection(cgroup, &key),
            incident: self.incidents.open_of(cgroup).cloned(),
            container,
            key,
        })))
    }

    /// Findings reported so far.
    #[must_use]
    pub fn reported(&self) -> u64 {
        self.reported
    }

    /// The last [`Input::Time`].
    #[must_use]
    pub fn time(&self) -> Time {
        self.time
    }

    /// The clock that learning and budgets count by.
    #[must_use]
    pub fn steady(&self) -> SteadyClock {
        self.steady
    }

    /// Unix seconds of `at` on the clock that learning and budgets count by.
    #[must_use]
    pub fn seconds(&self, at: Moment) -> i64 {
        self.steady.seconds(at)
    }

    /// What is observed of a container; `None` for one not watched.
    #[must_use]
    pub fn observer(&self, cgroup: CgroupId) -> Option<&Observer> {
        self.members.get(&cgroup).map(|member| &member.observer)
    }

    /// The containers watched, with the baselines they are compared with.
    pub fn watched(&self) -> impl Iterator<Item = (&Arc<Container>, &Key)> {
        self.members
            .values()
            .map(|member| (&member.container, &*member.key))
    }

    /// Current scores of a container, as [`Detector::scores`] gives them.
    #[must_use]
    pub fn scores(&self, cgroup: CgroupId) -> Vec<(&'static str, f64, f64)> {
        self.detector.scores(cgroup)
    }

    /// The baselines. How often and when a fact was seen again may be told a window late.
    #[must_use]
    pub fn baselines(&self) -> &S {
        &self.baselines
    }

    /// The baselines, to read exactly, load, save or drop. One that is to be changed goes through [`Input::Baseline`], so that
    /// recordings have the change.
    pub fn baselines_mut(&mut self) -> &mut S {
        let unsettled: Vec<Arc<Key>> = self.unsettled.keys().cloned().collect();
        for key in unsettled {
            self.settled(&key);
        }
        &mut self.baselines
    }

    /// The incidents.
    #[must_use]
    pub fn incidents(&self) -> &Incidents {
        &self.incidents
    }
}

/// Brings to a baseline what its containers' habits were counted since.
fn settle(
    unsettled: &mut BTreeMap<Arc<Key>, BTreeSet<CgroupId>>,
    members: &mut BTreeMap<CgroupId, Member>,
    baseline: &mut Baseline,
) {
    for cgroup in unsettled.remove(&baseline.key).unwrap_or_default() {
        if let Some(member) = members.get_mut(&cgroup) {
            member.habits.settle(baseline, &member.container.id);
        }
    }
}

/// Has everything weighed again that is done by the containers of a baseline.
fn break_habits(members: &mut BTreeMap<CgroupId, Member>, key: &Key) {
    for member in members.values_mut().filter(|it| *it.key == *key) {
        member.habits = Habits::default();
    }
}

fn uid(finding: &Finding, container: &Container, boot_ms: i64) -> String {
    let mut digest = Sha256::new_with_prefix(container.id.as_bytes());
    // A finding is plain data, which JSON can always hold.
    digest.update(serde_json::to_vec(finding).unwrap_or_default());
    let digest = digest.finalize();
    let random = digest
        .iter()
        .take(10)
        .fold(0_u128, |sum, byte| sum << 8 | u128::from(*byte));
    let at_ms = boot_ms.saturating_add_unsigned(finding.at.0 / 1_000_000);
    Ulid::from_parts(u64::try_from(at_ms).unwrap_or(0), random).to_string()
}
