//! `picket baseline list` and `picket baseline show`.

use std::fmt::Write;

use crate::cli::client::{Client, converse};
use crate::cli::table::Table;
use crate::cli::{Format, Global, output};
use crate::detect::novelty::amount;
use crate::export::text::{duration, printable, time};
use crate::export::view::{BaselineView, DecisionView, FactView};

pub(super) fn list(global: &Global) -> anyhow::Result<()> {
    let client = Client::new(global)?;
    let baselines: Vec<BaselineView> =
        converse(async { Ok(client.get("/api/v1/baselines").await?) })?;
    match global.output {
        Format::Json => output::json(&baselines),
        Format::Text => output::text(&listed(&baselines)),
    }
}

pub(super) fn show(global: &Global, id: &str) -> anyhow::Result<()> {
    let client = Client::new(global)?;
    let path = format!("/api/v1/baselines/{id}");
    let baseline: BaselineView = converse(async { Ok(client.get(&path).await?) })?;
    match global.output {
        Format::Json => output::json(&baseline),
        Format::Text => output::text(&shown(&baseline)),
    }
}

fn listed(baselines: &[BaselineView]) -> String {
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

fn shown(baseline: &BaselineView) -> String {
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
    let decided = |what: &str, word: &DecisionView| {
        let when = time(word.at_s.saturating_mul(1_000));
        let why = match word.reason.as_str() {
            "" => String::new(),
            reason => format!(": {reason}"),
        };
        printable(&format!("{what} {when} by {}{why}", word.by)) + "\n"
    };
    if let Some(word) = &baseline.frozen {
        text += &decided("frozen", word);
    }
    if let Some(word) = &baseline.reset {
        text += &decided("reset", word);
    }
    let mut families = Table::new([
        "PHASE",
        "FAMILY",
        "STATE",
        "FACTS",
        "NEW A MONTH",
        "STILL WAITS FOR",
    ]);
    for family in &baseline.families {
        families.row([
            family.phase.clone(),
            family.family.clone(),
            family.state.clone(),
            family.facts.to_string(),
            amount(family.expected_per_month),
            family.reason.clone(),
        ]);
    }
    append(&mut text, "families", &families);
    append(&mut text, "learned", &facts(&baseline.facts));
    let suspect = baseline.facts.iter();
    let suspect = suspect.filter(|fact| !fact.danger.is_empty() && fact.approved.is_none());
    append(
        &mut text,
        "learned although dangerous; confirm with `picket baseline approve`",
        &facts(suspect),
    );
    append(&mut text, "waits for approval", &facts(&baseline.pending));
    append(
        &mut text,
        "known from the image before, not seen of this one yet",
        &facts(&baseline.inherited),
    );
    append(
        &mut text,
        "never learnable, by how many lives it was contacted at their start",
        &facts(&baseline.starts),
    );
    text
}

fn append<const COLUMNS: usize>(text: &mut String, title: &str, table: &Table<COLUMNS>) {
    if !table.is_empty() {
        let _ = write!(text, "\n{title}:\n{}", table.to_text());
    }
}

fn facts<'a>(facts: impl IntoIterator<Item = &'a FactView>) -> Table<8> {
    let mut table = Table::new([
        "ID",
        "PHASE",
        "FAMILY",
        "ORIGIN",
        "COUNT",
        "LAST SEEN",
        "VALUE",
        "NOTE",
    ]);
    for fact in facts {
        table.row([
            fact.id.clone(),
            fact.phase.clone(),
            fact.family.clone(),
            fact.origin.clone(),
            fact.count.to_string(),
            time(fact.last_s.saturating_mul(1_000)),
            fact.value.clone(),
            note(fact),
        ]);
    }
    table
}

/// What sets a fact apart from what was simply seen.
fn note(fact: &FactView) -> String {
    match &fact.approved {
        Some(word) if word.reason.is_empty() => format!("approved by {}", word.by),
        Some(word) => format!("approved by {}: {}", word.by, word.reason),
        None => fact.danger.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            starts: vec![fact("tcp 169.254.169.254:80 by python3")],
            ..BaselineView::default()
        };
        assert_eq!(listed(&[]), "there is no baseline yet\n");
        assert_eq!(listed(std::slice::from_ref(&baseline)).lines().count(), 2);
        let text = shown(&baseline);
        assert!(text.starts_with("active ab of "), "{text}");
        assert!(text.contains("from 1 h 6 min observed"), "{text}");
        let learned = text.find("tcp 10.0.0.7:443");
        let pending = text.find("waits for approval:");
        assert!(
            learned < pending && pending < text.find("tcp 10.0.0.8:443"),
            "{text}"
        );
        let starts = text.find("at their start:");
        assert!(
            starts.is_some() && starts < text.find("169.254.169.254:80 by python3"),
            "{text}"
        );
        assert!(!text.contains("families:"), "{text}");
    }
}
