//! What a container uses of the machine is told, under its own name.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use picket_tests::agent::{self, Agent, Home};
use picket_tests::docker::{Container, Run, docker};
use picket_tests::image;
use picket_tests::suite::{Fixture, Suite};
use picket_tests::wait;
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(30);
const MIB: u64 = 1 << 20;

fn main() -> ExitCode {
    Suite::<Post>::default()
        .test("what_a_container_uses_is_told_under_its_name", busy)
        .test("a_process_killed_for_memory_is_counted", killed)
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

impl Post {
    fn start(&self, name: &str, script: &str) -> Result<Container> {
        Container::start(&Run {
            image: &self.busybox,
            name,
            network: None,
            environment: &[],
            command: &["sh", "-c", script],
        })
    }

    /// What the container used in its last window, once that is what the test waits for.
    fn await_use(&self, of: &Container, what: &str, is_it: impl Fn(&Used) -> bool) -> Result<Used> {
        let used = || self.agent.container(&of.name).map(Used);
        wait::until(what, LIMIT, || Ok(Some(used()?).filter(&is_it)))
            .with_context(|| used().map(|it| it.shown()).unwrap_or_default())
    }
}

/// A container as the agent shows it.
struct Used(Value);

impl Used {
    fn amount(&self, name: &str) -> Option<u64> {
        self.0["resources"][name].as_u64()
    }

    fn is_at_least(&self, name: &str, least: u64) -> bool {
        self.amount(name).is_some_and(|amount| amount >= least)
    }

    /// Percent of one CPU.
    fn cpu(&self) -> Option<u64> {
        (self.amount("cpu_ns")? * 100).checked_div(self.0["window_ns"].as_u64()?)
    }

    /// The busiest process.
    fn busiest(&self) -> &str {
        let first = &self.0["resources"]["busiest"][0]["name"];
        first.as_str().unwrap_or_default()
    }

    fn shown(&self) -> String {
        format!("{:#}", self.0["resources"])
    }
}

fn busy(post: &mut Post) -> Result<()> {
    let idle = post.start("idle", "while :; do sleep 1; done")?;
    // By their paths, as busybox's shell runs its own applets without an exec.
    let busy = post.start(
        "busy",
        "dd if=/dev/zero of=/dev/shm/memory bs=1M count=40
         /bin/yes >/dev/null &
         while :; do /bin/dd if=/dev/zero of=/written bs=1M count=4 conv=fsync; cat /written >/dev/null; sleep 0.1; done",
    )?;
    let used = post.await_use(&busy, "the busy container's use", |used| {
        used.cpu().is_some_and(|percent| percent >= 10)
            && used.busiest() == "yes"
            && used.is_at_least("memory_bytes", 40 * MIB)
            && used.is_at_least("memory_file_bytes", 40 * MIB)
            && used.is_at_least("memory_anon_bytes", 1)
            && used.is_at_least("memory_peak_bytes", 40 * MIB)
            && used.is_at_least("cpu_user_ns", 1)
            && used.is_at_least("cpu_system_ns", 1)
            && used.is_at_least("minor_faults", 1)
            && used.is_at_least("major_faults", 0)
            && used.is_at_least("throttled_ns", 0)
            && used.is_at_least("tasks", 2)
    })?;
    match used.amount("io_written_bytes") {
        Some(_) => {
            post.await_use(&busy, "bytes written", |used| {
                used.is_at_least("io_written_bytes", MIB)
            })?;
        }
        None => ensure!(!counts_io(&busy)?, "{}", used.shown()),
    }

    let rest = post.await_use(&idle, "the idle container's use", |used| {
        used.amount("cpu_ns").is_some()
    })?;
    ensure!(rest.cpu() < Some(5), "{}", rest.shown());
    ensure!(rest.busiest() != "yes", "{}", rest.shown());
    ensure!(
        rest.amount("memory_bytes") < Some(20 * MIB),
        "{}",
        rest.shown()
    );

    // The same on the command line.
    let socket = post.home.socket();
    let socket = socket.to_str().context("path")?;
    let output = agent::command(&[], &["containers", "--socket", socket, "-o", "json"])?;
    let listed: Vec<Value> = serde_json::from_slice(&output.stdout)?;
    let listed = listed.into_iter().find(|it| it["id"] == busy.id.as_str());
    let listed = Used(listed.context("not listed")?);
    ensure!(listed.busiest() == "yes", "{}", listed.shown());
    Ok(())
}

/// Whether this kernel counts a container's bytes: version 1 does so only for devices that have a limit.
fn counts_io(container: &Container) -> Result<bool> {
    let pid = container.inspect("{{.State.Pid}}")?;
    let cgroups = std::fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    let Some(path) = cgroups.lines().find_map(|line| line.split_once(":blkio:")) else {
        return Ok(true);
    };
    let file = format!(
        "/sys/fs/cgroup/blkio{}/blkio.throttle.io_service_bytes_recursive",
        path.1
    );
    Ok(std::fs::read_to_string(file)?.contains("Write"))
}

fn killed(post: &mut Post) -> Result<()> {
    let container = post.start("small", "while :; do sleep 1; done")?;
    post.await_use(&container, "the first windows", |used| {
        used.amount("oom_kills") == Some(0)
    })?;
    docker(&[
        "update",
        "--memory",
        "16m",
        "--memory-swap",
        "16m",
        &container.id,
    ])?;
    let greedy = container.exec(&["dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"]);
    ensure!(greedy.is_err(), "64 MiB went into 16 MiB");
    post.await_use(&container, "the kill", |used| {
        used.is_at_least("oom_kills", 1)
    })
    .map(drop)
}
