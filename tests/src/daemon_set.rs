//! The agent's DaemonSet, read so that another runtime gives its container exactly what a node would.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::tools::workspace;

/// The manifest, below the workspace.
const MANIFEST: &str = "deploy/kubernetes/base/daemonset.yaml";

/// What containerd gives containers where nothing is said (`oci/spec.go`, `defaultUnixCaps`).
const DEFAULT_CAPABILITIES: [&str; 14] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
];

/// A pod's part of the manifest. What is not here, a node's runtime does not see.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSpec {
    #[serde(rename = "hostPID")]
    host_pid: bool,
    host_network: bool,
    security_context: PodSecurity,
    containers: Vec<Container>,
    volumes: Vec<Volume>,
}

#[derive(Debug, Deserialize)]
struct DaemonSet {
    spec: DaemonSetSpec,
}

#[derive(Debug, Deserialize)]
struct DaemonSetSpec {
    template: Template,
}

#[derive(Debug, Deserialize)]
struct Template {
    spec: PodSpec,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PodSecurity {
    seccomp_profile: Profile,
}

#[derive(Debug, Deserialize)]
struct Profile {
    r#type: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    args: Vec<String>,
    #[serde(default)]
    env: Vec<Variable>,
    security_context: Security,
    resources: Resources,
    volume_mounts: Vec<Mount>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Variable {
    name: String,
    value: Option<String>,
    value_from: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Security {
    run_as_user: u32,
    run_as_group: u32,
    privileged: bool,
    allow_privilege_escalation: bool,
    read_only_root_filesystem: bool,
    app_armor_profile: Profile,
    /// Applied by the runtime where the node has SELinux.
    #[serde(rename = "seLinuxOptions")]
    _se_linux_options: serde_json::Value,
    capabilities: Capabilities,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Capabilities {
    drop: Vec<String>,
    add: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Resources {
    requests: Amounts,
    limits: Limits,
}

#[derive(Debug, Deserialize)]
struct Amounts {
    cpu: String,
    memory: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    memory: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Mount {
    name: String,
    mount_path: String,
    #[serde(default)]
    read_only: bool,
    mount_propagation: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Volume {
    name: String,
    host_path: Option<HostPath>,
    config_map: Option<serde_json::Value>,
    empty_dir: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HostPath {
    path: PathBuf,
    r#type: String,
}

/// Where the machine of the tests has what a node has elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// Keeps what a node keeps in `/var/lib/picket`, the configuration, and volumes that live with the pod.
    pub home: &'a Path,
    /// The bundles of the runtime.
    pub bundles: &'a Path,
}

impl PodSpec {
    /// The one of `deploy/kubernetes/base`.
    ///
    /// # Errors
    /// When it cannot be read, or says something that this does not know how to do.
    pub fn read() -> Result<Self> {
        let path = workspace().join(MANIFEST);
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let manifest: DaemonSet = serde_saphyr::from_str(&text).context(MANIFEST)?;
        Ok(manifest.spec.template.spec)
    }

    fn container(&self) -> Result<&Container> {
        match self.containers.as_slice() {
            [container] => Ok(container),
            several => bail!("{MANIFEST} has {} containers, not one", several.len()),
        }
    }

    /// The agent's arguments.
    ///
    /// # Errors
    /// When there is not exactly one container.
    pub fn arguments(&self) -> Result<&[String]> {
        Ok(&self.container()?.args)
    }

    /// The capabilities that are added.
    ///
    /// # Errors
    /// When there is not exactly one container.
    pub fn capabilities(&self) -> Result<&[String]> {
        Ok(&self.container()?.security_context.capabilities.add)
    }

    /// The requested CPU time, in cores, and memory, in bytes.
    ///
    /// # Errors
    /// When an amount is not written in millicores or mebibytes.
    pub fn requests(&self) -> Result<(f64, u64)> {
        let requests = &self.container()?.resources.requests;
        let cpu = requests.cpu.strip_suffix('m').context("CPU not in m")?;
        Ok((cpu.parse::<f64>()? / 1000.0, mebibytes(&requests.memory)?))
    }

    /// Options for `ctr run` that give a container what the manifest says, with these capabilities added. Its network is
    /// that of the process `sandbox`.
    ///
    /// # Errors
    /// When the manifest says something that `ctr` cannot do.
    pub fn options(
        &self,
        capabilities: &[String],
        sandbox: &str,
        places: Places<'_>,
    ) -> Result<Vec<String>> {
        let container = self.container()?;
        let security = &container.security_context;
        ensure!(
            (security.run_as_user, security.run_as_group) == (0, 0),
            "ctr runs images as the user that they name: root"
        );
        ensure!(!security.privileged, "{MANIFEST} asks for everything");
        ensure!(!self.host_network, "{MANIFEST} asks for the node's network");
        ensure!(
            security.app_armor_profile.r#type == "Unconfined",
            "ctr applies no AppArmor profile unless told"
        );
        let seccomp = &self.security_context.seccomp_profile.r#type;
        ensure!(seccomp == "RuntimeDefault", "seccomp profile {seccomp}?");
        ensure!(security.capabilities.drop == ["ALL"], "not all dropped");

        let mut options = vec!["--seccomp".to_owned()];
        let mut option = |name: &str, value: String| options.extend([format!("--{name}"), value]);
        for name in DEFAULT_CAPABILITIES {
            option("cap-drop", format!("CAP_{name}"));
        }
        for name in capabilities {
            option("cap-add", format!("CAP_{name}"));
        }
        option("with-ns", format!("network:/proc/{sandbox}/ns/net"));
        if self.host_pid {
            // Of this process, which is the node's.
            option(
                "with-ns",
                format!("pid:/proc/{}/ns/pid", std::process::id()),
            );
        }
        let (cpu, _) = self.requests()?;
        option("cpu-shares", format!("{:.0}", cpu * 1024.0));
        let limit = mebibytes(&container.resources.limits.memory)?;
        option("memory-limit", limit.to_string());
        for variable in &container.env {
            option("env", variable.setting()?);
        }
        for mount in &container.volume_mounts {
            option("mount", self.mount(mount, places)?);
        }
        if security.read_only_root_filesystem {
            options.push("--read-only".to_owned());
        }
        if security.allow_privilege_escalation {
            options.push("--allow-new-privs".to_owned());
        }
        Ok(options)
    }

    fn mount(&self, mount: &Mount, places: Places<'_>) -> Result<String> {
        let name = &mount.name;
        let mut volumes = self.volumes.iter();
        let volume = volumes.find(|volume| &volume.name == name);
        let volume = volume.with_context(|| format!("no volume {name}"))?;
        let source = match (&volume.host_path, &volume.config_map, &volume.empty_dir) {
            (Some(path), None, None) => path.on(places)?,
            (None, Some(_), None) | (None, None, Some(_)) => {
                let folder = places.home.join(name);
                fs::create_dir_all(&folder)?;
                folder
            }
            _ => bail!("volume {name} is of more kinds than one, or of none"),
        };
        let access = if mount.read_only { "ro" } else { "rw" };
        let propagation = match mount.mount_propagation.as_deref() {
            None => "rprivate",
            Some("HostToContainer") => "rslave",
            Some(other) => bail!("volume {name} asks for propagation {other}"),
        };
        Ok(format!(
            "type=bind,src={},dst={},options=rbind:{access}:{propagation}",
            source.display(),
            mount.mount_path
        ))
    }
}

impl HostPath {
    fn on(&self, places: Places<'_>) -> Result<PathBuf> {
        let path = if self.path.starts_with("/run") {
            places.bundles.to_owned()
        } else if self.path.starts_with("/var/lib") {
            places.home.join("state")
        } else {
            self.path.clone()
        };
        match self.r#type.as_str() {
            "Directory" => ensure!(path.is_dir(), "{} is no directory", path.display()),
            "DirectoryOrCreate" => fs::create_dir_all(&path)?,
            other => bail!("a path of type {other}"),
        }
        Ok(path)
    }
}

impl Variable {
    fn setting(&self) -> Result<String> {
        let name = &self.name;
        let path = self.value_from.as_ref();
        let path = path.and_then(|it| it.pointer("/fieldRef/fieldPath")?.as_str());
        match (&self.value, path) {
            (Some(value), None) => Ok(format!("{name}={value}")),
            (None, Some("spec.nodeName")) => Ok(format!("{name}=node")),
            _ => bail!("the tests cannot set the variable {name}"),
        }
    }
}

fn mebibytes(amount: &str) -> Result<u64> {
    let number = amount.strip_suffix("Mi");
    let number = number.with_context(|| format!("{amount} is not in Mi"))?;
    Ok(number.parse::<u64>()? << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_becomes_options() -> Result<()> {
        let home = tempfile::tempdir()?;
        let places = Places {
            home: home.path(),
            bundles: home.path(),
        };
        let pod = PodSpec::read()?;
        let options = pod.options(pod.capabilities()?, "1", places)?.join(" ");
        for part in [
            "--read-only",
            "--seccomp",
            "--cap-drop CAP_CHOWN",
            "--cap-add CAP_BPF",
            "--cap-add CAP_PERFMON",
            "--with-ns network:/proc/1/ns/net",
            "--with-ns pid:/proc/",
            "src=/sys/fs/bpf,dst=/sys/fs/bpf,options=rbind:rw:rprivate",
        ] {
            assert!(options.contains(part), "no {part} in {options}");
        }
        assert!(!options.contains("--allow-new-privs"), "{options}");
        assert!(!options.contains("--privileged"), "{options}");
        Ok(())
    }
}
