//! Grafana's dashboards in `deploy/`, as far as their data goes.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::tools::workspace;

/// A panel's query.
pub struct Query {
    /// Dashboard and panel.
    pub place: String,
    /// The query, with everything chosen that the reader can choose.
    pub text: String,
    /// Whether it asks for one moment, and not for a stretch of time.
    pub instant: bool,
}

/// A variable whose values come from Prometheus.
pub struct Variable {
    /// Dashboard and variable.
    pub place: String,
    /// The series whose labels it lists.
    pub series: String,
    /// The label.
    pub label: String,
}

/// The queries of all panels that show metrics.
///
/// # Errors
/// When a dashboard cannot be read.
pub fn queries() -> Result<Vec<Query>> {
    panels(|kind| kind != "logs", &[])
}

/// The queries of Loki, with these values of variables chosen, which are regular expressions.
///
/// # Errors
/// When a dashboard cannot be read.
pub fn logs(chosen: &[(&str, &str)]) -> Result<Vec<Query>> {
    panels(|kind| kind == "logs", chosen)
}

/// The variables.
///
/// # Errors
/// When a dashboard cannot be read, or has a variable of an unknown form.
pub fn variables() -> Result<Vec<Variable>> {
    let mut variables = Vec::new();
    for dashboard in dashboards()? {
        let queried = list(&dashboard["templating"]["list"])
            .iter()
            .filter(|it| it["type"] == "query");
        for variable in queried {
            let place = format!("{}: {}", text(&dashboard["title"]), text(&variable["name"]));
            let definition = everything(text(&variable["definition"]));
            let inside = definition.strip_prefix("label_values(");
            let (series, label) = inside
                .and_then(|inside| inside.strip_suffix(')')?.rsplit_once(", "))
                .with_context(|| format!("{place}: {definition}"))?;
            variables.push(Variable {
                place,
                series: series.to_owned(),
                label: label.to_owned(),
            });
        }
    }
    Ok(variables)
}

fn panels(is_wanted: impl Fn(&str) -> bool, chosen: &[(&str, &str)]) -> Result<Vec<Query>> {
    let mut queries = Vec::new();
    for dashboard in dashboards()? {
        let panels = list(&dashboard["panels"]).iter();
        for panel in panels.filter(|panel| is_wanted(text(&panel["type"]))) {
            let place = format!("{}: {}", text(&dashboard["title"]), text(&panel["title"]));
            queries.extend(list(&panel["targets"]).iter().map(|target| Query {
                place: place.clone(),
                text: everything(&choose(text(&target["expr"]), chosen)),
                instant: target["instant"] == true,
            }));
        }
    }
    ensure!(!queries.is_empty(), "there are no such panels");
    Ok(queries)
}

fn dashboards() -> Result<Vec<Value>> {
    let files = fs::read_dir(workspace().join("deploy/grafana"))?;
    let dashboards = files.map(|file| {
        let text = fs::read_to_string(file?.path())?;
        Ok(serde_json::from_str(&text)?)
    });
    dashboards.collect()
}

fn choose(query: &str, chosen: &[(&str, &str)]) -> String {
    chosen
        .iter()
        .fold(query.to_owned(), |query, (name, value)| {
            query.replace(&format!("\"${name}\""), &format!("\"{value}\""))
        })
}

/// The query with all that is not chosen yet.
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

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
