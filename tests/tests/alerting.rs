//! Something happens in a container, and somebody is told: the real agent, Prometheus and Alertmanager, with what
//! `deploy/prometheus` holds.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::collections::BTreeMap;
use std::env;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use picket_tests::agent::{Agent, Home};
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

/// A test that has a way to be told of its own, and leaves the agent as it is.
type Aside = fn(&Scene) -> Result<()>;

/// They wait most of the time, and so they run at the same time.
const SIDE_BY_SIDE: [(&str, Aside); 6] = [
    ("an_attack_is_told_once_within_half_a_minute", attack),
    ("what_only_an_intruder_does_pages_once", page),
    ("an_attack_while_prometheus_is_down_is_told", |scene| {
        prometheus_down(scene, |_| Ok(()))
    }),
    (
        "an_attack_long_before_prometheus_comes_back_is_told",
        |scene| prometheus_down(scene, Prometheus::forget),
    ),
    (
        "an_attack_while_alertmanager_is_down_is_told",
        alertmanager_down,
    ),
    ("an_agent_that_dies_is_told_and_its_return_too", |_| {
        agent_down()
    }),
];

fn main() -> ExitCode {
    let mut suite =
        Suite::<Post>::default().test_unless("ordinary_work_sends_nothing", obstacle(), quiet);
    for (name, _) in SIDE_BY_SIDE {
        suite = suite.test_unless(name, obstacle(), move |post| post.outcome(name));
    }
    suite.run()
}

/// An agent that has learned a model server, and the way from it to whom it concerns. Fields drop in this order.
struct Post {
    scene: Scene,
    way: Way,
    /// What came of the tests side by side, but for those that were told.
    outcomes: Option<BTreeMap<&'static str, Result<()>>>,
}

impl Fixture for Post {
    fn create() -> Result<Self> {
        let mut scene = Scene::open()?;
        let way = Way::open(scene.home.listen)?;
        scene.serve()?;
        let learned = scene.await_learned();
        learned.with_context(|| scene.home.evidence())?;
        Ok(Self {
            scene,
            way,
            outcomes: None,
        })
    }

    fn evidence(&self) -> String {
        format!("{}\n{}", self.way.evidence(), self.scene.home.evidence())
    }
}

impl Post {
    /// What came of a test; the first time, runs all of those side by side.
    fn outcome(&mut self, name: &str) -> Result<()> {
        let scene = &self.scene;
        let outcomes = self.outcomes.get_or_insert_with(|| side_by_side(scene));
        outcomes.remove(name).context("no such test")?
    }
}

fn side_by_side(scene: &Scene) -> BTreeMap<&'static str, Result<()>> {
    thread::scope(|scope| {
        let running = SIDE_BY_SIDE.map(|(name, test)| (name, scope.spawn(move || test(scene))));
        let ended = running.map(|(name, thread)| {
            let outcome = thread.join();
            (
                name,
                outcome.unwrap_or_else(|_| Err(anyhow!("it panicked"))),
            )
        });
        BTreeMap::from(ended)
    })
}

/// The way from an agent to whom it concerns. Fields drop in this order.
struct Way {
    prometheus: Prometheus,
    alertmanager: Alertmanager,
    receiver: Receiver,
}

impl Way {
    fn open(agent: SocketAddr) -> Result<Self> {
        let receiver = Receiver::start()?;
        let alertmanager = Alertmanager::start(receiver.address, &ALERTMANAGER)?;
        Ok(Self {
            prometheus: Prometheus::start(agent, alertmanager.address, &[], &RULES)?,
            alertmanager,
            receiver,
        })
    }

    /// Opens one for a test, and says with what went over it why the test failed.
    fn with(agent: SocketAddr, test: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let mut way = Self::open(agent)?;
        test(&mut way).with_context(|| way.evidence())
    }

    fn evidence(&self) -> String {
        let messages = self.receiver.messages();
        let messages: Vec<String> = messages
            .iter()
            .map(|it| format!("{} {:#}", it.receiver, it.json))
            .collect();
        format!(
            "--- messages\n{}\n{}\n{}",
            messages.join("\n"),
            self.prometheus.evidence(),
            self.alertmanager.evidence(),
        )
    }

    /// An intruder that Prometheus has seen without anomalies.
    fn intruder(&self, scene: &Scene) -> Result<Intruder> {
        let intruder = scene.intruder()?;
        self.await_count(intruder.name())?;
        Ok(intruder)
    }

    /// Waits until Prometheus has seen how many anomalies a container has.
    fn await_count(&self, container: &str) -> Result<()> {
        let series = format!("picket_anomalies_total{{container=\"{container}\"}}");
        self.prometheus.await_series(&series, LIMIT).map(drop)
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
            post.way.prometheus.await_evaluations(2)?;
        }
    }
    answered += post.scene.traffic.iter().map(Load::answered).sum::<u64>();
    let messages = post.way.receiver.messages();
    ensure!(messages.is_empty(), "{messages:#?}");
    println!(
        "nothing was sent in {} s: {answered} requests, {restarts} restarts of the agent and of the server",
        begin.elapsed().as_secs()
    );
    Ok(())
}

