//! `picket evaluate adfa-ld`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::cli::table::Table;
use crate::cli::{Format, Global, output};
use crate::evaluate::adfa_ld::{self, Report, SHARES};

/// Traces of system calls of a server under six kinds of attack (ADFA-LD, UNSW)
#[derive(Args)]
pub(in crate::cli) struct AdfaLd {
    /// Directory with `Training_Data_Master`, `Validation_Data_Master` and `Attack_Data_Master`
    directory: PathBuf,
}

/// What else was measured on the whole set by the same protocol, to compare: AUC, and detection at the shares of
/// [`SHARES`]. Each is the best of its kind; the sums were chosen with the result in view.
const OTHERS: [(&str, f64, [f64; 4]); 6] = [
    ("stide, 6 calls", 0.827, [0.0, 0.0, 0.218, 0.627]),
    ("longest match", 0.844, [0.0, 0.160, 0.300, 0.588]),
    ("nearest neighbour", 0.772, [0.088, 0.198, 0.327, 0.590]),
    ("lstm", 0.805, [0.001, 0.145, 0.362, 0.563]),
    ("match + n-grams + svm", 0.863, [0.001, 0.212, 0.327, 0.712]),
    ("the same + neighbour", 0.853, [0.004, 0.240, 0.324, 0.712]),
];

impl AdfaLd {
    pub(super) fn run(&self, global: &Global) -> anyhow::Result<ExitCode> {
        let report = adfa_ld::evaluate(&self.directory)?;
        match global.output {
            Format::Json => output::json(&report)?,
            Format::Text => output::text(&to_text(&report))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn to_text(report: &Report) -> String {
    let mut table = Table::new([
        "",
        "TRACES",
        "AUC",
        "FOUND AT 0.1 %",
        "AT 1 %",
        "AT 5 %",
        "AT 15 % FALSE",
    ]);
    let mut row =
        |name: &str, traces: Option<usize>, auc: Option<f64>, shares: [Option<f64>; 4]| {
            let cell = |value: Option<f64>| value.map(|v| format!("{v:.3}")).unwrap_or_default();
            let [a, b, c, d] = shares.map(cell);
            let traces = traces.map(|traces| traces.to_string()).unwrap_or_default();
            table.row([name.to_owned(), traces, cell(auc), a, b, c, d]);
        };
    let of =
        |values: &BTreeMap<&'static str, f64>| SHARES.map(|(name, _)| values.get(name).copied());
    let attacks = Some(report.traces.attacks);
    row("all attacks", attacks, Some(report.auc), of(&report.dr));
    for (name, family) in &report.families {
        row(name, Some(family.traces), Some(family.auc), of(&family.dr));
    }
    row(
        "by thresholds from training",
        None,
        None,
        of(&report.realised_dr),
    );
    row("  false alarms then", None, None, of(&report.realised_fa));
    for (name, auc, shares) in OTHERS {
        row(
            &format!("whole set: {name}"),
            None,
            Some(auc),
            shares.map(Some),
        );
    }
    let traces = &report.traces;
    format!(
        "{}\nLearned from {} traces, judged {} ordinary ones and {} attacks ({} calls) in {:.1} s.\n",
        table.to_text(),
        traces.training,
        traces.validation,
        traces.attacks,
        report.calls,
        report.seconds
    )
}
