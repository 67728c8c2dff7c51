//! A foreign server on loopback, ended when dropped.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::http;
use crate::tools::find;
use crate::wait;

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A running server.
pub(super) struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts a program that says at `ready`, a page of `address`, when it is ready, and logs into `directory`.
    pub fn start(
        name: &str,
        arguments: &[String],
        directory: &Path,
        address: SocketAddr,
        ready: &str,
    ) -> Result<Self> {
        let program = find(name).with_context(|| format!("{name} is not there"))?;
        let log = directory.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log)?;
        let child = Command::new(&program)
            .args(arguments)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let mut server = Self { child, log };
        wait::until(&format!("the start of {name}"), START_LIMIT, || {
            if let Some(status) = server.child.try_wait()? {
                return Ok(Some(Err(status)));
            }
            http::get(address, ready).map(|_| Some(Ok(())))
        })
        .with_context(|| server.log())?
        .or_else(|status| bail!("{name} ended ({status}): {}", server.log()))?;
        Ok(server)
    }

    /// What it has logged, those before it in the same directory included.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).unwrap_or(i32::MAX);
        // SAFETY: kill has no memory preconditions; the child has not been waited for, so that the pid is its own.
        unsafe { libc::kill(pid, libc::SIGTERM) };
        let ended = wait::until("its end", STOP_LIMIT, || Ok(self.child.try_wait()?));
        if ended.is_err() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
