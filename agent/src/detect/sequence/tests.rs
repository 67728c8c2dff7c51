#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use proptest::prelude::*;

use super::*;
use testing::bag;

/// Windows of a server under changing load: with requests it makes all of its calls, now and then some rare ones.
fn ordinary(count: u16) -> Vec<Bag> {
    (0..count)
        .map(|index| {
            let mut calls = vec![3; 5 + usize::from(index % 7)];
            calls.extend([4, 5, 6, 33]);
            match index % 4 {
                0 => calls.extend([78, 102]),
                1 => calls.push(78),
                _ => {}
            }
            bag(&calls, u32::from(index % 10 == 0))
        })
        .collect()
}

fn fit(bags: &[Bag]) -> Option<SequenceModel> {
    SequenceModel::fit(&bags.iter().collect::<Vec<_>>())
}

#[test]
fn the_ordinary_scores_low_and_each_kind_of_oddity_higher() {
    let model = fit(&ordinary(60)).unwrap();
    let limit = model.threshold(0.0);
    for it in ordinary(20) {
        assert!(model.score(&it) <= limit, "{it:?}");
    }
    let plain = [3, 3, 3, 3, 3, 3, 3, 4, 5, 6, 33];
    assert!(model.score(&bag(&plain, 0)) < model.score(&bag(&plain, 3)));
    assert!(model.score(&bag(&plain, 0)) < model.score(&bag(&[3, 3, 3, 3, 3, 3], 0)));
    assert!(model.score(&bag(&[3, 3, 3, 4], 3)) > limit);
}

#[test]
fn no_view_decides_alone() {
    let model = fit(&ordinary(60)).unwrap();
    let highest = |view: usize| {
        let mut views = [0.0; VIEWS];
        views[view] = 1e9;
        let high = model.sum(&views);
        views[view] = 0.0;
        high - model.sum(&views)
    };
    let most = ENOUGH + BEYOND * 50.0 + 1.0;
    for (view, weight) in WEIGHTS.into_iter().enumerate() {
        assert!(highest(view) > weight * ENOUGH / 2.0);
        assert!(highest(view) < weight * most);
    }
}

#[test]
fn thresholds_come_from_held_back_parts() {
    let model = fit(&ordinary(60)).unwrap();
    let above = |limit| model.held_back.iter().filter(|s| **s > limit).count();
    assert_eq!(above(model.threshold(0.0)), 0);
    assert!(above(model.threshold(0.25)) <= 15);
    assert!(model.threshold(2.0) <= model.threshold(0.25));
}

#[test]
fn what_ordinary_windows_lack_too_is_no_oddity() {
    let model = fit(&ordinary(60)).unwrap();
    let share = |calls: &[u16]| model.share_as_high(&bag(calls, 3));
    let all = share(&[3, 3, 3, 3, 3, 4, 5, 6, 33, 78, 102]);
    let few = share(&[3, 3, 3]);
    assert!(all > 0.2, "{all}");
    assert!((few - 1.0 / 61.0).abs() < 1e-9, "{few}");
    let lacking = model.lacking(&bag(&[3, 3, 3, 4], 3));
    let calls: Vec<u16> = lacking.iter().map(|(call, _)| *call).collect();
    assert_eq!(calls, [5, 6, 33]);
}

#[test]
fn too_few_bags_make_no_model() {
    assert!(fit(&ordinary(MIN_BAGS as u16 - 1)).is_none());
    assert!(fit(&ordinary(MIN_BAGS as u16)).is_some());
}

fn bags(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Bag>> {
    let calls = prop::collection::vec(prop_oneof![0_u16..6, any::<u16>()], 0..30);
    let one = (calls, any::<u32>()).prop_map(|(calls, new_pairs)| bag(&calls, new_pairs));
    prop::collection::vec(one, count)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn scores_are_finite_whatever_was_learned(learned in bags(10..20), judged in bags(1..2)) {
        let model = fit(&learned).unwrap();
        let judged = &judged[0];
        prop_assert!(model.score(judged).is_finite());
        prop_assert!(model.views(judged).iter().all(|view| view.is_finite()));
        prop_assert!([0.0, 0.001, 0.5, 1.0].iter().all(|share| model.threshold(*share).is_finite()));
        let share = model.share_as_high(judged);
        prop_assert!(share > 0.0 && share <= 1.0);
        let again = fit(&learned).unwrap();
        prop_assert_eq!(model.score(judged).to_bits(), again.score(judged).to_bits());
    }
}
