//! Puts a container's identity together from its cgroup path, its OCI bundle, the engine or runtime that keeps it, and what
//! the API server of Kubernetes has told by then.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bundle::{self, Bundle, Location};
use super::cgroup_path::{self, CgroupContainer};
use super::container::{Container, OUTSIDE_KUBERNETES, Role, Runtime};
#[cfg(feature = "cri")]
use super::cri;
use super::docker::{self, Details};
use super::image;
use super::kubernetes::{self, PodContainer};
use super::lookups::{Lookups, Source};
use super::pod_store::PodStore;
use super::recognition;
use crate::observe::event::CgroupId;

/// Podman's Docker-compatible API.
const PODMAN_SOCKET: &str = "/run/podman/podman.sock";

/// How much of a container id serves as its name where nothing better is known, as the runtimes' tools show it.
const SHORT_ID: usize = 12;

/// Finds out which container a cgroup is.
#[derive(Debug)]
pub struct Resolver {
    locations: Vec<Location>,
    docker_socket: PathBuf,
    #[cfg(feature = "cri")]
    cri_sockets: Vec<PathBuf>,
    pods: Arc<PodStore>,
    lookups: Lookups,
}

impl Resolver {
    /// A resolver that looks for bundles in the runtimes' default folders and in `runtime_dirs`, and asks the Docker
    /// engine at `docker_socket`, if there is one.
    #[must_use]
    pub fn new(runtime_dirs: &[PathBuf], docker_socket: impl Into<PathBuf>) -> Self {
        Self {
            locations: bundle::locations(runtime_dirs),
            docker_socket: docker_socket.into(),
            #[cfg(feature = "cri")]
            cri_sockets: Vec::new(),
            pods: Arc::default(),
            lookups: Lookups::default(),
        }
    }

    /// The same, which also asks the container runtimes of pods at `cri_sockets`, the first that knows the container.
    #[cfg(feature = "cri")]
    #[must_use]
    pub fn asking(self, cri_sockets: &[PathBuf]) -> Self {
        Self {
            cri_sockets: cri_sockets.to_vec(),
            ..self
        }
    }

    /// How often each source was asked, and how often it failed.
    #[must_use]
    pub const fn lookups(&self) -> &Lookups {
        &self.lookups
    }

    /// The same, with these pods.
    #[must_use]
    pub fn with_pods(self, pods: Arc<PodStore>) -> Self {
        Self { pods, ..self }
    }

    /// What the API server tells of pods; empty until somebody asks it.
    #[must_use]
    pub const fn pods(&self) -> &Arc<PodStore> {
        &self.pods
    }

    /// A container as it is described by now, if that is not as it was.
    #[must_use]
    pub fn described_anew(&self, container: &Container) -> Option<Container> {
        let mut described = container.clone();
        self.pods.describe(&mut described)?;
        described.serving_stack = recognition::serving_stack(&described).to_owned();
        (described != *container).then_some(described)
    }

    /// The container to which the cgroup at `path` belongs. Never fails: what no source knows stays as the path has
    /// it, and `Container::source` says where the identity came from. Takes little more than [`docker::TIMEOUT`] at
    /// most, and twice that where a pod's container has no bundle that can be read.
    pub async fn resolve(&self, cgroup: CgroupId, path: &str) -> Container {
        let known = match cgroup_path::parse(path) {
            Some(by_path) => self.look_up(by_path).await,
            None => Known::nothing(path),
        };
        let mut container = known.container(cgroup, jiff::Timestamp::now().as_millisecond());
        // The API knows no sandboxes.
        if !kubernetes::is_sandbox(&container.labels)
            && let Some(found) = self.pods.describe(&mut container)
        {
            self.lookups.count(Source::Api, found);
        }
        container.serving_stack = recognition::serving_stack(&container).to_owned();
        container
    }

