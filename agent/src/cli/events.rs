//! `picket events`.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::Timestamp;

use super::client::{Client, converse};
use super::{Format, Global, output};
use crate::config::Period;
use crate::detect::finding::{Class, Severity};
use crate::export::text::{block, line};
use crate::export::view::evidence::{EventFilter, EventView};
use crate::export::view::finding::{FindingFilter, FindingView};
use crate::observe::fact::Family;

/// Show what is new about the containers, and findings, oldest first
#[derive(Args)]
#[command(
    after_help = "An event is evidence (what the container's baseline did not hold when it was seen) or a finding.\n\
                        With -o json each is one line, whose \"type\" is \"evidence\" or \"finding\"; \
                        a line of type \"missed\" says how many were forgotten before they could be shown.\n\n\
                        Exit codes: 0 shown, 1 the agent is not running or ended while it was followed, \
                        2 wrong command line or configuration"
)]
pub(super) struct Events {
    /// Go on with new events as they come
    #[arg(short, long)]
    follow: bool,
    /// Only findings, in full
    #[arg(long)]
    findings: bool,
    /// Only evidence of this family; call sequences that were learned are left out of the text unless asked for by `sequence`
    #[arg(long, value_name = "FAMILY", value_parser = names(Family::ALL.map(Family::name)),
          conflicts_with_all = ["findings", "min_severity", "class"])]
    family: Option<String>,
    /// Only findings at least this severe
    #[arg(long, value_name = "SEVERITY", value_parser = names(Severity::ALL.map(Severity::name)).try_map(severity))]
    min_severity: Option<Severity>,
    /// Only findings of this class
    #[arg(long, value_name = "CLASS", value_parser = names(Class::ALL.map(Class::name)))]
    class: Option<String>,
    /// Only events in this Kubernetes namespace, or of this runtime (`docker`)
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Only events of the container with this name
    #[arg(long, value_name = "NAME")]
    container: Option<String>,
    /// Only events since then: 30s, 5m, 2h, 1d, or 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<i64>,
    /// At most this many, the newest
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
}

fn names<const N: usize>(names: [&'static str; N]) -> PossibleValuesParser {
    PossibleValuesParser::new(names)
}

fn severity(name: String) -> Result<Severity, String> {
    let mut all = Severity::ALL.into_iter();
    all.find(|severity| severity.name() == name)
        .ok_or_else(|| format!("{name:?} is no severity"))
}

/// Unix milliseconds of an RFC 3339 time, or of a period before now.
fn since(text: &str) -> Result<i64, String> {
    if let Ok(period) = text.parse::<Period>() {
        let millis = i64::try_from(period.duration().as_millis()).unwrap_or(i64::MAX);
        return Ok(Timestamp::now().as_millisecond().saturating_sub(millis));
    }
    text.parse::<Timestamp>()
        .map(Timestamp::as_millisecond)
        .map_err(|_| {
            "write how long ago (30s, 5m, 2h, 1d) or a time (2026-01-31T12:00:00Z)".to_owned()
        })
}

impl Events {
    pub(super) fn run(&self, global: &Global) -> anyhow::Result<ExitCode> {
        let client = Client::new(global)?;
        converse(self.show(&client, global.output))
    }

    async fn show(&self, client: &Client, format: Format) -> anyhow::Result<ExitCode> {
        let only_findings = self.findings || self.min_severity.is_some() || self.class.is_some();
        match (only_findings, self.follow) {
            (true, _) => self.show_findings(client, format).await,
            (false, true) => self.follow_events(client, format).await,
            (false, false) => self.show_events(client, format).await,
        }
    }

    async fn show_events(&self, client: &Client, format: Format) -> anyhow::Result<ExitCode> {
        let query = serde_urlencoded::to_string(self.event_filter(format))?;
        let path = format!("/api/v1/events?{query}");
        let events: Vec<EventView> = client.get(&path).await?;
        for event in &events {
            print_event(event, format)?;
        }
        if events.is_empty() && format == Format::Text {
            output::complain("no events");
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn follow_events(&self, client: &Client, format: Format) -> anyhow::Result<ExitCode> {
        let mut filter = self.event_filter(format);
        // The remembered ones come first.
        filter.since_ms.get_or_insert(0);
        let query = serde_urlencoded::to_string(filter)?;
        let path = format!("/api/v1/events/stream?{query}");
        let mut stream = client.stream(&path).await?;
        while let Some(event) = stream.next::<EventView>().await? {
            print_event(&event, format)?;
        }
        ended()
    }

    async fn show_findings(&self, client: &Client, format: Format) -> anyhow::Result<ExitCode> {
        let query = serde_urlencoded::to_string(self.finding_filter())?;
        // Opened before the past is read, so that no finding falls between the two.
        let stream = match self.follow {
            true => {
                let path = format!("/api/v1/findings/stream?{query}");
                Some(client.stream(&path).await?)
            }
            false => None,
        };
        let path = format!("/api/v1/findings?{query}");
        let mut past: Vec<FindingView> = client.get(&path).await?;
        past.sort_by_key(|finding| (finding.time_ms, finding.sequence));
        let nothing = past.is_empty();
        let mut shown = BTreeSet::new();
        for finding in past {
            shown.insert(finding.id.clone());
            print_finding(finding, format)?;
        }
        let Some(mut stream) = stream else {
            if nothing && format == Format::Text {
                output::complain("no findings");
            }
            return Ok(ExitCode::SUCCESS);
        };
        while let Some(finding) = stream.next::<FindingView>().await? {
            if !shown.remove(&finding.id) {
                print_finding(finding, format)?;
            }
        }
        ended()
    }

    fn event_filter(&self, format: Format) -> EventFilter {
        EventFilter {
            family: self.family.clone(),
            namespace: self.namespace.clone(),
            container: self.container.clone(),
            since_ms: self.since,
            limit: self.limit,
            without_learned_sequences: matches!(format, Format::Text) && self.family.is_none(),
        }
    }

    fn finding_filter(&self) -> FindingFilter {
        FindingFilter {
            min_severity: self.min_severity,
            class: self.class.clone(),
            namespace: self.namespace.clone(),
            container: self.container.clone(),
            since_ms: self.since,
            limit: self.limit,
            ..FindingFilter::default()
        }
    }
}

fn ended() -> anyhow::Result<ExitCode> {
    bail!("the agent ended the stream; is it still running?")
}

fn print_event(event: &EventView, format: Format) -> anyhow::Result<()> {
    match format {
        Format::Json => output::json_line(event),
        Format::Text => output::text(&line::event(event)),
    }
}

fn print_finding(finding: FindingView, format: Format) -> anyhow::Result<()> {
    match format {
        Format::Json => output::json_line(&EventView::Finding(Box::new(finding))),
        Format::Text => output::text(&block(&finding)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn since_takes_times_and_periods() {
        assert_eq!(since("2023-11-14T22:13:20Z"), Ok(1_700_000_000_000));
        let hour = since("1h").unwrap();
        let now = Timestamp::now().as_millisecond();
        assert!((now - 3_600_000 - hour).abs() < 60_000);
        assert!(since("yesterday").unwrap_err().contains("30s"));
        since("213503982334d").unwrap();
    }

    #[test]
    fn every_severity_can_be_asked_for() {
        for expected in Severity::ALL {
            assert_eq!(severity(expected.name().to_owned()), Ok(expected));
        }
    }
}
