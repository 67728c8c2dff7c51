//! The agent from its image, in a container as the DaemonSet describes it.

use std::cell::Cell;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::ctr::{self, Ctr};
use crate::daemon_set::{Places, PodSpec};
use crate::docker::{Container, Network, Run, run_name, unique};
use crate::metrics::Metrics;
use crate::tools::workspace;
use crate::{http, image, wait};

/// The program in the image.
const PROGRAM: &str = "/usr/bin/picket";

const PORT: u16 = 9477;

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// The archive that `cargo xtask image` writes.
#[must_use]
pub fn archive() -> PathBuf {
    workspace().join("target/image/picket.tar")
}

/// What a node has for its agents, one after the other. Fields drop in this order: the network last.
pub struct Node {
    ctr: Ctr,
    image: String,
    spec: PodSpec,
    bundles: PathBuf,
    pins: PathBuf,
    home: tempfile::TempDir,
    sandbox: Container,
    /// The network that the pod is in.
    pub network: Network,
}

impl Node {
    /// Takes the image in, and makes what outlives pods. `settings` come on top of the manifest's configuration.
    ///
    /// # Errors
    /// When there is no image, or no containerd.
    pub fn create(settings: &str) -> Result<Self> {
        let ctr = Ctr::connect()?;
        let image = ctr.import(&archive())?;
        let network = Network::create()?;
        let sandbox = Container::start(&Run {
            image: &image::provide(image::BUSYBOX)?,
            name: "sandbox",
            network: Some(&network),
            environment: &[],
            command: &["sleep", "86400"],
        })?;
        let home = tempfile::Builder::new().prefix("picket-pod-").tempdir()?;
        let base = workspace().join("deploy/kubernetes/base/picket.yaml");
        let base = fs::read_to_string(base)?;
        let pins = Path::new("/sys/fs/bpf").join(unique("pins"));
        fs::create_dir(home.path().join("config"))?;
        fs::write(
            home.path().join("config/picket.yaml"),
            format!("{base}pin_dir: {}\n{settings}", pins.display()),
        )?;
        Ok(Self {
            bundles: ctr.bundles()?,
            spec: PodSpec::read()?,
            ctr,
            image,
            pins,
            home,
            sandbox,
            network,
        })
    }

    /// The manifest.
    #[must_use]
    pub fn spec(&self) -> &PodSpec {
        &self.spec
    }

    /// What the agents here have printed, findings and log.
    #[must_use]
    pub fn printed(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    fn log(&self) -> PathBuf {
        self.home.path().join("agent.log")
    }

    fn options(&self, capabilities: &[String]) -> Result<Vec<String>> {
        let places = Places {
            home: self.home.path(),
            bundles: &self.bundles,
        };
        let pid = self.sandbox.inspect("{{.State.Pid}}")?;
        self.spec.options(capabilities, &pid, places)
    }

    /// Runs a verb of the agent in a container of its own, with these capabilities instead of the manifest's.
    ///
    /// # Errors
    /// When the container cannot be started.
    pub fn run_with(&self, capabilities: &[String], verb: &[&str]) -> Result<Output> {
        let name = unique("verb");
        let options = self.options(capabilities)?;
        let mut command = vec!["run", "--rm"];
        command.extend(options.iter().map(String::as_str));
        command.extend([self.image.as_str(), &name, PROGRAM]);
        command.extend(verb);
        self.ctr.run(&command)
    }

    /// Starts the agent's container and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready: with what it printed.
    pub fn start(&self) -> Result<AgentPod<'_>> {
        let name = unique("agent");
        let options = self.options(self.spec.capabilities()?)?;
        let pid_file = self.home.path().join(format!("{name}.pid"));
        let pid_file = pid_file.to_string_lossy();
        let log = format!("file://{}", self.log().display());
        let mut command = vec![
            "run",
            "--detach",
            "--pid-file",
            &pid_file,
            "--log-uri",
            &log,
        ];
        command.extend(options.iter().map(String::as_str));
        command.extend([self.image.as_str(), &name, PROGRAM]);
        command.extend(self.spec.arguments()?.iter().map(String::as_str));
        let mut pod = AgentPod {
            node: self,
            name: name.clone(),
            pid: 0,
            listen: SocketAddr::new(self.sandbox.address()?, PORT),
            commands: Cell::new(0),
        };
        self.ctr.call(&command)?;
        pod.pid = fs::read_to_string(&*pid_file)?.trim().parse()?;
        wait::until("the agent's start", START_LIMIT, || {
            http::get(pod.listen, "/readyz").map(Some)
        })
        .with_context(|| self.printed())?;
        Ok(pod)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Names in a BPF file system are removed like others; the probe goes with the last of them.
        if self.pins.exists() && fs::remove_dir_all(&self.pins).is_err() {
            eprintln!("cannot remove {}", self.pins.display());
        }
        ctr::sweep(run_name());
    }
}

/// A running agent; its container is removed when this is dropped.
pub struct AgentPod<'a> {
    node: &'a Node,
    name: String,
    /// Its process, by its number on the node.
    pub pid: u32,
    listen: SocketAddr,
    commands: Cell<u32>,
}

impl AgentPod<'_> {
    /// Its metrics.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn metrics(&self) -> Result<Metrics> {
        Metrics::parse(&http::get(self.listen, "/metrics")?)
    }

    /// Runs a verb of the agent in its container, as `kubectl exec` does.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn exec(&self, verb: &[&str]) -> Result<Output> {
        self.commands.set(self.commands.get() + 1);
        let id = format!("exec-{}", self.commands.get());
        let head = ["tasks", "exec", "--exec-id", &id, &self.name, PROGRAM];
        self.node.ctr.run(&[&head, verb].concat())
    }

    /// As [`AgentPod::exec`], for a verb that must succeed and prints JSON.
    ///
    /// # Errors
    /// When it fails, or prints something else.
    pub fn ask(&self, verb: &[&str]) -> Result<Value> {
        let output = self.exec(&[verb, &["-o", "json"]].concat())?;
        let printed = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "{verb:?} failed: {output:?}");
        serde_json::from_str(&printed).with_context(|| format!("{verb:?} prints {printed}"))
    }

    /// What the agent says of the container with this id; null when it does not know it.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn container(&self, id: &str) -> Result<Value> {
        let containers = self.ask(&["containers"])?;
        let containers = containers.as_array().context("a list")?;
        let mut containers = containers.iter();
        let known = containers.find(|it| it.get("id").is_some_and(|it| it == id));
        Ok(known.cloned().unwrap_or_default())
    }

    /// Ends it as the kubelet does, and removes its container.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn stop(self) -> Result<()> {
        let kill = ["tasks", "kill", "--signal", "SIGTERM", &self.name];
        self.node.ctr.call(&kill)?;
        wait::until("the agent's end", STOP_LIMIT, || {
            let tasks = self.node.ctr.call(&["tasks", "ls"])?;
            let mut tasks = tasks.lines();
            let running = tasks.any(|it| it.starts_with(&self.name) && it.contains("RUNNING"));
            Ok((!running).then_some(()))
        })
    }
}

impl Drop for AgentPod<'_> {
    fn drop(&mut self) {
        let ctr = &self.node.ctr;
        let _ = ctr.call(&["tasks", "delete", "--force", &self.name]);
        if let Err(error) = ctr.call(&["containers", "delete", &self.name]) {
            eprintln!("cannot clean up: {error:#}");
        }
    }
}
