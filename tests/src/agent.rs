//! The real agent, started as a user would, with a short window and a short time of learning.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;
use std::{env, io};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;

mod questions;
mod recorder;

pub use questions::{Evidence, Fact};
pub use recorder::Recorder;

use crate::docker::unique;
use crate::http;
use crate::metrics::Metrics;
use crate::wait;

/// Names the agent to test, where it is not the workspace's release build.
pub const AGENT_VARIABLE: &str = "PICKET_TEST_AGENT";

const START_LIMIT: Duration = Duration::from_secs(120);
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// The agent's program.
#[must_use]
pub fn program() -> PathBuf {
    env::var_os(AGENT_VARIABLE).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/picket"),
        PathBuf::from,
    )
}

/// Runs the agent's program to its end, for verbs other than `run` and for starts that must fail. One that does not
/// end is ended after a while, with code 124. `wrapper` is a command to run it under, or nothing.
///
/// # Errors
/// When it cannot be started.
pub fn command(wrapper: &[&str], arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new("timeout");
    command
        .arg("30")
        .args(wrapper)
        .arg(program())
        .args(arguments);
    clean(&mut command)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {command:?}"))
}

/// Starts the agent's program, for verbs that go on until something happens.
///
/// # Errors
/// When it cannot be started.
pub fn spawn(arguments: &[&str]) -> Result<Child> {
    let mut command = Command::new(program());
    command.args(arguments).stdin(Stdio::null());
    clean(&mut command)
        .spawn()
        .with_context(|| format!("cannot run {command:?}"))
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
    pins: Option<PathBuf>,
}

impl Home {
    /// A fresh home whose agent watches every container, in windows of a second, and learns for 20 seconds and 50
    /// requests.
    ///
    /// # Errors
    /// When there is no room.
    pub fn create() -> Result<Self> {
        Self::with("window: 1s\nlearning: {min_duration: 20s, min_requests: 50}\n")
    }

    /// A fresh home whose agent watches every container, with these settings besides the places of its own.
    ///
    /// # Errors
    /// When there is no room.
    pub fn with(settings: &str) -> Result<Self> {
        Self::make(settings, None)
    }

    /// As [`Home::create`], with a directory of pins of its own, so that the probe outlives its agents. It is removed when
    /// the home is dropped, if no agent runs then.
    ///
    /// # Errors
    /// When there is no room.
    pub fn pinned() -> Result<Self> {
        let pins = Path::new("/sys/fs/bpf").join(unique("pins"));
        Self::make("window: 1s\n", Some(pins))
    }

    fn make(settings: &str, pins: Option<PathBuf>) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("picket-").tempdir()?;
        let home = Self {
            listen: free_address()?,
            dir,
            pins,
        };
        let docker = env::var("DOCKER_HOST").unwrap_or_default();
        let docker = docker
            .strip_prefix("unix://")
            .unwrap_or("/var/run/docker.sock");
        let pin = match &home.pins {
            Some(directory) => format!("pin_dir: {}", directory.display()),
            None => "pin: false".to_owned(),
        };
        home.configure(&format!(
            "listen: {}\nstate_dir: {}\nsocket: {}\nwatch: [{{all: true}}]\n\
             docker_socket: {docker}\n{pin}\n{settings}",
            home.listen,
            home.state().display(),
            home.socket().display(),
        ))?;
        Ok(home)
    }

    /// The configuration.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn configuration(&self) -> Result<String> {
        let path = self.config();
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
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

    /// Where the probe is pinned, if it is.
    #[must_use]
    pub fn pins(&self) -> Option<&Path> {
        self.pins.as_deref()
    }

    /// Where the agent keeps its baselines.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// The findings that agents here have logged: the JSON lines of their standard output.
    #[must_use]
    pub fn findings(&self) -> Vec<Value> {
        let lines = self.logged().into_iter();
        let parsed = lines.map(|line| serde_json::from_str(&line));
        parsed.filter_map(Result::ok).collect()
    }

    /// The lines that agents here have logged as findings, as they are.
    #[must_use]
    pub fn logged(&self) -> Vec<String> {
        let text = fs::read_to_string(self.output()).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// What agents here have printed, for the message of a failed test.
    #[must_use]
    pub fn evidence(&self) -> String {
        let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
        format!(
            "--- the agent's findings\n{}--- the agent's log\n{}---",
            read(&self.output()),
            read(&self.log())
        )
    }

    /// Standard output of the agents, where the findings go.
    fn output(&self) -> PathBuf {
        self.dir.path().join("findings.jsonl")
    }

    /// Standard error of the agents.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.dir.path().join("agent.log")
    }

    /// Where the agent's command line reaches it.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("picket.sock")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.pins.as_ref().is_some_and(|pins| pins.exists()) {
            let config = self.config();
            let unpin = command(&[], &["unpin", "--config", &config.to_string_lossy()]);
            if !unpin.is_ok_and(|output| output.status.success()) {
                eprintln!("cannot remove {:?}", self.pins);
            }
        }
    }
}

