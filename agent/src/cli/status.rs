//! `picket status`.

use std::fmt::{Display, Write};
use std::process::ExitCode;

use clap::Args;

use super::client::{Client, converse};
use super::{Format, Global, output};
use crate::export::text::{printable, time};
use crate::export::view::Status;

/// Show the running agent: what is attached, counted, lost and missing
#[derive(Args)]
#[command(
    after_help = "Exit codes: 0 the agent runs, 1 it does not, 2 wrong command line or configuration"
)]
pub(super) struct StatusQuery {}

impl StatusQuery {
    pub(super) fn run(&self, global: &Global) -> anyhow::Result<ExitCode> {
        let client = Client::new(global)?;
        let status: Status = converse(async { Ok(client.get("/api/v1/status").await?) })?;
        match global.output {
            Format::Json => output::json(&status)?,
            Format::Text => output::text(&to_text(&status))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn to_text(status: &Status) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &dyn Display| {
        let value = printable(&value.to_string());
        let _ = writeln!(text, "{name:12}  {value}");
    };
    line("version", &status.version);
    line(
        "host",
        &format_args!("{}, kernel {}", status.hostname, status.kernel),
    );
    line("started", &time(status.started_ms));
    line("listen", &or_none(&status.listen));
    line("state_dir", &or_none(&status.state_dir));
    let attached = status.probes.iter().filter(|probe| probe.attached).count();
    line(
        "probes",
        &format_args!("{attached} of {} attached", status.probes.len()),
    );
    for probe in status.probes.iter().filter(|probe| !probe.attached) {
        line("", &format_args!("{} is not: {}", probe.name, probe.reason));
    }
    line("events", &counts(status.events.iter()));
    line("lost", &counts(status.events_lost.iter()));
    line("unattributed", &status.events_unattributed);
    line("evidence", &evidence(status));
    line("findings", &status.findings);
    line("suppressed", &counts(status.suppressed.iter()));
    for degraded in &status.degraded {
        line(
            "without",
            &format_args!("{}: {}", degraded.what, degraded.reason),
        );
    }
    text
}

fn or_none(text: &str) -> &str {
    match text {
        "" => "none",
        text => text,
    }
}

fn evidence(status: &Status) -> String {
    match status.evidence_forgotten {
        0 => status.evidence.to_string(),
        forgotten => format!(
            "{} ({forgotten} no longer in `picket events`)",
            status.evidence
        ),
    }
}

/// The sum, and what it is made of.
fn counts<'c>(counts: impl Iterator<Item = (&'c String, &'c u64)>) -> String {
    let counts: Vec<_> = counts.filter(|(_, count)| **count > 0).collect();
    let sum = counts
        .iter()
        .fold(0u64, |sum, (_, count)| sum.saturating_add(**count));
    let parts: Vec<_> = counts
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    match parts.is_empty() {
        true => "0".to_owned(),
        false => format!("{sum} ({})", parts.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::view::{Degraded, ProbeView};

    #[test]
    fn what_is_missing_is_shown() {
        let mut status = Status {
            probes: vec![ProbeView {
                name: "sys_exit".to_owned(),
                attached: true,
                reason: String::new(),
            }],
            events_lost: [("ring_full".to_owned(), 2), ("queue".to_owned(), 0)].into(),
            ..Status::default()
        };
        let text = to_text(&status);
        assert!(text.contains("probes        1 of 1 attached\n"), "{text}");
        assert!(text.contains("lost          2 (ring_full 2)\n"), "{text}");

        status.probes.push(ProbeView {
            name: "connect4".to_owned(),
            attached: false,
            reason: "no permission".to_owned(),
        });
        assert!(to_text(&status).contains("connect4 is not: no permission\n"));

        status.probes.clear();
        status.degraded.push(Degraded {
            what: "docker".to_owned(),
            reason: "no socket".to_owned(),
        });
        assert!(to_text(&status).contains("without       docker: no socket\n"));
    }
}
