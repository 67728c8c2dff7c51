//! What the API shows, as the pipeline last told it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::operator::Order;
use super::recording::Request;
use super::selftest::Asked;
use crate::export::history::History;
use crate::export::metrics::Metrics;
use crate::export::view::finding::{FindingFilter, FindingView};
use crate::export::view::{BaselineView, ContainerView, IncidentView, Status};

/// Findings that are remembered.
const FINDINGS: usize = 1000;

/// The pipeline beats at least once a window; this is several of the longest usual ones.
const HEARTBEAT_LIMIT: Duration = Duration::from_secs(30);

/// Shared by the pipeline, which writes, and the HTTP servers, which read.
pub struct ApiState {
    metrics: Arc<Metrics>,
    snapshot: RwLock<Snapshot>,
    /// Apart from the snapshot, whose readers copy it.
    history: History,
    /// Sequence number of the newest finding.
    newest: watch::Sender<u64>,
    /// Takes requests for recordings, once the pipeline watches.
    recordings: OnceLock<mpsc::UnboundedSender<Request>>,
    orders: OnceLock<mpsc::Sender<Order>>,
    self_tests: OnceLock<mpsc::Sender<Asked>>,
}

/// Everything shown. Parts are shared pointers so that a reader holds the lock no longer than it takes to copy them.
#[derive(Clone)]
pub struct Snapshot {
    /// The agent.
    pub status: Arc<Status>,
    /// Watched containers.
    pub containers: Arc<Vec<ContainerView>>,
    /// Baselines with their facts, by id.
    pub baselines: BTreeMap<String, Arc<BaselineView>>,
    /// The last findings, oldest first.
    pub findings: VecDeque<Arc<FindingView>>,
    /// Incidents.
    pub incidents: Arc<Vec<IncidentView>>,
    health: Health,
}

#[derive(Clone)]
struct Health {
    last_beat: Instant,
    probe_attached: bool,
    inventory_done: bool,
}

impl ApiState {
    /// Nothing to show yet; `now` counts as the pipeline's first heartbeat.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, now: Instant) -> Arc<Self> {
        Arc::new(Self {
            metrics,
            snapshot: RwLock::new(Snapshot {
                status: Arc::default(),
                containers: Arc::default(),
                baselines: BTreeMap::new(),
                findings: VecDeque::new(),
                incidents: Arc::default(),
                health: Health {
                    last_beat: now,
                    probe_attached: false,
                    inventory_done: false,
                },
            }),
            history: History::default(),
            newest: watch::Sender::new(0),
            recordings: OnceLock::new(),
            orders: OnceLock::new(),
            self_tests: OnceLock::new(),
        })
    }

    /// The agent's metrics.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The evidence of late.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Where requests for recordings go; `None` before the pipeline takes any.
    #[must_use]
    pub fn recordings(&self) -> Option<&mpsc::UnboundedSender<Request>> {
        self.recordings.get()
    }

    /// The pipeline takes requests for recordings from now on.
    pub fn set_recordings(&self, requests: mpsc::UnboundedSender<Request>) {
        self.recordings.get_or_init(|| requests);
    }

    /// Says where the operator's orders go. Until then they are refused.
    pub fn take_orders(&self, orders: mpsc::Sender<Order>) {
        // A second pipeline beside the first would be a mistake in the program; the first goes on.
        let _ = self.orders.set(orders);
    }

    /// Where the operator's orders go, once somebody carries them out.
    #[must_use]
    pub fn orders(&self) -> Option<&mpsc::Sender<Order>> {
        self.orders.get()
    }

    /// Says where requests for self-tests go. Until then they are refused.
    pub fn take_self_tests(&self, requests: mpsc::Sender<Asked>) {
        self.self_tests.get_or_init(|| requests);
    }

    /// Where requests for self-tests go, once somebody makes them.
    #[must_use]
    pub fn self_tests(&self) -> Option<&mpsc::Sender<Asked>> {
        self.self_tests.get()
    }

    /// The pipeline is alive.
    pub fn heartbeat(&self, now: Instant) {
        self.write().health.last_beat = now;
    }

    /// Whether the probe is attached as far as the kernel lets it.
    pub fn set_probe_attached(&self, attached: bool) {
        self.write().health.probe_attached = attached;
    }

    /// The containers that were there before the agent are known.
    pub fn set_inventory_done(&self) {
        self.write().health.inventory_done = true;
    }

    /// Replaces the status.
    pub fn set_status(&self, status: Status) {
        self.write().status = Arc::new(status);
    }

    /// Replaces the list of watched containers.
    pub fn set_containers(&self, containers: Vec<ContainerView>) {
        self.write().containers = Arc::new(containers);
    }

    /// Adds or replaces a baseline, with its facts; worth calling only when its version changed.
    pub fn put_baseline(&self, baseline: BaselineView) {
        let baseline = Arc::new(baseline);
        let id = baseline.id.clone();
        self.write().baselines.insert(id, baseline);
    }

    /// Removes a baseline.
    pub fn remove_baseline(&self, id: &str) {
        self.write().baselines.remove(id);
    }

    /// Replaces the incidents.
    pub fn set_incidents(&self, incidents: Vec<IncidentView>) {
        self.write().incidents = Arc::new(incidents);
    }

    /// Adds a finding and sends it to all who follow. Sequence numbers must rise.
    pub fn add_finding(&self, finding: FindingView) {
        let sequence = finding.sequence;
        {
            let findings = &mut self.write().findings;
            if findings.len() >= FINDINGS {
                findings.pop_front();
            }
            findings.push_back(Arc::new(finding));
        }
        self.newest.send_replace(sequence);
    }

    /// A copy of everything shown.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.read().clone()
    }

    /// The remembered findings that `filter` lets through, oldest first.
    #[must_use]
    pub fn findings(&self, filter: &FindingFilter) -> Vec<Arc<FindingView>> {
        let snapshot = self.read();
        let matching = snapshot.findings.iter().rev();
        let matching = matching.filter(|finding| filter.matches(finding));
        let limit = filter.limit.unwrap_or(usize::MAX);
        let mut findings: Vec<_> = matching.take(limit).cloned().collect();
        findings.reverse();
        findings
    }

    /// Tells the sequence number of the newest finding whenever one is added.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// Whether the pipeline is alive.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn live(&self, now: Instant) -> Result<(), String> {
        let silent = now.saturating_duration_since(self.read().health.last_beat);
        if silent < HEARTBEAT_LIMIT {
            Ok(())
        } else {
            Err(format!(
                "the pipeline has not moved for {} s; restart the agent and report its log",
                silent.as_secs()
            ))
        }
    }

    /// Whether containers are being watched.
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn ready(&self) -> Result<(), String> {
        let health = &self.read().health;
        if !health.probe_attached {
            Err("the probe is not attached; `picket check` tells why".to_owned())
        } else if !health.inventory_done {
            Err("the running containers are still being listed".to_owned())
        } else {
            Ok(())
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Snapshot> {
        self.snapshot.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Snapshot> {
        self.snapshot
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
