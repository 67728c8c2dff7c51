//! The real agent, started as a user would, with a short window and a short time of learning.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use std::{env, io};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::http;
use crate::metrics::Metrics;
use crate::wait;

/// Names the agent to test, where it is not the workspace's release build.
pub const AGENT_VARIABLE: &str = "PICKET_TEST_AGENT";

const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// The agent's program.
#[must_use]
pub fn program() -> PathBuf {
    env::var_os(AGENT_VARIABLE).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/picket"),
        PathBuf::from,
    )
}

/// Runs the agent's program to its end, for verbs other than `run` and for starts that must fail.
///
/// # Errors
/// When it cannot be started.
pub fn command(arguments: &[&str]) -> Result<Output> {
    let program = program();
    clean(Command::new(&program).args(arguments))
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", program.display()))
}

/// The settings in the caller's environment are not the test's.
fn clean(command: &mut Command) -> &mut Command {
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("PICKET_") {
            command.env_remove(name);
        }
    }
    command
}

/// A place for one agent's configuration and state, which outlives the agent's process and is removed when dropped.
pub struct Home {
    dir: tempfile::TempDir,
    /// Where the agent serves its metrics.
    pub listen: SocketAddr,
}

impl Home {
    /// A fresh home whose agent watches every container, in windows of a second, and learns for 20 seconds and 50
    /// requests.
    ///
    /// # Errors
    /// When there is no room.
    pub fn create() -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("picket-").tempdir()?;
        let home = Self {
            listen: free_address()?,
            dir,
        };
        let docker = env::var("DOCKER_HOST").unwrap_or_default();
        let docker = docker
            .strip_prefix("unix://")
            .unwrap_or("/var/run/docker.sock");
        home.configure(&format!(
            "listen: {}\nstate_dir: {}\nsocket: {}\nwindow: 1s\nwatch: [{{all: true}}]\n\
             learning: {{min_duration: 20s, min_requests: 50}}\ndocker_socket: {docker}\n",
            home.listen,
            home.state().display(),
            home.socket().display(),
        ))?;
        Ok(home)
    }

    /// Replaces the configuration.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn configure(&self, yaml: &str) -> Result<()> {
        let path = self.config();
        fs::write(&path, yaml).with_context(|| format!("cannot write {}", path.display()))
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.dir.path().join("picket.yaml")
    }

    /// Where the agent keeps its baselines.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// Where the agent's command line reaches it.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("picket.sock")
    }
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// A running agent; stopped when dropped. Where a test panics, what the agent printed is shown.
pub struct Agent {
    child: Child,
    listen: SocketAddr,
    stdout: Captured,
    stderr: Captured,
}

impl Agent {
    /// Starts the agent in a home and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready: with what it printed.
    pub fn start(home: &Home) -> Result<Self> {
        let program = program();
        let mut child = clean(
            Command::new(&program)
                .arg("run")
                .arg("--config")
                .arg(home.config()),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", program.display()))?;
        let mut agent = Self {
            stdout: Captured::read(child.stdout.take()),
            stderr: Captured::read(child.stderr.take()),
            child,
            listen: home.listen,
        };
        let ready = wait::until("the agent's start", START_LIMIT, || {
            if let Some(status) = agent.child.try_wait()? {
                return Ok(Some(Err(status)));
            }
            http::get(agent.listen, "/readyz").map(|_| Some(Ok(())))
        });
        let problem = match ready {
            Ok(Ok(())) => return Ok(agent),
            Ok(Err(status)) => anyhow::anyhow!("the agent ended ({status})"),
            Err(error) => error,
        };
        Err(problem.context(agent.stderr.text()))
    }

    /// A scrape of its metrics.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn metrics(&self) -> Result<Metrics> {
        Metrics::parse(&http::get(self.listen, "/metrics")?)
    }

    /// The JSON at a path of its API, for example `containers`.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn api(&self, path: &str) -> Result<Value> {
        let body = http::get(self.listen, &format!("/api/v1/{path}"))?;
        serde_json::from_str(&body).with_context(|| format!("/api/v1/{path} is not JSON: {body}"))
    }

    /// The findings it has logged: the JSON lines of its standard output.
    #[must_use]
    pub fn findings(&self) -> Vec<Value> {
        let lines = self.stdout.lines();
        let parsed = lines
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok());
        parsed.collect()
    }

    /// What it has printed on standard error.
    #[must_use]
    pub fn log(&self) -> String {
        self.stderr.text()
    }

    /// Ends it as a service manager does, and returns how it ended.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        let pid = i32::try_from(self.child.id()).context("pid")?;
        // SAFETY: kill has no memory preconditions; the child has not been waited for, so that the pid is its own.
        let sent = unsafe { libc::kill(pid, libc::SIGTERM) };
        ensure!(sent == 0, "cannot signal the agent");
        wait::until("the agent's end", STOP_LIMIT, || {
            Ok(self.child.try_wait()?)
        })
    }

    /// Ends it without warning.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- the agent's findings\n{}", self.stdout.text());
            eprintln!("--- the agent's log\n{}", self.stderr.text());
        }
        let ended = matches!(self.child.try_wait(), Ok(Some(_)));
        if !ended && self.stop().is_err() {
            let _ = self.kill();
        }
    }
}

/// A stream read line by line in the background, until its last writer is gone.
struct Captured {
    lines: Arc<Mutex<Vec<String>>>,
}

impl Captured {
    fn read(stream: Option<impl Read + Send + 'static>) -> Self {
        let captured = Self {
            lines: Arc::default(),
        };
        if let Some(stream) = stream {
            let lines = Arc::clone(&captured.lines);
            thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    lines
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(line);
                }
            });
        }
        captured
    }

    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn text(&self) -> String {
        self.lines().join("\n")
    }
}
