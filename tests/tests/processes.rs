//! Evidence of programs: where they come from, what starts them, how they end, and those that never start.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::process::ExitCode;

use anyhow::{Result, ensure};
use picket_tests::agent::{Agent, Evidence, Home};
use picket_tests::docker::{Container, Run};
use picket_tests::image;
use picket_tests::suite::{Fixture, Suite};
use serde_json::Value;

fn main() -> ExitCode {
    Suite::<Post>::default()
        .test("a_program_tells_where_it_comes_from", places)
        .test("a_script_and_its_directory_are_shown", script)
        .test("a_program_that_cannot_start_is_seen", failed)
        .test("a_bad_end_is_seen", ends)
        .test("a_program_without_a_file_is_marked", memfd)
        .test("a_socket_on_standard_input_is_marked", socket)
        .run()
}

/// A running agent and images to start containers from.
struct Post {
    agent: Agent,
    busybox: String,
    python: String,
    home: Home,
}

impl Fixture for Post {
    fn create() -> Result<Self> {
        let busybox = image::provide(image::BUSYBOX)?;
        let python = image::provide(image::MODEL_SERVER)?;
        let home = Home::create()?;
        Ok(Self {
            agent: Agent::start(&home)?,
            busybox,
            python,
            home,
        })
    }

    fn evidence(&self) -> String {
        self.home.evidence()
    }
}

impl Post {
    /// A container that runs a script with a directory `/scratch` in memory.
    fn shell(&self, name: &str, script: &str) -> Result<Container> {
        let run = Run {
            image: &self.busybox,
            name,
            network: None,
            environment: &[],
            command: &["sh", "-c", &format!("{script}; sleep 300")],
        };
        Container::start_with(&run, &["--tmpfs", "/scratch:exec"])
    }

    fn python(&self, name: &str, program: &str) -> Result<Container> {
        Container::start(&Run {
            image: &self.python,
            name,
            network: None,
            environment: &[],
            command: &["python3", "-c", program],
        })
    }

    /// Waits for a program whose process has this value in a field.
    fn program(&self, of: &Container, field: &str, value: &str) -> Result<Evidence> {
        self.agent.await_evidence(&of.name, "executable", |it| {
            it.json["process"][field] == value
        })
    }
}

fn marked(evidence: &Evidence, mark: &str) -> bool {
    let marks = evidence.json["marks"].as_array();
    marks.is_some_and(|marks| marks.contains(&Value::from(mark)))
}

fn places(post: &mut Post) -> Result<()> {
    let script = "mkdir /job; cp /bin/busybox /job/tool; cp /bin/busybox /scratch/tool; \
                  /bin/uname; /job/tool uname; /scratch/tool uname";
    let container = post.shell("places", script)?;
    let copied = post.program(&container, "exe", "/job/tool")?;
    ensure!(marked(&copied, "not_from_image"), "{copied:?}");
    ensure!(copied.fact.contains("(not in image)"), "{copied:?}");
    let in_memory = post.program(&container, "exe", "/scratch/tool")?;
    ensure!(marked(&in_memory, "not_from_image"), "{in_memory:?}");
    let own = post
        .agent
        .await_evidence(&container.name, "executable", |it| {
            it.raw.contains("/bin/uname")
        })?;
    ensure!(!marked(&own, "not_from_image"), "{own:?}");
    Ok(())
}

fn script(post: &mut Post) -> Result<()> {
    let script =
        "mkdir -p /job/deep; cd /job/deep; printf '#!/bin/sh\nuname\n' >run; chmod +x run; ./run";
    let container = post.shell("script", script)?;
    let started = post.program(&container, "script", "./run")?;
    ensure!(started.json["process"]["cwd"] == "/job/deep", "{started:?}");
    ensure!(
        started.json["process"]["exe"] == "/bin/busybox",
        "{started:?}"
    );
    Ok(())
}

fn failed(post: &mut Post) -> Result<()> {
    let script = "mkdir /job; cd /job; echo x >plain; ./plain; nosuchtool; env nosuchtool";
    let container = post.shell("failed", script)?;
    let attempt = |fact: &'static str| {
        post.agent
            .await_evidence(&container.name, "file_attempt", move |it| it.fact == fact)
    };
    let missing = attempt("exec nosuchtool ENOENT")?;
    ensure!(missing.raw.contains("/nosuchtool: ENOENT"), "{missing:?}");
    let refused = attempt("exec /job/plain EACCES")?;
    ensure!(refused.raw == "/job/plain: EACCES", "{refused:?}");
    // Every directory of PATH was tried, by two programs.
    post.agent.await_windows(2)?;
    let evidence = post.agent.evidence(&container.name)?;
    let times = evidence
        .iter()
        .filter(|it| it.fact == "exec nosuchtool ENOENT")
        .count();
    ensure!(times == 1, "{times} times: {evidence:#?}");
    Ok(())
}

fn ends(post: &mut Post) -> Result<()> {
    let container = post.shell("ends", "sh -c 'exit 7'; sh -c 'kill -SEGV $$'; true")?;
    for how in ["exit 7", "killed by SIGSEGV"] {
        let end = post
            .agent
            .await_evidence(&container.name, "exit", |it| it.fact.ends_with(how))?;
        ensure!(end.fact.starts_with("/bin/busybox sh -c"), "{end:?}");
    }
    let evidence = post.agent.evidence(&container.name)?;
    let others = evidence
        .iter()
        .filter(|it| it.family == "exit" && it.fact.ends_with("exit 0"));
    ensure!(others.count() == 0, "{evidence:#?}");
    Ok(())
}

fn memfd(post: &mut Post) -> Result<()> {
    let program = "\
import os, shutil, time
memory = os.memfd_create('hidden')
with open('/bin/true', 'rb') as real, os.fdopen(os.dup(memory), 'wb') as copy:
    shutil.copyfileobj(real, copy)
if os.fork() == 0:
    os.execve(memory, ['true'], {})
time.sleep(300)";
    let container = post.python("memfd", program)?;
    let started = post
        .agent
        .await_evidence(&container.name, "executable", |it| {
            it.fact.starts_with("memfd")
        })?;
    for mark in ["fileless", "not_from_image"] {
        ensure!(marked(&started, mark), "{mark}: {started:?}");
    }
    Ok(())
}

/// The socket becomes descriptor 0 because that is free, without being duplicated.
fn socket(post: &mut Post) -> Result<()> {
    let program = "\
import os, socket, time
server = socket.create_server(('127.0.0.1', 0))
if os.fork() == 0:
    os.close(0)
    client = socket.create_connection(server.getsockname())
    os.set_inheritable(client.fileno(), True)
    os.execv('/bin/uname', ['uname'])
time.sleep(300)";
    let container = post.python("wired", program)?;
    let started = post
        .agent
        .await_evidence(&container.name, "executable", |it| it.raw == "uname")?;
    ensure!(marked(&started, "socket_on_stdio"), "{started:?}");
    ensure!(started.json["status"] == "never_learn", "{started:?}");
    Ok(())
}
