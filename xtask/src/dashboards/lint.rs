//! The rules of Grafana's dashboard linter that matter here (grafana/dashboard-linter, docs/index.md). That PromQL parses is
//! shown by the end-to-end tests, which ask a Prometheus.

#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use serde_json::Value;

/// What the linter would find.
pub fn problems(dashboard: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let mut rule = |holds: bool, name: &str, place: &str| {
        if !holds {
            problems.push(format!("{name}: {place}"));
        }
    };
    rule(dashboard["editable"] == false, "uneditable-dashboard", "");
    rule(
        dashboard["uid"].as_str().is_some_and(|uid| uid.len() <= 40),
        "uid",
        "",
    );
    for variable in list(&dashboard["templating"]["list"]) {
        let name = text(&variable["name"]);
        if variable["type"] == "query" {
            rule(
                variable["refresh"] == 2,
                "template-on-time-change-reload-rule",
                name,
            );
            rule(
                variable["allValue"] == ".+" && variable["multi"] == true,
                "template-instance-rule",
                name,
            );
            rule(
                variable["datasource"]["uid"] == "${datasource}",
                "template-datasource-rule",
                name,
            );
        }
    }
    for panel in list(&dashboard["panels"]) {
        if panel["type"] == "row" {
            continue;
        }
        let title = text(&panel["title"]);
        rule(
            !title.is_empty() && text(&panel["description"]).ends_with('.'),
            "panel-title-description-rule",
            title,
        );
        rule(
            panel["fieldConfig"]["defaults"]["unit"].is_string(),
            "panel-units-rule",
            title,
        );
        let targets = list(&panel["targets"]);
        rule(!targets.is_empty(), "panel-no-targets-rule", title);
        if panel["type"] == "logs" {
            continue;
        }
        for target in targets {
            let query = text(&target["expr"]);
            rule(
                selectors(query).all(|it| it.starts_with(super::AGENTS)),
                "target-job-rule, target-instance-rule",
                query,
            );
            rule(
                query.matches("rate(").count() + query.matches("increase(").count()
                    == query.matches("[$__rate_interval]").count(),
                "target-rate-interval-rule",
                query,
            );
            rule(
                query.matches("_total{").count()
                    == query.matches("rate(").count() + query.matches("increase(").count()
                        - query.matches("_bucket{").count()
                    && !query.contains("_total{}"),
                "target-counter-agg-rule",
                query,
            );
            rule(
                query.matches('(').count() == query.matches(')').count(),
                "target-promql-rule",
                query,
            );
        }
    }
    problems
}

/// What stands in the braces of a query.
fn selectors(query: &str) -> impl Iterator<Item = &str> {
    let parts = query.split('{').skip(1);
    parts.filter_map(|part| part.split_once('}').map(|(selector, _)| selector))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn breaches_are_found() {
        let panel = |query: &str| {
            json!({ "editable": false, "uid": "x", "templating": { "list": [] }, "panels": [{
                "type": "timeseries", "title": "T", "description": "D.",
                "fieldConfig": { "defaults": { "unit": "s" } },
                "targets": [{ "expr": query }],
            }] })
        };
        let good = format!(
            "rate(a_total{{{}}}[$__rate_interval])",
            super::super::AGENTS
        );
        assert_eq!(problems(&panel(&good)), Vec::<String>::new());
        for bad in [
            "up{job=\"x\"}".to_owned(),
            good.replace("$__rate_interval", "5m"),
            good.replace("rate(", "sum("),
            good.replace("])", "]"),
        ] {
            assert!(!problems(&panel(&bad)).is_empty(), "{bad}");
        }
        assert!(!problems(&json!({ "editable": true })).is_empty());
    }
}
