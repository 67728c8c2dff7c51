//! Findings as OCSF events: Detection Finding, class 2004 of schema 1.8.0.

mod evidence;
mod limit;
mod schema;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::detect::finding::{Finding, Method, Severity, Technique};
use crate::engine::Reported;
use crate::workload::container::Container;

use super::text::place;
use super::view::finding::wall_ms;
use schema::{
    Analytic, AnomalyAnalysis, Attack, Baseline, DetectionFinding, Device, Entry, Exposure,
    FindingInfo, Metadata, Observation, Os, Pattern, Picket, Product, Remediation, Resource,
    Target, Unmapped,
};

const SCHEMA_VERSION: &str = "1.8.0";

/// The machine the agent runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Host name.
    pub hostname: String,
    /// Machine or node id; empty when unknown.
    pub uid: String,
    /// Kernel release.
    pub kernel: String,
}

/// What is given to a finding when it is reported.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    /// ULID; stands in `metadata.uid`, in the API and in exemplars.
    pub uid: &'a str,
    /// Number of the finding since the agent's start, from 1.
    pub sequence: u64,
    /// Wall-clock time of `Moment(0)`, Unix milliseconds.
    pub boot_ms: i64,
    /// When it is written, Unix milliseconds.
    pub logged_ms: i64,
}

/// The line that stands for a finding in the log, without its end.
///
/// # Errors
/// As [`event`].
pub fn line(reported: &Reported, host: &Host) -> Result<String, serde_json::Error> {
    let stamp = Stamp {
        uid: &reported.uid,
        sequence: reported.sequence,
        boot_ms: reported.time.boot_ms,
        logged_ms: reported.time.wall_ms,
    };
    event(&reported.finding, &reported.container, host, &stamp).map(|event| event.to_string())
}

/// The event for `finding`, at most 16 KiB when written on one line; longer ones are cut and say so.
///
/// # Errors
/// The event cannot be expressed in JSON, which no finding can cause.
pub fn event(
    finding: &Finding,
    container: &Container,
    host: &Host,
    stamp: &Stamp<'_>,
) -> Result<Value, serde_json::Error> {
    let mut event = serde_json::to_value(detection_finding(finding, container, host, stamp))?;
    limit::fit(&mut event);
    Ok(event)
}

fn detection_finding(
    finding: &Finding,
    container: &Container,
    host: &Host,
    stamp: &Stamp<'_>,
) -> DetectionFinding {
    let time = wall_ms(finding.at, stamp.boot_ms);
    let (severity_id, severity) = severity(finding.severity);
    let confidence_score = confidence_score(finding.score);
    let (confidence_id, confidence) = match confidence_score {
        ..50 => (1, "Low"),
        50..90 => (2, "Medium"),
        _ => (3, "High"),
    };
    let evidence = evidence::evidence(finding, container, host, stamp);
    DetectionFinding {
        class_uid: 2004,
        class_name: "Detection Finding",
        category_uid: 2,
        category_name: "Findings",
        activity_id: 1,
        activity_name: "Create",
        type_uid: 200_401,
        type_name: "Detection Finding: Create",
        time,
        start_time: time,
        end_time: time,
        severity_id,
        severity,
        status_id: 1,
        status: "New",
        is_alert: true,
        confidence_score,
        confidence_id,
        confidence,
        risk_score: confidence_score * i64::from(severity_id - 1) / 4,
        message: format!(
            "{} in {}",
            finding.title,
            place(&container.namespace, &container.pod, &container.name)
        ),
        metadata: Metadata {
            version: SCHEMA_VERSION,
            uid: stamp.uid.to_owned(),
            product: Product {
                name: "Picket",
                vendor_name: "Picket",
                version: env!("CARGO_PKG_VERSION"),
            },
            profiles: ["container", "host"],
            logged_time: stamp.logged_ms,
            sequence: stamp.sequence,
            log_name: "anomalies",
        },
        finding_info: finding_info(finding, stamp, time),
        device: device(host),
        resources: vec![resource(container)],
        observables: evidence::observables(&evidence),
        evidences: vec![evidence],
        anomaly_analyses: vec![analysis(finding, container)],
        remediation: (!finding.next_step.is_empty()).then(|| Remediation {
            desc: finding.next_step.clone(),
        }),
        unmapped: Unmapped {
            picket: picket(finding),
        },
    }
}

fn severity(severity: Severity) -> (u32, &'static str) {
    match severity {
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    }
}

/// 0 to 100: how much of the doubt the score leaves out, a score of s nats being odds of e^s to 1 or more.
fn confidence_score(score: f64) -> i64 {
    let share = 1.0 - (-score.max(0.0)).exp();
    // In 0..=100, and 0 for a score that is not a number.
    (100.0 * share) as i64
}

