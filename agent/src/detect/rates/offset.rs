//! How replicas of one workload differ from each other, and what of it to take off a replica's features.
//!
//! A replica's own level is a random effect: what is seen of it counts in proportion to how much replicas differ and how
//! little its windows vary, `n / (n + within / between)` (the best linear unbiased predictor, Henderson 1975).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::scale::median;

/// Rows of a replica from which its level is known.
const MIN_ROWS: usize = 8;

/// Replicas from which on their differences are known.
const MIN_REPLICAS: usize = 3;

/// Windows that say as much as one independent one: neighbours resemble each other.
const DEPENDENT: f64 = 4.0;

/// Windows that a container's own level remembers: an hour of 5 s each.
const MEMORY: f64 = 720.0;

/// An offset is at most so many standard deviations between replicas: nobody talks the model into anything.
const MOST_DEVIATIONS: f64 = 3.0;

/// Differences between the replicas of a workload, by feature.
#[derive(Clone, Debug, Default)]
pub(super) struct Offsets {
    /// The workload's level.
    centre: Vec<f64>,
    /// Variance within a replica over that between replicas; infinite when they do not differ.
    ratio: Vec<f64>,
    /// Largest offset.
    most: Vec<f64>,
    /// Rows and level of the replicas learned from.
    replicas: BTreeMap<u16, (f64, Vec<f64>)>,
}

/// What a container's features were like of late.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct OwnLevel {
    windows: f64,
    mean: Vec<f64>,
}

impl OwnLevel {
    /// Takes one window in.
    pub(super) fn add(&mut self, features: &[f64]) {
        if self.mean.len() != features.len() {
            self.mean = vec![0.0; features.len()];
            self.windows = 0.0;
        }
        self.windows = (self.windows + 1.0).min(MEMORY);
        for (mean, value) in self.mean.iter_mut().zip(features) {
            *mean += (value.clamp(-1e6, 1e6) - *mean) / self.windows;
        }
    }
}

impl Offsets {
    /// Learns from rows with the tags of their replicas; without offsets when too few replicas are known well enough.
    pub(super) fn of(rows: &[(u16, &[f64])], width: usize) -> Self {
        let mut by_replica: BTreeMap<u16, Vec<&[f64]>> = BTreeMap::new();
        for (tag, row) in rows {
            by_replica.entry(*tag).or_default().push(row);
        }
        by_replica.retain(|_, rows| rows.len() >= MIN_ROWS);
        if by_replica.len() < MIN_REPLICAS {
            return Self::default();
        }
        let column = |rows: &[&[f64]], feature: usize| -> Vec<f64> {
            rows.iter()
                .filter_map(|row| row.get(feature).copied())
                .collect()
        };
        let replicas: BTreeMap<u16, (f64, Vec<f64>)> = by_replica
            .iter()
            .map(|(tag, rows)| {
                let level = (0..width).map(|feature| median(&mut column(rows, feature)));
                (*tag, (rows.len() as f64, level.collect()))
            })
            .collect();
        let mut offsets = Self {
            replicas,
            ..Self::default()
        };
        let count = by_replica.len() as f64;
        let rows_each = by_replica.values().map(Vec::len).sum::<usize>() as f64 / count;
        for feature in 0..width {
            let levels: Vec<f64> = offsets
                .replicas
                .values()
                .filter_map(|(_, level)| level.get(feature).copied())
                .collect();
            let centre = levels.iter().sum::<f64>() / count;
            let mut deviations: Vec<f64> = by_replica
                .iter()
                .zip(&levels)
                .flat_map(|((_, rows), level)| {
                    column(rows, feature)
                        .into_iter()
                        .map(|v| (v - *level).abs())
                        .collect::<Vec<_>>()
                })
                .collect();
            let within = (1.4826 * median(&mut deviations)).powi(2);
            let spread = levels.iter().map(|v| (v - centre).powi(2)).sum::<f64>() / (count - 1.0);
            // What the levels would differ by if replicas were alike; the median's variance is π/2 times the mean's.
            let by_chance = within * DEPENDENT * std::f64::consts::FRAC_PI_2 / rows_each.max(1.0);
            let between = (spread - by_chance).max(0.0);
            offsets.centre.push(centre);
            offsets.ratio.push(match between > 1e-9 {
                true => within / between,
                false => f64::INFINITY,
            });
            offsets.most.push(MOST_DEVIATIONS * between.sqrt());
        }
        offsets
    }

