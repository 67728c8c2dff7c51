//! A real Loki has the agents' output as collectors deliver it: the dashboards' panels of logs find in it the findings of
//! the containers that their reader chooses.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use picket_tests::agent;
use picket_tests::dashboards::logs;
use picket_tests::monitoring::{Entry, Loki};
use picket_tests::suite::{Fixture, Suite};
use picket_tests::tools::find;
use serde_json::{Value, json};

const RECORDINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/recordings");

/// Namespace, pod and container, and the recording whose findings they have: all were recorded in containers of Docker.
const CONTAINERS: [([&str; 3], &str); 4] = [
    (["models", "llama-0", "server"], "S14-fastapi-3"),
    (["models", "llama-0", "fetch"], "S16-fastapi-3"),
    (["models", "llama-1", "server"], "S28-fastapi-3"),
    (["staging", "llama-0", "server"], "S01-fastapi-3"),
];

/// What an agent tells of itself on its standard error, which a collector puts into the same stream or one beside it.
const OWN_LINES: [&str; 2] = [
    "2026-11-30T15:30:18.391868Z  INFO picket::agent: Picket watches. listen=Some(127.0.0.1:9477)",
    "2026-11-30T15:30:27.327483Z  INFO picket::agent: Picket ends.",
];

/// How far around its lines Loki is asked.
const AROUND: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    Suite::<Collected>::default()
        .test_unless("every_finding_is_shown", obstacle(), all)
        .test_unless("only_the_chosen_containers_are_shown", obstacle(), chosen)
        .run()
}

fn obstacle() -> Option<String> {
    find("loki").is_none().then(|| {
        "needs loki: Grafana's server of that name, 3.0 or later, on the PATH; Debian has none"
            .to_owned()
    })
}

/// A Loki with findings.
struct Collected {
    loki: Loki,
    findings: Vec<Value>,
    time: u128,
}

impl Fixture for Collected {
    fn create() -> Result<Self> {
        let mut findings = Vec::new();
        for (place, recording) in CONTAINERS {
            let of_it = replay(recording)?;
            ensure!(!of_it.is_empty(), "{recording} has no finding");
            findings.extend(of_it.into_iter().map(|finding| moved(finding, place)));
        }
        let time = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)?
            .as_nanos();
        let loki = Loki::start()?;
        let collected = Self {
            loki,
            findings,
            time,
        };
        collected.collect()?;
        Ok(collected)
    }

    fn evidence(&self) -> String {
        self.loki.evidence()
    }
}

impl Collected {
    /// Two agents' output by way of two collectors, and what is none of it.
    fn collect(&self) -> Result<()> {
        let Self {
            loki,
            findings,
            time,
        } = self;
        let lines: Vec<String> = findings.iter().map(Value::to_string).collect();
        let (first, second) = lines.split_at(lines.len() / 2);
        // Promtail's chart and Alloy's documentation name a stream like this.
        let labels = json!({
            "namespace": "picket", "pod": "picket-x7kq2", "container": "agent", "app": "picket",
            "job": "picket/agent", "node_name": "node-1", "stream": "stdout",
        });
        let own = OWN_LINES.map(str::to_owned);
        let other = findings.iter().take(1).map(of_another_class);
        let other: Vec<String> = other.map(|event| event.to_string()).collect();
        let output = [first, &own, &other].concat();
        loki.push(&labels, &json!({}), *time, &output)?;
        // The chart k8s-monitoring names it like this, and tells of the pod with each line.
        let labels = json!({
            "namespace": "picket", "container": "agent", "app_kubernetes_io_name": "picket",
            "job": "picket/agent",
        });
        let known = json!({ "pod": "picket-m2v9d" });
        loki.push(&labels, &known, *time, second)?;
        // Whatever a watched container says is not a finding.
        let labels = json!({
            "namespace": "models", "pod": "llama-0", "container": "server", "app": "llama",
        });
        loki.push(&labels, &json!({}), *time, &lines)
    }

    /// The lines that a panel shows.
    fn shown(&self, query: &str) -> Result<Vec<Entry>> {
        let around = AROUND.as_nanos();
        let (from, to) = (self.time - around, self.time + around);
        self.loki.query(query, from, to).context(query.to_owned())
    }

