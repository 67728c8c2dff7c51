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
    /// Image digest or id (`sha256:…`); empty when no source knows it.
    pub image_digest: String,
    /// Labels and annotations that selection may match.
    pub labels: std::collections::BTreeMap<String, String>,
    /// Device paths in the container's specification.
    pub devices: Vec<String>,
    /// Where the identity came from: `bundle`, `docker`, `cri`, `path`.
    pub source: String,
    /// When the container was discovered, Unix milliseconds.
    pub discovered_ms: i64,
}

/// `Container::workload_kind` of what no Kubernetes runs.
pub const OUTSIDE_KUBERNETES: &str = "Container";

impl Container {
    /// Whether the container is known to belong to a Kubernetes pod.
    #[must_use]
    pub fn in_kubernetes(&self) -> bool {
        self.workload_kind != OUTSIDE_KUBERNETES
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
    }
}
