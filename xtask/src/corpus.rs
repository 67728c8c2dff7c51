//! `cargo xtask corpus`: harmless attacks and benign behaviours on real servers, and what the agent says of them.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use clap::Args;
use picket_tests::agent::AGENT_VARIABLE;
use picket_tests::corpus::{
    self, Campaign, Case, Choice, Class, Kind, Outcome, Scenario, Schedule, Set, Verdict,
};

use crate::apt;
use crate::bench::machine::{self, Machine};
use crate::cargo;
use crate::setup;
use crate::supervise::{self, Interrupt};

/// What to run of the corpus, and how.
#[derive(Args)]
pub struct Corpus {
    /// Only these scenarios, by id: S14 N03 V02 ….
    ids: Vec<String>,
    /// Only this class: loud, quiet, mimicry, null, blind, poisoned, benign; may be repeated.
    #[arg(long = "class", value_name = "CLASS", value_parser = class)]
    classes: Vec<Class>,
    /// Only this set: listed, held-out (behaviours that are not on the list the detector was made with); may be repeated.
    #[arg(long = "set", value_name = "SET", value_parser = set)]
    sets: Vec<Set>,
    /// Only this server: fastapi, jobs, asyncio, bentoml, triton; may be repeated.
    #[arg(long = "server", value_name = "SERVER", value_parser = server)]
    servers: Vec<Kind>,
    /// Seeds, with commas between.
    #[arg(long, default_value = "1", value_delimiter = ',', value_name = "N")]
    seeds: Vec<u64>,
    /// Learn for half an hour and watch a minute after each deed, instead of the shorter schedule.
    #[arg(long)]
    full: bool,
    /// Runs at the same time.
    #[arg(long, default_value_t = 5, value_name = "N")]
    jobs: usize,
    /// Learn the servers again, also where that was done before.
    #[arg(long)]
    relearn: bool,
    /// Keep a recording of every run in this folder.
    #[arg(long, value_name = "FOLDER")]
    record: Option<PathBuf>,
    /// Judge the recorded runs of these folders by the present detector, and run nothing.
    #[arg(long, value_name = "FOLDER", value_delimiter = ',')]
    replay: Vec<PathBuf>,
    /// Write the outcomes to this file too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the page with the tables to this file too.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Say what there is, and run nothing.
    #[arg(long)]
    list: bool,
    /// Set by the command itself, which cleans up after this one.
    #[arg(long, hide = true)]
    unsupervised: bool,
}

fn class(name: &str) -> Result<Class, String> {
    let known = Class::ALL.into_iter().find(|it| it.name() == name);
    known.ok_or_else(|| "no such class".to_owned())
}

fn set(name: &str) -> Result<Set, String> {
    let known = Set::ALL.into_iter().find(|it| it.name() == name);
    known.ok_or_else(|| "no such set".to_owned())
}

fn server(name: &str) -> Result<Kind, String> {
    let known = Kind::ALL.into_iter().find(|it| it.name() == name);
    known.ok_or_else(|| "no such server".to_owned())
}

/// The agent that judges: the one that the environment names, or this project's, built.
fn provide_agent() -> Result<PathBuf> {
    if let Some(agent) = env::var_os(AGENT_VARIABLE) {
        return Ok(PathBuf::from(agent));
    }
    setup::probe()?;
    cargo::build_agent()?;
    Ok(cargo::agent())
}

