//! Containers, networks and images of a real engine, through the `docker` command.

use std::ffi::OsStr;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, process};

use anyhow::{Context, Result, ensure};

/// Label of every container and network that a run starts; its value names the run.
pub const RUN_LABEL: &str = "picket.run";

/// Environment variable with the name of the run, set where several processes belong to one.
pub const RUN_VARIABLE: &str = "PICKET_TEST_RUN";

/// The name of this run.
pub fn run_name() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| env::var(RUN_VARIABLE).unwrap_or_else(|_| format!("r{}", process::id())))
}

/// A name that nothing else in this run has.
pub fn unique(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("picket-{}-{}-{next}-{name}", run_name(), process::id())
}

/// Runs `docker` with the arguments and returns what it prints.
///
/// # Errors
/// When it cannot be run, or fails: with its own message.
pub fn docker<A: AsRef<OsStr>>(arguments: &[A]) -> Result<String> {
    let mut command = Command::new("docker");
    command.args(arguments).stdin(Stdio::null());
    let output = command.output().context("cannot run docker")?;
    ensure!(
        output.status.success(),
        "{} failed: {}",
        format!("{command:?}").replace('"', ""),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether an engine answers.
pub fn engine_answers() -> bool {
    docker(&["version", "--format", "{{.Server.Version}}"]).is_ok()
}

/// Removes every container and network of a run.
///
/// # Errors
/// When the engine does not let them go.
pub fn sweep(run: &str) -> Result<()> {
    let filter = format!("label={RUN_LABEL}={run}");
    let containers = docker(&["ps", "--all", "--quiet", "--filter", &filter])?;
    for id in containers.lines() {
        docker(&["rm", "--force", "--volumes", id])?;
    }
    let networks = docker(&["network", "ls", "--quiet", "--filter", &filter])?;
    for id in networks.lines() {
        docker(&["network", "rm", id])?;
    }
    Ok(())
}

/// A network without a way out, removed when dropped.
pub struct Network {
    name: String,
}

impl Network {
    /// Creates one.
    ///
    /// # Errors
    /// When the engine refuses.
    pub fn create() -> Result<Self> {
        let name = unique("net");
        let label = format!("{RUN_LABEL}={}", run_name());
        docker(&["network", "create", "--internal", "--label", &label, &name])?;
        Ok(Self { name })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        remove(&["network", "rm", &self.name]);
    }
}

fn remove(arguments: &[&str]) {
    if let Err(error) = docker(arguments) {
        eprintln!("cannot clean up: {error:#}");
    }
}

/// How to run a container.
pub struct Run<'a> {
    /// Image.
    pub image: &'a str,
    /// Last part of the container's name.
    pub name: &'a str,
    /// Network; none means no network at all.
    pub network: Option<&'a Network>,
    /// Environment variables, `NAME=value`.
    pub environment: &'a [String],
    /// Command instead of the image's own.
    pub command: &'a [&'a str],
}

/// A container, removed with all its processes when dropped.
pub struct Container {
    /// Its name.
    pub name: String,
    /// Its full id.
    pub id: String,
}

impl Container {
    /// Starts a container within narrow limits of memory, CPU time and processes.
    ///
    /// # Errors
    /// When the engine refuses.
    pub fn start(run: &Run<'_>) -> Result<Self> {
        Self::start_with(run, &[])
    }

    /// As [`Container::start`], with more options for `docker run`.
    ///
    /// # Errors
    /// When the engine refuses.
    pub fn start_with(run: &Run<'_>, options: &[&str]) -> Result<Self> {
        let name = unique(run.name);
        let label = format!("{RUN_LABEL}={}", run_name());
        let network = run.network.map_or("none", |network| network.name.as_str());
        let mut arguments = vec!["run", "--detach", "--name", &name, "--label", &label];
        arguments.extend(["--network", network, "--pids-limit", "128"]);
        arguments.extend(["--memory", "1g", "--cpus", "1"]);
        arguments.extend(options);
        for variable in run.environment {
            arguments.extend(["--env", variable]);
        }
        arguments.push(run.image);
        arguments.extend(run.command);
        let id = docker(&arguments).inspect_err(|_| {
            // A container that was created but could not be started is still there.
            let _ = docker(&["rm", "--force", &name]);
        })?;
        Ok(Self { name, id })
    }

    /// What the engine knows under a template, for example `{{.State.Pid}}`.
    ///
    /// # Errors
    /// When the container is gone or the template is wrong.
    pub fn inspect(&self, template: &str) -> Result<String> {
        docker(&["inspect", "--format", template, &self.id])
    }

    /// Its address on its network.
    ///
    /// # Errors
    /// When it has none.
    pub fn address(&self) -> Result<IpAddr> {
        let template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let address = self.inspect(template)?;
        address
            .parse()
            .with_context(|| format!("container {} has no address: {address:?}", self.name))
    }

    /// Everything that its processes printed.
    ///
    /// # Errors
    /// When the container is gone.
    pub fn logs(&self) -> Result<String> {
        let mut command = Command::new("docker");
        let output = command.args(["logs", &self.id]).output()?;
        let both = [output.stdout, output.stderr].concat();
        Ok(String::from_utf8_lossy(&both).into_owned())
    }

    /// The file where the engine keeps what its processes print, a line of JSON for each of theirs. To look there often
    /// costs less than to ask the engine.
    ///
    /// # Errors
    /// When the container is gone, or its output is kept otherwise.
    pub fn log_file(&self) -> Result<PathBuf> {
        let path = self.inspect("{{.LogPath}}")?;
        ensure!(!path.is_empty(), "container {} has no log file", self.name);
        Ok(path.into())
    }

    /// Runs a command inside and returns what it prints.
    ///
    /// # Errors
    /// When it fails.
    pub fn exec(&self, command: &[&str]) -> Result<String> {
        docker(&[&["exec", self.id.as_str()], command].concat())
    }

    /// Stops its processes and starts it again.
    ///
    /// # Errors
    /// When the engine refuses.
    pub fn restart(&self) -> Result<()> {
        docker(&["restart", "--time", "5", &self.id]).map(drop)
    }

    /// Waits for its main process to end and returns the exit code.
    ///
    /// # Errors
    /// When the container is gone.
    pub fn wait(&self) -> Result<i32> {
        let code = docker(&["wait", &self.id])?;
        code.parse()
            .with_context(|| format!("docker wait printed {code:?}"))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        remove(&["rm", "--force", "--volumes", &self.id]);
    }
}
