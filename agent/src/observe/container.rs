//! One container under observation: its events and windows in, sightings and reports out.

mod appended;
mod calls;
mod contacts;
mod files;
mod names;
mod network;
mod processes;
mod scripts;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::activity::{Activity, AskedNames};
use super::dns::{Question, Resolutions};
use super::event::{Action, Event, Moment, Protocol};
use super::fact::{Fact, Family, Marks, Origin, Phase, Sighting};
use super::features;
use super::phase::PhaseTracker;
use super::privileged::{self, Privileged};
use super::process::{Ended, Known, ProcessTable};
use super::recent::Recent;
use super::window::{Window, WindowReport};
use appended::Appended;
use contacts::Contacting;
pub use contacts::{ACCEPTED_AT, BY, SEVERAL_CLIENTS, contacted};
use scripts::Written;

/// All that decides what fact an event is, of those of which [`Observer::event_unless`] asks. Model files and devices are
/// not among what may be recognised: who reads them matters.
#[derive(Clone, Copy, Debug)]
pub struct Deed<'a> {
    /// The phase.
    pub phase: Phase,
    /// On whose behalf it was done.
    pub origin: Origin,
    /// What was done.
    pub action: &'a Action,
    /// The name by which a peer was reached.
    pub name: Option<&'a str>,
}

/// Whether a deed needs not be told again.
type IsTold<'a> = &'a mut dyn FnMut(&Deed<'_>) -> bool;

/// Observes one container.
///
/// Its memory is the process table's (at most 6 MiB, some 20 KiB for an ordinary server), one entry of a few bytes
/// per system call number, phase and origin (at most 4096 with the probe's 512 numbers), and what it asked of DNS (at
/// most 3 MiB, a few KiB for an ordinary server). Sightings are handed out, not
/// kept: whether something is new is the baseline's question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observer {
    processes: ProcessTable,
    phase: PhaseTracker,
    /// The phase at the end of the last window.
    window_phase: Phase,
    reported_calls: BTreeSet<(Phase, Origin, u16)>,
    reported_operations: BTreeSet<(Phase, Origin, u8)>,
    entrypoints: u64,
    /// The agent's setting, not the container's state.
    #[serde(skip)]
    devices: Arc<[String]>,
    resolutions: Resolutions,
    /// Names asked of DNS in this window.
    asked: AskedNames,
    /// Sightings of questions whose answers are not there yet.
    questions: Recent<Question, Sighting>,
    /// Sightings of programs that were not found, by the process that may find them elsewhere yet.
    searches: Recent<u32, Sighting>,
    /// Who was last reported for contacting a peer.
    contacts: Recent<(Protocol, SocketAddr), (u32, Origin)>,
    /// Who contacts which peers, as far as it was put into words.
    #[serde(default)]
    contacting: Contacting,
    /// Files that are only added to.
    #[serde(default)]
    appended: Appended,
    /// What was written since the container began.
    #[serde(default)]
    written: Written,
    setup_events: u64,
    epoch: u64,
}

impl Observer {
    /// A container watched from its birth.
    #[must_use]
    pub fn born(at: Moment) -> Self {
        Self {
            written: Written::nothing(),
            ..Self::new(ProcessTable::born(), PhaseTracker::born(at))
        }
    }

    /// A container found running with these processes; `listening` says whether it has a listening socket.
    #[must_use]
    pub fn existing(at: Moment, processes: Vec<Known>, listening: bool) -> Self {
        Self::new(
            ProcessTable::existing(&processes),
            PhaseTracker::existing(at, listening),
        )
    }

    /// The same container, of which opens of these devices (globs) are facts of their own.
    #[must_use]
    pub fn with_devices(mut self, devices: Arc<[String]>) -> Self {
        self.devices = devices;
        self
    }

    fn new(processes: ProcessTable, phase: PhaseTracker) -> Self {
        Self {
            processes,
            window_phase: phase.phase(),
            phase,
            reported_calls: BTreeSet::new(),
            reported_operations: BTreeSet::new(),
            entrypoints: 0,
            devices: Arc::default(),
            resolutions: Resolutions::default(),
            asked: AskedNames::default(),
            questions: Recent::new(names::MAX_WAITING),
            searches: Recent::new(processes::MAX_SEARCHES),
            contacts: Recent::new(network::MAX_CONTACTS),
            contacting: Contacting::default(),
            appended: Appended::default(),
            written: Written::default(),
            setup_events: 0,
            epoch: 0,
        }
    }

