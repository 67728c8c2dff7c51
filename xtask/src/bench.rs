//! `cargo xtask bench`: what Picket costs the machine it runs on.

mod bpf;
mod breakdown;
mod cgroup;
mod core;
mod cpus;
mod flood;
mod idle;
mod load;
pub mod machine;
mod memory;
mod overhead;
mod process;
mod report;
mod server;
mod spread;
mod state;
mod tenant;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand, ValueEnum};
use picket_tests::image;
use serde::Serialize;

use crate::cargo::{build_agent, is_root};
use crate::setup;
use crate::supervise::Interrupt;
use breakdown::Breakdown;
use core::Core;
use flood::Flood;
use idle::Idle;
use memory::Memory;
use overhead::Overhead;
use server::Server;
use state::Plan;

const RECORD: &str = "docs/PERFORMANCE.md";
const FLOOD_SECONDS: u32 = 60;

/// A benchmark.
#[derive(Subcommand)]
pub enum Bench {
    /// What the agent costs: system calls, files, connections, a model server, its own use, a flood (half an hour).
    ///
    /// When all parts are measured and the result is not merely printed as JSON, it becomes docs/PERFORMANCE.md.
    Overhead {
        /// Comparisons with and without the agent.
        #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=1000))]
        pairs: u32,
        /// Measure only this; can be given several times.
        #[arg(long = "part", value_name = "PART")]
        parts: Vec<Part>,
        /// Count rounds in which other eBPF programs come or go, too: to try the benchmark on a busy machine.
        #[arg(long)]
        disturbed: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Whether the agent stays attentive, small and honest while one container floods it.
    Flood {
        /// How long.
        #[arg(long, default_value_t = FLOOD_SECONDS, value_parser = clap::value_parser!(u32).range(2..=500))]
        seconds: u32,
        #[command(flatten)]
        output: Output,
    },
    /// How fast the pure core takes events and windows on one processor, and how much memory a container takes.
    ///
    /// When the result is not merely printed as JSON, it becomes its section of docs/PERFORMANCE.md.
    Core {
        #[command(flatten)]
        output: Output,
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
    /// One stand-in for a container, for the other benchmarks to start.
    #[command(hide = true)]
    Tenant {
        /// What it does differs by this.
        #[arg(long)]
        number: u64,
        /// Directory of the cgroup to run in.
        #[arg(long)]
        cgroup: PathBuf,
        /// Where its files go.
        #[arg(long)]
        folder: PathBuf,
    },
}

/// How the result is shown.
#[derive(Args)]
pub struct Output {
    /// Print one JSON object instead of tables; with a file, write it there besides.
    #[arg(long, value_name = "FILE")]
    json: Option<Option<PathBuf>>,
}

/// A part of `bench overhead`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// System calls, files and connections.
    Calls,
    /// Each hook of the probe by itself.
    Hooks,
    /// A model server at saturation.
    Server,
    /// The agent beside idle servers.
    Idle,
    /// The agent beside few and many containers.
    Memory,
    /// The agent under a flood.
    Flood,
}

/// All that was measured.
#[derive(Debug, Default, Serialize)]
struct Figures {
    #[serde(flatten)]
    overhead: Option<Overhead>,
    #[serde(flatten)]
    breakdown: Option<Breakdown>,
    #[serde(flatten)]
    server: Option<Server>,
    #[serde(flatten)]
    idle: Option<Idle>,
    #[serde(flatten)]
    memory: Option<Memory>,
    #[serde(flatten)]
    flood: Option<Flood>,
    #[serde(flatten)]
    core: Option<Core>,
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
        Bench::Tenant {
            number,
            cgroup,
            folder,
        } => tenant::run(number, &cgroup, &folder),
        Bench::Overhead {
            pairs,
            parts,
            disturbed,
            output,
        } => overhead(pairs, &parts, disturbed, &output),
        Bench::Core { output } => {
            setup::probe()?;
            let figures = Figures {
                core: Some(core::measure()?),
                ..Figures::default()
            };
            if output.show(&figures)? {
                let record = ebpf_build::workspace_root().join(RECORD);
                let page = fs::read_to_string(&record).unwrap_or_default();
                let section = report::core_section(&figures, &machine::describe()?);
                write(&record, &core::put_section(&page, &section))?;
                eprintln!("bench: written to {RECORD}");
            }
            Ok(())
        }
        Bench::Flood { seconds, output } => {
            let interrupt = prepare()?;
            let _engine = setup::containers()?;
            let figures = Figures {
                flood: Some(flood::measure(seconds, &interrupt)?),
                ..Figures::default()
            };
            output.show(&figures).map(drop)
        }
    }
}

/// Builds what is measured.
fn prepare() -> Result<Interrupt> {
    ensure!(
        is_root(),
        "the benchmark loads eBPF programs and makes cgroups; run it as root"
    );
    let interrupt = Interrupt::install()?;
    setup::probe()?;
    build_agent()?;
    interrupt.check()?;
    Ok(interrupt)
}

fn overhead(pairs: u32, parts: &[Part], disturbed: bool, output: &Output) -> Result<()> {
    let interrupt = prepare()?;
    let image = {
        // What is missing for the later parts shows now; the engine itself would only disturb the first.
        let _engine = setup::containers()?;
        image::provide(image::BUSYBOX)?;
        image::provide(image::MODEL_SERVER)?
    };
    interrupt.check()?;
    let machine = machine::describe()?;
    let plan = Plan {
        rounds: pairs,
        disturbed,
        hooks: state::hooks_of_the_probe()?,
    };
    let wanted = |part: Part| parts.is_empty() || parts.contains(&part);
    let mut figures = Figures::default();
    if wanted(Part::Calls) {
        figures.overhead = Some(overhead::measure(&plan, &interrupt)?);
    }
    if wanted(Part::Hooks) {
        figures.breakdown = Some(breakdown::measure(&plan, &interrupt)?);
    }
    if wanted(Part::Memory) {
        figures.memory = Some(memory::measure(&interrupt)?);
    }
    let _engine = setup::containers()?;
    if wanted(Part::Server) {
        figures.server = Some(server::measure(&image, &plan, &interrupt)?);
    }
    if wanted(Part::Idle) {
        figures.idle = Some(idle::measure(&image, &interrupt)?);
    }
    if wanted(Part::Flood) {
        figures.flood = Some(flood::measure(FLOOD_SECONDS, &interrupt)?);
    }
    if output.show(&figures)? && parts.is_empty() && !disturbed {
        let record = ebpf_build::workspace_root().join(RECORD);
        let before = fs::read_to_string(&record).unwrap_or_default();
        let page = core::keep_section(&before, &report::page(&figures, &machine));
        write(&record, &page)?;
        eprintln!("bench: written to {RECORD}");
    }
    Ok(())
}

impl Output {
    /// Shows the figures; `false` when they are wanted as JSON alone.
    fn show(&self, figures: &Figures) -> Result<bool> {
        let json = serde_json::to_string(figures)?;
        match &self.json {
            Some(None) => {
                println!("{json}");
                return Ok(false);
            }
            Some(Some(file)) => write(file, &json)?,
            None => (),
        }
        println!("{}", report::table(figures));
        Ok(true)
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().context("no folder")?;
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .with_context(|| format!("cannot write {}", path.display()))
}
