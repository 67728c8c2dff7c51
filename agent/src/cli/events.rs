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
use crate::export::text::block;
use crate::export::view::finding::{FindingFilter, FindingView};

/// Show findings, oldest first
#[derive(Args)]
#[command(after_help = "With -o json each finding is one line.\n\n\
                        Exit codes: 0 shown, 1 the agent is not running or ended while it was followed, \
                        2 wrong command line or configuration")]
pub(super) struct Events {
    /// Go on with new findings as they come
    #[arg(short, long)]
    follow: bool,
    /// Only findings at least this severe
    #[arg(long, value_name = "SEVERITY", value_parser = names(Severity::ALL.map(Severity::name)).try_map(severity))]
    min_severity: Option<Severity>,
    /// Only findings of this class
    #[arg(long, value_name = "CLASS", value_parser = names(Class::ALL.map(Class::name)))]
    class: Option<String>,
    /// Only findings in this Kubernetes namespace, or of this runtime (`docker`)
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Only findings of the container with this name
    #[arg(long, value_name = "NAME")]
    container: Option<String>,
    /// Only findings since then: 30s, 5m, 2h, 1d, or 2026-01-31T12:00:00Z
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
        let query = serde_urlencoded::to_string(self.filter())?;
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
        for finding in &past {
            print(finding, format)?;
        }
        let Some(mut stream) = stream else {
            if past.is_empty() && format == Format::Text {
                output::complain("no findings");
            }
            return Ok(ExitCode::SUCCESS);
        };
        let mut shown: BTreeSet<String> = past.into_iter().map(|finding| finding.id).collect();
        while let Some(finding) = stream.next::<FindingView>().await? {
            if !shown.remove(&finding.id) {
                print(&finding, format)?;
            }
        }
        bail!("the agent ended the stream; is it still running?")
    }

    fn filter(&self) -> FindingFilter {
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

fn print(finding: &FindingView, format: Format) -> anyhow::Result<()> {
    match format {
        Format::Json => output::json_line(finding),
        Format::Text => output::text(&block(finding)),
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
