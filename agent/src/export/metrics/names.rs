//! Every metric's name, help text and labels, and label values that exist from the start.

use crate::config::Granularity;

/// A metric family.
pub(super) struct Family {
    pub name: &'static str,
    pub help: &'static str,
    /// Labels; for a family of containers those beside the ones that name the container.
    pub labels: &'static [&'static str],
}

const fn family(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Family {
    Family { name, help, labels }
}

/// The labels that name a container, by what a series stands for: the names that kube-state-metrics and cAdvisor use.
pub(super) const fn container(granularity: Granularity) -> &'static [&'static str] {
    match granularity {
        Granularity::Container => &["namespace", "pod", "container"],
        Granularity::Pod => &["namespace", "pod"],
        Granularity::Workload => &["namespace", "workload"],
        Granularity::Node => &[],
    }
}

// One container.
pub(super) const ANOMALIES: Family = family(
    "picket_anomalies_total",
    "Anomalies reported. Containers beyond the series limit count under an empty pod and container.",
    &["class", "severity"],
);
pub(super) const LAST_ANOMALY: Family = family(
    "picket_last_anomaly_timestamp_seconds",
    "Unix time of the container's last reported anomaly.",
    &["severity"],
);
pub(super) const LAST_ANOMALY_INFO: Family = family(
    "picket_last_anomaly_info",
    "The container's last anomaly of a class, in words, as of the time of the scrape; always 1.",
    &["class", "severity", "event_id", "reason"],
);
pub(super) const INCIDENT_OPEN: Family = family(
    "picket_incident_open",
    "Whether the container has an open incident of this highest severity.",
    &["severity"],
);
pub(super) const SCORE: Family = family(
    "picket_anomaly_score",
    "Last score of a model for the container, in nats.",
    &["model"],
);
pub(super) const THRESHOLD: Family = family(
    "picket_anomaly_threshold",
    "Score from which the model reports every anomaly, in nats; those of rare kinds from a lower one.",
    &["model"],
);
pub(super) const CONTAINER_INFO: Family = family(
    "picket_container_info",
    "Identity of a watched container; always 1.",
    &[
        "uid",
        "container_id",
        "image",
        "image_id",
        "workload_kind",
        "workload",
        "runtime",
        "serving_stack",
    ],
);
pub(super) const FIRST_SEEN: Family = family(
    "picket_container_first_seen_timestamp_seconds",
    "Unix time at which the container was discovered.",
    &[],
);
pub(super) const BASELINE_STATE: Family = family(
    "picket_baseline_state",
    "State of the container's baseline: 1 for the present state, 0 for the others.",
    &["state"],
);
pub(super) const BASELINE_SAMPLES: Family = family(
    "picket_baseline_samples",
    "Windows that the container's baseline was learned from.",
    &[],
);

pub(super) const CONTAINER_EVENTS_LOST: Family = family(
    "picket_container_events_lost_total",
    "Events or counts of a container that were lost, or reached the agent incomplete. Only the reason quota, which a \
     container brings about itself, exists at 0.",
    &["reason"],
);

// The whole node.
pub(super) const NODE_ANOMALIES: Family = family(
    "picket_node_anomalies_total",
    "Anomalies reported on this node, those of containers without own series included.",
    &["class", "severity"],
);
pub(super) const SUPPRESSED: Family = family(
    "picket_suppressed_total",
    "Anomalies seen but not reported.",
    &["reason"],
);
pub(super) const CONTAINERS: Family = family(
    "picket_containers",
    "Watched containers by state of their baseline.",
    &["state"],
);
pub(super) const EVENTS: Family = family(
    "picket_events_total",
    "Events received from the probe.",
    &["kind"],
);
pub(super) const EVENTS_LOST: Family = family(
    "picket_events_lost_total",
    "Events or counts that were lost, or reached the agent incomplete.",
    &["reason"],
);
pub(super) const EVENTS_UNATTRIBUTED: Family = family(
    "picket_events_unattributed_total",
    "Events that belong to no known container.",
    &[],
);
pub(super) const EVENT_DELAY: Family = family(
    "picket_event_delay_seconds",
    "Time from an event in the kernel to its handling.",
    &[],
);
pub(super) const SCORING_DURATION: Family = family(
    "picket_scoring_duration_seconds",
    "Time that a pass over the counters of all containers takes.",
    &[],
);
pub(super) const MAP_ENTRIES: Family = family(
    "picket_map_entries",
    "Entries in use of a table of the probe.",
    &["map"],
);
pub(super) const MAP_CAPACITY: Family = family(
    "picket_map_capacity",
    "Entries that a table of the probe has room for.",
    &["map"],
);
pub(super) const PROBE_ATTACHED: Family = family(
    "picket_probe_attached",
    "Whether a hook of the probe is attached.",
    &["probe"],
);
pub(super) const LAST_SCORED: Family = family(
    "picket_last_scored_timestamp_seconds",
    "Unix time of the last pass over the counters; 0 before the first.",
    &[],
);
pub(super) const SELF_TEST_SUCCESS: Family = family(
    "picket_selftest_success_timestamp_seconds",
    "Unix time at which the agent last saw its own canary through the probe; 0 before the first.",
    &[],
);
pub(super) const SELF_TEST_FAILURES: Family = family(
    "picket_selftest_failures_total",
    "Self-tests in which hooks of the probe did not answer.",
    &[],
);
pub(super) const METADATA_LOOKUPS: Family = family(
    "picket_metadata_lookups_total",
    "Attempts to learn a container's identity.",
    &["source"],
);
pub(super) const METADATA_FAILURES: Family = family(
    "picket_metadata_lookup_failures_total",
    "Attempts to learn a container's identity that failed.",
    &["source"],
);
pub(super) const EXPORT_EVENTS: Family = family(
    "picket_export_events_total",
    "Findings written to a sink.",
    &["sink"],
);
pub(super) const EXPORT_ERRORS: Family = family(
    "picket_export_errors_total",
    "Findings that a sink could not take.",
    &["sink"],
);
pub(super) const EXPORT_QUEUE: Family = family(
    "picket_export_queue_length",
    "Findings that wait for a sink.",
    &["sink"],
);
pub(super) const FILES_SET_ASIDE: Family = family(
    "picket_baseline_files_set_aside_total",
    "Baseline files that were damaged or written by a newer version, and renamed.",
    &[],
);
pub(super) const SAVE_ERRORS: Family = family(
    "picket_baseline_save_errors_total",
    "Baselines that could not be written to disk.",
    &[],
);
pub(super) const DEGRADED: Family = family(
    "picket_degraded",
    "What the agent goes on without: 1 while it is missing.",
    &["what"],
);
pub(super) const RESTART_GAP: Family = family(
    "picket_restart_gap_seconds",
    "Time from the last window of the agent before to the first of this one; 0 where there was none.",
    &[],
);
pub(super) const BUILD_INFO: Family = family(
    "picket_build_info",
    "Version of the agent; always 1.",
    &["version", "revision", "rustc", "target"],
);

