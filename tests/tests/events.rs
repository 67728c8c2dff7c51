//! The live stream of what is new: `picket events`.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use picket_tests::agent::{Agent, Home, command, program};
use picket_tests::docker::{Container, Run};
use picket_tests::image;
use picket_tests::suite::{Fixture, Suite};
use picket_tests::wait;
use serde_json::Value;

fn main() -> ExitCode {
    Suite::<Post>::default()
        .test("a_first_open_is_streamed_and_a_second_is_not", first_open)
        .test("findings_are_in_the_stream", finding)
        .run()
}

/// A running agent and an image to start containers from.
struct Post {
    agent: Agent,
    busybox: String,
    home: Home,
}

impl Fixture for Post {
    fn create() -> Result<Self> {
        let busybox = image::provide(image::BUSYBOX)?;
        let home = Home::create()?;
        Ok(Self {
            agent: Agent::start(&home)?,
            busybox,
            home,
        })
    }

    fn evidence(&self) -> String {
        self.home.evidence()
    }
}

/// `picket events -f` with what it printed so far; ended when dropped.
struct Follower {
    child: Child,
    output: PathBuf,
    _place: tempfile::TempDir,
}

impl Follower {
    fn start(home: &Home, arguments: &[&str]) -> Result<Self> {
        let place = tempfile::tempdir()?;
        let output = place.path().join("events");
        let child = Command::new(program())
            .arg("--socket")
            .arg(home.socket())
            .args(["events", "-f"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(File::create(&output)?)
            .spawn()
            .context("cannot run picket events")?;
        Ok(Self {
            child,
            output,
            _place: place,
        })
    }

    fn text(&self) -> Result<String> {
        Ok(fs::read_to_string(&self.output)?)
    }

    /// Waits for an event, and returns all so far.
    fn wait_for(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Result<Vec<Value>> {
        wait::until(what, Duration::from_secs(20), || {
            let text = self.text()?;
            let complete = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
            let events: Vec<Value> = complete
                .lines()
                .map(serde_json::from_str)
                .collect::<Result<_, _>>()?;
            Ok(events.iter().any(&is_it).then_some(events))
        })
        .with_context(|| self.text().unwrap_or_default())
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A container that does what it is told by `docker exec`.
fn idle(post: &Post, name: &str) -> Result<Container> {
    Container::start(&Run {
        image: &post.busybox,
        name,
        network: None,
        environment: &[],
        command: &["sh", "-c", "while :; do usleep 20000; done"],
    })
}

fn reads(event: &Value, path: &str) -> bool {
    event["type"] == "evidence" && event["family"] == "file_read" && event["raw"] == path
}

fn first_open(post: &mut Post) -> Result<()> {
    let container = idle(post, "reader")?;
    let json = Follower::start(&post.home, &["-o", "json", "--container", &container.name])?;
    let text = Follower::start(&post.home, &["--container", &container.name])?;
    let create = "mkdir /data && echo 1 >/data/first && echo 2 >/data/second";
    container.exec(&["sh", "-c", create])?;

    container.exec(&["cat", "/data/first"])?;
    let events = json.wait_for("the first open", |event| reads(event, "/data/first"))?;
    let open = events.iter().find(|event| reads(event, "/data/first"));
    let open = open.context("it was there")?;
    ensure!(open["fact"] == "/data/first", "{open:#}");
    ensure!(open["status"] == "learned", "{open:#}");
    ensure!(open["namespace"] == "docker", "{open:#}");
    ensure!(open["container_id"] == container.id.as_str(), "{open:#}");
    ensure!(open["origin"] == "runtime", "{open:#}");
    let arguments = serde_json::json!(["cat", "/data/first"]);
    ensure!(open["process"]["argv"] == arguments, "{open:#}");

    // Another file, opened after the first was opened again, ends the wait for what must not come.
    container.exec(&["cat", "/data/first"])?;
    container.exec(&["cat", "/data/second"])?;
    let events = json.wait_for("the second file", |event| reads(event, "/data/second"))?;
    let opens = events.iter().filter(|event| reads(event, "/data/first"));
    ensure!(opens.count() == 1, "{events:#?}");
    let in_api = post
        .agent
        .await_evidence(&container.name, "file_read", |it| {
            it.tells_of("/data/second")
        })?;
    ensure!(events.contains(&in_api.json), "{in_api:?}");

    let line = wait::until("the line for people", Duration::from_secs(20), || {
        let text = text.text()?;
        let is_it = |line: &&str| line.contains("file_read") && line.contains("/data/second");
        let line = text.lines().find(is_it);
        Ok(line.map(str::to_owned))
    })?;
    for part in [&container.name, "learned", "(busybox "] {
        ensure!(line.contains(part), "{part} is not in {line}");
    }
    Ok(())
}

fn finding(post: &mut Post) -> Result<()> {
    let container = idle(post, "intruder")?;
    let json = Follower::start(&post.home, &["-o", "json", "--container", &container.name])?;
    // Never learned, whoever does it.
    container.exec(&["sh", "-c", "echo >/etc/ld.so.preload"])?;
    let events = json.wait_for("the finding", |event| event["type"] == "finding")?;
    let is_it = |event: &Value| event["family"] == "file_write" && event["status"] == "never_learn";
    ensure!(events.iter().any(is_it), "{events:#?}");

    let socket = post.home.socket().display().to_string();
    let arguments = [
        "--socket",
        &socket,
        "events",
        "--findings",
        "-o",
        "json",
        "--container",
        &container.name,
    ];
    let output = String::from_utf8(command(&[], &arguments)?.stdout)?;
    let findings: Vec<Value> = output
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let ids = |events: &[Value]| -> Vec<String> {
        let findings = events.iter().filter(|event| event["type"] == "finding");
        findings.map(|event| event["id"].to_string()).collect()
    };
    ensure!(findings.len() == ids(&findings).len(), "{output}");
    ensure!(ids(&findings) == ids(&events), "{output}");
    Ok(())
}
