//! The queries of Grafana's dashboards in `deploy/`.

use std::fs;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::tools::workspace;

/// A panel's query of Prometheus.
pub struct Query {
    /// Dashboard and panel.
    pub place: String,
    /// The query, with everything chosen that the reader can choose.
    pub text: String,
}

/// The queries of all panels that show metrics.
///
/// # Errors
/// When a dashboard cannot be read.
pub fn queries() -> Result<Vec<Query>> {
    let mut queries = Vec::new();
    for file in fs::read_dir(workspace().join("deploy/grafana"))? {
        let dashboard: Value = serde_json::from_str(&fs::read_to_string(file?.path())?)?;
        let list = |value: &Value, name: &str| {
            let list = value.get(name).and_then(Value::as_array);
            list.cloned().unwrap_or_default()
        };
        let text = |value: &Value, name: &str| {
            let text = value.get(name).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        for panel in list(&dashboard, "panels") {
            if text(&panel, "type") == "logs" {
                continue;
            }
            for target in list(&panel, "targets") {
                queries.push(Query {
                    place: format!("{}: {}", text(&dashboard, "title"), text(&panel, "title")),
                    text: everything(&text(&target, "expr")),
                });
            }
        }
    }
    ensure!(!queries.is_empty(), "there are no dashboards");
    Ok(queries)
}

fn everything(query: &str) -> String {
    let query = query.replace("$__rate_interval", "2m");
    let variables = [
        "job",
        "instance",
        "namespace",
        "workload",
        "pod",
        "container",
    ];
    variables.iter().fold(query, |query, name| {
        query.replace(&format!("\"${name}\""), "\".+\"")
    })
}
