//! containerd as a Kubernetes node has it: pods on a bridge, without a kubelet. It has a root, a state folder and a
//! socket of its own, and is gone when dropped, with its pods, its bridge and what it has mounted.

mod daemon;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use picket_cri::lookup::{ImageSpec, ListPodSandboxRequest};
use picket_cri::pod::{Image, ImageStatusRequest};

use self::daemon::{Daemon, gate, last_lines, log, program, socket};
use crate::cri::Cri;
use crate::docker::{run_name, unique};
use crate::image::Variant;
use crate::pod;
use crate::{image, tools, wait};

/// Does nothing, as the program that keeps a pod's namespaces.
const PAUSE: &str = r#"CMD ["sleep", "2147483647"]"#;

/// containerd's namespace of what the kubelet asks for.
const NAMESPACE: &str = "k8s.io";

/// The runtime handler whose containers wait at [`Gate`]s.
pub const GATED: &str = "gated";

/// How long an image may take to become known.
const IMAGE_LIMIT: Duration = Duration::from_secs(60);

/// A running containerd.
pub struct Containerd {
    cri: Arc<Cri>,
    daemon: Daemon,
    dir: tempfile::TempDir,
}

impl Containerd {
    /// Starts one, with an image for sandboxes.
    ///
    /// # Errors
    /// When it does not come up: with the end of its log.
    pub fn start() -> Result<Self> {
        let busybox = image::provide(image::BUSYBOX)?;
        let pause = Variant::changed(&busybox, &unique("pause"), PAUSE)?;
        let prefix = format!("picket-pods-{}-", run_name());
        let dir = tempfile::Builder::new().prefix(&prefix).tempdir()?;
        // Where the temporary folder cannot be the upper layer of another overlay, files are copied instead.
        let started = Daemon::start(dir.path(), &pause.tag, "overlayfs")
            .or_else(|_| Daemon::start(dir.path(), &pause.tag, "native"))?;
        let (daemon, cri) = started;
        let containerd = Self {
            cri: Arc::new(cri),
            daemon,
            dir,
        };
        containerd.import(&pause.tag)?;
        Ok(containerd)
    }

    /// Its calls.
    #[must_use]
    pub fn cri(&self) -> &Arc<Cri> {
        &self.cri
    }

