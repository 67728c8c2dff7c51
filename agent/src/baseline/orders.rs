//! In which order a workload does things that are each dangerous: pairs of steps that followed each other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::facts::truncate;

/// Pairs kept per phase, first in order.
const PAIRS: usize = 1024;

/// Replicas remembered of one pair, those with the smallest hashes.
const REPLICAS: usize = 8;

/// Something that a container did, or that happened to it, as far as its order matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Nothing that explains what followed.
    Nothing,
    /// Requests were served.
    Request,
    /// Requests of an unusual size were served.
    OddRequest,
    /// Clients sent much.
    Ingest,
    /// Much was fetched from elsewhere.
    Download,
    /// A model file was written.
    ModelWrite,
    /// A model file was read while serving.
    ModelRead,
    /// Credentials were read.
    SecretRead,
    /// A file was written.
    Write,
    /// A program was started.
    Exec,
    /// A file was mapped as code.
    CodeMap,
    /// A peer was contacted.
    Connect,
    /// A name was asked of DNS.
    Dns,
}

/// One step after another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Pair {
    /// What came first.
    pub before: Step,
    /// What followed.
    pub after: Step,
    /// The generalised value of what followed, where it matters: the endpoint, the name, the program, the file.
    pub value: String,
}

/// Pairs that followed each other, with how often on which replica.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Orders {
    #[serde(with = "entries")]
    pairs: BTreeMap<Pair, BTreeMap<u64, u64>>,
}

impl Orders {
    /// Notes a pair.
    pub fn note(&mut self, pair: &Pair, replica: u64) {
        let replicas = self.pairs.entry(pair.clone()).or_default();
        let count = replicas.entry(replica).or_default();
        *count = count.saturating_add(1);
        truncate(replicas, REPLICAS);
        truncate(&mut self.pairs, PAIRS);
    }

    /// Whether a pair was noted.
    #[must_use]
    pub fn knows(&self, pair: &Pair) -> bool {
        self.pairs.contains_key(pair)
    }

    /// Whether there is no room for further pairs, so that an unknown pair proves nothing.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.pairs.len() >= PAIRS
    }

    /// Pairs of the same steps, whatever their value: how many, and how many of them were noted only once. The latter
    /// tell how many more there are (Good, Biometrika 40, 1953).
    #[must_use]
    pub fn alike(&self, pair: &Pair) -> (u64, u64) {
        let alike = self
            .pairs
            .iter()
            .filter(|(known, _)| (known.before, known.after) == (pair.before, pair.after));
        alike.fold((0, 0), |(all, once), (_, replicas)| {
            let sum: u64 = replicas.values().fold(0, |sum, n| sum.saturating_add(*n));
            (all + 1, once + u64::from(sum == 1))
        })
    }

    /// Joins with what others saw.
    pub fn merge(&mut self, other: &Self) {
        for (pair, replicas) in &other.pairs {
            let mine = self.pairs.entry(pair.clone()).or_default();
            for (replica, count) in replicas {
                let sum = mine.entry(*replica).or_default();
                *sum = (*sum).max(*count);
            }
            truncate(mine, REPLICAS);
        }
        truncate(&mut self.pairs, PAIRS);
    }
}

/// A map with keys of several parts as a list of entries.
mod entries {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Pair;

    type Map = BTreeMap<Pair, BTreeMap<u64, u64>>;

    pub(super) fn serialize<S: Serializer>(map: &Map, to: S) -> Result<S::Ok, S::Error> {
        map.iter().collect::<Vec<_>>().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Map, D::Error> {
        let entries = Vec::<(Pair, BTreeMap<u64, u64>)>::deserialize(from)?;
        Ok(entries.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn pair(value: u16) -> Pair {
        Pair {
            before: Step::SecretRead,
            after: Step::Connect,
            value: format!("tcp 10.0.0.{value}:443"),
        }
    }

    #[test]
    fn pairs_seen_once_tell_of_more() {
        let mut orders = Orders::default();
        orders.note(&pair(1), 1);
        orders.note(&pair(1), 2);
        orders.note(&pair(2), 1);
        assert_eq!(orders.alike(&pair(9)), (2, 1));
        let other = Pair {
            before: Step::Nothing,
            ..pair(9)
        };
        assert_eq!(orders.alike(&other), (0, 0));
        assert!(orders.knows(&pair(2)) && !orders.knows(&pair(3)));
    }

    fn orders() -> impl Strategy<Value = Orders> {
        prop::collection::vec((0_u16..2000, 0_u64..20), 0..300).prop_map(|pairs| {
            let mut orders = Orders::default();
            for (value, replica) in pairs {
                orders.note(&pair(value), replica);
            }
            orders
        })
    }

    fn joined(a: &Orders, b: &Orders) -> Orders {
        let mut out = a.clone();
        out.merge(b);
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn any_order_of_merging_gives_the_same_bytes(a in orders(), b in orders(), c in orders()) {
            let one = joined(&joined(&a, &b), &c);
            let two = joined(&c, &joined(&b, &a));
            prop_assert_eq!(serde_json::to_vec(&one).ok(), serde_json::to_vec(&two).ok());
            prop_assert_eq!(joined(&a, &a), a.clone());
            let bytes = serde_json::to_vec(&a).unwrap();
            prop_assert_eq!(serde_json::from_slice::<Orders>(&bytes).unwrap(), a);
        }
    }
}
