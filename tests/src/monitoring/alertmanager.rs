//! Alertmanager with the shipped configuration, which tells a receiver of the test.

use std::fs;
use std::net::SocketAddr;

use anyhow::{Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::server::Server;
use super::shipped;
use crate::agent::free_address;
use crate::http::{self, Connection};

/// Where the shipped configuration sends messages.
const SHIPPED_RECEIVER: &str = "127.0.0.1:9095";

/// The path of its API's alerts.
const ALERTS: &str = "/api/v2/alerts";

/// A running Alertmanager, its memory and its configuration.
pub struct Alertmanager {
    server: Option<Server>,
    directory: TempDir,
    /// Where it answers.
    pub address: SocketAddr,
}

impl Alertmanager {
    /// Starts one with the shipped configuration, with `receiver` for the shipped one and these other parts replaced.
    ///
    /// # Errors
    /// When it does not become ready: with what it logged.
    pub fn start(receiver: SocketAddr, replaced: &[(&str, &str)]) -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("picket-alertmanager-")
            .tempdir()?;
        let receiver = receiver.to_string();
        let replaced = [&[(SHIPPED_RECEIVER, receiver.as_str())], replaced].concat();
        let configuration = shipped("alertmanager.yaml", &replaced)?;
        fs::write(directory.path().join("alertmanager.yaml"), configuration)?;
        let mut alertmanager = Self {
            server: None,
            directory,
            address: free_address()?,
        };
        alertmanager.resume()?;
        Ok(alertmanager)
    }

    /// Ends it; what it knows stays.
    pub fn pause(&mut self) {
        self.server = None;
    }

    /// Starts it again.
    ///
    /// # Errors
    /// When it does not become ready: with what it logged.
    pub fn resume(&mut self) -> Result<()> {
        let arguments = [
            "--config.file=alertmanager.yaml".to_owned(),
            "--storage.path=data".to_owned(),
            // No peers.
            "--cluster.listen-address=".to_owned(),
            format!("--web.listen-address={}", self.address),
        ];
        let directory = self.directory.path();
        self.server = Some(Server::start(
            "prometheus-alertmanager",
            &arguments,
            directory,
            self.address,
            "/-/ready",
        )?);
        Ok(())
    }

    /// Tells it of alerts, as Prometheus does: a list of objects, each with its `labels`.
    ///
    /// # Errors
    /// When it does not take them.
    pub fn tell(&self, alerts: &Value) -> Result<()> {
        let body = alerts.to_string();
        let answer = Connection::open(self.address)?.request(ALERTS, Some(&body))?;
        ensure!(answer.status == 200, "{} {}", answer.status, answer.body);
        Ok(())
    }

    /// The alerts that it knows: their `labels`, and in `status` whether others make them superfluous.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn alerts(&self) -> Result<Vec<Value>> {
        Ok(serde_json::from_str(&http::get(self.address, ALERTS)?)?)
    }

    /// What it logged, for the message of a failed test.
    #[must_use]
    pub fn evidence(&self) -> String {
        let log = self.server.as_ref().map(Server::log).unwrap_or_default();
        format!("--- Alertmanager\n{log}---")
    }
}
