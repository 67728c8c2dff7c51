//! Pods, made through the Container Runtime Interface with what the kubelet gives them.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use picket_cri::lookup::{
    ContainerMetadata, ContainerState, ContainerStatus, ContainerStatusRequest, ImageSpec,
    PodSandboxMetadata,
};
use picket_cri::pod::{
    ContainerConfig, CreateContainerRequest, ExecSyncRequest, ExecSyncResponse, KeyValue,
    LinuxContainerConfig, LinuxContainerResources, LinuxContainerSecurityContext,
    LinuxPodSandboxConfig, LinuxSandboxSecurityContext, NamespaceMode, NamespaceOption,
    PodSandboxConfig, PodSandboxStatusRequest, RemoveContainerRequest, RemovePodSandboxRequest,
    RunPodSandboxRequest, StartContainerRequest, StopContainerRequest, StopPodSandboxRequest,
};

use crate::containerd::Containerd;
use crate::cri::Cri;
use crate::wait;

const END_LIMIT: Duration = Duration::from_secs(30);

/// How long a container may take to end by itself, in seconds.
const GRACE: i64 = 2;

/// How to make a pod.
#[derive(Clone, Copy)]
pub struct Spec<'a> {
    /// Namespace.
    pub namespace: &'a str,
    /// Name.
    pub name: &'a str,
    /// Uid.
    pub uid: &'a str,
    /// Labels.
    pub labels: &'a [(&'a str, &'a str)],
    /// The runtime's configuration that runs it; empty for the default.
    pub handler: &'a str,
}

/// A fresh pod uid.
///
/// # Errors
/// When the kernel has none.
pub fn uid() -> Result<String> {
    let uid = fs::read_to_string("/proc/sys/kernel/random/uuid")?;
    Ok(uid.trim().to_owned())
}

/// How to make a container.
#[derive(Clone, Copy)]
pub struct ContainerSpec<'a> {
    /// Name in the pod.
    pub name: &'a str,
    /// Image.
    pub image: &'a str,
    /// How often it was started anew.
    pub attempt: u32,
    /// Environment variables, `NAME=value`.
    pub environment: &'a [String],
    /// Command instead of the image's own.
    pub command: &'a [&'a str],
    /// A container whose processes it shares, as an ephemeral container may.
    pub target: Option<&'a Container>,
}

impl<'a> ContainerSpec<'a> {
    /// A first container that runs this.
    #[must_use]
    pub const fn new(name: &'a str, image: &'a str, command: &'a [&'a str]) -> Self {
        Self {
            name,
            image,
            attempt: 0,
            environment: &[],
            command,
            target: None,
        }
    }
}

/// A pod, removed with its containers and its cgroup when dropped.
pub struct Pod {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Uid.
    pub uid: String,
    /// Id of its sandbox.
    pub id: String,
    config: PodSandboxConfig,
    cri: Arc<Cri>,
}

impl Pod {
    /// Makes a pod without containers.
    ///
    /// # Errors
    /// When the runtime refuses.
    pub fn run(node: &Containerd, spec: &Spec<'_>) -> Result<Self> {
        let Spec {
            namespace,
            name,
            uid,
            labels,
            handler,
        } = *spec;
        let log_directory = node.logs().join(format!("{namespace}_{name}_{uid}"));
        fs::create_dir_all(&log_directory)?;
        let own = own_labels(namespace, name, uid);
        let given = labels.iter().copied().map(owned);
        let config = PodSandboxConfig {
            metadata: Some(PodSandboxMetadata {
                name: name.to_owned(),
                uid: uid.to_owned(),
                namespace: namespace.to_owned(),
                attempt: 0,
            }),
            hostname: name.to_owned(),
            log_directory: log_directory.to_string_lossy().into_owned(),
            labels: given.chain(own).collect(),
            annotations: [("kubernetes.io/config.source", "api")].map(owned).into(),
            linux: Some(LinuxPodSandboxConfig {
                cgroup_parent: format!("/kubepods/burstable/pod{uid}"),
                security_context: Some(LinuxSandboxSecurityContext {
                    namespace_options: Some(own_processes()),
                }),
            }),
        };
        let run = RunPodSandboxRequest {
            config: Some(config.clone()),
            runtime_handler: handler.to_owned(),
        };
        let answer = node.cri().call(run)?;
        Ok(Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: uid.to_owned(),
            id: answer.pod_sandbox_id,
            config,
            cri: Arc::clone(node.cri()),
        })
    }

    /// Its address.
    ///
    /// # Errors
    /// When it has none.
    pub fn address(&self) -> Result<IpAddr> {
        let status = self.cri.call(PodSandboxStatusRequest {
            pod_sandbox_id: self.id.clone(),
        })?;
        let network = status.status.and_then(|status| status.network);
        let address = network.with_context(|| format!("pod {} has no network", self.name))?;
        let address = address.ip.parse();
        address.with_context(|| format!("pod {} has no address", self.name))
    }

    /// Makes a container in it and starts it.
    ///
    /// # Errors
    /// When the runtime refuses.
    pub fn start(&self, spec: &ContainerSpec<'_>) -> Result<Container> {
        let container = self.create(spec)?;
        container.start()?;
        Ok(container)
    }

    /// Makes a container in it that does not run yet.
    ///
    /// # Errors
    /// When the runtime refuses.
    pub fn create(&self, spec: &ContainerSpec<'_>) -> Result<Container> {
        let ContainerSpec {
            name,
            image,
            attempt,
            environment,
            command,
            target,
        } = *spec;
        let logs = Path::new(&self.config.log_directory);
        fs::create_dir_all(logs.join(name))?;
        let log = format!("{name}/{attempt}.log");
        // Of the pod's labels a container gets none.
        let labels = own_labels(&self.namespace, &self.name, &self.uid)
            .into_iter()
            .chain([owned(("io.kubernetes.container.name", name))]);
        let restarts = attempt.to_string();
        let annotations = [
            ("io.kubernetes.container.hash", "5d1f2f6e"),
            ("io.kubernetes.container.restartCount", &restarts),
            (
                "io.kubernetes.container.terminationMessagePath",
                "/dev/termination-log",
            ),
        ];
        let variables = environment.iter().filter_map(|it| it.split_once('='));
        let config = ContainerConfig {
            metadata: Some(ContainerMetadata {
                name: name.to_owned(),
                attempt,
            }),
            image: Some(ImageSpec {
                image: image.to_owned(),
                user_specified_image: image.to_owned(),
            }),
            command: command.iter().map(|&word| word.to_owned()).collect(),
            envs: variables
                .map(|(key, value)| KeyValue {
                    key: key.to_owned(),
                    value: value.to_owned(),
                })
                .collect(),
            labels: labels.collect(),
            annotations: annotations.map(owned).into(),
            log_path: log.clone(),
            linux: Some(LinuxContainerConfig {
                resources: Some(LinuxContainerResources {
                    cpu_period: 100_000,
                    cpu_quota: 100_000,
                    memory_limit_in_bytes: 1 << 30,
                }),
                security_context: Some(LinuxContainerSecurityContext {
                    namespace_options: Some(target.map_or_else(own_processes, processes_of)),
                }),
            }),
        };
        let answer = self.cri.call(CreateContainerRequest {
            pod_sandbox_id: self.id.clone(),
            config: Some(config),
            sandbox_config: Some(self.config.clone()),
        })?;
        Ok(Container {
            id: answer.container_id,
            name: name.to_owned(),
            log: logs.join(log),
            cri: Arc::clone(&self.cri),
        })
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.cri, &self.id) {
            eprintln!("cannot remove pod {}: {error:#}", self.name);
        }
        remove_cgroups(&self.uid);
    }
}

