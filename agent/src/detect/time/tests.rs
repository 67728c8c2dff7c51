#![allow(clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::baseline::decision::Decision;
use crate::baseline::exposure::Share;
use crate::baseline::key::Key;
use crate::baseline::learning::{LearningSettings, State};
use crate::detect::finding::Class;
use crate::detect::rates::noise::Noise;
use crate::observe::activity::{Activity, EndpointTraffic};
use crate::observe::event::{CgroupId, Moment};
use crate::observe::window::CallCount;

struct Bench {
    watch: Watch,
    baseline: Baseline,
    windows: u64,
    noise: Noise,
}

fn to(value: &str) -> EndpointTraffic {
    EndpointTraffic {
        value: value.to_owned(),
        rx_bytes: 300,
        tx_bytes: 300,
        tx_packets: 3,
        ..EndpointTraffic::default()
    }
}

fn doing(cpu_s: f64, clones: u64) -> Activity {
    Activity {
        cpu_ns: Some((cpu_s * 1e9) as u64),
        clones,
        ..Activity::default()
    }
}

impl Bench {
    /// Half the time ten requests a window at half a processor, half the time idle; idle, it starts a program every minute and
    /// reports to a telemetry service every minute.
    fn learned(hours: u64) -> Self {
        let key = Key {
            namespace: "docker".into(),
            workload: "w".into(),
            container: "w".into(),
            image_digest: "sha256:0".into(),
        };
        let mut bench = Self {
            watch: Watch::default(),
            baseline: Baseline::new(key, 0),
            windows: 0,
            noise: Noise::new(3),
        };
        for _ in 0..hours * 720 {
            assert_eq!(bench.ordinary(), []);
        }
        let settings = LearningSettings {
            min_duration_s: 1,
            min_requests: 1,
        };
        bench.baseline.mature(settings, bench.now_s());
        if hours == 0 {
            bench.baseline.set_frozen(true, Decision::default());
        }
        assert_ne!(bench.baseline.state(), State::Learning);
        bench
    }

    fn now_s(&self) -> i64 {
        self.windows as i64 * 5
    }

    fn is_busy(&self) -> bool {
        self.windows % 360 < 180
    }

    fn usual(&self) -> (Activity, u64) {
        let mut activity = if self.is_busy() {
            doing(2.5, 0)
        } else if self.windows.is_multiple_of(12) {
            doing(0.2, 2)
        } else {
            doing(0.02, 0)
        };
        if self.windows % 12 == 3 {
            activity.endpoints.push(to("tcp telemetry.example:443"));
        }
        (activity, if self.is_busy() { 10 } else { 0 })
    }

    fn ordinary(&mut self) -> Vec<Claim> {
        let (activity, requests) = self.usual();
        self.window(activity, requests)
    }

    fn window(&mut self, activity: Activity, requests: u64) -> Vec<Claim> {
        self.window_with_calls(activity, requests, None)
    }

    fn window_with_calls(
        &mut self,
        activity: Activity,
        requests: u64,
        calls: Option<Vec<CallCount>>,
    ) -> Vec<Claim> {
        self.windows += 1;
        let share = Share {
            ms: 5000,
            windows: 1,
            requests,
            ..Share::default()
        };
        let now_s = self.now_s();
        self.baseline.add_window(Phase::Serve, "r", share, now_s);
        let report = WindowReport {
            end: Moment(self.windows * 5_000_000_000),
            length_ns: 5_000_000_000,
            phase: Some(Phase::Serve),
            requests,
            activity,
            calls,
            ..WindowReport::default()
        };
        let at = At {
            cgroup: CgroupId(1),
            replica: "r",
            now_s,
        };
        self.watch.window(&mut self.baseline, at, &report)
    }

    /// Contacts a place besides what is usual, with such pauses in windows; the number of claims and when the first came.
    fn calls(&mut self, place: &str, pauses: &[u64]) -> Vec<(usize, Claim)> {
        let mut found = Vec::new();
        for (n, pause) in pauses.iter().enumerate() {
            for window in 0..*pause {
                let (mut activity, requests) = self.usual();
                if window == 0 {
                    activity.endpoints.push(to(place));
                }
                let claims = self.window(activity, requests);
                found.extend(claims.into_iter().map(|claim| (n, claim)));
            }
        }
        found
    }
}