    /// Where it serves them.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        socket(self.dir.path())
    }

    /// Its state folder, with the bundles of its containers.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// Where pods keep their logs.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.dir.path().join("pods")
    }

    /// What it logged, for the message of a failed test.
    #[must_use]
    pub fn evidence(&self) -> String {
        format!("--- containerd\n{}---", last_lines(&log(self.dir.path())))
    }

    /// Gives it an image of Docker's, and returns the reference by which pods name it.
    ///
    /// # Errors
    /// When either refuses.
    pub fn import(&self, tag: &str) -> Result<String> {
        let reference = format!("docker.io/{tag}");
        let mut save = Command::new("docker")
            .args(["save", tag])
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run docker")?;
        let archive = save.stdout.take().context("docker has no output")?;
        self.ctr(&["images", "import", "-"], Stdio::from(archive))?;
        let status = save.wait()?;
        ensure!(status.success(), "docker save {tag} failed ({status})");
        self.await_image(&reference, |_| true)?;
        Ok(reference)
    }

    /// As [`Containerd::import`], under the image's digest alone, as if a pod's specification had named it so.
    ///
    /// # Errors
    /// When either refuses.
    pub fn import_by_digest(&self, tag: &str) -> Result<String> {
        let reference = self.import(tag)?;
        let listed = self.ctr(
            &["images", "ls", &format!("name=={reference}")],
            Stdio::null(),
        )?;
        let digest = listed
            .split_whitespace()
            .find(|word| word.starts_with("sha256:"));
        let digest = digest.with_context(|| format!("ctr lists no digest: {listed}"))?;
        let (repository, _) = reference.rsplit_once(':').context("no tag")?;
        let pinned = format!("{repository}@{digest}");
        self.ctr(&["images", "tag", &reference, &pinned], Stdio::null())?;
        self.ctr(&["images", "rm", &reference], Stdio::null())?;
        self.await_image(&pinned, |image| image.repo_tags.is_empty())?;
        Ok(pinned)
    }

    /// Waits until the interface knows of an image what containerd does; it learns of it a moment later.
    fn await_image(&self, reference: &str, is_it: impl Fn(&Image) -> bool) -> Result<Image> {
        let request = ImageStatusRequest {
            image: Some(ImageSpec {
                image: reference.to_owned(),
                ..ImageSpec::default()
            }),
        };
        wait::until(&format!("image {reference}"), IMAGE_LIMIT, || {
            Ok(self.cri.call(request.clone())?.image.filter(&is_it))
        })
    }

    /// Runs a command in a container as `kubectl exec` has it run, and returns what it prints.
    ///
    /// # Errors
    /// When it fails.
    pub fn exec(&self, container: &str, command: &[&str]) -> Result<String> {
        let name = unique("exec");
        let head = ["tasks", "exec", "--exec-id", &name, container];
        self.ctr(&[&head, command].concat(), Stdio::null())
    }

    fn ctr(&self, arguments: &[&str], input: Stdio) -> Result<String> {
        let mut command = Command::new(program("ctr")?);
        command
            .arg("--address")
            .arg(self.socket())
            .args(["--namespace", NAMESPACE])
            .args(arguments)
            .stdin(input);
        let output = command.output().context("cannot run ctr")?;
        ensure!(
            output.status.success(),
            "ctr {} failed: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Shuts the gate: containers of the handler [`GATED`] are made from here on, and do not run before it is opened.
    ///
    /// # Errors
    /// When it is shut already.
    pub fn shut_gate(&self) -> Result<Gate> {
        let path = gate(self.dir.path());
        let made = Command::new("mkfifo").arg(&path).status()?;
        ensure!(made.success(), "cannot make {}", path.display());
        Ok(Gate { path })
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        if let Err(error) = self.remove_pods() {
            eprintln!("cannot remove pods: {error:#}");
        }
        self.daemon.stop();
        unmount_below(self.dir.path());
    }
}

impl Containerd {
    /// Removes the pods whose values were forgotten.
    fn remove_pods(&self) -> Result<()> {
        let all = ListPodSandboxRequest { filter: None };
        for sandbox in self.cri.call(all)?.items {
            pod::remove(&self.cri, &sandbox.id)?;
        }
        Ok(())
    }
}

/// What holds containers between their making and their first program.
pub struct Gate {
    path: PathBuf,
}

impl Gate {
    /// Lets the container that waits, or will, run its program.
    ///
    /// # Errors
    /// When the gate is gone.
    pub fn open(self) -> Result<()> {
        let mut gate = File::options().write(true).open(&self.path)?;
        gate.write_all(b"go on\n").context("cannot open the gate")
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        // One that is already waiting has it open, and goes on when the test's end is the containers' end.
        let _ = fs::remove_file(&self.path);
    }
}

/// Why there can be no pods here, if so.
#[must_use]
pub fn obstacle() -> Option<String> {
    let missing: Vec<&str> = tools::POD_PROGRAMS
        .iter()
        .filter(|(program, _)| tools::find(program).is_none())
        .map(|(program, _)| *program)
        .collect();
    (!missing.is_empty()).then(|| {
        format!(
            "needs {}: `cargo xtask test` installs what is missing",
            missing.join(", ")
        )
    })
}

/// Unmounts what is still mounted below a folder, so that it can be removed; the deepest first.
fn unmount_below(dir: &Path) {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let prefix = format!("{}/", dir.display());
    let below = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .filter(|path| path.starts_with(&prefix));
    for path in below.collect::<Vec<_>>().into_iter().rev() {
        let _ = Command::new("umount").args(["--lazy", path]).status();
    }
}
