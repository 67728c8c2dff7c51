#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use super::noise::Noise;
use super::*;
use crate::detect::evidence::{Evidence, threshold};
use crate::observe::event::Moment;

const WIDTH: usize = 12;

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
        self.state
            .iter()
            .enumerate()
            .map(|(i, v)| level(i, v))
            .collect()
    }
}

fn learned(workload: &mut Workload, windows: u64) -> RateModel {
    let mut sample = Sample::default();
    for end in 0..windows {
        sample.offer("r", Moment(end), &workload.next());
    }
    RateModel::fit(&sample, WIDTH).unwrap()
}

/// Windows until the first finding, if there is one.
fn first_finding(model: &RateModel, mut windows: impl Iterator<Item = Vec<f64>>) -> Option<usize> {
    let limit = threshold(5.0, 1.0);
    let mut evidence = Evidence::default();
    windows.position(|features| {
        let verdict = model.judge(&features).unwrap();
        evidence.add(verdict.p, limit);
        evidence.nats() >= limit - 1e-9 && verdict.is_clearly_beyond()
    })
}

#[test]
fn ordinary_windows_never_become_a_finding_even_after_a_short_dependent_training() {
    for (training, rho) in [(60, 0.9), (80, 0.6), (400, 0.9), (400, 0.0)] {
        for seed in 1..=3 {
            let mut workload = Workload::new(seed, rho);
            let model = learned(&mut workload, training);
            let windows = (0..1500).map(|_| workload.next());
            let found = first_finding(&model, windows);
            assert_eq!(found, None, "training {training}, rho {rho}, seed {seed}");
        }
    }
}

#[test]
fn a_lasting_change_of_proportions_is_found_within_minutes() {
    for (training, within) in [(60, 60), (512, 16)] {
        let mut workload = Workload::new(3, 0.5);
        let model = learned(&mut workload, training);
        let windows = (0..200).map(|_| {
            let mut features = workload.next();
            features[4] += 4.0;
            features[7] -= 4.0;
            features
        });
        let found = first_finding(&model, windows);
        assert!(
            found.is_some_and(|n| n < within),
            "training {training}: {found:?}"
        );
    }
}

#[test]
fn the_changed_feature_is_the_first_reason() {
    let mut workload = Workload::new(5, 0.3);
    let model = learned(&mut workload, 512);
    let mut features = workload.next();
    features[9] += 3.0;
    let verdict = model.judge(&features).unwrap();
    assert_eq!(verdict.reasons[0].feature, 9);
    assert!((2.0..4.0).contains(&verdict.reasons[0].difference));
    assert_eq!(verdict.reasons.len(), 5);
}

#[test]
fn small_changes_of_a_constant_workload_are_ordinary() {
    let mut sample = Sample::default();
    for end in 0..200 {
        sample.offer("r", Moment(end), &[1.0, 2.0, 3.0]);
    }
    let model = RateModel::fit(&sample, 3).unwrap();
    let windows = || (0..500).map(|_| vec![1.05, 1.95, 3.05]);
    assert_eq!(first_finding(&model, windows()), None);
    let windows = (0..500).map(|_| vec![3.0, 2.0, 3.0]);
    assert!(first_finding(&model, windows).is_some());
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
    let model = RateModel::fit(&sample, WIDTH).unwrap();
    let windows = (0..200).map(|_| {
        let mut features = workload.next();
        features[2] += 4.0;
        features[5] += 4.0;
        features
    });
    assert!(first_finding(&model, windows).is_some());
}

#[test]
fn too_few_rows_or_odd_windows_give_no_verdict() {
    let mut workload = Workload::new(1, 0.0);
    let mut sample = Sample::default();
    for end in 0..59 {
        sample.offer("r", Moment(end), &workload.next());
    }
    let error = RateModel::fit(&sample, WIDTH).unwrap_err();
    assert_eq!(error.to_string(), "59 of 60 sampled windows are there");
    let model = learned(&mut workload, 100);
    assert!(model.judge(&[0.0; WIDTH - 1]).is_none());
    assert!(model.judge(&[f64::NAN; WIDTH]).is_none());
    assert!(model.judge(&[1e300; WIDTH]).is_some());
}
