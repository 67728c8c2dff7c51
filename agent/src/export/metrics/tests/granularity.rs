//! What a series stands for: a container, its pod, its workload, the node.

use super::*;

#[test]
fn series_may_stand_for_pods_workloads_or_the_node() {
    let now = Instant::now();
    let (mut web, mut sidecar) = (container(1, "web"), container(2, "web"));
    sidecar.name = "sidecar".to_owned();
    for container in [&mut web, &mut sidecar] {
        container.workload = "shop".to_owned();
    }
    for (granularity, owner) in [
        (Granularity::Pod, "namespace=\"docker\",pod=\"web\","),
        (
            Granularity::Workload,
            "namespace=\"docker\",workload=\"shop\",",
        ),
        (Granularity::Node, ""),
    ] {
        let metrics = by(granularity, 5000);
        for container in [&web, &sidecar] {
            metrics.container_seen(container, now);
            metrics.baseline_state(container, State::Active);
        }
        metrics.text(now).unwrap();
        raise(&metrics, &web, now);
        raise(&metrics, &sidecar, now);
        let text = metrics.text(now).unwrap();
        let series = format!("picket_anomalies_total{{{owner}class=\"file\",severity=\"high\"}}");
        assert_eq!(value(&text, &series), Some(2.0), "{text}");
        let last = format!("picket_last_anomaly_timestamp_seconds{{{owner}severity=\"high\"}}");
        assert_eq!(value(&text, &last), Some(1_700_000_001.5));
        assert_eq!(
            value(&text, "picket_containers{state=\"active\"}"),
            Some(2.0)
        );
        assert!(
            !text.contains("picket_container_info") && !text.contains("picket_baseline_state"),
            "what describes one container has no place here"
        );
        let openmetrics = metrics.openmetrics(now);
        let exemplar = format!(
            "picket_anomalies_total{{{owner}class=\"file\",severity=\"high\"}} 2 # {{event_id="
        );
        assert!(openmetrics.contains(&exemplar), "{openmetrics}");
        metrics.container_gone(&web, now);
        let later = metrics.text(now + 20 * MINUTE).unwrap();
        assert_eq!(
            value(&later, &series),
            Some(2.0),
            "the sidecar is still there"
        );
    }
}
