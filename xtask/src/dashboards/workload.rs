//! One workload, pod or container: what is known of it, what it did.

use super::panel::{lines, logs, number, table};
use super::{AGENTS, Dashboard, Row, anomalies};

/// The containers that the reader has chosen. Counters have no workload, so that it only narrows the choice of pods.
const CHOSEN: &str = r#"job=~"$job",instance=~"$instance",namespace=~"$namespace",pod=~"$pod",container=~"$container""#;

pub fn dashboard() -> Dashboard {
    let values = |filter: &str, label: &str| {
        format!("label_values(picket_container_info{{{AGENTS}{filter}}}, {label})")
    };
    Dashboard {
        uid: "picket-workload",
        title: "Picket / Workload",
        variables: vec![
            ("namespace", values("", "namespace")),
            ("workload", values(",namespace=~\"$namespace\"", "workload")),
            (
                "pod",
                values(",namespace=~\"$namespace\",workload=~\"$workload\"", "pod"),
            ),
            (
                "container",
                values(
                    ",namespace=~\"$namespace\",workload=~\"$workload\",pod=~\"$pod\"",
                    "container",
                ),
            ),
        ],
        rows: vec![state(), behaviour(), findings()],
    }
}

fn state() -> Row {
    let in_state =
        |state: &str| format!("sum(picket_baseline_state{{{CHOSEN},state=\"{state}\"}})");
    Row {
        title: "Now",
        panels: vec![
            number(
                "Open incidents",
                "Incidents with a finding within the last half hour.",
                "short",
                format!("sum(picket_incident_open{{{CHOSEN}}})"),
            ),
            number(
                "Compared",
                "Containers whose behaviour is compared with what was learned.",
                "short",
                in_state("active"),
            ),
            number(
                "Learning",
                "Containers whose normal behaviour is still being learned.",
                "short",
                in_state("learning"),
            ),
            number(
                "Learned from",
                "Windows that the baseline was learned from, at the least.",
                "short",
                format!("min(picket_baseline_samples{{{CHOSEN}}})"),
            ),
            number(
                "Watched for",
                "Time since the oldest of these containers was discovered.",
                "s",
                format!("time() - min(picket_container_first_seen_timestamp_seconds{{{CHOSEN}}})"),
            ),
            number(
                "Since the last anomaly",
                "Time since the last reported anomaly of any severity; empty where there was none.",
                "s",
                format!("time() - max(picket_last_anomaly_timestamp_seconds{{{CHOSEN}}})"),
            ),
        ],
    }
}

fn behaviour() -> Row {
    Row {
        title: "Behaviour",
        panels: vec![
            lines(
                "Score",
                "The last score of each model, in nats, and the score from which it reports.",
                "short",
                vec![
                    (
                        format!("max by (model) (picket_anomaly_score{{{CHOSEN}}})"),
                        "{{model}}",
                    ),
                    (
                        format!("min by (model) (picket_anomaly_threshold{{{CHOSEN}}})"),
                        "{{model}} reports from",
                    ),
                ],
            ),
            lines(
                "Events lost",
                "Events and counts of these containers that were lost, or arrived incomplete, by reason.",
                "ops",
                vec![(
                    format!(
                        "sum by (reason) (rate(picket_container_events_lost_total{{{CHOSEN}}}[$__rate_interval]))"
                    ),
                    "{{reason}}",
                )],
            ),
        ],
    }
}

fn findings() -> Row {
    let rise = format!("increase(picket_anomalies_total{{{CHOSEN}}}[$__rate_interval])");
    Row {
        title: "Findings",
        panels: anomalies(&rise)
            .into_iter()
            .chain([
            table(
                "Last anomaly of each container and class",
                "The last reported anomaly in words. `picket explain` with its event tells the rest.",
                format!("picket_last_anomaly_info{{{CHOSEN}}}"),
            )
            .wide(),
            logs(
                "Findings in full",
                "OCSF lines from the agents' standard output, by way of Loki.",
                findings_in_full(),
            ),
            ])
            .collect(),
    }
}

/// The log lines of the chosen containers' findings.
///
/// Loki renames a field of a line that has the name of a label of its stream, and a collector's labels say where the agent
/// runs: `namespace` and `pod` are the agent's there, and so the line's have names of their own.
fn findings_in_full() -> String {
    let fields = [
        ("class", "class_uid"),
        ("event", "finding_info.uid"),
        ("severity", "severity"),
        ("message", "message"),
        ("namespace", "resources[0].namespace"),
        ("pod", "resources[0].name"),
        ("container", "resources[0].data.container"),
    ];
    let fields = fields.map(|(name, path)| format!("finding_{name}=\"{path}\""));
    let fields = fields.join(", ");
    let chosen = ["namespace", "pod", "container"];
    let chosen = chosen.map(|name| format!(" | finding_{name}=~\"${name}\""));
    let chosen = chosen.concat();
    format!(
        "{{service_name=\"picket\"}} | json {fields} | finding_class=\"2004\"{chosen} \
         | line_format \"{{{{.finding_severity}}}} {{{{.finding_message}}}}\""
    )
}
