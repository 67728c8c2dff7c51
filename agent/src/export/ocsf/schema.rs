//! The part of OCSF 1.8.0 that Picket writes: Detection Finding, class 2004, and the objects in it.
//!
//! Names, types and enumerations are those of <https://schema.ocsf.io/1.8.0/classes/detection_finding>.

use serde::Serialize;
use serde_json::Value;

use crate::detect::finding::Contribution;

#[derive(Serialize)]
pub(super) struct DetectionFinding {
    pub class_uid: u32,
    pub class_name: &'static str,
    pub category_uid: u32,
    pub category_name: &'static str,
    pub activity_id: u32,
    pub activity_name: &'static str,
    pub type_uid: u32,
    pub type_name: &'static str,
    pub time: i64,
    pub start_time: i64,
    pub end_time: i64,
    pub severity_id: u32,
    pub severity: &'static str,
    pub status_id: u32,
    pub status: &'static str,
    pub is_alert: bool,
    pub confidence_score: i64,
    pub confidence_id: u32,
    pub confidence: &'static str,
    pub risk_score: i64,
    pub message: String,
    pub metadata: Metadata,
    pub finding_info: FindingInfo,
    pub device: Device,
    pub resources: Vec<Resource>,
    pub evidences: Vec<Evidence>,
    pub anomaly_analyses: Vec<AnomalyAnalysis>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub observables: Vec<Observable>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remediation: Option<Remediation>,
    pub unmapped: Unmapped,
}

#[derive(Serialize)]
pub(super) struct Metadata {
    pub version: &'static str,
    pub uid: String,
    pub product: Product,
    pub profiles: [&'static str; 2],
    pub logged_time: i64,
    pub sequence: u64,
    pub log_name: &'static str,
}

#[derive(Serialize)]
pub(super) struct Product {
    pub name: &'static str,
    pub vendor_name: &'static str,
    pub version: &'static str,
}

#[derive(Serialize)]
pub(super) struct FindingInfo {
    pub uid: String,
    pub title: String,
    pub desc: String,
    pub types: Vec<&'static str>,
    pub created_time: i64,
    pub first_seen_time: i64,
    pub last_seen_time: i64,
    pub analytic: Analytic,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attacks: Vec<Attack>,
    pub data_sources: Vec<&'static str>,
}

#[derive(Serialize)]
pub(super) struct Analytic {
    pub uid: &'static str,
    pub name: String,
    pub version: String,
    pub type_id: u32,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub algorithm: &'static str,
    pub category: &'static str,
}

#[derive(Serialize)]
pub(super) struct Attack {
    pub version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tactic: Option<Entry>,
    pub technique: Entry,
}

/// A tactic or technique.
#[derive(Serialize)]
pub(super) struct Entry {
    pub uid: String,
    pub name: String,
}

#[derive(Serialize)]
pub(super) struct Device {
    pub hostname: String,
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    pub type_id: u32,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub os: Os,
}

#[derive(Serialize)]
pub(super) struct Os {
    pub name: &'static str,
    pub type_id: u32,
    #[serde(rename = "type")]
    pub kind: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kernel_release: String,
}

#[derive(Serialize)]
pub(super) struct Resource {
    pub uid: String,
    pub name: String,
    pub namespace: String,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub role_id: u32,
    pub role: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    pub data: Value,
}

#[derive(Serialize)]
pub(super) struct Evidence {
    pub name: String,
    pub container: Container,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<File>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub src_endpoint: Option<Endpoint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dst_endpoint: Option<Endpoint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_info: Option<ConnectionInfo>,
    /// Always present: OCSF wants one object of a list that does not include `container`.
    pub data: Value,
}

#[derive(Serialize)]
pub(super) struct Container {
    pub uid: String,
    pub name: String,
    pub runtime: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_uuid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orchestrator: Option<&'static str>,
}

#[derive(Serialize)]
pub(super) struct Image {
    pub uid: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
}

#[derive(Serialize)]
pub(super) struct Process {
    pub pid: u32,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cmd_line: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub working_directory: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<File>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_process: Option<Box<Process>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ancestry: Vec<Ancestor>,
}

#[derive(Serialize)]
pub(super) struct Ancestor {
    pub pid: u32,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cmd_line: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_time: Option<i64>,
}

#[derive(Serialize)]
pub(super) struct File {
    pub path: String,
    pub name: String,
    pub type_id: u32,
}

#[derive(Serialize)]
pub(super) struct Endpoint {
    /// The address again: OCSF wants a name or uid.
    pub name: String,
    pub ip: String,
    /// The name that the container reached it by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    pub port: u16,
}

#[derive(Serialize)]
pub(super) struct ConnectionInfo {
    pub direction_id: u32,
    pub direction: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol_name: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol_num: Option<u8>,
}

#[derive(Serialize)]
pub(super) struct AnomalyAnalysis {
    pub analysis_targets: Vec<Target>,
    pub baselines: Vec<Pattern>,
    pub anomalies: Vec<Pattern>,
}

#[derive(Serialize)]
pub(super) struct Target {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: &'static str,
}

#[derive(Serialize)]
pub(super) struct Pattern {
    pub observation_parameter: String,
    pub observation_type: &'static str,
    pub observed_pattern: &'static str,
    pub observations: Vec<Observation>,
}

#[derive(Serialize)]
pub(super) struct Observation {
    pub value: String,
}

#[derive(Serialize)]
pub(super) struct Observable {
    pub name: &'static str,
    pub type_id: u32,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub value: String,
}

#[derive(Serialize)]
pub(super) struct Remediation {
    pub desc: String,
}

/// What OCSF has no place for.
#[derive(Serialize)]
pub(super) struct Unmapped {
    pub picket: Picket,
}

#[derive(Serialize)]
pub(super) struct Picket {
    /// Version of this object.
    pub schema: u32,
    pub score: f64,
    pub threshold: f64,
    pub phase: &'static str,
    pub feature: String,
    pub observed: String,
    pub expected: String,
    pub contributions: Vec<Contribution>,
    pub baseline: Baseline,
    pub lost_events: u64,
    pub suppressed: u64,
}

#[derive(Serialize)]
pub(super) struct Baseline {
    pub id: String,
    pub version: u64,
    pub exposure: Exposure,
}

#[derive(Serialize)]
pub(super) struct Exposure {
    pub container_seconds: u64,
    pub requests: u64,
    pub replicas: u64,
    pub events_lost: u64,
}
