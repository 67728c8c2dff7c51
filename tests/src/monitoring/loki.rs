//! A Loki on loopback, which keeps what it is told in a temporary folder.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::server::Server;
use crate::agent::free_address;
use crate::http::{self, Connection};

/// No answer here has more lines.
const LIMIT: &str = "1000";

/// A running Loki.
pub struct Loki {
    server: Server,
    address: SocketAddr,
    _directory: TempDir,
}

/// A line of an answer.
pub struct Entry {
    /// The labels of its stream, and what the query has taken out of it.
    pub labels: Value,
    /// The line, as the query shows it.
    pub line: String,
}

impl Loki {
    /// Starts one.
    ///
    /// # Errors
    /// When it does not become ready: with what it logged.
    pub fn start() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("picket-loki-").tempdir()?;
        let address = free_address()?;
        let configuration = configuration(directory.path(), address, free_address()?);
        fs::write(directory.path().join("loki.yaml"), configuration)?;
        let arguments = ["-config.file=loki.yaml".to_owned()];
        let server = Server::start("loki", &arguments, directory.path(), address, "/ready")?;
        Ok(Self {
            server,
            address,
            _directory: directory,
        })
    }

    /// Adds lines to the stream with these labels, each with the time in Unix nanoseconds and what is known of it beside
    /// its text (structured metadata), as collectors do.
    ///
    /// # Errors
    /// When it refuses them.
    pub fn push(&self, labels: &Value, known: &Value, time: u128, lines: &[String]) -> Result<()> {
        let values = lines
            .iter()
            .map(|line| json!([time.to_string(), line, known]));
        let stream = json!({ "stream": labels, "values": values.collect::<Vec<_>>() });
        let body = json!({ "streams": [stream] }).to_string();
        let mut connection = Connection::open(self.address)?;
        let answer = connection.request("/loki/api/v1/push", Some(&body))?;
        ensure!(
            answer.status == 204,
            "Loki answered {}: {}",
            answer.status,
            answer.body
        );
        Ok(())
    }

    /// The lines that a query finds from one Unix time, in nanoseconds, to another.
    ///
    /// # Errors
    /// When it does not answer, or the query is wrong.
    pub fn query(&self, query: &str, from: u128, to: u128) -> Result<Vec<Entry>> {
        let [from, to] = [from, to].map(|time| time.to_string());
        let parameters = http::parameters(&[
            ("query", query),
            ("start", &from),
            ("end", &to),
            ("limit", LIMIT),
        ]);
        let path = format!("/loki/api/v1/query_range?{parameters}");
        let answer: Value = serde_json::from_str(&http::get(self.address, &path)?)?;
        ensure!(answer["data"]["resultType"] == "streams", "{answer}");
        Ok(entries(&answer["data"]["result"]))
    }

    /// What it logged, for the message of a failed test.
    #[must_use]
    pub fn evidence(&self) -> String {
        format!("--- Loki\n{}---", self.server.log())
    }
}

/// One process with everything in it, which tells nobody of itself.
fn configuration(directory: &Path, address: SocketAddr, internal: SocketAddr) -> String {
    let (host, port) = (address.ip(), address.port());
    let internal = internal.port();
    let directory = directory.display();
    format!(
        "\
auth_enabled: false
analytics: {{reporting_enabled: false}}
server:
  http_listen_address: {host}
  http_listen_port: {port}
  grpc_listen_address: {host}
  grpc_listen_port: {internal}
  log_level: warn
common:
  instance_addr: {host}
  path_prefix: {directory}
  replication_factor: 1
  ring: {{kvstore: {{store: inmemory}}}}
  storage:
    filesystem: {{chunks_directory: {directory}/chunks, rules_directory: {directory}/rules}}
ingester:
  lifecycler: {{min_ready_duration: 0s}}
schema_config:
  configs:
  - {{from: 2024-01-01, store: tsdb, object_store: filesystem, schema: v13, index: {{prefix: index_, period: 24h}}}}
"
    )
}

fn entries(result: &Value) -> Vec<Entry> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut entries = Vec::new();
    for stream in list(result) {
        for value in list(&stream["values"]) {
            entries.push(Entry {
                labels: stream["stream"].clone(),
                line: value[1].as_str().unwrap_or_default().to_owned(),
            });
        }
    }
    entries
}
