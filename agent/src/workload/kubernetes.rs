//! What Kubernetes runtimes write into a container's annotations, and what a pod's name tells about its workload.

use std::collections::BTreeMap;

use super::container::Runtime;
use super::image;

/// A container's place in Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodContainer {
    /// Namespace.
    pub namespace: String,
    /// Pod name.
    pub pod: String,
    /// Pod uid; empty when not said.
    pub pod_uid: String,
    /// Container name in the pod; empty for the pod's sandbox.
    pub container: String,
    /// Image reference; empty when not said.
    pub image: String,
    /// Image digest or id; empty when not said.
    pub image_digest: String,
}

/// Keys of containerd's CRI plugin, then of CRI-O and of Docker under Kubernetes.
const NAMESPACE: [&str; 2] = [
    "io.kubernetes.cri.sandbox-namespace",
    "io.kubernetes.pod.namespace",
];
const POD: [&str; 2] = ["io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"];
const POD_UID: [&str; 2] = ["io.kubernetes.cri.sandbox-uid", "io.kubernetes.pod.uid"];
const CONTAINER: [&str; 2] = [
    "io.kubernetes.cri.container-name",
    "io.kubernetes.container.name",
];
const IMAGE: [&str; 2] = [
    "io.kubernetes.cri.image-name",
    "io.kubernetes.cri-o.ImageName",
];
const IMAGE_ID: [&str; 1] = ["io.kubernetes.cri-o.ImageRef"];

/// Marks of the container that only holds a pod's namespaces, by runtime.
const SANDBOX: [(&str, &str); 3] = [
    ("io.kubernetes.cri.container-type", "sandbox"),
    ("io.kubernetes.cri-o.ContainerType", "sandbox"),
    ("io.kubernetes.docker.type", "podsandbox"),
];

/// Reads the annotations (for Docker, the labels) of a container; `None` when they name no pod.
#[must_use]
pub fn pod_container(annotations: &BTreeMap<String, String>) -> Option<PodContainer> {
    let value = |keys: &[&str]| {
        keys.iter()
            .find_map(|key| annotations.get(*key).filter(|value| !value.is_empty()))
            .cloned()
    };
    let image = value(&IMAGE).unwrap_or_default();
    let id = value(&IMAGE_ID).unwrap_or_default();
    let image_digest = [id.as_str(), image.as_str()]
        .into_iter()
        .find_map(image::digest)
        .map(str::to_owned)
        .or_else(|| image::is_sha256(&id).then(|| format!("sha256:{id}")));
    Some(PodContainer {
        namespace: value(&NAMESPACE)?,
        pod: value(&POD)?,
        pod_uid: value(&POD_UID).unwrap_or_default(),
        container: value(&CONTAINER).unwrap_or_default(),
        image,
        image_digest: image_digest.unwrap_or_default(),
    })
}

/// Whether the annotations mark a pod's sandbox (the pause container).
#[must_use]
pub fn is_sandbox(annotations: &BTreeMap<String, String>) -> bool {
    SANDBOX
        .iter()
        .any(|(key, kind)| annotations.get(*key).is_some_and(|value| value == kind))
}

/// Whether only Kubernetes components may write this annotation or label.
#[must_use]
pub fn is_reserved(key: &str) -> bool {
    key.starts_with("io.kubernetes.")
}

/// Whether this runtime itself sets the reserved annotation of a bundle. Others come from whoever made the pod: CRI-O
/// copies the pod's annotations, before it sets its own
/// (<https://github.com/cri-o/cri-o/blob/03c46e40/internal/factory/container/container.go>).
#[must_use]
pub fn is_set_by(runtime: Runtime, key: &str) -> bool {
    let prefixes: &[&str] = match runtime {
        Runtime::Containerd => &["io.kubernetes.cri."],
        Runtime::CriO => &[
            "io.kubernetes.cri-o.",
            "io.kubernetes.pod.",
            "io.kubernetes.container.",
        ],
        Runtime::Docker | Runtime::Podman | Runtime::Unknown => &[],
    };
    prefixes.iter().any(|prefix| key.starts_with(prefix))
}

/// Whether the kubelet sets this reserved label itself on containers of Docker, overriding one of the image.
#[must_use]
pub fn is_docker_key(key: &str) -> bool {
    [
        "io.kubernetes.pod.",
        "io.kubernetes.container.",
        "io.kubernetes.docker.",
    ]
    .iter()
    .any(|prefix| key.starts_with(prefix))
}

/// The name that a pod's replicas share, and the kind of workload that makes pod names of this shape. Where several
/// kinds do (DaemonSets and Jobs), or none, the kind is `Pod`.
#[must_use]
pub fn workload(pod: &str) -> (&str, &'static str) {
    if let Some(owner) = without_generated(pod) {
        if let Some((deployment, hash)) = split_last(owner)
            && is_template_hash(hash)
        {
            return (deployment, "Deployment");
        }
        return schedule(owner).map_or((owner, "Pod"), |schedule| (schedule, "CronJob"));
    }
    match split_last(pod) {
        Some((set, ordinal)) if is_ordinal(ordinal) => (set, "StatefulSet"),
        _ => (pod, "Pod"),
    }
}

/// The name to which a suffix was generated that tells replicas apart.
#[must_use]
pub fn without_generated(name: &str) -> Option<&str> {
    let (rest, suffix) = split_last(name)?;
    let generated = suffix.len() == 5 && suffix.bytes().all(|byte| GENERATED.contains(&byte));
    generated.then_some(rest)
}