fn attack(scene: &Scene) -> Result<()> {
    Way::with(scene.home.listen, |way| {
        let name = scene.name()?;
        way.await_count(&name)?;
        let server = scene.servers.last().context("no server")?;
        let begin = Instant::now();
        server.provoke(Deed::Shell)?;
        let message = way.the_message(&name)?;
        in_time("a shell", &message, begin)?;
        tells_of_the_shell(&message, scene, &name)
    })
}

/// Labels, words and links of the message about a container that ran a shell.
fn tells_of_the_shell(message: &Message, scene: &Scene, name: &str) -> Result<()> {
    let findings = scene.home.findings();
    let mut findings = findings.iter();
    let finding = findings
        .find(|it| it["finding_info"]["types"][0] == "process" && it.to_string().contains(name))
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
        ("pod", name),
        ("container", name),
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
fn in_time(what: &str, message: &Message, begin: Instant) -> Result<()> {
    let took = message.at.duration_since(begin);
    println!("{what}: told {:.1} s after it", took.as_secs_f64());
    ensure!(took <= PROMISE, "it took {took:?}");
    Ok(())
}

fn page(scene: &Scene) -> Result<()> {
    Way::with(scene.home.listen, |way| {
        let intruder = way.intruder(scene)?;
        let begin = Instant::now();
        intruder.intrude(scene.agent()?)?;
        let message = way.the_message(intruder.name())?;
        in_time("an intruder", &message, begin)?;
        ensure!(message.receiver == "pager", "{}", message.receiver);
        let told = message.json.to_string();
        for part in ["PicketAnomalyCritical", "/etc/ld.so.preload"] {
            ensure!(told.contains(part), "{part}: {told}");
        }
        Ok(())
    })
}

fn prometheus_down(scene: &Scene, meanwhile: impl Fn(&mut Prometheus) -> Result<()>) -> Result<()> {
    Way::with(scene.home.listen, |way| {
        let intruder = way.intruder(scene)?;
        way.prometheus.pause();
        intruder.intrude(scene.agent()?)?;
        meanwhile(&mut way.prometheus)?;
        let begin = Instant::now();
        way.prometheus.resume()?;
        let message = way.the_message(intruder.name())?;
        println!(
            "an intruder: told {:.1} s after Prometheus was started",
            message.at.duration_since(begin).as_secs_f64()
        );
        ensure!(message.receiver == "pager", "{}", message.receiver);
        let told = message.json.to_string();
        ensure!(told.contains("/etc/ld.so.preload"), "{told}");
        Ok(())
    })
}

fn alertmanager_down(scene: &Scene) -> Result<()> {
    Way::with(scene.home.listen, |way| {
        let intruder = way.intruder(scene)?;
        way.alertmanager.pause();
        intruder.intrude(scene.agent()?)?;
        let firing = format!(
            "ALERTS{{alertstate=\"firing\",container=\"{}\"}}",
            intruder.name()
        );
        way.prometheus.await_series(&firing, LIMIT)?;
        wait::until("a message in vain", LIMIT, || {
            let metrics = way.prometheus.metrics()?;
            let vain = metrics.sum("prometheus_notifications_errors_total", &[]);
            Ok(vain.filter(|vain| *vain > 0.0).map(drop))
        })?;
        let begin = Instant::now();
        way.alertmanager.resume()?;
        let message = way.the_message(intruder.name())?;
        println!(
            "an intruder: told {:.1} s after Alertmanager was started",
            message.at.duration_since(begin).as_secs_f64()
        );
        Ok(())
    })
}

/// Another agent than the one of the tests beside this one.
fn agent_down() -> Result<()> {
    let home = Home::create()?;
    let mut agent = Agent::start(&home)?;
    Way::with(home.listen, |way| {
        way.prometheus
            .await_series("up{job=\"picket\"} == 1", LIMIT)?;
        agent.kill()?;
        let instance = home.listen.to_string();
        let message = way.receiver.await_firing("instance", &instance, LIMIT)?;
        ensure!(message.receiver == "pager", "{}", message.receiver);
        ensure!(
            message.is_about("alertname", "PicketAgentDown"),
            "{:#}",
            message.json
        );
        agent = Agent::start(&home)?;
        wait::until("the message of its return", LIMIT, || {
            let messages = way.receiver.messages().into_iter();
            let mut back =
                messages.filter(|it| !it.is_firing() && it.is_about("instance", &instance));
            Ok(back.next().map(drop))
        })
    })
}
