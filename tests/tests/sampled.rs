//! System calls watched for a part of the time.

use std::collections::BTreeSet;
use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use picket_tests::agent::{Agent, Home};
use picket_tests::docker::{Container, Run};
use picket_tests::image;
use picket_tests::suite::{Fixture, Suite};
use picket_tests::wait;

fn main() -> ExitCode {
    Suite::<Post>::default()
        .test("the_tracepoint_is_on_for_a_part_of_the_time", switched)
        .test("only_the_sampler_keeps_capabilities", capabilities)
        .test("calls_are_counted_and_programs_always_seen", seen)
        .run()
}

/// A running agent that samples, and an image to start containers from.
struct Post {
    agent: Agent,
    busybox: String,
    home: Home,
}

impl Fixture for Post {
    fn create() -> Result<Self> {
        let busybox = image::provide(image::BUSYBOX)?;
        let home = Home::with(
            "window: 1s\nlearning: {min_duration: 20s, min_requests: 50}\nsyscalls: sampled\n",
        )?;
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

/// Attached programs are links among the agent's descriptors: one more while the tracepoint is on.
fn links(pid: u32) -> Result<usize> {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd"))?;
    let targets = descriptors.filter_map(|it| fs::read_link(it.ok()?.path()).ok());
    Ok(targets
        .filter(|target| target.as_os_str() == "anon_inode:bpf_link")
        .count())
}

fn switched(post: &mut Post) -> Result<()> {
    let pid = post.agent.pid();
    let mut seen = Vec::new();
    wait::until("on, off and on again", Duration::from_secs(30), || {
        let now = links(pid)?;
        if seen.last() != Some(&now) {
            seen.push(now);
        }
        Ok((seen.len() >= 4).then_some(()))
    })
    .with_context(|| format!("links: {seen:?}"))?;
    let numbers: BTreeSet<usize> = seen.iter().copied().collect();
    let least = numbers.first().copied().unwrap_or_default();
    ensure!(numbers == BTreeSet::from([least, least + 1]), "{seen:?}");
    Ok(())
}

fn capabilities(post: &mut Post) -> Result<()> {
    // `include/uapi/linux/capability.h`: CAP_PERFMON is 38, CAP_BPF 39.
    const ATTACHING: u64 = 1 << 38 | 1 << 39;
    let mut names = Vec::new();
    for task in fs::read_dir(format!("/proc/{}/task", post.agent.pid()))? {
        let status = fs::read_to_string(task?.path().join("status"))?;
        let field = |name: &str| {
            let lines = status.lines();
            let mut values = lines.filter_map(|line| line.strip_prefix(name));
            values.next().unwrap_or_default().trim().to_owned()
        };
        let held = u64::from_str_radix(&field("CapPrm:"), 16)?;
        let name = field("Name:");
        let expected = if name == "sampler" { ATTACHING } else { 0 };
        ensure!(held == expected, "{status}");
        names.push(name);
    }
    for thread in ["sampler", "http", "http-socket"] {
        let count = names.iter().filter(|name| *name == thread).count();
        ensure!(count == 1, "{thread}: {names:?}");
    }
    Ok(())
}

/// Ten programs and peers over ten seconds, of which two are watched in full.
fn seen(post: &mut Post) -> Result<()> {
    let script = "for i in 0 1 2 3 4 5 6 7 8 9; do \
                  cp /bin/busybox /bin/program$i; \
                  /bin/program$i true; nc 127.0.0.1 400$i </dev/null; \
                  usleep 1000000; done; sleep 300";
    let container = Container::start(&Run {
        image: &post.busybox,
        name: "sampled",
        network: None,
        environment: &[],
        command: &["sh", "-c", script],
    })?;
    let name = &container.name;
    for i in 0..10 {
        let (program, port) = (format!("/bin/program{i}"), format!(":400{i}"));
        post.agent.await_evidence(name, "executable", |it| {
            it.json.to_string().contains(&program)
        })?;
        post.agent
            .await_evidence(name, "endpoint", |it| it.fact.ends_with(&port))?;
    }
    // Once a second for ten seconds: the tracepoint was on for some.
    post.agent.await_evidence(name, "syscall", |it| {
        it.fact == "clock_nanosleep" || it.fact == "nanosleep"
    })?;
    Ok(())
}
