//! When sequences of calls came up that were new, and how many at a time: what says how ordinary the next ones are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::exposure::{Clock, Exposure, merge_clocks};
use super::facts::truncate;

/// Loss-free windows without a new sequence after which new ones are a surprise. What comes up before belongs to the
/// same stretch of discovery, and says nothing of how large a surprise is.
const QUIET_WINDOWS: f64 = 16.0;

/// By how much more often new sequences come than if windows were exchangeable: on seven model servers, between 1.6 and 2
/// times after a quiet time.
const SPELLS: f64 = 2.0;

/// Replicas whose surprises are kept: those with the smallest hashes, a uniform choice.
const REPLICAS: usize = 64;

/// New sequences of one phase, by window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surprises {
    /// The exposure at the last one.
    last: Clock,
    /// By replica: how often so many came at once after a quiet time, by the logarithm to base 2 of their number.
    sizes: BTreeMap<u64, BTreeMap<u32, u32>>,
}

/// How ordinary it is that new sequences come up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chance {
    /// Probability that a window brings so many at once or more.
    pub of_window: f64,
    /// Loss-free windows since the last ones.
    pub quiet_windows: f64,
    /// How often new ones came after a quiet time.
    pub surprises: u32,
}

impl Surprises {
    /// Notes that one window brought so many new sequences; `exposure` includes it.
    pub fn note(&mut self, replica: u64, number: u32, exposure: &Exposure) {
        if exposure.clean_windows_since(&self.last) > QUIET_WINDOWS {
            let sizes = self.sizes.entry(replica).or_default();
            let times = sizes.entry(number.max(1).ilog2()).or_default();
            *times = times.saturating_add(1);
            truncate(&mut self.sizes, REPLICAS);
        }
        self.last = exposure.clock();
    }

    /// How ordinary a window is that brings so many new sequences; `exposure` includes it.
    ///
    /// After n windows without any, the next would have some with a chance of about 1 in n: of n + 1 windows that are
    /// exchangeable, each may be the one. They are not quite, as what is new comes in spells: [`SPELLS`]. Of those that
    /// have some, a share of 1 / k is taken to have k or more, a heavy tail, until surprises of this workload tell
    /// better; that belief weighs as much as one of them.
    #[must_use]
    pub fn chance(&self, number: u32, exposure: &Exposure) -> Chance {
        let quiet_windows = exposure.clean_windows_since(&self.last).max(1.0);
        let size = number.max(1).ilog2();
        let of_replicas = self.sizes.values().flatten();
        let (all, larger) = of_replicas.fold((0_u32, 0_u32), |(all, larger), (at, times)| {
            let counts = if *at >= size { *times } else { 0 };
            (all.saturating_add(*times), larger.saturating_add(counts))
        });
        let prior = 1.0 / f64::from(number.max(1));
        let tail = (f64::from(larger) + prior) / (f64::from(all) + 1.0);
        Chance {
            of_window: (SPELLS * tail / quiet_windows).min(1.0),
            quiet_windows,
            surprises: all,
        }
    }

    /// Joins with another; any order of joining gives the same bytes.
    pub fn merge(&mut self, other: &Self) {
        merge_clocks(&mut self.last, &other.last);
        for (replica, sizes) in &other.sizes {
            let mine = self.sizes.entry(*replica).or_default();
            for (size, times) in sizes {
                let entry = mine.entry(*size).or_default();
                *entry = (*entry).max(*times);
            }
        }
        truncate(&mut self.sizes, REPLICAS);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::baseline::exposure::Share;

    fn observe(exposure: &mut Exposure, replica: u64, windows: u64) {
        for _ in 0..windows {
            let window = Share {
                ms: 5000,
                windows: 1,
                ..Share::default()
            };
            exposure.add(replica, window);
        }
    }

    #[test]
    fn the_longer_the_quiet_and_the_more_at_once_the_rarer() {
        let (mut known, mut exposure) = (Surprises::default(), Exposure::default());
        observe(&mut exposure, 1, 1);
        known.note(1, 300, &exposure);
        observe(&mut exposure, 1, 100);
        let one = known.chance(1, &exposure);
        assert!((one.of_window - 0.02).abs() < 1e-9, "{one:?}");
        assert!((known.chance(50, &exposure).of_window - 0.0004).abs() < 1e-9);
        observe(&mut exposure, 1, 100);
        assert!((known.chance(1, &exposure).of_window - 0.01).abs() < 1e-9);
    }

    #[test]
    fn surprises_tell_how_large_the_next_may_be_and_early_discovery_does_not() {
        let (mut known, mut exposure) = (Surprises::default(), Exposure::default());
        for _ in 0..10 {
            observe(&mut exposure, 1, 2);
            known.note(1, 500, &exposure);
        }
        assert_eq!(known.chance(1, &exposure).surprises, 0);
        for _ in 0..9 {
            observe(&mut exposure, 1, 20);
            known.note(1, 6, &exposure);
        }
        observe(&mut exposure, 1, 100);
        let small = known.chance(5, &exposure);
        assert_eq!(small.surprises, 9);
        assert!(
            (small.of_window - SPELLS * 9.2 / 10.0 / 100.0).abs() < 1e-9,
            "{small:?}"
        );
        let large = known.chance(100, &exposure);
        assert!(
            (large.of_window - SPELLS * 0.01 / 10.0 / 100.0).abs() < 1e-9,
            "{large:?}"
        );
    }

    #[test]
    fn windows_with_losses_are_no_quiet() {
        let (mut known, mut exposure) = (Surprises::default(), Exposure::default());
        known.note(1, 1, &exposure);
        let lossy = Share {
            ms: 5000,
            windows: 1,
            lossy_windows: 1,
            ..Share::default()
        };
        for _ in 0..100 {
            exposure.add(1, lossy);
        }
        assert!((known.chance(1, &exposure).of_window - 1.0).abs() < 1e-9);
    }

    fn histories() -> impl Strategy<Value = Surprises> {
        prop::collection::vec((0_u64..90, 0_u64..40, any::<u32>()), 0..30).prop_map(|notes| {
            let (mut known, mut exposure) = (Surprises::default(), Exposure::default());
            for (replica, windows, number) in notes {
                observe(&mut exposure, replica, windows);
                known.note(replica, number, &exposure);
            }
            known
        })
    }

    fn joined(a: &Surprises, b: &Surprises) -> Surprises {
        let mut out = a.clone();
        out.merge(b);
        out
    }

    proptest! {
        #[test]
        fn merging_is_commutative_associative_and_idempotent(a in histories(), b in histories(), c in histories()) {
            prop_assert_eq!(joined(&a, &b), joined(&b, &a));
            prop_assert_eq!(joined(&joined(&a, &b), &c), joined(&a, &joined(&b, &c)));
            prop_assert_eq!(joined(&a, &a), a);
        }

        #[test]
        fn chances_are_chances(a in histories(), number in any::<u32>(), windows in 0_u64..50) {
            let mut exposure = Exposure::default();
            observe(&mut exposure, 3, windows);
            let chance = a.chance(number, &exposure).of_window;
            prop_assert!(chance > 0.0 && chance <= 1.0, "{}", chance);
        }
    }
}
