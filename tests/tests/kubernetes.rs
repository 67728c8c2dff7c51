//! What the API server of Kubernetes tells of pods: in time, late, and not at all. The pods are containers of Docker in the
//! cgroups, and with the labels, that a kubelet gives.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use picket_tests::agent::{Agent, Home};
use picket_tests::api_server::ApiServer;
use picket_tests::docker::{Container, Run, unique};
use picket_tests::image;
use picket_tests::suite::{Fixture, Suite};
use picket_tests::wait;
use serde_json::{Value, json};

/// Long enough for what happens at once on a machine that does nothing else.
const LIMIT: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    Suite::<Post>::default()
        .test("a_pod_has_the_names_that_the_api_server_tells", named)
        .test(
            "a_container_that_turns_out_to_be_a_model_server_is_watched",
            late,
        )
        .test("a_container_goes_on_under_its_workloads_name", renamed)
        .test(
            "only_the_first_word_of_the_api_server_ends_a_watch",
            opted_out,
        )
        .test("nobody_waits_for_an_api_server_that_hangs", hanging)
        .run()
}

/// An agent that watches containers called `worker`, and those whose pods ask for it.
struct Post {
    // Ends before the server.
    agent: Agent,
    server: ApiServer,
    home: Home,
    busybox: String,
}

impl Fixture for Post {
    fn create() -> Result<Self> {
        let server = ApiServer::start()?;
        let (home, agent) = start(&server)?;
        let busybox = image::provide(image::BUSYBOX)?;
        Ok(Self {
            agent,
            server,
            home,
            busybox,
        })
    }

    fn evidence(&self) -> String {
        let requests = self.server.requests().join("\n");
        format!("{}\n--- requests\n{requests}", self.home.evidence())
    }
}

fn start(server: &ApiServer) -> Result<(Home, Agent)> {
    let home = Home::create()?;
    let rules = "watch: [{label: 'picket/watch=false', watch: false}, {label: 'picket/watch=true'}, {name: worker}]";
    let all = "watch: [{all: true}]";
    let configuration = home.configuration()?;
    ensure!(configuration.contains(all), "{configuration}");
    home.configure(&configuration.replace(all, rules))?;
    let kubeconfig = server.kubeconfig().to_string_lossy().into_owned();
    let environment = [("KUBECONFIG", kubeconfig.as_str()), ("NODE_NAME", "node-1")];
    let agent = Agent::start_with(&home, &environment)?;
    Ok((home, agent))
}

/// A pod with one container, as the node runs it.
struct Pod {
    name: String,
    uid: String,
    container: &'static str,
}

impl Pod {
    fn new(name: &str, container: &'static str) -> Self {
        // What is unique goes into the uid, so that names can be of the shape that controllers give.
        let seed = unique("pod").bytes().fold(0_u64, |sum, byte| {
            sum.wrapping_mul(1_099_511_628_211) ^ u64::from(byte)
        });
        Self {
            name: name.to_owned(),
            uid: format!("68abe8ff-2f42-49fe-8cf8-{:012x}", seed & 0xffff_ffff_ffff),
            container,
        }
    }

    /// The pod as the API server tells it.
    fn object(&self, labels: Value, owner: [&str; 2]) -> Value {
        json!({
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": {
                "name": self.name,
                "namespace": "models",
                "uid": self.uid,
                "labels": labels,
                "ownerReferences": [
                    {"apiVersion": "apps/v1", "kind": owner[0], "name": owner[1], "uid": "1", "controller": true},
                ],
            },
            "spec": {
                "nodeName": "node-1",
                "containers": [{"name": self.container, "image": "registry.example/serve:v1"}],
            },
        })
    }

    fn run(&self, image: &str) -> Result<Container> {
        let labels = [
            ("io.kubernetes.pod.namespace", "models"),
            ("io.kubernetes.pod.name", &self.name),
            ("io.kubernetes.pod.uid", &self.uid),
            ("io.kubernetes.container.name", self.container),
        ];
        let labels = labels.map(|(key, value)| format!("--label={key}={value}"));
        let parent = format!("--cgroup-parent=/{}", self.cgroup());
        let mut options = vec![parent.as_str()];
        options.extend(labels.iter().map(String::as_str));
        let run = Run {
            image,
            name: self.container,
            network: None,
            environment: &[],
            command: &["sh", "-c", "while :; do /bin/uname; usleep 50000; done"],
        };
        Container::start_with(&run, &options)
    }

    fn cgroup(&self) -> String {
        format!("kubepods/burstable/pod{}", self.uid)
    }
}

