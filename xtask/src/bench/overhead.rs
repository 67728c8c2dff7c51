//! What the agent adds to what others do, each time compared with the same machine without it moments before or after.

use anyhow::{Context, Result};
use serde::Serialize;

use super::cgroup::ContainerCgroup;
use super::load::{self, Kind};
use super::spread::Spread;
use super::state::{Entered, Plan, Round, State};
use crate::supervise::Interrupt;

/// The differences, in nanoseconds an operation.
#[derive(Debug, Serialize)]
pub struct Overhead {
    /// Added to a system call by an empty raw tracepoint.
    pub floor_ns: Spread,
    /// Added to a system call by empty programs at all hooks of the probe.
    pub hooks_ns: Spread,
    /// Added to a counted system call of a watched container.
    pub watched_ns: Spread,
    /// As above, in multiples of the empty tracepoint.
    pub watched_over_floor: Spread,
    /// As `watched_ns`, less what the empty tracepoint adds.
    pub over_floor_ns: Spread,
    /// As `unwatched_ns`, less what the empty tracepoint adds.
    pub unwatched_over_floor_ns: Spread,
    /// Added to a system call of a process in no container.
    pub unwatched_ns: Spread,
    /// As `watched_ns`, by the probe for kernels before 5.11.
    pub untyped_ns: Spread,
    /// Added to open, read and close of a known file in a watched container.
    pub file_ns: Spread,
    /// As `file_ns`, in a process with more than 64 open files.
    pub file_among_many_ns: Spread,
    /// Added to the same by an empty raw tracepoint.
    pub file_floor_ns: Spread,
    /// Added to the same by empty programs at all hooks of the probe.
    pub file_hooks_ns: Spread,
    /// Added to connect, accept and close of a loopback connection to a known peer in a watched container.
    pub tcp_ns: Spread,
    /// Added to the same by an empty raw tracepoint.
    pub tcp_floor_ns: Spread,
    /// Added to the same by empty programs at all hooks of the probe.
    pub tcp_hooks_ns: Spread,
    /// As `file_ns`, less what the empty programs at all hooks add.
    pub file_over_hooks_ns: Spread,
    /// As `tcp_ns`, less what the empty programs at all hooks add.
    pub tcp_over_hooks_ns: Spread,
    /// The system call without any probe.
    pub base_ns: Spread,
    /// The file without any probe.
    pub base_file_ns: Spread,
    /// The connection without any probe.
    pub base_tcp_ns: Spread,
}

/// Nanoseconds an operation in one state.
#[derive(Clone, Copy, Debug, Default)]
struct Costs {
    watched: f64,
    unwatched: f64,
    file: f64,
    file_among_many: f64,
    tcp: f64,
}

/// Measures the rounds of the plan.
///
/// # Errors
/// When a part cannot be measured, or no round counts.
pub fn measure(plan: &Plan, interrupt: &Interrupt) -> Result<Overhead> {
    let states = [
        State::Base,
        State::Floor,
        State::Hooks,
        State::Agent,
        State::Untyped,
    ];
    eprintln!("bench: system calls, files and connections");
    let rounds = plan.carry_out(&states, interrupt, Costs::measure)?;
    summary(&rounds).context("no round was measured")
}

fn summary(rounds: &[Round<Costs>]) -> Option<Overhead> {
    let between = |state: State, from: State, value: fn(&Costs) -> f64| {
        Spread::of(
            rounds
                .iter()
                .filter_map(|it| it.difference(state, from, value)),
        )
    };
    let added = |state, value| between(state, State::Base, value);
    let base = |value: fn(&Costs) -> f64| {
        Spread::of(
            rounds
                .iter()
                .filter_map(|it| it.get(State::Base))
                .map(value),
        )
    };
    let over_floor = rounds.iter().filter_map(|round| {
        let watched = |it: &Costs| it.watched;
        let agent = round.difference(State::Agent, State::Base, watched)?;
        Some(agent / round.difference(State::Floor, State::Base, watched)?)
    });
    Some(Overhead {
        floor_ns: added(State::Floor, |it| it.watched)?,
        hooks_ns: added(State::Hooks, |it| it.watched)?,
        watched_ns: added(State::Agent, |it| it.watched)?,
        watched_over_floor: Spread::of(over_floor)?,
        over_floor_ns: between(State::Agent, State::Floor, |it| it.watched)?,
        unwatched_over_floor_ns: between(State::Agent, State::Floor, |it| it.unwatched)?,
        unwatched_ns: added(State::Agent, |it| it.unwatched)?,
        untyped_ns: added(State::Untyped, |it| it.watched)?,
        file_ns: added(State::Agent, |it| it.file)?,
        file_among_many_ns: added(State::Agent, |it| it.file_among_many)?,
        file_floor_ns: added(State::Floor, |it| it.file)?,
        file_hooks_ns: added(State::Hooks, |it| it.file)?,
        tcp_ns: added(State::Agent, |it| it.tcp)?,
        tcp_floor_ns: added(State::Floor, |it| it.tcp)?,
        tcp_hooks_ns: added(State::Hooks, |it| it.tcp)?,
        file_over_hooks_ns: between(State::Agent, State::Hooks, |it| it.file)?,
        tcp_over_hooks_ns: between(State::Agent, State::Hooks, |it| it.tcp)?,
        base_ns: base(|it| it.watched)?,
        base_file_ns: base(|it| it.file)?,
        base_tcp_ns: base(|it| it.tcp)?,
    })
}

impl Costs {
    fn measure(state: &Entered) -> Result<Self> {
        let container = ContainerCgroup::create()?;
        state.await_container(&container.id)?;
        let inside = Some(container.path.as_path());
        Ok(Self {
            watched: load::measure(Kind::Getppid, inside)?,
            unwatched: load::measure(Kind::Getppid, None)?,
            file: load::measure(Kind::File, inside)?,
            file_among_many: load::measure(Kind::FileAmongMany, inside)?,
            tcp: load::measure(Kind::Tcp, inside)?,
        })
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
            file_among_many: nanoseconds * 11.0,
            tcp: nanoseconds * 100.0,
        }
    }

    #[test]
    fn a_round_is_compared_with_itself_alone() {
        // The machine is twice as slow in the second round; the differences are not.
        let rounds = [100.0, 200.0].map(|base| {
            Round::from_iter([
                (State::Base, costs(base)),
                (State::Floor, costs(base + 80.0)),
                (State::Hooks, costs(base + 85.0)),
                (State::Agent, costs(base + 100.0)),
                (State::Untyped, costs(base + 130.0)),
            ])
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
        same(summary.hooks_ns, 85.0);
        same(summary.watched_ns, 100.0);
        same(summary.watched_over_floor, 1.25);
        same(summary.over_floor_ns, 20.0);
        same(summary.unwatched_over_floor_ns, 20.0);
        same(summary.unwatched_ns, 100.0);
        same(summary.untyped_ns, 130.0);
        same(summary.file_ns, 1_000.0);
        same(summary.file_among_many_ns, 1_100.0);
        same(summary.file_floor_ns, 800.0);
        same(summary.file_hooks_ns, 850.0);
        same(summary.tcp_ns, 10_000.0);
        same(summary.tcp_floor_ns, 8_000.0);
        same(summary.tcp_hooks_ns, 8_500.0);
        same(summary.file_over_hooks_ns, 150.0);
        same(summary.tcp_over_hooks_ns, 1_500.0);
        assert_eq!(summary.base_ns.median, 150.0);
    }

    #[test]
    fn no_rounds_give_no_summary() {
        assert!(summary(&[]).is_none());
    }
}
