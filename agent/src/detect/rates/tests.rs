#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use super::layer::RateLayer;
use super::noise::Noise;
use super::*;
use crate::baseline::decision::Decision;
use crate::baseline::key::Key;
use crate::baseline::model::Baseline;
use crate::detect::claim::{At, Claim};
use crate::observe::activity::Activity;
use crate::observe::event::{CgroupId, Moment};
use crate::observe::fact::Phase;
use crate::observe::window::WindowReport;

const WIDTH: usize = 12;

/// The logarithm of the requests of every window.
const REQUESTS: f64 = 3.0;

/// A workload whose features drift: each is an AR(1) process around its own level.
struct Workload {
    noise: Noise,
    state: [f64; WIDTH],
    rho: f64,
}

impl Workload {
    fn new(seed: u64, rho: f64) -> Self {
        Self {
            noise: Noise::new(seed),
            state: [0.0; WIDTH],
            rho,
        }
    }

    fn next(&mut self) -> Vec<f64> {
        let fresh = (1.0 - self.rho * self.rho).sqrt();
        for value in &mut self.state {
            *value = self.rho * *value + fresh * self.noise.next();
        }
        let level = |i: usize, v: &f64| i as f64 / 2.0 + 0.3 * v;
        let features = self.state.iter().enumerate().map(|(i, v)| level(i, v));
        features.chain([REQUESTS]).collect()
    }
}

const NAMES: [&str; WIDTH] = ["f"; WIDTH];

/// One container of a workload whose model is learned, fed window by window.
struct Bench {
    layer: RateLayer,
    baseline: Baseline,
    windows: u64,
}

impl Bench {
    fn of(sample: Sample) -> Self {
        let key = Key {
            namespace: "docker".into(),
            workload: "iris".into(),
            container: "iris".into(),
            image_digest: "sha256:00".into(),
        };
        let mut baseline = Baseline::new(key, 0);
        baseline.set_frozen(true, Decision::default());
        baseline.phases.entry(Phase::Serve).or_default().sample = sample;
        Self {
            layer: RateLayer::new(&NAMES, 1.0),
            baseline,
            windows: 0,
        }
    }

    fn learned(windows: u64, mut next: impl FnMut() -> Vec<f64>) -> Self {
        let mut sample = Sample::default();
        for end in 0..windows {
            sample.offer("r", Moment(end), &next());
        }
        Self::of(sample)
    }

    fn window(&mut self, features: Vec<f64>) -> Option<Claim> {
        self.windows += 1;
        let report = WindowReport {
            end: Moment(self.windows * 5_000_000_000),
            length_ns: 5_000_000_000,
            phase: Some(Phase::Serve),
            sightings: Vec::new(),
            features: Some(features),
            calls: None,
            requests: 10,
            activity: Activity::default(),
            lost_events: 0,
            lost_to_quota: 0,
        };
        let at = At {
            cgroup: CgroupId(1),
            replica: "new",
            now_s: (5 * self.windows) as i64,
        };
        self.layer
            .window(&mut self.baseline, at, &report, Phase::Serve)
    }

    /// Windows until the first claim, if there is one.
    fn first_claim(&mut self, mut windows: impl Iterator<Item = Vec<f64>>) -> Option<usize> {
        windows.position(|features| self.window(features).is_some())
    }
}

fn judged(sample: &Sample, features: &[f64]) -> Option<Verdict> {
    let model = RateModel::fit(sample, WIDTH + 1).unwrap();
    model.judge(features, 0, &OwnLevel::default())
}

#[test]
fn ordinary_windows_never_become_a_finding_even_after_a_short_dependent_training() {
    for (training, rho) in [(60, 0.9), (80, 0.6), (400, 0.9), (400, 0.0)] {
        for seed in 1..=3 {
            let mut workload = Workload::new(seed, rho);
            let mut bench = Bench::learned(training, || workload.next());
            let found = bench.first_claim((0..1500).map(|_| workload.next()));
            assert_eq!(found, None, "training {training}, rho {rho}, seed {seed}");
        }
    }
}

#[test]
fn a_lasting_change_of_proportions_is_found_within_minutes() {
    for (training, within) in [(60, 60), (512, 16)] {
        let mut workload = Workload::new(3, 0.5);
        let mut bench = Bench::learned(training, || workload.next());
        let windows = (0..200).map(|_| {
            let mut features = workload.next();
            features[4] += 4.0;
            features[7] -= 4.0;
            features
        });
        let found = bench.first_claim(windows);
        assert!(
            found.is_some_and(|n| n < within),
            "training {training}: {found:?}"
        );
    }
}

/// Which half a window falls into is chance; what was learned was learned.
#[test]
fn a_window_like_one_that_was_learned_is_not_rare_whichever_half_that_is_in() {
    let mut workload = Workload::new(4, 0.0);
    let mut half = || {
        let row = |features| Row {
            in_first_half: true,
            tag: 0,
            features,
        };
        (0..40).map(|_| row(workload.next())).collect::<Vec<_>>()
    };
    let (mut with, without) = (half(), half());
    for row in with.iter_mut().take(3) {
        row.features[2] += 4.0;
    }
    let alike = with[0].features.clone();
    let rows = with.len() + without.len();
    let [one, other] = [(&with, &without), (&without, &with)]
        .map(|(fits, calibrates)| Half::fit(fits.clone(), calibrates.clone(), WIDTH + 1).unwrap());
    for halves in [[one.clone(), other.clone()], [other, one]] {
        let model = RateModel { halves, rows };
        let verdict = model.judge(&alike, 0, &OwnLevel::default()).unwrap();
        assert!(verdict.p > 0.05, "{verdict:?}");
    }
}