/// The engine leaves the pod's cgroup.
impl Drop for Pod {
    fn drop(&mut self) {
        for hierarchy in fs::read_dir("/sys/fs/cgroup")
            .into_iter()
            .flatten()
            .flatten()
        {
            let path: PathBuf = hierarchy.path().join(self.cgroup());
            // Where there is none, there is nothing to remove.
            let _ = fs::remove_dir(path);
        }
        let _ = fs::remove_dir(PathBuf::from("/sys/fs/cgroup").join(self.cgroup()));
    }
}

/// What the agent says of a pod's container; null for one that it does not watch.
fn known(agent: &Agent, pod: &Pod) -> Result<Value> {
    let containers = agent.api("containers")?;
    let mut all = containers.as_array().into_iter().flatten();
    let is_it = |it: &&Value| it["pod"] == pod.name.as_str() && it["namespace"] == "models";
    Ok(all.find(is_it).cloned().unwrap_or_default())
}

/// Waits until the agent says so of a pod's container.
fn until(agent: &Agent, pod: &Pod, what: &str, is_so: impl Fn(&Value) -> bool) -> Result<Value> {
    let so = wait::until(what, LIMIT, || {
        let known = known(agent, pod)?;
        Ok(is_so(&known).then_some(known))
    });
    so.with_context(|| format!("{:#}", known(agent, pod).unwrap_or_default()))
}

/// Waits until the agent has asked in vain for so many containers.
fn failures(agent: &Agent) -> Result<f64> {
    let labels = [("source", "api")];
    let failures = agent.metrics()?;
    failures
        .sum("picket_metadata_lookup_failures_total", &labels)
        .context("there is no metric of failed lookups by the API")
}

fn await_failure(agent: &Agent, before: f64) -> Result<()> {
    wait::until("a lookup in vain", LIMIT, || {
        Ok((failures(agent)? > before).then_some(()))
    })
}

fn named(post: &mut Post) -> Result<()> {
    let pod = Pod::new("qwen-0-1", "server");
    let labels = json!({
        "picket/watch": "true",
        "leaderworkerset.sigs.k8s.io/name": "qwen",
    });
    post.server
        .put(pod.object(labels, ["StatefulSet", "qwen-0"]));
    let _container = pod.run(&post.busybox)?;
    let known = until(&post.agent, &pod, "the pod's container", |it| {
        it["workload_kind"] == "LeaderWorkerSet" && it["events"]["exec"].as_u64() > Some(0)
    })?;
    for (field, expected) in [
        ("container", "server"),
        ("workload", "qwen"),
        ("role", "main"),
        ("serving_stack", "leaderworkerset"),
    ] {
        ensure!(known[field] == expected, "{field}: {known:#}");
    }
    let labels = [
        ("namespace", "models"),
        ("pod", pod.name.as_str()),
        ("container", "server"),
        ("uid", pod.uid.as_str()),
        ("workload_kind", "LeaderWorkerSet"),
        ("workload", "qwen"),
        ("serving_stack", "leaderworkerset"),
    ];
    let info = post.agent.metrics()?.sum("picket_container_info", &labels);
    ensure!(info == Some(1.0), "picket_container_info is {info:?}");
    let requests = post.server.requests();
    let other = requests
        .iter()
        .find(|it| !it.contains("fieldSelector=spec.nodeName%3Dnode-1"));
    ensure!(
        other.is_none(),
        "the agent asked for other nodes: {other:?}"
    );
    Ok(())
}

