#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use super::*;
use crate::workload::fake_runtime::{self, FakeRuntime, ID};

const DIGEST: &str = "sha256:4d4b49dcf9104400e66aa22582cdf6ecfb6ffefaa942fb18f630207343b39000";

async fn asked(runtime: &FakeRuntime) -> Result<Option<Details>, Error> {
    ask(runtime.socket(), ID, TIMEOUT).await
}

#[tokio::test]
async fn knows_the_digest_and_the_pods_labels() {
    let runtime = FakeRuntime::with(fake_runtime::container(), vec![fake_runtime::pod()]);
    let found = asked(&runtime).await.unwrap().unwrap();
    assert_eq!(found.name, "server");
    assert_eq!(found.image, "registry.example/serve:v1");
    assert_eq!(found.image_id, DIGEST);
    let expected = [
        ("io.kubernetes.container.name", "server"),
        ("io.kubernetes.pod.name", "resnet-0"),
        ("io.kubernetes.pod.namespace", "models"),
        ("io.kubernetes.pod.uid", fake_runtime::UID),
        ("note", "by hand"),
        ("team", "ml"),
    ];
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(found.labels, BTreeMap::from(expected));
    let calls = runtime.calls();
    assert_eq!(
        calls,
        [
            "/runtime.v1.RuntimeService/ContainerStatus",
            "/runtime.v1.RuntimeService/ListPodSandbox",
        ]
    );
}

#[tokio::test]
async fn a_pod_cannot_claim_to_be_a_sandbox_or_another_pod() {
    let mut pod = fake_runtime::pod();
    for key in [
        "io.kubernetes.cri.container-type",
        "io.kubernetes.docker.type",
        "io.kubernetes.pod.name",
    ] {
        pod.annotations.insert(key.to_owned(), "sandbox".to_owned());
    }
    let runtime = FakeRuntime::with(fake_runtime::container(), vec![pod]);
    let found = asked(&runtime).await.unwrap().unwrap();
    assert!(!kubernetes::is_sandbox(&found.labels));
    assert_eq!(found.labels["io.kubernetes.pod.name"], "resnet-0");
}

#[tokio::test]
async fn documents_in_annotations_are_left_out() {
    let mut pod = fake_runtime::pod();
    let document = "x".repeat(MOST_TEXT);
    pod.annotations.insert("document".to_owned(), document);
    let runtime = FakeRuntime::with(fake_runtime::container(), vec![pod]);
    let found = asked(&runtime).await.unwrap().unwrap();
    assert!(!found.labels.contains_key("document"));
    assert!(found.labels.contains_key("team"));
}

#[tokio::test]
async fn a_container_that_the_runtime_does_not_know_is_no_error() {
    let runtime = FakeRuntime::refusing(5);
    assert_eq!(asked(&runtime).await.unwrap(), None);
    // Found by the beginning of its id.
    let mut another = fake_runtime::container();
    another.id = "another".to_owned();
    let runtime = FakeRuntime::with(another, Vec::new());
    assert_eq!(asked(&runtime).await.unwrap(), None);
}

#[tokio::test]
async fn a_pod_that_is_gone_leaves_the_container() {
    let runtime = FakeRuntime::with(fake_runtime::container(), Vec::new());
    let found = asked(&runtime).await.unwrap().unwrap();
    assert_eq!(found.image_id, DIGEST);
    assert!(!found.labels.contains_key("team"));
}

#[tokio::test]
async fn a_runtime_that_is_not_there_or_refuses_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("cri.sock");
    let absent = ask(&socket, ID, TIMEOUT).await.unwrap_err();
    let message = absent.to_string();
    assert!(message.contains(socket.to_str().unwrap()), "{message}");

    let refused = asked(&FakeRuntime::refusing(12)).await.unwrap_err();
    let message = refused.to_string();
    assert!(message.contains("Unimplemented"), "{message}");

    let garbage = asked(&FakeRuntime::answering(b"\xff\xff\xff")).await;
    assert!(garbage.is_err(), "{garbage:?}");
}

#[tokio::test]
async fn a_silent_runtime_is_given_up_on() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("cri.sock");
    let _listener = tokio::net::UnixListener::bind(&socket).unwrap();
    let silent = ask(&socket, ID, Duration::from_millis(20)).await;
    assert!(matches!(silent, Err(Error::Timeout { .. })), "{silent:?}");
}

#[test]
fn digests_come_in_every_form() {
    let hash = DIGEST.strip_prefix("sha256:").unwrap();
    assert_eq!(digest(&format!("registry.example/serve@{DIGEST}")), DIGEST);
    assert_eq!(digest(DIGEST), DIGEST);
    assert_eq!(digest(hash), DIGEST);
    assert_eq!(digest("registry.example/serve:v1"), "");
}
