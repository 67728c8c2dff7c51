//! The JSON shapes of the HTTP API, shared by the server, the page and the command line.
//!
//! Every field has a default, so that a client reads what an older or newer agent sends. Values that may grow new
//! variants (class, severity, state, …) are strings for the same reason.

pub mod evidence;
pub mod explanation;
pub mod finding;
pub mod network;
pub mod selftest;

pub use network::{NetworkView, PeerView};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::observe::resources::Resources;
use crate::observe::window::ThreadCalls;
use crate::workload::container::Container;

/// The agent and its sensor: `/api/v1/status`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Agent version.
    pub version: String,
    /// Host name.
    pub hostname: String,
    /// Kernel release.
    pub kernel: String,
    /// When the agent started, Unix milliseconds.
    pub started_ms: i64,
    /// When this was written, Unix milliseconds.
    pub updated_ms: i64,
    /// Address of the HTTP listener; empty when there is none.
    pub listen: String,
    /// Where baselines are kept.
    pub state_dir: String,
    /// The probe's hooks.
    pub probes: Vec<ProbeView>,
    /// Events received since the start, by kind.
    pub events: BTreeMap<String, u64>,
    /// Events lost since the start, by reason; reasons without loss may be left out.
    pub events_lost: BTreeMap<String, u64>,
    /// Events that belonged to no known container.
    pub events_unattributed: u64,
    /// Things new for their container since the start.
    pub evidence: u64,
    /// Of these, those that `/api/v1/events` no longer remembers.
    pub evidence_forgotten: u64,
    /// Findings since the start.
    pub findings: u64,
    /// Anomalies not reported, by reason.
    pub suppressed: BTreeMap<String, u64>,
    /// What the agent goes on without.
    pub degraded: Vec<Degraded>,
}

/// One hook of the probe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProbeView {
    /// Name of the hook.
    pub name: String,
    /// It is attached.
    pub attached: bool,
    /// Why it is not.
    pub reason: String,
}

/// Something the agent goes on without.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Degraded {
    /// What is missing, as in `picket_degraded{what}`.
    pub what: String,
    /// Cause and next step, in words.
    pub reason: String,
}

/// Bytes of one class of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileBytesView {
    /// Read by system calls.
    pub read: u64,
    /// Written by system calls.
    pub written: u64,
}

/// One watched container: `/api/v1/containers`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerView {
    /// Kubernetes namespace, or the runtime's name.
    pub namespace: String,
    /// Pod name, or the container's name.
    pub pod: String,
    /// Container name.
    pub container: String,
    /// Full container id.
    pub id: String,
    /// Cgroup id.
    pub cgroup: u64,
    /// Runtime.
    pub runtime: String,
    /// Kind of the workload.
    pub workload_kind: String,
    /// Workload.
    pub workload: String,
    /// Image reference.
    pub image: String,
    /// Image digest or id.
    pub image_digest: String,
    /// `main`, `init`, `sidecar` or `ephemeral`; empty when not known.
    pub role: String,
    /// The serving stack it was recognised by; empty when by none.
    pub serving_stack: String,
    /// When it was discovered, Unix milliseconds.
    pub discovered_ms: i64,
    /// `blind`, `learning`, `active` or `frozen`.
    pub state: String,
    /// Why it is in that state, in words; for a learning container what is still missing.
    pub state_reason: String,
    /// How far learning is, 0 to 1.
    pub progress: f64,
    /// Phase of its life.
    pub phase: String,
    /// Its baseline.
    pub baseline_id: String,
    /// Requests seen since discovery.
    pub requests: u64,
    /// Findings since discovery.
    pub findings: u64,
    /// Events of this container that were lost.
    pub events_lost: u64,
    /// What was lost of this container by reason, also what arrived incomplete; only reasons that occurred.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub lost: BTreeMap<String, u64>,
    /// Events attributed to it since discovery, by kind.
    pub events: BTreeMap<String, u64>,
    /// Bytes read from files and written to them since discovery, by class of file; only classes that occurred.
    pub file_bytes: BTreeMap<String, FileBytesView>,
    /// The threads that made most system calls in its last window.
    pub threads: Vec<ThreadCalls>,
    /// What it carried since discovery.
    pub network: NetworkView,
    /// What it used of the machine in its last window.
    pub resources: Resources,
    /// Length of that window, in nanoseconds; 0 before its first one.
    pub window_ns: u64,
    /// When it ended, Unix milliseconds; 0 while it runs. Ended containers stay listed for a while.
    pub ended_ms: i64,
}

