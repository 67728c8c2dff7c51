//! The agents themselves: what they see, lose, cost.

use super::panel::{lines, table};
use super::{AGENTS, Dashboard, Row};

pub fn dashboard() -> Dashboard {
    Dashboard {
        uid: "picket-sensor-health",
        title: "Picket / Sensor health",
        variables: vec![],
        rows: vec![events(), pipeline(), agents()],
    }
}

fn rate(metric: &str) -> String {
    format!("rate({metric}{{{AGENTS}}}[$__rate_interval])")
}

fn events() -> Row {
    let lost = rate("picket_events_lost_total");
    let seen = rate("picket_events_total");
    Row {
        title: "Events",
        panels: vec![
            lines(
                "Events",
                "Events that the probe has sent, by kind.",
                "ops",
                vec![(format!("sum by (kind) ({seen})"), "{{kind}}")],
            ),
            lines(
                "Share of events lost",
                "Events lost on their way, as a share of all.",
                "percentunit",
                vec![(
                    format!(
                        "sum by (instance) ({lost}) / (sum by (instance) ({seen}) + sum by (instance) ({lost}))"
                    ),
                    "{{instance}}",
                )],
            ),
            lines(
                "Events lost by reason",
                "ring_full: the agent does not keep up. quota: one container makes too many. queue: names could not be had.",
                "ops",
                vec![(format!("sum by (reason) ({lost})"), "{{reason}}")],
            ),
            lines(
                "Events of nobody",
                "Events that belong to no known container.",
                "ops",
                vec![(
                    format!(
                        "sum by (instance) ({})",
                        rate("picket_events_unattributed_total")
                    ),
                    "{{instance}}",
                )],
            ),
        ],
    }
}

fn pipeline() -> Row {
    let quantile = |share: &str, metric: &str| {
        let buckets = rate(&format!("{metric}_bucket"));
        format!("histogram_quantile({share}, sum by (le) ({buckets}))")
    };
    Row {
        title: "Pipeline",
        panels: vec![
            lines(
                "Delay of events",
                "Time from an event in the kernel to its handling. The rings are looked at every 40 ms.",
                "s",
                vec![
                    (quantile("0.5", "picket_event_delay_seconds"), "median"),
                    (quantile("0.99", "picket_event_delay_seconds"), "99 %"),
                ],
            ),
            lines(
                "Time of a pass",
                "Time that a pass over the counters of all containers takes.",
                "s",
                vec![(quantile("0.99", "picket_scoring_duration_seconds"), "99 %")],
            ),
            lines(
                "Table of containers",
                "Share of the probe's table of watched containers that is in use.",
                "percentunit",
                vec![(
                    format!("picket_map_entries{{{AGENTS}}} / picket_map_capacity{{{AGENTS}}}"),
                    "{{instance}} {{map}}",
                )],
            ),
            lines(
                "Series",
                "Series of single containers, and how many there may be.",
                "short",
                vec![
                    (
                        format!("sum by (instance) (picket_series{{{AGENTS}}})"),
                        "{{instance}}",
                    ),
                    (format!("min(picket_series_limit{{{AGENTS}}})"), "limit"),
                ],
            ),
            lines(
                "Lookups of identities",
                "Attempts to learn who a container is, and those that failed, by source.",
                "ops",
                vec![
                    (
                        format!(
                            "sum by (source) ({})",
                            rate("picket_metadata_lookups_total")
                        ),
                        "{{source}}",
                    ),
                    (
                        format!(
                            "sum by (source) ({})",
                            rate("picket_metadata_lookup_failures_total")
                        ),
                        "{{source}} failed",
                    ),
                ],
            ),
            lines(
                "Findings log",
                "Findings written, those that could not be, and those that wait.",
                "short",
                vec![
                    (
                        format!("sum by (sink) ({})", rate("picket_export_events_total")),
                        "{{sink}} written",
                    ),
                    (
                        format!("sum by (sink) ({})", rate("picket_export_errors_total")),
                        "{{sink}} failed",
                    ),
                    (
                        format!("sum by (sink) (picket_export_queue_length{{{AGENTS}}})"),
                        "{{sink}} waiting",
                    ),
                ],
            ),
        ],
    }
}

fn agents() -> Row {
    Row {
        title: "Agents",
        panels: vec![
            lines(
                "CPU",
                "Cores that the agents use.",
                "short",
                vec![(rate("process_cpu_seconds_total"), "{{instance}}")],
            ),
            lines(
                "Memory",
                "Resident memory of the agents.",
                "bytes",
                vec![(
                    format!("process_resident_memory_bytes{{{AGENTS}}}"),
                    "{{instance}}",
                )],
            ),
            lines(
                "Scrapes",
                "Time that the parts of a scrape take.",
                "s",
                vec![(
                    format!("max by (collector) (picket_collector_duration_seconds{{{AGENTS}}})"),
                    "{{collector}}",
                )],
            ),
            lines(
                "Gap at the last start",
                "Time between the last window of the agent before and the first of this one.",
                "s",
                vec![(
                    format!("picket_restart_gap_seconds{{{AGENTS}}}"),
                    "{{instance}}",
                )],
            ),
            table(
                "Hooks",
                "Whether each hook of the probe is attached: 1, or 0.",
                format!("min by (instance, probe) (picket_probe_attached{{{AGENTS}}})"),
            ),
            lines(
                "Time since the last self-test passed",
                "Every five minutes an agent must see through its probe what it does itself. Nothing before the first.",
                "s",
                vec![(
                    format!("time() - (picket_selftest_success_timestamp_seconds{{{AGENTS}}} > 0)"),
                    "{{instance}}",
                )],
            ),
            table(
                "What agents go on without",
                "1 while it is missing; `picket status` says why.",
                format!("max by (instance, what) (picket_degraded{{{AGENTS}}})"),
            ),
            table(
                "Versions",
                "Version, commit and compiler of every agent.",
                format!(
                    "group by (instance, version, revision, rustc) (picket_build_info{{{AGENTS}}})"
                ),
            ),
            table(
                "Configurations",
                "Digest of the effective configuration: agents with equal settings have equal ones.",
                format!("count by (sha256) (picket_config_info{{{AGENTS}}})"),
            ),
        ],
    }
}
