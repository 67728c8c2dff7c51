//! Whether the agent stays attentive, small and honest while one container floods it.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use picket_tests::agent::{Agent, Home};
use picket_tests::flood::{Canary, Made};
use picket_tests::{image, wait};
use serde::Serialize;
use serde_json::Value;

use super::process::{cpu_seconds, resident_bytes};
use super::report::MEBIBYTE;
use super::spread::Spread;
use crate::supervise::Interrupt;

/// What the flooding container tries.
const RATES: Made = Made {
    calls: 1e6,
    opens: 20e3,
};
/// How often the agent is asked; the reported delays are late by this much at most.
const LOOK: Duration = Duration::from_millis(25);
/// After this an exec counts as not reported at all.
const REPORT_LIMIT: Duration = Duration::from_secs(30);
/// How long the agent may take to count what was lost: some windows.
const COUNT_LIMIT: Duration = Duration::from_secs(30);

/// The figures of a flood.
#[derive(Debug, Serialize)]
pub struct Flood {
    /// Longest time from an exec in another container to its appearing in the agent's API.
    pub canary_seconds_max: f64,
    /// All these times.
    pub canary_seconds: Spread,
    /// Largest resident memory of the agent.
    pub rss_mib_max: f64,
    /// The agent's CPU time, in percent of one core, second by second.
    pub flood_agent_cpu_percent: Spread,
    /// Events lost, over all reasons.
    pub lost_events: u64,
    /// The flooding container is named as the one whose events were lost: all of them.
    pub lost_named_container: bool,
    /// System calls that the flood made, but for those of its opens.
    pub syscalls_per_second: f64,
    /// New files that it opened.
    pub opens_per_second: f64,
}

/// Floods for so many seconds.
///
/// # Errors
/// When the containers or the agent cannot be started, or an exec is never reported.
pub fn measure(seconds: u32, interrupt: &Interrupt) -> Result<Flood> {
    let flooder = image::provide(image::MODEL_SERVER)?;
    let busybox = image::provide(image::BUSYBOX)?;
    let home = Home::with("")?;
    let agent = Agent::start(&home)?;
    let mut canary = Canary::start(&busybox)?;
    canary.await_known(&agent, REPORT_LIMIT)?;
    eprintln!("bench: flooding the agent for {seconds} s");
    let flood = picket_tests::flood::Flood::start(&flooder, seconds, RATES)?;
    let (mut cpu, mut resident) = (Vec::new(), 0);
    let end = Instant::now() + Duration::from_secs(seconds.into());
    let mut second = (Instant::now(), cpu_seconds(agent.pid())?);
    while Instant::now() < end {
        interrupt.check()?;
        canary.look(&agent)?;
        resident = resident.max(resident_bytes(agent.pid())?);
        let (start, before) = second;
        if start.elapsed() >= Duration::from_secs(1) {
            second = (Instant::now(), cpu_seconds(agent.pid())?);
            cpu.push(100.0 * (second.1 - before) / start.elapsed().as_secs_f64());
        }
        thread::sleep(LOOK);
    }
    let delays = canary.all_seen(&agent, REPORT_LIMIT)?;
    let made = flood.made()?;
    let losses = Losses::read(&agent, &flood)?;
    let delays = Spread::of(delays).context("no exec was made")?;
    Ok(Flood {
        canary_seconds_max: delays.max,
        canary_seconds: delays,
        rss_mib_max: resident as f64 / MEBIBYTE,
        flood_agent_cpu_percent: Spread::of(cpu).context("the flood was too short")?,
        lost_events: losses.all,
        lost_named_container: losses.all == losses.of_the_flood,
        syscalls_per_second: made.calls,
        opens_per_second: made.opens,
    })
}

/// What was lost in the end.
struct Losses {
    all: u64,
    of_the_flood: u64,
}

impl Losses {
    /// Reads them once the agent has counted the flood's last.
    fn read(agent: &Agent, flood: &picket_tests::flood::Flood) -> Result<Self> {
        let name = flood.container.name.as_str();
        wait::until("the agent's note of the flood's end", COUNT_LIMIT, || {
            let known = agent.container(name)?;
            let ended = known.get("ended_ms").and_then(Value::as_u64);
            if ended.is_none_or(|ended| ended == 0) {
                return Ok(None);
            }
            let metrics = agent.metrics()?;
            let all = metrics.sum("picket_events_lost_total", &[]);
            let labels = [("container", name)];
            let of_the_flood = metrics.sum("picket_container_events_lost_total", &labels);
            Ok(Some(Self {
                all: all.context("the agent counts no losses")? as u64,
                of_the_flood: of_the_flood.unwrap_or_default() as u64,
            }))
        })
    }
}
