#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use super::*;
use crate::baseline::decision::Decision;
use crate::baseline::exposure::Share;
use crate::baseline::key::Key;
use crate::baseline::learning::LearningSettings;
use crate::detect::detector::testing::sight;
use crate::observe::event::Moment;
use crate::observe::window::CallCount;

const CALLS: [&str; 6] = ["read", "write", "openat", "close", "mmap", "poll"];
const CONTAINER: CgroupId = CgroupId(7);

/// One workload, and one container of it.
struct Bench {
    layer: SequenceLayer,
    baseline: Baseline,
    windows: u64,
}

impl Bench {
    /// A baseline that judges, knows the calls, and has been quiet for so many windows.
    fn quiet(windows: u64) -> Self {
        let key = Key {
            namespace: "docker".into(),
            workload: "w".into(),
            container: "w".into(),
            image_digest: "sha256:0".into(),
        };
        let mut baseline = Baseline::new(key, 0);
        for call in CALLS {
            let fact = sight(Family::Syscall, call).0.fact;
            baseline.learn(Phase::Serve, &fact, "7", 0);
        }
        let known = sight(Family::Sequence, "poll > read").0.fact;
        baseline.learn(Phase::Serve, &known, "7", 0);
        let mut bench = Self {
            layer: SequenceLayer::default(),
            baseline,
            windows: 0,
        };
        for _ in 0..windows {
            assert_eq!(bench.window(), None);
        }
        let settings = LearningSettings {
            min_duration_s: 60,
            min_requests: 0,
        };
        bench.baseline.mature(settings, 0);
        assert!(bench.baseline.judges(Phase::Serve, Family::Sequence));
        bench
    }

    fn meet(&mut self, first: &str, number: usize) {
        for index in 0..number {
            let value = format!("{first} > {} > {}", CALLS[index % 6], CALLS[index / 6 % 6]);
            let sighting = sight(Family::Sequence, &value).0;
            self.layer.arrived(&self.baseline, CONTAINER, &sighting);
        }
    }

    fn window(&mut self) -> Option<Claim> {
        self.window_with(None)
    }

    /// A window that made these calls, 100 times each.
    fn window_with(&mut self, calls: Option<&[u16]>) -> Option<Claim> {
        let often = |call: &u16| CallCount {
            call: *call,
            calls: 100,
            errors: 0,
        };
        let calls = calls.map(|calls| calls.iter().map(often).collect());
        self.windows += 1;
        let window = Share {
            ms: 5000,
            windows: 1,
            ..Share::default()
        };
        self.baseline.add_window(Phase::Serve, "7", window, 0);
        let report = WindowReport {
            end: Moment(self.windows * 5_000_000_000),
            length_ns: 5_000_000_000,
            phase: Some(Phase::Serve),
            sightings: Vec::new(),
            features: None,
            calls,
            activity: Default::default(),
            requests: 0,
            lost_events: 0,
            lost_to_quota: 0,
        };
        let at = At {
            cgroup: CONTAINER,
            replica: "7",
            now_s: self.windows as i64 * 5,
        };
        self.layer.window(&mut self.baseline, at, &report)
    }
}

#[test]
fn many_at_once_after_long_quiet_are_claimed_and_the_claim_says_how_rare() {
    let mut bench = Bench::quiet(17_280);
    bench.meet("read", 36);
    let claim = bench.window().unwrap();
    assert_eq!(
        (claim.method, claim.class),
        (Method::Sequence, Class::Sequence)
    );
    // Twice in 17,281 windows, and one in 36 as large.
    let expected = 2.0 * 518_400.0 / 17_281.0 / 36.0;
    assert!((claim.false_per_month.0 / expected - 1.0).abs() < 0.01);
    assert!(
        claim.observed.contains("read > read > read"),
        "{}",
        claim.observed
    );
    assert!(
        claim.title.starts_with("36 short sequences"),
        "{}",
        claim.title
    );
    assert_eq!(claim.process.as_ref().unwrap().pid, 42);
    assert!((claim.score().0 - (2.0 - f64::ln(expected))).abs() < 0.02);
}

#[test]
fn what_else_a_window_lacks_makes_it_rarer_and_is_named() {
    let claimed = |calls: Option<&[u16]>| {
        let mut bench = Bench::quiet(17_280);
        for window in 0..100_u16 {
            let idle = [0, 1, 7];
            let busy = [0, 1, 3, 7, 9 + window % 2];
            let made: &[u16] = if window % 5 == 0 { &idle } else { &busy };
            assert_eq!(bench.window_with(Some(made)), None);
        }
        bench.meet("read", 36);
        bench.window_with(calls).unwrap()
    };
    let unknown = claimed(None);
    let poor = claimed(Some(&[0, 9, 10]));
    let rich = claimed(Some(&[0, 1, 3, 7, 9, 10]));
    assert!(poor.false_per_month.0 < unknown.false_per_month.0 / 2.0);
    assert!(rich.false_per_month.0 > unknown.false_per_month.0);
    assert!(rich.false_per_month.0 <= 2.0 * unknown.false_per_month.0);
    let missing = |claim: &Claim| {
        let reasons = claim.reasons.iter();
        let missing = reasons.filter(|it| it.name == "missing_call");
        missing.map(|it| it.reason.clone()).collect::<Vec<_>>()
    };
    assert!(missing(&poor).iter().any(|it| it.starts_with("no write, ")));
    assert!(missing(&rich).is_empty() && missing(&unknown).is_empty());
}

