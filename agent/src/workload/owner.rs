//! Which workload a pod belongs to, as its metadata in the API of Kubernetes say.
//!
//! The name is what replicas share and what outlives a rollout, as baselines are kept by it: that of a Deployment, not of
//! its present ReplicaSet.

use std::collections::BTreeMap;

use super::kubernetes;

/// Who made a pod: the parts of an `ownerReference` that count here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Kind, such as `ReplicaSet`.
    pub kind: String,
    /// Name.
    pub name: String,
}

/// A workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Name.
    pub name: String,
    /// Kind, such as `Deployment`.
    pub kind: String,
}

/// Labels in which a controller writes the workload that owns a pod's owner, which the API server would have to be asked
/// for. The first that a pod has counts.
const BY_LABEL: [(&str, &str); 5] = [
    ("leaderworkerset.sigs.k8s.io/name", "LeaderWorkerSet"),
    ("jobset.sigs.k8s.io/jobset-name", "JobSet"),
    // Every revision of a Knative service, as KServe makes them, is a Deployment of its own.
    ("serving.knative.dev/service", "KnativeService"),
    ("seldon-deployment-id", "SeldonDeployment"),
    ("openshift.io/deployment-config.name", "DeploymentConfig"),
];

/// Set by KubeRay on what it makes for a RayService or a RayJob: its kind, and its name.
const RAY_ORIGIN: [&str; 2] = [
    "ray.io/originated-from-crd",
    "ray.io/originated-from-cr-name",
];

/// Part of a ReplicaSet's name, and whose it is: of a Deployment, or of a Rollout of Argo.
const TEMPLATE_HASHES: [(&str, &str); 2] = [
    ("rollouts-pod-template-hash", "Rollout"),
    ("pod-template-hash", "Deployment"),
];

/// Only on the API's image of a pod that a node runs by itself: the hash of the pod's file, which is its uid on the node.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// What the API says of a pod, as far as it tells the workload.
#[derive(Clone, Copy, Debug)]
pub struct Metadata<'a> {
    /// The pod's name.
    pub name: &'a str,
    /// The node that it is on.
    pub node: &'a str,
    /// Its owner: the reference that is marked as the controller.
    pub owner: Option<&'a Owner>,
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: &'a BTreeMap<String, String>,
}

impl Metadata<'_> {
    /// The workload that the pod belongs to; itself, if nobody else made it.
    #[must_use]
    pub fn workload(&self) -> Workload {
        let workload = |name: &str, kind: &str| Workload {
            name: name.to_owned(),
            kind: kind.to_owned(),
        };
        if static_uid(self.annotations).is_some() {
            // The node appends its name.
            let suffix = format!("-{}", self.node);
            let name = self.name.strip_suffix(&suffix).unwrap_or(self.name);
            return workload(name, "StaticPod");
        }
        if let [Some(kind), Some(name)] = RAY_ORIGIN.map(|label| self.label(label)) {
            return workload(name, kind);
        }
        for (label, kind) in BY_LABEL {
            if let Some(name) = self.label(label) {
                return workload(name, kind);
            }
        }
        let Some(Owner { kind, name }) = self.owner else {
            return workload(self.name, "Pod");
        };
        match kind.as_str() {
            "ReplicaSet" => self
                .template()
                .and_then(|(hash, kind)| Some((without(name, hash)?, kind)))
                .map_or_else(|| workload(name, kind), |(name, kind)| workload(name, kind)),
            "Job" => kubernetes::schedule(name)
                .map_or_else(|| workload(name, kind), |name| workload(name, "CronJob")),
            // Those of a RayService or a RayJob get a new name with each change.
            "RayCluster" => {
                let base = kubernetes::without_generated(name).unwrap_or(name);
                workload(base.strip_suffix("-raycluster").unwrap_or(base), kind)
            }
            _ => workload(name, kind),
        }
    }

    fn label(&self, key: &str) -> Option<&str> {
        let value = self.labels.get(key).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    fn template(&self) -> Option<(&str, &'static str)> {
        TEMPLATE_HASHES
            .iter()
            .find_map(|(label, kind)| Some((self.label(label)?, *kind)))
    }
}

