use proptest::prelude::*;

use super::*;
use crate::observe::activity::{Activity, EndpointTraffic};
use crate::observe::event::Moment;
use crate::observe::window::CallCount;

const PEER: &str = "tcp registry.example:443";

/// A workload of twenty requests a window.
#[derive(Default)]
struct Bench {
    watch: Watch,
    bouts: Bouts,
    windows: u64,
    is_learned: bool,
}

impl Bench {
    /// Has renamed a file and asked a peer twice, every two minutes for so many times.
    fn learned(times: usize) -> Self {
        let mut bench = Self::default();
        for _ in 0..times {
            assert_eq!(bench.window(1, 2, 20), []);
            for _ in 0..23 {
                assert_eq!(bench.window(0, 0, 20), []);
            }
        }
        bench.is_learned = true;
        bench
    }

    fn window(&mut self, renames: u64, packets: u64, requests: u64) -> Vec<Claim> {
        self.window_with_news(renames, packets, requests, 0.0)
    }

    fn window_with_news(
        &mut self,
        renames: u64,
        packets: u64,
        requests: u64,
        news: f64,
    ) -> Vec<Claim> {
        self.windows += 1;
        let frame = Frame {
            seconds: 5.0,
            requests,
            hours: self.windows as f64 * 5.0 / 3600.0,
            now_s: 0,
            mode: if self.is_learned {
                Mode::Judge
            } else {
                Mode::Learn
            },
        };
        let report = WindowReport {
            end: Moment(self.windows * 5_000_000_000),
            length_ns: 5_000_000_000,
            phase: Some(Phase::Serve),
            calls: Some(vec![CallCount {
                call: u16::try_from(libc::SYS_renameat2).unwrap_or(u16::MAX),
                calls: renames,
                errors: 0,
            }]),
            requests,
            activity: Activity {
                endpoints: vec![EndpointTraffic {
                    value: PEER.to_owned(),
                    tx_packets: packets,
                    ..EndpointTraffic::default()
                }],
                ..Activity::default()
            },
            ..WindowReport::default()
        };
        let of = (1, 20.0);
        let news = BTreeMap::from([("rename".to_owned(), news)]);
        self.watch
            .window(&mut self.bouts, &frame, of, (&report, &news))
    }
}

#[test]
fn what_came_singly_is_told_of_when_it_comes_in_a_row_and_once() {
    let mut bench = Bench::learned(10);
    let claims: Vec<_> = (0..20).flat_map(|_| bench.window(2, 0, 20)).collect();
    let first = claims.first().map(|claim| claim.title.as_str());
    assert!(
        first.is_some_and(|it| it.starts_with("renameat2 was called")),
        "{claims:?}"
    );
    assert!(claims.len() <= 3, "{claims:?}");
    assert!(claims.iter().all(|claim| claim.feature == "bout"));
    // A peer is asked in a row.
    let mut bench = Bench::learned(10);
    let claims: Vec<_> = (0..10).flat_map(|_| bench.window(0, 10, 20)).collect();
    assert!(
        claims.iter().any(|claim| claim.title.contains(PEER)),
        "{claims:?}"
    );
}

#[test]
fn what_is_news_by_itself_makes_no_bout() {
    let mut bench = Bench::learned(10);
    for _ in 0..20 {
        assert_eq!(bench.window_with_news(2, 0, 20, 2.0), []);
    }
    let claims = (0..20).flat_map(|_| bench.window_with_news(4, 0, 20, 2.0));
    assert!(claims.count() > 0);
}

#[test]
fn few_acts_and_acts_that_requests_explain_are_nothing() {
    let mut bench = Bench::learned(10);
    for _ in 0..4 {
        assert_eq!(bench.window(1, 2, 20), []);
    }
    for _ in 0..4 {
        bench.window(0, 0, 20);
    }
    for _ in 0..20 {
        assert_eq!(bench.window(2, 4, 2000), []);
    }
}

#[test]
fn of_what_was_done_hardly_ever_a_row_says_little() {
    let mut bench = Bench::learned(1);
    for _ in 0..6 {
        assert_eq!(bench.window(2, 2, 20), []);
    }
    // And of what was never done, another layer tells.
    let mut bench = Bench::learned(0);
    bench.is_learned = true;
    for _ in 0..20 {
        assert_eq!(bench.window(9, 9, 20), []);
    }
}

#[test]
fn ordinary_bouts_are_learned_and_told_ones_are_not() {
    let mut bench = Bench::learned(10);
    let before = bench.bouts.of("renameat2").bouts;
    bench.window(3, 0, 20);
    for _ in 0..4 {
        bench.window(0, 0, 20);
    }
    assert_eq!(bench.bouts.of("renameat2").bouts, before + 1);
    for _ in 0..20 {
        bench.window(5, 0, 20);
    }
    for _ in 0..4 {
        bench.window(0, 0, 20);
    }
    assert_eq!(bench.bouts.of("renameat2").bouts, before + 1);
    assert_eq!(bench.bouts.of("renameat2").most, 3);
}

proptest! {
    #[test]
    fn a_longer_bout_is_rarer(bouts in 1_u64..1000, more in 0_u64..1000, acts in 1.0..1e6_f64) {
        let seen = Seen { bouts, acts: bouts + more, most: 1 };
        let chance = as_long(seen, acts);
        prop_assert!((0.0..=1.0).contains(&chance));
        prop_assert!(as_long(seen, acts * 2.0) <= chance);
        prop_assert!((as_long(seen, 1.0) - 1.0).abs() < 1e-9);
    }
}