fn append(path: &Path) -> Result<File> {
    let file = File::options().create(true).append(true).open(path);
    file.with_context(|| format!("cannot write {}", path.display()))
}

/// An address of this machine's own network where nothing listens.
///
/// # Errors
/// When the kernel has none.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// A running agent; stopped when dropped.
pub struct Agent {
    child: Child,
    listen: SocketAddr,
}

impl Agent {
    /// Starts the agent in a home and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready: with what it logged.
    pub fn start(home: &Home) -> Result<Self> {
        Self::start_with(home, &[])
    }

    /// As [`Agent::start`], with these variables in its environment.
    ///
    /// # Errors
    /// When it does not become ready: with what it logged.
    pub fn start_with(home: &Home, environment: &[(&str, &str)]) -> Result<Self> {
        Self::start_under(home, &[], environment, &[])
    }

    /// As [`Agent::start_with`], under a command that runs it in its own place, and with these arguments too.
    ///
    /// # Errors
    /// When it does not become ready: with what it logged.
    pub fn start_under(
        home: &Home,
        wrapper: &[&str],
        environment: &[(&str, &str)],
        arguments: &[&str],
    ) -> Result<Self> {
        let program = program();
        let mut command = match wrapper {
            [] => Command::new(&program),
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest).arg(&program);
                command
            }
        };
        command.arg("run").arg("--config").arg(home.config());
        let child = clean(command.args(arguments))
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(append(&home.output())?)
            .stderr(append(&home.log())?)
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let mut agent = Self {
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
            Ok(Err(status)) => anyhow!("the agent ended ({status})"),
            Err(error) => error,
        };
        Err(problem.context(home.evidence()))
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its metrics, as it serves them.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn scrape(&self) -> Result<String> {
        http::get(self.listen, "/metrics")
    }

    /// Its metrics.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn metrics(&self) -> Result<Metrics> {
        Metrics::parse(&self.scrape()?)
    }

    /// The JSON at a path of its API, for example `containers`.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn api(&self, path: &str) -> Result<Value> {
        let body = http::get(self.listen, &format!("/api/v1/{path}"))?;
        serde_json::from_str(&body).with_context(|| format!("/api/v1/{path} is not JSON: {body}"))
    }

    /// Holds it still, as an overloaded machine would, until the result is dropped.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn hold(&self) -> Result<Held<'_>> {
        self.signal(libc::SIGSTOP)?;
        Ok(Held(self))
    }

    fn signal(&self, signal: i32) -> Result<()> {
        let pid = i32::try_from(self.child.id()).context("pid")?;
        // SAFETY: kill has no memory preconditions; the child has not been waited for, so that the pid is its own.
        let sent = unsafe { libc::kill(pid, signal) };
        ensure!(sent == 0, "cannot signal the agent");
        Ok(())
    }

    /// Ends it as a service manager does, and returns how it ended.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.signal(libc::SIGTERM)?;
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
        let ended = matches!(self.child.try_wait(), Ok(Some(_)));
        if !ended && self.stop().is_err() {
            let _ = self.kill();
        }
    }
}

/// An agent that is held still; it goes on when this is dropped.
pub struct Held<'a>(&'a Agent);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.0.signal(libc::SIGCONT) {
            eprintln!("cannot let the agent go on: {error:#}");
        }
    }
}
