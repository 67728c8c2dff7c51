#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod recorded;
mod server;

use recorded::{CUT, FORBIDDEN, GONE, LIST, RELIST, RESUMED, WATCH, answer, request};
use server::{Answer, Server};

use super::*;
use crate::observe::event::CgroupId;
use crate::workload::container::{self, Container, Role, Runtime};
use crate::workload::pod::Pod;
use crate::workload::resolve::Resolver;

const RESNET: &str = "455d1dd3-723a-4444-8575-9cac9f49cd12";
const VLLM: &str = "b6eed883-67b7-4cd8-8d5e-929384bcf198";
const CONVERT: &str = "34b167c0-90aa-4383-8b0c-f60b21be02af";
const WARM_UP: &str = "299dafc1-9435-4640-acbb-14956bd225a1";
const PICKET: &str = "c31d2d92-bf7c-4e94-9944-b2dbd7179a86";
const EMBED: &str = "38e3bb2b-3343-405b-b3fd-da3f91c935f3";
/// The uid of the static pod on its node.
const GATEWAY: &str = "0cf1abdd6a3b2f0e4a5d6c7b8a990011";

fn whole(recording: &[u8]) -> Answer {
    Answer::Whole(answer(recording))
}

fn open(recording: &[u8]) -> Answer {
    Answer::Open(answer(recording))
}

/// A store that follows what a server tells of `node-1`.
async fn followed(server: &Server) -> Arc<PodStore> {
    let pods = Arc::new(PodStore::default());
    pods.begin();
    let client = Client::try_from(Config::new(server.url.parse().unwrap())).unwrap();
    let into = Arc::clone(&pods);
    tokio::spawn(async move { follow(client, "node-1", &into).await });
    pods
}

/// Waits until the store is as `wanted`.
async fn until(pods: &PodStore, wanted: impl Fn(&PodStore) -> bool) {
    let mut changes = pods.subscribe();
    while !wanted(pods) {
        changes.changed().await.unwrap();
    }
}

fn knows(pods: &PodStore, uids: &[&str]) -> bool {
    pods.len() == uids.len() && uids.iter().all(|uid| pods.get(uid).is_some())
}

fn workload(pods: &PodStore, uid: &str) -> (String, String) {
    let workload = pods.get(uid).unwrap().workload.clone();
    (workload.kind, workload.name)
}

fn role(pod: &Pod, name: &str) -> Role {
    let mut all = pod.containers.iter();
    all.find(|it| it.name == name).unwrap().role
}

#[tokio::test]
async fn the_first_list_names_every_pod_of_the_node() {
    let server = Server::replay([whole(LIST)]).await;
    let pods = followed(&server).await;
    until(&pods, PodStore::is_synced).await;
    assert!(knows(
        &pods,
        &[RESNET, VLLM, CONVERT, WARM_UP, PICKET, GATEWAY]
    ));
    assert_eq!(pods.trouble(Instant::now()), None);
    for (uid, kind, name) in [
        (RESNET, "Deployment", "resnet"),
        (VLLM, "StatefulSet", "vllm"),
        (CONVERT, "Job", "convert"),
        (WARM_UP, "CronJob", "warm-up"),
        (PICKET, "DaemonSet", "picket"),
        (GATEWAY, "StaticPod", "gateway"),
    ] {
        assert_eq!(
            workload(&pods, uid),
            (kind.to_owned(), name.to_owned()),
            "{uid}"
        );
    }
    let resnet = pods.get(RESNET).unwrap();
    assert_eq!(resnet.labels["picket/watch"], "true");
    assert_eq!(resnet.labels["team"], "vision");
    assert_eq!(role(&resnet, "server"), Role::Main);
    assert_eq!(role(&resnet, "fetch"), Role::Init);
    assert_eq!(role(&resnet, "proxy"), Role::Sidecar);
    let served = &resnet.containers[0];
    assert_eq!(served.resources, ["nvidia.com/gpu"]);
    assert!(served.id.starts_with("471a4cb"), "{}", served.id);
    let digest = &pods.get(VLLM).unwrap().containers[0].image_digest;
    assert_eq!(*digest, format!("sha256:{}", "2".repeat(64)));
}

#[tokio::test]
async fn the_watch_tells_what_comes_changes_and_goes() {
    let server = Server::replay([whole(LIST), open(WATCH)]).await;
    let pods = followed(&server).await;
    until(&pods, |pods| {
        knows(pods, &[RESNET, WARM_UP, PICKET, GATEWAY, EMBED])
    })
    .await;
    let embed = pods.get(EMBED).unwrap();
    assert_eq!(
        workload(&pods, EMBED),
        ("DaemonSet".to_owned(), "embed".to_owned())
    );
    assert_eq!(embed.containers[0].resources, ["amd.com/gpu"]);
    assert_eq!(role(&embed, "debugger-x7kq2"), Role::Ephemeral);
    let requests = server.requests(2).await;
    assert_eq!(requests, [request(LIST), request(WATCH)]);
}

