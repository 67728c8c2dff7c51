//! How much memory the agent takes with few and with many containers.

use std::time::Duration;

use anyhow::{Context, Result};
use picket_tests::agent::{Agent, Home};
use serde::Serialize;

use super::process::{Use, pause};
use super::spread::Spread;
use super::state::await_containers;
use super::tenant::Tenant;
use crate::supervise::Interrupt;

/// Few containers.
pub const FEW: u64 = 20;
/// Many containers.
pub const MANY: u64 = 250;

/// More than the default of 128.
const ROOM_FOR_MANY: &str = "max_containers: 300\n";
/// Some windows, in which what the containers did becomes known behaviour.
const SETTLING: Duration = Duration::from_secs(20);
const SAMPLES: u32 = 6;
const SAMPLE: Duration = Duration::from_secs(5);

/// The agent's use beside containers that do a little of everything.
#[derive(Debug, Serialize)]
pub struct Memory {
    /// Resident memory with few containers.
    pub agent_rss_20_containers_bytes: Spread,
    /// Resident memory with many.
    pub agent_rss_250_containers_bytes: Spread,
    /// CPU time with few containers, in percent of one core.
    pub agent_cpu_20_containers_percent: Spread,
    /// CPU time with many.
    pub agent_cpu_250_containers_percent: Spread,
}

/// Measures both.
///
/// # Errors
/// When the containers or the agent cannot be started, or do not go on.
pub fn measure(interrupt: &Interrupt) -> Result<Memory> {
    let few = beside(FEW, "", interrupt)?;
    let many = beside(MANY, ROOM_FOR_MANY, interrupt)?;
    let spread = |values: Vec<f64>| Spread::of(values).context("no sample");
    Ok(Memory {
        agent_rss_20_containers_bytes: spread(few.resident_bytes)?,
        agent_rss_250_containers_bytes: spread(many.resident_bytes)?,
        agent_cpu_20_containers_percent: spread(few.cpu_percent)?,
        agent_cpu_250_containers_percent: spread(many.cpu_percent)?,
    })
}

fn beside(containers: u64, settings: &str, interrupt: &Interrupt) -> Result<Use> {
    eprintln!("bench: watching the agent beside {containers} containers");
    let home = Home::with(settings)?;
    let agent = Agent::start(&home)?;
    let folder = tempfile::Builder::new().prefix("picket-bench-").tempdir()?;
    let mut tenants = Vec::new();
    for number in 0..containers {
        interrupt.check()?;
        tenants.push(Tenant::start(number, folder.path())?);
    }
    await_containers(&home, tenants.iter().map(|it| it.cgroup.id.as_str()))?;
    pause(SETTLING, interrupt)?;
    let used = Use::sample(agent.pid(), SAMPLES, SAMPLE, interrupt);
    // All at once is faster than one after another.
    tenants.iter_mut().for_each(Tenant::end);
    used
}