#[test]
fn windows_are_learned_unless_claimed_or_frozen() {
    let mut bench = Bench::quiet(17_280);
    let learned = |bench: &Bench| bench.baseline.phases[&Phase::Serve].bags.in_order().len();
    assert_eq!(bench.window_with(Some(&[0, 1])), None);
    assert_eq!(learned(&bench), 1);
    bench.meet("read", 36);
    assert!(bench.window_with(Some(&[0, 1])).is_some());
    assert_eq!(learned(&bench), 1);
    let word = Decision::new(0, "operator", "");
    bench.baseline.set_frozen(true, word);
    assert_eq!(bench.window_with(Some(&[0, 1])), None);
    assert_eq!(learned(&bench), 1);
}

#[test]
fn of_what_is_new_in_a_window_its_bag_holds_the_pairs() {
    let mut bench = Bench::quiet(100);
    bench.meet("read", 2);
    let pair = sight(Family::Sequence, "read > read").0;
    bench.layer.arrived(&bench.baseline, CONTAINER, &pair);
    assert_eq!(bench.window_with(Some(&[0, 1])), None);
    assert_eq!(bench.window_with(Some(&[0, 1])), None);
    let bags = bench.baseline.phases[&Phase::Serve].bags.in_order();
    let pairs: Vec<u32> = bags.iter().map(|bag| bag.new_pairs).collect();
    assert_eq!(pairs, [1, 0]);
}

#[test]
fn a_few_or_early_ones_are_no_claim() {
    let mut old = Bench::quiet(17_280);
    old.meet("read", LEAST as usize - 1);
    assert_eq!(old.window(), None);
    let mut young = Bench::quiet(100);
    young.meet("read", 36);
    assert_eq!(young.window(), None);
}

#[test]
fn what_is_not_claimed_makes_the_next_less_surprising() {
    let mut bench = Bench::quiet(5000);
    bench.meet("read", 7);
    assert_eq!(bench.window(), None);
    bench.meet("write", 36);
    assert_eq!(bench.window(), None, "discovery goes on");
}

#[test]
fn a_frozen_baseline_learns_nothing_of_it() {
    let mut bench = Bench::quiet(5000);
    let word = Decision::new(0, "operator", "");
    bench.baseline.set_frozen(true, word);
    let before = bench.baseline.phases[&Phase::Serve].surprises.clone();
    bench.meet("read", 7);
    assert_eq!(bench.window(), None);
    assert_eq!(bench.baseline.phases[&Phase::Serve].surprises, before);
}

#[test]
fn a_claim_teaches_nothing_and_is_not_repeated_at_once() {
    let mut bench = Bench::quiet(17_280);
    bench.meet("read", 36);
    let first = bench.window().unwrap();
    bench.meet("write", 36);
    assert_eq!(bench.window(), None);
    for _ in 0..COOL_DOWN_S / 5 {
        assert_eq!(bench.window(), None);
    }
    bench.meet("close", 36);
    let second = bench.window().unwrap();
    assert!(second.false_per_month.0 < first.false_per_month.0);
    assert_eq!(second.identity, first.identity);
}

#[test]
fn sequences_with_unknown_calls_or_from_the_runtime_do_not_count() {
    let mut bench = Bench::quiet(17_280);
    bench.meet("ptrace", 36);
    for index in 0..36 {
        let value = format!("{} > {}", CALLS[index % 6], CALLS[index / 6]);
        let sighting = sight(Family::Sequence, &value).by_runtime().0;
        bench.layer.arrived(&bench.baseline, CONTAINER, &sighting);
    }
    assert_eq!(bench.window(), None);
    assert_eq!(bench.layer.remembered(CONTAINER), None);
}

#[test]
fn what_is_remembered_of_a_container_can_be_carried_on_or_dropped() {
    let mut bench = Bench::quiet(17_280);
    bench.meet("read", 36);
    let watch = bench.layer.remembered(CONTAINER).unwrap();
    let text = serde_json::to_string(&watch).unwrap();
    bench.layer.forget(CONTAINER);
    assert_eq!(bench.layer.remembered(CONTAINER), None);
    bench
        .layer
        .resume(CONTAINER, serde_json::from_str(&text).unwrap());
    assert!(bench.window().is_some());
}