pub(super) const CONFIG_INFO: Family = family(
    "picket_config_info",
    "Digest of the effective configuration; always 1.",
    &["sha256"],
);

// The exporter itself.
pub(super) const COLLECTOR_DURATION: Family = family(
    "picket_collector_duration_seconds",
    "Time that a part of this scrape took to collect.",
    &["collector"],
);
pub(super) const SERIES: Family = family(
    "picket_series",
    "Series of single containers now exported.",
    &[],
);
pub(super) const SERIES_LIMIT: Family = family(
    "picket_series_limit",
    "Most series of single containers that are exported.",
    &[],
);
pub(super) const SERIES_DROPPED: Family = family(
    "picket_series_dropped_total",
    "Series that were not created.",
    &["reason"],
);

// The agent's process, by the names every client library uses.
pub(super) const CPU: Family = family(
    "process_cpu_seconds_total",
    "Total user and system CPU time spent in seconds.",
    &[],
);
pub(super) const OPEN_FDS: Family =
    family("process_open_fds", "Number of open file descriptors.", &[]);
pub(super) const MAX_FDS: Family = family(
    "process_max_fds",
    "Maximum number of open file descriptors.",
    &[],
);
pub(super) const VIRTUAL_MEMORY: Family = family(
    "process_virtual_memory_bytes",
    "Virtual memory size in bytes.",
    &[],
);
pub(super) const RESIDENT_MEMORY: Family = family(
    "process_resident_memory_bytes",
    "Resident memory size in bytes.",
    &[],
);
pub(super) const THREADS: Family = family(
    "process_threads",
    "Number of OS threads in the process.",
    &[],
);
pub(super) const START_TIME: Family = family(
    "process_start_time_seconds",
    "Start time of the process since unix epoch in seconds.",
    &[],
);

/// Event kinds that exist at 0 from the start.
pub(super) const EVENT_KINDS: [&str; 24] = [
    "cgroup_mkdir",
    "cgroup_rmdir",
    "fork",
    "exec",
    "exit",
    "open",
    "connect",
    "listen",
    "privileged",
    "stdio",
    "open_failed",
    "map",
    "change",
    "memfd",
    "exec_failed",
    "connected",
    "bind",
    "socket",
    "unix",
    "dns",
    "tls_name",
    "sequence",
    "asked_to_end",
    "clients",
];

/// Losses in the agent that exist at 0 from the start, beside those that the probe names.
pub(super) const AGENT_LOSSES: [&str; 3] = ["queue", "decode", "recursion"];

/// Bounds of the histogram of delays, in seconds. The rings are looked at every 40 ms.
pub(super) const DELAYS: [f64; 8] = [0.005, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// Bounds of the histogram of scoring, in seconds.
pub(super) const SCORINGS: [f64; 8] = [0.001, 0.005, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0];

/// The table of watched containers.
pub(super) const WATCHED: &str = "watched";

/// Sinks of findings that exist at 0 from the start.
pub(super) const SINKS: [&str; 1] = ["log"];

/// What the agent can go on without, at 0 from the start.
pub(super) const DEGRADABLE: [&str; 8] = [
    "probe",
    "network",
    "capability",
    "docker",
    "cri",
    "kubernetes",
    "state_dir",
    "pin",
];
