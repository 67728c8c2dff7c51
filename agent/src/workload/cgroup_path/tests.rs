#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use proptest::prelude::*;

use super::*;

const ID: &str = "4d4b49dcf9104400e66aa22582cdf6ecfb6ffefaa942fb18f630207343b39000";
const OUTER: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";
const UID: &str = "68abe8ff-2f42-49fe-8cf8-4245d5277c01";
const STATIC_UID: &str = "c5d6e7f8a9b0c1d2e3f4a5b6c7d8e9f0";

/// Writes a vector's placeholders out.
fn path(template: &str) -> String {
    template
        .replace("<id>", ID)
        .replace("<outer>", OUTER)
        .replace("<uid_>", &UID.replace('-', "_"))
        .replace("<uid>", UID)
        .replace("<static>", STATIC_UID)
}

#[track_caller]
fn check(template: &str, runtime: Runtime, pod: Option<(&str, &str)>, nested: bool) {
    let expected = CgroupContainer {
        id: ID.to_owned(),
        runtime,
        pod_uid: pod.map(|(uid, _)| uid.to_owned()),
        qos: pod.map(|(_, qos)| qos.to_owned()),
        nested,
    };
    assert_eq!(parse(&path(template)), Some(expected), "{template}");
}

#[test]
fn containers_outside_kubernetes() {
    for (template, runtime) in [
        ("/docker/<id>", Runtime::Docker),
        ("/moby/<id>", Runtime::Docker),
        ("/actions_job/<id>", Runtime::Docker),
        ("/system.slice/docker-<id>.scope", Runtime::Docker),
        (
            "/batch.slice/batch-models.slice/docker-<id>.scope",
            Runtime::Docker,
        ),
        ("/machine.slice/libpod-<id>.scope", Runtime::Podman),
        ("/machine.slice/libpod-payload-<id>", Runtime::Podman),
        ("/libpod_parent/libpod-<id>", Runtime::Podman),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-<id>.scope",
            Runtime::Podman,
        ),
        ("/nerdctl-<id>.scope", Runtime::Containerd),
        ("/system.slice/nerdctl-<id>.scope", Runtime::Containerd),
        ("/default/<id>", Runtime::Containerd),
        ("/k8s.io/<id>", Runtime::Containerd),
        ("/crio-<id>", Runtime::CriO),
        ("/my-models/<id>", Runtime::Unknown),
        ("/<id>", Runtime::Unknown),
    ] {
        check(template, runtime, None, false);
    }
}

#[test]
fn containers_of_pods() {
    let flat = "/kubepods/burstable/pod<uid>/<id>";
    check(flat, Runtime::Containerd, Some((UID, "burstable")), false);
    for (template, runtime, qos) in [
        ("/kubepods/pod<uid>/<id>", Runtime::Containerd, "guaranteed"),
        (
            "/kubepods/besteffort/pod<uid>/<id>",
            Runtime::Containerd,
            "besteffort",
        ),
        (
            "/kubepods/besteffort/pod<uid>/crio-<id>",
            Runtime::CriO,
            "besteffort",
        ),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<uid_>.slice/cri-containerd-<id>.scope",
            Runtime::Containerd,
            "burstable",
        ),
        (
            "/kubepods.slice/kubepods-pod<uid_>.slice/cri-containerd-<id>.scope",
            Runtime::Containerd,
            "guaranteed",
        ),
        (
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod<uid_>.slice/crio-<id>.scope",
            Runtime::CriO,
            "besteffort",
        ),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<uid_>.slice/docker-<id>.scope",
            Runtime::Docker,
            "burstable",
        ),
        (
            "/system.slice/containerd.service/kubepods-burstable-pod<uid_>.slice:cri-containerd:<id>",
            Runtime::Containerd,
            "burstable",
        ),
        (
            "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod<uid_>.slice/cri-containerd-<id>.scope",
            Runtime::Containerd,
            "burstable",
        ),
    ] {
        check(template, runtime, Some((UID, qos)), false);
    }
}

