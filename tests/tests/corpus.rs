//! The corpus in small: recorded runs judged by the present detector, and a few live ones on a server learned in a minute.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use picket_tests::agent;
use picket_tests::corpus::{self, Campaign, Choice, Kind, Outcome, Schedule, Verdict};
use picket_tests::suite::{Fixture, Suite};

/// Recorded runs; `tests/recordings/README.md` says which, and why.
const RECORDINGS: [&str; 4] = [
    concat!(env!("CARGO_MANIFEST_DIR"), "/recordings"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/recordings/unseen"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/recordings/contacts"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/recordings/explained"),
];

/// Scenarios that run live: the null trigger, one of each class of attack, and an operator's reload.
const LIVE: [&str; 5] = ["S00a", "S01", "S14", "S15", "N02"];

fn main() -> ExitCode {
    Suite::<Runs>::default()
        .test("recorded_runs_are_judged_as_they_should_be", |runs| {
            all_good(&runs.recorded)
        })
        .test("live_runs_are_judged_as_they_should_be", |runs| {
            all_good(runs.live()?)
        })
        .run()
}

struct Runs {
    recorded: Vec<Outcome>,
    live: Option<Vec<Outcome>>,
}

impl Fixture for Runs {
    fn create() -> Result<Self> {
        let scenarios = corpus::all()?;
        let mut recorded = Vec::new();
        for folder in RECORDINGS {
            recorded.extend(corpus::rejudge(Path::new(folder), &scenarios, 2)?);
        }
        Ok(Self {
            recorded,
            live: None,
        })
    }

    fn evidence(&self) -> String {
        format!("the agent: {}", agent::program().display())
    }
}

impl Runs {
    fn live(&mut self) -> Result<&[Outcome]> {
        if self.live.is_none() {
            let scenarios = corpus::all()?;
            let ids = LIVE.map(str::to_owned);
            let cases = corpus::cases(
                &scenarios,
                Choice {
                    ids: &ids,
                    servers: &[Kind::FastApi],
                    seeds: &[1],
                    ..Choice::default()
                },
            )?;
            let campaign = Campaign {
                schedule: Schedule::Smoke,
                jobs: LIVE.len(),
                relearn: true,
                record: None,
            };
            self.live = Some(campaign.run(&cases, |_| ())?);
        }
        self.live.as_deref().context("no live runs")
    }
}

fn all_good(outcomes: &[Outcome]) -> Result<()> {
    ensure!(!outcomes.is_empty(), "there are no runs");
    let is_bad = |it: &&Outcome| !matches!(it.verdict(), Verdict::Good | Verdict::Note);
    let bad: Vec<&Outcome> = outcomes.iter().filter(is_bad).collect();
    ensure!(bad.is_empty(), "{bad:#?}");
    Ok(())
}
