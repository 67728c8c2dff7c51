//! `cargo xtask dashboards`: Grafana's dashboards in `deploy/grafana`, written from the short descriptions here.
//!
//! Classic JSON of schema 39 (Grafana 10.4), which later servers migrate. A test holds the files to these descriptions and
//! to the rules of Grafana's dashboard linter.

mod draw;
mod health;
#[cfg(test)]
mod lint;
mod overview;
mod panel;
mod workload;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};

pub use draw::{draw, story};
use panel::{DATASOURCE, Panel};

/// Filters of every query: the agents that the dashboard's reader has chosen.
const AGENTS: &str = r#"job=~"$job",instance=~"$instance""#;

/// A dashboard.
struct Dashboard {
    uid: &'static str,
    title: &'static str,
    /// Variables beside the data source, the job and the instance: a name, and the query of its values.
    variables: Vec<(&'static str, String)>,
    rows: Vec<Row>,
}

/// Panels under a headline.
struct Row {
    title: &'static str,
    panels: Vec<Panel>,
}

/// Writes the dashboards.
///
/// # Errors
/// When they cannot be written.
pub fn write() -> Result<()> {
    fs::create_dir_all(folder())?;
    for dashboard in all() {
        let path = folder().join(format!("{}.json", dashboard.uid));
        fs::write(&path, dashboard.text()?)
            .with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}

fn all() -> [Dashboard; 3] {
    [
        overview::dashboard(),
        workload::dashboard(),
        health::dashboard(),
    ]
}

fn folder() -> PathBuf {
    ebpf_build::workspace_root().join("deploy/grafana")
}

impl Dashboard {
    fn text(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(&self.json())? + "\n")
    }

    fn json(&self) -> Value {
        json!({
            "uid": self.uid,
            "title": self.title,
            "tags": ["picket", "security"],
            "editable": false,
            "schemaVersion": 39,
            "version": 1,
            "graphTooltip": 1,
            "timezone": "utc",
            "refresh": "30s",
            "time": { "from": "now-6h", "to": "now" },
            "timepicker": {},
            "links": [{
                "type": "dashboards",
                "title": "Picket",
                "tags": ["picket"],
                "asDropdown": false,
                "includeVars": true,
                "keepTime": true,
                "targetBlank": false,
                "icon": "external link",
                "tooltip": "",
                "url": "",
            }],
            "annotations": { "list": [{
                "name": "Alerts",
                "datasource": DATASOURCE.json(),
                "enable": true,
                "expr": r#"ALERTS{alertname=~"Picket.*",alertstate="firing"}"#,
                "iconColor": "red",
                "titleFormat": "{{alertname}}",
                "textFormat": "{{namespace}}/{{pod}}",
            }] },
            "templating": { "list": self.variables() },
            "panels": self.panels(),
        })
    }

    fn variables(&self) -> Vec<Value> {
        let mut sources = vec![panel::DATASOURCE];
        let has_logs = self.rows.iter().flat_map(|row| &row.panels);
        if has_logs.into_iter().any(Panel::is_of_logs) {
            sources.push(panel::LOGS);
        }
        let query = |name: &str, query: &str| {
            json!({
                "type": "query",
                "name": name,
                "label": name,
                "datasource": DATASOURCE.json(),
                "query": { "query": query, "refId": name },
                "definition": query,
                "refresh": 2,
                "multi": true,
                "includeAll": true,
                "allValue": ".+",
                "sort": 1,
                "current": { "selected": true, "text": ["All"], "value": ["$__all"] },
                "hide": 0,
                "options": [],
                "regex": "",
                "skipUrlSync": false,
            })
        };
        let fixed = [
            query("job", "label_values(picket_build_info, job)"),
            query(
                "instance",
                r#"label_values(picket_build_info{job=~"$job"}, instance)"#,
            ),
        ];
        let own = self.variables.iter().map(|(name, text)| query(name, text));
        let sources = sources.iter().map(panel::Source::variable);
        sources.chain(fixed).chain(own).collect()
    }

    /// The panels from left to right and from top to bottom.
    fn panels(&self) -> Vec<Value> {
        let mut panels = Vec::new();
        let mut y = 0;
        for Row { title, panels: row } in &self.rows {
            panels.push(json!({
                "id": panels.len() + 1,
                "type": "row",
                "title": title,
                "collapsed": false,
                "gridPos": { "h": 1, "w": panel::FULL, "x": 0, "y": y },
                "panels": [],
            }));
            y += 1;
            let (mut x, mut height) = (0, 0);
            for panel in row {
                if x + panel.width > panel::FULL {
                    y += height;
                    (x, height) = (0, 0);
                }
                panels.push(panel.json(panels.len() + 1, x, y));
                x += panel.width;
                height = height.max(panel.height);
            }
            y += height;
        }
        panels
    }
}

/// Anomalies reported, by class and by severity: `rise` is the increase of the counters in question.
fn anomalies(rise: &str) -> [Panel; 2] {
    [
        panel::lines(
            "Anomalies by class",
            "Anomalies reported, by what kind of behaviour they are about.",
            "short",
            vec![(format!("sum by (class) ({rise})"), "{{class}}")],
        ),
        panel::lines(
            "Anomalies by severity",
            "Anomalies reported, by severity.",
            "short",
            vec![(format!("sum by (severity) ({rise})"), "{{severity}}")],
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_what_is_described_here() -> Result<()> {
        for dashboard in all() {
            let path = folder().join(format!("{}.json", dashboard.uid));
            let file = fs::read_to_string(&path).unwrap_or_default();
            assert!(
                file == dashboard.text()?,
                "{} is out of date: run `cargo xtask dashboards`",
                path.display()
            );
        }
        Ok(())
    }

    #[test]
    fn the_dashboards_keep_the_rules_of_the_linter() {
        for dashboard in all() {
            let problems = lint::problems(&dashboard.json());
            assert!(problems.is_empty(), "{}: {problems:#?}", dashboard.title);
        }
    }
}
