//! The way out. A finding gets its id and time, and goes to the log, the metrics, the API and its incident; what is
//! merely new goes to the API.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ulid::Ulid;

use super::clock;
use crate::detect::finding::Finding;
use crate::detect::news::News;
use crate::export::api::state::ApiState;
use crate::export::history::Evidence;
use crate::export::log::FindingLog;
use crate::export::metrics::Metrics;
use crate::export::ocsf::{self, Host, Stamp};
use crate::export::view::finding::FindingView;
use crate::incident::Incidents;
use crate::observe::fact::Sighting;
use crate::workload::container::Container;

/// Hands findings to every exporter.
pub struct Reporter {
    host: Host,
    log: Option<FindingLog>,
    metrics: Arc<Metrics>,
    api: Arc<ApiState>,
    incidents: Incidents,
    sequence: u64,
}

impl Reporter {
    /// A reporter that has reported nothing yet; `log` is where OCSF lines go.
    pub fn new(
        host: Host,
        log: Option<FindingLog>,
        metrics: Arc<Metrics>,
        api: Arc<ApiState>,
    ) -> Self {
        Self {
            host,
            log,
            metrics,
            api,
            incidents: Incidents::default(),
            sequence: 0,
        }
    }

    /// Findings reported since the start.
    pub const fn reported(&self) -> u64 {
        self.sequence
    }

    /// The incidents of this agent's life.
    pub const fn incidents(&mut self) -> &mut Incidents {
        &mut self.incidents
    }

    /// Pieces of evidence since the start, and those of them that are no longer remembered.
    pub fn evidence(&self) -> (u64, u64) {
        self.api.history().counts()
    }

    /// Takes up something new about a container.
    pub fn news(&self, news: News, sighting: Sighting, container: &Arc<Container>) {
        self.api.history().add(Evidence {
            container: Arc::clone(container),
            news,
            sighting,
            boot_ms: clock::boot_ms(),
        });
    }

    /// Lets the log write what it still holds.
    pub fn end(self, patience: Duration) {
        if self.log.is_some_and(|log| !log.finish(patience)) {
            tracing::error!("Not all findings could be written to the log before the end.");
        }
    }

    /// Reports one finding everywhere.
    pub fn report(&mut self, finding: &Finding, container: &Container) {
        self.sequence += 1;
        let uid = Ulid::new().to_string();
        let logged_ms = clock::wall_ms();
        let stamp = Stamp {
            uid: &uid,
            sequence: self.sequence,
            boot_ms: clock::boot_ms(),
            logged_ms,
        };
        self.incidents.add(&uid, finding, logged_ms);
        if let Some(log) = &self.log {
            match ocsf::event(finding, container, &self.host, &stamp) {
                Ok(line) => log.write(line.to_string()),
                Err(error) => {
                    self.metrics.export_error("log");
                    tracing::error!(%error, title = %finding.title, "A finding could not be written as OCSF.");
                }
            }
        }
        self.metrics.anomaly(
            container,
            finding.class,
            finding.severity,
            &uid,
            logged_ms,
            Instant::now(),
        );
        self.api.add_finding(FindingView::new(
            finding,
            container,
            &uid,
            self.sequence,
            stamp.boot_ms,
        ));
    }
}
