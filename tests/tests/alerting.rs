//! Something happens in a container, and somebody is told: the real agent, Prometheus and Alertmanager, with what
//! `deploy/prometheus` holds.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::env;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use picket_tests::agent::Agent;
use picket_tests::load::Load;
use picket_tests::model_server::Deed;
use picket_tests::monitoring::{
    Alertmanager, GRAFANA, Intruder, Message, Prometheus, RUNBOOKS, Receiver, Scene, obstacle,
};
use picket_tests::suite::{Fixture, Suite};
use picket_tests::wait;

/// Seconds of ordinary work in which nobody may be told anything.
const QUIET_VARIABLE: &str = "PICKET_TEST_QUIET";
const QUIET_SECONDS: u64 = 30;
/// From one restart to the next.
const RESTART_SECONDS: u64 = 1200;

/// From an attack to the message about it.
const PROMISE: Duration = Duration::from_secs(30);
const LIMIT: Duration = Duration::from_secs(120);

/// Evaluations of the rules, five seconds apart, within which a second message would come: the shortened group interval
/// and what `PicketAnomalyRecentCritical` waits for are shorter.
const AFTERWARDS: u32 = 6;

/// What the tests shorten, to see in a minute what else takes many.
const ALERTMANAGER: [(&str, &str); 2] = [
    ("group_wait: 1m", "group_wait: 1s"),
    ("group_interval: 5m", "group_interval: 5s"),
];
const RULES: [(&str, &str); 2] = [
    (
        "expr: up{job=\"picket\"} == 0\n    for: 5m",
        "expr: up{job=\"picket\"} == 0\n    for: 5s",
    ),
    ("    for: 1m\n", "    for: 10s\n"),
];

fn main() -> ExitCode {
    Suite::<Post>::default()
        .test_unless("ordinary_work_sends_nothing", obstacle(), quiet)
        .test_unless(
            "an_attack_is_told_once_within_half_a_minute",
            obstacle(),
            attack,
        )
        .test_unless("what_only_an_intruder_does_pages_once", obstacle(), page)
        .test_unless(
            "an_attack_while_prometheus_is_down_is_told",
            obstacle(),
            |post| prometheus_down(post, |_| Ok(())),
        )
        .test_unless(
            "an_attack_long_before_prometheus_comes_back_is_told",
            obstacle(),
            |post| prometheus_down(post, Prometheus::forget),
        )
        .test_unless(
            "an_attack_while_alertmanager_is_down_is_told",
            obstacle(),
            alertmanager_down,
        )
        .test_unless(
            "an_agent_that_dies_is_told_and_its_return_too",
            obstacle(),
            agent_down,
        )
        .run()
}

/// A learned model server, and the way from the agent to whom it concerns. Fields drop in this order.
struct Post {
    scene: Scene,
    prometheus: Prometheus,
    alertmanager: Alertmanager,
    receiver: Receiver,
}

impl Fixture for Post {
    fn create() -> Result<Self> {
        let mut scene = Scene::open()?;
        let receiver = Receiver::start()?;
        let alertmanager = Alertmanager::start(receiver.address, &ALERTMANAGER)?;
        let prometheus = Prometheus::start(scene.home.listen, alertmanager.address, &[], &RULES)?;
        scene.serve()?;
        let learned = scene.await_learned();
        learned.with_context(|| scene.home.evidence())?;
        Ok(Self {
            scene,
            prometheus,
            alertmanager,
            receiver,
        })
    }

    fn evidence(&self) -> String {
        let messages = self.receiver.messages();
        let messages: Vec<String> = messages
            .iter()
            .map(|it| format!("{} {:#}", it.receiver, it.json))
            .collect();
        format!(
            "--- messages\n{}\n{}\n{}\n{}",
            messages.join("\n"),
            self.prometheus.evidence(),
            self.alertmanager.evidence(),
            self.scene.home.evidence()
        )
    }
}

impl Post {
    /// An intruder that Prometheus has seen without anomalies.
    fn intruder(&self) -> Result<Intruder> {
        let intruder = self.scene.intruder()?;
        let series = format!(
            "picket_anomalies_total{{container=\"{}\"}}",
            intruder.name()
        );
        self.prometheus.await_series(&series, LIMIT)?;
        Ok(intruder)
    }

    /// The one message about a container, after a while in which a second one would have come.
    fn the_message(&self, container: &str) -> Result<Message> {
        self.receiver.await_firing("container", container, LIMIT)?;
        self.prometheus.await_evaluations(AFTERWARDS)?;
        let mut messages = self.receiver.firing("container", container);
        ensure!(
            messages.len() == 1,
            "{} messages: {messages:#?}",
            messages.len()
        );
        messages.pop().context("a message")
    }
}

/// Traffic, and now and then a restart of the agent and one of the server.
fn quiet(post: &mut Post) -> Result<()> {
    let seconds = env::var(QUIET_VARIABLE).ok();
    let seconds = seconds.map_or(Ok(QUIET_SECONDS), |text| text.parse())?;
    let begin = Instant::now();
    let (mut restarts, mut answered) = (0, 0);
    while begin.elapsed() < Duration::from_secs(seconds) {
        post.scene.restart_agent()?;
        answered += post.scene.restart_server()?;
        restarts += 1;
        let next = Duration::from_secs(seconds.min(restarts * RESTART_SECONDS));
        while begin.elapsed() < next {
            post.prometheus.await_evaluations(2)?;
        }
    }
    answered += post.scene.traffic.iter().map(Load::answered).sum::<u64>();
    let messages = post.receiver.messages();
    ensure!(messages.is_empty(), "{messages:#?}");
    println!(
        "nothing was sent in {} s: {answered} requests, {restarts} restarts of the agent and of the server",
        begin.elapsed().as_secs()
    );
    Ok(())
}

