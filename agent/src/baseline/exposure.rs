//! How much was observed: the evidence behind a baseline, per replica so that merging never counts twice.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::facts::truncate;

/// Replicas kept one by one. Beyond it those with the smallest hashes stay as a uniform sample: totals are then
/// estimates scaled by the estimated number of replicas, and what is lost is which replica contributed how much.
const REPLICAS: usize = 256;

/// What one replica contributed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Observed time, milliseconds.
    pub ms: u64,
    /// Windows.
    pub windows: u64,
    /// Of these, windows in which events were lost: the absence of a fact in them proves nothing.
    pub lossy_windows: u64,
    /// Requests served.
    pub requests: u64,
    /// Events lost.
    pub lost: u64,
}

impl Share {
    fn combine(self, other: Self, with: fn(u64, u64) -> u64) -> Self {
        Self {
            ms: with(self.ms, other.ms),
            windows: with(self.windows, other.windows),
            lossy_windows: with(self.lossy_windows, other.lossy_windows),
            requests: with(self.requests, other.requests),
            lost: with(self.lost, other.lost),
        }
    }
}

/// Observed milliseconds by replica at some moment: a vector clock of exposure.
pub type Clock = BTreeMap<u64, u64>;

/// Totals over all replicas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Container-seconds observed.
    pub seconds: u64,
    /// Windows.
    pub windows: u64,
    /// Windows in which events were lost.
    pub lossy_windows: u64,
    /// Requests served.
    pub requests: u64,
    /// Events lost.
    pub lost: u64,
    /// Containers observed.
    pub replicas: u64,
}

impl Totals {
    /// Requests in a window, on average.
    #[must_use]
    pub fn requests_per_window(&self) -> f64 {
        self.requests as f64 / self.windows.max(1) as f64
    }
}

/// Exposure of one phase of a baseline.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Exposure {
    replicas: BTreeMap<u64, Share>,
}

impl Exposure {
    /// Adds one window of a replica.
    pub fn add(&mut self, replica: u64, window: Share) {
        let share = self.replicas.entry(replica).or_default();
        *share = share.combine(window, u64::saturating_add);
        truncate(&mut self.replicas, REPLICAS);
    }

    /// Joins with another exposure; a replica known to both counts once, with the larger values.
    pub fn merge(&mut self, other: &Self) {
        for (replica, share) in &other.replicas {
            let mine = self.replicas.entry(*replica).or_default();
            *mine = mine.combine(*share, u64::max);
        }
        truncate(&mut self.replicas, REPLICAS);
    }

    /// What each replica contributed, as far as they are kept one by one.
    pub fn by_replica(&self) -> impl Iterator<Item = (u64, &Share)> {
        self.replicas
            .iter()
            .map(|(replica, share)| (*replica, share))
    }

    /// Whether this replica contributed.
    #[must_use]
    pub fn has(&self, replica: u64) -> bool {
        self.replicas.contains_key(&replica)
    }

    /// Totals over all replicas.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let sum = self.replicas.values().fold(Share::default(), |sum, share| {
            sum.combine(*share, u64::saturating_add)
        });
        let scale = |value| self.scale(value);
        Totals {
            seconds: scale(sum.ms) / 1000,
            windows: scale(sum.windows),
            lossy_windows: scale(sum.lossy_windows),
            requests: scale(sum.requests),
            lost: scale(sum.lost),
            replicas: self.replica_count(),
        }
    }

    /// The vector clock of now.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.replicas
            .iter()
            .map(|(replica, share)| (*replica, share.ms))
            .collect()
    }

    /// Container-seconds observed since `clock`, over all replicas.
    #[must_use]
    pub fn seconds_since(&self, clock: &Clock) -> u64 {
        let ms = self.replicas.iter().fold(0_u64, |sum, (replica, share)| {
            let then = clock.get(replica).copied().unwrap_or(0);
            sum.saturating_add(share.ms.saturating_sub(then))
        });
        self.scale(ms) / 1000
    }

    /// Loss-free windows observed since `clock`, at the mean window length and loss of the whole exposure.
    #[must_use]
    pub fn clean_windows_since(&self, clock: &Clock) -> f64 {
        let totals = self.totals();
        if totals.seconds == 0 {
            return 0.0;
        }
        let clean = totals.windows.saturating_sub(totals.lossy_windows);
        clean as f64 * self.seconds_since(clock) as f64 / totals.seconds as f64
    }

    /// Number of replicas: exact up to the bound, then the k-minimum-values estimate `(k-1) / u(k)`, where `u(k)` is
    /// the largest kept hash as a fraction of the hash range.
    fn replica_count(&self) -> u64 {
        let kept = self.replicas.len() as u64;
        match self.replicas.last_key_value() {
            Some((largest, _)) if self.replicas.len() >= REPLICAS => {
                let fraction = (*largest as f64 / u64::MAX as f64).max(f64::MIN_POSITIVE);
                ((REPLICAS - 1) as f64 / fraction).max(kept as f64) as u64
            }
            _ => kept,
        }
    }

    fn scale(&self, sum: u64) -> u64 {
        if self.replicas.len() < REPLICAS {
            return sum;
        }
        (sum as f64 * self.replica_count() as f64 / self.replicas.len() as f64) as u64
    }
}

