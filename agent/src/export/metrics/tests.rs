#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod granularity;
mod incidents;

use std::time::Duration;

use picket_ebpf::lost;

use super::*;
use crate::config::Granularity;
use crate::export::sample::container;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn metrics(max_series: usize) -> Metrics {
    by(Granularity::Container, max_series)
}

fn by(granularity: Granularity, max_series: usize) -> Metrics {
    let build = BuildInfo {
        version: "0.1.0",
        revision: "abc",
        rustc: "1.95.0",
        target: "x86_64-unknown-linux-gnu",
    };
    let bounds = Bounds {
        max_series: max_series as u64,
        granularity,
    };
    Metrics::new(&build, &bounds).unwrap()
}

/// The value of the one series that starts with `series`; `None` when there is none.
fn value(text: &str, series: &str) -> Option<f64> {
    let mut lines = text.lines().filter(|line| line.starts_with(series));
    let line = lines.next()?;
    assert_eq!(lines.next(), None, "{series} is ambiguous");
    line.rsplit(' ').next().unwrap().parse().ok()
}

fn anomalies(name: &str, class: &str, severity: &str) -> String {
    format!(
        "picket_anomalies_total{{namespace=\"docker\",pod=\"{name}\",container=\"{name}\",class=\"{class}\",severity=\"{severity}\"}}"
    )
}

fn file_high(name: &str) -> String {
    anomalies(name, "file", "high")
}

fn raise(metrics: &Metrics, container: &Container, now: Instant) {
    let anomaly = Anomaly {
        class: Class::File,
        severity: Severity::High,
        event_id: "01JD3T7Q3Q0V8K2M5N6P7R8S9T",
        title: "python3 wrote /etc/ld.so.preload",
        unix_ms: 1_700_000_001_500,
    };
    metrics.anomaly(container, &anomaly, now);
}

#[test]
fn every_class_and_severity_exists_at_0_from_discovery() {
    let (metrics, now) = (metrics(5000), Instant::now());
    metrics.container_seen(&container(1, "web"), now);
    let text = metrics.text(now).unwrap();
    for class in Class::ALL {
        for severity in Severity::ALL {
            let series = anomalies("web", class.name(), severity.name());
            assert_eq!(value(&text, &series), Some(0.0), "{series}");
            let node = format!(
                "picket_node_anomalies_total{{class=\"{}\",severity=\"{}\"}}",
                class.name(),
                severity.name()
            );
            assert_eq!(value(&text, &node), Some(0.0), "{node}");
        }
    }
}

#[test]
fn a_series_shows_0_once_before_its_first_increment() {
    let (metrics, now) = (metrics(5000), Instant::now());
    let web = container(1, "web");
    metrics.container_seen(&web, now);
    raise(&metrics, &web, now);
    raise(&metrics, &web, now);

    let first = metrics.text(now + 5 * SECOND).unwrap();
    assert_eq!(value(&first, &file_high("web")), Some(0.0));
    let node = "picket_node_anomalies_total{class=\"file\",severity=\"high\"}";
    assert_eq!(
        value(&first, node),
        Some(2.0),
        "the node counter does not wait"
    );
    let last = "picket_last_anomaly_timestamp_seconds{";
    assert_eq!(value(&first, last), Some(1_700_000_001.5));

    let second = metrics.text(now + 6 * SECOND).unwrap();
    assert_eq!(value(&second, &file_high("web")), Some(2.0));
    raise(&metrics, &web, now + 7 * SECOND);
    let third = metrics.text(now + 8 * SECOND).unwrap();
    assert_eq!(
        value(&third, &file_high("web")),
        Some(3.0),
        "a series that was shown does not wait"
    );
}

#[test]
fn an_increment_waits_at_most_30_seconds() {
    for (wait, expected) in [(29 * SECOND, 0.0), (30 * SECOND, 1.0)] {
        let (metrics, now) = (metrics(5000), Instant::now());
        let web = container(1, "web");
        metrics.container_seen(&web, now);
        raise(&metrics, &web, now + MINUTE);
        let text = metrics.text(now + MINUTE + wait).unwrap();
        assert_eq!(value(&text, &file_high("web")), Some(expected));
    }
}

#[test]
fn a_container_that_was_gone_before_the_first_scrape_keeps_its_anomaly() {
    let (metrics, now) = (metrics(5000), Instant::now());
    let job = container(1, "job");
    metrics.container_seen(&job, now);
    metrics.container_gone(&job, now + Duration::from_millis(50));
    raise(&metrics, &job, now + SECOND);
    let text = metrics.text(now + 5 * SECOND).unwrap();
    assert_eq!(value(&text, &file_high("job")), Some(0.0));
    let text = metrics.text(now + 10 * SECOND).unwrap();
    assert_eq!(value(&text, &file_high("job")), Some(1.0));
}

