#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use proptest::prelude::*;

use super::*;

/// Traces of two programs, whose loops run a varying number of times.
fn ordinary(count: usize) -> Vec<Vec<u16>> {
    (0..count)
        .map(|index| {
            let (start, body, end): (&[u16], &[u16], &[u16]) = match index % 2 {
                0 => (&[11, 5, 3, 90], &[7, 3, 4, 7, 3, 3], &[6, 1]),
                _ => (&[11, 33, 5, 3], &[102, 168, 3, 102], &[6, 6, 252]),
            };
            let mut trace = start.to_vec();
            for turn in 0..3 + index % 7 {
                trace.extend(body);
                if (turn + index) % 5 == 0 {
                    trace.push(78);
                }
            }
            trace.extend(end);
            trace
        })
        .collect()
}

#[test]
fn the_ordinary_scores_low_and_each_kind_of_oddity_higher() {
    let model = TraceModel::fit(&ordinary(60)).unwrap();
    let limit = model.threshold(0.0);
    for trace in ordinary(14) {
        assert!(model.score(&trace) <= limit, "{trace:?}");
    }
    let plain = &ordinary(4)[2];
    let mut shuffled = plain.clone();
    shuffled.sort_unstable();
    let repeated = vec![3; plain.len()];
    for odd in [shuffled, repeated] {
        assert!(model.score(&odd) > limit, "{odd:?}");
    }
}

#[test]
fn no_view_decides_alone() {
    let model = TraceModel::fit(&ordinary(60)).unwrap();
    let centre = model.scales.map(|scale| {
        let steps = (0..=20_000).map(|step| f64::from(step - 10_000) / 1000.0);
        steps
            .min_by(|a, b| {
                scale
                    .deviations(*a)
                    .abs()
                    .total_cmp(&scale.deviations(*b).abs())
            })
            .unwrap()
    });
    let mut one = centre;
    one[1] = 1e9;
    assert!(model.sum(&one) - model.sum(&centre) < ENOUGH + BEYOND * 50.0 + 0.5);
    assert!(model.sum(&one) > model.sum(&centre) + ENOUGH / 2.0);
}

#[test]
fn thresholds_come_from_held_back_parts() {
    let model = TraceModel::fit(&ordinary(60)).unwrap();
    let above = |limit| model.held_back.iter().filter(|s| **s > limit).count();
    assert_eq!(above(model.threshold(0.0)), 0);
    assert!(above(model.threshold(0.25)) <= 15);
    assert!(model.threshold(2.0) <= model.threshold(0.25));
}

#[test]
fn too_few_traces_make_no_model() {
    assert!(TraceModel::fit(&ordinary(MIN_TRACES - 1)).is_none());
    assert!(TraceModel::fit(&ordinary(MIN_TRACES)).is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn scores_are_finite_whatever_was_learned(
        learned in prop::collection::vec(prop::collection::vec(prop_oneof![0_u16..6, any::<u16>()], 0..30), 10..20),
        trace in prop::collection::vec(prop_oneof![0_u16..6, any::<u16>()], 0..40),
    ) {
        let model = TraceModel::fit(&learned).unwrap();
        prop_assert!(model.score(&trace).is_finite());
        prop_assert!(model.views(&trace).iter().all(|view| view.is_finite()));
        prop_assert!([0.0, 0.001, 0.5, 1.0].iter().all(|share| model.threshold(*share).is_finite()));
        let again = TraceModel::fit(&learned).unwrap();
        prop_assert_eq!(model.score(&trace).to_bits(), again.score(&trace).to_bits());
    }
}
