//! Metrics of the whole node: counters and gauges that exist from the start and never disappear.

use picket_ebpf::lost;
use prometheus::core::Collector;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry,
};

use crate::detect::budget::Reason;
use crate::detect::finding::{Class, Severity};
use crate::workload::lookups::Source;

use super::BuildInfo;
use super::names::{self, Family};

/// Handles of the node's metrics.
pub(super) struct Node {
    pub anomalies: IntCounterVec,
    pub suppressed: IntCounterVec,
    pub events: IntCounterVec,
    pub events_lost: IntCounterVec,
    pub events_unattributed: IntCounter,
    pub event_delay: Histogram,
    pub scoring_duration: Histogram,
    pub map_entries: IntGaugeVec,
    pub map_capacity: IntGaugeVec,
    pub probe_attached: IntGaugeVec,
    pub last_scored: Gauge,
    pub restart_gap: Gauge,
    pub self_test_success: Gauge,
    pub self_test_failures: IntCounter,
    pub metadata_lookups: IntCounterVec,
    pub metadata_failures: IntCounterVec,
    pub export_events: IntCounterVec,
    pub export_errors: IntCounterVec,
    pub export_queue: IntGaugeVec,
    pub files_set_aside: IntCounter,
    pub save_errors: IntCounter,
    pub degraded: IntGaugeVec,
    pub config_info: IntGaugeVec,
    pub series_limit: IntGauge,
    pub series_dropped: IntCounterVec,
}

impl Node {
    /// Registers all metrics of the node in `registry` and creates the series known beforehand at 0.
    pub fn register(registry: &Registry, build: &BuildInfo) -> prometheus::Result<Self> {
        let counters =
            |family: &Family| register(registry, IntCounterVec::new(opts(family), family.labels)?);
        let counter = |family: &Family| register(registry, IntCounter::with_opts(opts(family))?);
        let gauges =
            |family: &Family| register(registry, IntGaugeVec::new(opts(family), family.labels)?);
        let histogram = |family: &Family, bounds: &[f64]| {
            let opts = HistogramOpts::new(family.name, family.help).buckets(bounds.to_vec());
            register(registry, Histogram::with_opts(opts)?)
        };

        let node = Self {
            anomalies: counters(&names::NODE_ANOMALIES)?,
            suppressed: counters(&names::SUPPRESSED)?,
            events: counters(&names::EVENTS)?,
            events_lost: counters(&names::EVENTS_LOST)?,
            events_unattributed: counter(&names::EVENTS_UNATTRIBUTED)?,
            event_delay: histogram(&names::EVENT_DELAY, &names::DELAYS)?,
            scoring_duration: histogram(&names::SCORING_DURATION, &names::SCORINGS)?,
            map_entries: gauges(&names::MAP_ENTRIES)?,
            map_capacity: gauges(&names::MAP_CAPACITY)?,
            probe_attached: gauges(&names::PROBE_ATTACHED)?,
            last_scored: register(registry, Gauge::with_opts(opts(&names::LAST_SCORED))?)?,
            self_test_success: register(
                registry,
                Gauge::with_opts(opts(&names::SELF_TEST_SUCCESS))?,
            )?,
            self_test_failures: counter(&names::SELF_TEST_FAILURES)?,
            restart_gap: register(registry, Gauge::with_opts(opts(&names::RESTART_GAP))?)?,
            metadata_lookups: counters(&names::METADATA_LOOKUPS)?,
            metadata_failures: counters(&names::METADATA_FAILURES)?,
            export_events: counters(&names::EXPORT_EVENTS)?,
            export_errors: counters(&names::EXPORT_ERRORS)?,
            export_queue: gauges(&names::EXPORT_QUEUE)?,
            files_set_aside: counter(&names::FILES_SET_ASIDE)?,
            save_errors: counter(&names::SAVE_ERRORS)?,
            degraded: gauges(&names::DEGRADED)?,
            config_info: gauges(&names::CONFIG_INFO)?,
            series_limit: register(registry, IntGauge::with_opts(opts(&names::SERIES_LIMIT))?)?,
            series_dropped: counters(&names::SERIES_DROPPED)?,
        };
        for class in Class::ALL {
            for severity in Severity::ALL {
                node.anomalies
                    .with_label_values(&[class.name(), severity.name()]);
            }
        }
        for (vec, values) in [
            (&node.suppressed, &Reason::ALL.map(Reason::name)[..]),
            (&node.events, &names::EVENT_KINDS),
            (&node.events_lost, &lost::NAMES),
            (&node.events_lost, &names::AGENT_LOSSES),
            (&node.metadata_lookups, &Source::ALL.map(Source::name)),
            (&node.metadata_failures, &Source::ALL.map(Source::name)),
            (&node.export_events, &names::SINKS),
            (&node.export_errors, &names::SINKS),
            (&node.series_dropped, &["limit"]),
        ] {
            for value in values {
                vec.with_label_values(&[*value]);
            }
        }
        for (vec, values) in [
            (&node.degraded, &names::DEGRADABLE[..]),
            (&node.export_queue, &names::SINKS),
            (&node.map_entries, &[names::WATCHED]),
            (&node.map_capacity, &[names::WATCHED]),
        ] {
            for value in values {
                vec.with_label_values(&[*value]);
            }
        }
        let build_info = GaugeVec::new(opts(&names::BUILD_INFO), names::BUILD_INFO.labels)?;
        build_info
            .with_label_values(&[build.version, build.revision, build.rustc, build.target])
            .set(1.0);
        register(registry, build_info)?;
        Ok(node)
    }
}

fn opts(family: &Family) -> Opts {
    Opts::new(family.name, family.help)
}

fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: C,
) -> prometheus::Result<C> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}
