//! The figures as rows of tables.

use super::super::Figures;
use super::super::breakdown::Breakdown;
use super::super::core::Core;
use super::super::flood::Flood;
use super::super::idle::Idle;
use super::super::memory::{FEW, MANY, Memory};
use super::super::overhead::Overhead;
use super::super::server::Server;
use super::super::spread::Spread;

/// Bytes of a mebibyte.
pub const MEBIBYTE: f64 = 1_048_576.0;

/// What a figure is shown in, and by what it is divided for it.
type Unit = (&'static str, f64);
const NS: Unit = ("ns", 1.0);
const US: Unit = ("µs", 1_000.0);
const PERCENT: Unit = ("%", 1.0);
const OF_A_CORE: Unit = ("% of a core", 1.0);
const MIB: Unit = ("MiB", MEBIBYTE);
const KIB: Unit = ("KiB", 1024.0);
const MS: Unit = ("ms", 1.0);
const MILLION_A_SECOND: Unit = ("million/s", 1e6);
const THOUSAND_A_SECOND: Unit = ("thousand/s", 1e3);

/// A row: what it is, its values in its unit.
#[derive(Debug)]
pub struct Row {
    /// What it is.
    pub name: String,
    /// Its values.
    pub values: Spread,
    /// Their unit.
    pub unit: &'static str,
}

/// A table.
#[derive(Debug)]
pub struct Section {
    /// Its heading.
    pub title: &'static str,
    /// Its rows.
    pub rows: Vec<Row>,
}

/// The tables of what was measured.
pub fn sections(figures: &Figures) -> Vec<Section> {
    let tables = [
        figures.overhead.as_ref().map(calls),
        figures.breakdown.as_ref().map(breakdown),
        figures.server.as_ref().map(server),
        agent(figures),
        figures.flood.as_ref().map(flood),
        figures.core.as_ref().map(core),
    ];
    tables.into_iter().flatten().collect()
}

fn core(core: &Core) -> Section {
    Section {
        title: "The core by itself",
        rows: vec![
            row(
                "events of known facts",
                &core.core_events_per_second,
                MILLION_A_SECOND,
            ),
            row(
                "events, one in a hundred new",
                &core.core_events_with_news_per_second,
                THOUSAND_A_SECOND,
            ),
            row("windows", &core.core_windows_per_second, THOUSAND_A_SECOND),
            row(
                "one window of 250 containers",
                &core.core_pass_250_containers_ms,
                MS,
            ),
            row("memory of a container", &core.core_container_bytes, KIB),
        ],
    }
}

fn calls(overhead: &Overhead) -> Section {
    Section {
        title: "What the agent adds to system calls, files and connections",
        rows: vec![
            row("system call: empty tracepoint", &overhead.floor_ns, NS),
            row("system call: empty hooks", &overhead.hooks_ns, NS),
            row("system call: watched container", &overhead.watched_ns, NS),
            row(
                "system call: watched, in empty tracepoints",
                &overhead.watched_over_floor,
                ("x", 1.0),
            ),
            row(
                "system call: watched, over the empty tracepoint",
                &overhead.over_floor_ns,
                NS,
            ),
            row("system call: unwatched process", &overhead.unwatched_ns, NS),
            row(
                "system call: watched, probe for kernels before 5.11",
                &overhead.untyped_ns,
                NS,
            ),
            row(
                "open+read+close: empty tracepoint",
                &overhead.file_floor_ns,
                US,
            ),
            row("open+read+close: empty hooks", &overhead.file_hooks_ns, US),
            row("open+read+close: watched container", &overhead.file_ns, US),
            row(
                "open+read+close: watched, more than 64 open files",
                &overhead.file_among_many_ns,
                US,
            ),
            row(
                "open+read+close: watched, over the empty hooks",
                &overhead.file_over_hooks_ns,
                US,
            ),
            row(
                "TCP connect+accept+close: empty tracepoint",
                &overhead.tcp_floor_ns,
                US,
            ),
            row(
                "TCP connect+accept+close: empty hooks",
                &overhead.tcp_hooks_ns,
                US,
            ),
            row(
                "TCP connect+accept+close: watched container",
                &overhead.tcp_ns,
                US,
            ),
            row(
                "TCP connect+accept+close: watched, over the empty hooks",
                &overhead.tcp_over_hooks_ns,
                US,
            ),
            row("system call without any probe", &overhead.base_ns, NS),
            row(
                "open+read+close without any probe",
                &overhead.base_file_ns,
                US,
            ),
            row(
                "TCP connect+accept+close without any probe",
                &overhead.base_tcp_ns,
                US,
            ),
        ],
    }
}

fn breakdown(breakdown: &Breakdown) -> Section {
    let by_hook = breakdown.tcp_by_hook_ns.iter();
    Section {
        title: "What an empty program at one hook alone adds to TCP connect+accept+close",
        rows: by_hook
            .map(|(hook, added)| row(hook.as_str(), added, US))
            .collect(),
    }
}

fn server(server: &Server) -> Section {
    Section {
        title: "What the agent adds to a model server at saturation",
        rows: vec![
            row(
                "CPU per request: empty tracepoint",
                &server.http_floor_cpu_percent_per_request,
                PERCENT,
            ),
            row(
                "CPU per request: empty hooks",
                &server.http_hooks_cpu_percent_per_request,
                PERCENT,
            ),
            row(
                "CPU per request: agent",
                &server.http_cpu_percent_per_request,
                PERCENT,
            ),
            row(
                "CPU per request: agent, system calls sampled",
                &server.http_sampled_cpu_percent_per_request,
                PERCENT,
            ),
            row(
                "CPU per request: agent over the empty tracepoint",
                &server.http_over_floor_cpu_percent_per_request,
                PERCENT,
            ),
            row(
                "99th percentile of latency: empty tracepoint",
                &server.http_floor_p99_percent,
                PERCENT,
            ),
            row(
                "99th percentile of latency: agent",
                &server.http_p99_percent,
                PERCENT,
            ),
            row(
                "agent itself: CPU",
                &server.http_agent_cpu_percent,
                OF_A_CORE,
            ),
            row(
                "CPU per request without any probe",
                &server.base_http_cpu_us_per_request,
                ("µs", 1.0),
            ),
            row(
                "99th percentile of latency without any probe",
                &server.base_http_p99_ms,
                ("ms", 1.0),
            ),
            row(
                "requests a second without any probe",
                &server.base_http_requests_per_second,
                ("/s", 1.0),
            ),
        ],
    }
}

fn agent(figures: &Figures) -> Option<Section> {
    let idle = figures.idle.iter().flat_map(idle);
    let memory = figures.memory.iter().flat_map(memory);
    let rows: Vec<Row> = idle.chain(memory).collect();
    (!rows.is_empty()).then_some(Section {
        title: "What the agent uses itself",
        rows,
    })
}

fn idle(idle: &Idle) -> [Row; 2] {
    [
        row(
            "5 idle model servers: CPU",
            &idle.agent_cpu_percent,
            OF_A_CORE,
        ),
        row(
            "5 idle model servers: resident memory",
            &idle.agent_rss_bytes,
            MIB,
        ),
    ]
}

fn memory(memory: &Memory) -> [Row; 4] {
    let few = |what: &str| format!("{FEW} containers: {what}");
    let many = |what: &str| format!("{MANY} containers: {what}");
    [
        row(
            few("CPU"),
            &memory.agent_cpu_20_containers_percent,
            OF_A_CORE,
        ),
        row(
            few("resident memory"),
            &memory.agent_rss_20_containers_bytes,
            MIB,
        ),
        row(
            many("CPU"),
            &memory.agent_cpu_250_containers_percent,
            OF_A_CORE,
        ),
        row(
            many("resident memory"),
            &memory.agent_rss_250_containers_bytes,
            MIB,
        ),
    ]
}

fn flood(flood: &Flood) -> Section {
    let once = |name: &str, value: f64, unit: &'static str| Row {
        name: name.to_owned(),
        values: Spread::once(value),
        unit,
    };
    Section {
        title: "Under a flood from one container",
        rows: vec![
            once("system calls a second", flood.syscalls_per_second, "/s"),
            once("opens of new files a second", flood.opens_per_second, "/s"),
            once("events lost", flood.lost_events as f64, ""),
            once("agent: largest resident memory", flood.rss_mib_max, "MiB"),
            row("agent: CPU", &flood.flood_agent_cpu_percent, OF_A_CORE),
            row(
                "from an exec in another container to its report",
                &flood.canary_seconds,
                ("s", 1.0),
            ),
        ],
    }
}

fn row(name: impl Into<String>, values: &Spread, (unit, divisor): Unit) -> Row {
    Row {
        name: name.into(),
        values: values.divided_by(divisor),
        unit,
    }
}
