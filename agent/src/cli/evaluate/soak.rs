//! `picket evaluate soak`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::cli::table::Table;
use crate::cli::{Format, Global, output};
use crate::detect::finding::Severity;
use crate::evaluate::soak::{Plan, Report, soak};

/// Budgets tried for reliability, findings per container and month.
const BUDGETS: [f64; 4] = [0.1, 1.0, 10.0, 100.0];

/// Titles of findings that are listed.
const TITLES: usize = 40;

/// Ordinary life at the default settings: containers put together anew from recordings, and what they raise
#[derive(Args)]
pub(in crate::cli) struct Soak {
    /// Directory with recordings of ordinary behaviour (*.picket), also in directories below
    directory: PathBuf,
    /// Container-hours to judge, all workloads together
    #[arg(long, value_name = "N", default_value_t = 1000)]
    hours: u64,
    /// Containers of each workload at a time
    #[arg(long, value_name = "N", default_value_t = 3)]
    replicas: u64,
    /// Findings per container and month
    #[arg(long, value_name = "N")]
    budget: Option<f64>,
    /// Whether budgets come true: one row each for a tenth of a finding to a hundred a container and month
    #[arg(long, conflicts_with = "budget")]
    reliability: bool,
    /// What is drawn depends on this alone
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

impl Soak {
    pub(super) fn run(&self, global: &Global) -> anyhow::Result<ExitCode> {
        let plan = |budget| Plan {
            hours: self.hours,
            replicas: self.replicas,
            budget,
            seed: self.seed,
        };
        if self.reliability {
            let each = BUDGETS
                .into_iter()
                .map(|budget| soak(&self.directory, &plan(Some(budget))));
            let reports = each.collect::<Result<Vec<_>, _>>()?;
            match global.output {
                Format::Json => output::json(&reports)?,
                Format::Text => output::text(&reliability(&reports))?,
            }
            return Ok(ExitCode::SUCCESS);
        }
        let report = soak(&self.directory, &plan(self.budget))?;
        match global.output {
            Format::Json => output::json(&report)?,
            Format::Text => output::text(&to_text(&report))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn reliability(reports: &[Report]) -> String {
    let mut table = Table::new([
        "BUDGET",
        "FINDINGS",
        "PER CONTAINER-MONTH",
        "AT MOST (95 %)",
    ]);
    for report in reports {
        table.row([
            report.budget.to_string(),
            report.all.findings.to_string(),
            format!("{:.2}", report.all.per_month),
            format!("{:.2}", report.all.upper),
        ]);
    }
    table.to_text()
}

fn to_text(report: &Report) -> String {
    let mut text = format!(
        "Resampled from {} recordings ({:.1} container-hours; {} lives too short or without their birth left out)\n\
         into {} lives: {:.0} container-hours judged after {:.0} of learning, budget {} per container-month.\n\n",
        report.recordings,
        report.recorded_hours,
        report.left_out,
        report.lives,
        report.judged_hours,
        report.learning_hours,
        report.budget
    );
    let mut counts = Table::new([
        "SEVERITY",
        "FINDINGS",
        "PER CONTAINER-MONTH",
        "AT MOST (95 %)",
    ]);
    let all = [("all", &report.all)];
    let rows = Severity::ALL.iter().filter_map(|severity| {
        let count = report.findings.get(severity.name())?;
        Some((severity.name(), count))
    });
    for (name, count) in rows.chain(all) {
        counts.row([
            name.to_owned(),
            count.findings.to_string(),
            format!("{:.2}", count.per_month),
            format!("{:.2}", count.upper),
        ]);
    }
    let mut workloads = Table::new(["WORKLOAD (RECORDED LIVES)", "JUDGED HOURS", "FINDINGS"]);
    for (name, workload) in &report.workloads {
        workloads.row([
            name.clone(),
            format!("{:.0}", workload.judged_hours),
            workload.findings.to_string(),
        ]);
    }
    let _ = writeln!(text, "{}\n{}", counts.to_text(), workloads.to_text());
    for (layer, count) in &report.layers {
        let _ = writeln!(text, "found by {layer}: {count}");
    }
    for (reason, count) in &report.suppressed {
        let _ = writeln!(text, "not reported ({reason}): {count}");
    }
    for (title, count, first) in report.titles.iter().take(TITLES) {
        let _ = writeln!(text, "{count} × {title}\n      {first}");
    }
    text
}
