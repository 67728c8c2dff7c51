//! Which part of its life a container is in, from what it does alone.
//!
//! ```text
//! start ──> load <──> warmup ──> serve <──> reload
//!                                  every one ──> stop
//! ```
//! Steps may be left out: a server that is never asked goes from load to serve, one without model files never loads.
//!
//! Warm-up and reload are when a server does what it otherwise does not, so an intruder may want to be in them. Warm-up
//! is had once a life and for at most [`WARM_UP_NS`], or twice what the start took; where the first model file is read only after the first connection,
//! a load of the same length at most comes between, and warm-up once more. A reload begins when a program that loaded
//! models before reads one again, which an intruder inside that program can bring about; but its time is taken from a
//! credit that a fifth of the time passed refills, and what it excuses is only what the workload is known to do when it
//! loads. A shutdown begins when the main process is asked to end from outside the container, which nobody inside can
//! bring about, or when it ends; a server that goes on all the same serves again after [`STOP_NS`].

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::event::Moment;
use super::fact::Phase;

/// A container that listens and does nothing new for so long waits for requests, in nanoseconds.
const QUIET: u64 = 15_000_000_000;

/// A container that never listens serves (a queue, a schedule) once it has run for so long, in nanoseconds.
const SETTLE: u64 = 60_000_000_000;

/// Longest start, and longest load, in nanoseconds: large models take their time, but no container starts for ever.
const START_NS: u64 = 3_600_000_000_000;

/// A server that starts no program, maps no code, opens no port and reads no model for so long has settled, in nanoseconds,
/// or for as long as its start took: on a busy machine everything takes longer.
const SETTLED: u64 = 10_000_000_000;
const SETTLED_AT_MOST: u64 = 120_000_000_000;

/// Longest warm-up, in nanoseconds, or twice what the start took.
const WARM_UP_NS: u64 = 120_000_000_000;
const WARM_UP_AT_MOST: u64 = 600_000_000_000;

/// Requests after which nothing is a first request any more.
const WARM_UP_REQUESTS: u64 = 10_000;

/// Longest reload, in nanoseconds.
const RELOAD_NS: u64 = 120_000_000_000;

/// Longest shutdown of a server that goes on taking requests, in nanoseconds: beyond the usual termination grace periods.
const STOP_NS: u64 = 300_000_000_000;

/// Most time of reloads that can be saved up, in nanoseconds.
const RELOAD_CREDIT: u64 = 2 * RELOAD_NS;

/// Credit without which no reload begins, in nanoseconds: shorter ones would only cut a server's life into pieces.
const RELOAD_LEAST: u64 = 30_000_000_000;

/// One part of the time passed becomes credit for reloads.
const RELOAD_PART: u64 = 5;

/// Most programs remembered to have loaded models.
const LOADERS: usize = 16;

/// Who reads a model file.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    /// Its executable; empty when it was never seen.
    pub exe: &'a str,
    /// When its process began, when that is known.
    pub started: Option<Moment>,
}

/// Follows a container through its phases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseTracker {
    phase: Phase,
    /// When the phase began.
    since: Moment,
    listening: bool,
    /// A connection or request came.
    #[serde(default)]
    asked: bool,
    /// The main process ended.
    #[serde(default)]
    ended: bool,
    /// Birth, and how long it took from there to the first connection, nanoseconds.
    #[serde(default)]
    born: Option<Moment>,
    #[serde(default)]
    started_in: u64,
    /// The last sign of starting, loading or settling: birth, a program start, code mapped, a model file read.
    busy: Moment,
    /// Requests since warm-up began.
    requests: u64,
    /// Executables that read model files before the server served.
    loaders: BTreeSet<String>,
    /// Time for reloads, nanoseconds, as of `credited`.
    credit: u64,
    credited: Moment,
}

impl PhaseTracker {
    /// A container at its birth.
    #[must_use]
    pub fn born(at: Moment) -> Self {
        Self {
            phase: Phase::Start,
            since: at,
            listening: false,
            asked: false,
            ended: false,
            born: Some(at),
            started_in: 0,
            busy: at,
            requests: 0,
            loaders: BTreeSet::new(),
            credit: RELOAD_CREDIT,
            credited: at,
        }
    }

    /// A container found running: one that listens is taken to serve.
    #[must_use]
    pub fn existing(at: Moment, listening: bool) -> Self {
        let phase = if listening {
            Phase::Serve
        } else {
            Phase::Start
        };
        Self {
            phase,
            listening,
            born: None,
            ..Self::born(at)
        }
    }

    /// The phase now.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The server started a program.
    pub fn program_started(&mut self, at: Moment) {
        self.busy = self.busy.max(at);
    }

