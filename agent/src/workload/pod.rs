//! A pod as the API of Kubernetes describes it, and what that adds to what is known of its containers.

use std::collections::BTreeMap;

use super::container::{Container, Role};
use super::kubernetes;
use super::owner::Workload;

/// Characters of labels and annotations kept of one pod, keys included. Some tools write whole documents into them.
const MOST_TEXT: usize = 16 << 10;

/// A pod of this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// The uid by which the node's runtime knows it. That of a static pod is not the one in the API.
    pub uid: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// What it belongs to.
    pub workload: Workload,
    /// Labels and annotations.
    pub labels: BTreeMap<String, String>,
    /// Its containers, of all roles.
    pub containers: Vec<PodContainer>,
}

/// A container of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodContainer {
    /// Name in the pod.
    pub name: String,
    /// What it is there for.
    pub role: Role,
    /// Image reference as the user wrote it.
    pub image: String,
    /// Names of the extended resources that it was promised.
    pub resources: Vec<String>,
    /// Id of its present or last run; empty before the first is reported.
    pub id: String,
    /// Digest of the image of that run; empty before it is reported.
    pub image_digest: String,
}

impl Pod {
    /// Adds what the API says to what the node says of a container in this pod. `false`, and nothing changed, where the
    /// pod has no such container (yet), or the node says that it is another pod's.
    pub fn describe(&self, container: &mut Container) -> bool {
        let Some(own) = self.find(container) else {
            return false;
        };
        if !container.in_kubernetes() {
            container.source = "api".to_owned();
        }
        container.namespace.clone_from(&self.namespace);
        container.pod.clone_from(&self.name);
        container.name.clone_from(&own.name);
        container.workload.clone_from(&self.workload.name);
        container.workload_kind.clone_from(&self.workload.kind);
        container.role = own.role;
        container.resources.clone_from(&own.resources);
        if container.image.is_empty() || container.image.starts_with("sha256:") {
            container.image.clone_from(&own.image);
        }
        if own.id == container.id {
            container.reported_digest.clone_from(&own.image_digest);
        }
        for (key, value) in &self.labels {
            container.labels.insert(key.clone(), value.clone());
        }
        true
    }

    /// By its name where the node tells it, else by its id.
    fn find(&self, container: &Container) -> Option<&PodContainer> {
        let mut all = self.containers.iter();
        if container.in_kubernetes() {
            let is_ours = container.namespace == self.namespace && container.pod == self.name;
            is_ours.then(|| all.find(|own| own.name == container.name))?
        } else {
            all.find(|own| own.id == container.id)
        }
    }
}

/// Labels, and as many annotations as there is room for: those that only Kubernetes' runtimes may set are left out, since
/// whoever makes a pod could pass for a sandbox with them.
#[must_use]
pub fn texts(
    labels: &BTreeMap<String, String>,
    annotations: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut room = MOST_TEXT;
    let mut kept = BTreeMap::new();
    for (key, value) in labels.iter().chain(annotations) {
        let length = key.len() + value.len();
        if kubernetes::is_reserved(key) || length > room || kept.contains_key(key) {
            continue;
        }
        room -= length;
        kept.insert(key.clone(), value.clone());
    }
    kept
}

