#![allow(clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::baseline::decision::Decision;
use crate::baseline::exposure::Share;
use crate::baseline::key::Key;
use crate::baseline::learning::LearningSettings;
use crate::observe::activity::{Activity, AskedDomain, EndpointTraffic};
use crate::observe::event::{CgroupId, Moment};
use crate::observe::window::FileBytes;

const MODEL: u64 = 200_000_000;

struct Bench {
    layer: Watch,
    baseline: Baseline,
    now_s: i64,
}

fn to(value: &str, tx_bytes: u64) -> EndpointTraffic {
    EndpointTraffic {
        value: value.to_owned(),
        rx_bytes: 500,
        tx_bytes,
        tx_packets: 1 + tx_bytes / 1400,
        ..EndpointTraffic::default()
    }
}

fn clients(tx_bytes: u64) -> EndpointTraffic {
    EndpointTraffic {
        served: true,
        ..to("tcp *:8000", tx_bytes)
    }
}

impl Bench {
    /// A server that answers requests, and reports 2 kB to a telemetry service now and then.
    fn learned(hours: u64) -> Self {
        let key = Key {
            namespace: "docker".into(),
            workload: "w".into(),
            container: "w".into(),
            image_digest: "sha256:0".into(),
        };
        let mut bench = Self {
            layer: Watch::default(),
            baseline: Baseline::new(key, 0),
            now_s: 0,
        };
        let mut read = FileBytes::default();
        read.add_to(FileClass::Model, MODEL);
        let load = Activity {
            file_read: read,
            ..Activity::default()
        };
        bench.window(Some(Phase::Load), load, 0);
        for n in 0..hours * 720 {
            assert_eq!(bench.ordinary(n, 1), []);
        }
        let settings = LearningSettings {
            min_duration_s: 1,
            min_requests: 1,
        };
        bench.baseline.mature(settings, bench.now_s);
        if hours == 0 {
            bench.baseline.set_frozen(true, Decision::default());
        }
        assert_ne!(bench.baseline.state(), State::Learning);
        bench
    }

    fn ordinary(&mut self, n: u64, load: u64) -> Vec<Claim> {
        self.with(n, load, &[])
    }

    fn with(&mut self, n: u64, load: u64, more: &[EndpointTraffic]) -> Vec<Claim> {
        let requests = load * (10 + n % 7);
        let mut endpoints = vec![clients(requests * 900)];
        if n.is_multiple_of(12) {
            endpoints.push(to("tcp telemetry.example:443", 2000));
        }
        endpoints.extend_from_slice(more);
        let activity = Activity {
            endpoints,
            ..Activity::default()
        };
        self.window(Some(Phase::Serve), activity, requests)
    }

    fn window(&mut self, phase: Option<Phase>, activity: Activity, requests: u64) -> Vec<Claim> {
        self.now_s += 5;
        let report = WindowReport {
            end: Moment(self.now_s as u64 * 1_000_000_000),
            length_ns: 5_000_000_000,
            phase,
            requests,
            activity,
            ..WindowReport::default()
        };
        if let Some(phase) = phase {
            let share = Share {
                ms: 5000,
                windows: 1,
                requests,
                ..Share::default()
            };
            self.baseline.add_window(phase, "r", share, self.now_s);
        }
        let at = At {
            cgroup: CgroupId(1),
            replica: "r",
            now_s: self.now_s,
        };
        self.layer.window(&mut self.baseline, at, &report)
    }
}

#[test]
fn an_ordinary_day_is_silent_and_so_is_ten_times_the_load() {
    let mut bench = Bench::learned(2);
    for n in 0..17_280 {
        assert_eq!(bench.ordinary(n, 1 + n / 1440 % 10), []);
    }
}

#[test]
fn a_slow_theft_through_a_known_endpoint_is_found_in_units_of_the_model() {
    let mut bench = Bench::learned(6);
    // 200 MB in 20 hours: 14 kB a window, below what is worth a claim in any one window.
    let mut found = Vec::new();
    for n in 0..17_280 {
        found.extend(bench.with(n, 1, &[to("tcp telemetry.example:443", 14_000)]));
    }
    let first = &found[0];
    assert!(first.at.0 < 10 * 3600 * 1_000_000_000, "{first:?}");
    assert_eq!(first.raw, "tcp telemetry.example:443");
    let last = &found[found.len() - 1];
    assert!(last.score().0 > first.score().0, "{last:?}");
    assert!(
        last.danger.1.contains("times the size of the model"),
        "{last:?}"
    );
}

#[test]
fn a_fast_theft_to_an_unknown_place_is_found_in_its_window() {
    let mut bench = Bench::learned(1);
    let found = bench.with(1, 1, &[to("tcp 203.0.113.9:443", MODEL)]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].class, Class::Network);
    assert!(found[0].score().0 >= 8.0, "{found:?}");
}

#[test]
fn clients_that_get_far_more_for_a_request_are_told() {
    let mut bench = Bench::learned(2);
    let activity = Activity {
        endpoints: vec![clients(60_000_000)],
        ..Activity::default()
    };
    let found = bench.window(Some(Phase::Serve), activity, 10);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].raw, "tcp *:8000");
}

#[test]
fn a_tunnel_of_names_is_found_as_dns() {
    let mut bench = Bench::learned(1);
    let asked = AskedDomain {
        domain: "evil.example".to_owned(),
        names: 100,
        bytes: 5000,
    };
    let mut classes = Vec::new();
    for _ in 0..12 {
        let activity = Activity {
            asked: vec![asked.clone()],
            ..Activity::default()
        };
        let found = bench.window(Some(Phase::Serve), activity, 0);
        classes.extend(found.into_iter().map(|claim| claim.class));
    }
    assert!(classes.contains(&Class::Dns), "{classes:?}");
}

#[test]
fn a_reload_does_not_hide_what_leaves() {
    let mut bench = Bench::learned(1);
    let theft = || Activity {
        endpoints: vec![to("tcp 203.0.113.9:443", MODEL)],
        ..Activity::default()
    };
    assert_eq!(bench.window(None, theft(), 0).len(), 1);
    bench.now_s += 7200;
    assert_eq!(bench.window(Some(Phase::Reload), theft(), 0).len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn claims_have_finite_scores(
        windows in prop::collection::vec((any::<u64>(), any::<u64>(), any::<u64>(), 1..u64::MAX), 1..40)
    ) {
        let mut bench = Bench::learned(0);
        for (tx_bytes, names, requests, length_ns) in windows {
            let activity = Activity {
                endpoints: vec![to("tcp 203.0.113.9:443", tx_bytes), clients(tx_bytes)],
                asked: vec![AskedDomain { domain: "x.example".to_owned(), names, bytes: names }],
                ..Activity::default()
            };
            bench.now_s = bench.now_s.saturating_add((length_ns / 1_000_000_000) as i64 % 100_000);
            for claim in bench.window(Some(Phase::Serve), activity, requests) {
                prop_assert!(claim.score().0.is_finite());
                prop_assert!(claim.false_per_month.0 > 0.0);
            }
        }
    }
}
