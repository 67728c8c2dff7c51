#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use proptest::prelude::*;

use super::*;
use crate::baseline::calls::BLOCK_WINDOWS;
use crate::detect::rates::noise::Noise;
use crate::observe::event::Moment;

const WINDOW_NS: u64 = 5_000_000_000;

/// Waits; all else works.
const POLL: u16 = 7;

fn is_work(call: u16) -> bool {
    call != POLL
}

fn count(call: u16, calls: u64) -> CallCount {
    CallCount {
        call,
        calls,
        errors: 0,
    }
}

/// A server under changing load: reads and writes by the request, polls as the machine pleases, now and then a seek.
fn window(noise: &mut Noise, load: f64) -> Vec<CallCount> {
    let mut calls = |mean: f64| (load * mean * (0.2 * noise.next()).exp()) as u64;
    let seeks = u64::from(calls(1.0).is_multiple_of(7));
    vec![
        count(0, calls(400.0)),
        count(1, calls(200.0)),
        count(2, calls(20.0)),
        count(POLL, calls(3000.0)),
        count(8, seeks),
    ]
}

fn learned(replicas: &[&str], blocks: u64) -> CallPeaks {
    let mut noise = Noise::new(3);
    let mut peaks = CallPeaks::default();
    for replica in replicas {
        for i in 0..blocks * BLOCK_WINDOWS {
            let load = 1.0 + (i % 50) as f64 / 10.0;
            let calls = window(&mut noise, load);
            peaks.learn(replica, Moment(i * WINDOW_NS), WINDOW_NS, &calls, is_work);
        }
    }
    peaks
}

#[test]
fn ordinary_windows_and_ten_times_the_load_are_within_reach() {
    let model = CallModel::fit(&learned(&["a"], 8), is_work).unwrap();
    let mut noise = Noise::new(99);
    for load in [0.1, 1.0, 3.0, 10.0] {
        for _ in 0..2000 {
            let nats = model.judge(&window(&mut noise, load), WINDOW_NS).nats();
            assert!(nats <= model.reach(), "load {load}: {nats}");
        }
    }
}

#[test]
fn polling_more_is_the_machines_affair_and_polling_first_is_not() {
    let model = CallModel::fit(&learned(&["a"], 8), is_work).unwrap();
    let calls = [count(0, 400), count(1, 200), count(POLL, 90_000_000)];
    assert_eq!(model.judge(&calls, WINDOW_NS), CallVerdict::default());
    let mut peaks = CallPeaks::default();
    for i in 0..4 * BLOCK_WINDOWS {
        let calls = [count(0, 400)];
        peaks.learn("a", Moment(i * WINDOW_NS), WINDOW_NS, &calls, is_work);
    }
    let model = CallModel::fit(&peaks, is_work).unwrap();
    let verdict = model.judge(&[count(0, 400), count(POLL, 1)], WINDOW_NS);
    assert!(verdict.nats() > model.reach());
    assert_eq!(
        (verdict.excesses[0].call, verdict.excesses[0].most),
        (POLL, 0.0)
    );
}

#[test]
fn a_call_made_far_more_often_than_ever_is_found_and_named() {
    let model = CallModel::fit(&learned(&["a", "b"], 4), is_work).unwrap();
    let mut calls = window(&mut Noise::new(5), 2.0);
    calls[4] = count(8, 60);
    let verdict = model.judge(&calls, WINDOW_NS);
    assert!(verdict.nats() > model.reach());
    let first = verdict.excesses[0];
    assert_eq!((first.call, first.calls, first.most), (8, 60, 1.0));
    assert!(
        (2.5..=30.5_f64.ln() + 1e-9).contains(&first.nats),
        "{}",
        first.nats
    );
}

#[test]
fn replicas_that_differ_widen_the_reach() {
    let mut peaks = learned(&["a", "b"], 4);
    let alike = CallModel::fit(&peaks, is_work).unwrap();
    for i in 0..4 * BLOCK_WINDOWS {
        let calls = [count(0, 400), count(8, 200)];
        peaks.learn("c", Moment(i * WINDOW_NS), WINDOW_NS, &calls, is_work);
    }
    let differing = CallModel::fit(&peaks, is_work).unwrap();
    assert!(differing.reach() > alike.reach() + 3.0);
}

#[test]
fn the_predicted_rate_falls_with_the_score_and_with_what_was_learned() {
    let model = CallModel::fit(&learned(&["a"], 8), is_work).unwrap();
    let rate = |nats| model.false_per_window(nats, 0);
    assert!((rate(0.0) - 1.0 / 513.0).abs() < 1e-9);
    assert!(rate(model.reach() + 1.0) < rate(model.reach()) / 2.0);
    assert!(model.false_per_window(1.0, 100_000) < rate(1.0));
    assert!(rate(1e9) >= 0.0 && rate(f64::MAX).is_finite());
}

#[test]
fn predictions_come_true_within_an_order_of_magnitude() {
    let (mut predicted, mut realised) = (0.0, 0.0);
    for seed in 1..40 {
        let mut noise = Noise::new(seed);
        let mut peaks = CallPeaks::default();
        for i in 0..6 * BLOCK_WINDOWS {
            let calls = window(&mut noise, 2.0);
            peaks.learn("a", Moment(i * WINDOW_NS), WINDOW_NS, &calls, is_work);
        }
        let model = CallModel::fit(&peaks, is_work).unwrap();
        for _ in 0..2000 {
            let nats = model.judge(&window(&mut noise, 2.0), WINDOW_NS).nats();
            realised += f64::from(u8::from(nats > model.largest));
        }
        predicted += 2000.0 * model.false_per_window(model.largest, 0);
    }
    let ratio = realised / predicted;
    assert!(
        (0.1..10.0).contains(&ratio),
        "realised {realised}, predicted {predicted}"
    );
}

#[test]
fn a_few_blocks_give_no_model() {
    assert!(CallModel::fit(&CallPeaks::default(), is_work).is_none());
    assert!(CallModel::fit(&learned(&["a"], 2), is_work).is_none());
    assert!(CallModel::fit(&learned(&["a"], 3), is_work).is_some());
}

proptest! {
    #[test]
    fn scores_are_finite_for_any_input(
        learned in prop::collection::vec((any::<u16>(), any::<u64>(), any::<u64>(), any::<u64>()), 0..40),
        judged in prop::collection::vec((any::<u16>(), any::<u64>()), 0..40),
        length in any::<u64>(),
    ) {
        let mut peaks = CallPeaks::default();
        for (call, calls, end, length) in learned {
            peaks.learn("a", Moment(end), length, &[count(call, calls)], is_work);
        }
        if let Some(model) = CallModel::fit(&peaks, is_work) {
            let calls: Vec<_> = judged.into_iter().map(|(call, calls)| count(call, calls)).collect();
            let nats = model.judge(&calls, length).nats();
            prop_assert!(nats.is_finite() && nats >= 0.0 && model.reach().is_finite());
            prop_assert!((0.0..=1.0).contains(&model.false_per_window(nats, 0)));
        }
    }
}