/// A pod `models/resnet-5d59d67564-x7kq2` with a container, for tests to change.
#[cfg(test)]
pub(super) fn sample() -> Pod {
    Pod {
        uid: "68abe8ff-2f42-49fe-8cf8-4245d5277c01".to_owned(),
        namespace: "models".to_owned(),
        name: "resnet-5d59d67564-x7kq2".to_owned(),
        workload: Workload {
            name: "resnet".to_owned(),
            kind: "Deployment".to_owned(),
        },
        labels: BTreeMap::from([("team".to_owned(), "ml".to_owned())]),
        containers: vec![PodContainer {
            name: "server".to_owned(),
            role: Role::Main,
            image: "registry.example/serve:v1".to_owned(),
            resources: vec!["nvidia.com/gpu".to_owned()],
            id: super::container::sample().id,
            image_digest: format!("sha256:{}", "d".repeat(64)),
        }],
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "tests")]

    use super::*;
    use crate::workload::baseline_key::baseline_key;
    use crate::workload::container::{self, Runtime};

    /// The container as its bundle tells it.
    fn by_bundle() -> Container {
        let pod = sample();
        Container {
            runtime: Runtime::Containerd,
            namespace: pod.namespace,
            pod: pod.name,
            pod_uid: pod.uid,
            name: "server".to_owned(),
            workload: "resnet".to_owned(),
            workload_kind: "Deployment".to_owned(),
            image: "registry.example/serve:v1".to_owned(),
            source: "bundle".to_owned(),
            ..container::sample()
        }
    }

    /// The container as its cgroup's path tells it.
    fn by_path() -> Container {
        Container {
            runtime: Runtime::Containerd,
            namespace: "containerd".to_owned(),
            pod: "4d4b49dcf910".to_owned(),
            pod_uid: sample().uid,
            name: "4d4b49dcf910".to_owned(),
            workload: "4d4b49dcf910".to_owned(),
            ..container::sample()
        }
    }

    #[test]
    fn adds_labels_owner_role_and_resources() {
        let mut pod = sample();
        pod.workload.kind = "Rollout".to_owned();
        let mut container = by_bundle();
        assert!(pod.describe(&mut container));
        let expected = Container {
            workload_kind: "Rollout".to_owned(),
            labels: pod.labels.clone(),
            role: Role::Main,
            resources: vec!["nvidia.com/gpu".to_owned()],
            reported_digest: format!("sha256:{}", "d".repeat(64)),
            ..by_bundle()
        };
        assert_eq!(container, expected);
    }

    #[test]
    fn the_digest_that_comes_after_the_start_is_shown_and_is_no_part_of_the_key() {
        let mut pod = sample();
        let digest = std::mem::take(&mut pod.containers[0].image_digest);
        let id = std::mem::take(&mut pod.containers[0].id);
        let (mut early, mut late) = (by_bundle(), by_bundle());
        assert!(pod.describe(&mut early));
        assert_eq!(early.digest(), "");
        pod.containers[0].image_digest.clone_from(&digest);
        pod.containers[0].id = "another run".to_owned();
        assert!(pod.describe(&mut early));
        assert_eq!(early.digest(), "");
        pod.containers[0].id = id;
        assert!(pod.describe(&mut late));
        assert_eq!(late.digest(), digest);
        assert_eq!(baseline_key(&early), baseline_key(&late));
    }

    #[test]
    fn what_only_has_an_id_is_named_by_it() {
        let mut container = by_path();
        assert!(sample().describe(&mut container));
        assert_eq!(container.namespace, "models");
        assert_eq!(container.pod, "resnet-5d59d67564-x7kq2");
        assert_eq!(container.name, "server");
        assert_eq!(container.image, "registry.example/serve:v1");
        assert_eq!(container.source, "api");
        assert!(container.in_kubernetes());
    }

    #[test]
    fn what_is_not_in_the_pod_stays_as_it_is() {
        let mut pod = sample();
        pod.containers[0].id = "0".repeat(64);
        let strangers = [
            Container {
                name: "debugger-x7kq2".to_owned(),
                ..by_bundle()
            },
            Container {
                namespace: "other".to_owned(),
                ..by_bundle()
            },
            Container {
                pod: "resnet-5d59d67564-bcdfg".to_owned(),
                ..by_bundle()
            },
            // It may be the pod's sandbox.
            by_path(),
        ];
        for stranger in strangers {
            let mut container = stranger.clone();
            assert!(!pod.describe(&mut container));
            assert_eq!(container, stranger);
        }
    }

    #[test]
    fn texts_are_bounded_and_cannot_hide_a_container() {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            let owned = pairs.iter();
            owned
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect()
        };
        let document = "x".repeat(MOST_TEXT);
        let labels = map(&[
            ("io.kubernetes.cri.container-type", "sandbox"),
            ("picket/watch", "true"),
        ]);
        let annotations = map(&[
            (
                "kubectl.kubernetes.io/last-applied-configuration",
                &document,
            ),
            ("picket/watch", "false"),
            ("team", "ml"),
        ]);
        let kept = texts(&labels, &annotations);
        assert_eq!(kept, map(&[("picket/watch", "true"), ("team", "ml")]));
    }
}
