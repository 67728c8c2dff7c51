//! A finding: what was seen, what was expected, how sure that is.

use serde::{Deserialize, Serialize};

use crate::baseline::key::Key;
use crate::observe::event::{CgroupId, Moment};
use crate::observe::fact::{Phase, ProcessInfo};

/// Class of a finding; a fixed metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(
    missing_docs,
    reason = "the names are the documentation; DESIGN and README list them"
)]
pub enum Class {
    Process,
    File,
    Network,
    Dns,
    Syscall,
    Privilege,
    Model,
    Resource,
    Sequence,
    Sensor,
}

impl Class {
    /// All classes, in metric order.
    pub const ALL: [Self; 10] = [
        Self::Process,
        Self::File,
        Self::Network,
        Self::Dns,
        Self::Syscall,
        Self::Privilege,
        Self::Model,
        Self::Resource,
        Self::Sequence,
        Self::Sensor,
    ];

    /// The metric label value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::File => "file",
            Self::Network => "network",
            Self::Dns => "dns",
            Self::Syscall => "syscall",
            Self::Privilege => "privilege",
            Self::Model => "model",
            Self::Resource => "resource",
            Self::Sequence => "sequence",
            Self::Sensor => "sensor",
        }
    }
}

/// Severity of a finding; a fixed metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    /// All severities, in metric order.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The metric label value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// How a finding was reached, for OCSF's `analytic`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A never-learnable fact: alerts whatever was learned.
    NeverLearnable,
    /// A fact that the matured baseline does not hold.
    Novelty,
    /// The multivariate rate model.
    Rates,
    /// System calls made for the first time, or more often than ever.
    Calls,
    /// Sequences of system calls.
    Sequence,
    /// Bytes to and from a peer.
    Volume,
    /// When things happen: regularity, bursts, activity without requests, drift.
    Time,
    /// The order of things that are ordinary one by one.
    Order,
    /// Events were lost, so that what happened meanwhile was not judged.
    Loss,
}

impl Method {
    /// The method's name in findings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NeverLearnable => "never_learnable",
            Self::Novelty => "novelty",
            Self::Rates => "rates",
            Self::Calls => "calls",
            Self::Sequence => "sequence",
            Self::Volume => "volume",
            Self::Time => "time",
            Self::Order => "order",
            Self::Loss => "loss",
        }
    }
}

/// One ATT&CK or ATLAS technique.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Technique {
    /// Technique id: `T1059.004`, `AML.T0011.000`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Tactic id: `TA0002`, `AML.TA0005`.
    pub tactic_id: String,
    /// Tactic name.
    pub tactic: String,
    /// Version of the catalogue in which the id means this.
    pub version: String,
}

impl Technique {
    /// The catalogue that the id is from.
    #[must_use]
    pub fn catalogue(&self) -> &'static str {
        if self.id.starts_with("AML.") {
            "ATLAS"
        } else {
            "ATT&CK"
        }
    }
}

/// A part of the score, in nats, with its reason.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Contribution {
    /// What contributed: a feature name, `surprise`, `danger`.
    pub name: String,
    /// How much, in the unit of the score.
    pub value: f64,
    /// Why, in words.
    pub reason: String,
}

/// The baseline a finding was judged against, and how much stands behind it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BaselineRef {
    /// Stable id: first 16 hex digits of the SHA-256 of the key.
    pub id: String,
    /// Version: grows by one with every change of what was learned.
    pub version: u64,
    /// Container-seconds observed.
    pub container_seconds: u64,
    /// Requests observed.
    pub requests: u64,
    /// Containers (replicas and restarts) observed.
    pub replicas: u64,
    /// Events lost while learning.
    pub events_lost: u64,
}

/// One explained anomaly of one container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Container it is about.
    pub cgroup: CgroupId,
    /// Baseline key.
    pub key: Key,
    /// When it happened.
    pub at: Moment,
    /// Class.
    pub class: Class,
    /// Severity.
    pub severity: Severity,
    /// How it was reached.
    pub method: Method,
    /// Phase of the container.
    pub phase: Phase,
    /// Score in nats.
    pub score: f64,
    /// Score from which a finding is reported.
    pub threshold: f64,
    /// The fact it is about, by its id in the baseline; empty for what is computed over a window.
    #[serde(default)]
    pub fact_id: String,
    /// What was judged: the family's name, or the model's.
    pub feature: String,
    /// One sentence for a person, naming the thing: `python3 started /bin/sh (sh -c id), which …`.
    pub title: String,
    /// What was observed, in words.
    pub observed: String,
    /// The bare value that was judged: a path, an address, a command line. Empty for rates.
    #[serde(default)]
    pub raw: String,
    /// What was expected, with its evidence: `one of 3 executables seen in 840 windows on 2 replicas`.
    pub expected: String,
    /// Parts of the score.
    pub contributions: Vec<Contribution>,
    /// The baseline.
    pub baseline: BaselineRef,
    /// The process, where one is behind it.
    pub process: Option<ProcessInfo>,
    /// Its ancestors in the container, nearest first.
    pub ancestry: Vec<ProcessInfo>,
    /// Techniques.
    pub techniques: Vec<Technique>,
    /// First look to take, in words.
    pub next_step: String,
    /// Events of this container lost in the current window and the one before.
    pub lost_events: u64,
    /// Findings of this container suppressed (budget, repeats) since the last one reported.
    pub suppressed: u64,
}
