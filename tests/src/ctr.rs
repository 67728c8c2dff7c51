//! Containers of containerd without Docker in between, which in older versions cannot give CAP_BPF or CAP_PERFMON. The
//! containerd is the one that the Docker engine runs on; its client `ctr` makes specifications as a Kubernetes node does.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::docker::run_name;
use crate::{tools, wait};

/// Where Docker's containerd listens: beside an engine that `cargo xtask` started, beside Debian's, or as a service.
const SOCKETS: [&str; 3] = [
    "/run/picket-docker/containerd/containerd.sock",
    "/run/docker/containerd/containerd.sock",
    "/run/containerd/containerd.sock",
];

/// Where containerd keeps bundles, below its state folder.
const TASKS: &str = "io.containerd.runtime.v2.task";

const REMOVAL_LIMIT: Duration = Duration::from_secs(10);

/// A connection to containerd, in a namespace of this run's own.
#[derive(Clone, Debug)]
pub struct Ctr {
    socket: PathBuf,
    namespace: String,
}

impl Ctr {
    /// The first containerd that answers.
    ///
    /// # Errors
    /// When none does.
    pub fn connect() -> Result<Self> {
        Self::of(run_name()).with_context(|| {
            format!(
                "no containerd answers `ctr` on {}; install containerd, and start Docker",
                SOCKETS.join(", ")
            )
        })
    }

    fn of(run: &str) -> Option<Self> {
        let connections = SOCKETS.iter().map(|socket| Self {
            socket: PathBuf::from(socket),
            namespace: format!("picket-{run}"),
        });
        connections
            .filter(|it| it.socket.exists())
            .find(|it| it.call(&["version"]).is_ok())
    }

    /// Where the Docker engine's containers have their bundles.
    ///
    /// # Errors
    /// When there is no such folder.
    pub fn bundles(&self) -> Result<PathBuf> {
        let folder = self.socket.parent().unwrap_or(Path::new("/"));
        let mut places = [folder.join("daemon"), folder.to_owned()]
            .map(|it| it.join(TASKS))
            .into_iter();
        places
            .find(|place| place.is_dir())
            .with_context(|| format!("{} has no bundles", folder.display()))
    }

    /// Runs `ctr` with the arguments and returns what it prints.
    ///
    /// # Errors
    /// When it cannot be run, or fails: with its own message.
    pub fn call<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Result<String> {
        let output = self.run(arguments)?;
        ensure!(
            output.status.success(),
            "ctr {:?} failed: {}",
            arguments.iter().map(AsRef::as_ref).collect::<Vec<_>>(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs `ctr` with the arguments to its end, which may be the end of a command in a container.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Result<Output> {
        let program = tools::find("ctr").context("there is no ctr; install containerd")?;
        let mut command = Command::new(program);
        command
            .arg("--address")
            .arg(&self.socket)
            .args(["--namespace", &self.namespace])
            .args(arguments)
            .stdin(Stdio::null());
        command.output().context("cannot run ctr")
    }

    /// Takes the image of an archive in, and returns its name.
    ///
    /// # Errors
    /// When containerd refuses it.
    pub fn import(&self, archive: &Path) -> Result<String> {
        let import = ["images".as_ref(), "import".as_ref(), archive.as_os_str()];
        self.call(&import)?;
        let names = self.call(&["images", "ls", "--quiet"])?;
        let mut names = names.lines().filter(|name| name.contains("/picket:"));
        let name = names.next().context("the archive has no image picket:…")?;
        Ok(name.to_owned())
    }
}

/// Removes all that a run has made in containerd.
pub fn sweep(run: &str) {
    let Some(ctr) = Ctr::of(run) else { return };
    let listed = |what: &str| ctr.call(&[what, "ls", "--quiet"]).unwrap_or_default();
    for name in listed("tasks").lines() {
        let _ = ctr.call(&["tasks", "delete", "--force", name]);
    }
    for name in listed("containers").lines() {
        let _ = ctr.call(&["containers", "delete", name]);
    }
    for name in listed("images").lines() {
        let _ = ctr.call(&["images", "delete", "--sync", name]);
    }
    // What images left is cleared away a moment later, and a namespace goes only without it.
    let _ = wait::until("an empty namespace", REMOVAL_LIMIT, || {
        ctr.call(&["namespaces", "remove", &ctr.namespace])
            .map(|_| Some(()))
    });
}
