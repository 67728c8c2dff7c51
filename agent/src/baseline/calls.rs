//! How often each system call was made at most, in a window and per unit of work, by block of time.
//!
//! The largest values say what is within reach; the largest of each block say how far a block of ordinary behaviour
//! comes beyond all others, which is what a judge needs to know of a block that is yet to come.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::facts::truncate;
use super::hash::hash64;
use crate::observe::event::Moment;
use crate::observe::window::CallCount;

/// Windows of a block: long enough that what belongs together mostly falls into one.
pub const BLOCK_WINDOWS: u64 = 64;

/// Blocks kept per phase: those with the smallest hashes, a uniform choice.
const BLOCKS: usize = 96;

/// Calls kept per phase; the probe counts no more.
const CALLS: usize = 512;

/// Calls that do work which every window is taken to have besides its own, so that the share of a call in an almost
/// empty window is no news.
const BACKGROUND_CALLS: u64 = 100;

/// The most of one call, rounded up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peak {
    /// Calls in 1000 s, at the pace of the busiest window.
    pub pace: u64,
    /// Calls in a million calls that do work.
    pub share: u32,
}

impl Peak {
    /// The peaks of one window, by call number. Waiting and scheduling, for which `is_work` is false, are no work.
    pub fn of(
        calls: &[CallCount],
        length_ns: u64,
        is_work: fn(u16) -> bool,
    ) -> impl Iterator<Item = (u16, Self)> {
        let of_work = calls.iter().filter(|count| is_work(count.call));
        let work = of_work.fold(BACKGROUND_CALLS, |sum, c| sum.saturating_add(c.calls));
        let made = calls.iter().filter(|count| count.calls > 0);
        made.map(move |count| {
            let calls = u128::from(count.calls);
            let pace = (calls * 1_000_000_000_000).div_ceil(u128::from(length_ns.max(1)));
            let share = (calls * 1_000_000).div_ceil(u128::from(work));
            let peak = Self {
                pace: u64::try_from(pace).unwrap_or(u64::MAX),
                share: u32::try_from(share).unwrap_or(u32::MAX),
            };
            (count.call, peak)
        })
    }

    fn raise(&mut self, other: Self) {
        self.pace = self.pace.max(other.pace);
        self.share = self.share.max(other.share);
    }
}

/// The peaks of one replica in one block of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Hash of the replica's id.
    pub replica: u64,
    /// Windows in it.
    pub windows: u64,
    /// By call number.
    pub peaks: BTreeMap<u16, Peak>,
}

/// The peaks of one phase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallPeaks {
    /// Over everything learned, by call number.
    most: BTreeMap<u16, Peak>,
    blocks: BTreeMap<u64, Block>,
    /// The longest window, milliseconds.
    window_ms: u64,
}

impl CallPeaks {
    /// Takes in the calls of one window.
    pub fn learn(
        &mut self,
        replica: &str,
        end: Moment,
        length_ns: u64,
        calls: &[CallCount],
        is_work: fn(u16) -> bool,
    ) {
        let length_ns = length_ns.max(1);
        self.window_ms = self.window_ms.max(length_ns.div_ceil(1_000_000));
        let time = end.0 / length_ns.saturating_mul(BLOCK_WINDOWS);
        let key = hash64(&[b"block", replica.as_bytes(), &time.to_le_bytes()]);
        let block = self.blocks.entry(key).or_default();
        block.replica = hash64(&[replica.as_bytes()]);
        block.windows = block.windows.saturating_add(1);
        for (call, peak) in Peak::of(calls, length_ns, is_work) {
            block.peaks.entry(call).or_default().raise(peak);
            self.most.entry(call).or_default().raise(peak);
        }
        truncate(&mut block.peaks, CALLS);
        truncate(&mut self.most, CALLS);
        truncate(&mut self.blocks, BLOCKS);
    }

