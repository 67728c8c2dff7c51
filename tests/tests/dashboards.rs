//! A real Prometheus scrapes the real agent through learning, attacks and a restart of the agent: every panel of every
//! dashboard then has something to show.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use picket_tests::dashboards::{logs, queries, variables};
use picket_tests::monitoring::{Series, Story, obstacle, unix_seconds};
use picket_tests::suite::{Fixture, Suite};
use picket_tests::tools::{find, succeed};
use serde_json::Value;

fn main() -> ExitCode {
    Suite::<Shown>::default()
        .test_unless("every_panel_has_data", obstacle(), panels)
        .test_unless("every_variable_has_values", obstacle(), chosen)
        .test_unless(
            "the_panel_of_logs_finds_the_findings",
            obstacle(),
            log_panel,
        )
        .test_unless("exemplars_lead_to_the_findings", obstacle(), exemplars)
        .test_unless(
            "promtool_finds_nothing_wrong_with_the_metrics",
            obstacle(),
            lint,
        )
        .run()
}

/// The story, told once.
struct Shown(Story);

impl Fixture for Shown {
    fn create() -> Result<Self> {
        Story::tell(1, 0).map(Self)
    }

    fn evidence(&self) -> String {
        let Story {
            scene, prometheus, ..
        } = &self.0;
        format!("{}\n{}", prometheus.evidence(), scene.home.evidence())
    }
}

fn panels(shown: &mut Shown) -> Result<()> {
    let Story {
        prometheus, begin, ..
    } = &shown.0;
    let now = unix_seconds();
    let mut empty = Vec::new();
    let all = queries()?;
    for query in &all {
        let series = if query.instant {
            prometheus.query(&query.text)
        } else {
            prometheus.range(&query.text, *begin, now, 2.0)
        };
        let series = series.with_context(|| query.place.clone())?;
        let has_data = |it: &Series| it.samples.iter().any(|(_, value)| value.is_finite());
        if !series.iter().any(has_data) {
            empty.push(format!("{}: {}", query.place, query.text));
        }
    }
    ensure!(empty.is_empty(), "without data:\n{}", empty.join("\n"));
    println!("{} queries have data", all.len());
    Ok(())
}

fn chosen(shown: &mut Shown) -> Result<()> {
    for variable in variables()? {
        let path = format!("label/{}/values", variable.label);
        let values = shown
            .0
            .prometheus
            .api(&path, &[("match[]", &variable.series)])?;
        let values = values.as_array().map(Vec::len).unwrap_or_default();
        ensure!(values > 0, "{} has no values", variable.place);
    }
    Ok(())
}

/// There is no Loki here, but in the test `logs`: what its query takes out of a line must be in a line that a live agent
/// wrote.
fn log_panel(shown: &mut Shown) -> Result<()> {
    let findings = shown.0.scene.home.findings();
    let finding = findings.first().context("no finding")?;
    let name = shown.0.scene.name()?;
    for query in logs(&[])? {
        let (_, fields) = query.text.split_once("| json ").context("no fields")?;
        let (fields, rest) = fields.split_once(" | ").context("no filter")?;
        for field in fields.split(", ") {
            let (label, path) = field.split_once('=').context("no path")?;
            let path = path.trim_matches('"').replace('[', ".").replace(']', "");
            let pointer = format!("/{}", path.replace('.', "/"));
            let value = finding.pointer(&pointer).unwrap_or(&Value::Null);
            ensure!(!value.is_null(), "{}: a line has no {path}", query.place);
            let known = match label.trim() {
                "finding_class" => *value == 2004,
                "finding_namespace" => *value == "docker",
                "finding_pod" | "finding_container" => *value == name.as_str(),
                _ => true,
            };
            ensure!(known, "{}: {label} is {value}", query.place);
        }
        ensure!(rest.contains("class=\"2004\""), "{}: {rest}", query.place);
    }
    Ok(())
}

fn exemplars(shown: &mut Shown) -> Result<()> {
    let Story {
        scene,
        prometheus,
        begin,
    } = &shown.0;
    let (from, to) = (begin.to_string(), unix_seconds().to_string());
    let parameters = [
        ("query", "picket_anomalies_total"),
        ("start", &*from),
        ("end", &to),
    ];
    let data = prometheus.api("query_exemplars", &parameters)?;
    let ids: Vec<&str> = data
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
        .flat_map(|series| series["exemplars"].as_array().into_iter().flatten())
        .filter_map(|exemplar| exemplar["labels"]["event_id"].as_str())
        .collect();
    for class in ["process", "network", "model"] {
        let findings = scene.home.findings();
        let mut of_it = findings
            .iter()
            .filter(|it| it["finding_info"]["types"][0] == class)
            .filter_map(|it| it["finding_info"]["uid"].as_str());
        ensure!(of_it.any(|id| ids.contains(&id)), "{class}: {data:#}");
    }
    Ok(())
}

/// It reads the older text format alone.
fn lint(shown: &mut Shown) -> Result<()> {
    let promtool = find("promtool").context("promtool is gone")?;
    let scrape = shown.0.scene.agent()?.scrape()?;
    ensure!(scrape.contains("picket_last_anomaly_info{"), "{scrape}");
    let told = succeed(&promtool, &["check", "metrics"], &scrape)?;
    ensure!(told.trim().is_empty(), "{told}");
    Ok(())
}
