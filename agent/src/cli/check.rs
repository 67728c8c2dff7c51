//! `picket check`.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::{Format, Global, output};
use crate::check::{self, Host, Level, Line, Report};
use crate::export::text::printable;
use crate::probe;

/// Say what works on this machine, what does not, and what to do about it
#[derive(Args)]
#[command(
    after_help = "Exit codes: 0 the probe can run (there may be warnings), 1 it cannot, \
                        2 wrong command line or configuration"
)]
pub(super) struct Check {}

impl Check {
    pub(super) fn run(&self, global: &Global) -> anyhow::Result<ExitCode> {
        let mut config = global.load()?.config;
        if let Some(socket) = &global.socket {
            config.socket.clone_from(socket);
        }
        let host = Host::this().context("cannot read this process's capabilities")?;
        let report = check::check(&host, &config, Some(probe::trial));
        match global.output {
            Format::Json => output::json(&report)?,
            Format::Text => output::text(&to_text(&report))?,
        }
        Ok(match report.can_run {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }
}

fn to_text(report: &Report) -> String {
    let width = report
        .checks
        .iter()
        .map(|line| line.what.chars().count())
        .max()
        .unwrap_or_default();
    let mut text: String = report.checks.iter().map(|line| row(line, width)).collect();
    let count = |level| {
        let lines = report.checks.iter().filter(|line| line.level == level);
        lines.count()
    };
    let verdict = match (report.can_run, count(Level::Warn)) {
        (false, _) => format!("\nThe probe cannot run: {} failed.\n", count(Level::Fail)),
        (true, 0) => "\nThe probe can run.\n".to_owned(),
        (true, warnings) => format!("\nThe probe can run; warnings: {warnings}.\n"),
    };
    text.push_str(&verdict);
    text
}

fn row(line: &Line, width: usize) -> String {
    let level = line.level.name();
    let (what, finding) = (&line.what, printable(&line.finding));
    match line.advice.as_str() {
        "" => format!("{level:4}  {what:width$}  {finding}\n"),
        advice => format!("{level:4}  {what:width$}  {finding} -> {advice}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_says_level_subject_finding_and_way_out() {
        let line = |level, what: &str, advice: &str| Line {
            level,
            what: what.to_owned(),
            finding: "found".to_owned(),
            advice: advice.to_owned(),
        };
        let report = Report {
            can_run: false,
            checks: vec![
                line(Level::Ok, "kernel", ""),
                line(Level::Warn, "user", "be root"),
                line(Level::Fail, "btf", "get it"),
            ],
            programs: Vec::new(),
            maps: Vec::new(),
        };
        assert_eq!(
            to_text(&report),
            "ok    kernel  found\nwarn  user    found -> be root\nfail  btf     found -> get it\n\
             \nThe probe cannot run: 1 failed.\n"
        );
    }
}
