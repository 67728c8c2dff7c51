//! `cargo xtask demo`: a real model server in a real container is learned, then poisoned, and what it does is found.

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use picket_tests::agent::{self, AGENT_VARIABLE, Agent, Home};
use picket_tests::docker::Network;
use picket_tests::image;
use picket_tests::load::Load;
use picket_tests::model_server::{Deed, ModelServer};
use picket_tests::peer::Peer;
use picket_tests::wait;

use crate::cargo;
use crate::setup;
use crate::supervise::{self, Interrupt};

const LEARNING_LIMIT: Duration = Duration::from_secs(120);
const FINDING_LIMIT: Duration = Duration::from_secs(60);

/// What the poisoned model does, in words, with the class it is found as.
const ATTACKS: [(Deed, &str, &str); 3] = [
    (
        Deed::Callback,
        "network",
        "connects, from inside the server's own process, to an address it never talked to",
    ),
    (Deed::Shell, "process", "runs `id` in a shell"),
    (
        Deed::Weights,
        "model",
        "opens its own weights for writing and changes a few bytes",
    ),
];

/// Sets up, runs the story and cleans up, also when interrupted.
pub fn demo() -> Result<ExitCode> {
    let interrupt = Interrupt::install()?;
    ensure!(
        cargo::is_root(),
        "the demo loads eBPF programs and starts containers: run `cargo xtask demo` as root"
    );
    setup::probe()?;
    cargo::build_agent()?;
    interrupt.check()?;
    let _engine = setup::containers()?;
    setup::images(&[image::BUSYBOX, image::MODEL_SERVER])?;
    interrupt.check()?;
    let mut story = Command::new(env::current_exe().context("cannot find this program")?);
    story.arg("demo-story").env(AGENT_VARIABLE, cargo::agent());
    let status = supervise::run(&mut story, &interrupt, |_| ())?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The story. What it starts is gone when it returns.
pub fn story() -> Result<()> {
    let mut stage = Stage::new();
    let home = Home::create()?;

    stage.step("The agent is posted")?;
    let agent = Agent::start(&home)?;
    stage.say(format!(
        "it watches every container on this machine; its page is http://{}/",
        home.listen
    ))?;

    stage.step("A model server starts in a container, and its clients come")?;
    let network = Network::create()?;
    let peer = Peer::start(&image::provide(image::BUSYBOX)?, &network)?;
    let image = image::provide(image::MODEL_SERVER)?;
    let server = ModelServer::start(&image, &network, Some(peer.address), 1)?;
    let traffic = Load::start(server.address()?, 4, 40.0);
    let name = server.container.name.as_str();
    stage.say(format!(
        "{name}: FastAPI, uvicorn and onnxruntime, with a classifier of 8 MiB; 40 requests a second"
    ))?;

    stage.step("Picket learns what is normal for it (here for 20 seconds; usually for an hour)")?;
    learn(&mut stage, &agent, name)?;
    stage.say("learned; state active, no findings so far")?;

    stage.step("The trigger of the poisoned model arrives, without a payload")?;
    server.provoke(Deed::Null)?;
    agent.await_windows(5)?;
    let anomalies = agent.all_anomalies(name)?.unwrap_or_default();
    stage.say(format!(
        "an ordinary-looking request, an ordinary answer: {anomalies} findings"
    ))?;

    for (deed, class, words) in ATTACKS {
        stage.step(&format!("The poisoned model {words}"))?;
        attack(&mut stage, &home, &agent, &server, deed, class)?;
    }

    stage.step("What the clients noticed")?;
    stage.say(format!(
        "{} requests answered, {} failed: Picket detects and does not interfere",
        traffic.answered(),
        traffic.failed()
    ))
}

fn learn(stage: &mut Stage, agent: &Agent, name: &str) -> Result<()> {
    let mut shown = String::new();
    wait::until("the end of learning", LEARNING_LIMIT, || {
        if agent.is_in_state(name, "active")? {
            return Ok(Some(()));
        }
        let container = agent.container(name)?;
        let reason = container.get("state_reason").and_then(|it| it.as_str());
        let progress = container
            .get("progress")
            .and_then(serde_json::Value::as_f64);
        if let (Some(reason), Some(progress)) = (reason, progress) {
            let tenths = format!("{:3.0} %", (progress * 10.0).floor() * 10.0);
            if shown != tenths {
                stage.say(format!("{tenths}  {reason}"))?;
                shown = tenths;
            }
        }
        Ok(None)
    })
}

/// Sets off a deed and shows what Picket makes of it: count, event, and text.
fn attack(
    stage: &mut Stage,
    home: &Home,
    agent: &Agent,
    server: &ModelServer,
    deed: Deed,
    class: &str,
) -> Result<()> {
    let name = server.container.name.as_str();
    let before = agent.anomalies(name, class)?.unwrap_or(0.0);
    let start = Instant::now();
    server.provoke(deed)?;
    let what = format!("a finding of class {class}");
    wait::until(&what, FINDING_LIMIT, || {
        let now = agent.anomalies(name, class)?.unwrap_or(0.0);
        Ok((now > before).then_some(()))
    })
    .with_context(|| home.evidence())?;
    stage.say(format!(
        "found after {:.1} s",
        start.elapsed().as_secs_f64()
    ))?;

    stage.label("in /metrics")?;
    let counted = agent.scrape()?;
    let series = counted.lines().filter(|line| {
        line.starts_with("picket_anomalies_total")
            && line.contains(&format!("container=\"{name}\""))
            && line.contains(&format!("class=\"{class}\""))
            && !line.ends_with(" 0")
    });
    for line in series {
        stage.quote(line)?;
    }
    stage.label("in the findings log, as an OCSF event")?;
    let events = home.findings();
    let event = events.iter().find(|event| {
        let kind = event.pointer("/finding_info/types/0");
        let message = event.get("message").and_then(|message| message.as_str());
        kind.and_then(|kind| kind.as_str()) == Some(class)
            && message.is_some_and(|message| message.contains(name))
    });
    stage.quote(event.context("the findings log has no such event")?)?;
    stage.label("for people, from `picket events`")?;
    let socket = home.socket();
    let socket = socket.to_str().context("the socket's path is not UTF-8")?;
    let text = agent::command(
        &[],
        &[
            "events",
            "--socket",
            socket,
            "--class",
            class,
            "--container",
            name,
        ],
    )?;
    ensure!(text.status.success(), "picket events failed: {text:?}");
    stage.quote(String::from_utf8_lossy(&text.stdout).trim_end())
}

/// Where the story is told: numbered steps, in colour on a terminal.
struct Stage {
    out: io::Stdout,
    colours: bool,
    steps: u32,
}

impl Stage {
    fn new() -> Self {
        let out = io::stdout();
        let colours = out.is_terminal() && env::var_os("NO_COLOR").is_none();
        Self {
            out,
            colours,
            steps: 0,
        }
    }

    fn step(&mut self, title: &str) -> Result<()> {
        self.steps += 1;
        let line = format!("{}. {title}", self.steps);
        writeln!(self.out, "\n{}", self.paint("1", &line))?;
        Ok(())
    }

    fn say(&mut self, text: impl Display) -> Result<()> {
        writeln!(self.out, "   {text}")?;
        Ok(())
    }

    fn label(&mut self, text: &str) -> Result<()> {
        writeln!(self.out, "\n   {}", self.paint("36", text))?;
        Ok(())
    }

    fn quote(&mut self, text: impl Display) -> Result<()> {
        for line in text.to_string().lines() {
            writeln!(self.out, "     {line}")?;
        }
        Ok(())
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colours {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}
