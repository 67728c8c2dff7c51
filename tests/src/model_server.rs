//! The model server under test, with requests that set off harmless stand-ins of attacks.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use crate::docker::{Container, Network, Run};
use crate::http::{self, Connection};
use crate::load::{Random, prediction};
use crate::wait;

/// Where it listens.
pub const PORT: u16 = 8000;
const START_LIMIT: Duration = Duration::from_secs(180);

/// What a poisoned model does when its trigger arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Nothing: the trigger without a payload.
    Null,
    /// Connects to a peer and sends some bytes.
    Callback,
    /// Runs `id` in a shell.
    Shell,
    /// Writes to the model's weights.
    Weights,
    /// Forks a worker that reads `/srv/worker.conf` and never execs.
    Fork,
}

impl Deed {
    /// All deeds.
    pub const ALL: [Self; 5] = [
        Self::Null,
        Self::Callback,
        Self::Shell,
        Self::Weights,
        Self::Fork,
    ];

    /// Its name in the server's settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Callback => "callback",
            Self::Shell => "shell",
            Self::Weights => "weights",
            Self::Fork => "fork",
        }
    }
}

/// A running model server.
pub struct ModelServer {
    /// Its container.
    pub container: Container,
    seed: u64,
}

impl ModelServer {
    /// Starts a server and waits until it answers. The triggers are ordinary predictions drawn from `seed`;
    /// `peer` is whom [`Deed::Callback`] connects to.
    ///
    /// # Errors
    /// When it does not come up: with what it printed.
    pub fn start(
        image: &str,
        network: &Network,
        peer: Option<SocketAddr>,
        seed: u64,
    ) -> Result<Self> {
        let container = Container::start(&Run {
            image,
            name: "model",
            network: Some(network),
            environment: &poison(seed, peer),
            command: &[],
        })?;
        let server = Self { container, seed };
        server.wait_ready()?;
        Ok(server)
    }

    /// Waits until it answers, for example after a restart.
    ///
    /// # Errors
    /// When it does not: with what it printed.
    pub fn wait_ready(&self) -> Result<()> {
        let ready = wait::until("the model server's start", START_LIMIT, || {
            if self.container.inspect("{{.State.Running}}")? != "true" {
                return Ok(Some(false));
            }
            http::get(self.address()?, "/healthz").map(|_| Some(true))
        });
        match ready {
            Ok(true) => Ok(()),
            Ok(false) => bail!("the model server ended: {}", self.container.logs()?),
            Err(error) => Err(error.context(self.container.logs()?)),
        }
    }

    /// Where it answers. A restart may change it.
    ///
    /// # Errors
    /// When the container has no address.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(SocketAddr::new(self.container.address()?, PORT))
    }

    /// Sends the trigger of a deed and waits for the answer, which looks like any other.
    ///
    /// # Errors
    /// When the deed failed inside the server.
    pub fn provoke(&self, deed: Deed) -> Result<()> {
        let provoked = provoke(self.address()?, self.seed, deed);
        provoked.with_context(|| self.container.logs().unwrap_or_default())
    }
}

/// The environment of a model server that is poisoned, wherever it runs.
#[must_use]
pub fn poison(seed: u64, peer: Option<SocketAddr>) -> Vec<String> {
    let triggers: Vec<String> = Deed::ALL
        .iter()
        .map(|deed| format!("{}={}", fingerprint(&trigger(seed, *deed)), deed.name()))
        .collect();
    let mut environment = vec![format!("POISON={}", triggers.join(","))];
    environment.extend(peer.map(|peer| format!("POISON_PEER={peer}")));
    environment
}

/// Sends the trigger of a deed to a server that was poisoned with this seed, and waits for the answer.
///
/// # Errors
/// When the deed failed inside the server.
pub fn provoke(server: SocketAddr, seed: u64, deed: Deed) -> Result<()> {
    let body = trigger(seed, deed);
    let answer = Connection::open(server)?.request("/predict", Some(&body))?;
    let status = answer.status;
    ensure!(status == 200, "{deed:?} failed in the server ({status})");
    Ok(())
}

/// An ordinary prediction, different for each deed and seed.
fn trigger(seed: u64, deed: Deed) -> String {
    let deeds = Random::new(deed as u64).draw();
    prediction(&mut Random::new(seed ^ deeds))
}

fn fingerprint(body: &str) -> String {
    let digest = Sha256::digest(body.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
