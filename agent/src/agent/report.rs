//! The way out. A finding goes to the log, the metrics and the API; what is merely new goes to the API.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::detect::news::News;
use crate::engine::Reported;
use crate::export::api::state::ApiState;
use crate::export::history::Evidence;
use crate::export::log::FindingLog;
use crate::export::metrics::{Anomaly, Metrics};
use crate::export::ocsf::{self, Host};
use crate::export::view::finding::FindingView;
use crate::observe::fact::Sighting;
use crate::workload::container::Container;

/// Hands findings to every exporter.
pub struct Reporter {
    host: Host,
    log: Option<FindingLog>,
    metrics: Arc<Metrics>,
    api: Arc<ApiState>,
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
        }
    }

    /// Pieces of evidence since the start, and those of them that are no longer remembered.
    pub fn evidence(&self) -> (u64, u64) {
        self.api.history().counts()
    }

    /// Takes up something new about a container.
    /// `boot_ms` is the wall-clock time of `Moment(0)`.
    pub fn news(&self, news: News, sighting: Sighting, container: &Arc<Container>, boot_ms: i64) {
        self.api.history().add(Evidence {
            container: Arc::clone(container),
            news,
            sighting,
            boot_ms,
        });
    }

    /// Lets the log write what it still holds.
    pub fn end(self, patience: Duration) {
        if self.log.is_some_and(|log| !log.finish(patience)) {
            tracing::error!("Not all findings could be written to the log before the end.");
        }
    }

    /// Reports one finding everywhere.
    pub fn report(&mut self, reported: &Reported) {
        let Reported {
            finding,
            container,
            uid,
            sequence,
            time,
        } = reported;
        if let Some(log) = &self.log {
            match ocsf::line(reported, &self.host) {
                Ok(line) => log.write(line),
                Err(error) => {
                    self.metrics.export_error("log");
                    tracing::error!(%error, title = %finding.title, "A finding could not be written as OCSF.");
                }
            }
        }
        let anomaly = Anomaly {
            class: finding.class,
            severity: finding.severity,
            event_id: uid,
            title: &finding.title,
            unix_ms: time.wall_ms,
        };
        self.metrics.anomaly(container, &anomaly, Instant::now());
        self.api.add_finding(FindingView::new(
            finding,
            container,
            uid,
            *sequence,
            time.boot_ms,
        ));
    }
}
