//! `cargo xtask`: set-up, build, run, demo and tests of Picket.

mod aarch64;
mod apt;
mod bench;
mod cargo;
mod corpus;
mod dashboards;
mod demo;
mod engine;
mod fuzz;
mod image;
mod monitoring;
mod servers;
mod setup;
mod supervise;
mod test;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Work on Picket: each command first sets up what it needs and this machine lacks, and says what it installs.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what the build of the probe needs: a toolchain with sources, bpf-linker, the BPF file system.
    Setup,
    /// Build the probe and the agent (target/release/picket).
    Build,
    /// Build the agent and run it on this machine.
    Run {
        /// Arguments for `picket run`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Tell the whole story: a model server is learned, then poisoned, and what it does is found.
    Demo,
    /// The demo itself; `demo` runs it and cleans up after it.
    #[command(hide = true)]
    DemoStory,
    /// Write Grafana's dashboards (deploy/grafana).
    Dashboards {
        /// Draw them instead (docs/images), with what a real Prometheus knows of the real agent.
        #[arg(long)]
        draw: bool,
    },
    /// What is drawn; `dashboards --draw` runs it and cleans up after it.
    #[command(hide = true)]
    DashboardsStory,
    /// Make a container image of the agent (target/image): static, from scratch, with a bill of materials.
    Image {
        /// Load it into the Docker engine too.
        #[arg(long)]
        load: bool,
        /// Make it once more in another folder, and compare.
        #[arg(long)]
        verify: bool,
    },
    /// Measure what Picket costs.
    Bench {
        #[command(subcommand)]
        bench: bench::Bench,
    },
    /// Run harmless attacks and benign behaviours on real model servers, and see what the agent says.
    Corpus(corpus::Corpus),
    /// Fuzz the parsers of what the kernel and containers hand over.
    Fuzz {
        /// Seconds for each target.
        #[arg(long, default_value_t = 60, value_name = "N")]
        seconds: u32,
        /// One target alone: the name of a folder in tests/fuzz/seeds.
        target: Option<String>,
    },
    /// Run the tests of every real model server, also of those whose images take minutes to make.
    Servers,
    /// Run every check and test, those with real containers included.
    Test,
}

fn main() -> ExitCode {
    match perform(Arguments::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> Result<ExitCode> {
    match task {
        Task::Setup => setup::probe()?,
        Task::Build => {
            setup::probe()?;
            cargo::build_agent()?;
        }
        Task::Run { arguments } => {
            setup::probe()?;
            cargo::build_agent()?;
            return Err(cargo::exec_agent(&arguments));
        }
        Task::Dashboards { draw: false } => dashboards::write()?,
        Task::Dashboards { draw: true } => return dashboards::draw(),
        Task::DashboardsStory => dashboards::story()?,
        Task::Image { load, verify } => {
            setup::probe()?;
            image::image()?;
            if load {
                image::load()?;
            }
            if verify {
                image::verify()?;
            }
        }
        Task::Demo => return demo::demo(),
        Task::DemoStory => demo::story()?,
        Task::Bench { bench } => bench::bench(bench)?,
        Task::Corpus(corpus) => return corpus.run(),
        Task::Fuzz { seconds, target } => fuzz::fuzz(target.as_deref(), seconds)?,
        Task::Servers => return servers::servers(),
        Task::Test => return test::test(),
    }
    Ok(ExitCode::SUCCESS)
}