#[test]
fn a_dead_containers_series_disappear_together() {
    let (metrics, now) = (metrics(5000), Instant::now());
    let (quiet, noisy) = (container(1, "quiet"), container(2, "noisy"));
    for container in [&quiet, &noisy] {
        metrics.container_seen(container, now);
        metrics.score(container, "novelty", 1.0, 2.0);
    }
    metrics.text(now).unwrap();
    raise(&metrics, &noisy, now);
    metrics.container_gone(&quiet, now);
    metrics.container_gone(&noisy, now);

    let shown = |after: Duration, name: &str| {
        let text = metrics.text(now + after).unwrap();
        let label = format!("container=\"{name}\"");
        text.lines().filter(|line| line.contains(&label)).count()
    };
    let all_quiet = 40 + 4 + 4 + 3 + 2 + 1;
    assert_eq!(shown(2 * MINUTE - SECOND, "quiet"), all_quiet);
    assert_eq!(shown(2 * MINUTE, "quiet"), 0);
    assert_eq!(shown(10 * MINUTE - SECOND, "noisy"), all_quiet + 2);
    assert_eq!(shown(10 * MINUTE, "noisy"), 0);
    let text = metrics.text(now + 10 * MINUTE).unwrap();
    let node = "picket_node_anomalies_total{class=\"file\",severity=\"high\"}";
    assert_eq!(value(&text, node), Some(1.0));
}

#[test]
fn a_restart_under_the_same_name_goes_on_with_the_same_series() {
    let (metrics, now) = (metrics(5000), Instant::now());
    let (first, second) = (container(1, "web"), container(2, "web"));
    metrics.container_seen(&first, now);
    metrics.text(now).unwrap();
    raise(&metrics, &first, now);
    metrics.container_seen(&second, now + SECOND);
    metrics.container_gone(&first, now + 2 * SECOND);
    metrics.baseline_state(&first, State::Frozen);
    metrics.baseline_state(&second, State::Active);

    let text = metrics.text(now + 20 * MINUTE).unwrap();
    assert_eq!(value(&text, &file_high("web")), Some(1.0));
    let info = text
        .lines()
        .filter(|line| line.starts_with("picket_container_info"));
    let info: Vec<_> = info.collect();
    assert_eq!(info.len(), 1, "{info:?}");
    assert!(info[0].contains(&second.id));
    assert_eq!(
        value(&text, "picket_containers{state=\"active\"}"),
        Some(1.0)
    );
    for state in State::ALL {
        let series = format!(
            "picket_baseline_state{{namespace=\"docker\",pod=\"web\",container=\"web\",state=\"{}\"}}",
            state.name()
        );
        let expected = f64::from(u8::from(state == State::Active));
        assert_eq!(value(&text, &series), Some(expected), "{series}");
    }
}

#[test]
fn a_container_that_gets_its_name_later_leaves_nothing_under_the_old_one() {
    let (metrics, now) = (metrics(5000), Instant::now());
    metrics.container_seen(&container(1, "0f3a9c"), now);
    metrics.baseline_state(&container(1, "0f3a9c"), State::Learning);
    metrics.container_seen(&container(1, "web"), now);
    let text = metrics.text(now).unwrap();
    assert!(!text.contains("0f3a9c\""));
    assert_eq!(value(&text, &file_high("web")), Some(0.0));
    let learning = "picket_baseline_state{namespace=\"docker\",pod=\"web\",container=\"web\",state=\"learning\"}";
    assert_eq!(value(&text, learning), Some(1.0), "the state moves along");
}

#[test]
fn beyond_the_limit_containers_count_together() {
    let (metrics, now) = (metrics(2 * SERIES_PER_CONTAINER), Instant::now());
    let all: Vec<_> = (1..=4).map(|n| container(n, &format!("web-{n}"))).collect();
    for container in &all {
        metrics.container_seen(container, now);
        metrics.container_seen(container, now);
    }
    let text = metrics.text(now).unwrap();
    assert!(
        value(&text, "picket_series ").unwrap() <= value(&text, "picket_series_limit ").unwrap()
    );
    assert_eq!(
        value(&text, "picket_series_dropped_total{reason=\"limit\"}"),
        Some((2 * SERIES_PER_CONTAINER) as f64),
        "counted once a container"
    );
    assert_eq!(
        value(&text, &file_high("")),
        Some(0.0),
        "there before the first anomaly"
    );
    assert_eq!(
        value(&text, "picket_containers{state=\"blind\"}"),
        Some(4.0)
    );

    for container in &all {
        raise(&metrics, container, now);
    }
    let text = metrics.text(now + SECOND).unwrap();
    assert_eq!(value(&text, &file_high("")), Some(2.0));
    assert_eq!(value(&text, &file_high("web-2")), Some(1.0));
    assert_eq!(value(&text, &file_high("web-3")), None);
}

