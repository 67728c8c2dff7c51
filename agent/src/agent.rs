//! The running agent: start order, the loop, the end.

mod baselines;
mod clock;
mod described;
mod health;
mod inventory;
mod members;
mod operate;
mod pipeline;
mod privileges;
mod recordings;
mod report;
mod selftest;
mod traffic;
mod views;
mod watched;

use std::collections::BTreeSet;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, interval_at};

use self::baselines::Baselines;
use self::health::Health;
use self::inventory::Existing;
use self::pipeline::{Parts, Pipeline};
use self::recordings::Recordings;
use self::report::Reporter;
use self::selftest::Acted;
use crate::config::{Config, FindingsLog, Loaded, Syscalls};
use crate::engine::{Engine, Settings as EngineSettings};
use crate::export::api::operator::{self, Order};
use crate::export::api::recording::Request;
use crate::export::api::selftest::{self as self_tests, Asked};
use crate::export::api::state::ApiState;
use crate::export::http;
use crate::export::log::{FindingLog, Target};
use crate::export::metrics::{BuildInfo, Metrics};
use crate::probe::pin::{PinError, Pins};
use crate::probe::{Probe, Settings as ProbeSettings};
use crate::workload::container::Container;
use crate::workload::hierarchy::Hierarchy;
use crate::workload::pod_store::PodStore;
#[cfg(feature = "kubernetes")]
use crate::workload::pod_watch;
use crate::workload::resolve::Resolver;
use crate::workload::selection::Selection;

/// Ordinary events do not wake the reader (see `wake_flags` in the probe), so the rings are looked at this often.
const DRAIN_PERIOD: Duration = Duration::from_millis(40);
/// A record that was too young to be handled is looked at again after this time.
const HELD_PERIOD: Duration = Duration::from_millis(2);
/// How long to wait for the agent before, which may be about to end, to leave the directory of pins.
const PIN_PATIENCE: Duration = Duration::from_secs(10);
/// How long containers may wait for their identity before the loop begins and after it ends.
const NAME_PATIENCE: Duration = Duration::from_secs(2);
/// How long the findings log may take to write its rest at the end.
const LOG_PATIENCE: Duration = Duration::from_secs(2);

const UNWAITABLE: &str = "the probe's ring cannot be waited for";

/// The commit, compiler and target of this build.
pub const BUILD: BuildInfo = BuildInfo {
    version: env!("CARGO_PKG_VERSION"),
    revision: env!("PICKET_REVISION"),
    rustc: env!("PICKET_RUSTC"),
    target: env!("PICKET_TARGET"),
};

/// Runs the agent until SIGTERM or SIGINT; `record` names a file for a recording from its first moment on.
///
/// # Errors
///
/// When it cannot start: no probe, no cgroup v2 hierarchy, an address in use. What it can go on without it goes on
/// without, and says so in the log and in `picket_degraded`.
pub fn run(loaded: Loaded, record: Option<PathBuf>) -> Result<ExitCode> {
    let config = loaded.config;
    tracing::info!(version = BUILD.version, revision = BUILD.revision, config = %loaded.sha256, "Picket starts.");
    let hierarchy = Hierarchy::find()?;
    let judged_by = EngineSettings::from(&config);
    judged_by.check()?;
    let selection = Selection::compile(&config.watch)?;
    let (pins, unpinned) = pins(&config)?;
    let settings = ProbeSettings {
        cgroup_root: hierarchy.root().to_owned(),
        rows: config.max_containers,
        sequences: config.sequences,
        sampled: config.syscalls == Syscalls::Sampled,
    };
    let probe = Probe::load(&settings, pins)?;
    if settings.sampled {
        tracing::info!(
            "System calls are watched for one second of every five (syscalls: sampled): what is seen in them alone is missed in between."
        );
    }
    let resolver = Resolver::new(&config.runtime_dirs, &config.docker_socket);
    #[cfg(feature = "cri")]
    let resolver = resolver.asking(&config.cri_sockets);
    let resolver = Arc::new(resolver);
    // After the probe is attached, so that what is made meanwhile is reported by the kernel.
    let existing = inventory::take(&hierarchy, resolver.lookups());
    // Threads inherit the capabilities of the thread that starts them, so they are dropped before the first is started.
    let privileges = privileges::drop_all(|| probe.can_read_maps());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("the asynchronous runtime could not be started")?;
    let begin = Begin {
        hierarchy,
        judged_by,
        selection,
        probe,
        resolver,
        existing,
        privileges,
        unpinned,
        record,
    };
    runtime.block_on(watch(config, loaded.sha256, begin))?;
    tracing::info!("Picket ends.");
    Ok(ExitCode::SUCCESS)
}

