//! The figures for people: tables, and the page that keeps them with the code.

use std::fmt::Write as _;

use super::Figures;
use super::machine::Machine;
use super::spread::Spread;

mod goals;
mod rows;

use goals::verdicts;
pub use rows::MEBIBYTE;
use rows::{Row, Section, sections};

/// The tables for a terminal.
pub fn table(figures: &Figures) -> String {
    let mut text = String::new();
    for Section { title, rows } in sections(figures) {
        let _ = writeln!(
            text,
            "{title:<74}{:>9}   {:<16} {:<16} {:>4}",
            "median", "95 % interval", "range", "n"
        );
        for Row { name, values, unit } in &rows {
            let [median, interval, range] = shown(values);
            let _ = writeln!(
                text,
                "  {name:<72}{median:>9}   {interval:<16} {range:<16} {:>4}  {unit}",
                values.n
            );
        }
        text.push('\n');
    }
    for verdict in verdicts(figures) {
        let _ = writeln!(text, "{verdict}");
    }
    text
}

/// The page for the repository.
pub fn page(figures: &Figures, machine: &Machine) -> String {
    let tables: String = sections(figures).iter().map(markdown).collect();
    let verdicts: String = verdicts(figures)
        .iter()
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

{tables}## Goals

{verdicts}
## How it is measured

- One run, in rounds of states moments apart, every second round backwards: no probe; an empty raw tracepoint on
  `sys_exit` alone; empty programs at every hook of the probe; the release agent; for system calls also the release
  agent with the probe for kernels before 5.11. Each figure is a difference (or quotient) within one round. Shown are
  the median over the rounds, the interval that holds the true median with 95 % confidence (the sign test's), the range,
  and the number of rounds.
- The empty tracepoint is the floor: what the kernel charges for looking at system calls at all. Every process of the
  machine pays it while anything watches system calls. The empty hooks are what the kernel charges for calling the
  probe everywhere; the rest, up to the agent's figure, is what the probe's programs do.
- The table of single hooks compares the connections of a process in no container without any probe and with one empty
  program.
- System calls, files, connections: a load is a process of its own, pinned to one CPU: `getppid`; open, read and close
  of one file; connect, accept and close of a loopback TCP connection. What counts is the CPU time that the kernel
  charges its thread, as the median of fifty chunks of about two milliseconds, after ten to warm up. File and peer are
  then known to the probe: reporting something new costs more, once. The watched load runs in a cgroup with a
  container's path; the unwatched one outside of any.
- Model server: FastAPI and onnxruntime (a classifier of 8 MiB on one thread) in one Docker container, the same in all
  rounds, which has the last CPU; four keep-alive clients, each with a request always under way, have the others. In
  each state come 24 chunks of 100 predictions, the same ones in each chunk; the first four warm up. CPU is what the
  kernel charges the container's cgroup in a chunk, divided by its requests; between two chunks the server is idle, so
  that all of it is charged. The figure of a state is the median of its chunks (where system calls are sampled, and for
  what that is compared with, their mean, over ten seconds at least), and the 99th percentile of the latency that of all
  its requests. The agent's CPU is sampled afterwards, for ten seconds each, beside the same load.
- The agent's own use comes from its CPU clock and `/proc`, with default settings: beside five idle model servers
  (FastAPI, onnxruntime) in Docker containers; and beside 20 and 250 cgroups with containers' names. Each of these has a
  baseline of its own and three processes, which write and read 60 files, connect and send datagrams to 20 peers on the
  loopback network, listen, run 5 programs, and then go on with one file and one peer a second. For 250 of them
  `max_containers` is raised.
- Flood: one Docker container makes system calls, and creates, closes and unlinks files of ever new names with long
  paths, at the rates shown. Meanwhile a second container copies a program to a new place and executes it, once a
  second; what counts is the time from the exec, as the kernel noted it, to its appearing in the agent's API, which is
  asked every 25 milliseconds.
- A round in which other eBPF programs come or go does not count.

## What is not measured

- The first system call after a CPU turns to a process of another cgroup. The probe remembers the latest cgroup of each
  CPU, which a load alone on its CPU always finds; at most once a context switch it has to look the cgroup up. The model
  server's figures include it.
- The agent's use with findings.
- Kernels that account interrupts apart (`CONFIG_IRQ_TIME_ACCOUNTING`) do not charge the thread for the receiving side
  of its loopback packets; there the TCP figures are too low.
- Memory of the kernel's maps, of which there is more with every CPU.
"
    )
}

/// The section of the page about the core.
pub fn core_section(figures: &Figures, machine: &Machine) -> String {
    let tables: String = sections(figures).iter().map(markdown).collect();
    let verdicts: String = verdicts(figures)
        .iter()
        .map(|verdict| format!("- {verdict}\n"))
        .collect();
    let Machine {
        cpu, kernel, date, ..
    } = machine;
    format!(
        "{tables}Written by `cargo xtask bench core` on {date}: {cpu}, Linux {kernel}. CPU time of one thread: 250 containers with a
baseline each, which have learned files, peers and 60 system calls and go on with them, in turn; every baseline judges.
Memory is what the allocator counts.

{verdicts}
"
    )
}

/// A table for the page.
fn markdown(Section { title, rows }: &Section) -> String {
    let mut text =
        format!("## {title}\n\n| | median | 95 % interval | range | n |\n|---|---|---|---|---|\n");
    for Row { name, values, unit } in rows {
        let [median, interval, range] = shown(values);
        let median = format!("{median} {unit}");
        let _ = writeln!(
            text,
            "| {name} | {} | {interval} | {range} | {} |",
            median.trim_end(),
            values.n
        );
    }
    text.push('\n');
    text
}

/// Median, interval and range, to three digits or whole.
fn shown(values: &Spread) -> [String; 3] {
    [
        digits(values.median),
        format!("{} to {}", digits(values.low), digits(values.high)),
        format!("{} to {}", digits(values.min), digits(values.max)),
    ]
}

fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        large if large >= 100.0 => 0,
        middling if middling >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests;