/// The uid by which a node knows a pod with these annotations, where it does not have it from the API: that of a static pod.
/// It has no dashes, so that nobody's annotation can claim another pod's uid.
#[must_use]
pub fn static_uid(annotations: &BTreeMap<String, String>) -> Option<&str> {
    let uid = annotations.get(MIRROR)?.as_str();
    let is_hash = uid.len() == 32 && uid.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then_some(uid)
}

/// The name before `-suffix`.
fn without<'n>(name: &'n str, suffix: &str) -> Option<&'n str> {
    name.strip_suffix(suffix)?
        .strip_suffix('-')
        .filter(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn workload(
        name: &str,
        owner: Option<(&str, &str)>,
        labels: &[(&str, &str)],
        annotations: &[(&str, &str)],
    ) -> (String, String) {
        let owner = owner.map(|(kind, name)| Owner {
            kind: kind.to_owned(),
            name: name.to_owned(),
        });
        let metadata = Metadata {
            name,
            node: "node-1",
            owner: owner.as_ref(),
            labels: &map(labels),
            annotations: &map(annotations),
        };
        let Workload { name, kind } = metadata.workload();
        (name, kind)
    }

    #[test]
    fn owners() {
        let hash = [("pod-template-hash", "5d59d67564")];
        let rollout = [("rollouts-pod-template-hash", "5d59d67564")];
        for (pod, owner, labels, expected) in [
            (
                "resnet-5d59d67564-x7kq2",
                ("ReplicaSet", "resnet-5d59d67564"),
                hash.as_slice(),
                ("resnet", "Deployment"),
            ),
            (
                "resnet-5d59d67564-x7kq2",
                ("ReplicaSet", "resnet-5d59d67564"),
                &rollout,
                ("resnet", "Rollout"),
            ),
            // A ReplicaSet that somebody made by hand.
            (
                "resnet-x7kq2",
                ("ReplicaSet", "resnet"),
                &[],
                ("resnet", "ReplicaSet"),
            ),
            (
                "resnet-x7kq2",
                ("ReplicaSet", "resnet"),
                &hash,
                ("resnet", "ReplicaSet"),
            ),
            (
                "train-28391040-x7kq2",
                ("Job", "train-28391040"),
                &[],
                ("train", "CronJob"),
            ),
            ("train-x7kq2", ("Job", "train"), &[], ("train", "Job")),
            (
                "llama-0",
                ("StatefulSet", "llama"),
                &[],
                ("llama", "StatefulSet"),
            ),
            (
                "embed-x7kq2",
                ("DaemonSet", "embed"),
                &[],
                ("embed", "DaemonSet"),
            ),
            (
                "vllm-0-1",
                ("StatefulSet", "vllm-0"),
                &[("leaderworkerset.sigs.k8s.io/name", "vllm")],
                ("vllm", "LeaderWorkerSet"),
            ),
            (
                "train-workers-0-0-x7kq2",
                ("Job", "train-workers-0"),
                &[("jobset.sigs.k8s.io/jobset-name", "train")],
                ("train", "JobSet"),
            ),
            (
                "resnet-predictor-00002-deployment-5d59d67564-x7kq2",
                ("ReplicaSet", "resnet-predictor-00002-deployment-5d59d67564"),
                &[
                    ("pod-template-hash", "5d59d67564"),
                    ("serving.knative.dev/service", "resnet-predictor"),
                ],
                ("resnet-predictor", "KnativeService"),
            ),
            (
                "llm-raycluster-x7kq2-head-bcdfg",
                ("RayCluster", "llm-raycluster-x7kq2"),
                &[],
                ("llm", "RayCluster"),
            ),
            (
                "llm-raycluster-x7kq2-head-bcdfg",
                ("RayCluster", "llm-raycluster-x7kq2"),
                &[
                    ("ray.io/originated-from-crd", "RayService"),
                    ("ray.io/originated-from-cr-name", "llm"),
                ],
                ("llm", "RayService"),
            ),
            (
                "raycluster-kuberay-head-bcdfg",
                ("RayCluster", "raycluster-kuberay"),
                &[],
                ("raycluster-kuberay", "RayCluster"),
            ),
            (
                "web-3-x7kq2",
                ("ReplicationController", "web-3"),
                &[("openshift.io/deployment-config.name", "web")],
                ("web", "DeploymentConfig"),
            ),
            (
                "decode-0-x7kq2",
                ("PodClique", "decode"),
                &[],
                ("decode", "PodClique"),
            ),
        ] {
            let (name, kind) = workload(pod, Some(owner), labels, &[]);
            assert_eq!((name.as_str(), kind.as_str()), expected, "{pod}");
        }
    }

    #[test]
    fn a_pod_that_nobody_made_is_its_own_workload() {
        let (name, kind) = workload("resnet-0", None, &[], &[]);
        assert_eq!((name.as_str(), kind.as_str()), ("resnet-0", "Pod"));
    }

    #[test]
    fn a_static_pod_is_the_same_on_every_node() {
        let mirror = [(MIRROR, "0cf1abdd6a3b2f0e4a5d6c7b8a990011")];
        let owner = Some(("Node", "node-1"));
        let (name, kind) = workload("vllm-node-1", owner, &[], &mirror);
        assert_eq!((name.as_str(), kind.as_str()), ("vllm", "StaticPod"));
        // Another pod's uid makes no static pod.
        let claimed = [(MIRROR, "68abe8ff-2f42-49fe-8cf8-4245d5277c01")];
        let (name, kind) = workload("vllm-node-1", None, &[], &claimed);
        assert_eq!((name.as_str(), kind.as_str()), ("vllm-node-1", "Pod"));
    }

    #[test]
    fn empty_labels_say_nothing() {
        let labels = [("pod-template-hash", ""), (BY_LABEL[0].0, "")];
        let owner = Some(("ReplicaSet", "resnet-"));
        let (name, kind) = workload("resnet-x7kq2", owner, &labels, &[]);
        assert_eq!((name.as_str(), kind.as_str()), ("resnet-", "ReplicaSet"));
    }

    proptest! {
        /// The baseline's key has the workload's name: who is seen before the API answers must not need another.
        #[test]
        fn the_pods_name_alone_tells_the_same(
            name in "[a-z][a-z0-9-]{0,20}[a-z]",
            hash in "[456789bcdf]{6,10}",
            suffix in "[bcdfghjklmnpqrstvwxz2456789]{5}",
            minute in 28_000_000_u32..39_999_999,
            ordinal in 0_u32..10_000,
        ) {
            let replica_set = format!("{name}-{hash}");
            let job = format!("{name}-{minute}");
            for (pod, owner, labels) in [
                (format!("{replica_set}-{suffix}"), ("ReplicaSet", replica_set.as_str()), vec![("pod-template-hash", hash.as_str())]),
                (format!("{job}-{suffix}"), ("Job", job.as_str()), vec![]),
                (format!("{name}-{ordinal}"), ("StatefulSet", name.as_str()), vec![]),
            ] {
                let (by_owner, kind) = workload(&pod, Some(owner), &labels, &[]);
                prop_assert_eq!(kubernetes::workload(&pod), (by_owner.as_str(), kind.as_str()));
            }
            let pod = format!("{name}z-{suffix}");
            let daemon_set = format!("{name}z");
            let (by_owner, _) = workload(&pod, Some(("DaemonSet", &daemon_set)), &[], &[]);
            prop_assert_eq!(kubernetes::workload(&pod).0, by_owner);
        }
    }
}