/// What was made while the agent still had its capabilities.
struct Begin {
    hierarchy: Hierarchy,
    judged_by: EngineSettings,
    selection: Selection,
    probe: Probe,
    resolver: Arc<Resolver>,
    existing: Vec<Existing>,
    privileges: Result<(), String>,
    unpinned: Option<String>,
    record: Option<PathBuf>,
}

/// The place where the probe outlives the agent; where there can be none, the reason.
fn pins(config: &Config) -> Result<(Option<Pins>, Option<String>)> {
    if !config.pin {
        return Ok((None, None));
    }
    match Pins::take(&config.pin_dir, PIN_PATIENCE) {
        Ok(pins) => Ok((Some(pins), None)),
        Err(error @ PinError::Held(_)) => Err(error.into()),
        Err(error) => Ok((None, Some(error.to_string()))),
    }
}

async fn watch(config: Config, config_sha256: String, begin: Begin) -> Result<()> {
    let Begin {
        hierarchy,
        judged_by,
        selection,
        probe,
        resolver,
        existing,
        privileges,
        unpinned,
        record,
    } = begin;
    let metrics = Arc::new(Metrics::new(&BUILD, &config.metrics)?);
    metrics.config(&config_sha256);
    let api = ApiState::new(Arc::clone(&metrics), Instant::now());
    let tcp = http::serve_tcp(config.listen, Arc::clone(&api)).await?;
    let _unix = http::serve_unix(&config.socket, Arc::clone(&api)).await?;

    let mut health = Health::new(&config, tcp.address(), Arc::clone(&metrics));
    health.probe(&probe);
    api.set_probe_attached(health.can_observe());
    health.privileges(privileges);
    health.pinned(unpinned);
    health.docker(&config.docker_socket);
    health.cri(&config.cri_sockets);

    let baselines_directory = config.state_dir.join("baselines");
    let (baselines, set_aside) = Baselines::load(&baselines_directory, Instant::now());
    for _ in 0..set_aside {
        metrics.baseline_set_aside();
    }
    let engine = Engine::new(&judged_by, clock::time().boot_ms, baselines)?;
    let log = findings_log(&config, &metrics)?;
    let reporter = Reporter::new(health.host(), log, Arc::clone(&metrics), Arc::clone(&api));
    let attention = attention(&probe)?;
    let pods = resolver.pods().subscribe();
    watch_pods(&config, resolver.pods());
    let (resolved_to, mut resolved) = mpsc::unbounded_channel();
    let (reading, mut read) = mpsc::channel(1);
    let (acted_to, acted) = mpsc::unbounded_channel();
    let parts = Parts {
        probe,
        hierarchy,
        resolver,
        selection,
        engine,
        devices: config.devices.as_slice().into(),
        learning: judged_by.learning(),
        recordings: Recordings {
            host: health.host(),
            settings: judged_by,
            file: None,
            reading: Some(reading),
        },
        reporter,
        metrics,
    };
    let mut pipeline = Pipeline::new(parts, resolved_to, acted_to);
    if let Some(path) = record {
        pipeline.record_to(&path)?;
    }
    pipeline.take_inventory(existing);
    // What waits in the rings is more than may be kept for containers without a name.
    name_all(&mut pipeline, &mut resolved).await;
    pipeline.begin();
    let (ask, asked) = mpsc::unbounded_channel();
    api.set_recordings(ask);
    api.set_inventory_done();
    tracing::info!(listen = ?tcp.address(), socket = %config.socket.display(), "Picket watches.");

    let (orders_to, orders) = operator::orders();
    api.take_orders(orders_to);
    let (self_tests_to, self_tests) = self_tests::requests();
    api.take_self_tests(self_tests_to);
    let mut inbox = Inbox {
        resolved,
        asked,
        orders,
        self_tests,
        acted,
        pods,
    };
    let window = config.window.duration();
    let ended = turn(
        &mut pipeline,
        &mut health,
        &api,
        attention,
        &mut inbox,
        window,
    )
    .await;
    pipeline.abandon_self_test();
    pipeline.drain_all();
    name_all(&mut pipeline, &mut inbox.resolved).await;
    pipeline.tick();
    pipeline.save_baselines(true);
    pipeline.end_recordings(LOG_PATIENCE);
    // What is not read by then is missing, and the reader notices.
    let _ = tokio::time::timeout(LOG_PATIENCE, read.recv()).await;
    pipeline.end(LOG_PATIENCE);
    ended
}

/// Waits a while until every container has its identity.
async fn name_all(pipeline: &mut Pipeline, resolved: &mut mpsc::UnboundedReceiver<Container>) {
    let until = tokio::time::Instant::now() + NAME_PATIENCE;
    while pipeline.awaits_identities() {
        match tokio::time::timeout_at(until, resolved.recv()).await {
            Ok(Some(container)) => pipeline.identified(container),
            Ok(None) | Err(_) => return,
        }
    }
}