    /// What an event says that a baseline may know; `None` for set-up by the runtime and for events without a fact.
    pub fn event(&mut self, event: &Event) -> Option<Sighting> {
        self.event_unless(event, |_| false)
    }

    /// The same, except that nothing is put into words, and `None` returned, where `is_told` recognises the deed. It is
    /// asked only of deeds that say the same whenever they are repeated.
    pub fn event_unless(
        &mut self,
        event: &Event,
        mut is_told: impl FnMut(&Deed<'_>) -> bool,
    ) -> Option<Sighting> {
        let before = self.phase.phase();
        let sighting = self.take(event, &mut is_told);
        self.epoch += u64::from(self.phase.phase() != before);
        sighting
    }

    fn take(&mut self, event: &Event, is_told: IsTold<'_>) -> Option<Sighting> {
        let Event { at, pid, comm, .. } = event;
        match &event.action {
            Action::Fork { child } => {
                let origin = self.processes.fork(*pid, comm, *child, *at);
                self.count_setup(origin);
                None
            }
            Action::Exec(exec) => {
                self.contacting.forget(*pid);
                self.exec(event, exec)
            }
            Action::Exit { status } => {
                self.contacting.forget(*pid);
                let sighting = self.exit(event, *status);
                match self.processes.exit(*pid) {
                    Ended::Entrypoint => self.phase.main_ended(*at),
                    Ended::Runtime => self.epoch += 1,
                    Ended::Other => {}
                }
                sighting
            }
            Action::AskedToEnd { .. } => {
                if self.processes.is_main(*pid) {
                    self.phase.asked_to_end(*at);
                }
                None
            }
            Action::Open { .. }
            | Action::OpenFailed { .. }
            | Action::Map { .. }
            | Action::Change { .. }
            | Action::Memfd { .. } => {
                self.written.note(&event.action);
                let origin = self.acting(event)?;
                self.note_code(event, origin);
                if self.appended.is_overwritten(&event.action) {
                    return Some(self.overwritten(event, origin));
                }
                let (phase, action) = (self.phase.phase(), &event.action);
                let deed = Deed {
                    phase,
                    origin,
                    action,
                    name: None,
                };
                if is_told(&deed) {
                    return None;
                }
                self.file(event, origin)
            }
            Action::ExecFailed { path, errno } => {
                let origin = self.acting(event)?;
                self.exec_failed(event, origin, path, *errno)
            }
            Action::Dns {
                server,
                outbound,
                message,
            } => self.dns(event, *server, *outbound, message),
            Action::TlsName { peer, name } => {
                let origin = self.acting(event)?;
                Some(self.tls_name(event, origin, *peer, name))
            }
            Action::Sequence { .. } => {
                let origin = self.acting(event)?;
                self.sequence(event, origin)
            }
            Action::Connect { .. }
            | Action::Clients { .. }
            | Action::Connected { .. }
            | Action::Listen { .. }
            | Action::Accept { .. }
            | Action::Bind { .. }
            | Action::Socket { .. }
            | Action::Unix { .. } => {
                let origin = self.acting(event)?;
                self.network(event, origin, is_told)
            }
            Action::Privileged {
                call,
                result,
                args,
                texts,
            } => {
                let origin = self.acting(event)?;
                let call = privileged::call(*call, *result, *args, texts)?;
                Some(self.privileged(event, origin, call))
            }
            Action::SocketToStdio { fd } => {
                let origin = self.acting(event)?;
                Some(self.privileged(event, origin, privileged::socket_to_stdio(*fd)))
            }
        }
    }

    /// What a window's counters say.
    pub fn window(&mut self, window: &Window) -> WindowReport {
        let counters = &window.counters;
        if counters.lost_events > 0 {
            self.note_loss();
        }
        if counters.lost_to_quota > 0 {
            self.written.note_loss();
        }
        let served =
            (counters.requests > 0 || counters.accepted > 0) && !counters.asked_by_itself();
        let before = self.phase.phase();
        self.phase.window(window.end, counters.requests, served);
        self.epoch += u64::from(self.phase.phase() != before);
        let began_in = std::mem::replace(&mut self.window_phase, self.phase.phase());
        let phase = (began_in == self.window_phase).then_some(began_in);
        // Calls are counted per container, so those of a command of the runtime's cannot be told from the server's.
        let origin = if self.processes.take_runtime_activity() {
            Origin::Runtime
        } else {
            Origin::Server
        };
        let mut sightings = self.unanswered(window.end);
        sightings.extend(self.not_found(window.end));
        sightings.extend(self.contacting.take());
        let calls = counters
            .calls
            .iter()
            .filter(|count| count.calls > 0)
            .filter(|count| self.reported_calls.insert((began_in, origin, count.call)))
            .map(|count| calls::call_sighting(count, window.end, began_in, origin));
        sightings.extend(calls);
        let operations = counters
            .io_uring
            .iter()
            .filter(|(opcode, count)| {
                **count > 0
                    && self
                        .reported_operations
                        .insert((began_in, origin, **opcode))
            })
            .map(|(opcode, count)| {
                calls::operation_sighting(*opcode, *count, window.end, began_in, origin)
            });
        sightings.extend(operations);
        WindowReport {
            end: window.end,
            length_ns: window.length_ns,
            phase,
            sightings,
            features: features::features(window),
            calls: (origin == Origin::Server && !counters.barely_sampled(window.length_ns))
                .then(|| counters.calls.clone()),
            requests: counters.requests,
            activity: Activity::of(
                counters,
                &mut self.resolutions,
                self.asked.take(),
                window.end,
            ),
            lost_events: counters.lost_events,
            lost_to_quota: counters.lost_to_quota,
        }
    }

    /// Says that not all is known of what came before: until a resync, unknown processes count as the server's.
    pub fn note_loss(&mut self) {
        self.processes.note_loss();
        self.written.note_loss();
    }

    /// Takes the processes that really run for the truth. To be called after events were lost: until then, unknown
    /// processes count as the server's.
    pub fn resync(&mut self, processes: &[Known]) {
        self.processes.resync(processes);
    }

    /// Makes everything told once be told again, for a baseline that has forgotten it or counts how often it happens.
    pub fn tell_again(&mut self) {
        self.reported_calls.clear();
        self.reported_operations.clear();
        self.contacting.tell_again();
        self.epoch += 1;
    }

    /// The phase now.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase.phase()
    }

