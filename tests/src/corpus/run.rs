//! One run of a scenario: an agent that knows the server, a fresh server, its clients, the deed, and what came of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result, ensure};

use super::Schedule;
use super::campaign::Case;
use super::clients::Clients;
use super::learned::Learned;
use super::learning;
use super::observer::{Observer, Seen, now};
use super::outcome::Outcome;
use super::peers::Peers;
use super::rejudge;
use super::scenario::{Scenario, Trigger};
use super::steps;
use super::victim::{Order, Victim};
use crate::agent::{Agent, Home, Recorder};
use crate::docker::unique;
use crate::wait;

/// A preloaded library that shifts the clock a process reads, and nothing else (Debian's libfaketime).
pub const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

/// How much longer than it says a payload may take on a busy machine.
const SLACK: Duration = Duration::from_secs(60);

/// A server that has just started may warm up for as long.
const WARM_UP_LIMIT: Duration = Duration::from_secs(300);

/// How often a payload is looked after; when it ended, it says itself.
const LOOK: Duration = Duration::from_secs(2);

/// Between two deeds that one scenario performs.
const BETWEEN: Duration = Duration::from_secs(20);

/// What takes part in a run. Fields drop in this order: clients first, the home last.
pub struct Stage<'a> {
    pub case: &'a Case,
    pub clients: Clients,
    pub victim: Victim,
    observer: Observer,
    recorder: Option<Recorder>,
    pub agent: Agent,
    home: Arc<Home>,
    pub peers: &'a Peers,
    /// The end of the names of its containers.
    pub name: String,
    /// Scenarios that requests can set off.
    pub armed: Vec<String>,
    clock: Option<PathBuf>,
}

/// Runs a case.
///
/// # Errors
/// When something other than the agent failed.
pub fn run(
    case: &Case,
    schedule: Schedule,
    peers: &Peers,
    record: Option<&Path>,
) -> Result<Outcome> {
    let mut stage = Stage::set(case, schedule, peers, record)?;
    let acted = stage.play(schedule);
    let findings = stage.end();
    let acted = acted.with_context(|| stage.evidence())?;
    let outcome = Outcome::judge(&case.scenario, case.server, case.seed, &acted, findings);
    Ok(outcome)
}

impl<'a> Stage<'a> {
    fn set(
        case: &'a Case,
        schedule: Schedule,
        peers: &'a Peers,
        record: Option<&Path>,
    ) -> Result<Self> {
        let scenario = &case.scenario;
        let name = unique(&scenario.id.to_lowercase());
        let home = Arc::new(learning::home(schedule, &name)?);
        if scenario.trigger != Trigger::Learning {
            Learned::of(case.server, schedule).give(&home)?;
        }
        let shifts = scenario
            .steps
            .iter()
            .any(|step| matches!(step, super::Step::Clock { .. }));
        let clock = shifts.then(|| home.state().join("clock"));
        let agent = start_agent(&home, clock.as_deref())?;
        let recorder = match record {
            Some(folder) => {
                let file = rejudge::recording(folder, case);
                let _ = fs::remove_file(&file);
                Some(Recorder::start(&home, &file)?)
            }
            None => None,
        };
        let observer = Observer::start(&home);
        let mut armed = scenario.performs.clone();
        armed.push(scenario.id.clone());
        let order = Order {
            kind: case.server,
            seed: case.seed,
            name: &name,
            armed: &armed,
            image: None,
        };
        let victim = Victim::launch(peers, order)?;
        let clients = Clients::start(case.server, &peers.known_clients()?, case.seed << 8);
        victim.server.wait_ready()?;
        clients.aim(Some(victim.server.address()?));
        Ok(Self {
            case,
            clients,
            victim,
            observer,
            recorder,
            agent,
            home,
            peers,
            name,
            armed,
            clock,
        })
    }

