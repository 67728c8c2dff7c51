//! The rate model: whether the load-normalised features of a window lie where those of the learned windows lay, or below:
//! requests that cost less than usual (probes, errors) are no threat, so only what is more than usual is a distance.
//!
//! One half of the sampled rows (by hash) fits a mixture, the other half calibrates how far from it ordinary windows
//! come. Rows that fitted a model look closer to it than new ones do, so they cannot calibrate it. Two distances are held
//! against ordinary ones: that of all features together, and that of the farthest feature alone in units of how far it
//! went in the rows that fitted, as one kind of work must not hide behind another that jumps at every start.

pub mod layer;
mod models;
mod offset;
mod stream;

use ndarray::{Array1, Array2};

use super::evidence::upper_p;
use super::mixture::{Mixture, MixtureError};
use crate::baseline::sample::{Row, Sample};
use offset::{Offsets, OwnLevel};

/// Rows from which a model is fitted; half of them fit, half calibrate.
pub const MIN_ROWS: usize = 60;

/// Rows of either half. The split is by hash, so the halves differ in size.
const MIN_HALF: usize = 20;

/// A row counts at most this many median absolute deviations from the median: one wild window while learning must not
/// widen the model.
const WINSOR_MADS: f64 = 6.0;

/// Spread that every feature has on top of what was seen, nats: a proportion that moves by a tenth is no news, however
/// steady it was.
const NOISE: f64 = 0.1;

/// Windows resemble their neighbours, so a short learning has not seen all that is ordinary: the largest ordinary
/// squared distance is taken to be this many rows' worth larger, relative to the rows there are. Workloads simulated
/// with a lag-one correlation of 0.9 (nine in ten real ones have less than 0.6) stay within the resulting bound.
const UNSEEN_ROWS: f64 = 100.0;

/// How fast distances beyond the farthest ordinary one become rare, before anything is known of it: one in e for so many
/// nats more of the squared distance. The tail of logarithms of distances is taken to be exponential (Pickands 1975).
const PRIOR_SCALE: f64 = 0.5;

/// How many distances that prior weighs as much as.
const PRIOR_WEIGHT: f64 = 5.0;

/// The smallest p-value of one window: what is rarer counts no more, so that no window alone makes a claim.
const SMALLEST_P: f64 = 1e-5;

/// Windows until which a container of its own level not yet known is judged as a new replica.
const SETTLING: u32 = 24;

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum RatesError {
    /// Learning has not gathered enough rows.
    #[error("{rows} of {MIN_ROWS} sampled windows are there")]
    TooFewRows {
        /// Rows there are.
        rows: usize,
    },
    /// The mixture could not be fitted.
    #[error(transparent)]
    Mixture(#[from] MixtureError),
}

/// A fitted and calibrated model of one phase.
#[derive(Clone, Debug)]
pub struct RateModel {
    scales: Vec<Scale>,
    /// How far each feature went, in standard deviations.
    farthest: Vec<f64>,
    mixture: Mixture,
    offsets: Offsets,
    /// Of replicas whose own level is known.
    settled: Calibration,
    /// Of replicas whose own level is not known.
    new: Calibration,
    rows: usize,
}

/// How far ordinary windows lie.
#[derive(Clone, Debug)]
struct Calibration {
    together: Tail,
    alone: Tail,
    /// The largest ordinary squared distance: that of calibration with wild values drawn in, so that one wild window
    /// does not put everything within reach, and a margin for what a short learning did not see.
    reach: f64,
}

/// Distances of ordinary windows.
#[derive(Clone, Debug)]
struct Tail {
    /// Logarithms of one more than the squared distances, ascending.
    scores: Vec<f64>,
    /// The scale of their tail, nats.
    scale: f64,
}

#[derive(Clone, Copy, Debug)]
struct Scale {
    low: f64,
    high: f64,
    mean: f64,
    spread: f64,
}

/// What the model says of one window.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Upper bound of the p-value of the window.
    pub p: f64,
    /// The logarithm of one more than the squared distance.
    pub score: f64,
    /// Squared distance, in units of the largest ordinary one.
    pub excess: f64,
    /// The features that contribute most, the largest first, at most 5.
    pub reasons: Vec<FeatureShare>,
}