impl ContainerView {
    /// A view of `container` with everything that its identity tells; state and counts are the caller's to fill.
    #[must_use]
    pub fn new(container: &Container) -> Self {
        Self {
            namespace: container.namespace.clone(),
            pod: container.pod.clone(),
            container: container.name.clone(),
            id: container.id.clone(),
            cgroup: container.cgroup.0,
            runtime: container.runtime.name().to_owned(),
            workload_kind: container.workload_kind.clone(),
            workload: container.workload.clone(),
            image: container.image.clone(),
            image_digest: container.digest().to_owned(),
            role: container.role.name().to_owned(),
            serving_stack: container.serving_stack.clone(),
            discovered_ms: container.discovered_ms,
            ..Self::default()
        }
    }
}

/// One baseline: `/api/v1/baselines` without `facts` and `pending`, `/api/v1/baselines/{id}` with them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BaselineView {
    /// First 16 hex digits of the SHA-256 of the key.
    pub id: String,
    /// Kubernetes namespace, or the runtime's name.
    pub namespace: String,
    /// Workload.
    pub workload: String,
    /// Container name.
    pub container: String,
    /// Image digest or id.
    pub image_digest: String,
    /// `learning`, `active` or `frozen`.
    pub state: String,
    /// Grows by one with every change of what was learned.
    pub version: u64,
    /// When it was created, Unix seconds.
    pub created_s: i64,
    /// Container-seconds observed.
    pub container_seconds: u64,
    /// Requests observed.
    pub requests: u64,
    /// Windows observed.
    pub windows: u64,
    /// Containers observed.
    pub replicas: u64,
    /// Events lost while learning.
    pub events_lost: u64,
    /// The decision that ended its learning; absent while it may learn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frozen: Option<DecisionView>,
    /// Id of the baseline of the image before; empty where none was known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub predecessor: String,
    /// The last reset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset: Option<DecisionView>,
    /// Maturity of each family in each phase.
    pub families: Vec<FamilyView>,
    /// What was learned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<FactView>,
    /// What was seen after learning ended and waits for approval.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<FactView>,
    /// What the image before did and this one has not shown by itself, as long as that counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inherited: Vec<FactView>,
    /// What can never be learned and the workload contacted at its starts; `count` is of lives.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub starts: Vec<FactView>,
}

impl BaselineView {
    /// The view without its facts, as lists show it.
    #[must_use]
    pub fn summary(&self) -> Self {
        Self {
            facts: Vec::new(),
            pending: Vec::new(),
            inherited: Vec::new(),
            starts: Vec::new(),
            ..self.clone()
        }
    }
}

/// Maturity of one family in one phase of a baseline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FamilyView {
    /// Phase.
    pub phase: String,
    /// Family.
    pub family: String,
    /// `learning` or `active`.
    pub state: String,
    /// Facts known.
    pub facts: u64,
    /// What it still waits for.
    pub reason: String,
    /// New values that ordinary operation is expected to bring in a container-month.
    #[serde(default)]
    pub expected_per_month: f64,
    /// The largest such number that what was observed does not exclude by itself, 95 %.
    #[serde(default)]
    pub at_most_per_month: f64,
}

/// One learned or pending fact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FactView {
    /// Phase.
    pub phase: String,
    /// Family.
    pub family: String,
    /// `server` or `runtime`.
    pub origin: String,
    /// The generalised value.
    pub value: String,
    /// How often it was seen.
    pub count: u64,
    /// First seen, Unix seconds.
    pub first_s: i64,
    /// Last seen, Unix seconds.
    pub last_s: i64,
    /// Its name for `picket baseline approve`.
    pub id: String,
    /// What makes it dangerous, in a word, where it was learned all the same; else empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub danger: String,
    /// The operator's word that it is normal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved: Option<DecisionView>,
}

/// Something that an operator decided.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DecisionView {
    /// When, Unix seconds.
    pub at_s: i64,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// Findings that belong together: `/api/v1/incidents`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IncidentView {
    /// Id.
    pub id: String,
    /// `open`, `acknowledged` or `closed`.
    pub state: String,
    /// Highest severity of its findings.
    pub severity: String,
    /// Title of its first finding.
    pub title: String,
    /// When its first finding happened, Unix milliseconds.
    pub opened_ms: i64,
    /// When its last finding happened, Unix milliseconds.
    pub updated_ms: i64,
    /// Ids of its findings.
    pub findings: Vec<String>,
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        reason = "tests"
    )]

    use super::*;

    #[test]
    fn a_baseline_summary_leaves_only_the_facts_out() {
        let view = BaselineView {
            id: "b".to_owned(),
            facts: vec![FactView::default()],
            pending: vec![FactView::default()],
            ..BaselineView::default()
        };
        let json = serde_json::to_value(view.summary()).unwrap();
        assert_eq!(json["id"], "b");
        assert!(json.get("facts").is_none() && json.get("pending").is_none());
    }
}
