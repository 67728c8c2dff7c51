//! `picket evaluate calibration`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::cli::table::Table;
use crate::cli::{Format, Global, output};
use crate::detect::finding::Severity;
use crate::evaluate::calibration::{Line, Report, calibration};

/// Whether what is foretold of recordings comes true: a part of each is learned, the rest is foretold and then judged
#[derive(Args)]
pub(in crate::cli) struct Calibration {
    /// Directory with recordings of ordinary behaviour (*.picket), also in directories below
    directory: PathBuf,
}

impl Calibration {
    pub(super) fn run(&self, global: &Global) -> anyhow::Result<ExitCode> {
        let report = calibration(&self.directory)?;
        match global.output {
            Format::Json => output::json(&report)?,
            Format::Text => output::text(&to_text(&report))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn to_text(report: &Report) -> String {
    let mut text = format!(
        "{} recordings\n\nNews by the part of each recording that was learned:\n",
        report.recordings
    );
    text += &lines("LEARNED", &report.by_part);
    text += "\nNews by family, all parts together:\n";
    text += &lines("FAMILY", &report.by_family);
    text += "\nNews by recording, all parts together:\n";
    text += &lines("RECORDING", &report.by_recording);
    text += "\nFindings of novelty by budget (per container-month), all parts together:\n";
    text += &lines("BUDGET", &report.by_budget);
    let mut layers = Table::new(["BUDGET", "LOW", "MEDIUM", "HIGH", "CRITICAL"]);
    for (budget, counts) in &report.all_layers {
        let [low, medium, high, critical] = Severity::ALL.map(|severity| {
            let count = counts.get(severity.name()).copied().unwrap_or(0);
            count.to_string()
        });
        layers.row([budget.clone(), low, medium, high, critical]);
    }
    let _ = write!(text, "\nFindings of all layers:\n{}", layers.to_text());
    for (part, hours) in &report.judged_hours {
        let _ = writeln!(
            text,
            "judged after learning {part}: {hours:.2} container-hours of serving"
        );
    }
    for example in &report.examples {
        let _ = writeln!(text, "  {example}");
    }
    text
}

fn lines<K: ToString>(title: &'static str, lines: &BTreeMap<K, Line>) -> String {
    let mut table = Table::new([title, "EXPECTED", "CAME", "95 % OF WHAT CAME"]);
    for (name, line) in lines {
        table.row([
            name.to_string(),
            format!("{:.2}", line.expected),
            line.came.to_string(),
            format!("{:.2} to {:.2}", line.interval.0, line.interval.1),
        ]);
    }
    table.to_text()
}
