#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod server;

use server::{Answer, Server};

use super::*;
use crate::observe::event::CgroupId;
use crate::workload::container::{self, Container, Role, Runtime};
use crate::workload::pod::Pod;
use crate::workload::resolve::Resolver;

const PAGE_1: &str = include_str!("traffic/page-1.json");
const PAGE_2: &str = include_str!("traffic/page-2.json");
const WATCH: &str = include_str!("traffic/watch.jsonl");
const GONE: &str = include_str!("traffic/gone.jsonl");
const RELIST: &str = include_str!("traffic/relist.json");
const FORBIDDEN: &str = include_str!("traffic/forbidden.json");

const RESNET: &str = "68abe8ff-2f42-49fe-8cf8-4245d5277c01";
const VLLM: &str = "a3d2f5b0-7c1e-4f1e-8a53-0c9c3b1c2d01";
const EMBED: &str = "b7e0a2c4-9d3f-4b5a-8c21-112233445566";
/// The uid of the static pod on its node.
const GATEWAY: &str = "0cf1abdd6a3b2f0e4a5d6c7b8a990011";

fn whole(body: &str) -> Answer {
    Answer::Whole(200, body.to_owned())
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

fn query(path: &str, key: &str) -> Option<String> {
    let (_, query) = path.split_once('?')?;
    let pairs = serde_urlencoded::from_str::<Vec<(String, String)>>(query).unwrap();
    pairs
        .into_iter()
        .find(|(name, _)| name == key)
        .map(|(_, value)| value)
}

fn role(pod: &Pod, name: &str) -> Role {
    let mut all = pod.containers.iter();
    all.find(|it| it.name == name).unwrap().role
}

#[tokio::test]
async fn a_list_in_pages_and_the_watch_after_it() {
    let answers = [whole(PAGE_1), whole(PAGE_2), Answer::Open(WATCH.to_owned())];
    let server = Server::replay(answers).await;
    let pods = followed(&server).await;
    until(&pods, |pods| knows(pods, &[RESNET, EMBED, GATEWAY])).await;
    let has_shell = |pods: &PodStore| {
        let embed = pods.get(EMBED);
        embed.is_some_and(|embed| embed.containers.len() == 2)
    };
    until(&pods, has_shell).await;
    assert!(pods.is_synced());
    assert_eq!(pods.trouble(Instant::now()), None);

    let resnet = pods.get(RESNET).unwrap();
    assert_eq!(resnet.workload.kind, "Deployment");
    assert_eq!(resnet.workload.name, "resnet");
    assert_eq!(role(&resnet, "server"), Role::Main);
    assert_eq!(role(&resnet, "fetch"), Role::Init);
    assert_eq!(role(&resnet, "proxy"), Role::Sidecar);
    assert_eq!(resnet.containers[0].resources, ["nvidia.com/gpu"]);
    let digest = format!("sha256:{}", "d".repeat(64));
    assert_eq!(resnet.containers[0].image_digest, digest);
    assert_eq!(resnet.containers[0].id, container::sample().id);
    assert_eq!(
        role(&pods.get(EMBED).unwrap(), "debugger-x7kq2"),
        Role::Ephemeral
    );
    let gateway = pods.get(GATEWAY).unwrap();
    assert_eq!(gateway.workload.name, "gateway");
    assert_eq!(gateway.workload.kind, "StaticPod");

    let requests = server.requests(3).await;
    for request in &requests {
        let selector = query(request, "fieldSelector");
        assert_eq!(selector.as_deref(), Some("spec.nodeName=node-1"));
    }
    assert_eq!(query(&requests[0], "resourceVersion").as_deref(), Some("0"));
    assert!(query(&requests[1], "continue").is_some());
    assert_eq!(query(&requests[2], "watch").as_deref(), Some("true"));
    assert_eq!(
        query(&requests[2], "resourceVersion").as_deref(),
        Some("1000")
    );
}

#[tokio::test]
async fn a_watch_that_ends_goes_on_from_the_bookmark() {
    let answers = [whole(PAGE_2), Answer::Events(WATCH.to_owned())];
    let server = Server::replay(answers).await;
    let pods = followed(&server).await;
    let requests = server.requests(3).await;
    assert_eq!(query(&requests[2], "watch").as_deref(), Some("true"));
    assert_eq!(
        query(&requests[2], "resourceVersion").as_deref(),
        Some("1200")
    );
    assert!(knows(&pods, &[RESNET, EMBED]));
    assert_eq!(pods.trouble(Instant::now()), None);
}

#[tokio::test]
async fn what_is_too_old_is_listed_anew() {
    for gone in [
        Answer::Events(GONE.to_owned()),
        Answer::Whole(410, status_of(GONE)),
    ] {
        let answers = [whole(PAGE_1), whole(PAGE_2), gone, whole(RELIST)];
        let server = Server::replay(answers).await;
        let pods = followed(&server).await;
        until(&pods, |pods| knows(pods, &[EMBED])).await;
        let requests = server.requests(5).await;
        assert_eq!(
            query(&requests[4], "resourceVersion").as_deref(),
            Some("5300")
        );
    }
}

/// The object of an event, as the body of an answer has it.
fn status_of(event: &str) -> String {
    let event: serde_json::Value = serde_json::from_str(event).unwrap();
    event["object"].to_string()
}

#[tokio::test]
async fn a_connection_that_breaks_costs_nothing() {
    let mut events = WATCH.split_inclusive('\n');
    let (first, rest) = (events.next().unwrap().to_owned(), events.collect());
    let answers = [
        whole(PAGE_1),
        whole(PAGE_2),
        Answer::Broken(first),
        Answer::Open(rest),
    ];
    let server = Server::replay(answers).await;
    let pods = followed(&server).await;
    until(&pods, |pods| pods.get(EMBED).is_some()).await;
    assert!(knows(&pods, &[RESNET, VLLM, EMBED, GATEWAY]));
    let vllm = pods.get(VLLM).unwrap().workload.clone();
    assert_eq!(
        (vllm.name.as_str(), vllm.kind.as_str()),
        ("vllm", "LeaderWorkerSet")
    );
    until(&pods, |pods| knows(pods, &[RESNET, EMBED, GATEWAY])).await;
    let requests = server.requests(4).await;
    assert_eq!(
        query(&requests[3], "resourceVersion").as_deref(),
        Some("1003")
    );
}

#[tokio::test]
async fn what_cannot_be_used_is_told_and_tried_again() {
    let answers = [
        whole("<html>login</html>"),
        Answer::Whole(403, FORBIDDEN.to_owned()),
        whole(PAGE_2),
    ];
    let server = Server::replay(answers).await;
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
    until(&pods, |pods| knows(pods, &[VLLM])).await;
    until(&pods, |pods| pods.trouble(Instant::now()).is_none()).await;
}

#[tokio::test]
async fn what_is_no_event_does_not_end_the_watch() {
    let answers = [
        whole(PAGE_2),
        Answer::Open(format!("{{\"type\":\"ADDED\",\"object\":7}}\n{WATCH}")),
        Answer::Open(WATCH.to_owned()),
    ];
    let server = Server::replay(answers).await;
    let pods = followed(&server).await;
    until(&pods, |pods| knows(pods, &[RESNET, EMBED])).await;
}

#[tokio::test]
async fn nobody_waits_for_a_server_that_hangs_or_is_slow() {
    let slow = Answer::Slow(std::time::Duration::from_secs(1), PAGE_1.to_owned());
    for (answers, comes) in [(vec![], false), (vec![slow, whole(PAGE_2)], true)] {
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
                pod: "resnet-5d59d67564-x7kq2".to_owned(),
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
