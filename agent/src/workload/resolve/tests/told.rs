//! What the container runtime tells.

use super::*;
use crate::workload::fake_runtime::{self, FakeRuntime};

const DIGEST: &str = "sha256:4d4b49dcf9104400e66aa22582cdf6ecfb6ffefaa942fb18f630207343b39000";

fn pod() -> String {
    format!("/kubepods/burstable/pod{UID}/{ID}")
}

impl Host {
    fn asking(self, runtime: &FakeRuntime) -> Self {
        let Self {
            directory,
            resolver,
        } = self;
        let resolver = resolver.asking(&[runtime.socket().to_owned()]);
        Self {
            directory,
            resolver,
        }
    }
}

fn runtime() -> FakeRuntime {
    FakeRuntime::with(fake_runtime::container(), vec![fake_runtime::pod()])
}

#[tokio::test]
async fn the_runtime_adds_the_digest_and_the_pods_labels() {
    let runtime = runtime();
    let host = Host::new().asking(&runtime);
    host.bundle("k8s.io", &containerd_annotations());
    let found = host.resolve(&pod()).await;
    assert_eq!(found.pod, "resnet-5d59d67564-x7kq2");
    assert_eq!(found.image, "registry.example/serve:v1");
    assert_eq!(found.image_digest, DIGEST);
    assert_eq!(found.labels["team"], "ml");
    assert_eq!((found.source.as_str(), found.devices.len()), ("cri", 1));
    assert_eq!(host.counted(Source::Bundle), (1, 0));
    assert_eq!(host.counted(Source::Cri), (1, 0));
}

#[tokio::test]
async fn without_a_bundle_the_runtime_names_the_container() {
    let runtime = runtime();
    let host = Host::new().asking(&runtime);
    let found = host.resolve(&pod()).await;
    let place = [&found.namespace, &found.pod, &found.name];
    assert_eq!(place, ["models", "resnet-0", "server"]);
    assert_eq!(found.workload_kind, "StatefulSet");
    assert_eq!(found.image, "registry.example/serve:v1");
    assert_eq!(found.image_digest, DIGEST);
}

#[tokio::test]
async fn a_runtime_that_refuses_leaves_what_the_bundle_says() {
    let runtime = FakeRuntime::refusing(12);
    let host = Host::new().asking(&runtime);
    host.bundle("k8s.io", &containerd_annotations());
    let found = host.resolve(&pod()).await;
    assert_eq!(
        (found.name.as_str(), found.source.as_str()),
        ("server", "bundle")
    );
    assert_eq!(host.counted(Source::Cri), (1, 1));
}

#[tokio::test]
async fn sandboxes_and_what_is_in_no_pod_are_not_asked_about() {
    let runtime = runtime();
    let host = Host::new().asking(&runtime);
    host.bundle(
        "k8s.io",
        &json!({"io.kubernetes.cri.container-type": "sandbox"}),
    );
    let sandbox = host.resolve(&pod()).await;
    assert!(kubernetes::is_sandbox(&sandbox.labels));
    host.resolve(&format!("/default/{ID}")).await;
    host.resolve(&format!("/docker/{ID}")).await;
    assert_eq!(host.counted(Source::Cri), (0, 0));
    assert_eq!(runtime.calls(), Vec::<String>::new());
}
