//! What each hook of the probe costs by being used at all: an empty program there, and nothing else. A connection is
//! the load that passes several.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Serialize;

use super::load::{self, Kind};
use super::spread::Spread;
use super::state::{Plan, State};
use crate::supervise::Interrupt;

/// The differences, in nanoseconds, by hook.
#[derive(Debug, Serialize)]
pub struct Breakdown {
    /// Added to connect, accept and close of a loopback connection.
    pub tcp_by_hook_ns: BTreeMap<String, Spread>,
}

/// Measures the rounds of the plan.
///
/// # Errors
/// When a part cannot be measured, or no round counts.
pub fn measure(plan: &Plan, interrupt: &Interrupt) -> Result<Breakdown> {
    let alone = (0..plan.hooks.len()).map(State::Alone);
    let states: Vec<State> = [State::Base].into_iter().chain(alone).collect();
    eprintln!("bench: each hook of the probe by itself");
    let rounds = plan.carry_out(&states, interrupt, |_| load::measure(Kind::Tcp, None))?;
    let mut tcp_by_hook_ns = BTreeMap::new();
    for (number, hook) in plan.hooks.iter().enumerate() {
        let added = rounds
            .iter()
            .filter_map(|round| round.difference(State::Alone(number), State::Base, |tcp| *tcp));
        let spread = Spread::of(added).context("no round was measured")?;
        tcp_by_hook_ns.insert(hook.to_string(), spread);
    }
    Ok(Breakdown { tcp_by_hook_ns })
}
