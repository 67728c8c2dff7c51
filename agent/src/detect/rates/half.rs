//! A model that was fitted on one half of the rows and calibrated by the other.

use ndarray::{Array1, Array2};

use super::load::Load;
use super::offset::{Offsets, OwnLevel};
use super::scale::{NOISE, Scale};
use super::tail::{Calibration, Gain, Tail};
use super::{FeatureShare, REASONS};
use crate::baseline::sample::Row;
use crate::detect::mixture::{Mixture, MixtureError};
use crate::observe::features;

/// Windows resemble their neighbours, so a short learning has not seen all that is ordinary: the largest ordinary
/// squared distance is taken to be this many rows' worth larger, relative to the rows there are. Workloads simulated
/// with a lag-one correlation of 0.9 (nine in ten real ones have less than 0.6) stay within the resulting bound.
const UNSEEN_ROWS: f64 = 100.0;

/// The most that one feature went says less of how far it goes than the distance of all, when windows resemble their neighbours:
/// one alone has to go twice as far, which is four times in squares.
const GAIN_BEYOND: f64 = 4.0;

/// Windows until which a container of its own level not yet known is judged as a new replica.
const SETTLING: u32 = 24;

#[derive(Clone, Debug)]
pub(super) struct Half {
    load: Load,
    scales: Vec<Scale>,
    /// How far each feature went, in standard deviations.
    farthest: Vec<f64>,
    mixture: Mixture,
    offsets: Offsets,
    /// Of replicas whose own level is known.
    settled: Calibration,
    /// Of replicas whose own level is not known.
    new: Calibration,
}

/// Where one window lies.
pub(super) struct Place<'a> {
    /// The logarithm of one more than the squared distance.
    pub(super) score: f64,
    /// The same by the feature that is farthest out, as if all were as far.
    pub(super) alone: f64,
    /// The logarithm of one more than the squared distance of each feature that is a gain by itself, in the calibration's order.
    pub(super) gains: Vec<f64>,
    /// Squared distance, in units of the largest ordinary one, of all features or of one gain, whichever is more.
    pub(super) excess: f64,
    /// The features that contribute most, the largest first.
    pub(super) reasons: Vec<FeatureShare>,
    /// What it is held against.
    pub(super) calibration: &'a Calibration,
}

impl Half {
    /// Fits a model of rows with `width` values, of which the last is the logarithm of the requests.
    pub(super) fn fit(
        mut fitting: Vec<Row>,
        mut calibrating: Vec<Row>,
        width: usize,
    ) -> Result<Self, MixtureError> {
        let load = Load::of(&fitting, width);
        for row in fitting.iter_mut().chain(&mut calibrating) {
            row.features = load.fill(&row.features);
        }
        let width = load.features();
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
        let mut half = Self {
            load,
            farthest: farthest.collect(),
            scales,
            mixture,
            offsets,
            settled: Calibration::default(),
            new: Calibration::default(),
        };
        let rows = fitting.len() + calibrating.len();
        half.new = half.calibrated(&calibrating, rows);
        for row in &mut calibrating {
            take_off(&mut row.features, &half.offsets.of_replica(row.tag));
        }
        half.settled = half.calibrated(&calibrating, rows);
        Ok(half)
    }

    /// `of` is how many rows there are in all.
    fn calibrated(&self, rows: &[Row], of: usize) -> Calibration {
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
        let unseen = 1.0 + UNSEEN_ROWS / of as f64;
        let gains = (0..).zip(&self.scales);
        let gains = gains.filter(|(feature, _)| features::is_gain(*feature));
        let gains = gains.map(|(feature, scale)| {
            let values = || rows.iter().filter_map(|row| row.features.get(feature));
            let scores = values().map(|value| scale.above(*value).ln_1p());
            let drawn_in = values().map(|value| scale.above(scale.winsorised(*value)));
            Gain {
                feature,
                tail: Tail::of(scores.collect()),
                reach: drawn_in.fold(1.0, f64::max) * unseen * GAIN_BEYOND,
            }
        });
        Calibration {
            together: Tail::of(together.collect()),
            alone: Tail::of(alone.collect()),
            gains: gains.collect(),
            reach: farthest * unseen,
        }
    }

    /// Where the features of one window of a container with this tag and own level lie; `None` when they are not as many as
    /// the model was fitted on, or not finite.
    pub(super) fn place(&self, features: &[f64], tag: u16, own: &OwnLevel) -> Option<Place<'_>> {
        let fits = features.len() == self.load.features() + 1;
        if !fits || features.iter().any(|v| !v.is_finite()) {
            return None;
        }
        let mut features = self.load.fill(features);
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
        reasons.truncate(REASONS);
        let above = |gain: &Gain| {
            let scale = self.scales.get(gain.feature);
            let value = features.get(gain.feature);
            scale
                .zip(value)
                .map_or(0.0, |(scale, value)| scale.above(*value))
        };
        let of_gains = calibration
            .gains
            .iter()
            .map(|gain| above(gain) / gain.reach);
        Some(Place {
            score: distance.ln_1p(),
            alone: self.alone(&point),
            gains: calibration
                .gains
                .iter()
                .map(|gain| above(gain).ln_1p())
                .collect(),
            excess: of_gains.fold(distance / calibration.reach, f64::max),
            reasons,
            calibration,
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

fn take_off(features: &mut [f64], offset: &[f64]) {
    for (feature, offset) in features.iter_mut().zip(offset) {
        *feature -= offset;
    }
}
