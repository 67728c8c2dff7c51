//! The daemon itself: its configuration, its start and its end.

use std::env;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio, id};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use picket_cri::pod::VersionRequest;

use super::GATED;
use crate::cri::Cri;
use crate::{tools, wait};

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// The process, and the bridge that it makes.
pub(super) struct Daemon {
    process: Child,
    bridge: String,
}

impl Daemon {
    /// Starts it in a folder, and waits until it serves the interface.
    pub(super) fn start(dir: &Path, pause: &str, snapshotter: &str) -> Result<(Self, Cri)> {
        let bridge = format!("pods{}", id());
        fs::create_dir_all(dir.join("cni"))?;
        fs::write(dir.join("cni/pods.conflist"), network(dir, &bridge))?;
        fs::write(dir.join("runc"), gatekeeper(dir)?)?;
        fs::set_permissions(dir.join("runc"), fs::Permissions::from_mode(0o755))?;
        let config = dir.join("config.toml");
        fs::write(&config, configuration(dir, pause, snapshotter)?)?;
        let output = File::create(log(dir))?;
        let process = Command::new(program("containerd")?)
            .arg("--config")
            .arg(&config)
            .env("PATH", path_with_administration())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("cannot run containerd")?;
        let mut daemon = Self { process, bridge };
        let cri = wait::until("containerd's start", START_LIMIT, || {
            if let Some(status) = daemon.process.try_wait()? {
                return Ok(Some(Err(format!("it ended ({status})"))));
            }
            let cri = Cri::connect(&socket(dir))?;
            Ok(Some(match cri.call(VersionRequest {}) {
                Ok(_) => Ok(cri),
                Err(error) => Err(error.to_string()),
            }))
        });
        match cri {
            Ok(Ok(cri)) => Ok((daemon, cri)),
            Ok(Err(reason)) => {
                daemon.stop();
                bail!(
                    "containerd with {snapshotter}: {reason}\n{}",
                    last_lines(&log(dir))
                )
            }
            Err(error) => {
                daemon.stop();
                Err(error.context(last_lines(&log(dir))))
            }
        }
    }

    pub(super) fn stop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            let pid = libc::pid_t::try_from(self.process.id()).unwrap_or_default();
            // SAFETY: kill has no memory preconditions; the child has not been waited for, so that the pid is its own.
            unsafe { libc::kill(pid, libc::SIGTERM) };
            let ended = wait::until("containerd's end", STOP_LIMIT, || {
                Ok(self.process.try_wait()?)
            });
            if ended.is_err() {
                let _ = self.process.kill();
                let _ = self.process.wait();
            }
        }
        // Made with the first pod.
        if Path::new("/sys/class/net").join(&self.bridge).exists() {
            let _ = Command::new("ip")
                .args(["link", "delete", &self.bridge])
                .status();
        }
    }
}

pub(super) fn socket(dir: &Path) -> PathBuf {
    dir.join("containerd.sock")
}

pub(super) fn log(dir: &Path) -> PathBuf {
    dir.join("containerd.log")
}

pub(super) fn gate(dir: &Path) -> PathBuf {
    dir.join("gate")
}

pub(super) fn program(name: &str) -> Result<PathBuf> {
    tools::find(name).with_context(|| format!("there is no {name}"))
}

fn configuration(dir: &Path, pause: &str, snapshotter: &str) -> Result<String> {
    let plugins = program("bridge")?;
    let plugins = plugins.parent().context("bridge is nowhere")?.display();
    let runc = program("runc")?;
    let (runc, dir) = (runc.display(), dir.display());
    Ok(format!(
        r#"version = 2
root = "{dir}/root"
state = "{dir}/state"
[grpc]
  address = "{dir}/containerd.sock"
[ttrpc]
  address = "{dir}/containerd.sock.ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/{pause}"
  # Raising a container's chance to be killed takes a capability that containers may lack.
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{dir}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{snapshotter}"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "{runc}"
        SystemdCgroup = false
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{GATED}]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{GATED}.options]
        BinaryName = "{dir}/runc"
        SystemdCgroup = false
"#
    ))
}

/// Stands for runc, and lets no container start while there is a gate: who reads from it waits for who opens it.
fn gatekeeper(dir: &Path) -> Result<String> {
    let (runc, gate) = (program("runc")?, gate(dir));
    let (runc, gate) = (runc.display(), gate.display());
    Ok(format!(
        "#!/bin/sh\n\
         case \" $* \" in *' start '*) [ ! -p {gate} ] || read -r _ <{gate} ;; esac\n\
         exec {runc} \"$@\"\n"
    ))
}

/// A bridge to this machine alone. What the plugins remember is in the folder too.
fn network(dir: &Path, bridge: &str) -> String {
    // Runs side by side must not share a network.
    let subnet = format!("10.89.{}.0/24", id() % 256);
    serde_json::json!({
        "cniVersion": "0.4.0",
        "name": bridge,
        "plugins": [{
            "type": "bridge",
            "bridge": bridge,
            "isGateway": true,
            "ipMasq": false,
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": subnet}]],
                "routes": [{"dst": "0.0.0.0/0"}],
                "dataDir": dir.join("addresses"),
            },
        }],
    })
    .to_string()
}

/// A user's search path may lack the administrator's directories, where runc and what the network's plugins run are.
fn path_with_administration() -> String {
    let path = env::var("PATH").unwrap_or_default();
    let unpacked = tools::workspace().join(tools::UNPACKED).join("usr/bin");
    format!(
        "{path}:/usr/sbin:/sbin:{}:{}",
        unpacked.display(),
        unpacked.with_file_name("sbin").display()
    )
}

pub(super) fn last_lines(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.len().saturating_sub(20);
    lines.get(first..).unwrap_or_default().join("\n")
}