#[test]
fn a_start_beside_few_requests_does_not_hide_what_is_done_beside_many() {
    // Every tenth window has three requests, and what is done at a start besides.
    let mut workload = Workload::new(6, 0.0);
    let mut number = 0;
    let mut bench = Bench::learned(100, || {
        number += 1;
        let mut features = workload.next();
        if number % 10 == 0 {
            features[WIDTH] = 3.0_f64.ln();
            features[2] += 2.0;
            features[9] += 3.0;
        }
        features
    });
    let windows = (0..20).map(|_| {
        let mut features = workload.next();
        features[2] += 4.0;
        features
    });
    let found = bench.first_claim(windows);
    assert!(found.is_some_and(|window| window < 6), "{found:?}");
}

#[test]
fn the_changed_feature_is_the_first_reason() {
    let mut workload = Workload::new(5, 0.3);
    let mut sample = Sample::default();
    for end in 0..512 {
        sample.offer("r", Moment(end), &workload.next());
    }
    let mut features = workload.next();
    features[9] += 3.0;
    let verdict = judged(&sample, &features).unwrap();
    assert_eq!(verdict.reasons[0].feature, 9);
    assert!((2.0..4.0).contains(&verdict.reasons[0].difference));
    assert_eq!(verdict.reasons.len(), 5);
}

#[test]
fn a_new_file_accounts_for_the_calls_that_write_it_and_for_nothing_else() {
    let danger = |files: &[u64], of_changed: &[usize]| {
        let mut workload = Workload::new(7, 0.3);
        let mut bench = Bench::learned(512, || workload.next());
        for at in files {
            bench
                .layer
                .new_file(CgroupId(1), Moment(at * 1_000_000_000));
        }
        let claims = (0..20).filter_map(|_| {
            let mut features = workload.next();
            for feature in of_changed {
                features[*feature] += 4.0;
            }
            bench.window(features)
        });
        claims.map(|claim| claim.danger.0).next()
    };
    let (writes, network, sent) = (7, 8, 0);
    assert_eq!(danger(&[], &[writes]), Some(4.0));
    assert_eq!(danger(&[2, 1], &[writes]), Some(0.5));
    assert_eq!(danger(&[2], &[network]), Some(4.0));
    assert_eq!(danger(&[2], &[writes, sent]), Some(5.0));
}

#[test]
fn small_changes_of_a_constant_workload_are_ordinary() {
    let mut bench = Bench::learned(200, || vec![1.0, 2.0, 3.0, REQUESTS]);
    let windows = (0..500).map(|_| vec![1.05, 1.95, 3.05, REQUESTS]);
    assert_eq!(bench.first_claim(windows), None);
    let windows = (0..500).map(|_| vec![3.0, 2.0, 3.0, REQUESTS]);
    assert!(bench.first_claim(windows).is_some());
}

#[test]
fn wild_windows_in_training_do_not_widen_the_model() {
    let mut workload = Workload::new(8, 0.0);
    let mut sample = Sample::default();
    for end in 0..400 {
        let mut features = workload.next();
        if end % 100 == 0 {
            features[2] += 500.0;
        }
        sample.offer("r", Moment(end), &features);
    }
    let mut bench = Bench::of(sample);
    let windows = (0..200).map(|_| {
        let mut features = workload.next();
        features[2] += 4.0;
        features[5] += 4.0;
        features
    });
    assert!(bench.first_claim(windows).is_some());
}

#[test]
fn too_few_rows_or_odd_windows_give_no_verdict() {
    let mut workload = Workload::new(1, 0.0);
    let mut sample = Sample::default();
    for end in 0..59 {
        sample.offer("r", Moment(end), &workload.next());
    }
    let error = RateModel::fit(&sample, WIDTH + 1).unwrap_err();
    assert_eq!(error.to_string(), "59 of 60 sampled windows are there");
    for end in 59..100 {
        sample.offer("r", Moment(end), &workload.next());
    }
    assert!(judged(&sample, &[0.0; WIDTH]).is_none());
    assert!(judged(&sample, &[f64::NAN; WIDTH + 1]).is_none());
    assert!(judged(&sample, &[1e300; WIDTH + 1]).is_some());
}

#[test]
fn starts_among_the_learned_windows_do_not_hide_what_somebody_is_after() {
    let mut workload = Workload::new(11, 0.3);
    let mut windows = 0;
    let mut bench = Bench::learned(120, || {
        windows += 1;
        let mut features = workload.next();
        // Of calls of all kinds far more, of processor time (2) hardly.
        if windows % 40 == 0 {
            features[3..WIDTH]
                .iter_mut()
                .for_each(|value| *value += 6.0);
        }
        features
    });
    let mut computing = || {
        let mut features = workload.next();
        features[2] += 2.5;
        features
    };
    let claims: Vec<_> = (0..20).filter_map(|_| bench.window(computing())).collect();
    assert!(!claims.is_empty());
    // Of calls on files there may be as many more as ever.
    let mut bench = Bench {
        windows: 0,
        ..bench
    };
    bench.layer = RateLayer::new(&NAMES, 1.0);
    let mut starting = || {
        let mut features = workload.next();
        features[7] += 2.5;
        features
    };
    let claims = (0..20).filter_map(|_| bench.window(starting()));
    assert_eq!(claims.count(), 0);
}
