//! The operator's hand on baselines: approving, freezing, resetting, carrying elsewhere, rolling out, enforcing.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use picket_tests::agent::{self, Agent, Home};
use picket_tests::docker::{Network, RUN_LABEL, docker, run_name, unique};
use picket_tests::image::{self, Variant};
use picket_tests::load::Load;
use picket_tests::model_server::{Deed, ModelServer};
use picket_tests::peer::Peer;
use picket_tests::suite::{Fixture, Suite};
use picket_tests::{http, wait};
use serde_json::Value;

const LEARNING_LIMIT: Duration = Duration::from_secs(180);
const FINDING_LIMIT: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    Suite::<Camp>::default()
        .test("what_was_approved_raises_nothing_any_more", approve)
        .test("orders_are_refused_beyond_the_socket", refused_on_tcp)
        .test("another_agent_inherits_an_exported_baseline", export_import)
        .test("a_server_answers_under_its_own_seccomp_profile", seccomp)
        .test("a_network_policy_names_the_port", network_policy)
        .test("a_new_image_inherits_and_a_poisoned_one_is_found", rollout)
        .test("a_frozen_baseline_says_so_until_it_is_unfrozen", freeze)
        .test("a_reset_baseline_learns_anew_and_keeps_the_old_file", reset)
        .run()
}

/// An agent that has learned one model server. Fields drop in this order.
struct Camp {
    traffic: Vec<Load>,
    servers: Vec<ModelServer>,
    peer: Peer,
    agent: Agent,
    image: Variant,
    home: Home,
    network: Network,
}

impl Fixture for Camp {
    fn create() -> Result<Self> {
        let image = Variant::create(&image::provide(image::MODEL_SERVER)?, &unique("model"))?;
        let home = Home::create()?;
        let agent = Agent::start(&home)?;
        let network = Network::create()?;
        let peer = Peer::start(&image::provide(image::BUSYBOX)?, &network)?;
        let mut camp = Self {
            traffic: Vec::new(),
            servers: Vec::new(),
            peer,
            agent,
            image,
            home,
            network,
        };
        let tag = camp.image.tag.clone();
        let name = camp.serve(&tag, 1)?;
        let learning = camp.agent.await_state(&name, "active", LEARNING_LIMIT);
        learning.with_context(|| camp.home.evidence())?;
        Ok(camp)
    }

    fn evidence(&self) -> String {
        self.home.evidence()
    }
}

impl Camp {
    /// Starts a server of an image under load and returns its name.
    fn serve(&mut self, image: &str, seed: u64) -> Result<String> {
        let server = ModelServer::start(image, &self.network, Some(self.peer.address), seed)?;
        self.traffic.push(Load::start(server.address()?, 4, 40.0));
        let name = server.container.name.clone();
        self.servers.push(server);
        Ok(name)
    }

    /// The first finding of a class about a container.
    fn finding(&self, id: &str, class: &str) -> Result<Value> {
        wait::until(
            &format!("a finding of class {class}"),
            FINDING_LIMIT,
            || {
                let mut findings = self.home.findings().into_iter();
                Ok(findings.find(|it| {
                    it["finding_info"]["types"][0] == class && it.to_string().contains(id)
                }))
            },
        )
    }

    /// The id of the baseline of an image.
    fn baseline(&self, image: &str) -> Result<String> {
        let digest = docker(&["image", "inspect", "--format", "{{.Id}}", image])?;
        // The agent shows it with its next window.
        wait::until("the baseline", FINDING_LIMIT, || {
            let baselines = self.agent.api("baselines")?;
            let all = baselines.as_array().cloned().unwrap_or_default();
            let own = all.iter().find(|it| it["image_digest"] == digest.as_str());
            let id = own.and_then(|it| it["id"].as_str());
            Ok(id.map(str::to_owned))
        })
    }
}

/// What `picket baseline …` prints, for the agent of a home.
fn baseline(home: &Home, arguments: &[&str]) -> Result<String> {
    let socket = home.socket();
    let mut all = vec!["baseline"];
    all.extend(arguments);
    all.extend(["--socket", socket.to_str().context("path")?]);
    let output = agent::command(&[], &all)?;
    ensure!(output.status.success(), "{all:?}: {output:?}");
    Ok(String::from_utf8(output.stdout)?)
}