    async fn look_up(&self, by_path: CgroupContainer) -> Known {
        let (bundle, trouble) = match bundle::find(&self.locations, &by_path.id).await {
            Ok(bundle) => (bundle, None),
            Err(error) => (None, Some(error)),
        };
        self.lookups.count(Source::Bundle, bundle.is_some());
        let mut runtime = match bundle.as_ref().map(|bundle| bundle.runtime) {
            None | Some(Runtime::Unknown) => by_path.runtime,
            Some(runtime) => runtime,
        };
        let mut details = match runtime {
            Runtime::Containerd | Runtime::CriO => self.told(&by_path, bundle.as_ref()).await,
            Runtime::Docker | Runtime::Unknown | Runtime::Podman => {
                self.details(runtime, &by_path.id, bundle.as_ref()).await
            }
        };
        // A kubelet's cgroups look the same whichever runtime it uses, and an engine may keep its bundles anywhere.
        let is_anybodys = bundle.is_none() && by_path.pod_uid.is_some();
        if details.is_none() && is_anybodys && runtime == Runtime::Containerd {
            details = self.details(Runtime::Unknown, &by_path.id, None).await;
            if details.is_some() {
                runtime = Runtime::Docker;
            }
        }
        // The bundle that could not be read may be another runtime's; it matters where nothing else knows the container.
        if let (Some(error), None) = (trouble, &details) {
            tracing::warn!(container = %by_path.id, %error, "No source knows this container, and its bundle cannot be used.");
        }
        Known {
            by_path,
            runtime,
            bundle,
            details,
        }
    }

    /// What the runtime of a pod's container tells.
    #[cfg(feature = "cri")]
    async fn told(&self, by_path: &CgroupContainer, bundle: Option<&Bundle>) -> Option<Details> {
        let id = &by_path.id;
        // The interface has containers of pods alone, and not the sandbox.
        let is_sandbox = bundle.is_some_and(|bundle| kubernetes::is_sandbox(&bundle.annotations));
        if self.cri_sockets.is_empty() || by_path.pod_uid.is_none() || is_sandbox {
            return None;
        }
        // Together they get as much time as one would.
        let patience = cri::TIMEOUT / u32::try_from(self.cri_sockets.len()).unwrap_or(u32::MAX);
        let mut details = None;
        for socket in &self.cri_sockets {
            details = cri::ask(socket, id, patience).await.unwrap_or_else(|error| {
                tracing::warn!(container = %id, %error, "Cannot ask the container runtime about the container");
                None
            });
            if details.is_some() {
                break;
            }
        }
        self.lookups.count(Source::Cri, details.is_some());
        details
    }

    #[cfg(not(feature = "cri"))]
    async fn told(&self, _: &CgroupContainer, _: Option<&Bundle>) -> Option<Details> {
        None
    }

    /// What the engine tells.
    async fn details(
        &self,
        runtime: Runtime,
        id: &str,
        bundle: Option<&Bundle>,
    ) -> Option<Details> {
        let socket = match runtime {
            Runtime::Podman => Path::new(PODMAN_SOCKET),
            _ => self.docker_socket.as_path(),
        };
        // Docker must know its own containers; another runtime's are no failure.
        let mut failed = runtime == Runtime::Docker;
        let mounts = bundle.map_or(&[][..], |bundle| &bundle.mounts);
        let record = docker::read_record(mounts, id).await.unwrap_or_else(|error| {
            tracing::warn!(container = id, %error, "Cannot use the engine's record, asking the engine");
            None
        });
        let details = match record {
            Some(details) => Some(details),
            None => docker::inspect(socket, id, docker::TIMEOUT)
                .await
                .unwrap_or_else(|error| {
                    tracing::warn!(container = id, %error, "Cannot ask the engine about the container");
                    failed = true;
                    None
                }),
        };
        self.lookups
            .count(Source::Docker, details.is_some() || !failed);
        details
    }
}

/// What the sources say about one container.
struct Known {
    by_path: CgroupContainer,
    runtime: Runtime,
    bundle: Option<Bundle>,
    details: Option<Details>,
}

