//! Which container of which pod a cgroup is.

use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use picket_tests::agent::Agent;
use picket_tests::containerd::GATED;
use picket_tests::docker::unique;
use picket_tests::image::{self, Variant};
use picket_tests::pod::{self, Container, ContainerSpec};
use picket_tests::wait;
use serde_json::Value;

use crate::node::{LIMIT, Node, await_known, ensure_place, home, reading};

pub fn names_before_programs(node: &mut Node) -> Result<()> {
    let busybox = image::provide(image::BUSYBOX)?;
    let image = Variant::create(&busybox, &unique("gated"))?;
    let image = node.containerd.import_by_digest(&image.tag)?;
    let pod = node.pod_of("models", "gated-0", &pod::uid()?, GATED)?;
    let spec = ContainerSpec::new("server", &image, &["sleep", "3600"]);
    let container = pod.create(&spec)?;
    let gate = node.containerd.shut_gate()?;
    thread::scope(|scope| {
        let starting = scope.spawn(|| container.start());
        let checked = ensure_named(node, &container, &image);
        let held = !starting.is_finished();
        // Whatever was found: the container must not hang.
        gate.open()?;
        let started = starting.join().map_err(|_| anyhow!("the start panicked"))?;
        checked?;
        started?;
        ensure!(held, "the container's program ran before it was looked at");
        Ok(())
    })?;
    let place = ["models", "gated", "server"];
    node.await_fact(place, "executable", "sleep")?;
    Ok(())
}

/// Everything that the agent says about a container that has not run yet.
fn ensure_named(node: &Node, container: &Container, image: &str) -> Result<()> {
    let known = node.await_known(container)?;
    ensure_place(&known, ["models", "gated-0", "server"])?;
    let (_, digest) = image.rsplit_once('@').context("no digest")?;
    ensure!(known["image"] == image, "{known:#}");
    ensure!(known["image_digest"] == digest, "{known:#}");
    ensure!(known["runtime"] == "containerd", "{known:#}");
    ensure!(known["workload"] == "gated", "{known:#}");
    let labels = [
        ("namespace", "models"),
        ("pod", "gated-0"),
        ("container", "server"),
    ];
    let info = wait::until("picket_container_info", LIMIT, || {
        let metrics = node.agent.metrics()?;
        let mut info = metrics.select("picket_container_info", &labels);
        Ok(info.next().cloned())
    })?;
    let is_mine = info
        .labels
        .get("container_id")
        .is_some_and(|id| id.ends_with(&container.id));
    ensure!(is_mine, "{info:?}");
    ensure!(info.labels.get("image").is_some_and(|it| it == image));
    let facts = node.facts(["models", "gated", "server"])?;
    let mut programs = facts.iter().filter(|fact| fact.family == "executable");
    ensure!(programs.next().is_none(), "{facts:?}");
    Ok(())
}

pub fn sandbox(node: &mut Node) -> Result<()> {
    let pod = node.pod("models", "sandbox-0")?;
    let container = node.start(&pod, "server", &reading("sandbox.conf"))?;
    node.await_known(&container)?;
    node.agent.await_windows(2)?;
    let containers = node.agent.api("containers")?;
    let of_pod = containers.as_array().into_iter().flatten();
    let of_pod: Vec<&Value> = of_pod
        .filter(|it| it["pod"] == "sandbox-0" || it["id"] == pod.id.as_str())
        .collect();
    ensure!(of_pod.len() == 1, "{of_pod:#?}");
    Ok(())
}

pub fn static_pod(node: &mut Node) -> Result<()> {
    let uid = pod::uid()?.replace('-', "");
    let pod = node.pod_of("kube-system", "serve-node1", &uid, "")?;
    let container = node.start(&pod, "server", &reading("static.conf"))?;
    let known = node.await_known(&container)?;
    ensure_place(&known, ["kube-system", "serve-node1", "server"])?;
    let place = ["kube-system", "serve-node1", "server"];
    node.await_fact(place, "file_read", "static.conf")?;
    Ok(())
}

pub fn brief_container(node: &mut Node) -> Result<()> {
    let pod = node.pod("models", "brief-0")?;
    let spec = ContainerSpec::new("hook", &node.image, &["usleep", "50000"]);
    let container = pod.start(&spec)?;
    ensure!(container.await_end()? == 0);
    let place = ["models", "brief", "hook"];
    node.await_fact(place, "executable", "usleep")?;
    ensure_place(
        &node.await_known(&container)?,
        ["models", "brief-0", "hook"],
    )
}

pub fn older_pod(node: &mut Node) -> Result<()> {
    let pod = node.pod("models", "older-0")?;
    let container = node.start(&pod, "server", &reading("older.conf"))?;
    // Another agent, which cannot have seen the start.
    let home = home(&node.containerd)?;
    let agent = Agent::start(&home)?;
    let known = await_known(&agent, &container.id).with_context(|| home.evidence())?;
    ensure_place(&known, ["models", "older-0", "server"])?;
    ensure!(known["image"] == node.image.as_str(), "{known:#}");
    let containers = agent.api("containers")?;
    let mut containers = containers.as_array().into_iter().flatten();
    ensure!(containers.all(|it| it["id"] != pod.id.as_str()));
    Ok(())
}

pub fn lying_image(node: &mut Node) -> Result<()> {
    let labels = [
        "LABEL",
        "io.kubernetes.pod.namespace=production",
        "io.kubernetes.pod.name=billing-0",
        "io.kubernetes.container.name=billing",
        "io.kubernetes.cri.container-type=sandbox",
        "io.kubernetes.cri.sandbox-namespace=production",
        "io.kubernetes.cri.sandbox-name=billing-0",
        "io.cri-containerd.kind=sandbox",
    ]
    .join(" ");
    let busybox = image::provide(image::BUSYBOX)?;
    let liar = Variant::changed(&busybox, &unique("liar"), &labels)?;
    let image = node.containerd.import(&liar.tag)?;
    let pod = node.pod("models", "liar-0")?;
    let script = reading("liar.conf");
    let container = pod.start(&ContainerSpec::new(
        "server",
        &image,
        &["sh", "-c", &script],
    ))?;
    let known = node.await_known(&container)?;
    ensure_place(&known, ["models", "liar-0", "server"])?;
    node.await_fact(["models", "liar", "server"], "file_read", "liar.conf")?;
    Ok(())
}