/// The CronJob that made a Job of this name.
#[must_use]
pub fn schedule(job: &str) -> Option<&str> {
    split_last(job)
        .filter(|(_, time)| is_schedule_time(time))
        .map(|(schedule, _)| schedule)
}

fn split_last(name: &str) -> Option<(&str, &str)> {
    name.rsplit_once('-').filter(|(rest, _)| !rest.is_empty())
}

/// The alphabet of generated name suffixes (`k8s.io/apimachinery/pkg/util/rand`): no vowels, nothing that looks like
/// one.
const GENERATED: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// A ReplicaSet's `pod-template-hash`: a 32-bit number whose decimal digits' codes are mapped into the alphabet above,
/// which makes these ten letters possible. Numbers of fewer than six digits are rarer than one in a thousand.
fn is_template_hash(text: &str) -> bool {
    (6..=10).contains(&text.len()) && text.bytes().all(|byte| b"456789bcdf".contains(&byte))
}

/// The minute since 1970 for which a CronJob made a Job; older versions wrote seconds.
fn is_schedule_time(text: &str) -> bool {
    (8..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_ordinal(text: &str) -> bool {
    (1..=5).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn annotations(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    const HASH: &str = "4d4b49dcf9104400e66aa22582cdf6ecfb6ffefaa942fb18f630207343b39000";

    #[test]
    fn containerd() {
        let image = format!("registry.example/serve@sha256:{HASH}");
        let found = pod_container(&annotations(&[
            ("io.kubernetes.cri.container-name", "server"),
            ("io.kubernetes.cri.container-type", "container"),
            ("io.kubernetes.cri.image-name", &image),
            ("io.kubernetes.cri.sandbox-name", "resnet-0"),
            ("io.kubernetes.cri.sandbox-namespace", "models"),
            ("io.kubernetes.cri.sandbox-uid", "68abe8ff"),
        ]));
        let expected = PodContainer {
            namespace: "models".to_owned(),
            pod: "resnet-0".to_owned(),
            pod_uid: "68abe8ff".to_owned(),
            container: "server".to_owned(),
            image_digest: format!("sha256:{HASH}"),
            image,
        };
        assert_eq!(found, Some(expected));
    }

    #[test]
    fn cri_o() {
        let found = pod_container(&annotations(&[
            ("io.kubernetes.container.name", "server"),
            ("io.kubernetes.cri-o.ImageName", "registry.example/serve:v1"),
            ("io.kubernetes.cri-o.ImageRef", HASH),
            ("io.kubernetes.pod.name", "resnet-0"),
            ("io.kubernetes.pod.namespace", "models"),
        ]))
        .unwrap();
        assert_eq!(found.image, "registry.example/serve:v1");
        assert_eq!(found.image_digest, format!("sha256:{HASH}"));
        assert_eq!(
            (found.namespace.as_str(), found.container.as_str()),
            ("models", "server")
        );
        assert_eq!(found.pod_uid, "");
    }

    #[test]
    fn without_a_pod_there_is_no_place_in_kubernetes() {
        assert_eq!(pod_container(&annotations(&[])), None);
        assert_eq!(
            pod_container(&annotations(&[("io.kubernetes.pod.name", "x")])),
            None
        );
        let empty_name = annotations(&[
            ("io.kubernetes.pod.name", ""),
            ("io.kubernetes.pod.namespace", "models"),
        ]);
        assert_eq!(pod_container(&empty_name), None);
    }

    #[test]
    fn sandboxes() {
        for (key, kind) in SANDBOX {
            assert!(is_sandbox(&annotations(&[(key, kind)])));
            assert!(!is_sandbox(&annotations(&[(key, "container")])));
        }
        assert!(!is_sandbox(&annotations(&[])));
    }

    #[test]
    fn workloads_by_the_shape_of_the_pod_name() {
        for (pod, expected) in [
            ("resnet-5d59d67564-x7kq2", ("resnet", "Deployment")),
            ("vllm-qwen-6799fc88d8-b4zpl", ("vllm-qwen", "Deployment")),
            ("resnet-0", ("resnet", "StatefulSet")),
            ("my-resnet-17", ("my-resnet", "StatefulSet")),
            ("train-28391040-x7kq2", ("train", "CronJob")),
            // A DaemonSet or a Job.
            ("node-agent-x7kq2", ("node-agent", "Pod")),
            ("resnet", ("resnet", "Pod")),
            ("resnet-server", ("resnet-server", "Pod")),
            ("resnet-007", ("resnet-007", "Pod")),
            // Vowels: not generated.
            ("resnet-model", ("resnet-model", "Pod")),
            ("-x7kq2", ("-x7kq2", "Pod")),
            ("", ("", "Pod")),
        ] {
            assert_eq!(workload(pod), expected, "{pod}");
        }
    }

    proptest! {
        #[test]
        fn replicas_share_their_workload(
            name in "[a-z][a-z0-9-]{0,20}[a-z]",
            hash in "[456789bcdf]{6,10}",
            suffixes in prop::array::uniform2("[bcdfghjklmnpqrstvwxz2456789]{5}"),
            ordinal in 0_u32..10_000,
        ) {
            for suffix in &suffixes {
                let pod = format!("{name}-{hash}-{suffix}");
                prop_assert_eq!(workload(&pod), (name.as_str(), "Deployment"));
            }
            let replica = format!("{name}-{ordinal}");
            prop_assert_eq!(workload(&replica), (name.as_str(), "StatefulSet"));
        }

        #[test]
        fn a_workload_begins_its_pods_name(pod in "\\PC*") {
            prop_assert!(pod.starts_with(workload(&pod).0));
        }
    }
}