    /// That every panel of logs shows exactly the findings of these containers when so much is chosen.
    fn expect(&self, chosen: &[(&str, &str)], places: &[[&str; 3]]) -> Result<()> {
        let mut expected: Vec<&Value> = self.findings.iter().collect();
        expected.retain(|finding| places.iter().any(|place| *place == place_of(finding)));
        for query in logs(chosen)? {
            let shown = self.shown(&query.text)?;
            for finding in &expected {
                let event = text(finding, "/finding_info/uid");
                let mut of_it = shown
                    .iter()
                    .filter(|entry| entry.labels["finding_event"] == event);
                let entry = of_it
                    .next()
                    .with_context(|| format!("{}: {event} is not shown", query.text))?;
                ensure!(of_it.next().is_none(), "{event} is shown twice");
                hold_against(entry, finding)?;
            }
            ensure!(
                shown.len() == expected.len(),
                "{}: {} lines and not {}",
                query.text,
                shown.len(),
                expected.len()
            );
            println!("{chosen:?}: {} lines", shown.len());
        }
        Ok(())
    }
}

/// That a line and its fields say what the finding says.
fn hold_against(entry: &Entry, finding: &Value) -> Result<()> {
    let [namespace, pod, container] = place_of(finding);
    let fields = [
        ("finding_class", "2004"),
        ("finding_severity", text(finding, "/severity")),
        ("finding_message", text(finding, "/message")),
        ("finding_namespace", namespace),
        ("finding_pod", pod),
        ("finding_container", container),
    ];
    for (name, value) in fields {
        let shown = &entry.labels[name];
        ensure!(*shown == value, "{name} is {shown} and not {value}");
    }
    let error = &entry.labels["__error__"];
    ensure!(error.is_null(), "{error}: {}", entry.line);
    let line = format!(
        "{} {}",
        text(finding, "/severity"),
        text(finding, "/message")
    );
    ensure!(entry.line == line, "{:?} and not {line:?}", entry.line);
    Ok(())
}

fn all(collected: &mut Collected) -> Result<()> {
    collected.expect(&[], &CONTAINERS.map(|(place, _)| place))
}

fn chosen(collected: &mut Collected) -> Result<()> {
    let [server, fetch, next, staging] = CONTAINERS.map(|(place, _)| place);
    let [namespace, pod, container] = ["namespace", "pod", "container"];
    collected.expect(&[(namespace, "models")], &[server, fetch, next])?;
    collected.expect(&[(pod, "llama-0")], &[server, fetch, staging])?;
    collected.expect(&[(namespace, "models"), (pod, "llama-0")], &[server, fetch])?;
    // Grafana joins several chosen values like this.
    collected.expect(
        &[(pod, "(llama-0|llama-1)"), (container, "server")],
        &[server, next, staging],
    )?;
    collected.expect(&[(namespace, "picket")], &[])
}

/// The findings that a replay of a recording prints.
fn replay(recording: &str) -> Result<Vec<Value>> {
    let file = |name: &str| format!("{RECORDINGS}/{name}.picket");
    let (learned, file) = (file("learning-fastapi"), file(recording));
    let arguments = ["replay", "-o", "json", "--learned-by", &learned, &file];
    let output = agent::command(&[], &arguments)?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{recording}: {said}");
    let lines = String::from_utf8(output.stdout)?;
    let findings = lines.lines().map(serde_json::from_str);
    Ok(findings.collect::<Result<_, _>>()?)
}

/// The finding as one of another container.
fn moved(mut finding: Value, [namespace, pod, container]: [&str; 3]) -> Value {
    let resource = &mut finding["resources"][0];
    resource["namespace"] = namespace.into();
    resource["name"] = pod.into();
    resource["data"]["container"] = container.into();
    finding
}

/// An event about the same container that is no finding: a module of the kernel was loaded or unloaded.
fn of_another_class(finding: &Value) -> Value {
    let mut event = finding.clone();
    event["class_uid"] = 1002.into();
    event
}

fn place_of(finding: &Value) -> [&str; 3] {
    ["namespace", "name", "data/container"]
        .map(|name| text(finding, &format!("/resources/0/{name}")))
}

fn text<'a>(finding: &'a Value, pointer: &str) -> &'a str {
    let value = finding.pointer(pointer).and_then(Value::as_str);
    value.unwrap_or_default()
}