#[test]
fn static_pods_have_a_hash_for_a_uid() {
    for template in [
        "/kubepods/burstable/pod<static>/<id>",
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<static>.slice/cri-containerd-<id>.scope",
    ] {
        let pod = Some((STATIC_UID, "burstable"));
        check(template, Runtime::Containerd, pod, false);
    }
}

#[test]
fn the_innermost_container_counts() {
    let pod = Some((UID, "burstable"));
    check(
        "/system.slice/docker-<outer>.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod<uid_>.slice/cri-containerd-<id>.scope",
        Runtime::Containerd,
        pod,
        false,
    );
    check(
        "/docker/<outer>/kubelet/kubepods/burstable/pod<uid>/<id>",
        Runtime::Containerd,
        pod,
        false,
    );
    // The pod of an enclosing container is not the inner container's.
    check(
        "/kubepods/burstable/pod<uid>/<outer>/docker/<id>",
        Runtime::Docker,
        None,
        false,
    );
}

#[test]
fn cgroups_below_a_container_are_nested_in_it() {
    for (template, own) in [
        (
            "/machine.slice/libpod-<id>.scope/container",
            "/machine.slice/libpod-<id>.scope",
        ),
        ("/docker/<id>/init", "/docker/<id>"),
        ("/docker/<id>/system.slice/ssh.service", "/docker/<id>"),
    ] {
        assert!(parse(&path(template)).unwrap().nested, "{template}");
        assert_eq!(container_prefix(&path(template)), Some(path(own).as_str()));
    }
    let own = path("/docker/<id>");
    assert!(!parse(&format!("{own}/")).unwrap().nested);
    assert_eq!(container_prefix(&own), Some(own.as_str()));
    let inner = path("/docker/<outer>/docker/<id>/init");
    assert_eq!(
        container_prefix(&inner),
        Some(path("/docker/<outer>/docker/<id>").as_str())
    );
}

#[test]
fn containers_with_names_of_the_users_choice() {
    let container = parse("/default/my-server_1.0").unwrap();
    assert_eq!(container.id, "my-server_1.0");
    assert_eq!(container.runtime, Runtime::Containerd);
    assert!(parse("/default/my-server/worker").unwrap().nested);
    assert_eq!(parse("/default/..").map(|found| found.id), None);
    assert_eq!(parse("/a/default/my-server"), None);
}

#[test]
fn what_is_not_a_container() {
    for template in [
        "",
        "/",
        "/init.scope",
        "/system.slice/docker.service",
        "/kubepods/burstable/pod<uid>",
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<uid_>.slice",
        "/kubepods.slice/kubepods-pod<uid_>.slice/crio-conmon-<id>.scope",
        "/machine.slice/libpod-conmon-<id>.scope",
        "/docker/buildkit/k2v3wq8x1m0p9z7y6t5r4e3w2",
        "/docker/4d4b49dcf910",
        "/user.slice/user-1000.slice/session-3.scope",
    ] {
        assert_eq!(parse(&path(template)), None, "{template}");
        assert_eq!(container_prefix(&path(template)), None, "{template}");
    }
}

proptest! {
    #[test]
    fn never_panics(text in "\\PC*") {
        let _ = parse(&text);
        let _ = container_prefix(&text);
    }

    #[test]
    fn the_prefix_is_the_container_itself(
        words in prop::collection::vec(
            prop::sample::select(vec!["", "docker", "default", "kubepods", "a:b", "é", ID, OUTER, "init.scope", "crio-conmon-"]),
            0..8,
        ),
        slash in any::<bool>(),
    ) {
        let text = format!("{}{}", if slash { "/" } else { "" }, words.join("/"));
        match (parse(&text), container_prefix(&text)) {
            (None, None) => {}
            (Some(container), Some(prefix)) => {
                prop_assert!(text.starts_with(prefix));
                let own = parse(prefix).unwrap();
                prop_assert!(!own.nested);
                prop_assert_eq!(&own.id, &container.id);
                prop_assert_eq!(own.pod_uid, container.pod_uid);
            }
            (container, prefix) => prop_assert!(false, "{:?} but {:?}", container, prefix),
        }
    }
}