    /// The pid of a process and those of its ancestors inside the container, nearest first.
    pub fn line(&self, pid: u32) -> impl Iterator<Item = u32> {
        self.processes.line(pid)
    }

    /// Grows whenever what was reported before must be reported again. The kernel reports a thing once per container,
    /// whoever did it and whatever the phase; so a change of phase, the hand-over from the runtime's set-up to the
    /// entrypoint, and every command of the runtime's at its beginning and end begin a new epoch.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// How often an entrypoint took over from the runtime's set-up. What the kernel remembers over epochs it remembers
    /// from then on.
    #[must_use]
    pub fn entrypoints(&self) -> u64 {
        self.entrypoints
    }

    /// Events dropped because the runtime caused them while it prepared the container or a command in it.
    #[must_use]
    pub fn setup_events(&self) -> u64 {
        self.setup_events
    }

    /// On whose behalf the event's process acts; counts it if that is the runtime's set-up.
    /// Where no process stands for the event, as in what a network card hands to the kernel, it is the container's own.
    fn acting(&mut self, event: &Event) -> Option<Origin> {
        if event.pid == 0 {
            return Some(Origin::Server);
        }
        let origin = self.processes.origin(event.pid, &event.comm, event.at);
        self.count_setup(origin);
        origin
    }

    fn count_setup(&mut self, origin: Option<Origin>) {
        self.setup_events += u64::from(origin.is_none());
    }

    fn privileged(&self, event: &Event, origin: Origin, call: Privileged) -> Sighting {
        let marks = Marks {
            denied: call.denied,
            ..Marks::default()
        };
        self.sighting(
            event,
            Family::Privileged,
            origin,
            call.value,
            call.raw,
            marks,
        )
    }

    fn sighting(
        &self,
        event: &Event,
        family: Family,
        origin: Origin,
        value: String,
        raw: String,
        marks: Marks,
    ) -> Sighting {
        Sighting {
            at: event.at,
            phase: self.phase.phase(),
            fact: Fact {
                family,
                origin,
                value,
            },
            raw,
            process: self.processes.info(event.pid),
            ancestry: self.processes.ancestry(event.pid),
            marks,
        }
    }
}
