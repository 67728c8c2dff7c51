//! A model server is learned, then poisoned: what is found, and what is rightly not.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::process::{ExitCode, Output};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use picket_tests::agent::{self, Agent, Home};
use picket_tests::docker::{Network, unique};
use picket_tests::image::{self, Variant};
use picket_tests::load::Load;
use picket_tests::model_server::{Deed, ModelServer};
use picket_tests::peer::Peer;
use picket_tests::suite::{Fixture, Suite};
use picket_tests::wait;
use serde_json::Value;

const LEARNING_LIMIT: Duration = Duration::from_secs(120);

/// A new container's counters stay at 0 for up to half a minute, so that no series is born above it.
const FINDING_LIMIT: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    Suite::<Camp>::default()
        .test("learning_ends_without_a_finding", learning_ends)
        .test("every_series_exists_at_zero_from_discovery", series_at_zero)
        .test("docker_exec_is_told_apart_from_the_server", exec_origin)
        .test(
            "a_forked_worker_that_never_execs_is_attributed",
            forked_worker,
        )
        .test("a_second_container_of_the_image_inherits", second_inherits)
        .test("a_restarted_container_inherits", restart_inherits)
        .test("the_trigger_without_payload_raises_nothing", null_is_quiet)
        .test("a_callback_is_found_as_network", callback_is_network)
        .test("a_shell_is_found_as_process", shell_is_process)
        .test(
            "a_write_to_the_weights_is_found_as_model",
            weights_are_model,
        )
        .test("a_finding_is_explained", finding_is_explained)
        .test("the_other_container_stays_clean", other_stays_clean)
        .test("the_command_line_shows_what_the_agent_knows", command_line)
        .test("a_killed_agent_keeps_its_baselines", killed_agent_remembers)
        .run()
}

/// An agent that has learned one model server, a second server of the same image to be poisoned, and the peer that
/// the poison calls. Fields drop in this order: traffic first, the network last.
struct Camp {
    traffic: Vec<Load>,
    learned: ModelServer,
    victim: ModelServer,
    peer: Peer,
    agent: Agent,
    image: Variant,
    home: Home,
    _network: Network,
}

impl Fixture for Camp {
    fn create() -> Result<Self> {
        // With an id of its own, so that no other run's containers share its baseline.
        let image = Variant::create(&image::provide(image::MODEL_SERVER)?, &unique("model"))?;
        let busybox = image::provide(image::BUSYBOX)?;
        let home = Home::create()?;
        let agent = Agent::start(&home)?;
        let network = Network::create()?;
        let peer = Peer::start(&busybox, &network)?;
        let learned = ModelServer::start(&image.tag, &network, Some(peer.address), 1)?;
        let mut traffic = vec![Load::start(learned.address()?, 4, 40.0)];
        // Ordinary events in the life of this workload, for the baseline to learn.
        learned.container.exec(&["cat", "/etc/os-release"])?;
        learned.provoke(Deed::Fork)?;
        let name = learned.container.name.clone();
        let learning = agent.await_state(&name, "active", LEARNING_LIMIT);
        learning.with_context(|| home.evidence())?;
        let victim = ModelServer::start(&image.tag, &network, Some(peer.address), 2)?;
        traffic.push(Load::start(victim.address()?, 4, 40.0));
        Ok(Self {
            traffic,
            learned,
            victim,
            peer,
            agent,
            image,
            home,
            _network: network,
        })
    }

    fn evidence(&self) -> String {
        self.home.evidence()
    }
}

impl Camp {
    /// Sets off a deed in the victim and returns the first finding of the class about it.
    fn found(&self, deed: Deed, class: &str) -> Result<Value> {
        let name = &self.victim.container.name;
        let before = self.agent.anomalies(name, class)?.unwrap_or(0.0);
        self.victim.provoke(deed)?;
        let what = format!("a finding of class {class}");
        let finding = wait::until(&what, FINDING_LIMIT, || {
            let findings = self.home.findings();
            Ok(findings
                .into_iter()
                .find(|it| is_about(it, &self.victim, class)))
        })?;
        wait::until("its count in /metrics", FINDING_LIMIT, || {
            let now = self.agent.anomalies(name, class)?.unwrap_or(0.0);
            Ok((now > before).then_some(()))
        })?;
        Ok(finding)
    }
}

fn is_about(finding: &Value, server: &ModelServer, class: &str) -> bool {
    finding["finding_info"]["types"][0] == class
        && finding.to_string().contains(&server.container.id)
}

fn learning_ends(camp: &mut Camp) -> Result<()> {
    let name = &camp.learned.container.name;
    ensure!(camp.agent.is_in_state(name, "active")?);
    let anomalies = camp.agent.all_anomalies(name)?;
    ensure!(
        anomalies == Some(0.0),
        "{anomalies:?} anomalies in learning"
    );
    ensure!(camp.traffic.iter().all(|load| load.failed() == 0));
    Ok(())
}

