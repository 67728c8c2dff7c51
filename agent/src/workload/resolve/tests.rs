#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;

use super::*;

#[cfg(feature = "cri")]
mod told;

const ID: &str = "4d4b49dcf9104400e66aa22582cdf6ecfb6ffefaa942fb18f630207343b39000";
const UID: &str = "68abe8ff-2f42-49fe-8cf8-4245d5277c01";

/// A host with at most one container's bundle and record on it.
struct Host {
    directory: TempDir,
    resolver: Resolver,
}

impl Host {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("state");
        let resolver = Resolver::new(&[state], directory.path().join("docker.sock"));
        Self {
            directory,
            resolver,
        }
    }

    fn write(&self, path: &str, content: &Value) {
        let path = self.directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content.to_string()).unwrap();
    }

    fn bundle(&self, namespace: &str, annotations: &Value) {
        let hosts = self
            .directory
            .path()
            .join(format!("data/containers/{ID}/hosts"));
        let specification = json!({
            "annotations": annotations,
            "mounts": [{"destination": "/etc/hosts", "source": hosts}],
            "linux": {"devices": [{"path": "/dev/nvidia0"}]},
        });
        let tasks = "state/io.containerd.runtime.v2.task";
        self.write(
            &format!("{tasks}/{namespace}/{ID}/config.json"),
            &specification,
        );
    }

    fn record(&self, name: &str, labels: &Value) {
        self.write(
            &format!("data/containers/{ID}/config.v2.json"),
            &json!({
                "ID": ID, "Name": name, "Image": "sha256:8feb",
                "Config": {"Image": "wl/serve:v1", "Labels": labels},
            }),
        );
    }

    async fn resolve(&self, path: &str) -> Container {
        self.resolver.resolve(CgroupId(7), path).await
    }

    fn counted(&self, source: Source) -> (u64, u64) {
        let lookups = self.resolver.lookups();
        (lookups.made(source), lookups.failed(source))
    }
}

fn containerd_annotations() -> Value {
    json!({
        "io.kubernetes.cri.container-name": "server",
        "io.kubernetes.cri.container-type": "container",
        "io.kubernetes.cri.image-name": "registry.example/serve:v1",
        "io.kubernetes.cri.sandbox-name": "resnet-5d59d67564-x7kq2",
        "io.kubernetes.cri.sandbox-namespace": "models",
        "io.kubernetes.cri.sandbox-uid": UID,
    })
}

#[tokio::test]
async fn a_container_of_docker() {
    let host = Host::new();
    host.bundle("moby", &Value::Null);
    host.record("/my-server", &json!({"team": "ml"}));
    let found = host.resolve(&format!("/docker/{ID}/init")).await;
    let expected = Container {
        cgroup: CgroupId(7),
        id: ID.to_owned(),
        runtime: Runtime::Docker,
        namespace: "docker".to_owned(),
        pod: "my-server".to_owned(),
        pod_uid: String::new(),
        name: "my-server".to_owned(),
        workload: "my-server".to_owned(),
        workload_kind: "Container".to_owned(),
        image: "wl/serve:v1".to_owned(),
        image_digest: "sha256:8feb".to_owned(),
        labels: BTreeMap::from([("team".to_owned(), "ml".to_owned())]),
        devices: vec!["/dev/nvidia0".to_owned()],
        source: "docker".to_owned(),
        discovered_ms: found.discovered_ms,
        role: Role::Unknown,
        serving_stack: String::new(),
        resources: Vec::new(),
        reported_digest: String::new(),
    };
    assert_eq!(found, expected);
    assert!(found.discovered_ms > 0);
    assert_eq!(host.counted(Source::Bundle), (1, 0));
    assert_eq!(host.counted(Source::Docker), (1, 0));
}

#[tokio::test]
async fn a_container_of_a_pod() {
    let host = Host::new();
    host.bundle("k8s.io", &containerd_annotations());
    let found = host
        .resolve(&format!("/kubepods/burstable/pod{UID}/{ID}"))
        .await;
    assert_eq!(found.runtime, Runtime::Containerd);
    assert_eq!(found.namespace, "models");
    assert_eq!(found.pod, "resnet-5d59d67564-x7kq2");
    assert_eq!(found.pod_uid, UID);
    assert_eq!(found.name, "server");
    assert_eq!(
        (found.workload.as_str(), found.workload_kind.as_str()),
        ("resnet", "Deployment")
    );
    assert_eq!(found.image, "registry.example/serve:v1");
    assert_eq!(found.image_digest, "");
    assert_eq!(found.source, "bundle");
    assert!(found.in_kubernetes());
    // containerd's containers are none of Docker's business.
    assert_eq!(host.counted(Source::Docker), (0, 0));
}

#[tokio::test]
async fn docker_under_kubernetes_names_the_pod_in_labels() {
    let host = Host::new();
    host.bundle("moby", &Value::Null);
    host.record(
        "/k8s_server_resnet-0_models",
        &json!({
            "io.kubernetes.pod.name": "resnet-0",
            "io.kubernetes.pod.namespace": "models",
            "io.kubernetes.container.name": "server",
            "io.kubernetes.cri.container-type": "sandbox",
        }),
    );
    let found = host.resolve(&format!("/kubepods/pod{UID}/{ID}")).await;
    assert_eq!(found.runtime, Runtime::Docker);
    assert_eq!(
        (found.namespace.as_str(), found.name.as_str()),
        ("models", "server")
    );
    assert_eq!(
        (found.workload.as_str(), found.pod_uid.as_str()),
        ("resnet", UID)
    );
    assert_eq!(found.image_digest, "sha256:8feb");
    // Another runtime's key: it can only come from the image.
    assert!(!kubernetes::is_sandbox(&found.labels));
}