    /// Joins with another; any order of joining gives the same bytes.
    pub fn merge(&mut self, other: &Self) {
        self.window_ms = self.window_ms.max(other.window_ms);
        for (call, peak) in &other.most {
            self.most.entry(*call).or_default().raise(*peak);
        }
        for (key, theirs) in &other.blocks {
            let mine = self.blocks.entry(*key).or_default();
            mine.replica = mine.replica.max(theirs.replica);
            mine.windows = mine.windows.max(theirs.windows);
            for (call, peak) in &theirs.peaks {
                mine.peaks.entry(*call).or_default().raise(*peak);
            }
            truncate(&mut mine.peaks, CALLS);
        }
        truncate(&mut self.most, CALLS);
        truncate(&mut self.blocks, BLOCKS);
    }

    /// The most of each call over everything learned.
    #[must_use]
    pub fn most(&self) -> &BTreeMap<u16, Peak> {
        &self.most
    }

    /// The blocks kept.
    pub fn blocks(&self) -> impl ExactSizeIterator<Item = &Block> {
        self.blocks.values()
    }

    /// The longest window learned, milliseconds.
    #[must_use]
    pub fn window_ms(&self) -> u64 {
        self.window_ms
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn count(call: u16, calls: u64) -> CallCount {
        CallCount {
            call,
            calls,
            errors: 0,
        }
    }

    fn learn(peaks: &mut CallPeaks, replica: &str, window: u64, calls: &[CallCount]) {
        let end = Moment(window * 5 * SECOND);
        peaks.learn(replica, end, 5 * SECOND, calls, |call| call != 9);
    }

    #[test]
    fn the_most_is_kept_per_second_and_per_work() {
        let mut peaks = CallPeaks::default();
        learn(&mut peaks, "a", 1, &[count(1, 50), count(2, 850)]);
        learn(&mut peaks, "a", 2, &[count(1, 10), count(9, 7_000_000)]);
        let most = peaks.most().get(&1).copied();
        // 10 a second; 50 of 900 and 100, and 10 of 10 and 100.
        let expected = Peak {
            pace: 10_000,
            share: 90_910,
        };
        assert_eq!(most, Some(expected));
        assert_eq!(peaks.blocks().len(), 1);
    }

    #[test]
    fn blocks_are_bounded_and_their_windows_counted() {
        let mut peaks = CallPeaks::default();
        for window in 0..BLOCK_WINDOWS * 200 {
            learn(&mut peaks, "a", window, &[count(1, window)]);
        }
        assert_eq!(peaks.blocks().len(), BLOCKS);
        assert!(peaks.blocks().all(|block| block.windows == BLOCK_WINDOWS));
        let most = peaks.most().get(&1).map(|peak| peak.pace);
        assert_eq!(most, Some((BLOCK_WINDOWS * 200 - 1) * 200));
    }

    fn learned() -> impl Strategy<Value = CallPeaks> {
        let window = (0_u8..3, 0_u64..40_000, 0_u16..5, 0_u64..900);
        prop::collection::vec(window, 0..200).prop_map(|windows| {
            let mut peaks = CallPeaks::default();
            for (replica, window, call, calls) in windows {
                learn(
                    &mut peaks,
                    &replica.to_string(),
                    window,
                    &[count(call, calls)],
                );
            }
            peaks
        })
    }

    fn joined(a: &CallPeaks, b: &CallPeaks) -> CallPeaks {
        let mut out = a.clone();
        out.merge(b);
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_order_of_merging_gives_the_same_bytes(a in learned(), b in learned(), c in learned()) {
            let one = joined(&joined(&a, &b), &c);
            let two = joined(&c, &joined(&b, &a));
            prop_assert_eq!(serde_json::to_vec(&one).ok(), serde_json::to_vec(&two).ok());
            prop_assert_eq!(joined(&a, &a), a);
        }

        #[test]
        fn absurd_counts_are_no_problem(calls in any::<u64>(), length in any::<u64>(), end in any::<u64>()) {
            let mut peaks = CallPeaks::default();
            peaks.learn("a", Moment(end), length, &[count(1, calls), count(2, calls)], |_| true);
            prop_assert!(peaks.most().values().all(|peak| peak.share <= 1_000_000));
        }
    }
}
