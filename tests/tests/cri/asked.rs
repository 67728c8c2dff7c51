//! What the runtime is asked beyond the bundle, where the agent may ask it.

use std::os::unix::net::UnixListener;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use picket_tests::agent::{Agent, Home};
use picket_tests::pod::{self, ContainerSpec, Pod, Spec};
use picket_tests::wait;

use crate::node::{LIMIT, Node, await_known, ensure_place, reading, watch};

/// An agent that may ask at a socket, and watches what a rule chooses.
fn asking(node: &Node, socket: &Path, rule: &str) -> Result<(Home, Agent)> {
    let home = Home::with(&format!(
        "window: 1s\nruntime_dirs: [{}]\ncri_sockets: [{}]\n",
        node.containerd.state().display(),
        socket.display()
    ))?;
    watch(&home, rule)?;
    let agent = Agent::start(&home)?;
    Ok((home, agent))
}

/// Lookups at the runtime, and those without an answer.
fn lookups(agent: &Agent) -> Result<[f64; 2]> {
    let metrics = agent.metrics()?;
    let of = |name| metrics.sum(name, &[("source", "cri")]).unwrap_or(0.0);
    Ok([
        of("picket_metadata_lookups_total"),
        of("picket_metadata_lookup_failures_total"),
    ])
}

pub fn digest_and_labels(node: &mut Node) -> Result<()> {
    let (home, agent) = asking(node, &node.containerd.socket(), "{label: asked=*}")?;
    let script = reading("asked.conf");
    let command = ["sh", "-c", &script];
    let spec = ContainerSpec::new("server", &node.image, &command);
    // Without the label.
    let other = node.pod("models", "other-0")?;
    let unchosen = other.start(&spec)?;
    let pod = Pod::run(
        &node.containerd,
        &Spec {
            namespace: "models",
            name: "asked-0",
            uid: &pod::uid()?,
            labels: &[("asked", "yes")],
            handler: "",
        },
    )?;
    let container = pod.start(&spec)?;
    let known = await_known(&agent, &container.id).with_context(|| home.evidence())?;
    ensure_place(&known, ["models", "asked-0", "server"])?;
    // An image that no registry has is known by its id.
    let digest = container.status()?.image_ref;
    ensure!(digest.starts_with("sha256:"), "{digest}");
    ensure!(known["image_digest"] == digest, "{known:#}");
    ensure!(known["image"] == node.image.as_str(), "{known:#}");
    agent.await_windows(2)?;
    let containers = agent.api("containers")?;
    let mut containers = containers.as_array().into_iter().flatten();
    ensure!(
        containers.all(|it| it["id"] != unchosen.id.as_str()),
        "{}",
        home.evidence()
    );
    let [made, failed] = lookups(&agent)?;
    ensure!(
        made >= 2.0 && failed == 0.0,
        "{made} lookups, {failed} failed"
    );
    Ok(())
}

pub fn silent_runtime(node: &mut Node) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let socket = dir.path().join("silent.sock");
    let _listener = UnixListener::bind(&socket)?;
    let (home, agent) = asking(node, &socket, "{namespace: models}")?;
    let pod = node.pod("models", "silent-0")?;
    let container = node.start(&pod, "server", &reading("silent.conf"))?;
    let known = await_known(&agent, &container.id).with_context(|| home.evidence())?;
    ensure_place(&known, ["models", "silent-0", "server"])?;
    // Nothing was lost while the agent waited for the runtime.
    wait::until("learning of what was read meanwhile", LIMIT, || {
        let facts = agent.facts_where(|baseline| baseline["workload"] == "silent")?;
        let mut facts = facts.iter();
        Ok(facts
            .any(|fact| fact.value.contains("silent.conf"))
            .then_some(()))
    })?;
    let known = await_known(&agent, &container.id)?;
    ensure!(known["events_lost"] == 0, "{known:#}");
    let [made, failed] = lookups(&agent)?;
    ensure!(
        failed >= 1.0 && failed == made,
        "{made} lookups, {failed} failed"
    );
    Ok(())
}