/// Ends a pod and removes it.
pub(crate) fn remove(cri: &Cri, sandbox: &str) -> Result<()> {
    cri.call(StopPodSandboxRequest {
        pod_sandbox_id: sandbox.to_owned(),
    })?;
    cri.call(RemovePodSandboxRequest {
        pod_sandbox_id: sandbox.to_owned(),
    })?;
    Ok(())
}

/// The kubelet removes a pod's cgroup, and keeps those above.
fn remove_cgroups(uid: &str) {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let hierarchies = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let root = fields.next()?;
        fields.next()?.starts_with("cgroup").then_some(root)
    });
    for root in hierarchies {
        let class = Path::new(root).join("kubepods/burstable");
        let _ = fs::remove_dir(class.join(format!("pod{uid}")));
        // Others' pods may still be in these.
        let _ = fs::remove_dir(&class);
        let _ = fs::remove_dir(Path::new(root).join("kubepods"));
    }
}

/// A container of a pod, which removes it.
pub struct Container {
    /// Its id.
    pub id: String,
    /// Its name in the pod.
    pub name: String,
    log: PathBuf,
    cri: Arc<Cri>,
}

impl Container {
    /// Starts it, after it was made. Returns when its program runs.
    ///
    /// # Errors
    /// When the runtime refuses.
    pub fn start(&self) -> Result<()> {
        self.cri.call(StartContainerRequest {
            container_id: self.id.clone(),
        })?;
        Ok(())
    }

    /// What the runtime knows of it.
    ///
    /// # Errors
    /// When the runtime does not know it.
    pub fn status(&self) -> Result<ContainerStatus> {
        let status = self.cri.call(ContainerStatusRequest {
            container_id: self.id.clone(),
        })?;
        status.status.context("a status without content")
    }

    /// Waits for its program to end and returns the exit code.
    ///
    /// # Errors
    /// When it does not.
    pub fn await_end(&self) -> Result<i32> {
        let what = format!("the end of container {}", self.name);
        wait::until(&what, END_LIMIT, || {
            let status = self.status()?;
            Ok((status.state() == ContainerState::Exited).then_some(status.exit_code))
        })
    }

    /// Runs a command in it to its end, as an exec probe does.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn probe(&self, command: &[&str]) -> Result<ExecSyncResponse> {
        let answer = self.cri.call(ExecSyncRequest {
            container_id: self.id.clone(),
            cmd: command.iter().map(|&word| word.to_owned()).collect(),
            timeout: 30,
        });
        Ok(answer?)
    }

    /// Ends it and removes it.
    ///
    /// # Errors
    /// When the runtime refuses.
    pub fn remove(self) -> Result<()> {
        self.cri.call(StopContainerRequest {
            container_id: self.id.clone(),
            timeout: GRACE,
        })?;
        self.cri.call(RemoveContainerRequest {
            container_id: self.id,
        })?;
        Ok(())
    }

    /// What it printed, as the runtime logs it.
    #[must_use]
    pub fn logs(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// What the kubelet gives pods and containers alike.
fn own_labels(namespace: &str, name: &str, uid: &str) -> [(String, String); 3] {
    [
        ("io.kubernetes.pod.namespace", namespace),
        ("io.kubernetes.pod.name", name),
        ("io.kubernetes.pod.uid", uid),
    ]
    .map(owned)
}

fn owned((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

/// A pod's containers share its network, and not their processes.
fn own_processes() -> NamespaceOption {
    NamespaceOption {
        network: NamespaceMode::Pod.into(),
        pid: NamespaceMode::Container.into(),
        target_id: String::new(),
    }
}

fn processes_of(container: &Container) -> NamespaceOption {
    NamespaceOption {
        pid: NamespaceMode::Target.into(),
        target_id: container.id.clone(),
        ..own_processes()
    }
}