/// What the loop is told from elsewhere.
struct Inbox {
    resolved: mpsc::UnboundedReceiver<Container>,
    asked: mpsc::UnboundedReceiver<Request>,
    orders: mpsc::Receiver<Order>,
    self_tests: mpsc::Receiver<Asked>,
    acted: mpsc::UnboundedReceiver<Acted>,
    pods: watch::Receiver<()>,
}

/// The loop. It ends with a signal.
async fn turn(
    pipeline: &mut Pipeline,
    health: &mut Health,
    api: &ApiState,
    [alerts, events]: [AsyncFd<OwnedFd>; 2],
    inbox: &mut Inbox,
    window: Duration,
) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be handled")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be handled")?;
    let mut drain = interval(DRAIN_PERIOD);
    drain.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut windows = interval(window);
    windows.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let first = tokio::time::Instant::now() + selftest::FIRST;
    let mut self_tests = interval_at(first, selftest::PERIOD);
    self_tests.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            Some(container) = inbox.resolved.recv() => pipeline.identified(container),
            Ok(()) = inbox.pods.changed() => pipeline.pods_changed(),
            Some(request) = inbox.asked.recv() => pipeline.record_for(request),
            Some(answer) = inbox.self_tests.recv() => pipeline.self_test(Some(answer)),
            Some(acted) = inbox.acted.recv() => pipeline.canary_acted(acted),
            Some(order) = inbox.orders.recv() => {
                pipeline.operate(order);
                show(pipeline, health, api);
            }
            ready = alerts.readable() => {
                pipeline.drain();
                ready.context(UNWAITABLE)?.clear_ready();
            }
            ready = events.readable() => {
                pipeline.drain();
                ready.context(UNWAITABLE)?.clear_ready();
            }
            () = tokio::time::sleep(HELD_PERIOD), if pipeline.holds_records() => pipeline.drain(),
            _ = drain.tick() => {
                pipeline.drain();
                pipeline.follow_self_test();
                api.heartbeat(Instant::now());
            }
            _ = self_tests.tick() => pipeline.self_test(None),
            _ = windows.tick() => {
                pipeline.drain();
                pipeline.tick();
                pipeline.save_baselines(false);
                show(pipeline, health, api);
            }
        }
    }
}

/// Brings the API up to date.
fn show(pipeline: &mut Pipeline, health: &Health, api: &ApiState) {
    api.set_status(health.status(pipeline));
    api.set_containers(pipeline.container_views());
    let mut gone: BTreeSet<String> = api.snapshot().baselines.into_keys().collect();
    for baseline in pipeline.baseline_views() {
        gone.remove(&baseline.id);
        api.put_baseline(baseline);
    }
    for id in gone {
        api.remove_baseline(&id);
    }
    api.set_incidents(pipeline.incident_views());
    api.metrics().incidents(pipeline.open_incidents());
}

/// Descriptors that become readable when the kernel side asks for attention.
fn attention(probe: &Probe) -> Result<[AsyncFd<OwnedFd>; 2]> {
    let [alerts, events] = probe.ring_fds();
    let watch = |ring: BorrowedFd<'_>| {
        let own = ring
            .try_clone_to_owned()
            .context("the probe's ring cannot be duplicated")?;
        // SAFETY: `own` is an open descriptor, and the AsyncFd owns it until it is dropped.
        unsafe { AsyncFd::register_with_interest(own, Interest::READABLE) }.context(UNWAITABLE)
    };
    Ok([watch(alerts)?, watch(events)?])
}

/// Begins to ask the API server for pods, where there is one. Nothing waits for it.
#[cfg(feature = "kubernetes")]
fn watch_pods(config: &Config, pods: &Arc<PodStore>) {
    if config.kubernetes.api {
        pod_watch::begin(&config.kubernetes.node, Arc::clone(pods));
    }
}

/// This build cannot ask the API server.
#[cfg(not(feature = "kubernetes"))]
fn watch_pods(config: &Config, _: &Arc<PodStore>) {
    if config.kubernetes.api && std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() {
        tracing::info!(
            "This agent was built without the feature `kubernetes`: pods have no labels and no owners, and are named by their bundles."
        );
    }
}

fn findings_log(config: &Config, metrics: &Arc<Metrics>) -> Result<Option<FindingLog>> {
    let target = match &config.log.findings {
        FindingsLog::Stdout => Target::Stdout,
        FindingsLog::File(path) => Target::File(path.clone()),
        FindingsLog::None => return Ok(None),
    };
    Ok(Some(FindingLog::start(&target, Arc::clone(metrics))?))
}
