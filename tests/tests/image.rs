//! The image, in a container that gets exactly what the DaemonSet asks for: it finds an attack, needs no more than is asked
//! for and not much less, and hands over to its successor.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use picket_tests::agent_pod::{AgentPod, Node, archive};
use picket_tests::docker::{Container, Run, unique};
use picket_tests::load::Load;
use picket_tests::model_server::{Deed, PORT, poison, provoke};
use picket_tests::suite::{Fixture, REQUIRED_VARIABLE, Suite};
use picket_tests::{http, image, tools, wait};
use serde_json::Value;

const START_LIMIT: Duration = Duration::from_secs(120);
const LEARNING_LIMIT: Duration = Duration::from_secs(180);

/// A new container's counters stay at 0 for up to half a minute, so that no series is born above it.
const FINDING_LIMIT: Duration = Duration::from_secs(60);

const SEED: u64 = 5;

fn main() -> ExitCode {
    let reason = obstacle();
    let reason = || reason.clone();
    Suite::<Cluster>::default()
        .test_unless("every_capability_is_needed_as_told", reason(), capabilities)
        .test_unless(
            "an_attack_is_found_and_nothing_lost_in_an_upgrade",
            reason(),
            life,
        )
        .test_unless(
            "the_bill_of_materials_is_valid",
            materials_obstacle(),
            materials,
        )
        .run()
}

/// Why there is no image to run here. Where everything was set up, there must be one.
fn obstacle() -> Option<String> {
    if env::var_os(REQUIRED_VARIABLE).is_some() {
        return None;
    }
    if !archive().is_file() {
        let archive = archive();
        let archive = archive.display();
        return Some(format!("needs {archive}: run `cargo xtask image`"));
    }
    tools::find("ctr")
        .is_none()
        .then(|| "needs ctr, of containerd".to_owned())
}

fn materials_obstacle() -> Option<String> {
    obstacle().or_else(|| match tools::kubernetes_python() {
        None => Some("needs the schema of CycloneDX: `cargo xtask test` provides it".to_owned()),
        Some(_) => None,
    })
}

/// A node, and the device by which its model servers are recognised.
struct Cluster {
    node: Node,
    device: String,
}

impl Fixture for Cluster {
    fn create() -> Result<Self> {
        let device = format!("/dev/{}", unique("accelerator"));
        let node = Node::create(&format!(
            "window: 1s\nlearning: {{min_duration: 20s, min_requests: 50}}\nwatch: [{{device: {device}}}]\n"
        ))?;
        Ok(Self { node, device })
    }

    fn evidence(&self) -> String {
        format!("--- the agents printed\n{}---", self.node.printed())
    }
}

impl Cluster {
    fn model_server(&self) -> Result<Server> {
        let device = format!("/dev/null:{}", self.device);
        let run = Run {
            image: &image::provide(image::MODEL_SERVER)?,
            name: "model",
            network: Some(&self.node.network),
            environment: &poison(SEED, None),
            command: &[],
        };
        let container = Container::start_with(&run, &["--device", &device])?;
        let address = SocketAddr::new(container.address()?, PORT);
        let server = Server { container, address };
        wait::until("the model server's start", START_LIMIT, || {
            http::get(server.address, "/healthz").map(Some)
        })
        .with_context(|| server.container.logs().unwrap_or_default())?;
        Ok(server)
    }
}

struct Server {
    container: Container,
    address: SocketAddr,
}

/// What `picket check` says without one of these, which the overlay `full` adds all.
const WITHOUT: [(&str, &str); 5] = [
    ("BPF", "fail"),
    ("PERFMON", "fail"),
    ("NET_ADMIN", "warn"),
    ("SYS_PTRACE", "warn"),
    ("DAC_READ_SEARCH", "warn"),
];

fn capabilities(cluster: &mut Cluster) -> Result<()> {
    let all: Vec<String> = WITHOUT.map(|(name, _)| name.to_owned()).into();
    let base = cluster.node.spec().capabilities()?;
    ensure!(base.iter().all(|it| all.contains(it)), "{base:?}");
    let (code, report) = checked(&cluster.node, &all)?;
    ensure!(code == Some(0), "{report:#}");
    ensure!(lines(&report).all(|it| it["level"] == "ok"), "{report:#}");
    for (missing, level) in WITHOUT {
        let mut rest = all.clone();
        rest.retain(|it| it != missing);
        let (code, report) = checked(&cluster.node, &rest)?;
        let what = format!("CAP_{missing}");
        let line = lines(&report).find(|it| it["what"] == what.as_str());
        let line = line.with_context(|| format!("nothing about {what}: {report:#}"))?;
        let refused = lines(&report).filter(|it| {
            it["level"] != "ok"
                && it["what"]
                    .as_str()
                    .is_some_and(|it| it.starts_with("probe"))
        });
        println!(
            "without {missing}: exit code {code:?}, {} hooks or maps refused; {}",
            refused.count(),
            line["finding"]
        );
        ensure!(line["level"] == level, "{what}: {line:#}");
        ensure!(line["advice"] != "", "{what}: {line:#}");
        ensure!((code == Some(0)) == (level == "warn"), "{what}: {code:?}");
    }
    Ok(())
}

