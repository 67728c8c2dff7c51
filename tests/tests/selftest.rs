//! The agent sees its own canary through its probe, and says so when it does not.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::os::fd::{FromRawFd as _, OwnedFd};
use std::path::Path;
use std::process::{ExitCode, Output};
use std::time::{Duration, Instant};
use std::{fs, io};

use anyhow::{Context, Result, bail, ensure};
use picket_tests::agent::{self, Agent, Home};
use picket_tests::cgroup::Cgroup;
use picket_tests::suite::{Fixture, Suite};
use picket_tests::wait;
use serde_json::Value;

/// How long the verb waits for an agent that does not answer.
const PATIENCE: Duration = Duration::from_secs(15);

fn main() -> ExitCode {
    Suite::<Post>::default()
        .test("it_passes_soon_after_the_start", soon)
        .test("it_is_asked_for_and_every_hook_answers", asked)
        .test("nothing_of_it_is_a_containers", nobodys)
        .test("an_agent_held_still_fails_it_in_bounded_time", held)
        .test("a_hook_that_somebody_detached_is_named", detached)
        .test("a_watched_container_around_the_agent_stays_watched", inside)
        .test("it_passes_where_system_calls_are_sampled", sampled)
        .run()
}

struct Post {
    agent: Agent,
    home: Home,
}

impl Fixture for Post {
    fn create() -> Result<Self> {
        let home = Home::create()?;
        // So that what containers of others do meanwhile is not counted.
        let nothing = home
            .configuration()?
            .replace("{all: true}", "{image: none-at-all}");
        home.configure(&nothing)?;
        let agent = Agent::start(&home)?;
        Ok(Self { agent, home })
    }

    fn evidence(&self) -> String {
        self.home.evidence()
    }
}

fn selftest(home: &Home) -> Result<Output> {
    let socket = home.socket();
    let socket = socket.to_string_lossy();
    agent::command(&[], &["selftest", "--socket", &socket, "-o", "json"])
}

/// What the verb printed, of a test that passed.
fn passed(home: &Home) -> Result<Value> {
    let output = selftest(home)?;
    let view: Value =
        serde_json::from_slice(&output.stdout).with_context(|| format!("no JSON: {output:?}"))?;
    ensure!(
        output.status.code() == Some(0) && view["passed"] == true,
        "{view:#}"
    );
    Ok(view)
}

fn failures(agent: &Agent) -> Result<Option<f64>> {
    let metrics = agent.metrics()?;
    Ok(metrics.sum("picket_selftest_failures_total", &[]))
}

fn soon(post: &mut Post) -> Result<()> {
    wait::until("the first success", Duration::from_secs(10), || {
        let metrics = post.agent.metrics()?;
        let at = metrics.sum("picket_selftest_success_timestamp_seconds", &[]);
        Ok(at.filter(|at| *at > 0.0).map(drop))
    })?;
    ensure!(failures(&post.agent)? == Some(0.0), "it failed before");
    Ok(())
}

fn asked(post: &mut Post) -> Result<()> {
    let view = passed(&post.home)?;
    let hooks = view["hooks"].as_array().context("a list")?;
    let with = |outcome: &str| -> Vec<&str> {
        let hooks = hooks.iter().filter(|hook| hook["outcome"] == outcome);
        hooks.filter_map(|hook| hook["name"].as_str()).collect()
    };
    let mut seen = with("seen");
    let mut untried = with("untried");
    // A machine without IPv6 has less to try.
    seen.retain(|hook| !hook.ends_with('6'));
    untried.retain(|hook| !hook.ends_with('6'));
    ensure!(
        seen == [
            "sched_process_fork",
            "sched_process_exec",
            "sched_process_exit",
            "sys_exit",
            "inet_sock_set_state",
            "connect4",
            "bind4",
            "sendmsg4",
            "skb_ingress",
            "skb_egress",
        ],
        "{view:#}"
    );
    ensure!(
        untried
            == [
                "cgroup_mkdir",
                "cgroup_rmdir",
                "signal_generate",
                "io_uring_submit_req",
            ],
        "{view:#}"
    );
    Ok(())
}

fn nobodys(post: &mut Post) -> Result<()> {
    let counts = || -> Result<Vec<Option<f64>>> {
        let metrics = post.agent.metrics()?;
        let sums = [
            "picket_events_unattributed_total",
            "picket_events_lost_total",
        ];
        let of_kind = |kind| metrics.sum("picket_events_total", &[("kind", kind)]);
        let kinds = ["fork", "exec", "open_failed", "bind", "connect"].map(of_kind);
        let sums = sums.map(|name| metrics.sum(name, &[]));
        Ok([kinds.as_slice(), &sums].concat())
    };
    let before = counts()?;
    for _ in 0..3 {
        passed(&post.home)?;
    }
    post.agent.await_windows(1)?;
    ensure!(counts()? == before, "{before:?}, {:?}", counts()?);
    ensure!(post.home.findings().is_empty(), "a finding");
    Ok(())
}