#[test]
fn connections_to_a_peer_that_is_news_make_no_bout() {
    let claims = |new_peer: bool| {
        let mut bench = Bench::learned(2);
        let connects = |calls| CallCount {
            call: u16::try_from(libc::SYS_connect).unwrap_or(u16::MAX),
            calls,
            errors: 0,
        };
        for replica in 0..8 {
            let serving = bench.baseline.phases.entry(Phase::Serve).or_default();
            serving.bouts.note("connect", replica, 1);
        }
        if new_peer {
            let at = Moment((bench.windows + 1) * 5_000_000_000);
            bench.watch.peer_is_news(at);
        }
        let windows = (0..40).flat_map(|_| {
            let (activity, requests) = bench.usual();
            bench.window_with_calls(activity, requests, Some(vec![connects(4)]))
        });
        windows.filter(|claim| claim.feature == "bout").count()
    };
    assert!(claims(false) > 0);
    assert_eq!(claims(true), 0);
}

#[test]
fn learned_habits_are_silent() {
    let mut bench = Bench::learned(2);
    for _ in 0..17_280 {
        assert_eq!(bench.ordinary(), []);
    }
}

#[test]
fn a_beacon_with_jitter_is_found_within_a_score_of_calls() {
    for jitter in [0.0, 0.1, 0.3] {
        let mut bench = Bench::learned(1);
        let pauses: Vec<u64> = (0..30)
            .map(|_| {
                let deviation: f64 = (2.0 * bench.noise.uniform() - 1.0) * jitter;
                (12.0 * (1.0 + deviation)).round() as u64
            })
            .collect();
        let found = bench.calls("tcp 203.0.113.9:443", &pauses);
        assert_eq!(found.len(), 1, "jitter {jitter}: {found:?}");
        let (calls, claim) = &found[0];
        assert!(*calls <= 20, "jitter {jitter}: after {calls} calls");
        assert_eq!(claim.raw, "tcp 203.0.113.9:443");
        assert!(claim.score().0 > 5.0, "{claim:?}");
    }
}

#[test]
fn a_beacon_of_few_windows_is_found_too() {
    let mut bench = Bench::learned(1);
    let found = bench.calls("tcp 203.0.113.9:443", &[4; 40]);
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn contacts_at_memoryless_times_are_no_beacon() {
    let mut bench = Bench::learned(1);
    for mean in [3.0, 12.0, 40.0] {
        let pauses: Vec<u64> = (0..400)
            .map(|_| (1.0 - mean * bench.noise.uniform().max(1e-9).ln()) as u64)
            .collect();
        let place = format!("tcp upstream{mean}.example:443");
        assert_eq!(bench.calls(&place, &pauses), [], "mean {mean}");
    }
}

#[test]
fn contacts_that_requests_prompt_are_the_clients_rhythm() {
    let mut bench = Bench::learned(1);
    for _ in 0..40 {
        let activity = Activity {
            endpoints: vec![to("tcp upstream.example:443")],
            ..doing(0.5, 0)
        };
        assert_eq!(bench.window(activity, 1), []);
        for _ in 0..11 {
            assert_eq!(bench.window(doing(0.02, 0), 0), []);
        }
    }
}

#[test]
fn processor_time_that_nobody_asked_for_is_found() {
    let mut bench = Bench::learned(2);
    while bench.is_busy() {
        bench.ordinary();
    }
    for _ in 0..10 {
        assert_eq!(bench.ordinary(), []);
    }
    let found: Vec<_> = (0..12)
        .flat_map(|_| bench.window(doing(4.9, 0), 0))
        .collect();
    assert_eq!(found[0].class, Class::Resource);
    assert!(found[0].score().0 > 5.0, "{found:?}");
}

#[test]
fn the_same_processor_time_for_requests_is_silent() {
    let mut bench = Bench::learned(2);
    for _ in 0..100 {
        assert_eq!(bench.window(doing(4.9, 0), 20), []);
    }
}

#[test]
fn a_burst_of_connections_is_found() {
    let mut bench = Bench::learned(1);
    let scan = Activity {
        connects: 2000,
        ..doing(0.5, 0)
    };
    let found = bench.window(scan, 10);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].class, Class::Network);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn claims_have_finite_scores(
        windows in prop::collection::vec((any::<u64>(), any::<u64>(), 0_u64..3, 0_u64..40), 1..40)
    ) {
        let mut bench = Bench::learned(0);
        for (cpu_ns, amount, requests, skipped) in windows {
            bench.windows += skipped;
            let activity = Activity {
                cpu_ns: Some(cpu_ns),
                clones: amount,
                connects: amount,
                endpoints: vec![to("tcp 203.0.113.9:443")],
                ..Activity::default()
            };
            for claim in bench.window(activity, requests) {
                prop_assert!(claim.score().0.is_finite() && claim.false_per_month.0 > 0.0);
            }
        }
    }

    #[test]
    fn evidence_is_finite_for_any_pauses(pauses in prop::collection::vec(1_u32..1_000_000, 0..40)) {
        prop_assert!(beacon::evidence(&pauses).is_finite());
    }
}