/// The exit code of `picket check` with these capabilities, and what it says.
fn checked(node: &Node, capabilities: &[String]) -> Result<(Option<i32>, Value)> {
    let output = node.run_with(capabilities, &["check", "-o", "json"])?;
    let report = serde_json::from_slice(&output.stdout).with_context(|| format!("{output:?}"))?;
    Ok((output.status.code(), report))
}

fn lines(report: &Value) -> impl Iterator<Item = &Value> {
    report["checks"].as_array().into_iter().flatten()
}

/// One test, as each part needs what the part before left.
fn life(cluster: &mut Cluster) -> Result<()> {
    let cluster = &*cluster;
    let pod = cluster.node.start()?;
    confined(&pod)?;
    let report = pod.ask(&["check"])?;
    ensure!(lines(&report).all(|it| it["level"] != "fail"), "{report:#}");
    let tested = pod.ask(&["selftest"])?;
    ensure!(tested["passed"] == true, "{tested:#}");

    let server = cluster.model_server()?;
    let traffic = Load::start(server.address, 4, 40.0);
    // Without what loading the probe takes, once.
    let (since, before) = (Instant::now(), processor_time(&pod)?);
    let id = server.container.id.as_str();
    let name = wait::until("the end of learning", LEARNING_LIMIT, || {
        let known = pod.container(id)?;
        let name = known["container"].as_str().unwrap_or_default();
        let labels = [("container", name), ("state", "active")];
        let active = pod.metrics()?.sum("picket_baseline_state", &labels) == Some(1.0);
        Ok(active.then(|| name.to_owned()))
    })
    .with_context(|| format!("{:#}", pod.container(id).unwrap_or_default()))?;
    let labels = [("container", name.as_str()), ("class", "process")];
    provoke(server.address, SEED, Deed::Shell)?;
    wait::until("a finding about the shell", FINDING_LIMIT, || {
        let found = pod.metrics()?.sum("picket_anomalies_total", &labels);
        Ok(found.filter(|count| *count >= 1.0))
    })?;
    ensure!(cluster.node.printed().contains(id), "no finding is logged");
    let used = processor_time(&pod)? - before;
    within_requests(cluster, &pod, used / since.elapsed().as_secs_f64())?;
    handed_over(cluster, pod, &server)?;
    ensure!(traffic.failed() == 0, "requests failed");
    Ok(())
}

/// The kernel's own view: root without any power left, which cannot get one back.
fn confined(pod: &AgentPod<'_>) -> Result<()> {
    let tasks = format!("/proc/{}/task", pod.pid);
    for task in fs::read_dir(&tasks)? {
        let status = fs::read_to_string(task?.path().join("status"))?;
        for (field, expected) in [
            ("Uid", "0\t0\t0\t0"),
            ("CapInh", "0000000000000000"),
            ("CapPrm", "0000000000000000"),
            ("CapEff", "0000000000000000"),
            ("CapAmb", "0000000000000000"),
            ("NoNewPrivs", "1"),
            // SECCOMP_MODE_FILTER of include/uapi/linux/seccomp.h.
            ("Seccomp", "2"),
        ] {
            let prefix = format!("{field}:");
            let mut lines = status.lines();
            let value = lines.find_map(|line| line.strip_prefix(&prefix));
            ensure!(value.map(str::trim) == Some(expected), "{field}: {value:?}");
        }
    }
    let mounts = fs::read_to_string(format!("/proc/{}/mounts", pod.pid))?;
    let options = |path: &str| {
        let mut mounts = mounts
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>());
        let mount = mounts.find(|fields| fields.get(1) == Some(&path));
        mount
            .and_then(|fields| fields.get(3).copied())
            .unwrap_or_default()
    };
    for path in ["/", "/etc/picket", "/sys/fs/cgroup"] {
        ensure!(options(path).starts_with("ro"), "{path} can be written");
    }
    Ok(())
}

/// Seconds of CPU time since the start.
fn processor_time(pod: &AgentPod<'_>) -> Result<f64> {
    let time = pod.metrics()?.sum("process_cpu_seconds_total", &[]);
    time.context("no process_cpu_seconds_total")
}