fn series_at_zero(camp: &mut Camp) -> Result<()> {
    let metrics = camp.agent.metrics()?;
    let name = camp.victim.container.name.as_str();
    for class in [
        "process",
        "file",
        "network",
        "dns",
        "syscall",
        "privilege",
        "model",
        "resource",
        "sequence",
        "sensor",
    ] {
        for severity in ["low", "medium", "high", "critical"] {
            let labels = [
                ("namespace", "docker"),
                ("pod", name),
                ("container", name),
                ("class", class),
                ("severity", severity),
            ];
            let value = metrics.sum("picket_anomalies_total", &labels);
            ensure!(value == Some(0.0), "{class} {severity} is {value:?}");
        }
    }
    Ok(())
}

fn exec_origin(camp: &mut Camp) -> Result<()> {
    let fact = camp
        .agent
        .await_fact(&camp.image.tag, "executable", "/cat")?;
    ensure!(fact.origin == "runtime", "{fact:?}");
    let server = camp
        .agent
        .await_fact(&camp.image.tag, "executable", "/python3")?;
    ensure!(server.origin == "server", "{server:?}");
    Ok(())
}

fn forked_worker(camp: &mut Camp) -> Result<()> {
    let fact = camp
        .agent
        .await_fact(&camp.image.tag, "file_read", "/srv/worker.conf")?;
    ensure!(fact.origin == "server", "{fact:?}");
    Ok(())
}

fn second_inherits(camp: &mut Camp) -> Result<()> {
    let name = &camp.victim.container.name;
    // Far less than the 20 seconds that learning takes.
    camp.agent
        .await_state(name, "active", Duration::from_secs(8))?;
    let mine = wait::until("its place in the list", Duration::from_secs(5), || {
        let mine = camp.agent.container(name)?;
        Ok(mine.is_object().then_some(mine))
    })?;
    let theirs = camp.agent.container(&camp.learned.container.name)?;
    ensure!(
        mine["baseline_id"] == theirs["baseline_id"],
        "{mine:#} {theirs:#}"
    );
    Ok(())
}

fn restart_inherits(camp: &mut Camp) -> Result<()> {
    // Its traffic ends first: a restart may change the address.
    camp.traffic.pop();
    let container = &camp.victim.container;
    let before = camp.agent.container(&container.name)?["cgroup"].clone();
    container.restart()?;
    camp.victim.wait_ready()?;
    camp.traffic
        .push(Load::start(camp.victim.address()?, 4, 40.0));
    wait::until("the new container", Duration::from_secs(10), || {
        let now = camp.agent.container(&container.name)?["cgroup"].clone();
        Ok((now.is_u64() && now != before).then_some(()))
    })?;
    camp.agent
        .await_state(&container.name, "active", Duration::from_secs(8))?;
    let anomalies = camp.agent.all_anomalies(&container.name)?;
    ensure!(anomalies == Some(0.0), "the restart raised {anomalies:?}");
    Ok(())
}

fn null_is_quiet(camp: &mut Camp) -> Result<()> {
    camp.victim.provoke(Deed::Null)?;
    camp.agent.await_windows(5)?;
    let anomalies = camp.agent.all_anomalies(&camp.victim.container.name)?;
    ensure!(anomalies == Some(0.0), "{anomalies:?} anomalies");
    Ok(())
}

fn callback_is_network(camp: &mut Camp) -> Result<()> {
    let finding = camp.found(Deed::Callback, "network")?;
    let peer = camp.peer.address.to_string();
    let observed = finding["unmapped"]["picket"]["observed"].to_string();
    ensure!(observed.contains(&peer), "{observed} does not name {peer}");
    wait::until("the callback's arrival", Duration::from_secs(5), || {
        Ok(camp.peer.container.logs()?.contains("DECOY").then_some(()))
    })
}

fn shell_is_process(camp: &mut Camp) -> Result<()> {
    let finding = camp.found(Deed::Shell, "process")?;
    let observed = finding["unmapped"]["picket"]["observed"].to_string();
    ensure!(
        observed.contains("sh"),
        "{observed} does not name the shell"
    );
    Ok(())
}

fn weights_are_model(camp: &mut Camp) -> Result<()> {
    let finding = camp.found(Deed::Weights, "model")?;
    let observed = finding["unmapped"]["picket"]["observed"].to_string();
    ensure!(
        observed.contains("classifier.onnx"),
        "{observed} does not name the file"
    );
    Ok(())
}