/// One feature's part in a verdict.
#[derive(Clone, Copy, Debug)]
pub struct FeatureShare {
    /// Position among the features.
    pub feature: usize,
    /// Part of the squared distance.
    pub share: f64,
    /// Difference from the usual value, nats: the feature is e to this times its usual value.
    pub difference: f64,
}

impl Verdict {
    /// Whether the window is ordinary, so that the model may learn from it.
    #[must_use]
    pub fn is_ordinary(&self) -> bool {
        self.excess <= 1.0
    }
}

impl RateModel {
    /// Fits and calibrates a model on the rows with `width` features.
    ///
    /// # Errors
    /// When there are too few rows or no mixture fits them.
    pub fn fit(sample: &Sample, width: usize) -> Result<Self, RatesError> {
        let (mut fitting, mut calibrating): (Vec<Row>, Vec<Row>) =
            sample.rows(width).partition(|row| row.fits);
        let rows = fitting.len() + calibrating.len();
        if rows < MIN_ROWS || fitting.len().min(calibrating.len()) < MIN_HALF || width == 0 {
            return Err(RatesError::TooFewRows { rows });
        }
        let tagged: Vec<_> = fitting
            .iter()
            .map(|row| (row.tag, row.features.as_slice()))
            .collect();
        let offsets = Offsets::of(&tagged, width);
        for row in &mut fitting {
            take_off(&mut row.features, &offsets.of_replica(row.tag));
        }
        let scales: Vec<Scale> = (0..width)
            .map(|feature| {
                let column = fitting.iter().filter_map(|row| row.features.get(feature));
                Scale::of(column.copied().collect())
            })
            .collect();
        let noise: Vec<_> = scales.iter().map(|s| (NOISE / s.spread).powi(2)).collect();
        let mut points = Array2::zeros((fitting.len(), width));
        for (mut point, row) in points.rows_mut().into_iter().zip(&fitting) {
            for ((to, value), scale) in point.iter_mut().zip(&row.features).zip(&scales) {
                *to = scale.standardised(scale.winsorised(*value));
            }
        }
        let mixture = Mixture::fit(points.view(), &noise)?;
        let farthest = (0..width).zip(&scales).map(|(feature, scale)| {
            let column = fitting.iter().filter_map(|row| row.features.get(feature));
            column.fold(1.0, |most: f64, value| most.max(scale.standardised(*value)))
        });
        let mut model = Self {
            farthest: farthest.collect(),
            scales,
            mixture,
            offsets,
            settled: Calibration::default(),
            new: Calibration::default(),
            rows,
        };
        model.new = model.calibrated(&calibrating);
        for row in &mut calibrating {
            take_off(&mut row.features, &model.offsets.of_replica(row.tag));
        }
        model.settled = model.calibrated(&calibrating);
        Ok(model)
    }

    fn calibrated(&self, rows: &[Row]) -> Calibration {
        let together = rows.iter().map(|row| self.distance(&row.features).ln_1p());
        let alone = rows
            .iter()
            .map(|row| self.alone(&self.point(&row.features)));
        let farthest = rows.iter().map(|row| {
            let drawn_in = row.features.iter().zip(&self.scales);
            let drawn_in: Vec<_> = drawn_in.map(|(v, scale)| scale.winsorised(*v)).collect();
            self.distance(&drawn_in)
        });
        let farthest = farthest.fold(1.0, f64::max);
        let reach = farthest * (1.0 + UNSEEN_ROWS / self.rows as f64);
        Calibration {
            together: Tail::of(together.collect()),
            alone: Tail::of(alone.collect()),
            reach,
        }
    }

