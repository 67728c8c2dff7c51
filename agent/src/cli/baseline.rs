//! `picket baseline list|show`.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Subcommand;

use super::client::{Client, converse};
use super::table::Table;
use super::{Format, Global, output};
use crate::export::text::{duration, printable, time};
use crate::export::view::{BaselineView, FactView};

/// Look at what was learned
#[derive(Subcommand)]
#[command(
    after_help = "Exit codes: 0 shown, 1 no such baseline or the agent is not running, \
                        2 wrong command line or configuration"
)]
pub(super) enum Baseline {
    /// List the baselines
    List,
    /// Show one baseline with everything it holds
    Show {
        /// Id of the baseline, as `picket baseline list` shows it
        #[arg(value_parser = id)]
        id: String,
    },
}

impl Baseline {
    pub(super) fn run(&self, global: &Global) -> anyhow::Result<ExitCode> {
        let client = Client::new(global)?;
        match self {
            Self::List => {
                let baselines: Vec<BaselineView> =
                    converse(async { Ok(client.get("/api/v1/baselines").await?) })?;
                match global.output {
                    Format::Json => output::json(&baselines)?,
                    Format::Text => output::text(&list(&baselines))?,
                }
            }
            Self::Show { id } => {
                let path = format!("/api/v1/baselines/{id}");
                let baseline: BaselineView = converse(async { Ok(client.get(&path).await?) })?;
                match global.output {
                    Format::Json => output::json(&baseline)?,
                    Format::Text => output::text(&show(&baseline))?,
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The id becomes part of a URL's path.
fn id(text: &str) -> Result<String, String> {
    match !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err("an id consists of hexadecimal digits".to_owned()),
    }
}

fn list(baselines: &[BaselineView]) -> String {
    let mut table = Table::new([
        "ID",
        "NAMESPACE",
        "WORKLOAD",
        "CONTAINER",
        "STATE",
        "VERSION",
        "OBSERVED",
        "REQUESTS",
        "REPLICAS",
        "DIGEST",
    ]);
    for baseline in baselines {
        table.row([
            baseline.id.clone(),
            baseline.namespace.clone(),
            baseline.workload.clone(),
            baseline.container.clone(),
            baseline.state.clone(),
            baseline.version.to_string(),
            duration(baseline.container_seconds),
            baseline.requests.to_string(),
            baseline.replicas.to_string(),
            baseline.image_digest.chars().take(19).collect(),
        ]);
    }
    match table.is_empty() {
        true => "there is no baseline yet\n".to_owned(),
        false => table.to_text(),
    }
}

fn show(baseline: &BaselineView) -> String {
    let identity = format!(
        "{} {} of {}/{}/{}, version {}",
        baseline.state,
        baseline.id,
        baseline.namespace,
        baseline.workload,
        baseline.container,
        baseline.version
    );
    let exposure = format!(
        "learned since {} from {} observed, {} requests, {} windows, {} replicas; {} events lost",
        time(baseline.created_s.saturating_mul(1_000)),
        duration(baseline.container_seconds),
        baseline.requests,
        baseline.windows,
        baseline.replicas,
        baseline.events_lost
    );
    let mut text = format!(
        "{}\nimage {}\n{exposure}\n",
        printable(&identity),
        printable(&baseline.image_digest)
    );
    let mut families = Table::new(["PHASE", "FAMILY", "STATE", "FACTS", "STILL WAITS FOR"]);
    for family in &baseline.families {
        families.row([
            family.phase.clone(),
            family.family.clone(),
            family.state.clone(),
            family.facts.to_string(),
            family.reason.clone(),
        ]);
    }
    append(&mut text, "families", &families);
    append(&mut text, "learned", &facts(&baseline.facts));
    append(&mut text, "waits for approval", &facts(&baseline.pending));
    text
}

fn append<const COLUMNS: usize>(text: &mut String, title: &str, table: &Table<COLUMNS>) {
    if !table.is_empty() {
        let _ = write!(text, "\n{title}:\n{}", table.to_text());
    }
}

fn facts(facts: &[FactView]) -> Table<6> {
    let mut table = Table::new(["PHASE", "FAMILY", "ORIGIN", "COUNT", "LAST SEEN", "VALUE"]);
    for fact in facts {
        table.row([
            fact.phase.clone(),
            fact.family.clone(),
            fact.origin.clone(),
            fact.count.to_string(),
            time(fact.last_s.saturating_mul(1_000)),
            fact.value.clone(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_cannot_leave_their_place_in_the_url() {
        assert_eq!(id("0123456789abcDEF"), Ok("0123456789abcdef".to_owned()));
        for wrong in ["", "../status", "a?b", "a b"] {
            assert!(id(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_baseline_shows_what_it_holds() {
        let fact = |value: &str| FactView {
            phase: "serve".to_owned(),
            family: "endpoint".to_owned(),
            origin: "server".to_owned(),
            value: value.to_owned(),
            count: 3,
            ..FactView::default()
        };
        let baseline = BaselineView {
            id: "ab".to_owned(),
            state: "active".to_owned(),
            container_seconds: 4_000,
            facts: vec![fact("tcp 10.0.0.7:443")],
            pending: vec![fact("tcp 10.0.0.8:443")],
            ..BaselineView::default()
        };
        assert_eq!(list(&[]), "there is no baseline yet\n");
        assert_eq!(list(std::slice::from_ref(&baseline)).lines().count(), 2);
        let text = show(&baseline);
        assert!(text.starts_with("active ab of "), "{text}");
        assert!(text.contains("from 1 h 6 min observed"), "{text}");
        let learned = text.find("tcp 10.0.0.7:443");
        let pending = text.find("waits for approval:");
        assert!(
            learned < pending && pending < text.find("tcp 10.0.0.8:443"),
            "{text}"
        );
        assert!(!text.contains("families:"), "{text}");
    }
}
