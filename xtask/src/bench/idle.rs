//! What the agent itself uses while it watches containers that have nothing to do.

use std::time::Duration;

use anyhow::{Context, Result};
use picket_tests::agent::{Agent, Home};
use picket_tests::docker::Network;
use picket_tests::model_server::ModelServer;
use serde::Serialize;

use super::process::{Use, pause};
use super::spread::Spread;
use super::state::await_containers;
use crate::supervise::Interrupt;

const CONTAINERS: u64 = 5;
const SAMPLES: u32 = 6;
const SAMPLE: Duration = Duration::from_secs(10);
/// The start of agent and servers is not idleness.
const SETTLING: Duration = Duration::from_secs(10);

/// The agent's own use.
#[derive(Debug, Serialize)]
pub struct Idle {
    /// CPU time, in percent of one core.
    pub agent_cpu_percent: Spread,
    /// Resident memory.
    pub agent_rss_bytes: Spread,
}

/// Measures it beside five idle model servers, started from `image` in real containers.
///
/// # Errors
/// When the containers or the agent cannot be started, or do not go on.
pub fn measure(image: &str, interrupt: &Interrupt) -> Result<Idle> {
    let network = Network::create()?;
    let mut servers = Vec::new();
    for seed in 0..CONTAINERS {
        interrupt.check()?;
        eprintln!("bench: starting model server {} of {CONTAINERS}", seed + 1);
        servers.push(ModelServer::start(image, &network, None, seed)?);
    }
    let home = Home::with("")?;
    let agent = Agent::start(&home)?;
    await_containers(&home, servers.iter().map(|it| it.container.id.as_str()))?;
    eprintln!(
        "bench: watching the idle agent for {} s",
        (SETTLING + SAMPLE * SAMPLES).as_secs()
    );
    pause(SETTLING, interrupt)?;
    let used = Use::sample(agent.pid(), SAMPLES, SAMPLE, interrupt)?;
    Ok(Idle {
        agent_cpu_percent: Spread::of(used.cpu_percent).context("no sample")?,
        agent_rss_bytes: Spread::of(used.resident_bytes).context("no sample")?,
    })
}
