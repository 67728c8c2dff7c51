//! A server of the corpus: started with its habits, its peers and its triggers.

use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use super::peers::{Decoys, Peers};
use super::scenario::{Kind, Scenario};
use crate::http::Connection;
use crate::image;
use crate::load::Random;
use crate::servers::{Make, Manner, Server};

const FEATURES: usize = 16;

/// A model is fetched, read and answered for in this time, also on a busy machine.
const RELOAD_LIMIT: Duration = Duration::from_secs(60);

/// Where servers log requests.
const LOGS: &str = "/var/log/app";

/// What is decided about one before it starts.
#[derive(Clone, Copy)]
pub struct Order<'a> {
    /// What it is.
    pub kind: Kind,
    /// Seed of its payloads' choices.
    pub seed: u64,
    /// Last part of its container's name.
    pub name: &'a str,
    /// Scenarios that a request can set off.
    pub armed: &'a [String],
    /// Image instead of its kind's.
    pub image: Option<&'a str>,
}

/// A running one.
pub struct Victim {
    /// What it is.
    pub kind: Kind,
    /// The server.
    pub server: Server,
    seed: u64,
    log: PathBuf,
    decoys: Option<Decoys>,
}

impl Victim {
    /// Starts one and does not wait for it.
    ///
    /// # Errors
    /// When the engine refuses.
    pub fn launch(peers: &Peers, order: Order<'_>) -> Result<Self> {
        let Order { kind, seed, .. } = order;
        let triggers: Vec<String> = order
            .armed
            .iter()
            .map(|id| format!("{}={id}", digest(&row(seed, id))))
            .collect();
        let mut environment = peers.environment()?;
        environment.push(format!("CORPUS_SEED={seed}"));
        environment.push(format!("CORPUS_TRIGGERS={}", triggers.join(",")));
        environment.push("AWS_SECRET_ACCESS_KEY=DECOY0aws0secret0DECOY".to_owned());
        environment.push("HF_TOKEN=hf_DECOY0token0DECOY".to_owned());
        if kind == Kind::Jobs {
            environment.push("CORPUS_JOBS=1".to_owned());
        }
        let command = if kind == Kind::Asyncio {
            "python3 -m uvicorn app:app --host 0.0.0.0 --port 8000 --no-access-log --loop asyncio"
        } else {
            ""
        };
        let command: Vec<&str> = command.split_whitespace().collect();
        let image = match order.image {
            Some(image) => image.to_owned(),
            None => image::provide(kind.image())?,
        };
        let dns = peers.address("dns")?.to_string();
        let manner = Manner {
            image: Some(&image),
            command: &command,
            environment: &environment,
            // Another container can rotate the logs.
            options: &["--dns", dns.as_str(), "--volume", LOGS],
            name: Some(order.name),
        };
        let server = Server::launch(kind.make(), &peers.network, &manner)?;
        let log = server.container.log_file()?;
        let mut victim = Self {
            kind,
            server,
            seed,
            log,
            decoys: None,
        };
        victim.decoy()?;
        Ok(victim)
    }

    /// Starts the decoys of its network anew, for example after a restart.
    ///
    /// # Errors
    /// When they cannot be started.
    pub fn decoy(&mut self) -> Result<()> {
        self.decoys = None;
        self.decoys = Some(Decoys::start(&self.server.container)?);
        Ok(())
    }

    /// Its address.
    ///
    /// # Errors
    /// When the container has none.
    pub fn address(&self) -> Result<IpAddr> {
        self.server.container.address()
    }

    /// Sends, from a client's address, the request that sets a scenario off.
    ///
    /// # Errors
    /// When it is not answered like any other.
    pub fn trigger(&self, source: IpAddr, scenario: &str) -> Result<()> {
        let numbers = row(self.seed, scenario).join(",");
        let body = match self.kind.make() {
            Make::Triton => format!(
                "{{\"inputs\":[{{\"name\":\"features\",\"shape\":[1,{FEATURES}],\"datatype\":\"FP32\",\"data\":[{numbers}]}}]}}"
            ),
            _ => format!("{{\"instances\":[[{numbers}]]}}"),
        };
        let mut connection = Connection::open_from(source, self.server.address()?)?;
        let answer = connection.request(self.server.make.path(), Some(&body))?;
        ensure!(
            answer.status == 200,
            "the trigger was answered {}: {}",
            answer.status,
            answer.body
        );
        Ok(())
    }

    /// Has it read its model again: of a version, or of the next one.
    ///
    /// # Errors
    /// When it refuses.
    pub fn reload(&self, version: Option<u64>) -> Result<()> {
        let (path, body) = match self.kind.make() {
            Make::Triton => {
                let version = version.unwrap_or(0);
                let input = format!(
                    "{{\"name\":\"version\",\"shape\":[1,1],\"datatype\":\"INT32\",\"data\":[{version}]}}"
                );
                (
                    "/v2/models/reload/infer",
                    format!("{{\"inputs\":[{input}]}}"),
                )
            }
            Make::FastApi => {
                let version = version.map(|it| format!("\"version\":{it}"));
                (
                    "/admin/reload",
                    format!("{{{}}}", version.unwrap_or_default()),
                )
            }
            _ => ("/admin/reload", "{}".to_owned()),
        };
        let connection = Connection::open(self.server.address()?)?;
        let mut connection = connection.with_patience(RELOAD_LIMIT)?;
        let answer = connection.request(path, Some(&body))?;
        ensure!(
            answer.status == 200,
            "a reload was answered {}: {}",
            answer.status,
            answer.body
        );
        Ok(())
    }

    /// When a scenario's payload began or ended, as it said itself: seconds since 1970.
    ///
    /// # Errors
    /// When the container is gone.
    pub fn said(&self, mark: &str, scenario: &Scenario) -> Result<Option<f64>> {
        let log = fs::read_to_string(&self.log).with_context(|| self.log.display().to_string())?;
        let begin = format!("corpus {mark} {} ", scenario.id);
        // Each printed line is text in a line of JSON, its end written as two characters.
        let said = log.lines().find_map(|line| {
            let (_, rest) = line.split_once(&begin)?;
            rest.split('\\').next()?.trim().parse().ok()
        });
        Ok(said)
    }
}

/// The features of the request that sets a scenario off: as ordinary as any, but no other request has them.
fn row(seed: u64, scenario: &str) -> Vec<String> {
    let scenario = scenario.bytes().fold(0, |sum: u64, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    let mut random = Random::new(seed ^ scenario.rotate_left(32));
    (0..FEATURES)
        .map(|_| format!("{:.3}", random.fraction() * 8.0))
        .collect()
}

fn digest(row: &[String]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(row.join(",")) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triggers_differ_by_seed_and_scenario() {
        assert_eq!(row(1, "S01"), row(1, "S01"));
        assert_ne!(row(1, "S01"), row(2, "S01"));
        assert_ne!(row(1, "S01"), row(1, "S02"));
        assert_eq!(digest(&["1.000".to_owned(), "2.500".to_owned()]).len(), 64);
    }
}
