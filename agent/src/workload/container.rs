//! A container as the rest of Picket knows it.

use serde::{Deserialize, Serialize};

use crate::observe::event::CgroupId;

/// Container runtime, as far as the cgroup path or the bundle tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Runtime {
    /// Docker engine.
    Docker,
    /// containerd through CRI or nerdctl.
    Containerd,
    /// CRI-O.
    CriO,
    /// Podman.
    Podman,
    /// Not recognised.
    Unknown,
}

impl Runtime {
    /// The runtime's name; also the `namespace` label of containers outside Kubernetes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Containerd => "containerd",
            Self::CriO => "cri-o",
            Self::Podman => "podman",
            Self::Unknown => "unknown",
        }
    }
}

/// What a container is in its pod, as the pod's specification says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Not known: outside Kubernetes, or where the API server has not told.
    #[default]
    Unknown,
    /// One of the containers for which the pod is there.
    Main,
    /// Runs to its end before the main ones start.
    Init,
    /// An init container that stays (`restartPolicy: Always`).
    Sidecar,
    /// Added to the running pod, as `kubectl debug` does.
    Ephemeral,
}

impl Role {
    /// Every role by which containers can be chosen.
    pub const KNOWN: [Self; 4] = [Self::Main, Self::Init, Self::Sidecar, Self::Ephemeral];

    /// The role's name; empty where it is not known.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::Main => "main",
            Self::Init => "init",
            Self::Sidecar => "sidecar",
            Self::Ephemeral => "ephemeral",
        }
    }
}

/// Identity of one running container. Outside Kubernetes `namespace` is the runtime's name, `pod` and `name` the
/// container's name, and `workload` too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Its cgroup (the container's own, not a nested one).
    pub cgroup: CgroupId,
    /// Full container id, normally 64 hex digits.
    pub id: String,
    /// Runtime.
    pub runtime: Runtime,
    /// Kubernetes namespace, or the runtime's name.
    pub namespace: String,
    /// Pod name, or the container's name.
    pub pod: String,
    /// Pod uid; empty outside Kubernetes.
    pub pod_uid: String,
    /// Container name.
    pub name: String,
    /// What the container belongs to and what its replicas share (Deployment, ...); outside Kubernetes its name.
    pub workload: String,
    /// Kind of the workload (`Deployment`, ...); `Container` outside Kubernetes.
    pub workload_kind: String,
    /// Image reference as the user wrote it.
    pub image: String,
    /// Image digest or id (`sha256:…`) as it is known when the container starts, so that it can be a part of the
    /// baseline's key; empty when no source knows it. [`Container::digest`] is the one to show.
    pub image_digest: String,
    /// Labels and annotations that selection may match.
    pub labels: std::collections::BTreeMap<String, String>,
    /// Device paths in the container's specification.
    pub devices: Vec<String>,
    /// Where the identity came from: `bundle`, `docker`, `cri`, `api`, `path`.
    pub source: String,
    /// When the container was discovered, Unix milliseconds.
    pub discovered_ms: i64,
    /// What it is in its pod.
    #[serde(default)]
    pub role: Role,
    /// The serving stack it was recognised by; empty when by none.
    #[serde(default)]
    pub serving_stack: String,
    /// Names of the extended resources (accelerators and the like) that it was promised: `nvidia.com/gpu`.
    #[serde(default)]
    pub resources: Vec<String>,
    /// Image digest that the API server tells some seconds after the start; empty when it does not.
    #[serde(default)]
    pub reported_digest: String,
}

/// `Container::workload_kind` of what no Kubernetes runs.
pub const OUTSIDE_KUBERNETES: &str = "Container";

impl Container {
    /// Whether the container is known to belong to a Kubernetes pod.
    #[must_use]
    pub fn in_kubernetes(&self) -> bool {
        self.workload_kind != OUTSIDE_KUBERNETES
    }

    /// The image's digest or id, from whichever source knows it; empty when none does.
    #[must_use]
    pub fn digest(&self) -> &str {
        if self.image_digest.is_empty() {
            &self.reported_digest
        } else {
            &self.image_digest
        }
    }
}

/// A container of Docker without an image, for tests to change.
#[cfg(test)]
pub(super) fn sample() -> Container {
    Container {
        cgroup: CgroupId(7),
        id: "4d4b49dcf9104400e66aa22582cdf6ecfb6ffefaa942fb18f630207343b39000".to_owned(),
        runtime: Runtime::Docker,
        namespace: "docker".to_owned(),
        pod: "my-server".to_owned(),
        pod_uid: String::new(),
        name: "my-server".to_owned(),
        workload: "my-server".to_owned(),
        workload_kind: OUTSIDE_KUBERNETES.to_owned(),
        image: String::new(),
        image_digest: String::new(),
        labels: std::collections::BTreeMap::new(),
        devices: Vec::new(),
        source: "path".to_owned(),
        discovered_ms: 0,
        role: Role::Unknown,
        serving_stack: String::new(),
        resources: Vec::new(),
        reported_digest: String::new(),
    }
}
