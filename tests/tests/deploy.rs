//! What `deploy/` holds, judged by the programs that will read it.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use libtest_mimic::{Arguments, Completion, Trial};
use picket_tests::dashboards::queries;
use picket_tests::monitoring::{Alertmanager, Receiver};
use picket_tests::suite::REQUIRED_VARIABLE;
use picket_tests::tools::{feed, find, kubernetes_python, succeed, workspace};
use picket_tests::wait;
use serde_json::{Value, json};

/// Versions of Kubernetes that the manifests are checked against: the oldest with `appArmorProfile`, and later ones.
const VERSIONS: [&str; 4] = ["1.30", "1.32", "1.34", "1.36"];

/// Kinds whose schema is not to be had.
const WITHOUT_SCHEMA: &str = "SecurityContextConstraints";

fn main() -> ExitCode {
    let trials = vec![
        trial("the_alert_rules_pass_their_tests", Some("promtool"), rules),
        trial(
            "prometheus_understands_the_dashboards",
            Some("promtool"),
            dashboards,
        ),
        trial(
            "the_configurations_of_prometheus_are_understood",
            Some("promtool"),
            prometheus,
        ),
        trial(
            "the_example_of_alertmanager_is_understood",
            Some("amtool"),
            alertmanager,
        ),
        trial(
            "what_another_alert_says_better_is_not_told",
            Some("prometheus-alertmanager"),
            superfluous,
        ),
        trial("every_overlay_is_valid", None, manifests),
        trial("a_mistyped_field_is_found", None, mistyped),
        policy_trial(),
        trial(
            "the_pod_asks_for_no_more_than_it_needs",
            None,
            security_context,
        ),
        trial("the_agent_may_read_pods_or_nothing", None, rights),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A test that skips itself without `needed`, or without what manifests need; where everything was set up, it must run.
fn trial(name: &str, needed: Option<&'static str>, test: fn() -> Result<()>) -> Trial {
    Trial::ignorable_test(name, move || {
        let reason = match needed {
            Some(program) => find(program).is_none().then(|| format!("needs {program}")),
            None => kustomize_obstacle(),
        };
        if let Some(reason) = reason {
            let set_up = env::var_os(REQUIRED_VARIABLE).is_some() && needed.is_some();
            return match set_up {
                true => Err(format!("everything was set up, but this {reason}").into()),
                false => Ok(Completion::ignored_with(reason)),
            };
        }
        match test() {
            Ok(()) => Ok(Completion::Completed),
            Err(error) => Err(format!("{error:#}").into()),
        }
    })
}

/// Debian 12's own kubectl is too old for these kustomizations, so that one is not set up.
fn kustomize_obstacle() -> Option<String> {
    let Some(kubectl) = find("kubectl") else {
        return Some("needs kubectl 1.26 or later".to_owned());
    };
    let base = "deploy/kubernetes/base";
    if let Err(error) = succeed(&kubectl, &["kustomize", base], "") {
        let help = succeed(&kubectl, &["version", "--client"], "").unwrap_or_default();
        if !help.contains("Kustomize Version: v5") {
            return Some(format!("needs kubectl 1.26 or later ({error:#})"));
        }
    }
    kubernetes_python()
        .is_none()
        .then(|| "needs the schemas of Kubernetes: `cargo xtask test` provides them".to_owned())
}

fn program(name: &str) -> Result<PathBuf> {
    find(name).with_context(|| format!("{name} is gone"))
}

fn rules() -> Result<()> {
    let promtool = program("promtool")?;
    let rules = "deploy/prometheus/picket-rules.yaml";
    succeed(&promtool, &["check", "rules", rules], "")?;
    let detections = "deploy/prometheus/picket-detections.test.yaml";
    let health = "deploy/prometheus/picket-health.test.yaml";
    succeed(&promtool, &["test", "rules", detections, health], "").map(drop)
}

fn prometheus() -> Result<()> {
    let check = |configuration: &str| {
        let arguments = ["check", "config", "--syntax-only", configuration];
        succeed(&program("promtool")?, &arguments, "")
    };
    check("deploy/prometheus/prometheus.yaml")?;
    // Debian builds Prometheus without the discovery of Kubernetes: the rest must be understood.
    let path = workspace().join("deploy/prometheus/prometheus-kubernetes.yaml");
    let job = std::fs::read_to_string(path)?;
    let discovery = "kubernetes_sd_configs:\n  - role: pod\n    namespaces: {names: [picket]}\n";
    ensure!(job.contains(discovery), "{job}");
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(&file, job.replace(discovery, "static_configs: []\n"))?;
    check(&file.path().to_string_lossy()).map(drop)
}

/// As rules, which is how promtool takes queries without a server.
fn dashboards() -> Result<()> {
    let rules: Vec<_> = queries()?
        .into_iter()
        .map(|query| json!({ "record": "panel", "expr": query.text }))
        .collect();
    let file = tempfile::NamedTempFile::new()?;
    let groups = json!({ "groups": [{ "name": "panels", "rules": rules }] });
    serde_json::to_writer(&file, &groups)?;
    let path = file.path().to_string_lossy();
    succeed(
        &program("promtool")?,
        &["check", "rules", "--lint=none", &path],
        "",
    )
    .map(drop)
}

fn alertmanager() -> Result<()> {
    let amtool = program("amtool")?;
    let config = "deploy/prometheus/alertmanager.yaml";
    succeed(&amtool, &["check-config", config], "")?;
    for (labels, receiver) in [
        (
            ["alertname=PicketAnomalyCritical", "severity=critical"],
            "pager",
        ),
        (
            ["alertname=PicketAnomalyHigh", "severity=warning"],
            "tickets",
        ),
        (["alertname=PicketAgentDown", "severity=critical"], "pager"),
        (
            ["alertname=PicketExportFailing", "severity=warning"],
            "tickets",
        ),
        (["alertname=PicketWorkloadDrift", "severity=info"], "nobody"),
    ] {
        let file = format!("--config.file={config}");
        let arguments = [["config", "routes", "test"].as_slice(), &[&file], &labels].concat();
        let told = succeed(&amtool, &arguments, "")?;
        ensure!(told.trim() == receiver, "{labels:?} goes to {told}");
    }
    Ok(())
}

/// Alerts about containers and agents, and those among them that say what another one says better.
fn superfluous() -> Result<()> {
    const TOLD: [&str; 5] = [
        "PicketAnomalyCritical severity=critical container=a",
        "PicketAnomalyCorrelated severity=critical container=b",
        "PicketAnomalyHigh severity=warning container=c",
        "PicketAgentDown severity=critical instance=m",
        "PicketScoringStalled severity=critical instance=n",
    ];
    const NOT_TOLD: [&str; 6] = [
        "PicketAnomalyRecentCritical severity=critical container=a",
        "PicketAnomalyCorrelated severity=critical container=a",
        "PicketAnomalyHigh severity=warning container=a",
        "PicketSensorDetached severity=critical instance=m",
        "PicketScoringStalled severity=critical instance=m",
        "PicketEventsLost severity=warning instance=m",
    ];
    let expected = [(TOLD.as_slice(), "active"), (&NOT_TOLD, "suppressed")];
    let expected = expected.map(|(alerts, state)| alerts.iter().map(move |it| (labels(it), state)));
    let expected: Vec<(Value, &str)> = expected.into_iter().flatten().collect();
    let alerts = expected
        .iter()
        .map(|(labels, _)| json!({ "labels": labels }));
    let receiver = Receiver::start()?;
    let alertmanager = Alertmanager::start(receiver.address, &[])?;
    alertmanager.tell(&alerts.collect())?;
    let judged = wait::until("the alerts' states", Duration::from_secs(30), || {
        let known = alertmanager.alerts()?;
        for (labels, expected) in &expected {
            let own = known.iter().find(|it| it["labels"] == *labels);
            let state = &own.context("it is not known yet")?["status"]["state"];
            ensure!(state == expected, "{labels} is {state}, not {expected}");
        }
        Ok(Some(()))
    });
    judged.with_context(|| alertmanager.evidence())
}

/// The labels of an alert: its name, and some others.
fn labels(alert: &str) -> Value {
    let (name, others) = alert.split_once(' ').unwrap_or_default();
    let others = others.split(' ').filter_map(|it| it.split_once('='));
    let all = others.chain([("alertname", name)]);
    all.map(|(label, value)| (label.to_owned(), json!(value)))
        .collect()
}

/// The kustomizations.
fn kustomizations() -> Result<Vec<String>> {
    let root = "deploy/kubernetes";
    let mut all = vec![format!("{root}/base"), format!("{root}/monitoring")];
    let overlays = workspace().join(root).join("overlays");
    for overlay in std::fs::read_dir(&overlays)? {
        let name = overlay?.file_name();
        all.push(format!("{root}/overlays/{}", name.to_string_lossy()));
    }
    ensure!(all.len() > 6, "{all:?}");
    Ok(all)
}

fn built(kustomization: &str) -> Result<String> {
    succeed(&program("kubectl")?, &["kustomize", kustomization], "")
}

fn validate(manifests: &str) -> Result<(bool, String)> {
    let python = kubernetes_python().context("Python is gone")?;
    let script = ["deploy/kubernetes/validate.py", "--allow", WITHOUT_SCHEMA];
    let arguments = [script.as_slice(), &VERSIONS].concat();
    let output = feed(&python, &arguments, manifests)?;
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told).into_owned();
    Ok((output.status.success(), told))
}

fn manifests() -> Result<()> {
    for kustomization in kustomizations()? {
        let (valid, told) = validate(&built(&kustomization)?)?;
        ensure!(valid, "{kustomization}: {told}");
    }
    Ok(())
}

/// checkov is large, so that it is not set up.
fn policy_trial() -> Trial {
    Trial::ignorable_test("the_policy_checker_finds_nothing_unexplained", || {
        let missing = checkov().is_none().then(|| {
            format!("needs checkov: python3 -m venv {CHECKOV}, {CHECKOV}/bin/pip install checkov")
        });
        if let Some(reason) = missing.or_else(kustomize_obstacle) {
            return Ok(Completion::ignored_with(reason));
        }
        match policy() {
            Ok(()) => Ok(Completion::Completed),
            Err(error) => Err(format!("{error:#}").into()),
        }
    })
}

/// A Python environment with checkov, below the workspace.
const CHECKOV: &str = "target/tools/checkov";

fn checkov() -> Option<PathBuf> {
    let own = workspace().join(CHECKOV).join("bin/checkov");
    Some(own)
        .filter(|it| it.is_file())
        .or_else(|| find("checkov"))
}

fn policy() -> Result<()> {
    // It skips folders whose names begin with a dot.
    let folder = tempfile::Builder::new().prefix("manifests-").tempdir()?;
    let digest = format!("image: picket@sha256:{}", "0".repeat(64));
    let kustomizations = kustomizations()?;
    for kustomization in &kustomizations {
        // As docs/INSTALL.md has it, and as no repository can know it before.
        let manifests = built(kustomization)?.replace("image: picket:0.1.0", &digest);
        let file = format!("{}.yaml", kustomization.replace('/', "-"));
        std::fs::write(folder.path().join(file), manifests)?;
    }
    let folder = folder.path().to_string_lossy();
    let head = ["--directory", &folder, "--framework", "kubernetes"];
    let options = ["--skip-download", "--quiet", "--output", "json"];
    let arguments = [head.as_slice(), &options].concat();
    let output = feed(&checkov().context("checkov is gone")?, &arguments, "")?;
    let report: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let count = |field| report["summary"][field].as_u64().unwrap_or_default();
    ensure!(
        count("failed") == 0,
        "{:#}",
        report["results"]["failed_checks"]
    );
    ensure!(count("skipped") > 0, "no DaemonSet: {report:#}");
    let resources = count("resource_count");
    ensure!(resources >= kustomizations.len() as u64, "{report:#}");
    Ok(())
}

fn mistyped() -> Result<()> {
    for (kustomization, right, wrong) in [
        ("deploy/kubernetes/base", "hostPID:", "hostPid:"),
        (
            "deploy/kubernetes/monitoring",
            "honorLabels:",
            "honourLabels:",
        ),
        ("deploy/kubernetes/monitoring", "alert:", "alarm:"),
    ] {
        let manifests = built(kustomization)?;
        ensure!(manifests.contains(right), "{kustomization} has no {right}");
        let (valid, told) = validate(&manifests.replace(right, wrong))?;
        let name = wrong.trim_end_matches(':');
        ensure!(!valid && told.contains(name), "{wrong}: {told}");
    }
    Ok(())
}

fn security_context() -> Result<()> {
    let of = |overlay: &str| built(&format!("deploy/kubernetes/{overlay}"));
    let added = |manifests: &str| -> Vec<String> {
        let (_, rest) = manifests.split_once("add:").unwrap_or_default();
        let lines = rest.lines().map(str::trim);
        let list = lines.skip(1).map_while(|line| line.strip_prefix("- "));
        list.map(str::to_owned).collect()
    };
    for (overlay, expected) in [
        ("base", ["BPF", "PERFMON", "NET_ADMIN"].as_slice()),
        ("overlays/minimal", &["BPF", "PERFMON"]),
        (
            "overlays/full",
            &[
                "BPF",
                "PERFMON",
                "NET_ADMIN",
                "SYS_PTRACE",
                "DAC_READ_SEARCH",
            ],
        ),
    ] {
        let manifests = of(overlay)?;
        ensure!(added(&manifests) == expected, "{overlay}: {manifests}");
        for line in [
            "privileged: false",
            "allowPrivilegeEscalation: false",
            "readOnlyRootFilesystem: true",
        ] {
            ensure!(manifests.contains(line), "{overlay} lacks {line}");
        }
        ensure!(!manifests.contains(".sock"), "{overlay} mounts a socket");
    }
    Ok(())
}

/// What the agent may ask the API server: to read pods, or nothing.
fn rights() -> Result<()> {
    let base = built("deploy/kubernetes/base")?;
    let role: Vec<&str> = base
        .split("---\n")
        .filter(|manifest| manifest.lines().any(|line| line == "kind: ClusterRole"))
        .collect();
    let [role] = role.as_slice() else {
        bail!("one ClusterRole is expected: {base}");
    };
    let (_, rules) = role.split_once("rules:\n").context(role.to_string())?;
    let rules: Vec<&str> = rules.lines().collect();
    let expected = [
        "- apiGroups:",
        "  - \"\"",
        "  resources:",
        "  - pods",
        "  verbs:",
        "  - list",
        "  - watch",
    ];
    ensure!(rules == expected, "{role}");
    for line in ["automountServiceAccountToken: true", "name: NODE_NAME"] {
        ensure!(base.contains(line), "the base lacks {line}");
    }
    let without = built("deploy/kubernetes/overlays/no-api")?;
    for line in [
        "ClusterRole",
        "automountServiceAccountToken: true",
        "NODE_NAME",
        "port: 6443",
    ] {
        ensure!(!without.contains(line), "overlays/no-api has {line}");
    }
    ensure!(without.contains("egress: []") && without.contains("api: false"));
    Ok(())
}