#[test]
fn a_new_container_takes_the_room_of_a_dead_quiet_one() {
    let (metrics, now) = (metrics(2 * SERIES_PER_CONTAINER), Instant::now());
    let all: Vec<_> = (1..=3).map(|n| container(n, &format!("web-{n}"))).collect();
    metrics.container_seen(&all[0], now);
    metrics.container_seen(&all[1], now);
    metrics.container_gone(&all[0], now);
    metrics.container_seen(&all[2], now);
    let text = metrics.text(now).unwrap();
    assert_eq!(value(&text, &file_high("web-1")), None);
    assert_eq!(value(&text, &file_high("web-2")), Some(0.0));
    assert_eq!(value(&text, &file_high("web-3")), Some(0.0));
}

#[test]
fn a_kernel_total_becomes_a_counter_that_survives_a_reload() {
    let metrics = metrics(5000);
    let lost = || {
        let text = metrics.text(Instant::now()).unwrap();
        value(&text, "picket_events_lost_total{reason=\"ring_full\"}").unwrap()
    };
    assert_eq!(lost(), 0.0);
    for (total, expected) in [(5, 5.0), (5, 5.0), (9, 9.0), (2, 11.0)] {
        metrics.events_lost_set("ring_full", total);
        assert_eq!(lost(), expected);
    }
}

#[test]
fn labels_are_escaped_in_both_formats() {
    let (metrics, now) = (metrics(5000), Instant::now());
    let mut odd = container(1, "web");
    odd.image = "a\"b\\c\nd".to_owned();
    metrics.container_seen(&odd, now);
    let escaped = r#"image="a\"b\\c\nd""#;
    assert!(metrics.text(now).unwrap().contains(escaped));
    assert!(metrics.openmetrics(now).contains(escaped));
}

#[test]
fn openmetrics_names_counters_without_total_and_carries_the_event() {
    let (metrics, now) = (metrics(5000), Instant::now());
    let web = container(1, "web");
    metrics.container_seen(&web, now);
    let _ = metrics.openmetrics(now);
    raise(&metrics, &web, now);
    let text = metrics.openmetrics(now);
    assert!(text.ends_with("# EOF\n"));
    assert!(text.contains("# TYPE picket_anomalies counter\n"));
    assert!(!text.contains("# TYPE picket_anomalies_total"));
    let line = format!(
        "{} 1 # {{event_id=\"01JD3T7Q3Q0V8K2M5N6P7R8S9T\"}} 1 1700000001.5",
        file_high("web")
    );
    assert!(text.lines().any(|l| l == line), "{text}");
    assert!(text.contains("picket_build_info{revision=\"abc\",rustc=\"1.95.0\""));
}

#[test]
fn the_agents_own_process_is_measured() {
    let text = metrics(5000).text(Instant::now()).unwrap();
    for name in [
        "process_resident_memory_bytes ",
        "process_open_fds ",
        "process_threads ",
    ] {
        assert!(value(&text, name).unwrap() > 0.0, "{name}");
    }
    assert!(value(&text, "process_start_time_seconds ").unwrap() > 1.6e9);
    assert!(value(&text, "process_cpu_seconds_total ").is_some());
}

#[test]
fn families_are_in_order_and_told_once() {
    let (metrics, now) = (metrics(5000), Instant::now());
    metrics.container_seen(&container(1, "web"), now);
    let text = metrics.text(now).unwrap();
    let types = text.lines().filter(|line| line.starts_with("# TYPE"));
    let types: Vec<_> = types.collect();
    let mut sorted = types.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(types, sorted);
}