impl Corpus {
    /// Runs it.
    ///
    /// # Errors
    /// When it cannot be run here.
    pub fn run(&self) -> Result<ExitCode> {
        let scenarios = corpus::all()?;
        let choice = Choice {
            ids: &self.ids,
            classes: &self.classes,
            sets: &self.sets,
            servers: &self.servers,
            seeds: &self.seeds,
        };
        let cases = corpus::cases(&scenarios, choice)?;
        if self.list {
            for case in &cases {
                println!("{case}: {}", case.scenario.what.trim());
            }
            return Ok(ExitCode::SUCCESS);
        }
        if !self.replay.is_empty() {
            provide_agent()?;
            let mut outcomes = Vec::new();
            for folder in &self.replay {
                outcomes.extend(corpus::rejudge(folder, &scenarios, self.jobs)?);
            }
            for outcome in &outcomes {
                println!("{}", line(outcome));
            }
            return self.conclude(&scenarios, &outcomes);
        }
        if self.unsupervised {
            return self.campaign(&scenarios, &cases);
        }
        let interrupt = Interrupt::install()?;
        ensure!(
            cargo::is_root(),
            "the corpus loads eBPF programs and starts containers: run `cargo xtask corpus` as root"
        );
        let agent = provide_agent()?;
        let _engine = match setup::containers() {
            Ok(engine) => engine,
            Err(error) => {
                for case in &cases {
                    println!("SKIPPED {case}: no Docker engine ({error:#})");
                }
                return Ok(ExitCode::SUCCESS);
            }
        };
        if !Path::new(corpus::FAKETIME).exists() {
            apt::install(&["libfaketime"], "to shift the clock that the agent reads")?;
        }
        interrupt.check()?;
        let mut runs = Command::new(env::current_exe().context("cannot find this program")?);
        runs.args(env::args_os().skip(1)).arg("--unsupervised");
        runs.env(AGENT_VARIABLE, agent);
        let status = supervise::run(&mut runs, &interrupt, |_| ())?;
        Ok(match status.success() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }

    /// The runs themselves. What they start is gone when they end.
    fn campaign(&self, scenarios: &[Scenario], cases: &[Case]) -> Result<ExitCode> {
        let campaign = Campaign {
            schedule: if self.full {
                Schedule::Full
            } else {
                Schedule::Compressed
            },
            jobs: self.jobs,
            relearn: self.relearn,
            record: self.record.clone(),
        };
        let outcomes = campaign.run(cases, |outcome| println!("{}", line(outcome)))?;
        for case in cases {
            if let Some(reason) = &case.scenario.skipped {
                println!("SKIPPED {case}: {reason}");
            }
        }
        self.conclude(scenarios, &outcomes)
    }

    fn conclude(&self, scenarios: &[Scenario], outcomes: &[Outcome]) -> Result<ExitCode> {
        self.report(scenarios, outcomes)?;
        let good = |it: &Outcome| matches!(it.verdict(), Verdict::Good | Verdict::Note);
        Ok(match outcomes.iter().all(good) {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }

    fn report(&self, scenarios: &[Scenario], outcomes: &[Outcome]) -> Result<()> {
        println!("\n{}", corpus::summary(outcomes));
        if let Some(path) = &self.json {
            let text = serde_json::to_string_pretty(outcomes)?;
            fs::write(path, text).with_context(|| path.display().to_string())?;
        }
        if let Some(path) = &self.markdown {
            let tables = corpus::markdown(scenarios, outcomes);
            let text = page(&tables, &machine::describe()?, &replayed(outcomes));
            fs::write(path, text).with_context(|| path.display().to_string())?;
        }
        Ok(())
    }
}

/// What the page says of runs that were judged again.
fn replayed(outcomes: &[Outcome]) -> String {
    let as_live: Vec<bool> = outcomes.iter().filter_map(|it| it.as_live).collect();
    if as_live.is_empty() {
        return String::new();
    }
    format!(
        "\nThe runs were live (`cargo xtask corpus --record FOLDER`); their recordings are judged here by this version, which learned each server anew \
         from the recording of its learning. {} of {} were judged so when they were live.\n",
        as_live.iter().filter(|it| **it).count(),
        as_live.len(),
    )
}

/// The page for the repository.
fn page(tables: &str, machine: &Machine, replayed: &str) -> String {
    let arguments = env::args().skip(1).filter(|it| it != "--unsupervised");
    let command = ["cargo xtask".to_owned()].into_iter().chain(arguments);
    let command: Vec<String> = command.collect();
    format!(
        "# The corpus

Written by `{}` on {}: {} CPUs, {}, Linux {}, default budget.
Harmless attacks and benign behaviours (`tests/corpus`) on real model servers in containers, each watched by the real agent. A run
has a seed, which draws names, ports, paths, sizes and pauses; a server and an agent of its own; and begins with what an agent
learned of that server in minutes (two replicas, restarts, reloads, an idle gap). What sets an attack off is an ordinary request
or a model from the registry; its code is imported at every start, in learning too, so that not its loading is what is found.

An attack counts as found by any finding about its container from its first action until a minute after its end; *named* are the
classes of the findings, the one that fits first; *seconds* is the median from the first action to the first finding. *Other findings* came
before or later. Benign behaviour counts as it should be when it raises nothing; with notes alone (low) it is counted apart. Of the
null trigger and of what cannot be seen, nothing may be told at all.
{replayed}
{tables}",
        command.join(" "),
        machine.date,
        machine.cpus,
        machine.cpu,
        machine.kernel,
    )
}

/// An outcome in a line.
fn line(outcome: &Outcome) -> String {
    let word = match outcome.verdict() {
        Verdict::Good if outcome.expected => "found ",
        Verdict::Good => "silent",
        Verdict::Note => "note  ",
        Verdict::Bad if outcome.expected => "MISSED",
        Verdict::Bad => "RAISED",
        Verdict::Broken => "FAILED",
    };
    let mut text = format!(
        "{word} {} on {}, seed {}",
        outcome.id,
        outcome.server.name(),
        outcome.seed
    );
    if let Some(seconds) = outcome.seconds {
        text.push_str(&format!(" after {seconds:.1} s"));
    }
    for seen in &outcome.findings {
        text.push_str(&format!(
            "\n       {} {} ({:.1}): {}",
            seen.severity, seen.class, seen.score, seen.title
        ));
    }
    if let Some(error) = &outcome.error {
        text.push_str(&format!("\n       {error}"));
    }
    text
}