impl Known {
    fn is_kubernetes_runtime(&self) -> bool {
        matches!(self.runtime, Runtime::Containerd | Runtime::CriO)
    }

    /// A cgroup that is no known runtime's goes by the last part of its path.
    fn nothing(path: &str) -> Self {
        let name = path.trim_end_matches('/').rsplit('/').next();
        Self {
            by_path: CgroupContainer {
                id: name.unwrap_or_default().to_owned(),
                runtime: Runtime::Unknown,
                pod_uid: None,
                qos: None,
                nested: false,
            },
            runtime: Runtime::Unknown,
            bundle: None,
            details: None,
        }
    }

    fn container(self, cgroup: CgroupId, discovered_ms: i64) -> Container {
        let labels = self.labels();
        let pod = kubernetes::pod_container(&labels);
        let source = match (&self.details, &pod) {
            (Some(_), _) if self.is_kubernetes_runtime() => "cri",
            (Some(_), _) => "docker",
            (None, Some(_)) => "bundle",
            (None, None) => "path",
        };
        let (name, image, image_id) = self.details.map_or_else(
            || (short(&self.by_path.id), String::new(), String::new()),
            |details| (details.name, details.image, details.image_id),
        );
        let mut container = Container {
            cgroup,
            id: self.by_path.id,
            runtime: self.runtime,
            namespace: self.runtime.name().to_owned(),
            pod: name.clone(),
            pod_uid: self.by_path.pod_uid.unwrap_or_default(),
            name: name.clone(),
            workload: name,
            workload_kind: OUTSIDE_KUBERNETES.to_owned(),
            image,
            image_digest: image_id,
            labels,
            devices: self.bundle.map(|bundle| bundle.devices).unwrap_or_default(),
            source: source.to_owned(),
            discovered_ms,
            role: Role::Unknown,
            serving_stack: String::new(),
            resources: Vec::new(),
            reported_digest: String::new(),
        };
        if let Some(pod) = pod {
            place(&mut container, pod);
        }
        if container.image_digest.is_empty()
            && let Some(digest) = image::digest(&container.image)
        {
            container.image_digest = digest.to_owned();
        }
        container
    }

    /// Annotations and labels. An image brings labels of its own; it must not be able to claim a place in Kubernetes,
    /// to pass for a sandbox that nobody watches, or to ask not to be watched.
    fn labels(&self) -> BTreeMap<String, String> {
        let in_pod = self.by_path.pod_uid.is_some();
        let annotations = self.bundle.iter().flat_map(|bundle| &bundle.annotations);
        let annotations = annotations.filter(|(key, _)| {
            !kubernetes::is_reserved(key) || kubernetes::is_set_by(self.runtime, key)
        });
        let labels = self.details.iter().flat_map(|details| &details.labels);
        let labels = labels.filter(|(key, value)| {
            let is_allowed =
                !kubernetes::is_reserved(key) || (in_pod && kubernetes::is_docker_key(key));
            let is_pods = self.is_kubernetes_runtime();
            is_allowed && (is_pods || !recognition::opts_out(key, value))
        });
        annotations
            .chain(labels)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
}

/// Gives a container its place in Kubernetes.
fn place(container: &mut Container, pod: PodContainer) {
    let (workload, kind) = kubernetes::workload(&pod.pod);
    container.workload = workload.to_owned();
    container.workload_kind = kind.to_owned();
    container.namespace = pod.namespace;
    container.pod = pod.pod;
    replace_known(&mut container.pod_uid, pod.pod_uid);
    replace_known(&mut container.name, pod.container);
    replace_known(&mut container.image, pod.image);
    replace_known(&mut container.image_digest, pod.image_digest);
}

fn replace_known(field: &mut String, value: String) {
    if !value.is_empty() {
        *field = value;
    }
}

/// A hash in short, a name that a person gave in full.
fn short(id: &str) -> String {
    let length = if image::is_sha256(id) {
        SHORT_ID
    } else {
        usize::MAX
    };
    id.chars().take(length).collect()
}

#[cfg(test)]
mod tests;