#[tokio::test]
async fn a_watch_that_ends_goes_on_from_the_bookmark() {
    let server = Server::replay([whole(LIST), whole(WATCH)]).await;
    let pods = followed(&server).await;
    let requests = server.requests(3).await;
    assert_eq!(requests[2], request(CUT));
    assert!(knows(&pods, &[RESNET, WARM_UP, PICKET, GATEWAY, EMBED]));
    assert_eq!(pods.trouble(Instant::now()), None);
}

#[tokio::test]
async fn a_connection_that_breaks_costs_nothing() {
    let cut = Answer::Broken(answer(CUT));
    let server = Server::replay([whole(LIST), whole(WATCH), cut, whole(RESUMED)]).await;
    let pods = followed(&server).await;
    until(&pods, |pods| {
        let resnet = pods.get(RESNET);
        resnet.is_some_and(|resnet| resnet.labels["team"] == "vision-2")
    })
    .await;
    // The new pod of the StatefulSet was told before the break.
    assert_eq!(pods.len(), 6);
    let requests = server.requests(4).await;
    assert_eq!(requests[3], request(RESUMED));
}

#[tokio::test]
async fn what_is_too_old_is_listed_anew() {
    // Older API servers give the same status as the answer's own, in place of an event.
    for gone in [whole(GONE), Answer::of(410, &status_of(GONE))] {
        let server = Server::replay([whole(LIST), whole(WATCH), gone, whole(RELIST)]).await;
        let pods = followed(&server).await;
        until(&pods, |pods| {
            pods.get(RESNET).is_none() && pods.get(EMBED).is_some()
        })
        .await;
        let requests = server.requests(5).await;
        assert_eq!(requests[3], request(RELIST));
    }
}

/// The object of the only event.
fn status_of(recording: &[u8]) -> String {
    let text = String::from_utf8(answer(recording)).unwrap();
    let event = text.lines().find(|line| line.starts_with('{')).unwrap();
    let event: serde_json::Value = serde_json::from_str(event).unwrap();
    event["object"].to_string()
}

#[tokio::test]
async fn what_cannot_be_used_is_told_and_tried_again() {
    let login = Answer::of(200, "<html>login</html>");
    let server = Server::replay([login, whole(FORBIDDEN), whole(LIST)]).await;
    let pods = followed(&server).await;
    let told = |what: &'static str| {
        move |pods: &PodStore| {
            let trouble = pods.trouble(Instant::now());
            trouble.is_some_and(|trouble| trouble.contains(what))
        }
    };
    until(&pods, told("does not tell of this node's pods")).await;
    until(&pods, told("cannot list resource \"pods\"")).await;
    assert!(told("rbac.yaml")(&pods));
    assert!(!told("Status {")(&pods));
    until(&pods, |pods| pods.get(VLLM).is_some()).await;
    until(&pods, |pods| pods.trouble(Instant::now()).is_none()).await;
}

#[tokio::test]
async fn what_is_no_event_does_not_end_the_watch() {
    let no_event = Answer::of(200, "{\"type\":\"ADDED\",\"object\":7}\n");
    let server = Server::replay([whole(LIST), no_event, open(WATCH)]).await;
    let pods = followed(&server).await;
    until(&pods, |pods| {
        pods.get(EMBED).is_some() && pods.get(VLLM).is_none()
    })
    .await;
}

#[tokio::test]
async fn nobody_waits_for_a_server_that_hangs_or_is_slow() {
    let slow = Answer::Slow(Duration::from_secs(1), answer(LIST));
    for (answers, comes) in [(vec![], false), (vec![slow], true)] {
        let server = Server::replay(answers).await;
        let followed = followed(&server).await;
        server.requests(1).await;
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("docker.sock");
        let resolver =
            Resolver::new(&[directory.path().to_owned()], socket).with_pods(Arc::clone(&followed));
        let id = container::sample().id;
        let path = format!("/kubepods/burstable/pod{RESNET}/{id}");
        let container = resolver.resolve(CgroupId(7), &path).await;
        // The server has not answered yet.
        assert!(!followed.is_synced() && followed.is_empty());
        let trouble = followed.trouble(Instant::now()).unwrap();
        assert!(trouble.contains("yet"), "{trouble}");
        assert_eq!(
            (container.pod_uid.as_str(), container.role),
            (RESNET, Role::Unknown)
        );
        assert_eq!(resolver.described_anew(&container), None);
        if comes {
            until(&followed, |pods| pods.get(RESNET).is_some()).await;
            let named = Container {
                runtime: Runtime::Containerd,
                namespace: "models".to_owned(),
                pod: "resnet-5f7b94589c-2fppj".to_owned(),
                name: "server".to_owned(),
                workload: "resnet".to_owned(),
                workload_kind: "Deployment".to_owned(),
                ..container
            };
            let described = resolver.described_anew(&named).unwrap();
            assert_eq!(described.role, Role::Main);
            assert_eq!(described.labels["picket/watch"], "true");
        }
    }
}