/// CPU time beside a server at work, in cores, and memory as the kubelet counts it; both against what the manifest requests.
fn within_requests(cluster: &Cluster, pod: &AgentPod<'_>, used: f64) -> Result<()> {
    let (cpu, memory) = cluster.node.spec().requests()?;
    let resident = pod.metrics()?.sum("process_resident_memory_bytes", &[]);
    let resident = resident.context("no process_resident_memory_bytes")?;
    let charged = charged_memory(pod.pid)?;
    println!(
        "{:.2} % of a core ({:.0} % requested), {:.1} MiB resident, {} MiB charged, the probe's maps included ({} MiB requested)",
        used * 100.0,
        cpu * 100.0,
        resident / f64::from(1 << 20),
        charged >> 20,
        memory >> 20,
    );
    ensure!(used <= cpu, "{used} cores are more than {cpu}");
    ensure!(charged <= memory, "{charged} bytes are more than {memory}");
    Ok(())
}

/// The working set of a process's memory cgroup: what is charged to it, without files that nobody uses.
fn charged_memory(pid: u32) -> Result<u64> {
    let cgroups = fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    let path = |prefix: &str| {
        let mut lines = cgroups.lines().filter_map(|line| line.split_once(':'));
        lines.find_map(|(_, rest)| rest.strip_prefix(prefix))
    };
    let (folder, usage, idle) = match path("memory:") {
        Some(path) => (
            format!("/sys/fs/cgroup/memory{path}"),
            "memory.usage_in_bytes",
            "total_inactive_file",
        ),
        None => {
            let path = path(":").context("no cgroup")?;
            (
                format!("/sys/fs/cgroup{path}"),
                "memory.current",
                "inactive_file",
            )
        }
    };
    let folder = Path::new(&folder);
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let usage: u64 = read(usage)?.trim().parse()?;
    let statistics = read("memory.stat")?;
    let mut statistics = statistics.lines().filter_map(|line| line.split_once(' '));
    let idle = statistics.find(|(name, _)| *name == idle);
    let idle: u64 = idle.context("no statistics")?.1.parse()?;
    Ok(usage.saturating_sub(idle))
}

/// Shells that run while no agent does, and the programs of each: itself and `id`.
const MISSED: u64 = 20;
const PROGRAMS: u64 = 2 * MISSED;

/// A DaemonSet ends the one agent before it starts the next.
fn handed_over(cluster: &Cluster, pod: AgentPod<'_>, server: &Server) -> Result<()> {
    let id = server.container.id.as_str();
    let programs = |pod: &AgentPod<'_>| -> Result<u64> {
        let known = pod.container(id)?;
        known["events"]["exec"]
            .as_u64()
            .with_context(|| format!("{known:#}"))
    };
    pod.stop()?;
    for _ in 0..MISSED {
        provoke(server.address, SEED, Deed::Shell)?;
    }
    let pod = cluster.node.start()?;
    let seen = wait::until("the shells in between", Duration::from_secs(30), || {
        let now = programs(&pod)?;
        Ok((now >= PROGRAMS).then_some(now))
    })
    .with_context(|| format!("{:#}", pod.container(id).unwrap_or_default()))?;
    let metrics = pod.metrics()?;
    let gap = metrics.sum("picket_restart_gap_seconds", &[]);
    let known = pod.container(id)?;
    println!(
        "without an agent for {gap:?} s: {seen} programs of {} seen afterwards, {} lost",
        PROGRAMS, known["events_lost"]
    );
    ensure!(seen == PROGRAMS, "{known:#}");
    ensure!(known["events_lost"] == 0, "{known:#}");
    ensure!(gap.is_some_and(|gap| gap > 0.0), "{gap:?}");
    let tested = pod.ask(&["selftest"])?;
    ensure!(tested["passed"] == true, "{tested:#}");
    pod.stop()
}

fn materials(_cluster: &mut Cluster) -> Result<()> {
    let python = tools::kubernetes_python().context("Python is gone")?;
    let bill = archive().with_extension("sbom.cdx.json");
    let bill =
        fs::read_to_string(&bill).with_context(|| format!("cannot read {}", bill.display()))?;
    let script = "import sys\n\
        from cyclonedx.schema import SchemaVersion\n\
        from cyclonedx.validation.json import JsonStrictValidator\n\
        sys.exit(JsonStrictValidator(SchemaVersion.V1_5).validate_str(sys.stdin.read()))\n";
    tools::succeed(&python, &["-c", script], &bill).map(drop)?;
    let wrong = tools::succeed(
        &python,
        &["-c", script],
        &bill.replace("\"purl\"", "\"pearl\""),
    );
    ensure!(wrong.is_err(), "the check lets a wrong field through");
    Ok(())
}
