//! How often a workload does a thing in a row: bouts, and the acts in them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::facts::truncate;

/// Kinds of acts kept, first in order of their names.
const KINDS: usize = 256;

/// Replicas kept of one kind, those with the smallest hashes.
const REPLICAS: usize = 8;

/// Bouts that were seen of one kind of act.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Seen {
    /// Bouts.
    pub bouts: u64,
    /// Acts in all of them.
    pub acts: u64,
    /// Acts in the longest.
    pub most: u64,
}

impl Seen {
    /// Those of both.
    fn and(self, other: Self) -> Self {
        Self {
            bouts: self.bouts.saturating_add(other.bouts),
            acts: self.acts.saturating_add(other.acts),
            most: self.most.max(other.most),
        }
    }
}

/// Bouts by kind of act.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bouts {
    kinds: BTreeMap<String, BTreeMap<u64, Seen>>,
}

impl Bouts {
    /// Notes that a replica (by the hash of its id) has ended a bout of so many acts.
    pub fn note(&mut self, kind: &str, replica: u64, acts: u64) {
        let replicas = self.kinds.entry(kind.to_owned()).or_default();
        let bout = Seen {
            bouts: 1,
            acts,
            most: acts,
        };
        let seen = replicas.entry(replica).or_default();
        *seen = seen.and(bout);
        truncate(replicas, REPLICAS);
        truncate(&mut self.kinds, KINDS);
    }

    /// What was seen of one kind of act.
    #[must_use]
    pub fn of(&self, kind: &str) -> Seen {
        let replicas = self.kinds.get(kind).into_iter().flat_map(BTreeMap::values);
        replicas.fold(Seen::default(), |sum, seen| sum.and(*seen))
    }

    /// Joins with what others saw.
    pub fn merge(&mut self, other: &Self) {
        for (kind, replicas) in &other.kinds {
            let mine = self.kinds.entry(kind.clone()).or_default();
            for (replica, theirs) in replicas {
                let seen = mine.entry(*replica).or_default();
                // What one saw of a replica later holds what was seen before.
                *seen = (*seen).max(*theirs);
            }
            truncate(mine, REPLICAS);
        }
        truncate(&mut self.kinds, KINDS);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn replicas_are_summed_up() {
        let mut bouts = Bouts::default();
        for (replica, acts) in [(1, 1), (1, 4), (2, 2)] {
            bouts.note("execve", replica, acts);
        }
        let seen = Seen {
            bouts: 3,
            acts: 7,
            most: 4,
        };
        assert_eq!(bouts.of("execve"), seen);
        assert_eq!(bouts.of("rename"), Seen::default());
    }

    fn bouts() -> impl Strategy<Value = Bouts> {
        prop::collection::vec((0_u16..300, 0_u64..12, 1_u64..100), 0..400).prop_map(|acts| {
            let mut bouts = Bouts::default();
            for (kind, replica, acts) in acts {
                bouts.note(&format!("k{kind}"), replica, acts);
            }
            bouts
        })
    }

    fn joined(a: &Bouts, b: &Bouts) -> Bouts {
        let mut out = a.clone();
        out.merge(b);
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_order_of_merging_gives_the_same(a in bouts(), b in bouts(), c in bouts()) {
            prop_assert_eq!(joined(&joined(&a, &b), &c), joined(&c, &joined(&b, &a)));
            prop_assert_eq!(joined(&a, &a), a.clone());
            prop_assert!(joined(&a, &b).kinds.len() <= KINDS);
        }
    }
}
