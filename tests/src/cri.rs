//! The Container Runtime Interface for tests, which wait for each answer.

use std::path::Path;

use anyhow::{Context, Result};
use picket_cri::{Call, Client};
use tokio::runtime::{Builder, Runtime};

/// A connection to a runtime.
pub struct Cri {
    runtime: Runtime,
    client: Client,
}

impl Cri {
    /// Connects to the runtime that listens on the Unix socket.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn connect(socket: &Path) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .context("cannot start tokio")?;
        let client = runtime.block_on(Client::connect(socket))?;
        Ok(Self { runtime, client })
    }

    /// Makes a call and waits for the answer, however long it takes.
    ///
    /// # Errors
    /// When the runtime refuses.
    pub fn call<C: Call>(&self, call: C) -> Result<C::Answer, picket_cri::Error> {
        self.runtime.block_on(self.client.call(call))
    }
}
