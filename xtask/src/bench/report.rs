//! The figures for people: a table, and the page that keeps them with the code.

use std::fmt::Write as _;

use super::Figures;
use super::machine::Machine;
use super::spread::Spread;

const COUNTED_CALL_GOAL: f64 = 1.3;
const CPU_GOAL_PERCENT: f64 = 1.0;
const MEMORY_GOAL_BYTES: f64 = 40.0 * MEBIBYTE;
const MEBIBYTE: f64 = 1_048_576.0;

/// The rows of the table: what it is, its values, their unit, by what they are divided for it.
fn rows(figures: &Figures) -> Vec<(&'static str, &Spread, &'static str, f64)> {
    let Figures { overhead, idle } = figures;
    let (ns, us) = (("ns", 1.0), ("µs", 1_000.0));
    [
        ("system call: empty tracepoint", &overhead.floor_ns, ns),
        ("system call: watched container", &overhead.watched_ns, ns),
        (
            "system call: watched, in empty tracepoints",
            &overhead.watched_over_floor,
            ("x", 1.0),
        ),
        ("system call: unwatched process", &overhead.unwatched_ns, ns),
        (
            "system call: watched, probe for kernels before 5.11",
            &overhead.untyped_ns,
            ns,
        ),
        (
            "open+read+close: empty tracepoint",
            &overhead.file_floor_ns,
            us,
        ),
        ("open+read+close: watched container", &overhead.file_ns, us),
        (
            "TCP connect+accept+close: empty tracepoint",
            &overhead.tcp_floor_ns,
            us,
        ),
        (
            "TCP connect+accept+close: watched container",
            &overhead.tcp_ns,
            us,
        ),
        ("system call without any probe", &overhead.base_ns, ns),
        (
            "open+read+close without any probe",
            &overhead.base_file_ns,
            us,
        ),
        (
            "TCP connect+accept+close without any probe",
            &overhead.base_tcp_ns,
            us,
        ),
        (
            "agent, idle: CPU",
            &idle.agent_cpu_percent,
            ("% of a core", 1.0),
        ),
        (
            "agent, idle: resident memory",
            &idle.agent_rss_bytes,
            ("MiB", MEBIBYTE),
        ),
    ]
    .into_iter()
    .map(|(name, spread, (unit, divisor))| (name, spread, unit, divisor))
    .collect()
}

/// The table for a terminal.
pub fn table(figures: &Figures) -> String {
    let mut text = format!(
        "{:<52}{:>9} {:>9} {:>9} {:>4}\n",
        "", "median", "min", "max", "n"
    );
    for (name, spread, unit, divisor) in rows(figures) {
        let [median, min, max] = scaled(spread, divisor);
        let _ = writeln!(
            text,
            "{name:<52}{median:>9} {min:>9} {max:>9} {:>4}  {unit}",
            spread.n
        );
    }
    for verdict in verdicts(figures) {
        let _ = writeln!(text, "\n{verdict}");
    }
    text
}

/// The page for the repository.
pub fn page(figures: &Figures, machine: &Machine) -> String {
    let mut table = String::from("| | median | min | max | n |\n|---|---|---|---|---|\n");
    for (name, spread, unit, divisor) in rows(figures) {
        let [median, min, max] = scaled(spread, divisor);
        let _ = writeln!(
            table,
            "| {name} | {median} {unit} | {min} | {max} | {} |",
            spread.n
        );
    }
    let verdicts: String = verdicts(figures)
        .map(|verdict| format!("- {verdict}\n"))
        .collect();
    let Machine {
        cpu,
        cpus,
        kernel,
        date,
        load,
        programs,
    } = machine;
    format!(
        "# Performance

Written by `cargo xtask bench overhead` on {date}: {cpus} CPUs, {cpu}, Linux {kernel}.
At the start the load was {load}, and {programs} other eBPF programs were loaded; both widen the spread.
Run it again to have it for your machine: the nanoseconds differ a lot from one to another, the ratios less.

## What the agent adds

{table}
## Goals

{verdicts}
## How it is measured

- One run, in rounds: no probe, an empty raw tracepoint on `sys_exit`, the release agent, the release agent with the
  probe for kernels before 5.11. Every second round runs backwards. Each figure is a difference (or quotient) within one
  round; the table shows the median, the smallest and the largest over the rounds.
- The empty tracepoint is the floor: what the kernel charges for looking at system calls at all. Every process of the
  machine pays it while anything watches system calls.
- A load is a process of its own, pinned to one CPU: `getppid`; open, read and close of one file; connect, accept and
  close of a loopback TCP connection. What counts is the CPU time that the kernel charges its thread, as the median of
  fifty chunks of about two milliseconds, after ten to warm up. File and peer are then known to the probe: reporting
  something new costs more, once.
- The watched load runs in a cgroup with a container's path; the unwatched one outside of any.
- A round in which other eBPF programs come or go does not count.
- The agent's own use is taken from `/proc` over samples of ten seconds beside five idle model servers (FastAPI,
  onnxruntime) in Docker containers, with the agent's default settings.

## What is not measured

- The first system call after a CPU turns to a process of another cgroup. The probe remembers the latest cgroup of each
  CPU, which a load alone on its CPU always finds; at most once a context switch it has to look the cgroup up.
- The agent's use under load, with many containers, or with findings.
- Kernels that account interrupts apart (`CONFIG_IRQ_TIME_ACCOUNTING`) do not charge the thread for the receiving side
  of its loopback packets; there the TCP figures are too low.
- Memory of the kernel's maps, of which there is more with every CPU.
- Throughput and latency of a model server.
"
    )
}

