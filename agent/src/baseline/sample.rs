//! A bounded uniform sample of feature rows that merges exactly: the rows with the smallest hashes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::facts::truncate;
use super::hash::hash64;
use crate::observe::event::Moment;

/// Rows kept per phase.
pub const ROWS: usize = 512;

/// Steps per nat. Quantising makes equal rows equal bytes on every machine.
const STEPS: f64 = 1024.0;

/// The bits of a row's key that tell its replica. The others decide which rows are kept.
const TAG_BITS: u32 = 16;

/// Bottom-k sample of feature rows, keyed by a hash of (replica, window end) whose low bits are those of the replica's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sample {
    rows: BTreeMap<u64, Vec<i32>>,
}

/// A sampled window.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// In which half it is: models that are fitted on one are calibrated by the other.
    pub in_first_half: bool,
    /// Its replica's tag.
    pub tag: u16,
    /// Its features, nats.
    pub features: Vec<f64>,
}

/// By what the rows of a replica are told from those of others. Two replicas rarely share one.
#[must_use]
pub fn tag(replica: &str) -> u16 {
    hash64(&[replica.as_bytes()]) as u16
}

impl Sample {
    /// Offers the features (nats) of one window; true when the sample changed. Rows with a value that is not finite
    /// are left out.
    pub fn offer(&mut self, replica: &str, end: Moment, features: &[f64]) -> bool {
        if features.iter().any(|value| !value.is_finite()) {
            return false;
        }
        // Those of an agent that took other features are of no use, and must not take the room of those that are.
        if self.rows.values().any(|row| row.len() != features.len()) {
            self.rows.retain(|_, row| row.len() == features.len());
        }
        let key = hash64(&[replica.as_bytes(), &end.0.to_le_bytes()]);
        let key = key >> TAG_BITS << TAG_BITS | u64::from(tag(replica));
        let full = self.rows.len() >= ROWS;
        if full
            && self
                .rows
                .last_key_value()
                .is_some_and(|(last, _)| key >= *last)
        {
            return false;
        }
        // A float cast saturates, so even absurd features stay in range.
        let row = features
            .iter()
            .map(|v| (v * STEPS).round() as i32)
            .collect();
        let new = self.rows.insert(key, row).is_none();
        truncate(&mut self.rows, ROWS);
        new
    }

    /// Joins with another sample; any order of joining gives the same rows.
    pub fn merge(&mut self, other: &Self) {
        for (key, row) in &other.rows {
            let mine = self.rows.entry(*key).or_default();
            if *mine < *row {
                mine.clone_from(row);
            }
        }
        truncate(&mut self.rows, ROWS);
    }

    /// The rows (nats) with `width` features, in the order of their keys.
    pub fn rows(&self, width: usize) -> impl Iterator<Item = Row> {
        self.rows
            .iter()
            .filter(move |(_, row)| row.len() == width)
            .map(|(key, row)| Row {
                in_first_half: (key >> TAG_BITS).is_multiple_of(2),
                tag: *key as u16,
                features: row.iter().map(|v| f64::from(*v) / STEPS).collect(),
            })
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn holds_at_most_its_bound_and_keeps_a_uniform_choice() {
        let mut sample = Sample::default();
        for end in 0..5000_u64 {
            sample.offer("r", Moment(end), &[end as f64]);
        }
        assert_eq!(sample.len(), ROWS);
        let early = sample
            .rows(1)
            .filter(|row| row.features.iter().any(|v| *v < 2500.0));
        let early = early.count();
        assert!(
            (200..=312).contains(&early),
            "{early} of 512 from the first half"
        );
    }

    #[test]
    fn the_same_window_is_sampled_once_and_odd_values_never() {
        let mut sample = Sample::default();
        assert!(sample.offer("r", Moment(1), &[1.0, 2.0]));
        assert!(!sample.offer("r", Moment(1), &[1.0, 2.0]));
        assert!(!sample.offer("r", Moment(2), &[f64::NAN, 2.0]));
        assert!(sample.offer("r", Moment(3), &[f64::MAX, 2.0]));
        assert_eq!(sample.rows(2).count(), 2);
        assert_eq!(sample.rows(3).count(), 0);
    }

    #[test]
    fn rows_of_other_features_make_room() {
        let mut sample = Sample::default();
        for end in 0..600 {
            sample.offer("r", Moment(end), &[1.0]);
        }
        sample.offer("r", Moment(900), &[1.0, 2.0]);
        assert_eq!((sample.len(), sample.rows(2).count()), (1, 1));
    }

    fn samples() -> impl Strategy<Value = Sample> {
        prop::collection::vec((0_u64..600, -9.0..9.0_f64), 0..700).prop_map(|rows| {
            let mut sample = Sample::default();
            for (end, value) in rows {
                sample.offer("r", Moment(end), &[value]);
            }
            sample
        })
    }

    fn joined(a: &Sample, b: &Sample) -> Sample {
        let mut out = a.clone();
        out.merge(b);
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn any_order_of_merging_gives_the_same_bytes(a in samples(), b in samples(), c in samples()) {
            let one = joined(&joined(&a, &b), &c);
            let two = joined(&c, &joined(&b, &a));
            prop_assert_eq!(serde_json::to_vec(&one).ok(), serde_json::to_vec(&two).ok());
            prop_assert_eq!(joined(&a, &a), a);
        }
    }
}
