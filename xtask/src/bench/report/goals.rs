//! What the figures should be, and whether they are.

use super::super::Figures;
use super::super::core::Core;
use super::super::flood::Flood;
use super::super::idle::Idle;
use super::super::memory::Memory;
use super::super::overhead::Overhead;
use super::super::server::Server;
use super::rows::MEBIBYTE;

/// A bound for a figure.
struct Goal {
    what: &'static str,
    limit: f64,
    unit: &'static str,
    found: f64,
}

/// One sentence for each goal of what was measured.
pub fn verdicts(figures: &Figures) -> Vec<String> {
    let goals = [
        figures.overhead.as_ref().map(calls),
        figures.server.as_ref().map(server),
        figures.idle.as_ref().map(idle),
        figures.memory.as_ref().map(memory),
        figures.flood.as_ref().map(flood),
        figures.core.as_ref().map(core),
    ];
    let goals = goals.into_iter().flatten().flatten();
    let mut verdicts: Vec<String> = goals.map(|goal| goal.verdict()).collect();
    verdicts.extend(figures.flood.as_ref().map(|flood| {
        let (lost, named) = (flood.lost_events, verdict(flood.lost_named_container));
        format!("All that is lost in the flood is counted as the flooding container's: {named} ({lost} events).")
    }));
    verdicts
}

impl Goal {
    fn verdict(&self) -> String {
        let Self {
            what,
            limit,
            unit,
            found,
        } = self;
        let met = verdict(found <= limit);
        format!("{what}: at most {limit} {unit}: {met} ({found:.2} {unit}).")
    }
}

const fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

fn core(core: &Core) -> Vec<Goal> {
    vec![
        Goal {
            what: "An event of a known fact, in the core",
            limit: 500.0,
            unit: "ns",
            found: 1e9 / core.core_events_per_second.median,
        },
        Goal {
            what: "A window of 250 containers, in the core",
            limit: 50.0,
            unit: "ms",
            found: core.core_pass_250_containers_ms.median,
        },
    ]
}

fn calls(overhead: &Overhead) -> Vec<Goal> {
    vec![
        Goal {
            what: "A counted system call",
            limit: 1.3,
            unit: "empty tracepoints",
            found: overhead.watched_over_floor.median,
        },
        Goal {
            what: "A counted system call, over the empty tracepoint",
            limit: 25.0,
            unit: "ns",
            found: overhead.over_floor_ns.median,
        },
        Goal {
            what: "A system call of an unwatched process, over the empty tracepoint",
            limit: 25.0,
            unit: "ns",
            found: overhead.unwatched_over_floor_ns.median,
        },
        Goal {
            what: "Open, read and close of a known file",
            limit: 0.4,
            unit: "µs",
            found: overhead.file_ns.median / 1e3,
        },
        Goal {
            what: "Connect, accept and close over loopback TCP",
            limit: 1.5,
            unit: "µs",
            found: overhead.tcp_ns.median / 1e3,
        },
    ]
}

fn server(server: &Server) -> Vec<Goal> {
    vec![
        Goal {
            what: "CPU of a request to the saturated model server, over the empty tracepoint",
            limit: 0.5,
            unit: "%",
            found: server.http_over_floor_cpu_percent_per_request.median,
        },
        Goal {
            what: "CPU of a request to it in all, system calls sampled",
            limit: 0.7,
            unit: "%",
            found: server.http_sampled_cpu_percent_per_request.median,
        },
        Goal {
            what: "What is sure to be added to its 99th percentile of latency (the interval's lower end)",
            limit: 0.0,
            unit: "%",
            found: server.http_p99_percent.low,
        },
        Goal {
            what: "The agent's own CPU under that load",
            limit: 1.0,
            unit: "% of a core",
            found: server.http_agent_cpu_percent.median,
        },
    ]
}

fn idle(idle: &Idle) -> Vec<Goal> {
    vec![
        Goal {
            what: "The agent's CPU beside 5 idle model servers",
            limit: 1.0,
            unit: "% of a core",
            found: idle.agent_cpu_percent.median,
        },
        mebibytes(
            "The agent's memory beside 5 idle model servers",
            40.0,
            idle.agent_rss_bytes.median,
        ),
    ]
}

fn memory(memory: &Memory) -> Vec<Goal> {
    vec![
        mebibytes(
            "The agent's memory with 20 containers",
            40.0,
            memory.agent_rss_20_containers_bytes.max,
        ),
        mebibytes(
            "The agent's memory with 250 containers",
            120.0,
            memory.agent_rss_250_containers_bytes.max,
        ),
    ]
}

fn flood(flood: &Flood) -> Vec<Goal> {
    vec![
        Goal {
            what: "An exec in another container during a flood is reported",
            limit: 1.0,
            unit: "s later",
            found: flood.canary_seconds_max,
        },
        mebibytes(
            "The agent's memory in the flood",
            40.0,
            flood.rss_mib_max * MEBIBYTE,
        ),
    ]
}

fn mebibytes(what: &'static str, limit: f64, bytes: f64) -> Goal {
    Goal {
        what,
        limit,
        unit: "MiB",
        found: bytes / MEBIBYTE,
    }
}