    /// Whether replicas are known to differ.
    pub(super) fn any(&self) -> bool {
        self.ratio.iter().any(|ratio| ratio.is_finite())
    }

    /// Whether a container's level is known from what was learned of it or from so many of its own windows.
    pub(super) fn knows(&self, tag: u16, own: &OwnLevel, windows: u32) -> bool {
        self.replicas.contains_key(&tag) || own.windows >= f64::from(windows)
    }

    /// A learned replica's offset.
    pub(super) fn of_replica(&self, tag: u16) -> Vec<f64> {
        match self.replicas.get(&tag) {
            Some((rows, level)) => self.shrunken(*rows, level),
            None => Vec::new(),
        }
    }

    /// A container's offset by its own windows, or by what was learned of it where that is more.
    pub(super) fn of_container(&self, tag: u16, own: &OwnLevel) -> Vec<f64> {
        match self.replicas.get(&tag) {
            Some((rows, level)) if *rows > own.windows => self.shrunken(*rows, level),
            _ => self.shrunken(own.windows, &own.mean),
        }
    }

    fn shrunken(&self, windows: f64, level: &[f64]) -> Vec<f64> {
        let independent = windows / DEPENDENT;
        level
            .iter()
            .zip(&self.centre)
            .zip(self.ratio.iter().zip(&self.most))
            .map(|((level, centre), (ratio, most))| {
                let known = match independent + ratio {
                    sum if sum > 0.0 && sum.is_finite() => independent / sum,
                    _ => 0.0,
                };
                (known * (level - centre)).clamp(-most, *most)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "tests")]

    use proptest::prelude::*;

    use super::*;
    use crate::detect::rates::noise::Noise;

    /// Replicas 0 to 4 at levels 0, 1, 2, 3, 4 of the first feature and alike in the second.
    fn offsets(rows_each: usize) -> Offsets {
        let mut noise = Noise::new(4);
        let rows: Vec<(u16, Vec<f64>)> = (0..5 * rows_each)
            .map(|i| {
                let tag = (i % 5) as u16;
                (
                    tag,
                    vec![f64::from(tag) + 0.1 * noise.next(), 0.1 * noise.next()],
                )
            })
            .collect();
        let rows: Vec<_> = rows
            .iter()
            .map(|(tag, row)| (*tag, row.as_slice()))
            .collect();
        Offsets::of(&rows, 2)
    }

    #[test]
    fn a_replica_is_corrected_where_replicas_differ() {
        let offsets = offsets(40);
        assert!(offsets.any());
        let offset = offsets.of_replica(4);
        assert!((offset[0] - 2.0).abs() < 0.1, "{offset:?}");
        assert!(offset[1].abs() < 0.05, "{offset:?}");
        assert_eq!(offsets.of_replica(99), Vec::<f64>::new());
    }

    #[test]
    fn a_new_container_is_corrected_little_by_little_and_never_without_bound() {
        let offsets = offsets(40);
        let mut own = OwnLevel::default();
        let mut last = 0.0;
        for _ in 0..200 {
            own.add(&[4.0, 0.0]);
            let offset = offsets.of_container(99, &own)[0];
            assert!(offset >= last - 1e-9);
            last = offset;
        }
        assert!((last - 2.0).abs() < 0.1, "{last}");
        for _ in 0..2000 {
            own.add(&[1000.0, 1000.0]);
        }
        let offset = offsets.of_container(99, &own);
        assert!(offset[0] < 6.0 && offset[1] < 1.0, "{offset:?}");
    }

    #[test]
    fn few_replicas_say_nothing() {
        assert!(!offsets(4).any());
        assert_eq!(
            Offsets::default().of_container(1, &OwnLevel::default()),
            Vec::<f64>::new()
        );
    }

    proptest! {
        #[test]
        fn offsets_are_finite_for_any_rows(
            rows in prop::collection::vec((0_u16..5, prop::collection::vec(prop_oneof![Just(0.0), -1e9..1e9_f64], 2)), 0..120),
            own in prop::collection::vec(any::<f64>().prop_filter("a number", |v| v.is_finite()), 2),
        ) {
            let rows: Vec<_> = rows.iter().map(|(tag, row)| (*tag, row.as_slice())).collect();
            let offsets = Offsets::of(&rows, 2);
            let mut level = OwnLevel::default();
            level.add(&own);
            for offset in [offsets.of_replica(0), offsets.of_container(7, &level)] {
                prop_assert!(offset.iter().all(|v| v.is_finite()));
            }
        }
    }
}