fn late(post: &mut Post) -> Result<()> {
    let pod = Pod::new("embed-x7kq2", "server");
    let before = failures(&post.agent)?;
    let _container = pod.run(&post.busybox)?;
    await_failure(&post.agent, before)?;
    let unknown = known(&post.agent, &pod)?;
    ensure!(unknown.is_null(), "it is watched already: {unknown:#}");
    let labels = json!({"picket/watch": "true"});
    post.server.put(pod.object(labels, ["DaemonSet", "embed"]));
    let known = until(&post.agent, &pod, "the watch", |it| {
        it["events"]["exec"].as_u64() > Some(0)
    })?;
    ensure!(known["workload_kind"] == "DaemonSet", "{known:#}");
    Ok(())
}

fn renamed(post: &mut Post) -> Result<()> {
    let pod = Pod::new("llama-0-1", "worker");
    let _container = pod.run(&post.busybox)?;
    until(&post.agent, &pod, "the provisional name", |it| {
        it["workload"] == "llama-0" && it["events"]["exec"].as_u64() > Some(0)
    })?;
    let labels = json!({"leaderworkerset.sigs.k8s.io/name": "llama"});
    post.server
        .put(pod.object(labels, ["StatefulSet", "llama-0"]));
    let known = until(&post.agent, &pod, "the workload's name", |it| {
        it["workload"] == "llama"
    })?;
    let baselines = post.agent.api("baselines")?;
    let baselines: Vec<&Value> = baselines.as_array().into_iter().flatten().collect();
    let of = |workload: &str| {
        let mut all = baselines.iter();
        all.find(|it| it["workload"] == workload).copied()
    };
    let own = of("llama").context("there is no baseline of the workload")?;
    ensure!(own["id"] == known["baseline_id"], "{own:#}\n{known:#}");
    ensure!(of("llama-0").is_none(), "the provisional baseline is left");
    let windows = own["windows"].as_u64();
    until(&post.agent, &pod, "a window under the new name", |_| {
        let id = own["id"].as_str().unwrap_or_default();
        let now = post.agent.api(&format!("baselines/{id}"));
        now.is_ok_and(|now| now["windows"].as_u64() > windows)
    })?;
    Ok(())
}

fn opted_out(post: &mut Post) -> Result<()> {
    let no = json!({"picket/watch": "false"});
    let owner = ["DaemonSet", "proxy"];
    let (first, later) = (
        Pod::new("proxy-x7kq2", "worker"),
        Pod::new("proxy-b4zpl", "worker"),
    );
    let _first = first.run(&post.busybox)?;
    let _later = later.run(&post.busybox)?;
    for pod in [&first, &later] {
        until(&post.agent, pod, "the watch", |it| !it.is_null())?;
    }
    post.server.put(later.object(json!({"team": "ml"}), owner));
    until(&post.agent, &later, "the role", |it| it["role"] == "main")?;
    post.server.put(later.object(no.clone(), owner));
    post.server.put(first.object(no, owner));
    until(&post.agent, &first, "the end of the watch", |it| {
        it["ended_ms"].as_i64() > Some(0)
    })?;
    // What was told of it came before.
    let known = known(&post.agent, &later)?;
    ensure!(known["ended_ms"] == 0, "{known:#}");
    Ok(())
}

fn hanging(post: &mut Post) -> Result<()> {
    let server = ApiServer::start()?;
    server.hang(true);
    let pod = Pod::new("mixtral-0", "worker");
    server.put(pod.object(json!({"team": "ml"}), ["StatefulSet", "mixtral"]));
    // It is ready, and names what its node knows, while the server has answered nothing.
    let (home, agent) = start(&server)?;
    let check = || -> Result<()> {
        let _container = pod.run(&post.busybox)?;
        let known = until(&agent, &pod, "the watch", |it| {
            it["workload"] == "mixtral" && it["events"]["exec"].as_u64() > Some(0)
        })?;
        ensure!(known["role"] == "", "{known:#}");
        let degraded = [("what", "kubernetes")];
        let degraded =
            || -> Result<Option<f64>> { Ok(agent.metrics()?.sum("picket_degraded", &degraded)) };
        wait::until("picket_degraded", LIMIT, || {
            Ok((degraded()? == Some(1.0)).then_some(()))
        })?;
        server.hang(false);
        until(&agent, &pod, "the role", |it| it["role"] == "main")?;
        wait::until("the end of picket_degraded", LIMIT, || {
            Ok((degraded()? == Some(0.0)).then_some(()))
        })
    };
    check().with_context(|| home.evidence())
}