#[test]
fn every_known_reason_source_and_kind_exists_at_0() {
    let text = metrics(5000).text(Instant::now()).unwrap();
    let names = |family: &str, label: &str| -> Vec<String> {
        let prefix = format!("picket_{family}{{{label}=\"");
        let lines = text.lines().filter_map(|line| line.strip_prefix(&prefix));
        let names = lines.map(|rest| rest.strip_suffix("\"} 0").unwrap().to_owned());
        names.collect()
    };
    let sorted = |mut names: Vec<&'static str>| {
        names.sort_unstable();
        names
    };
    let lost = [
        &picket_ebpf::lost::NAMES[..],
        &["queue", "decode", "recursion"],
    ]
    .concat();
    assert_eq!(names("events_lost_total", "reason"), sorted(lost));
    let reasons = Reason::ALL.map(Reason::name).to_vec();
    assert_eq!(names("suppressed_total", "reason"), sorted(reasons));
    for family in ["metadata_lookups_total", "metadata_lookup_failures_total"] {
        let sources = Source::ALL.map(Source::name).to_vec();
        assert_eq!(names(family, "source"), sorted(sources));
    }
    assert!(names("events_total", "kind").contains(&"exec".to_owned()));
}

#[test]
fn lookups_are_told_as_totals() {
    let metrics = metrics(5000);
    metrics.metadata_lookups_set(Source::Docker, 3, 1);
    metrics.metadata_lookups_set(Source::Docker, 5, 1);
    let text = metrics.text(Instant::now()).unwrap();
    let of = |family: &str| value(&text, &format!("picket_{family}{{source=\"docker\"}}"));
    assert_eq!(of("metadata_lookups_total"), Some(5.0));
    assert_eq!(of("metadata_lookup_failures_total"), Some(1.0));
}

#[test]
fn losses_are_counted_by_container_and_reason() {
    let (metrics, now) = (metrics(5000), Instant::now());
    let (web, job) = (container(1, "web"), container(2, "job"));
    metrics.container_seen(&web, now);
    metrics.container_seen(&job, now);
    let of = |name: &str, reason: &str| {
        let text = metrics.text(now).unwrap();
        let series = format!(
            "picket_container_events_lost_total{{namespace=\"docker\",pod=\"{name}\",container=\"{name}\",reason=\"{reason}\"}}"
        );
        value(&text, &series)
    };
    assert_eq!(lost::NAMES[lost::QUOTA as usize], group::LOST_TO_QUOTA);
    assert_eq!(of("web", "quota"), Some(0.0));
    assert_eq!(of("web", "ring_full"), None);
    metrics.container_events_lost(&web, "quota", 3);
    metrics.container_events_lost(&web, "ring_full", 1);
    assert_eq!(of("web", "quota"), Some(3.0));
    assert_eq!(of("web", "ring_full"), Some(1.0));
    assert_eq!(of("job", "quota"), Some(0.0));
}

#[test]
fn durations_are_told_in_both_formats() {
    let metrics = metrics(5000);
    metrics.event_delay(Duration::from_millis(30));
    metrics.event_delay(Duration::from_secs(2));
    metrics.scored(1_700_000_000_000, Duration::from_millis(3));
    let now = Instant::now();
    let (text, openmetrics) = (metrics.text(now).unwrap(), metrics.openmetrics(now));
    for (line, count) in [
        ("picket_event_delay_seconds_bucket{le=\"0.02\"}", 0.0),
        ("picket_event_delay_seconds_bucket{le=\"0.05\"}", 1.0),
        ("picket_event_delay_seconds_bucket{le=\"+Inf\"}", 2.0),
        ("picket_event_delay_seconds_count", 2.0),
        ("picket_scoring_duration_seconds_count", 1.0),
    ] {
        assert_eq!(value(&text, line), Some(count), "{line}");
        assert_eq!(value(&openmetrics, line), Some(count), "{line}");
    }
    assert_eq!(
        value(
            &openmetrics,
            "picket_event_delay_seconds_bucket{le=\"1.0\"}"
        ),
        Some(1.0),
        "OpenMetrics wants bounds as floating point numbers"
    );
    assert!(openmetrics.contains("# TYPE picket_event_delay_seconds histogram\n"));
}

#[test]
fn the_agent_tells_of_itself() {
    let metrics = metrics(5000);
    metrics.config("abc123");
    metrics.watched_table(3, 128);
    metrics.export_queued("log", 2);
    metrics.export_queued("log", -1);
    let text = metrics.text(Instant::now()).unwrap();
    for (series, expected) in [
        ("picket_config_info{sha256=\"abc123\"}", 1.0),
        ("picket_map_entries{map=\"watched\"}", 3.0),
        ("picket_map_capacity{map=\"watched\"}", 128.0),
        ("picket_export_queue_length{sink=\"log\"}", 1.0),
    ] {
        assert_eq!(value(&text, series), Some(expected), "{series}");
    }
    for collector in ["containers", "node", "process"] {
        let series = format!("picket_collector_duration_seconds{{collector=\"{collector}\"}}");
        assert!(value(&text, &series).is_some(), "{series}");
    }
}
