//! Which system calls the windows of a phase made, and how often: bags of calls, of which a bounded uniform sample is kept
//! that merges exactly.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::facts::truncate;
use super::hash::hash64;
use crate::observe::event::Moment;
use crate::observe::window::CallCount;

/// Windows kept per phase: those with the smallest hashes, a uniform choice.
const WINDOWS: usize = 128;

/// Calls kept per window; the probe counts no more.
const CALLS: usize = 512;

/// What one window of a container, or one trace of a thread, did.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Bag {
    /// How often each system call was made, by its number; never 0.
    calls: BTreeMap<u16, u64>,
    /// How many different pairs of successive calls were new.
    pub new_pairs: u32,
}

impl Bag {
    /// A bag of these calls.
    #[must_use]
    pub fn of(counts: &[CallCount], new_pairs: u32) -> Self {
        let mut calls = BTreeMap::new();
        for count in counts.iter().filter(|count| count.calls > 0) {
            let times: &mut u64 = calls.entry(count.call).or_default();
            *times = times.saturating_add(count.calls);
        }
        truncate(&mut calls, CALLS);
        Self { calls, new_pairs }
    }

    /// The calls in it, with how often each was made.
    pub fn calls(&self) -> impl Iterator<Item = (u16, u64)> {
        self.calls.iter().map(|(call, times)| (*call, *times))
    }

    /// Calls made in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.calls
            .values()
            .fold(0, |sum, times| sum.saturating_add(*times))
    }
}

/// A window that is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Kept {
    /// Hash of the replica's id.
    replica: u64,
    end: Moment,
    bag: Bag,
}

/// The bags of one phase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bags(BTreeMap<u64, Kept>);

impl Bags {
    /// Offers what one window made.
    pub fn offer(&mut self, replica: &str, end: Moment, calls: &[CallCount], new_pairs: u32) {
        let key = hash64(&[b"bag", replica.as_bytes(), &end.0.to_le_bytes()]);
        let last = self.0.last_key_value();
        if self.0.len() >= WINDOWS && last.is_some_and(|(last, _)| key >= *last) {
            return;
        }
        let kept = Kept {
            replica: hash64(&[replica.as_bytes()]),
            end,
            bag: Bag::of(calls, new_pairs),
        };
        self.0.insert(key, kept);
        truncate(&mut self.0, WINDOWS);
    }

    /// Joins with others; any order of joining gives the same bytes.
    pub fn merge(&mut self, other: &Self) {
        for (key, theirs) in &other.0 {
            let mine = self.0.entry(*key).or_insert_with(|| theirs.clone());
            if *mine < *theirs {
                mine.clone_from(theirs);
            }
        }
        truncate(&mut self.0, WINDOWS);
    }

    /// The bags, replica by replica, each replica's in the order in which they were made.
    #[must_use]
    pub fn in_order(&self) -> Vec<&Bag> {
        let mut kept: Vec<&Kept> = self.0.values().collect();
        kept.sort();
        kept.into_iter().map(|kept| &kept.bag).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn count(call: u16, calls: u64) -> CallCount {
        CallCount {
            call,
            calls,
            errors: 0,
        }
    }

    #[test]
    fn a_bag_holds_what_was_made() {
        let bag = Bag::of(&[count(3, 2), count(1, 5), count(7, 0), count(3, 1)], 4);
        assert_eq!(bag.calls().collect::<Vec<_>>(), [(1, 5), (3, 3)]);
        assert_eq!((bag.total(), bag.new_pairs), (8, 4));
    }

    #[test]
    fn a_uniform_choice_is_kept_and_told_replica_by_replica_in_time() {
        let mut bags = Bags::default();
        for window in 0..4000_u64 {
            let replica = match window.is_multiple_of(2) {
                true => "a",
                false => "b",
            };
            bags.offer(replica, Moment(window), &[count(1, window + 1)], 0);
        }
        let made: Vec<u64> = bags.in_order().iter().map(|bag| bag.total()).collect();
        assert_eq!(made.len(), WINDOWS);
        let late = made.iter().filter(|made| **made > 2000).count();
        assert!((40..=88).contains(&late), "{late}");
        let by_replica: Vec<_> = made.chunk_by(|a, b| a % 2 == b % 2).collect();
        assert_eq!(by_replica.len(), 2, "one after the other");
        assert!(by_replica.iter().all(|made| made.is_sorted()));
    }

    fn learned() -> impl Strategy<Value = Bags> {
        let window = (0_u8..3, 0_u64..400, 0_u16..5, 0_u64..900, 0_u32..9);
        prop::collection::vec(window, 0..200).prop_map(|windows| {
            let mut bags = Bags::default();
            for (replica, end, call, calls, new_pairs) in windows {
                let calls = [count(call, calls), count(9, 1)];
                bags.offer(&replica.to_string(), Moment(end), &calls, new_pairs);
            }
            bags
        })
    }

    fn joined(a: &Bags, b: &Bags) -> Bags {
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
    }
}
