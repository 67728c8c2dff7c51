//! The rate model: whether the load-normalised features of a window lie where those of the learned windows lay, or below:
//! requests that cost less than usual (probes, errors) are no threat, so only what is more than usual is a distance.
//!
//! Rows that fitted a model look closer to it than new ones do, so they cannot tell how far from it ordinary windows come.
//! Each half of the sampled rows (by hash) fits a model of its own and calibrates the other's; a window is held against both
//! at once (cross-conformal prediction: Vovk, Annals of Mathematics and Artificial Intelligence 74, 2015), so that all rows
//! count for both. Two distances are held against ordinary ones: that of all features together, and that of the farthest
//! feature alone in units of how far it went in the rows that fitted, as one kind of work must not hide behind another that
//! jumps at every start.

mod half;
pub mod layer;
mod load;
mod models;
mod offset;
mod scale;
mod stream;
mod tail;

use super::mixture::MixtureError;
use crate::baseline::sample::{Row, Sample};
use half::Half;
use offset::OwnLevel;

/// Rows from which a model is fitted.
pub const MIN_ROWS: usize = 60;

/// Rows of either half. The split is by hash, so the halves differ in size.
const MIN_HALF: usize = 20;

/// Features named as reasons.
const REASONS: usize = 5;

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
    halves: [Half; 2],
    rows: usize,
}

/// What the model says of one window.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Upper bound of the p-value of the window.
    pub p: f64,
    /// The logarithm of one more than the squared distance.
    pub score: f64,
    /// Squared distance, in units of the largest ordinary one: the geometric mean of both halves'.
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
    /// Fits and calibrates a model on the rows with `width` values, of which the last is the logarithm of the requests.
    ///
    /// # Errors
    /// When there are too few rows or no mixture fits them.
    pub fn fit(sample: &Sample, width: usize) -> Result<Self, RatesError> {
        let (one, other): (Vec<Row>, Vec<Row>) =
            sample.rows(width).partition(|row| row.in_first_half);
        let rows = one.len() + other.len();
        if rows < MIN_ROWS || one.len().min(other.len()) < MIN_HALF || width < 2 {
            return Err(RatesError::TooFewRows { rows });
        }
        Ok(Self {
            halves: [
                Half::fit(one.clone(), other.clone(), width)?,
                Half::fit(other, one, width)?,
            ],
            rows,
        })
    }

    /// Rows the model was made of.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Judges the features of one window of a container with this tag and own level so far; `None` when the values are not
    /// as many as the model was fitted on, or not finite.
    #[must_use]
    fn judge(&self, features: &[f64], tag: u16, own: &OwnLevel) -> Option<Verdict> {
        let places = self
            .halves
            .each_ref()
            .map(|it| it.place(features, tag, own));
        let [Some(one), Some(other)] = places else {
            return None;
        };
        let (p, excess) = (tail::p(&[&one, &other]), (one.excess * other.excess).sqrt());
        let score = f64::midpoint(one.score, other.score);
        let nearer = if one.excess <= other.excess {
            one
        } else {
            other
        };
        Some(Verdict {
            p,
            score,
            excess,
            reasons: nearer.reasons,
        })
    }
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