#[tokio::test]
async fn a_pod_whose_bundle_is_nowhere_is_asked_about() {
    let host = Host::new();
    let listener = UnixListener::bind(host.directory.path().join("docker.sock")).unwrap();
    let body = json!({
        "Id": ID, "Name": "/k8s_server_resnet-0_models", "Image": "sha256:8feb",
        "Config": {"Image": "wl/serve:v1", "Labels": {
            "io.kubernetes.pod.name": "resnet-0",
            "io.kubernetes.pod.namespace": "models",
            "io.kubernetes.container.name": "server",
        }},
    })
    .to_string();
    let engine = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let length = stream.read(&mut [0; 4096]).await.unwrap();
        assert!(length > 0);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all((head + &body).as_bytes()).await.unwrap();
    });
    let path = format!("/kubepods/burstable/pod{UID}/{ID}");
    let found = host.resolve(&path).await;
    engine.await.unwrap();
    assert_eq!(found.runtime, Runtime::Docker);
    let place = [&found.namespace, &found.pod, &found.name];
    assert_eq!(place, ["models", "resnet-0", "server"]);
    assert_eq!(found.source, "docker");
    assert_eq!(host.counted(Source::Docker), (1, 0));

    // An engine that is not there is no failure: the pod is another runtime's then.
    let host = Host::new();
    let found = host.resolve(&path).await;
    assert_eq!(found.runtime, Runtime::Containerd);
    assert_eq!(host.counted(Source::Docker), (1, 0));
}

#[tokio::test]
async fn an_image_cannot_claim_a_place_in_kubernetes() {
    let host = Host::new();
    host.bundle(
        "moby",
        &json!({"io.kubernetes.cri.container-type": "sandbox"}),
    );
    host.record(
        "/my-server",
        &json!({
            "io.kubernetes.pod.name": "billing-0",
            "io.kubernetes.pod.namespace": "production",
            "io.kubernetes.docker.type": "podsandbox",
        }),
    );
    let found = host.resolve(&format!("/docker/{ID}")).await;
    assert_eq!(
        (found.namespace.as_str(), found.name.as_str()),
        ("docker", "my-server")
    );
    assert!(found.labels.is_empty());
}

#[tokio::test]
async fn a_container_that_no_source_knows_goes_by_its_path() {
    let host = Host::new();
    let found = host.resolve(&format!("/docker/{ID}")).await;
    assert_eq!(
        (found.name.as_str(), found.source.as_str()),
        ("4d4b49dcf910", "path")
    );
    assert_eq!(
        (found.image.as_str(), found.workload_kind.as_str()),
        ("", "Container")
    );
    assert_eq!(host.counted(Source::Bundle), (1, 1));
    assert_eq!(host.counted(Source::Docker), (1, 1));

    let named = host.resolve("/default/my-model-server").await;
    assert_eq!(
        (named.name.as_str(), named.namespace.as_str()),
        ("my-model-server", "containerd")
    );
}

#[tokio::test]
async fn damaged_sources_count_as_failures() {
    let host = Host::new();
    host.bundle("moby", &Value::Null);
    host.write(&format!("data/containers/{ID}/config.v2.json"), &json!([]));
    let found = host.resolve(&format!("/docker/{ID}")).await;
    assert_eq!((found.source.as_str(), found.devices.len()), ("path", 1));
    assert_eq!(host.counted(Source::Docker), (1, 1));

    let host = Host::new();
    host.bundle("moby", &json!("damaged"));
    host.resolve(&format!("/docker/{ID}")).await;
    assert_eq!(host.counted(Source::Bundle), (1, 1));
}

#[tokio::test]
async fn a_cgroup_of_no_container_asks_nobody() {
    let host = Host::new();
    let found = host.resolve("/system.slice/ssh.service/").await;
    assert_eq!(
        (found.name.as_str(), found.runtime),
        ("ssh.service", Runtime::Unknown)
    );
    assert_eq!(host.resolve("").await.name, "");
    assert_eq!(host.counted(Source::Bundle), (0, 0));
}

/// A container of CRI-O, whose bundles lie in a folder that may be any runtime's.
async fn resolve_of_cri_o(annotations: &Value) -> Container {
    let host = Host::new();
    host.write(
        &format!("state/{ID}/userdata/config.json"),
        &json!({"annotations": annotations}),
    );
    host.resolve(&format!("/kubepods/pod{UID}/crio-{ID}")).await
}

#[tokio::test]
async fn annotations_of_a_pod_cannot_claim_what_another_runtime_says() {
    let found = resolve_of_cri_o(&json!({
        "io.kubernetes.cri-o.ContainerType": "container",
        "io.kubernetes.container.name": "server",
        "io.kubernetes.pod.name": "resnet-0",
        "io.kubernetes.pod.namespace": "models",
        "io.kubernetes.cri.sandbox-namespace": "production",
        "io.kubernetes.cri.sandbox-name": "billing-0",
        "io.kubernetes.cri.container-name": "billing",
        "io.kubernetes.cri.container-type": "sandbox",
        "io.kubernetes.docker.type": "podsandbox",
        "team": "ml",
    }))
    .await;
    let place = [&found.namespace, &found.pod, &found.name];
    assert_eq!(place, ["models", "resnet-0", "server"]);
    assert!(!kubernetes::is_sandbox(&found.labels));
    assert_eq!(found.labels["team"], "ml");

    let sandbox = resolve_of_cri_o(&json!({"io.kubernetes.cri-o.ContainerType": "sandbox"})).await;
    assert!(kubernetes::is_sandbox(&sandbox.labels));
}
