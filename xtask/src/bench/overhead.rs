//! What the agent adds to what others do, each time compared with the same machine without it moments before or after.

use std::time::Duration;

use anyhow::{Context, Result};
use picket_tests::agent::{Agent, Home};
use picket_tests::{http, wait};
use serde::Serialize;

use super::bpf::{EmptyTracepoint, loaded_programs};
use super::cgroup::ContainerCgroup;
use super::load::{self, Kind};
use super::spread::Spread;
use crate::supervise::Interrupt;

const DISCOVERY_LIMIT: Duration = Duration::from_secs(30);
/// Rounds tried for each one that is to count.
const ATTEMPTS: u32 = 3;
/// Programs outlive their process until all CPUs have left them.
const UNLOAD_LIMIT: Duration = Duration::from_secs(5);

/// The differences, in nanoseconds an operation.
#[derive(Debug, Serialize)]
pub struct Overhead {
    /// Added to a system call by an empty raw tracepoint.
    pub floor_ns: Spread,
    /// Added to a counted system call of a watched container.
    pub watched_ns: Spread,
    /// As above, in multiples of the empty tracepoint.
    pub watched_over_floor: Spread,
    /// Added to a system call of a process in no container.
    pub unwatched_ns: Spread,
    /// As `watched_ns`, by the probe for kernels before 5.11.
    pub untyped_ns: Spread,
    /// Added to open, read and close of a known file in a watched container.
    pub file_ns: Spread,
    /// Added to the same by an empty raw tracepoint.
    pub file_floor_ns: Spread,
    /// Added to connect, accept and close of a loopback connection to a known peer in a watched container.
    pub tcp_ns: Spread,
    /// Added to the same by an empty raw tracepoint.
    pub tcp_floor_ns: Spread,
    /// The system call without any probe.
    pub base_ns: Spread,
    /// The file without any probe.
    pub base_file_ns: Spread,
    /// The connection without any probe.
    pub base_tcp_ns: Spread,
}

/// What runs beside the loads.
#[derive(Clone, Copy, Debug)]
enum State {
    /// Nothing.
    Base,
    /// An empty tracepoint program.
    Floor,
    /// The agent.
    Agent,
    /// The agent with the probe for kernels before 5.11.
    Untyped,
}

/// Nanoseconds an operation in one state.
#[derive(Clone, Copy, Debug, Default)]
struct Costs {
    watched: f64,
    unwatched: f64,
    file: f64,
    tcp: f64,
}

/// All states, one after another.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    base: Costs,
    floor: Costs,
    agent: Costs,
    untyped: Costs,
}

/// Measures `pairs` rounds; fewer when other programs keep coming and going.
///
/// # Errors
/// When a part cannot be measured, or no round was undisturbed.
pub fn measure(pairs: u32, interrupt: &Interrupt) -> Result<Overhead> {
    let mut rounds = Vec::new();
    for attempt in 0..pairs.saturating_mul(ATTEMPTS) {
        if rounds.len() == pairs as usize {
            break;
        }
        eprintln!("bench: round {} of {pairs}", rounds.len() + 1);
        match Round::measure(attempt % 2 == 1, interrupt)? {
            Some(round) => rounds.push(round),
            None => {
                eprintln!("bench: other eBPF programs came or went; this round does not count");
            }
        }
    }
    summary(&rounds).context(
        "other eBPF programs came or went in every round; stop what loads them and run this again",
    )
}

fn summary(rounds: &[Round]) -> Option<Overhead> {
    let spread = |value: fn(&Round) -> f64| Spread::of(rounds.iter().map(value));
    Some(Overhead {
        floor_ns: spread(|it| it.floor.watched - it.base.watched)?,
        watched_ns: spread(|it| it.agent.watched - it.base.watched)?,
        watched_over_floor: spread(|it| {
            (it.agent.watched - it.base.watched) / (it.floor.watched - it.base.watched)
        })?,
        unwatched_ns: spread(|it| it.agent.unwatched - it.base.unwatched)?,
        untyped_ns: spread(|it| it.untyped.watched - it.base.watched)?,
        file_ns: spread(|it| it.agent.file - it.base.file)?,
        file_floor_ns: spread(|it| it.floor.file - it.base.file)?,
        tcp_ns: spread(|it| it.agent.tcp - it.base.tcp)?,
        tcp_floor_ns: spread(|it| it.floor.tcp - it.base.tcp)?,
        base_ns: spread(|it| it.base.watched)?,
        base_file_ns: spread(|it| it.base.file)?,
        base_tcp_ns: spread(|it| it.base.tcp)?,
    })
}

