//! Pairs of successive calls of one thread: what the probe reports live, made of whole traces.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::baseline::bags::Bag;
use crate::detect::sequence::part;
use crate::observe::window::CallCount;

/// Learned calls and pairs of them, each with the parts that hold it, one bit each. Looked up only, never iterated, so
/// the order of the maps is of no consequence.
#[derive(Clone, Debug, Default)]
pub struct Pairs {
    calls: HashMap<u16, u8>,
    pairs: HashMap<(u16, u16), u8>,
}

impl Pairs {
    /// Learns from traces, and says what each made, its new pairs being those that only its own part holds.
    #[must_use]
    pub fn learn(traces: &[Vec<u16>]) -> (Self, Vec<Bag>) {
        let mut learned = Self::default();
        let part_of = |index| 1_u8 << part(index, traces.len());
        for (index, trace) in traces.iter().enumerate() {
            for call in trace {
                *learned.calls.entry(*call).or_default() |= part_of(index);
            }
            for pair in pairs_of(trace) {
                *learned.pairs.entry(pair).or_default() |= part_of(index);
            }
        }
        let bags = traces.iter().enumerate();
        let bags = bags.map(|(index, trace)| learned.bag_without(trace, part_of(index)));
        let bags = bags.collect();
        (learned, bags)
    }

    /// What a trace made that was not learned from.
    #[must_use]
    pub fn bag(&self, trace: &[u16]) -> Bag {
        self.bag_without(trace, 0)
    }

    /// What a trace made; what only these parts hold is not learned. Calls that are not learned make no pairs: they are
    /// new themselves.
    fn bag_without(&self, trace: &[u16], parts: u8) -> Bag {
        let elsewhere = |holders: Option<&u8>| holders.is_some_and(|holders| holders & !parts != 0);
        let known = trace.iter().copied();
        let known: Vec<u16> = known
            .filter(|call| elsewhere(self.calls.get(call)))
            .collect();
        let pairs: BTreeSet<_> = pairs_of(&known).collect();
        let new = pairs.iter().filter(|pair| !elsewhere(self.pairs.get(pair)));
        Bag::of(
            &counts(trace),
            u32::try_from(new.count()).unwrap_or(u32::MAX),
        )
    }
}

fn pairs_of(trace: &[u16]) -> impl Iterator<Item = (u16, u16)> {
    let seconds = trace.iter().skip(1);
    trace.iter().copied().zip(seconds.copied())
}

fn counts(trace: &[u16]) -> Vec<CallCount> {
    let mut counts: BTreeMap<u16, u64> = BTreeMap::new();
    for call in trace {
        *counts.entry(*call).or_default() += 1;
    }
    let counts = counts.into_iter().map(|(call, calls)| CallCount {
        call,
        calls,
        errors: 0,
    });
    counts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned() -> (Pairs, Vec<Bag>) {
        let mut traces = vec![vec![1, 3, 2, 1, 3]];
        traces.extend(vec![vec![1, 2, 3]; 9]);
        Pairs::learn(&traces)
    }

    #[test]
    fn pairs_never_learned_are_new_and_count_once() {
        let (pairs, _) = learned();
        assert_eq!(pairs.bag(&[1, 2, 3]).new_pairs, 0);
        assert_eq!(pairs.bag(&[3, 1, 3, 1]).new_pairs, 1, "1 > 3 was learned");
        assert_eq!(pairs.bag(&[3, 1, 3, 1]).total(), 4);
    }

    #[test]
    fn a_part_is_judged_without_itself() {
        let (_, bags) = learned();
        let new: Vec<u32> = bags.iter().map(|bag| bag.new_pairs).collect();
        assert_eq!(new, [3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn calls_never_learned_make_no_pairs() {
        let (pairs, _) = learned();
        assert_eq!(pairs.bag(&[1, 9, 2, 9, 9, 3]).new_pairs, 0);
        assert_eq!(pairs.bag(&[9]).new_pairs, 0);
        assert_eq!(pairs.bag(&[]), Bag::default());
    }
}