    /// Rows the model was made of.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Judges the features of one window of a container with this tag and own level so far; `None` when they are not as
    /// many as the model was fitted on, or not finite.
    #[must_use]
    fn judge(&self, features: &[f64], tag: u16, own: &OwnLevel) -> Option<Verdict> {
        if features.len() != self.scales.len() || features.iter().any(|v| !v.is_finite()) {
            return None;
        }
        let mut features = features.to_vec();
        take_off(&mut features, &self.offsets.of_container(tag, own));
        let calibration = match self.offsets.any() && !self.offsets.knows(tag, own, SETTLING) {
            true => &self.new,
            false => &self.settled,
        };
        let point = self.point(&features);
        let (distance, shares) = self.mixture.beyond(point.view());
        let mut reasons: Vec<_> = shares
            .into_iter()
            .zip(features.iter().zip(&self.scales))
            .enumerate()
            .map(|(feature, (share, (value, scale)))| FeatureShare {
                feature,
                share,
                difference: value - scale.mean,
            })
            .collect();
        reasons.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.feature.cmp(&b.feature)));
        reasons.truncate(5);
        let score = distance.ln_1p();
        Some(Verdict {
            p: calibration.p(score, self.alone(&point)),
            score,
            excess: distance / calibration.reach,
            reasons,
        })
    }

    fn distance(&self, row: &[f64]) -> f64 {
        self.mixture.beyond(self.point(row).view()).0
    }

    /// The score of the feature that is farthest out, as if all were as far.
    fn alone(&self, point: &Array1<f64>) -> f64 {
        let ratios = point.iter().zip(&self.farthest).map(|(z, most)| z / most);
        let largest = ratios.fold(0.0, f64::max);
        (largest * largest * self.farthest.len() as f64).ln_1p()
    }

    fn point(&self, row: &[f64]) -> Array1<f64> {
        row.iter()
            .zip(&self.scales)
            .map(|(value, scale)| scale.standardised(*value))
            .collect()
    }
}

impl Default for Calibration {
    fn default() -> Self {
        Self {
            together: Tail::of(Vec::new()),
            alone: Tail::of(Vec::new()),
            reach: 1.0,
        }
    }
}

impl Calibration {
    /// Upper bound of the chance that an ordinary window scores as high as this in either way.
    fn p(&self, together: f64, alone: f64) -> f64 {
        let rarest = self.together.p(together).min(self.alone.p(alone));
        (2.0 * rarest).clamp(SMALLEST_P, 1.0)
    }
}

impl Tail {
    fn of(mut scores: Vec<f64>) -> Self {
        scores.sort_by(f64::total_cmp);
        // A tenth of the scores is taken for their tail.
        let (_, tail) = scores.split_at(scores.len() - scores.len() / 10);
        let from = tail.first().copied().unwrap_or(0.0);
        let beyond: f64 = tail.iter().map(|score| score - from).sum();
        let scale = (beyond + PRIOR_WEIGHT * PRIOR_SCALE) / (tail.len() as f64 + PRIOR_WEIGHT);
        Self { scores, scale }
    }

    /// Upper bound of the chance that an ordinary window scores as high as this.
    fn p(&self, score: f64) -> f64 {
        let below = self.scores.partition_point(|known| *known < score);
        let p = upper_p(self.scores.len() - below, self.scores.len());
        let beyond = self.scores.last().map_or(0.0, |most| score - most).max(0.0);
        p * (-beyond / self.scale).exp()
    }
}

fn take_off(features: &mut [f64], offset: &[f64]) {
    for (feature, offset) in features.iter_mut().zip(offset) {
        *feature -= offset;
    }
}

impl Scale {
    fn of(mut column: Vec<f64>) -> Self {
        let middle = median(&mut column);
        let mut deviations: Vec<_> = column.iter().map(|v| (v - middle).abs()).collect();
        // 1.4826 makes the median absolute deviation of a normal distribution its standard deviation.
        let spread = (median(&mut deviations) * 1.4826).max(NOISE);
        let (low, high) = (middle - WINSOR_MADS * spread, middle + WINSOR_MADS * spread);
        let n = column.len().max(1) as f64;
        let clamped = || column.iter().map(|v| v.clamp(low, high));
        let mean = clamped().sum::<f64>() / n;
        let variance = clamped().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        Self {
            low,
            high,
            mean,
            spread: (variance + NOISE * NOISE).sqrt(),
        }
    }

    fn winsorised(&self, value: f64) -> f64 {
        value.clamp(self.low, self.high)
    }

    fn standardised(&self, value: f64) -> f64 {
        // Far enough to be beyond anything, near enough that its square is a number.
        ((value - self.mean) / self.spread).clamp(-1e6, 1e6)
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
pub(super) mod noise {
    /// Standard normal noise without a dependency: sums of twelve uniform numbers of a linear congruential generator.
    pub(in crate::detect) struct Noise(u64);

    impl Noise {
        pub(in crate::detect) fn new(seed: u64) -> Self {
            Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
        }

        /// A uniform number from 0 to 1.
        pub(in crate::detect) fn uniform(&mut self) -> f64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 11) as f64 / (1_u64 << 53) as f64
        }

        pub(in crate::detect) fn next(&mut self) -> f64 {
            (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
        }
    }
}

#[cfg(test)]
mod tests;