    /// Plays the scenario; returns when each deed began and reached its goal, in seconds since 1970.
    fn play(&mut self, schedule: Schedule) -> Result<Vec<(f64, f64)>> {
        let scenario = &self.case.scenario;
        thread::sleep(schedule.before());
        if scenario.trigger != Trigger::Learning {
            let name = self.victim.server.container.name.clone();
            // It inherits what was learned, or the run would show nothing.
            self.agent
                .await_state(&name, "active", Duration::from_secs(20))?;
            if scenario.phase == "serve" {
                self.agent.await_phase(&name, "serve", WARM_UP_LIMIT)?;
                thread::sleep(schedule.before());
            }
        }
        let acted = match scenario.trigger {
            Trigger::Request => {
                let performed = if scenario.steps.is_empty() {
                    self.trigger()?;
                    None
                } else {
                    Some(self.take_steps()?)
                };
                vec![match (self.deed(scenario), performed) {
                    (Ok(deed), _) => deed,
                    (Err(_), Some(times))
                        if scenario
                            .steps
                            .iter()
                            .all(|it| *it != super::Step::Payload {}) =>
                    {
                        times
                    }
                    (Err(error), _) => return Err(error),
                }]
            }
            Trigger::Model => {
                self.peers.poison(self.victim.address()?, &scenario.id)?;
                self.victim.reload(None)?;
                vec![self.deed(scenario)?]
            }
            Trigger::Harness => vec![self.take_steps()?],
            Trigger::Learning => {
                let mut acted = Vec::new();
                for id in scenario.performs.clone() {
                    let performed = Scenario {
                        id,
                        ..scenario.clone()
                    };
                    self.victim.trigger(self.source()?, &performed.id)?;
                    acted.push(self.deed(&performed)?);
                    thread::sleep(BETWEEN);
                }
                acted
            }
        };
        thread::sleep(schedule.after());
        self.agent.await_windows(1)?;
        Ok(acted)
    }

    fn take_steps(&mut self) -> Result<(f64, f64)> {
        let from = now();
        for step in &self.case.scenario.steps {
            steps::take(self, step).with_context(|| format!("{step:?}"))?;
        }
        Ok((from, now()))
    }

    /// Sets the payload off.
    pub fn trigger(&self) -> Result<()> {
        self.victim.trigger(self.source()?, &self.case.scenario.id)
    }

    fn source(&self) -> Result<std::net::IpAddr> {
        let known = self.peers.known_clients()?;
        known.get(1).copied().context("no client")
    }

    /// Waits for a payload's end.
    fn deed(&self, scenario: &Scenario) -> Result<(f64, f64)> {
        let limit = Duration::from_secs_f64(scenario.seconds) + SLACK;
        let from = wait::until("the payload's begin", Duration::from_secs(20), || {
            self.victim.said("t0", scenario)
        })?;
        let begun = Instant::now();
        while begun.elapsed() < limit {
            if let Some(to) = self.victim.said("t1", scenario)? {
                let failed = self.victim.said("failed", scenario)?.is_some();
                ensure!(!failed, "the payload of {} failed", scenario.id);
                return Ok((from, to));
            }
            thread::sleep(LOOK);
        }
        // What does not end has at least had its time.
        Ok((from, now()))
    }

    /// Shifts the clock that the agent reads.
    pub fn shift_clock(&self, seconds: i64) -> Result<()> {
        let clock = self
            .clock
            .as_ref()
            .context("the agent's clock cannot be shifted")?;
        fs::write(clock, format!("{seconds:+}\n"))?;
        Ok(())
    }

    /// Ends the run, and returns what was found.
    fn end(&mut self) -> Vec<Seen> {
        self.clients.times(0.0);
        if let Some(mut recorder) = self.recorder.take()
            && let Err(error) = recorder.end()
        {
            eprintln!("{}: {error:#}", self.case);
        }
        self.observer.seen()
    }

    fn evidence(&self) -> String {
        let logs = self.victim.server.container.logs().unwrap_or_default();
        let tail: Vec<&str> = logs.lines().rev().take(30).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        format!(
            "{}\n--- the server\n{}",
            self.home.evidence(),
            tail.join("\n")
        )
    }
}

fn start_agent(home: &Home, clock: Option<&Path>) -> Result<Agent> {
    let Some(clock) = clock else {
        return Agent::start(home);
    };
    ensure!(
        Path::new(FAKETIME).exists(),
        "shifting the agent's clock needs Debian's package libfaketime"
    );
    fs::write(clock, "+0\n").with_context(|| clock.display().to_string())?;
    let clock = clock.display().to_string();
    let environment = [
        ("LD_PRELOAD", FAKETIME),
        ("FAKETIME_TIMESTAMP_FILE", &clock),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    Agent::start_with(home, &environment)
}
