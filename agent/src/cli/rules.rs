//! `picket rules export`: the alert rules that belong to this version's metrics.

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::{Format, Global, output};

/// The rules as Prometheus reads them. Text, so that comments and layout survive.
const RULES: &str = include_str!("../../../deploy/prometheus/picket-rules.yaml");

/// Where the rules look for the runbooks when nobody says otherwise: their place in the source tree.
const RUNBOOKS: &str = "runbook_url: docs/runbooks/";

/// The dashboards' path below Grafana's address.
const DASHBOARDS: &str = "dashboard_url: d/";

/// Alert rules that belong to this version's metrics
#[derive(Subcommand)]
pub(super) enum RulesVerb {
    /// Print the alert rules for Prometheus, or for its operator
    Export(Export),
}

#[derive(Args)]
pub(super) struct Export {
    /// Form of the rules
    #[arg(long, value_enum, default_value_t = Form::Prometheus)]
    form: Form,
    /// Address before the runbooks' names, for example https://wiki.example/picket
    #[arg(long, value_name = "URL")]
    runbooks: Option<String>,
    /// Grafana's address, for the links to dashboards
    #[arg(long, value_name = "URL")]
    grafana: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A rule file of Prometheus
    Prometheus,
    /// A PrometheusRule, the resource of the Prometheus operator
    PrometheusRule,
}

impl RulesVerb {
    pub(super) fn run(&self, global: &Global) -> anyhow::Result<ExitCode> {
        let Self::Export(export) = self;
        let rules = export.rules();
        match global.output {
            Format::Text => output::text(&rules)?,
            Format::Json => output::json(&json!({ "rules": rules }))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Export {
    fn rules(&self) -> String {
        let mut rules = RULES.to_owned();
        for (address, place) in [(&self.runbooks, RUNBOOKS), (&self.grafana, DASHBOARDS)] {
            if let (Some(address), Some((key, path))) = (address, place.split_once(' ')) {
                let path = path.strip_prefix("docs/runbooks/").unwrap_or(path);
                let address = address.trim_end_matches('/');
                rules = rules.replace(place, &format!("{key} {address}/{path}"));
            }
        }
        match self.form {
            Form::Prometheus => rules,
            Form::PrometheusRule => prometheus_rule(&rules),
        }
    }
}

/// The rules as the `spec` of a PrometheusRule.
fn prometheus_rule(rules: &str) -> String {
    let mut text = "# Made by `picket rules export --form prometheus-rule`.\n\
                    apiVersion: monitoring.coreos.com/v1\n\
                    kind: PrometheusRule\n\
                    metadata:\n  name: picket\n  labels:\n    app.kubernetes.io/name: picket\n\
                    spec:\n"
        .to_owned();
    for line in rules.lines() {
        if !line.is_empty() {
            text.push_str("  ");
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use std::collections::BTreeSet;
    use std::path::Path;

    use serde_json::Value;

    use super::*;

    const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

    fn export(form: Form) -> Export {
        Export {
            form,
            runbooks: None,
            grafana: None,
        }
    }

    fn alerts(groups: &Value) -> Vec<Value> {
        let groups = groups.as_array().unwrap();
        let rules = groups.iter().flat_map(|group| group["rules"].as_array());
        rules.flatten().cloned().collect()
    }

    fn parse(text: &str) -> Value {
        serde_saphyr::from_str(text).unwrap()
    }

    #[test]
    fn both_forms_hold_the_same_rules() {
        let plain = parse(&export(Form::Prometheus).rules());
        let resource = parse(&export(Form::PrometheusRule).rules());
        assert_eq!(resource["kind"], "PrometheusRule");
        assert_eq!(resource["spec"]["groups"], plain["groups"]);
        assert!(alerts(&plain["groups"]).len() > 15);
    }

    #[test]
    fn the_resource_to_deploy_is_the_one_that_is_exported() {
        let path = Path::new(SOURCE).join("deploy/kubernetes/monitoring/prometheusrule.yaml");
        let deployed = std::fs::read_to_string(path).unwrap();
        assert_eq!(deployed, export(Form::PrometheusRule).rules());
    }

    #[test]
    fn every_alert_has_what_a_reader_needs_and_a_runbook() {
        let runbooks = Path::new(SOURCE).join("docs/runbooks");
        let mut used = BTreeSet::new();
        for alert in alerts(&parse(RULES)["groups"]) {
            let name = alert["alert"].as_str().unwrap();
            let severity = alert["labels"]["severity"].as_str().unwrap();
            assert!(
                ["critical", "warning", "info"].contains(&severity),
                "{name}"
            );
            let annotations = &alert["annotations"];
            let summary = annotations["summary"].as_str().unwrap();
            assert!(summary.ends_with('.') && !summary.contains("{{"), "{name}");
            assert!(annotations["description"].is_string(), "{name}");
            let runbook = annotations["runbook_url"].as_str().unwrap();
            let file = Path::new(SOURCE).join(runbook);
            let text = std::fs::read_to_string(&file).unwrap();
            for part in [
                "What it means",
                "What to check first",
                "How to silence or approve it",
            ] {
                assert!(
                    text.contains(&format!("\n## {part}\n")),
                    "{runbook}: {part}"
                );
            }
            used.insert(file.file_name().unwrap().to_owned());
        }
        let pages = std::fs::read_dir(runbooks).unwrap();
        for page in pages {
            let page = page.unwrap().file_name();
            assert!(
                page == "README.md" || used.contains(&page),
                "{page:?} belongs to no alert"
            );
        }
    }

    #[test]
    fn links_lead_where_the_operator_says() {
        let export = Export {
            form: Form::Prometheus,
            runbooks: Some("https://wiki.example/picket/".to_owned()),
            grafana: Some("https://grafana.example".to_owned()),
        };
        let rules = export.rules();
        assert!(rules.contains("runbook_url: https://wiki.example/picket/PicketAgentDown.md\n"));
        assert!(rules.contains("dashboard_url: https://grafana.example/d/picket-workload?"));
        assert!(!rules.contains(RUNBOOKS) && !rules.contains(DASHBOARDS));
    }
}
