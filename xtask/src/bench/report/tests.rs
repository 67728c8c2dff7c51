#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;

use super::super::idle::Idle;
use super::super::overhead::Overhead;
use super::*;

const MEBIBYTE: f64 = 1_048_576.0;

fn figures(ratio: f64, cpu: f64, memory: f64) -> Figures {
    let spread = |median: f64| Spread::of([median / 2.0, median, median * 2.0]).unwrap();
    Figures {
        core: None,
        overhead: Some(Overhead {
            floor_ns: spread(80.0),
            hooks_ns: spread(81.0),
            watched_ns: spread(80.0 * ratio),
            watched_over_floor: spread(ratio),
            over_floor_ns: spread(20.0),
            unwatched_over_floor_ns: spread(10.0),
            unwatched_ns: spread(90.0),
            untyped_ns: spread(110.0),
            file_ns: spread(1_234.0),
            file_among_many_ns: spread(1_500.0),
            file_floor_ns: spread(240.0),
            file_hooks_ns: spread(250.0),
            tcp_ns: spread(2_000.0),
            tcp_floor_ns: spread(400.0),
            tcp_hooks_ns: spread(500.0),
            file_over_hooks_ns: spread(984.0),
            tcp_over_hooks_ns: spread(1_500.0),
            base_ns: spread(120.0),
            base_file_ns: spread(4_000.0),
            base_tcp_ns: spread(25_000.0),
        }),
        breakdown: None,
        server: None,
        idle: Some(Idle {
            agent_cpu_percent: spread(cpu),
            agent_rss_bytes: spread(memory),
        }),
        memory: None,
        flood: None,
    }
}

/// The verdict of the goal that begins with these words.
fn verdict(figures: &Figures, goal: &str) -> String {
    let verdict = verdicts(figures)
        .into_iter()
        .find(|it| it.starts_with(goal));
    verdict.unwrap_or_default()
}

#[test]
fn a_goal_is_met_or_missed_by_its_median() {
    let met = figures(1.3, 0.99, 40.0 * MEBIBYTE);
    let missed = figures(1.31, 1.01, 40.1 * MEBIBYTE);
    for goal in [
        "A counted system call:",
        "The agent's CPU",
        "The agent's memory",
    ] {
        assert!(verdict(&met, goal).contains(": met ("), "{goal}");
        assert!(verdict(&missed, goal).contains(": MISSED ("), "{goal}");
    }
}

#[test]
fn values_keep_three_digits_in_their_unit() {
    let table = table(&figures(1.25, 0.5, 20.0 * MEBIBYTE));
    let row = |name: &str| -> String {
        let lines = table.lines().map(str::trim);
        let line = lines.filter_map(|line| line.strip_prefix(name)).next();
        let words: Vec<&str> = line.unwrap_or_default().split_whitespace().collect();
        words.join(" ")
    };
    assert_eq!(
        row("open+read+close: watched container"),
        "1.23 0.62 to 2.47 0.62 to 2.47 3 µs"
    );
    assert_eq!(
        row("system call: watched container"),
        "100 50.0 to 200 50.0 to 200 3 ns"
    );
    assert_eq!(
        row("5 idle model servers: resident memory"),
        "20.0 10.0 to 40.0 10.0 to 40.0 3 MiB"
    );
}

#[test]
fn what_was_not_measured_is_left_out() {
    let page = table(&figures(1.25, 0.5, 1.0));
    assert!(page.contains("5 idle model servers"), "{page}");
    assert!(!page.contains("250 containers"), "{page}");
    assert!(!page.contains("flood"), "{page}");
}

#[test]
fn the_json_is_one_flat_object_of_spreads() {
    let json = serde_json::to_value(figures(1.25, 0.5, 1.0)).unwrap_or_default();
    for name in [
        "floor_ns",
        "watched_ns",
        "unwatched_ns",
        "file_ns",
        "tcp_ns",
        "untyped_ns",
        "agent_cpu_percent",
        "agent_rss_bytes",
    ] {
        let spread = json
            .get(name)
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        let keys: Vec<&str> = spread.keys().map(String::as_str).collect();
        assert_eq!(keys, ["high", "low", "max", "median", "min", "n"], "{name}");
    }
}
