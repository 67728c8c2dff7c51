//! What the agent itself uses while it watches containers that have nothing to do.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use picket_tests::agent::{Agent, Home};
use picket_tests::docker::Network;
use picket_tests::model_server::ModelServer;
use picket_tests::{http, wait};
use serde::Serialize;

use super::spread::Spread;
use crate::supervise::Interrupt;

const CONTAINERS: u64 = 5;
const SAMPLES: u32 = 6;
const SAMPLE: Duration = Duration::from_secs(10);
/// The start of agent and servers is not idleness.
const SETTLING: Duration = Duration::from_secs(10);
const DISCOVERY_LIMIT: Duration = Duration::from_secs(30);
/// How often a pause looks at whether the user wants to end.
const NAP: Duration = Duration::from_millis(100);

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
    wait::until(
        "the agent's discovery of the servers",
        DISCOVERY_LIMIT,
        || {
            let known = http::get(home.listen, "/api/v1/containers")?;
            let all = servers.iter().all(|it| known.contains(&it.container.id));
            Ok(all.then_some(()))
        },
    )?;
    eprintln!(
        "bench: watching the idle agent for {} s",
        (SETTLING + SAMPLE * SAMPLES).as_secs()
    );
    pause(SETTLING, interrupt)?;
    let mut cpu = Vec::new();
    let mut memory = Vec::new();
    for _ in 0..SAMPLES {
        let (start, before) = (Instant::now(), cpu_seconds(agent.pid())?);
        pause(SAMPLE, interrupt)?;
        let used = cpu_seconds(agent.pid())? - before;
        cpu.push(100.0 * used / start.elapsed().as_secs_f64());
        memory.push(resident_bytes(agent.pid())? as f64);
    }
    Ok(Idle {
        agent_cpu_percent: Spread::of(cpu).context("no sample")?,
        agent_rss_bytes: Spread::of(memory).context("no sample")?,
    })
}

fn pause(length: Duration, interrupt: &Interrupt) -> Result<()> {
    let end = Instant::now() + length;
    while Instant::now() < end {
        interrupt.check()?;
        thread::sleep(NAP);
    }
    Ok(())
}

/// CPU time of all threads of a process, those that have ended included.
fn cpu_seconds(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let ticks = cpu_ticks(&stat).with_context(|| format!("{path} is not as proc(5) has it"))?;
    Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// User and system time, the 14th and 15th field; the name in the second may hold spaces and brackets.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11);
    let user: u64 = times.next()?.parse().ok()?;
    let system: u64 = times.next()?.parse().ok()?;
    user.checked_add(system)
}

fn resident_bytes(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    resident(&status).with_context(|| format!("{path} has no VmRSS"))
}

fn resident(status: &str) -> Option<u64> {
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"))?;
    kilobytes.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_cpu_time_past_a_name_with_brackets() {
        let stat =
            "812 (odd) name (x)) S 1 812 812 0 -1 4194560 900 0 3 0 123 45 7 8 20 0 9 0 555\n";
        assert_eq!(cpu_ticks(stat), Some(168));
        assert_eq!(cpu_ticks("812 (picket) S 1 812"), None);
        assert_eq!(cpu_ticks(""), None);
    }

    #[test]
    fn reads_resident_memory() {
        let status = "Name:\tpicket\nVmHWM:\t   40000 kB\nVmRSS:\t   20480 kB\nRssAnon:\t 1 kB\n";
        assert_eq!(resident(status), Some(20_971_520));
        assert_eq!(resident("Name:\tkthreadd\n"), None);
    }
}