fn held(post: &mut Post) -> Result<()> {
    let started = Instant::now();
    let held = post.agent.hold()?;
    let output = selftest(&post.home)?;
    drop(held);
    let took = started.elapsed();
    ensure!(output.status.code() == Some(1), "{output:?}");
    ensure!(took < PATIENCE + Duration::from_secs(5), "{took:?}");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(told.contains("did not answer"), "{told}");
    // It goes on where it stopped.
    passed(&post.home).map(drop)
}

fn detached(_post: &mut Post) -> Result<()> {
    let home = Home::create()?;
    let agent = Agent::start(&home)?;
    passed(&home)?;
    detach(link_of(&agent, INET4_CONNECT)?)?;
    let before = failures(&agent)?.context("no counter")?;
    let output = selftest(&home)?;
    let view: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(output.status.code() == Some(1), "{view:#}");
    ensure!(view["reason"] == "no answer from connect4", "{view:#}");
    ensure!(failures(&agent)? == Some(before + 1.0), "it does not count");
    Ok(())
}

/// `include/uapi/linux/bpf.h`: how the link of `connect4` is attached.
const INET4_CONNECT: &str = "10";
/// The same: commands of `bpf`.
const LINK_GET_FD_BY_ID: libc::c_long = 30;
const LINK_DETACH: libc::c_long = 34;

/// The id of the link by which an agent is attached so.
fn link_of(agent: &Agent, attach_type: &str) -> Result<u32> {
    for file in fs::read_dir(format!("/proc/{}/fdinfo", agent.pid()))? {
        let text = fs::read_to_string(file?.path()).unwrap_or_default();
        let field = |name: &str| {
            let mut lines = text.lines();
            lines.find_map(|line| line.strip_prefix(name).map(str::trim))
        };
        if field("attach_type:") == Some(attach_type)
            && let Some(id) = field("link_id:")
        {
            return Ok(id.parse()?);
        }
    }
    bail!("the agent has no such link")
}

/// Detaches what a link attached, though its owner still holds it.
fn detach(link: u32) -> Result<()> {
    let bpf = |command: libc::c_long, attribute: u32| {
        // `union bpf_attr` begins with the one number that both commands take.
        let attributes = [attribute, 0, 0];
        let size = size_of_val(&attributes);
        // SAFETY: the attributes live through the call, which reads as many bytes of them as it is told.
        let result = unsafe { libc::syscall(libc::SYS_bpf, command, attributes.as_ptr(), size) };
        u32::try_from(result).map_err(|_| io::Error::last_os_error())
    };
    let link = bpf(LINK_GET_FD_BY_ID, link)?;
    // SAFETY: the call has just opened it, and nothing else has it.
    let owned = unsafe { OwnedFd::from_raw_fd(i32::try_from(link)?) };
    bpf(LINK_DETACH, link)?;
    drop(owned);
    Ok(())
}

/// The agent comes into a container that it watches already, which it never does by itself.
fn inside(_post: &mut Post) -> Result<()> {
    let home = Home::create()?;
    let agent = Agent::start(&home)?;
    let mut cgroup = Cgroup::create('c')?;
    cgroup.inhabit("while :; do /bin/cat /etc/hostname; sleep 0.05; done")?;
    let programs = || -> Result<Option<u64>> {
        let containers = agent.api("containers")?;
        let mut containers = containers.as_array().context("a list")?.iter();
        let container = containers.find(|it| it["id"] == cgroup.id.as_str());
        Ok(container.and_then(|it| it["events"]["exec"].as_u64()))
    };
    let await_more = |before: u64| {
        wait::until("more programs", Duration::from_secs(10), || {
            Ok(programs()?.filter(|now| *now > before + 5))
        })
    };
    await_more(0)?;
    let procs = |path: &Path| path.join("cgroup.procs");
    fs::write(procs(&cgroup.path), agent.pid().to_string())?;
    for _ in 0..3 {
        passed(&home)?;
    }
    await_more(programs()?.context("it is gone")?)?;
    let root = cgroup.path.parent().context("no cgroup above")?;
    fs::write(procs(root), agent.pid().to_string())?;
    let evidence = agent.api("events")?.to_string();
    ensure!(evidence.contains("/bin/cat"), "{evidence}");
    ensure!(!evidence.contains("selftest-"), "{evidence}");
    let of_it = home
        .logged()
        .into_iter()
        .filter(|it| it.contains(&cgroup.id));
    let findings: Vec<String> = of_it.collect();
    ensure!(findings.is_empty(), "{findings:#?}");
    Ok(())
}

fn sampled(_post: &mut Post) -> Result<()> {
    let home = Home::with("window: 1s\nsyscalls: sampled\n")?;
    let agent = Agent::start(&home)?;
    let view = passed(&home).with_context(|| home.evidence())?;
    let hooks = view["hooks"].as_array().context("a list")?;
    let calls = hooks.iter().find(|hook| hook["name"] == "sys_exit");
    ensure!(calls.is_some_and(|it| it["outcome"] == "seen"), "{view:#}");
    ensure!(failures(&agent)? == Some(0.0), "{}", home.evidence());
    Ok(())
}
