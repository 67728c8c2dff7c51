//! `picket evaluate`: one subcommand a public data set.

mod adfa_ld;
mod calibration;
mod soak;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::table::Table;
use super::{Format, Global, output};
use crate::evaluate::ncsu::{self, Regime, Report, Rule, Tally};

/// Score a public data set with the layers that run live
#[derive(Subcommand)]
#[command(after_help = "Exit codes: 0 evaluated, 1 the data cannot be read, 2 wrong command line")]
pub(super) enum Evaluate {
    AdfaLd(adfa_ld::AdfaLd),
    Calibration(calibration::Calibration),
    Ncsu(Ncsu),
    Soak(soak::Soak),
}

impl Evaluate {
    pub(super) fn run(&self, global: &Global) -> anyhow::Result<ExitCode> {
        match self {
            Self::AdfaLd(verb) => verb.run(global),
            Self::Calibration(verb) => verb.run(global),
            Self::Ncsu(verb) => verb.run(global),
            Self::Soak(verb) => verb.run(global),
        }
    }
}

/// Counts of system calls of container attacks (NCSU, 4 containers of some 40 vulnerable applications)
#[derive(Args)]
pub(super) struct Ncsu {
    /// Directory with one npz file an application
    directory: PathBuf,
}

impl Ncsu {
    fn run(&self, global: &Global) -> anyhow::Result<ExitCode> {
        let report = ncsu::evaluate(&self.directory)?;
        match global.output {
            Format::Json => output::json(&report)?,
            Format::Text => output::text(&to_text(&report))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn to_text(report: &Report) -> String {
    let mut results = Table::new([
        "WINDOW",
        "LEARNED",
        "RULE",
        "APPS",
        "ALL 4",
        "RUNS",
        "FALSE",
        "PREDICTED",
        "95 %",
    ]);
    for tally in &report.results {
        results.row(row(tally));
    }
    let mut classes = Table::new(["CLASS", "RUNS", "LAYER", "PLAIN RULE"]);
    for (class, result) in &report.classes {
        classes.row([
            class.clone(),
            result.runs.to_string(),
            result.detected.to_string(),
            result.plain.to_string(),
        ]);
    }
    let missed = report
        .by_app
        .iter()
        .filter(|(_, app)| !app.detected.contains(&true));
    let missed: Vec<_> = missed.map(|(name, _)| name.as_str()).collect();
    let mut text = format!("{}\n{}\n", results.to_text(), classes.to_text());
    text.push_str(&format!("Found in no run: {}\n", missed.join(", ")));
    for (app, reason) in &report.left_out {
        text.push_str(&format!("Left out: {app}: {reason}\n"));
    }
    text
}

fn row(tally: &Tally) -> [String; 9] {
    let learned = match tally.regime {
        Regime::Loco => "other containers",
        Regime::Pooled => "all containers",
        Regime::Own => "own container",
    };
    let rule = match tally.rule {
        Rule::Layer => "layer of calls",
        Rule::Plain => "never-made call",
    };
    let [low, high] = tally.intervals.fpr_windows.map(|share| 100.0 * share);
    let predicted = tally
        .fpr_predicted
        .map(|share| format!("{:.3} %", 100.0 * share));
    [
        format!("{} s", tally.window_s),
        learned.to_owned(),
        rule.to_owned(),
        format!("{}/{}", tally.apps_any, tally.apps),
        format!("{}/{}", tally.apps_all, tally.apps),
        format!("{}/{}", tally.runs_detected, tally.runs),
        format!("{:.3} % of {}", 100.0 * tally.fpr_windows, tally.windows),
        predicted.unwrap_or_default(),
        format!("{low:.3}-{high:.3} %"),
    ]
}