fn attack(post: &mut Post) -> Result<()> {
    let name = post.scene.name()?;
    let server = post.scene.servers.last().context("no server")?;
    let begin = Instant::now();
    server.provoke(Deed::Shell)?;
    let message = post.the_message(&name)?;
    in_time(&message, begin)?;
    let findings = post.scene.home.findings();
    let mut findings = findings.iter();
    let finding = findings
        .find(|it| it["finding_info"]["types"][0] == "process" && it.to_string().contains(&name))
        .context("no finding")?;
    // The more the agent has learned, the surer it is.
    let (receiver, alertname, severity) = match finding["severity"].as_str() {
        Some("Critical") => ("pager", "PicketAnomalyCritical", "critical"),
        _ => ("tickets", "PicketAnomalyHigh", "warning"),
    };
    ensure!(message.receiver == receiver, "{}", message.receiver);
    let [alert] = message.alerts() else {
        bail!("{:#}", message.json);
    };
    for (label, value) in [
        ("alertname", alertname),
        ("severity", severity),
        ("namespace", "docker"),
        ("pod", &name),
        ("container", &name),
        ("class", "process"),
    ] {
        ensure!(alert["labels"][label] == value, "{label}: {alert:#}");
    }
    let annotation = |name: &str| alert["annotations"][name].as_str().unwrap_or_default();
    let id = finding["finding_info"]["uid"].as_str().context("uid")?;
    for part in ["started a shell: sh -c id", id] {
        let description = annotation("description");
        ensure!(description.contains(part), "{part}: {description}");
    }
    let runbook = format!("{RUNBOOKS}/{alertname}.md");
    ensure!(annotation("runbook_url") == runbook, "{alert:#}");
    let dashboard = format!(
        "{GRAFANA}/d/picket-workload?var-namespace=docker&var-pod={name}&var-container={name}"
    );
    ensure!(annotation("dashboard_url") == dashboard, "{alert:#}");
    Ok(())
}

/// Holds the promise to a message about what happened at `begin`.
fn in_time(message: &Message, begin: Instant) -> Result<()> {
    let took = message.at.duration_since(begin);
    println!("told {:.1} s after the attack", took.as_secs_f64());
    ensure!(took <= PROMISE, "it took {took:?}");
    Ok(())
}

fn page(post: &mut Post) -> Result<()> {
    let intruder = post.intruder()?;
    let begin = Instant::now();
    intruder.intrude(post.scene.agent()?)?;
    let message = post.the_message(intruder.name())?;
    in_time(&message, begin)?;
    ensure!(message.receiver == "pager", "{}", message.receiver);
    for part in ["PicketAnomalyCritical", "/etc/ld.so.preload"] {
        ensure!(
            message.json.to_string().contains(part),
            "{part}: {:#}",
            message.json
        );
    }
    Ok(())
}

fn prometheus_down(
    post: &mut Post,
    meanwhile: impl Fn(&mut Prometheus) -> Result<()>,
) -> Result<()> {
    let intruder = post.intruder()?;
    post.prometheus.pause();
    intruder.intrude(post.scene.agent()?)?;
    meanwhile(&mut post.prometheus)?;
    let begin = Instant::now();
    post.prometheus.resume()?;
    let message = post.the_message(intruder.name())?;
    println!(
        "told {:.1} s after Prometheus was started",
        message.at.duration_since(begin).as_secs_f64()
    );
    ensure!(message.receiver == "pager", "{}", message.receiver);
    let told = message.json.to_string();
    ensure!(told.contains("/etc/ld.so.preload"), "{told}");
    Ok(())
}

fn alertmanager_down(post: &mut Post) -> Result<()> {
    let intruder = post.intruder()?;
    post.alertmanager.pause();
    intruder.intrude(post.scene.agent()?)?;
    let firing = format!(
        "ALERTS{{alertstate=\"firing\",container=\"{}\"}}",
        intruder.name()
    );
    post.prometheus.await_series(&firing, LIMIT)?;
    wait::until("a message in vain", LIMIT, || {
        let metrics = post.prometheus.metrics()?;
        let vain = metrics.sum("prometheus_notifications_errors_total", &[]);
        Ok(vain.filter(|vain| *vain > 0.0).map(drop))
    })?;
    let begin = Instant::now();
    post.alertmanager.resume()?;
    let message = post.the_message(intruder.name())?;
    println!(
        "told {:.1} s after Alertmanager was started",
        message.at.duration_since(begin).as_secs_f64()
    );
    Ok(())
}

fn agent_down(post: &mut Post) -> Result<()> {
    let mut agent = post.scene.agent.take().context("no agent")?;
    agent.kill()?;
    drop(agent);
    let instance = post.scene.home.listen.to_string();
    let message = post.receiver.await_firing("instance", &instance, LIMIT)?;
    ensure!(message.receiver == "pager", "{}", message.receiver);
    ensure!(
        message.is_about("alertname", "PicketAgentDown"),
        "{:#}",
        message.json
    );
    post.scene.agent = Some(Agent::start(&post.scene.home)?);
    wait::until("the message of its return", LIMIT, || {
        let messages = post.receiver.messages().into_iter();
        let mut back = messages.filter(|it| !it.is_firing() && it.is_about("instance", &instance));
        Ok(back.next().map(drop))
    })
}
