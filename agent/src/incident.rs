//! Findings of one container that belong together.
//!
//! What an intruder does leaves several findings within minutes; a responder wants them as one. Findings of a
//! container with less than [`QUIET_MS`] between them form an incident. Pure: the times come with the findings, ids
//! follow from the first of them, and the whole is serialisable.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::detect::finding::{Class, Finding, Severity};
use crate::observe::event::CgroupId;

/// So long without a finding ends an incident, in milliseconds.
pub const QUIET_MS: i64 = 30 * 60 * 1000;

/// Most incidents kept.
pub const CAPACITY: usize = 1000;

/// Most findings listed in one incident; more are only counted. With [`CAPACITY`] this bounds the store to some
/// 10 MiB, should every incident be full.
pub const MAX_FINDINGS: usize = 200;

/// Name of an incident: `inc-` and 12 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IncidentId(String);

impl IncidentId {
    /// The id that follows from an incident's container and first finding.
    fn of(cgroup: CgroupId, first_finding: &str) -> Self {
        let digest = Sha256::new()
            .chain_update(cgroup.0.to_le_bytes())
            .chain_update(first_finding)
            .finalize();
        let hex: String = digest
            .iter()
            .take(6)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self(format!("inc-{hex}"))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for IncidentId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Whether an incident still grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The next finding of the container joins it.
    Open,
    /// It was quiet long enough.
    Closed,
}

/// Findings of one container that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Its name.
    pub id: IncidentId,
    /// The container's cgroup.
    pub cgroup: CgroupId,
    /// Kubernetes namespace, or the runtime's name.
    pub namespace: String,
    /// Workload.
    pub workload: String,
    /// Container name within the workload.
    pub container: String,
    /// Image digest, or the image reference where no digest is known.
    pub image_digest: String,
    /// Title of the first finding.
    pub title: String,
    /// Time of the earliest finding, Unix milliseconds.
    pub first_ms: i64,
    /// Time of the latest finding, Unix milliseconds.
    pub last_ms: i64,
    /// The highest severity among the findings.
    pub severity: Severity,
    /// Classes of the findings.
    pub classes: BTreeSet<Class>,
    /// Uids of the findings in the order they came, at most [`MAX_FINDINGS`].
    pub findings: Vec<String>,
    /// Findings in all, the unlisted ones included.
    pub count: u64,
    /// Whether it still grows.
    pub status: Status,
}

impl Incident {
    fn opened(id: IncidentId, finding: &Finding, wall_ms: i64) -> Self {
        Self {
            id,
            cgroup: finding.cgroup,
            namespace: finding.key.namespace.clone(),
            workload: finding.key.workload.clone(),
            container: finding.key.container.clone(),
            image_digest: finding.key.image_digest.clone(),
            title: finding.title.clone(),
            first_ms: wall_ms,
            last_ms: wall_ms,
            severity: finding.severity,
            classes: BTreeSet::new(),
            findings: Vec::new(),
            count: 0,
            status: Status::Open,
        }
    }

    /// Is the time less than the quiet spell away? The wall clock may have been set back, so both ends count.
    fn reaches(&self, wall_ms: i64) -> bool {
        wall_ms < self.last_ms.saturating_add(QUIET_MS)
            && wall_ms > self.first_ms.saturating_sub(QUIET_MS)
    }

    fn take(&mut self, uid: &str, finding: &Finding, wall_ms: i64) {
        if self.findings.iter().any(|known| known == uid) {
            return;
        }
        self.first_ms = self.first_ms.min(wall_ms);
        self.last_ms = self.last_ms.max(wall_ms);
        self.severity = self.severity.max(finding.severity);
        self.classes.insert(finding.class);
        self.count += 1;
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(uid.to_owned());
        }
    }
}

/// The incidents of a node, in the order they were opened. At most [`CAPACITY`]: the oldest closed one makes room, or
/// the oldest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incidents {
    incidents: VecDeque<Incident>,
    /// Incidents dropped for want of room.
    dropped: u64,
}

impl Incidents {
    /// No incidents.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a finding with its uid into the container's open incident, or into a new one. Adding the same finding to
    /// its incident again changes nothing.
    pub fn add(&mut self, uid: &str, finding: &Finding, wall_ms: i64) -> IncidentId {
        let open =
            self.incidents.iter_mut().rev().find(|incident| {
                incident.cgroup == finding.cgroup && incident.status == Status::Open
            });
        if let Some(incident) = open {
            if incident.reaches(wall_ms) {
                incident.take(uid, finding, wall_ms);
                return incident.id.clone();
            }
            incident.status = Status::Closed;
        }
        if self.incidents.len() >= CAPACITY {
            self.drop_one();
        }
        let id = IncidentId::of(finding.cgroup, uid);
        let mut incident = Incident::opened(id.clone(), finding, wall_ms);
        incident.take(uid, finding, wall_ms);
        self.incidents.push_back(incident);
        id
    }

    /// The container's incident that still grows.
    #[must_use]
    pub fn open_of(&self, cgroup: CgroupId) -> Option<&Incident> {
        self.incidents
            .iter()
            .rev()
            .find(|incident| incident.cgroup == cgroup && incident.status == Status::Open)
    }

    /// Takes up an incident as another store left it, unless it is here already.
    pub fn resume(&mut self, incident: Incident) {
        if self.incidents.iter().any(|held| held.id == incident.id) {
            return;
        }
        if self.incidents.len() >= CAPACITY {
            self.drop_one();
        }
        self.incidents.push_back(incident);
    }

    /// Closes incidents that have been quiet long enough.
    pub fn close_quiet(&mut self, now_ms: i64) {
        for incident in &mut self.incidents {
            if now_ms >= incident.last_ms.saturating_add(QUIET_MS) {
                incident.status = Status::Closed;
            }
        }
    }

    /// All incidents, in the order they were opened.
    pub fn list(&self) -> impl ExactSizeIterator<Item = &Incident> + DoubleEndedIterator {
        self.incidents.iter()
    }

    /// The incident of this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Incident> {
        self.incidents
            .iter()
            .find(|incident| incident.id.as_str() == id)
    }

    /// Incidents dropped for want of room.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    fn drop_one(&mut self) {
        let oldest_closed = self
            .incidents
            .iter()
            .position(|incident| incident.status == Status::Closed)
            .unwrap_or(0);
        if self.incidents.remove(oldest_closed).is_some() {
            self.dropped += 1;
        }
    }
}
