//! What the agent can and cannot do on this machine, as status and metrics.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::BUILD;
use super::clock;
use super::pipeline::Pipeline;
use crate::config::Config;
use crate::export::metrics::Metrics;
use crate::export::ocsf::Host;
use crate::export::view::{Degraded, ProbeView, Status};
use crate::probe::programs::{self, Part};
use crate::probe::{Attachment, Probe};

/// The agent's own state.
pub struct Health {
    status: Status,
    metrics: Arc<Metrics>,
    max_containers: u32,
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
        Self {
            status,
            metrics,
            max_containers: config.max_containers,
        }
    }

    /// Takes up which hooks work.
    pub fn probe(&mut self, probe: &Probe) {
        for attachment in probe.attachments() {
            let attached = attachment.error.is_none();
            self.metrics.probe_attached(attachment.probe, attached);
            self.status.probes.push(ProbeView {
                name: attachment.probe.to_owned(),
                attached,
                reason: attachment.error.clone().unwrap_or_default(),
            });
        }
        let missing = |network: bool| -> Vec<&Attachment> {
            let all = probe.attachments().iter().filter(|it| it.error.is_some());
            all.filter(|it| is_part(it.probe, Part::Network) == network)
                .collect()
        };
        for (what, unseen, missing) in [
            ("probe", "processes, files and system calls", missing(false)),
            (
                "network",
                "connections, bytes and requests; learning that waits for requests does not end",
                missing(true),
            ),
        ] {
            let Some(first) = missing.first() else {
                continue;
            };
            let names: Vec<&str> = missing.iter().map(|it| it.probe).collect();
            let reason = format!(
                "hooks {} are not attached, so the agent does not see all {unseen}; the first was refused with: {}; \
                 `picket check` says what is missing",
                names.join(", "),
                first.error.as_deref().unwrap_or_default()
            );
            tracing::error!(%reason, "A part of the probe does not work; the agent goes on without it.");
            self.degraded(what, reason);
        }
    }

    /// Whether the hooks that all else hangs on are attached.
    pub fn can_observe(&self) -> bool {
        self.status
            .probes
            .iter()
            .all(|probe| probe.attached || !is_part(&probe.name, Part::Essential))
    }

    /// Takes up whether the capabilities were dropped.
    pub fn privileges(&mut self, dropped: Result<(), String>) {
        if let Err(cause) = dropped {
            tracing::warn!(%cause, "The agent runs with more rights than it needs.");
            self.degraded("capability", cause);
        }
    }

    /// Takes up whether the probe outlives the agent as it should.
    pub fn pinned(&mut self, obstacle: Option<String>) {
        if let Some(reason) = obstacle {
            tracing::warn!(%reason, "Nothing is pinned: after a restart of the agent there is a gap.");
            self.degraded("pin", reason);
        }
    }

    /// Takes up whether there is a Docker engine to ask for names.
    pub fn docker(&mut self, socket: &Path) {
        if !socket.exists() {
            let reason = format!(
                "there is no Docker engine at {}; containers are named by their bundles (`docker_socket` says where to look)",
                socket.display()
            );
            tracing::info!(%reason, "Docker is not asked for names.");
            self.degraded("docker", reason);
        }
    }

    /// Takes up whether the container runtimes can be asked that should be.
    pub fn cri(&mut self, sockets: &[PathBuf]) {
        let reason = if sockets.is_empty() {
            return;
        } else if cfg!(not(feature = "cri")) {
            "this build does not ask container runtimes, and `cri_sockets` has no effect; build it with the feature `cri`"
                .to_owned()
        } else if let Some(absent) = sockets.iter().find(|socket| !socket.exists()) {
            format!(
                "there is no container runtime at {}; correct `cri_sockets`, or mount the socket",
                absent.display()
            )
        } else {
            return;
        };
        tracing::warn!(%reason, "Image digests and pods' labels may be missing.");
        self.degraded("cri", reason);
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
        let (evidence, evidence_forgotten) = pipeline.parts.reporter.evidence();
        let rows = pipeline.watched.len() + pipeline.waiting.len();
        self.metrics.watched_table(rows, self.max_containers);
        let stuck = pipeline.stuck();
        self.metrics.degraded("learning", !stuck.is_empty());
        let stuck = stuck.into_iter().map(|reason| Degraded {
            what: "learning".to_owned(),
            reason,
        });
        let pods = pipeline.parts.resolver.pods().trouble(Instant::now());
        self.metrics.degraded("kubernetes", pods.is_some());
        let pods = pods.map(|reason| Degraded {
            what: "kubernetes".to_owned(),
            reason,
        });
        let degraded = self
            .status
            .degraded
            .iter()
            .cloned()
            .chain(stuck)
            .chain(pods);
        Status {
            degraded: degraded.collect(),
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
            evidence,
            evidence_forgotten,
            findings: pipeline.parts.engine.reported(),
            suppressed: pipeline
                .suppressed
                .iter()
                .map(|(reason, count)| ((*reason).to_owned(), *count))
                .collect(),
            ..self.status.clone()
        }
    }
}

fn is_part(probe: &str, part: Part) -> bool {
    programs::named(probe).is_some_and(|program| program.part == part)
}

/// The first line of a small file; empty when there is none.
fn line(path: &str) -> String {
    std::fs::read_to_string(path)
        .ok()
        .and_then(|text| text.lines().next().map(str::to_owned))
        .unwrap_or_default()
}