/// Joins two clocks: the later reading of every replica.
pub fn merge_clocks(mine: &mut Clock, other: &Clock) {
    for (replica, ms) in other {
        let entry = mine.entry(*replica).or_default();
        *entry = (*entry).max(*ms);
    }
    truncate(mine, REPLICAS);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::baseline::hash::hash64;

    fn window(ms: u64, requests: u64) -> Share {
        Share {
            ms,
            windows: 1,
            requests,
            ..Share::default()
        }
    }

    #[test]
    fn merging_the_same_replica_twice_counts_it_once() {
        let mut a = Exposure::default();
        a.add(1, window(5000, 10));
        let mut b = a.clone();
        b.add(1, window(5000, 10));
        b.add(2, window(5000, 1));
        a.merge(&b);
        a.merge(&b);
        let totals = a.totals();
        assert_eq!(
            (
                totals.seconds,
                totals.requests,
                totals.windows,
                totals.replicas
            ),
            (15, 21, 3, 2)
        );
    }

    #[test]
    fn time_since_a_clock_counts_every_replica() {
        let mut exposure = Exposure::default();
        exposure.add(1, window(10_000, 0));
        let then = exposure.clock();
        exposure.add(1, window(10_000, 0));
        exposure.add(2, window(30_000, 0));
        assert_eq!(exposure.seconds_since(&then), 40);
        assert_eq!(exposure.seconds_since(&exposure.clock()), 0);
    }

    #[test]
    fn windows_with_loss_prove_nothing() {
        let mut exposure = Exposure::default();
        exposure.add(1, window(5000, 0));
        exposure.add(
            1,
            Share {
                lossy_windows: 1,
                lost: 3,
                ..window(5000, 0)
            },
        );
        assert!((exposure.clean_windows_since(&Clock::new()) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn beyond_the_bound_totals_are_good_estimates() {
        let mut exposure = Exposure::default();
        for replica in 0_u64..2000 {
            exposure.add(hash64(&[&replica.to_le_bytes()]), window(10_000, 5));
        }
        let totals = exposure.totals();
        assert_eq!(exposure.replicas.len(), REPLICAS);
        assert!((1700..2300).contains(&totals.replicas), "{totals:?}");
        assert!((17_000..23_000).contains(&totals.seconds), "{totals:?}");
    }

    fn exposures() -> impl Strategy<Value = Exposure> {
        prop::collection::vec((any::<u64>(), 0_u64..100, 0_u64..100), 0..300).prop_map(|shares| {
            let mut exposure = Exposure::default();
            for (replica, ms, requests) in shares {
                exposure.add(replica, window(ms, requests));
            }
            exposure
        })
    }

    fn joined(a: &Exposure, b: &Exposure) -> Exposure {
        let mut out = a.clone();
        out.merge(b);
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn merging_is_commutative_associative_and_idempotent(
            a in exposures(), b in exposures(), c in exposures()
        ) {
            prop_assert_eq!(joined(&a, &b), joined(&b, &a));
            prop_assert_eq!(joined(&joined(&a, &b), &c), joined(&a, &joined(&b, &c)));
            prop_assert_eq!(joined(&a, &a), a);
        }
    }
}