impl Round {
    /// Every second round runs backwards, so that what drifts with time is in both directions.
    /// `None` when other programs came or went.
    fn measure(backwards: bool, interrupt: &Interrupt) -> Result<Option<Self>> {
        let others = loaded_programs()?;
        let mut order = [State::Base, State::Floor, State::Agent, State::Untyped];
        if backwards {
            order.reverse();
        }
        let mut round = Self::default();
        for state in order {
            interrupt.check()?;
            let costs = Costs::measure(state)
                .with_context(|| format!("cannot measure the state {state:?}"))?;
            let ours_are_gone = wait::until("the end of the probe", UNLOAD_LIMIT, || {
                Ok((loaded_programs()? == others).then_some(()))
            });
            let (Some(costs), Ok(())) = (costs, ours_are_gone) else {
                return Ok(None);
            };
            match state {
                State::Base => round.base = costs,
                State::Floor => round.floor = costs,
                State::Agent => round.agent = costs,
                State::Untyped => round.untyped = costs,
            }
        }
        Ok(Some(round))
    }
}

impl Costs {
    /// `None` when other programs came or went.
    fn measure(state: State) -> Result<Option<Self>> {
        match state {
            State::Base => Self::of_loads(&ContainerCgroup::create()?),
            State::Floor => {
                let _tracepoint = EmptyTracepoint::attach()?;
                Self::of_loads(&ContainerCgroup::create()?)
            }
            State::Agent => Self::under_agent("typed"),
            State::Untyped => Self::under_agent("untyped"),
        }
    }

    fn under_agent(tasks: &str) -> Result<Option<Self>> {
        let home = Home::with("")?;
        let mut agent = Agent::start_with(&home, &[("PICKET_PROBE_TASKS", tasks)])?;
        let cgroup = ContainerCgroup::create()?;
        wait::until(
            "the agent's discovery of the container",
            DISCOVERY_LIMIT,
            || {
                let containers = http::get(home.listen, "/api/v1/containers")?;
                Ok(containers.contains(&cgroup.id).then_some(()))
            },
        )?;
        let costs = Self::of_loads(&cgroup)?;
        agent.stop()?;
        Ok(costs)
    }

    fn of_loads(container: &ContainerCgroup) -> Result<Option<Self>> {
        let before = loaded_programs()?;
        let inside = Some(container.path.as_path());
        let costs = Self {
            watched: load::measure(Kind::Getppid, inside)?,
            unwatched: load::measure(Kind::Getppid, None)?,
            file: load::measure(Kind::File, inside)?,
            tcp: load::measure(Kind::Tcp, inside)?,
        };
        Ok((loaded_programs()? == before).then_some(costs))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn costs(nanoseconds: f64) -> Costs {
        Costs {
            watched: nanoseconds,
            unwatched: nanoseconds + 0.5,
            file: nanoseconds * 10.0,
            tcp: nanoseconds * 100.0,
        }
    }

    #[test]
    fn a_round_is_compared_with_itself_alone() {
        // The machine is twice as slow in the second round; the differences are not.
        let rounds = [100.0, 200.0].map(|base| Round {
            base: costs(base),
            floor: costs(base + 80.0),
            agent: costs(base + 100.0),
            untyped: costs(base + 130.0),
        });
        let summary = summary(&rounds).unwrap();
        let same = |spread: Spread, value: f64| {
            assert_eq!(
                (spread.min, spread.median, spread.max),
                (value, value, value)
            );
            assert_eq!(spread.n, 2);
        };
        same(summary.floor_ns, 80.0);
        same(summary.watched_ns, 100.0);
        same(summary.watched_over_floor, 1.25);
        same(summary.unwatched_ns, 100.0);
        same(summary.untyped_ns, 130.0);
        same(summary.file_ns, 1_000.0);
        same(summary.file_floor_ns, 800.0);
        same(summary.tcp_ns, 10_000.0);
        same(summary.tcp_floor_ns, 8_000.0);
        assert_eq!(summary.base_ns.median, 150.0);
    }

    #[test]
    fn no_rounds_give_no_summary() {
        assert!(summary(&[]).is_none());
    }
}
