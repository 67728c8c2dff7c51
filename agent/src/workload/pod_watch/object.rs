//! A pod as the API server sends it: of its many fields those that are used, all of them optional, so that a pod of any
//! version can be read.

use std::collections::{BTreeMap, BTreeSet};

use kube::core::{ApiResource, Object};
use serde::Deserialize;

use crate::workload::container::Role;
use crate::workload::image;
use crate::workload::owner::{self, Metadata, Owner};
use crate::workload::pod::{self, Pod, PodContainer};

/// A pod of the API.
pub type ApiPod = Object<Spec, Status>;

/// Where pods are.
#[must_use]
pub fn resource() -> ApiResource {
    ApiResource {
        group: String::new(),
        version: "v1".to_owned(),
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        plural: "pods".to_owned(),
    }
}

/// What was asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Spec {
    node_name: String,
    containers: Vec<ContainerSpec>,
    init_containers: Vec<ContainerSpec>,
    ephemeral_containers: Vec<ContainerSpec>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ContainerSpec {
    name: String,
    image: String,
    restart_policy: String,
    resources: Resources,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Resources {
    requests: BTreeMap<String, serde::de::IgnoredAny>,
    limits: BTreeMap<String, serde::de::IgnoredAny>,
}

/// What has become of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Status {
    container_statuses: Vec<ContainerStatus>,
    init_container_statuses: Vec<ContainerStatus>,
    ephemeral_container_statuses: Vec<ContainerStatus>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ContainerStatus {
    name: String,
    #[serde(rename = "containerID")]
    container_id: String,
    #[serde(rename = "imageID")]
    image_id: String,
}

/// The pod as the rest of Picket knows it; `None` where it has no uid.
#[must_use]
pub fn pod(api: &ApiPod) -> Option<Pod> {
    let empty = BTreeMap::new();
    let meta = &api.metadata;
    let labels = meta.labels.as_ref().unwrap_or(&empty);
    let annotations = meta.annotations.as_ref().unwrap_or(&empty);
    let name = meta.name.clone().unwrap_or_default();
    let mut owners = meta.owner_references.iter().flatten();
    let owner = owners.find(|owner| owner.controller == Some(true));
    let owner = owner.map(|owner| Owner {
        kind: owner.kind.clone(),
        name: owner.name.clone(),
    });
    let metadata = Metadata {
        name: &name,
        node: &api.spec.node_name,
        owner: owner.as_ref(),
        labels,
        annotations,
    };
    Some(Pod {
        uid: uid(api)?,
        namespace: meta.namespace.clone().unwrap_or_default(),
        workload: metadata.workload(),
        labels: pod::texts(labels, annotations),
        containers: containers(&api.spec, api.status.as_ref()),
        name,
    })
}

/// The uid by which the node knows a pod.
#[must_use]
pub fn uid(api: &ApiPod) -> Option<String> {
    let annotations = api.metadata.annotations.as_ref();
    let of_node = annotations.and_then(owner::static_uid).map(str::to_owned);
    of_node.or_else(|| api.metadata.uid.clone())
}

fn containers(spec: &Spec, status: Option<&Status>) -> Vec<PodContainer> {
    let status = status.cloned().unwrap_or_default();
    let statuses = [
        status.container_statuses,
        status.init_container_statuses,
        status.ephemeral_container_statuses,
    ]
    .concat();
    let main = spec.containers.iter().map(|it| (Role::Main, it));
    let init = spec.init_containers.iter().map(|it| {
        let role = match it.restart_policy.as_str() {
            "Always" => Role::Sidecar,
            _ => Role::Init,
        };
        (role, it)
    });
    let ephemeral = spec.ephemeral_containers.iter();
    let ephemeral = ephemeral.map(|it| (Role::Ephemeral, it));
    let all = main.chain(init).chain(ephemeral).map(|(role, container)| {
        let status = statuses.iter().find(|it| it.name == container.name);
        let (id, image_id) = status.map_or(("", ""), |it| {
            (it.container_id.as_str(), it.image_id.as_str())
        });
        PodContainer {
            name: container.name.clone(),
            role,
            image: container.image.clone(),
            resources: container.resources.extended(),
            // `containerd://4d4b…`
            id: id.rsplit('/').next().unwrap_or_default().to_owned(),
            image_digest: image::digest(image_id).unwrap_or_default().to_owned(),
        }
    });
    all.collect()
}

impl Resources {
    /// Names with a domain: those of Kubernetes itself, such as `cpu`, have none.
    fn extended(&self) -> Vec<String> {
        let names = self.requests.keys().chain(self.limits.keys());
        let names = names.filter(|name| name.contains('/'));
        let sorted: BTreeSet<&String> = names.collect();
        sorted.into_iter().cloned().collect()
    }
}
