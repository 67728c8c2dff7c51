//! Whom a poisoned model calls: a container that listens and prints what it is sent.

use std::net::SocketAddr;

use anyhow::Result;

use crate::docker::{Container, Network, Run};

const PORT: u16 = 4444;

/// A listening container.
pub struct Peer {
    /// The container; its logs are what was sent.
    pub container: Container,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Peer {
    /// Starts one from the busybox image.
    ///
    /// # Errors
    /// When the engine refuses.
    pub fn start(busybox: &str, network: &Network) -> Result<Self> {
        let port = PORT.to_string();
        // The output of the container's first process is its log.
        let print = ["sh", "-c", "cat >/proc/1/fd/1"];
        let container = Container::start(&Run {
            image: busybox,
            name: "peer",
            network: Some(network),
            environment: &[],
            command: &[["nc", "-ll", "-p", &port, "-e"].as_slice(), &print].concat(),
        })?;
        let address = SocketAddr::new(container.address()?, PORT);
        Ok(Self { container, address })
    }
}
