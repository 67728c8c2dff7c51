//! What the agent can and cannot do on this machine, as status and metrics.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use super::BUILD;
use super::clock;
use super::pipeline::Pipeline;
use crate::config::Config;
use crate::export::metrics::Metrics;
use crate::export::ocsf::Host;
use crate::export::view::{Degraded, ProbeView, Status};
use crate::probe::Probe;

/// Hooks without which processes cannot be followed: the rest of the evidence hangs on them.
const ESSENTIAL: [&str; 4] = [
    "cgroup_mkdir",
    "sched_process_fork",
    "sched_process_exec",
    "sys_exit",
];

/// The agent's own state.
pub struct Health {
    status: Status,
    metrics: Arc<Metrics>,
}

impl Health {
    /// A healthy agent, as far as is known yet.
    pub fn new(config: &Config, listen: Option<SocketAddr>, metrics: Arc<Metrics>) -> Self {
        let status = Status {
            version: BUILD.version.to_owned(),
            hostname: line("/proc/sys/kernel/hostname"),
            kernel: line("/proc/sys/kernel/osrelease"),
            started_ms: clock::wall_ms(),
            listen: listen
                .map(|address| address.to_string())
                .unwrap_or_default(),
            state_dir: config.state_dir.display().to_string(),
            ..Status::default()
        };
        Self { status, metrics }
    }

    /// Takes up which hooks work.
    pub fn probe(&mut self, probe: &Probe) {
        let mut missing = Vec::new();
        for attachment in probe.attachments() {
            self.metrics
                .probe_attached(attachment.probe, attachment.error.is_none());
            if let Some(error) = &attachment.error {
                tracing::error!(probe = attachment.probe, %error, "A hook of the probe is not attached; what it sees is missing.");
                missing.push(attachment.probe);
            }
            self.status.probes.push(ProbeView {
                name: attachment.probe.to_owned(),
                attached: attachment.error.is_none(),
                reason: attachment.error.clone().unwrap_or_default(),
            });
        }
        if !missing.is_empty() {
            self.degraded(
                "probe",
                format!(
                    "not attached: {}; `picket check` says what is missing",
                    missing.join(", ")
                ),
            );
        }
    }

    /// Whether the hooks that all else hangs on are attached.
    pub fn can_observe(&self) -> bool {
        self.status
            .probes
            .iter()
            .all(|probe| probe.attached || !ESSENTIAL.contains(&probe.name.as_str()))
    }

    /// Takes up whether the capabilities were dropped.
    pub fn privileges(&mut self, dropped: Result<(), String>) {
        if let Err(cause) = dropped {
            tracing::warn!(%cause, "The agent runs with more rights than it needs.");
            self.degraded("privileges", cause);
        }
    }

    /// Takes up whether there is a Docker engine to ask for names.
    pub fn docker(&mut self, socket: &Path) {
        if !socket.exists() {
            tracing::info!(socket = %socket.display(), "There is no Docker engine; containers are named by their bundles.");
        }
    }

    fn degraded(&mut self, what: &'static str, reason: String) {
        self.metrics.degraded(what, true);
        self.status.degraded.push(Degraded {
            what: what.to_owned(),
            reason,
        });
    }

    /// The machine, for findings.
    pub fn host(&self) -> Host {
        Host {
            hostname: self.status.hostname.clone(),
            uid: line("/etc/machine-id"),
            kernel: self.status.kernel.clone(),
        }
    }

    /// The status now.
    pub fn status(&self, pipeline: &Pipeline) -> Status {
        let losses = pipeline.parts.probe.losses();
        Status {
            updated_ms: clock::wall_ms(),
            events: pipeline
                .events
                .iter()
                .map(|(kind, count)| ((*kind).to_owned(), *count))
                .collect(),
            events_lost: losses
                .into_iter()
                .map(|(reason, count)| (reason.to_owned(), count))
                .collect(),
            events_unattributed: pipeline.unattributed,
            findings: pipeline.parts.reporter.reported(),
            suppressed: pipeline
                .suppressed
                .iter()
                .map(|(reason, count)| ((*reason).to_owned(), *count))
                .collect(),
            ..self.status.clone()
        }
    }
}

/// The first line of a small file; empty when there is none.
fn line(path: &str) -> String {
    std::fs::read_to_string(path)
        .ok()
        .and_then(|text| text.lines().next().map(str::to_owned))
        .unwrap_or_default()
}
