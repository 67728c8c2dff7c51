//! Prometheus with the shipped configuration and rules.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::server::Server;
use super::{replace, shipped};
use crate::agent::free_address;
use crate::http;
use crate::metrics::Metrics;
use crate::wait;

/// The address before the runbooks' names in the alerts.
pub const RUNBOOKS: &str = "https://wiki.example/picket";

/// Grafana's address in the alerts.
pub const GRAFANA: &str = "https://grafana.example";

/// A running Prometheus, its data and its configuration.
pub struct Prometheus {
    server: Option<Server>,
    directory: TempDir,
    /// Where it answers.
    pub address: SocketAddr,
}

/// A series of an answer: its labels, and its samples as Unix seconds and values.
pub struct Series {
    /// Labels, as a JSON object.
    pub labels: Value,
    /// Samples.
    pub samples: Vec<(f64, f64)>,
}

impl Prometheus {
    /// Starts one with the shipped configuration, which scrapes `agent` and tells `alertmanager`, and with the shipped
    /// rules; `configuration` and `rules` are what is replaced in them.
    ///
    /// # Errors
    /// When it does not become ready: with what it logged.
    pub fn start(
        agent: SocketAddr,
        alertmanager: SocketAddr,
        configuration: &[(&str, &str)],
        rules: &[(&str, &str)],
    ) -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("picket-prometheus-")
            .tempdir()?;
        let configuration = replace(
            &shipped("prometheus.yaml", configuration)?,
            &[
                ("127.0.0.1:9477", &agent.to_string()),
                ("127.0.0.1:9093", &alertmanager.to_string()),
            ],
        )?;
        fs::write(directory.path().join("prometheus.yaml"), configuration)?;
        // As `picket rules export --runbooks URL --grafana URL` does it.
        let links = [
            (
                "runbook_url: docs/runbooks",
                &*format!("runbook_url: {RUNBOOKS}"),
            ),
            (
                "dashboard_url: d/",
                &*format!("dashboard_url: {GRAFANA}/d/"),
            ),
        ];
        let rules = replace(&shipped("picket-rules.yaml", rules)?, &links)?;
        fs::write(directory.path().join("picket-rules.yaml"), rules)?;
        let mut prometheus = Self {
            server: None,
            directory,
            address: free_address()?,
        };
        prometheus.resume()?;
        Ok(prometheus)
    }

    /// Ends it; what it knows stays.
    pub fn pause(&mut self) {
        self.server = None;
    }

    /// Forgets what it knows, as it would know nothing of what was before a long outage. It must not run.
    ///
    /// # Errors
    /// When the files cannot be removed.
    pub fn forget(&mut self) -> Result<()> {
        ensure!(self.server.is_none(), "Prometheus runs");
        fs::remove_dir_all(self.directory.path().join("data")).context("its data")
    }

    /// Starts it again.
    ///
    /// # Errors
    /// When it does not become ready: with what it logged.
    pub fn resume(&mut self) -> Result<()> {
        let arguments = [
            "--config.file=prometheus.yaml".to_owned(),
            "--storage.tsdb.path=data".to_owned(),
            "--enable-feature=exemplar-storage".to_owned(),
            format!("--web.listen-address={}", self.address),
        ];
        let directory = self.directory.path();
        self.server = Some(Server::start(
            "prometheus",
            &arguments,
            directory,
            self.address,
            "/-/ready",
        )?);
        Ok(())
    }

    /// What it logged, for the message of a failed test.
    #[must_use]
    pub fn evidence(&self) -> String {
        let log = self.server.as_ref().map(Server::log).unwrap_or_default();
        format!("--- Prometheus\n{log}---")
    }

    /// The `data` of its API's answer.
    ///
    /// # Errors
    /// When it does not answer, or with an error.
    pub fn api(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value> {
        let path = format!("/api/v1/{path}?{}", http::parameters(parameters));
        let answer: Value = serde_json::from_str(&http::get(self.address, &path)?)?;
        ensure!(answer["status"] == "success", "{answer}");
        Ok(answer["data"].clone())
    }

    /// What a query yields now.
    ///
    /// # Errors
    /// When it does not answer, or the query is wrong.
    pub fn query(&self, query: &str) -> Result<Vec<Series>> {
        let data = self.api("query", &[("query", query)])?;
        Ok(all_series(&data))
    }

    /// What a query yields from one Unix time to another, every `step` seconds.
    ///
    /// # Errors
    /// When it does not answer, or the query is wrong.
    pub fn range(&self, query: &str, from: f64, to: f64, step: f64) -> Result<Vec<Series>> {
        let [from, to, step] = [from, to, step].map(|number| number.to_string());
        let parameters = [
            ("query", query),
            ("start", &from),
            ("end", &to),
            ("step", &step),
        ];
        Ok(all_series(&self.api("query_range", &parameters)?))
    }

    /// Waits until a query yields something.
    ///
    /// # Errors
    /// When that does not happen within `limit`.
    pub fn await_series(&self, query: &str, limit: Duration) -> Result<Series> {
        wait::until(query, limit, || Ok(self.query(query)?.pop()))
    }

    /// Waits until it has evaluated the rules about anomalies this many times more.
    ///
    /// # Errors
    /// When it stops evaluating.
    pub fn await_evaluations(&self, more: u32) -> Result<()> {
        let count = || -> Result<f64> {
            let metrics = self.metrics()?;
            let all = metrics.select("prometheus_rule_group_iterations_total", &[]);
            let own = all.filter(|sample| {
                let group = sample.labels.get("rule_group");
                group.is_some_and(|group| group.ends_with(";picket-detections"))
            });
            Ok(own.map(|sample| sample.value).sum())
        };
        let target = count()? + f64::from(more);
        let limit = Duration::from_secs(30) + Duration::from_secs(10) * more;
        wait::until("evaluations of the rules", limit, || {
            Ok((count()? >= target).then_some(()))
        })
    }

    /// Its own metrics.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn metrics(&self) -> Result<Metrics> {
        Metrics::parse(&http::get(self.address, "/metrics")?)
    }
}

fn all_series(data: &Value) -> Vec<Series> {
    let sample = |pair: &Value| {
        let value = pair[1].as_str().and_then(|value| value.parse().ok());
        Some((pair[0].as_f64()?, value?))
    };
    let list = data["result"].as_array();
    let series = list.map(Vec::as_slice).unwrap_or_default().iter();
    let series = series.map(|it| {
        let samples = match it["values"].as_array() {
            Some(values) => values.iter().filter_map(sample).collect(),
            None => sample(&it["value"]).into_iter().collect(),
        };
        Series {
            labels: it["metric"].clone(),
            samples,
        }
    });
    series.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn instants_and_ranges_are_read() {
        let data = json!({ "result": [
            { "metric": { "a": "1" }, "value": [1.5, "2"] },
            { "metric": {}, "values": [[1, "NaN"], [2, "+Inf"]] },
        ] });
        let series = all_series(&data);
        let samples: Vec<_> = series.iter().flat_map(|it| &it.samples).collect();
        assert_eq!(samples.len(), 3);
        assert_eq!(samples.first(), Some(&&(1.5, 2.0)));
        assert!(samples.last().is_some_and(|(_, value)| value.is_infinite()));
    }
}