fn verdicts(figures: &Figures) -> impl Iterator<Item = String> {
    let Figures { overhead, idle } = figures;
    let ratio = overhead.watched_over_floor.median;
    let cpu = idle.agent_cpu_percent.median;
    let memory = idle.agent_rss_bytes.median;
    let verdict = |met: bool| if met { "met" } else { "MISSED" };
    [
        format!(
            "A counted system call costs at most {COUNTED_CALL_GOAL} empty tracepoints: {} ({ratio:.2}).",
            verdict(ratio <= COUNTED_CALL_GOAL)
        ),
        format!(
            "The idle agent uses less than {CPU_GOAL_PERCENT} % of a core with five containers: {} ({cpu:.2} %).",
            verdict(cpu < CPU_GOAL_PERCENT)
        ),
        format!(
            "The idle agent uses less than {:.0} MiB of memory with five containers: {} ({:.1} MiB).",
            MEMORY_GOAL_BYTES / MEBIBYTE,
            verdict(memory < MEMORY_GOAL_BYTES),
            memory / MEBIBYTE
        ),
    ]
    .into_iter()
}

/// Median, smallest and largest value, to three digits or whole.
fn scaled(spread: &Spread, divisor: f64) -> [String; 3] {
    [spread.median, spread.min, spread.max].map(|value| {
        let value = value / divisor;
        let decimals = match value.abs() {
            large if large >= 100.0 => 0,
            middling if middling >= 10.0 => 1,
            _ => 2,
        };
        format!("{value:.decimals$}")
    })
}

#[cfg(test)]
mod tests {
    use super::super::idle::Idle;
    use super::super::overhead::Overhead;
    use super::*;

    fn figures(ratio: f64, cpu: f64, memory: f64) -> Figures {
        let spread = |median: f64| Spread {
            median,
            min: median / 2.0,
            max: median * 2.0,
            n: 3,
        };
        Figures {
            overhead: Overhead {
                floor_ns: spread(80.0),
                watched_ns: spread(80.0 * ratio),
                watched_over_floor: spread(ratio),
                unwatched_ns: spread(90.0),
                untyped_ns: spread(110.0),
                file_ns: spread(1_234.0),
                file_floor_ns: spread(240.0),
                tcp_ns: spread(2_000.0),
                tcp_floor_ns: spread(400.0),
                base_ns: spread(120.0),
                base_file_ns: spread(4_000.0),
                base_tcp_ns: spread(25_000.0),
            },
            idle: Idle {
                agent_cpu_percent: spread(cpu),
                agent_rss_bytes: spread(memory),
            },
        }
    }

    #[test]
    fn a_goal_is_met_or_missed_by_its_median() {
        let met: Vec<_> = verdicts(&figures(1.3, 0.99, 39.0 * MEBIBYTE)).collect();
        assert!(met.iter().all(|it| it.contains(": met (")), "{met:?}");
        let missed: Vec<_> = verdicts(&figures(1.31, 1.0, 40.0 * MEBIBYTE)).collect();
        assert!(
            missed.iter().all(|it| it.contains(": MISSED (")),
            "{missed:?}"
        );
    }

    #[test]
    fn values_keep_three_digits_in_their_unit() {
        let table = table(&figures(1.25, 0.5, 20.0 * MEBIBYTE));
        let row = |name: &str| -> Vec<String> {
            let line = table.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default()
                .split_whitespace()
                .map(str::to_owned)
                .collect()
        };
        assert_eq!(
            row("open+read+close: watched container"),
            ["1.23", "0.62", "2.47", "3", "µs"]
        );
        assert_eq!(
            row("system call: watched container"),
            ["100", "50.0", "200", "3", "ns"]
        );
        assert_eq!(
            row("agent, idle: resident memory"),
            ["20.0", "10.0", "40.0", "3", "MiB"]
        );
    }

    #[test]
    fn the_json_is_one_flat_object_of_spreads() {
        let json = serde_json::to_value(figures(1.25, 0.5, 1.0)).unwrap_or_default();
        for name in [
            "floor_ns",
            "watched_ns",
            "unwatched_ns",
            "file_ns",
            "tcp_ns",
            "untyped_ns",
            "agent_cpu_percent",
            "agent_rss_bytes",
        ] {
            let keys = json
                .get(name)
                .and_then(|it| it.as_object())
                .map(|it| it.keys().cloned().collect::<Vec<_>>());
            assert_eq!(
                keys.unwrap_or_default(),
                ["max", "median", "min", "n"],
                "{name}"
            );
        }
    }
}