fn json(home: &Home, arguments: &[&str]) -> Result<Value> {
    let mut all = arguments.to_vec();
    all.extend(["-o", "json"]);
    Ok(serde_json::from_str(&baseline(home, &all)?)?)
}

fn approve(camp: &mut Camp) -> Result<()> {
    let first = camp.servers.first().context("no server")?;
    first.provoke(Deed::Callback)?;
    let finding = camp.finding(&first.container.id, "network")?;
    let id = finding["metadata"]["uid"].as_str().context("no uid")?;
    let words = ["--by", "ops", "--reason", "release 7"];
    let mut order = vec!["approve", "--finding", id];
    order.extend(words);
    let done = json(&camp.home, &order)?;
    let peer = camp.peer.address.to_string();
    let value = done["approved"][0]["value"].to_string();
    ensure!(value.contains(&peer), "{done:#} does not name {peer}");
    let tag = camp.image.tag.clone();
    let shown = json(&camp.home, &["show", &camp.baseline(&tag)?])?;
    let facts = shown["facts"].as_array().cloned().unwrap_or_default();
    let fact = facts.iter().find(|it| it["approved"]["by"] == "ops");
    let reason = fact.map(|it| it["approved"]["reason"].clone());
    ensure!(reason == Some("release 7".into()), "{reason:?}");
    // The kernel tells a thing once per container, so another one of the image is to do it.
    let name = camp.serve(&tag, 2)?;
    camp.agent.await_state(&name, "active", FINDING_LIMIT)?;
    let second = camp.servers.last().context("no server")?;
    second.provoke(Deed::Callback)?;
    camp.agent.await_windows(5)?;
    let anomalies = camp.agent.anomalies(&name, "network")?;
    ensure!(anomalies == Some(0.0), "{anomalies:?} anomalies");
    Ok(())
}

fn refused_on_tcp(camp: &mut Camp) -> Result<()> {
    let id = camp.baseline(&camp.image.tag)?;
    let mut connection = http::Connection::open(camp.home.listen)?;
    let path = format!("/api/v1/baselines/{id}/reset");
    let answer = connection.request(&path, Some("{}"))?;
    ensure!(answer.status == 404, "status {}", answer.status);
    Ok(())
}

fn export_import(camp: &mut Camp) -> Result<()> {
    let id = camp.baseline(&camp.image.tag)?;
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("exported.baseline");
    let file = path.to_str().context("path")?;
    baseline(&camp.home, &["export", &id, "--file", file])?;
    let merged = dir.path().join("merged.baseline");
    let twice = [
        "merge",
        file,
        file,
        "--file",
        merged.to_str().context("path")?,
    ];
    baseline(&camp.home, &twice)?;
    ensure!(std::fs::read(&path)? == std::fs::read(&merged)?);
    let home = Home::with("window: 1s\nlearning: {min_duration: 1h, min_requests: 100000}\n")?;
    let agent = Agent::start(&home)?;
    let name = camp
        .servers
        .first()
        .context("no server")?
        .container
        .name
        .clone();
    agent.await_state(&name, "learning", FINDING_LIMIT)?;
    baseline(&home, &["import", file])?;
    agent
        .await_state(&name, "active", Duration::from_secs(15))
        .with_context(|| home.evidence())?;
    Ok(())
}

fn seccomp(camp: &mut Camp) -> Result<()> {
    let id = camp.baseline(&camp.image.tag)?;
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("seccomp.json");
    let file = path.to_str().context("path")?;
    baseline(
        &camp.home,
        &["export", &id, "--format", "seccomp", "--file", file],
    )?;
    let (name, label) = (unique("confined"), format!("{RUN_LABEL}={}", run_name()));
    let option = format!("seccomp={file}");
    docker(&[
        "run",
        "--detach",
        "--name",
        &name,
        "--label",
        &label,
        "--security-opt",
        &option,
        &camp.image.tag,
    ])?;
    let answered = wait::until("an answer of the confined server", FINDING_LIMIT, || {
        let format = "{{.NetworkSettings.IPAddress}}{{range .NetworkSettings.Networks}} {{.IPAddress}}{{end}}";
        let addresses = docker(&["inspect", "--format", format, &name])?;
        let address = addresses.split_whitespace().next().unwrap_or_default();
        let address = format!("{address}:8000").parse()?;
        http::get(address, "/healthz").map(|_| Some(()))
    });
    let logs = docker(&["logs", &name]);
    docker(&["rm", "--force", &name])?;
    answered.with_context(|| logs.unwrap_or_default())
}