    /// The server mapped a file as code that it did not map before in this phase.
    pub fn code_mapped(&mut self, at: Moment) {
        // Once a server listens, a library loaded late is no reason to wait: much is loaded all the time. Before, it may
        // start for minutes on a busy machine, and what it loads is then all that tells it from one that never listens.
        let starts = matches!(self.phase, Phase::Start | Phase::Load) && !self.listening;
        if starts || matches!(self.phase, Phase::WarmUp | Phase::Reload) {
            self.busy = self.busy.max(at);
        }
    }

    /// The server read a model file.
    pub fn model_read(&mut self, at: Moment, reader: Reader<'_>) {
        match self.phase {
            Phase::Start | Phase::Load | Phase::WarmUp => {
                self.busy = self.busy.max(at);
                // Where a parent listens before its workers have loaded anything, a connection tells nothing.
                let unloaded = self.loaders.is_empty();
                self.remember(reader);
                let early = self.phase == Phase::WarmUp && unloaded != self.loaders.is_empty();
                if early || self.phase == Phase::Start {
                    self.enter(Phase::Load, at);
                }
            }
            Phase::Serve if self.is_loader(reader) => {
                self.refill(at);
                if self.credit >= RELOAD_LEAST {
                    self.remember(reader);
                    self.busy = self.busy.max(at);
                    self.enter(Phase::Reload, at);
                }
            }
            Phase::Reload if self.is_loader(reader) => self.busy = self.busy.max(at),
            Phase::Serve | Phase::Reload | Phase::Stop => {}
        }
    }

    /// The server began to listen.
    pub fn listens(&mut self, at: Moment) {
        self.listening = true;
        if matches!(self.phase, Phase::WarmUp | Phase::Reload) {
            self.busy = self.busy.max(at);
        }
    }

    fn settles_in(&self) -> u64 {
        self.started_in.clamp(SETTLED, SETTLED_AT_MOST)
    }

    fn longest_warm_up(&self) -> u64 {
        self.started_in
            .saturating_mul(2)
            .clamp(WARM_UP_NS, WARM_UP_AT_MOST)
    }

    /// A window ended in which the container took so many requests; `asked` says whether it took requests or
    /// connections at all.
    pub fn window(&mut self, end: Moment, requests: u64, asked: bool) {
        let quiet = end.since(self.busy.max(self.since));
        let lasted = end.since(self.since);
        match self.phase {
            Phase::Start | Phase::Load => {
                let patience = if self.listening { QUIET } else { SETTLE };
                // A load that began after the first connection is bounded as warm-up is.
                let most = if self.asked {
                    self.longest_warm_up()
                } else {
                    START_NS
                };
                if asked {
                    if !self.asked {
                        self.started_in = self.born.map_or(0, |born| end.since(born));
                    }
                    self.asked = true;
                    self.requests = requests;
                    self.enter(Phase::WarmUp, end);
                } else if end.since(self.busy) >= patience || lasted >= most {
                    self.enter(Phase::Serve, end);
                }
            }
            Phase::WarmUp => {
                self.requests = self.requests.saturating_add(requests);
                let is_over = quiet >= self.settles_in() || lasted >= self.longest_warm_up();
                if is_over || self.requests >= WARM_UP_REQUESTS {
                    self.enter(Phase::Serve, end);
                }
            }
            Phase::Reload => {
                if quiet >= self.settles_in() || lasted >= self.credit.min(RELOAD_NS) {
                    self.credit = self.credit.saturating_sub(lasted);
                    self.credited = self.credited.max(end);
                    self.enter(Phase::Serve, end);
                }
            }
            Phase::Stop if !self.ended && asked && lasted >= STOP_NS => {
                self.enter(Phase::Serve, end);
            }
            Phase::Serve | Phase::Stop => {}
        }
    }

    /// The main process was asked to end, from outside the container.
    pub fn asked_to_end(&mut self, at: Moment) {
        self.enter(Phase::Stop, at);
    }

    /// The main process ended.
    pub fn main_ended(&mut self, at: Moment) {
        self.ended = true;
        self.enter(Phase::Stop, at);
    }

    fn enter(&mut self, phase: Phase, at: Moment) {
        if self.phase != phase {
            self.phase = phase;
            self.since = self.since.max(at);
        }
    }

    fn remember(&mut self, reader: Reader<'_>) {
        if !reader.exe.is_empty() && self.loaders.len() < LOADERS {
            self.loaders.insert(reader.exe.to_owned());
        }
    }

    /// Whether a read by this program can be a reload. A copy is not: `cat` never loaded a model. Where the load was not
    /// seen, whoever ran already when serving began may have done it.
    fn is_loader(&self, reader: Reader<'_>) -> bool {
        if self.loaders.is_empty() {
            reader.started.is_none_or(|at| at <= self.since)
        } else {
            self.loaders.contains(reader.exe)
        }
    }

    fn refill(&mut self, at: Moment) {
        let earned = at.since(self.credited) / RELOAD_PART;
        self.credit = self.credit.saturating_add(earned).min(RELOAD_CREDIT);
        self.credited = self.credited.max(at);
    }
}

#[cfg(test)]
mod tests;
