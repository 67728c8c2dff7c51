//! `cargo xtask bench`: what Picket costs the machine it runs on.

mod bpf;
mod cgroup;
mod idle;
mod load;
mod machine;
mod overhead;
mod report;
mod spread;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Subcommand;
use picket_tests::image;
use serde::Serialize;

use crate::cargo::{build_agent, is_root};
use crate::setup;
use crate::supervise::Interrupt;
use idle::Idle;
use overhead::Overhead;

const RECORD: &str = "docs/PERFORMANCE.md";

/// A benchmark.
#[derive(Subcommand)]
pub enum Bench {
    /// What the agent adds to system calls, files and connections, and what it uses itself (some minutes).
    ///
    /// Without --json the result also becomes docs/PERFORMANCE.md.
    Overhead {
        /// Comparisons with and without the agent.
        #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=1000))]
        pairs: u32,
        /// Print one JSON object instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// One timed load, for the other benchmarks to start.
    #[command(hide = true)]
    Load {
        /// What to repeat.
        kind: load::Kind,
        /// Directory of the cgroup to run in.
        #[arg(long)]
        cgroup: Option<PathBuf>,
    },
}

/// All that `bench overhead` measures.
#[derive(Debug, Serialize)]
struct Figures {
    #[serde(flatten)]
    overhead: Overhead,
    #[serde(flatten)]
    idle: Idle,
}

/// Runs a benchmark.
///
/// # Errors
/// When something that it needs is missing or fails; nothing is left behind then.
pub fn bench(bench: Bench) -> Result<()> {
    match bench {
        Bench::Load { kind, cgroup } => {
            println!("{}", load::run(kind, cgroup.as_deref())?);
            Ok(())
        }
        Bench::Overhead { pairs, json } => compare(pairs, json),
    }
}

fn compare(pairs: u32, json: bool) -> Result<()> {
    ensure!(
        is_root(),
        "the benchmark loads eBPF programs and makes cgroups; run it as root"
    );
    let interrupt = Interrupt::install()?;
    setup::probe()?;
    let image = {
        // What is missing for the second half shows now; the engine itself would only disturb the first.
        let _engine = setup::containers()?;
        image::provide(image::MODEL_SERVER)?
    };
    interrupt.check()?;
    build_agent()?;
    let machine = machine::describe()?;
    let overhead = overhead::measure(pairs, &interrupt)?;
    let _engine = setup::containers()?;
    let idle = idle::measure(&image, &interrupt)?;
    let figures = Figures { overhead, idle };
    if json {
        println!("{}", serde_json::to_string(&figures)?);
        return Ok(());
    }
    println!("{}", report::table(&figures));
    let record = ebpf_build::workspace_root().join(RECORD);
    let page = report::page(&figures, &machine);
    fs::create_dir_all(record.parent().context("no folder")?)
        .and_then(|()| fs::write(&record, page))
        .with_context(|| format!("cannot write {}", record.display()))?;
    eprintln!("bench: written to {RECORD}");
    Ok(())
}