fn network_policy(camp: &mut Camp) -> Result<()> {
    let id = camp.baseline(&camp.image.tag)?;
    let policy = baseline(&camp.home, &["export", &id, "--format", "network-policy"])?;
    for part in ["kind: NetworkPolicy", "port: 8000", "picket-exposure:"] {
        ensure!(policy.contains(part), "no {part:?} in {policy}");
    }
    Ok(())
}

fn rollout(camp: &mut Camp) -> Result<()> {
    // Another image of the same repository, as a new build is.
    let newer = Variant::create(&image::provide(image::MODEL_SERVER)?, &unique("newer"))?;
    let repository = camp.image.tag.split(':').next().unwrap_or_default();
    let tag = format!("{repository}:2");
    docker(&["tag", &newer.tag, &tag])?;
    let name = camp.serve(&tag, 3)?;
    camp.agent.await_state(&name, "learning", FINDING_LIMIT)?;
    let (old, new) = (camp.baseline(&camp.image.tag)?, camp.baseline(&tag)?);
    let shown = json(&camp.home, &["show", &new])?;
    ensure!(shown["predecessor"] == old.as_str(), "{shown:#}");
    // Of its start, one life of the image before says too little.
    camp.agent.await_windows(3)?;
    let poisoned = camp.servers.last().context("no server")?;
    poisoned.provoke(Deed::Shell)?;
    let finding = camp.finding(&poisoned.container.id, "process")?;
    ensure!(finding["severity_id"].as_u64() >= Some(3), "{finding:#}");
    camp.agent.await_state(&name, "active", LEARNING_LIMIT)?;
    let difference = json(&camp.home, &["diff", &new])?;
    ensure!(difference["before"]["id"] == old.as_str(), "{difference:#}");
    let text = baseline(&camp.home, &["diff", &new])?;
    ensure!(text.starts_with("before"), "{text}");
    // What the new image did was no news but for the shell and the one note about the rollout.
    let severe = camp.home.findings().into_iter().filter(|it| {
        it["severity_id"].as_u64() > Some(2)
            && it.to_string().contains(&poisoned.container.id)
            && it["finding_info"]["types"][0] != "process"
    });
    let severe: Vec<_> = severe
        .map(|it| it["finding_info"]["title"].clone())
        .collect();
    ensure!(severe.is_empty(), "{severe:?}");
    camp.servers.pop();
    camp.traffic.pop();
    docker(&["image", "rm", "--force", &tag])?;
    Ok(())
}

fn freeze(camp: &mut Camp) -> Result<()> {
    let id = camp.baseline(&camp.image.tag)?;
    let name = camp
        .servers
        .first()
        .context("no server")?
        .container
        .name
        .clone();
    baseline(&camp.home, &["freeze", &id, "--reason", "audit"])?;
    camp.agent.await_state(&name, "frozen", FINDING_LIMIT)?;
    baseline(&camp.home, &["unfreeze", &id])?;
    camp.agent.await_state(&name, "active", FINDING_LIMIT)
}

fn reset(camp: &mut Camp) -> Result<()> {
    let id = camp.baseline(&camp.image.tag)?;
    let name = camp
        .servers
        .first()
        .context("no server")?
        .container
        .name
        .clone();
    let done = json(&camp.home, &["reset", &id])?;
    let kept = done["kept"].as_str().context("no file kept")?;
    ensure!(std::fs::exists(kept)?, "{kept} is not there");
    ensure!(done["state"] == "learning", "{done:#}");
    camp.agent.await_state(&name, "learning", FINDING_LIMIT)?;
    camp.agent.await_state(&name, "active", LEARNING_LIMIT)
}