fn finding_is_explained(camp: &mut Camp) -> Result<()> {
    let findings = camp.home.findings();
    let shell = findings
        .iter()
        .find(|it| is_about(it, &camp.victim, "process"));
    let shell = shell.context("no finding about the shell")?;
    let id = shell["finding_info"]["uid"].as_str().context("uid")?;
    let explain = |arguments: &[&str]| -> Result<Output> {
        let (config, socket) = (camp.home.config(), camp.home.socket());
        let paths = [
            "--config".as_ref(),
            config.as_os_str(),
            "--socket".as_ref(),
            socket.as_os_str(),
        ];
        let paths = paths.map(|path| path.to_str().unwrap_or_default());
        agent::command(&[], &[&["explain"], arguments, &paths].concat())
    };
    // The time is the first half of an id, so all but the last letters make it this one.
    let beginning = id.get(..id.len() - 4).context("a short id")?;
    let text = String::from_utf8(explain(&[beginning])?.stdout)?;
    for part in [
        "OBSERVED",
        "EXPECTED",
        "95 % confidence",
        "T1059",
        "ATT&CK 19",
        "LOOK FIRST",
    ] {
        ensure!(text.contains(part), "{part:?} is missing in {text}");
    }
    let json: Value = serde_json::from_slice(&explain(&[id, "-o", "json"])?.stdout)?;
    ensure!(
        json["type"] == "finding" && json["finding"]["id"] == id,
        "{json:#}"
    );
    ensure!(
        json["finding"]["techniques"][0]["version"] == "19",
        "{json:#}"
    );
    // Findings are shown at once, incidents with the next window.
    let incident = wait::until("its incident", Duration::from_secs(10), || {
        let json: Value = serde_json::from_slice(&explain(&[id, "-o", "json"])?.stdout)?;
        Ok(json["incident"]["id"].as_str().map(str::to_owned))
    })?;
    let json: Value = serde_json::from_slice(&explain(&[&incident, "-o", "json"])?.stdout)?;
    ensure!(json["type"] == "incident", "{json:#}");
    let unknown = explain(&["zzzz"])?;
    ensure!(unknown.status.code() == Some(1), "{unknown:?}");
    let error = String::from_utf8_lossy(&unknown.stderr).into_owned();
    ensure!(error.contains("no finding and no incident"), "{error}");
    Ok(())
}

fn other_stays_clean(camp: &mut Camp) -> Result<()> {
    let anomalies = camp.agent.all_anomalies(&camp.learned.container.name)?;
    ensure!(anomalies == Some(0.0), "{anomalies:?} anomalies");
    Ok(())
}

fn command_line(camp: &mut Camp) -> Result<()> {
    let socket = camp.home.socket();
    let socket = socket.to_str().context("path")?;
    let config = camp.home.config();
    let config = config.to_str().context("path")?;
    for (verb, part) in [
        ("status", "picket"),
        ("containers", camp.victim.container.name.as_str()),
        ("events", "classifier.onnx"),
        ("baseline list", "active"),
        ("check", "ok"),
        ("version", "picket"),
    ] {
        let mut arguments: Vec<&str> = verb.split(' ').collect();
        arguments.extend(["--config", config, "--socket", socket]);
        let text = agent::command(&[], &arguments)?;
        let printed = String::from_utf8_lossy(&text.stdout).into_owned();
        ensure!(text.status.success(), "{verb}: {text:?}");
        ensure!(
            printed.contains(part),
            "{verb} does not say {part:?}: {printed}"
        );
        arguments.extend(["-o", "json"]);
        let json = agent::command(&[], &arguments)?;
        let lines = String::from_utf8_lossy(&json.stdout).into_owned();
        let first = serde_json::Deserializer::from_str(&lines)
            .into_iter::<Value>()
            .next();
        ensure!(
            matches!(first, Some(Ok(_))),
            "{verb} -o json printed {lines}"
        );
    }
    Ok(())
}

fn killed_agent_remembers(camp: &mut Camp) -> Result<()> {
    let name = &camp.learned.container.name;
    // The machine may run containers of others, which have baselines too.
    let workload = camp.image.tag.split(':').next().unwrap_or_default();
    let version = |agent: &Agent| {
        wait::until("the baseline", FINDING_LIMIT, || {
            let baselines = agent.api("baselines")?;
            let own = baselines
                .as_array()
                .and_then(|all| all.iter().find(|it| it["workload"] == workload));
            Ok(own.map(|own| own["version"].clone()))
        })
    };
    let before = version(&camp.agent)?;
    let answered: u64 = camp.traffic.iter().map(Load::answered).sum();
    camp.agent.kill()?;
    camp.agent = Agent::start(&camp.home)?;
    camp.agent
        .await_state(name, "active", Duration::from_secs(20))?;
    let after = version(&camp.agent)?;
    ensure!(
        after.as_u64() > Some(0) && before.as_u64() > Some(0),
        "versions {before} and {after}"
    );
    camp.agent.await_windows(3)?;
    for server in [&camp.learned, &camp.victim] {
        let running = server
            .container
            .inspect("{{.State.Running}} {{.RestartCount}}")?;
        ensure!(running == "true 0", "{running}");
    }
    let failed: u64 = camp.traffic.iter().map(Load::failed).sum();
    ensure!(
        failed == 0,
        "{failed} requests failed while the agent was away"
    );
    ensure!(camp.traffic.iter().map(Load::answered).sum::<u64>() > answered);
    Ok(())
}
