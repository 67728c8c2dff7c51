//! What is watched, in which state it is, and what was found: the first page to look at.

use super::panel::{lines, number, table};
use super::{AGENTS, Dashboard, Row, anomalies};

pub fn dashboard() -> Dashboard {
    Dashboard {
        uid: "picket-overview",
        title: "Picket / Overview",
        variables: vec![(
            "namespace",
            r#"label_values(picket_container_info{job=~"$job",instance=~"$instance"}, namespace)"#
                .to_owned(),
        )],
        rows: vec![state(), findings(), where_from()],
    }
}

fn state() -> Row {
    let containers = |state: &str| format!("sum(picket_containers{{{AGENTS},state=\"{state}\"}})");
    Row {
        title: "Now",
        panels: vec![
            number(
                "Open incidents",
                "Incidents with a finding within the last half hour.",
                "short",
                format!("sum(picket_incident_open{{{AGENTS},namespace=~\"$namespace\"}})"),
            ),
            number(
                "Containers compared",
                "Containers whose behaviour is compared with what was learned.",
                "short",
                containers("active"),
            ),
            number(
                "Containers learning",
                "Containers whose normal behaviour is still being learned: only what is never learnable is reported of them.",
                "short",
                containers("learning"),
            ),
            number(
                "Containers blind",
                "Containers that are known and not watched.",
                "short",
                containers("blind"),
            ),
            number(
                "Agents",
                "Agents that answer.",
                "short",
                format!("count(picket_build_info{{{AGENTS}}})"),
            ),
            number(
                "Hooks missing",
                "Hooks of the probe that are not attached, over all nodes.",
                "short",
                format!("count(picket_probe_attached{{{AGENTS}}} == 0) or vector(0)"),
            ),
        ],
    }
}

fn findings() -> Row {
    let rise = format!(
        "increase(picket_anomalies_total{{{AGENTS},namespace=~\"$namespace\"}}[$__rate_interval])"
    );
    Row {
        title: "Findings",
        panels: anomalies(&rise)
            .into_iter()
            .chain([
            table(
                "Containers with open incidents",
                "Containers with a finding within the last half hour.",
                format!(
                    "max by (namespace, pod, container, severity) (picket_incident_open{{{AGENTS},namespace=~\"$namespace\"}}) == 1"
                ),
            ),
            table(
                "Last anomaly of each container and class",
                "The last reported anomaly in words. `picket explain` with its event tells the rest.",
                format!("picket_last_anomaly_info{{{AGENTS},namespace=~\"$namespace\"}}"),
            )
            .wide(),
            ])
            .collect(),
    }
}

fn where_from() -> Row {
    Row {
        title: "Workloads",
        panels: vec![
            lines(
                "Workloads with most anomalies",
                "The ten workloads that raised most anomalies.",
                "short",
                vec![(
                    format!(
                        "topk(10, sum by (namespace, workload) (increase(picket_anomalies_total{{{AGENTS},namespace=~\"$namespace\"}}[$__rate_interval]) \
                         * on (namespace, pod, container) group_left (workload) picket_container_info{{{AGENTS},namespace=~\"$namespace\"}}))"
                    ),
                    "{{namespace}}/{{workload}}",
                )],
            ),
            lines(
                "Containers by state",
                "Containers by the state of their baseline.",
                "short",
                vec![(
                    format!("sum by (state) (picket_containers{{{AGENTS}}})"),
                    "{{state}}",
                )],
            ),
            lines(
                "Not reported",
                "Anomalies that were seen and not reported, by reason: while learning, beyond the budget, told before, allowed.",
                "short",
                vec![(
                    format!(
                        "sum by (reason) (increase(picket_suppressed_total{{{AGENTS}}}[$__rate_interval]))"
                    ),
                    "{{reason}}",
                )],
            ),
            table(
                "Watched containers",
                "Identity of every watched container.",
                format!(
                    "group by (namespace, workload_kind, workload, pod, container, image, runtime) (picket_container_info{{{AGENTS},namespace=~\"$namespace\"}})"
                ),
            )
            .wide(),
        ],
    }
}
