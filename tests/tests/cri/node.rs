//! The node that the tests share, and what they ask its agent.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use picket_tests::agent::{Agent, Fact, Home};
use picket_tests::containerd::Containerd;
use picket_tests::image;
use picket_tests::pod::{self, Container, ContainerSpec, Pod, Spec};
use picket_tests::suite::Fixture;
use picket_tests::wait;
use serde_json::Value;

/// For what takes a moment.
pub const LIMIT: Duration = Duration::from_secs(20);

/// What a fresh home watches.
const WATCH_ALL: &str = "{all: true}";

/// A node with pods and an agent. Fields drop in this order.
pub struct Node {
    pub agent: Agent,
    pub containerd: Containerd,
    /// Of busybox.
    pub image: String,
    pub home: Home,
}

impl Fixture for Node {
    fn create() -> Result<Self> {
        let containerd = Containerd::start()?;
        let image = containerd.import(&image::provide(image::BUSYBOX)?)?;
        let home = home(&containerd)?;
        Ok(Self {
            agent: Agent::start(&home)?,
            containerd,
            image,
            home,
        })
    }

    fn evidence(&self) -> String {
        format!("{}\n{}", self.home.evidence(), self.containerd.evidence())
    }
}

/// A home whose agent finds the bundles, and has no socket to ask. It watches the pods of these tests alone: how many
/// others run on the machine must not matter.
pub fn home(containerd: &Containerd) -> Result<Home> {
    let home = Home::with(&format!(
        "window: 1s\nlearning: {{min_duration: 20s, min_requests: 50}}\nruntime_dirs: [{}]\n",
        containerd.state().display()
    ))?;
    watch(&home, "{namespace: models}, {namespace: kube-system}")?;
    Ok(home)
}

/// Replaces what a home's agent watches.
pub fn watch(home: &Home, rules: &str) -> Result<()> {
    let all = home.configuration()?;
    ensure!(all.contains(WATCH_ALL), "{all}");
    home.configure(&all.replace(WATCH_ALL, rules))
}

impl Node {
    pub fn pod(&self, namespace: &str, name: &str) -> Result<Pod> {
        self.pod_of(namespace, name, &pod::uid()?, "")
    }

    pub fn pod_of(&self, namespace: &str, name: &str, uid: &str, handler: &str) -> Result<Pod> {
        let labels = &[("app", "serve")];
        Pod::run(
            &self.containerd,
            &Spec {
                namespace,
                name,
                uid,
                labels,
                handler,
            },
        )
    }

    /// Starts a container that goes on until its pod ends.
    pub fn start(&self, pod: &Pod, name: &str, script: &str) -> Result<Container> {
        pod.start(&ContainerSpec::new(
            name,
            &self.image,
            &["sh", "-c", script],
        ))
    }

    /// What the agent says about a container, once it knows it.
    pub fn await_known(&self, container: &Container) -> Result<Value> {
        await_known(&self.agent, &container.id)
    }

    /// Waits until a fact about a container of a workload was learned.
    pub fn await_fact(&self, place: Place<'_>, family: &str, part: &str) -> Result<Fact> {
        let is_it = |fact: &Fact| fact.family == family && fact.value.contains(part);
        wait::until(&format!("learning of {family} {part:?}"), LIMIT, || {
            Ok(self.facts(place)?.into_iter().find(is_it))
        })
        .with_context(|| format!("learned: {:?}", self.facts(place)))
    }

    pub fn facts(&self, place: Place<'_>) -> Result<Vec<Fact>> {
        self.agent.facts_where(|baseline| {
            [
                &baseline["namespace"],
                &baseline["workload"],
                &baseline["container"],
            ] == place
        })
    }
}

/// Namespace, workload and container.
pub type Place<'a> = [&'a str; 3];

pub fn await_known(agent: &Agent, id: &str) -> Result<Value> {
    wait::until(&format!("knowledge of container {id}"), LIMIT, || {
        let containers = agent.api("containers")?;
        let mut containers = containers.as_array().into_iter().flatten();
        Ok(containers.find(|it| it["id"] == id).cloned())
    })
}

pub fn ensure_place(known: &Value, place: Place<'_>) -> Result<()> {
    let found = ["namespace", "pod", "container"].map(|field| &known[field]);
    ensure!(found == place, "{place:?} is {known:#}");
    Ok(())
}

/// Reads a file over and over.
pub fn reading(file: &str) -> String {
    format!("mkdir -p /srv; echo 1 >/srv/{file}; while :; do cat /srv/{file}; usleep 20000; done")
}
