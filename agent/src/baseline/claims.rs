//! What the layers that watch windows have claimed of a workload so far: the record that their forecasts are held to.
//!
//! A layer foretells how often ordinary behaviour makes a claim as rare as the one it makes. Whether that comes true for
//! this workload, only its own claims tell. Each counts as a false one here: where it was not, the one after it is judged
//! a little too mildly, and its finding was told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::facts::truncate;

/// Kinds of claims kept, first in order of their names. There are some thirty.
const KINDS: usize = 64;

/// Replicas kept of one kind: those with the smallest hashes, a uniform choice.
const REPLICAS: usize = 64;

/// Steps in which rarity is counted, per nat.
const STEPS: f64 = 2.0;

/// Rarer than this counts as this rare, nats.
const RAREST: f64 = 20.0;

/// How often each replica was claimed something of, by how rare that was said to be.
type ByReplica = BTreeMap<u64, BTreeMap<i8, u32>>;

/// Claims by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Claims {
    kinds: BTreeMap<String, ByReplica>,
}

impl Claims {
    /// Notes a claim about a replica (by the hash of its id) that was said to be so rare: in nats, 0 for once a month.
    pub fn note(&mut self, kind: &str, replica: u64, rarity: f64) {
        let kind = self.kinds.entry(kind.to_owned()).or_default();
        let times = kind.entry(replica).or_default();
        let count = times.entry(step(rarity)).or_default();
        *count = count.saturating_add(1);
        truncate(kind, REPLICAS);
        truncate(&mut self.kinds, KINDS);
    }

    /// How many claims of a kind were said to be as rare as this or rarer.
    #[must_use]
    pub fn as_rare(&self, kind: &str, rarity: f64) -> u64 {
        let from = step(rarity);
        let replicas = self.kinds.get(kind).into_iter().flat_map(BTreeMap::values);
        let counts = replicas.flat_map(|times| times.range(from..));
        counts.fold(0, |sum, (_, count)| sum.saturating_add(u64::from(*count)))
    }

    /// Whether nothing was claimed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Joins with what others noted; any order of joining gives the same bytes.
    pub fn merge(&mut self, other: &Self) {
        for (kind, replicas) in &other.kinds {
            let mine = self.kinds.entry(kind.clone()).or_default();
            for (replica, times) in replicas {
                let mine = mine.entry(*replica).or_default();
                for (step, count) in times {
                    let sum = mine.entry(*step).or_default();
                    *sum = (*sum).max(*count);
                }
            }
            truncate(mine, REPLICAS);
        }
        truncate(&mut self.kinds, KINDS);
    }
}

fn step(rarity: f64) -> i8 {
    let rarity = if rarity.is_nan() { 0.0 } else { rarity };
    // At most 40 in size; a float cast saturates.
    (rarity.clamp(-RAREST, RAREST) * STEPS).floor() as i8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counts_what_was_as_rare_or_rarer_over_all_replicas() {
        let mut claims = Claims::default();
        for (replica, rarity) in [(1, 0.0), (1, 3.0), (2, 3.0), (2, 9.0)] {
            claims.note("rates", replica, rarity);
        }
        let counts = [-5.0, 0.0, 0.6, 3.0, 8.0, 99.0].map(|from| claims.as_rare("rates", from));
        assert_eq!(counts, [4, 4, 3, 3, 1, 0]);
        assert_eq!(claims.as_rare("calls", -5.0), 0);
    }

    fn any_claims() -> impl Strategy<Value = Claims> {
        prop::collection::vec(("[a-c]", 0_u64..90, prop::num::f64::ANY), 0..40).prop_map(|notes| {
            let mut claims = Claims::default();
            for (kind, replica, rarity) in notes {
                claims.note(&kind, replica, rarity);
            }
            claims
        })
    }

    fn joined(a: &Claims, b: &Claims) -> Claims {
        let mut out = a.clone();
        out.merge(b);
        out
    }

    proptest! {
        #[test]
        fn merging_is_commutative_associative_and_idempotent(a in any_claims(), b in any_claims(), c in any_claims()) {
            prop_assert_eq!(joined(&a, &b), joined(&b, &a));
            prop_assert_eq!(joined(&joined(&a, &b), &c), joined(&a, &joined(&b, &c)));
            prop_assert_eq!(joined(&a, &a), a);
        }

        #[test]
        fn memory_is_bounded(notes in prop::collection::vec((any::<u16>(), any::<u64>()), 0..400)) {
            let mut claims = Claims::default();
            for (kind, replica) in notes {
                claims.note(&kind.to_string(), replica, 1.0);
            }
            prop_assert!(claims.kinds.len() <= KINDS);
        }
    }
}
