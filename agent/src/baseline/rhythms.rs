//! At which pace a workload contacts each endpoint: the pauses between contacts that were seen.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::facts::truncate;

/// Endpoints kept per phase, first in order.
const ENDPOINTS: usize = 256;

/// Pauses kept of one endpoint, by length: half-octaves from a millisecond to years are fewer.
const PAUSES: usize = 96;

/// Paces of contacts by endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rhythms {
    endpoints: BTreeMap<String, BTreeSet<i16>>,
}

impl Rhythms {
    /// Notes that an endpoint was contacted.
    pub fn note_contact(&mut self, endpoint: &str) {
        if !self.endpoints.contains_key(endpoint) {
            self.endpoints.insert(endpoint.to_owned(), BTreeSet::new());
            truncate(&mut self.endpoints, ENDPOINTS);
        }
    }

    /// Notes a pause between two contacts of an endpoint, seconds.
    pub fn note_pause(&mut self, endpoint: &str, seconds: f64) {
        self.note_contact(endpoint);
        if let (Some(pauses), Some(length)) =
            (self.endpoints.get_mut(endpoint), half_octaves(seconds))
        {
            pauses.insert(length);
            cut(pauses);
        }
    }

    /// Whether the endpoint was contacted.
    #[must_use]
    pub fn knows(&self, endpoint: &str) -> bool {
        self.endpoints.contains_key(endpoint)
    }

    /// Whether pauses of about this length belong to the endpoint: half or twice as long is about as long.
    #[must_use]
    pub fn has_pause(&self, endpoint: &str, seconds: f64) -> bool {
        let Some((pauses, length)) = self.endpoints.get(endpoint).zip(half_octaves(seconds)) else {
            return false;
        };
        let about = length.saturating_sub(2)..=length.saturating_add(2);
        pauses.range(about).next().is_some()
    }

    /// Joins with what others saw.
    pub fn merge(&mut self, other: &Self) {
        for (endpoint, pauses) in &other.endpoints {
            let mine = self.endpoints.entry(endpoint.clone()).or_default();
            mine.extend(pauses);
            cut(mine);
        }
        truncate(&mut self.endpoints, ENDPOINTS);
    }
}

fn cut(pauses: &mut BTreeSet<i16>) {
    while pauses.len() > PAUSES {
        pauses.pop_last();
    }
}

fn half_octaves(seconds: f64) -> Option<i16> {
    // A float cast saturates.
    (seconds.is_finite() && seconds > 0.0).then(|| (seconds.log2() * 2.0).floor() as i16)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pause_is_known_to_a_factor_of_two() {
        let mut rhythms = Rhythms::default();
        rhythms.note_pause("a", 60.0);
        for (seconds, known) in [
            (60.0, true),
            (45.0, true),
            (90.0, true),
            (20.0, false),
            (300.0, false),
        ] {
            assert_eq!(rhythms.has_pause("a", seconds), known, "{seconds}");
        }
        assert!(!rhythms.has_pause("b", 60.0) && !rhythms.knows("b"));
    }

    fn rhythms() -> impl Strategy<Value = Rhythms> {
        prop::collection::vec((0_u16..400, any::<f64>()), 0..500).prop_map(|pauses| {
            let mut rhythms = Rhythms::default();
            for (endpoint, seconds) in pauses {
                rhythms.note_pause(&format!("e{endpoint}"), seconds);
            }
            rhythms
        })
    }

    fn joined(a: &Rhythms, b: &Rhythms) -> Rhythms {
        let mut out = a.clone();
        out.merge(b);
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_order_of_merging_gives_the_same(a in rhythms(), b in rhythms(), c in rhythms()) {
            prop_assert_eq!(joined(&joined(&a, &b), &c), joined(&c, &joined(&b, &a)));
            prop_assert_eq!(joined(&a, &a), a.clone());
            prop_assert!(joined(&a, &b).endpoints.len() <= ENDPOINTS);
        }
    }
}