fn finding_info(finding: &Finding, stamp: &Stamp<'_>, time: i64) -> FindingInfo {
    let (type_id, kind, algorithm) = match finding.method {
        Method::NeverLearnable => (1, "Rule", "never-learnable facts"),
        Method::Novelty => (2, "Behavioral", "membership in a learned set"),
        Method::Rates => (4, "Learning (ML/DL)", "gaussian mixture of rates"),
        Method::Calls => (3, "Statistical", "learned maxima of system calls"),
        Method::Sequence => (2, "Behavioral", "learned sequences of system calls"),
        Method::Volume => (3, "Statistical", "learned ranges of bytes by peer"),
        Method::Time => (3, "Statistical", "regularity, bursts and drift"),
        Method::Order => (2, "Behavioral", "learned order of events"),
        Method::Loss => (1, "Rule", "events lost by the probe"),
    };
    let class = finding.class.name();
    FindingInfo {
        uid: stamp.uid.to_owned(),
        title: finding.title.clone(),
        desc: format!(
            "Observed: {}. Expected: {}.",
            finding.observed, finding.expected
        ),
        types: vec![class],
        created_time: stamp.logged_ms,
        first_seen_time: time,
        last_seen_time: time,
        analytic: Analytic {
            uid: finding.method.name(),
            name: format!("{} of {}", finding.method.name(), finding.feature),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            type_id,
            kind,
            algorithm,
            category: class,
        },
        attacks: finding.techniques.iter().map(attack).collect(),
        data_sources: vec!["eBPF tracepoints", "cgroup-bpf"],
    }
}

fn attack(technique: &Technique) -> Attack {
    Attack {
        version: technique.version.clone(),
        tactic: (!technique.tactic_id.is_empty()).then(|| Entry {
            uid: technique.tactic_id.clone(),
            name: technique.tactic.clone(),
        }),
        technique: Entry {
            uid: technique.id.clone(),
            name: technique.name.clone(),
        },
    }
}

fn device(host: &Host) -> Device {
    Device {
        hostname: host.hostname.clone(),
        name: host.hostname.clone(),
        uid: host.uid.clone(),
        type_id: 1,
        kind: "Server",
        os: Os {
            name: "Linux",
            type_id: 200,
            kind: "Linux",
            kernel_release: host.kernel.clone(),
        },
    }
}

fn resource(container: &Container) -> Resource {
    let (kind, uid) = if container.pod_uid.is_empty() {
        ("Container", &container.id)
    } else {
        ("Pod", &container.pod_uid)
    };
    let labels = container.labels.iter();
    Resource {
        uid: uid.clone(),
        name: container.pod.clone(),
        namespace: container.namespace.clone(),
        kind,
        role_id: 3,
        role: "Affected",
        labels: labels
            .map(|(name, value)| format!("{name}={value}"))
            .collect(),
        data: json!({
            "workload_kind": container.workload_kind,
            "workload": container.workload,
            "container": container.name,
            "role": container.role.name(),
            "serving_stack": container.serving_stack,
        }),
    }
}

fn analysis(finding: &Finding, container: &Container) -> AnomalyAnalysis {
    let pattern = |observed_pattern, value: &str| Pattern {
        observation_parameter: finding.feature.clone(),
        observation_type: finding.method.name(),
        observed_pattern,
        observations: vec![Observation {
            value: value.to_owned(),
        }],
    };
    AnomalyAnalysis {
        analysis_targets: vec![Target {
            name: format!(
                "{}/{}/{}/{}",
                container.namespace, container.workload_kind, container.workload, container.name
            ),
            kind: "container",
        }],
        baselines: vec![pattern("expected", &finding.expected)],
        anomalies: vec![pattern("observed", &finding.observed)],
    }
}

fn picket(finding: &Finding) -> Picket {
    let baseline = &finding.baseline;
    Picket {
        schema: 1,
        score: finding.score,
        threshold: finding.threshold,
        phase: finding.phase.name(),
        feature: finding.feature.clone(),
        observed: finding.observed.clone(),
        expected: finding.expected.clone(),
        contributions: finding.contributions.clone(),
        baseline: Baseline {
            id: baseline.id.clone(),
            version: baseline.version,
            exposure: Exposure {
                container_seconds: baseline.container_seconds,
                requests: baseline.requests,
                replicas: baseline.replicas,
                events_lost: baseline.events_lost,
            },
        },
        lost_events: finding.lost_events,
        suppressed: finding.suppressed,
    }
}
