//! A Gaussian mixture over standardised rows, fitted by linfa, with the log-density that linfa does not offer.
//!
//! linfa's own `predict_proba` underflows far from every component, exactly where an anomaly lies, so density and
//! distance are computed here, in logarithms.

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_clustering::GaussianMixtureModel;
use linfa_linalg::cholesky::{Cholesky, InverseC};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

/// Most components tried.
const MOST_COMPONENTS: usize = 4;

/// Added to the variances while fitting, for numerical safety only.
const REGULARISATION: f64 = 1e-3;

/// Rows per component and feature from which a further component is tried: below it, its covariance is a guess.
const ROWS_PER_DIMENSION: usize = 5;

/// Why no mixture could be fitted.
#[derive(Debug, thiserror::Error)]
pub enum MixtureError {
    /// The library gave up, for every number of components.
    #[error("the mixture could not be fitted: {0}")]
    Fit(String),
    /// A covariance is not positive definite, even regularised.
    #[error("a covariance of the mixture cannot be inverted: {0}")]
    Singular(#[from] linfa_linalg::LinalgError),
}

/// One component.
#[derive(Clone, Debug)]
struct Component {
    mean: Array1<f64>,
    precision: Array2<f64>,
    /// ln weight - ½ ln det(2π covariance).
    ln_height: f64,
}

/// A fitted mixture.
#[derive(Clone, Debug)]
pub struct Mixture {
    components: Vec<Component>,
}

impl Mixture {
    /// Fits 1 to 4 components to finite rows; the Bayesian information criterion chooses how many. `noise` is, per
    /// feature, a variance that every component has on top of what the rows show.
    ///
    /// # Errors
    /// When no number of components could be fitted.
    pub fn fit(rows: ArrayView2<'_, f64>, noise: &[f64]) -> Result<Self, MixtureError> {
        let (n, width) = rows.dim();
        let mut best: Option<(f64, Self)> = None;
        let mut failure = MixtureError::Fit("there are no rows".to_owned());
        for k in 1..=MOST_COMPONENTS {
            if k > 1 && n < k * width * ROWS_PER_DIMENSION {
                break;
            }
            match Self::with_components(k, rows, noise) {
                Ok(mixture) => {
                    let bic = mixture.bic(rows);
                    if bic.is_finite() && best.as_ref().is_none_or(|(lowest, _)| bic < *lowest) {
                        best = Some((bic, mixture));
                    }
                }
                Err(error) => failure = error,
            }
        }
        best.map(|(_, mixture)| mixture).ok_or(failure)
    }

    fn with_components(
        k: usize,
        rows: ArrayView2<'_, f64>,
        noise: &[f64],
    ) -> Result<Self, MixtureError> {
        if rows.is_empty() {
            return Err(MixtureError::Fit("there are no rows".to_owned()));
        }
        let model = GaussianMixtureModel::params(k)
            .reg_covariance(REGULARISATION)
            .max_n_iterations(200)
            .fit(&DatasetBase::from(rows.to_owned()))
            .map_err(|error| MixtureError::Fit(error.to_string()))?;
        let width = rows.ncols() as f64;
        let nearest: Vec<usize> = rows
            .axis_iter(Axis(0))
            .map(|row| closest(row, model.means()))
            .collect();
        let mut components = Vec::with_capacity(k);
        for (index, ((weight, mean), covariance)) in model
            .weights()
            .iter()
            .zip(model.means().axis_iter(Axis(0)))
            .zip(model.covariances().axis_iter(Axis(0)))
            .enumerate()
        {
            let own = rows.axis_iter(Axis(0)).zip(&nearest);
            let own = own.filter(|(_, nearest)| **nearest == index);
            let own: Vec<_> = own.map(|(row, _)| row).collect();
            let shrinkage = shrinkage(&own, mean, covariance);
            let mut shrunk = covariance.to_owned() * (1.0 - shrinkage);
            shrunk.diag_mut().assign(&covariance.diag());
            for (variance, noise) in shrunk.diag_mut().iter_mut().zip(noise) {
                *variance += noise;
            }
            let lower = shrunk.cholesky()?;
            let half_ln_det: f64 = lower.diag().iter().map(|v| v.ln()).sum();
            components.push(Component {
                mean: mean.to_owned(),
                precision: shrunk.invc()?,
                ln_height: weight.ln() - half_ln_det - 0.5 * width * std::f64::consts::TAU.ln(),
            });
        }
        Ok(Self { components })
    }

    /// ln of the density at a point.
    #[must_use]
    pub fn ln_density(&self, point: ArrayView1<'_, f64>) -> f64 {
        let each: Vec<f64> = self
            .components
            .iter()
            .map(|c| c.ln_height - 0.5 * c.squared_distance(point))
            .collect();
        let most = each.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if most == f64::NEG_INFINITY {
            return most;
        }
        most + each.iter().map(|v| (v - most).exp()).sum::<f64>().ln()
    }

    /// How far a point lies beyond the component nearest to it: the squared Mahalanobis distance of what exceeds the
    /// component's mean, with what each feature adds to it. What is less than the mean adds nothing.
    #[must_use]
    pub fn beyond(&self, point: ArrayView1<'_, f64>) -> (f64, Vec<f64>) {
        let all = self.components.iter().map(|component| {
            let more = (&point - &component.mean).mapv(|offset| offset.max(0.0));
            let shares = &more * &component.precision.dot(&more);
            (shares.sum(), shares)
        });
        let nearest = all.min_by(|(a, _), (b, _)| a.total_cmp(b));
        nearest.map_or((0.0, Vec::new()), |(distance, shares)| {
            (distance.max(0.0), shares.to_vec())
        })
    }

    fn bic(&self, rows: ArrayView2<'_, f64>) -> f64 {
        let (n, width) = (rows.nrows() as f64, rows.ncols() as f64);
        let likelihood: f64 = rows
            .axis_iter(Axis(0))
            .map(|row| self.ln_density(row))
            .sum();
        let per_component = width + width * (width + 1.0) / 2.0;
        let k = self.components.len() as f64;
        (k * per_component + k - 1.0) * n.ln() - 2.0 * likelihood
    }
}

/// The component whose mean lies closest to a row.
fn closest(row: ArrayView1<'_, f64>, means: &Array2<f64>) -> usize {
    let distance = |mean: ArrayView1<'_, f64>| (&row - &mean).mapv(|v| v * v).sum();
    means
        .axis_iter(Axis(0))
        .map(distance)
        .enumerate()
        .min_by(|(_, a), (_, b)| a.total_cmp(b))
        .map_or(0, |(index, _)| index)
}

/// How much to shrink covariances towards independence, 0 to 1: their sampling variance over their squares (Ledoit and
/// Wolf 2004, with the diagonal as target: Schäfer and Strimmer 2005). Few rows give spurious correlations.
fn shrinkage(
    rows: &[ArrayView1<'_, f64>],
    mean: ArrayView1<'_, f64>,
    covariance: ArrayView2<'_, f64>,
) -> f64 {
    let n = rows.len() as f64;
    let offsets: Vec<_> = rows.iter().map(|row| row - &mean).collect();
    let (mut variances, mut squares) = (0.0, 0.0);
    for ((i, j), covariance) in covariance.indexed_iter() {
        if i == j {
            continue;
        }
        squares += covariance * covariance;
        let products = offsets.iter().filter_map(|o| Some(o.get(i)? * o.get(j)?));
        let spread: f64 = products.map(|product| (product - covariance).powi(2)).sum();
        variances += spread / (n * (n - 1.0)).max(1.0);
    }
    match variances / squares {
        share if share.is_finite() => share.clamp(0.0, 1.0),
        _ => 1.0,
    }
}

impl Component {
    fn squared_distance(&self, point: ArrayView1<'_, f64>) -> f64 {
        let offset = &point - &self.mean;
        offset.dot(&self.precision.dot(&offset))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use ndarray::{Array, array};
    use proptest::prelude::*;

    use super::*;
    use crate::detect::rates::noise::Noise;

    fn cloud(n: usize, centres: &[[f64; 2]]) -> Array2<f64> {
        let mut noise = Noise::new(7);
        Array::from_shape_fn((n, 2), |(i, j)| {
            centres
                .get(i % centres.len())
                .and_then(|c| c.get(j))
                .unwrap()
                + noise.next()
        })
    }

    #[test]
    fn as_many_components_as_there_are_clusters() {
        for centres in [&[[0.0, 0.0]][..], &[[-20.0, 0.0], [20.0, 0.0]]] {
            let mixture = Mixture::fit(cloud(300, centres).view(), &[]).unwrap();
            assert_eq!(mixture.components.len(), centres.len());
        }
    }

    #[test]
    fn density_is_that_of_the_normal_distribution_and_falls_without_underflow() {
        let mixture = Mixture::fit(cloud(1000, &[[0.0, 0.0]]).view(), &[]).unwrap();
        let centre = mixture.ln_density(array![0.0, 0.0].view());
        assert!(
            (centre + std::f64::consts::TAU.ln()).abs() < 0.1,
            "{centre}"
        );
        let far = mixture.ln_density(array![1e4, 0.0].view());
        assert!(far.is_finite() && far < -1e6, "{far}");
    }

    #[test]
    fn the_feature_that_deviates_contributes_most() {
        let mixture = Mixture::fit(cloud(300, &[[0.0, 0.0]]).view(), &[]).unwrap();
        let (distance, shares) = mixture.beyond(array![0.1, 6.0].view());
        assert!((25.0..50.0).contains(&distance), "{distance}");
        let largest = shares.iter().copied().fold(f64::MIN, f64::max);
        assert_eq!(shares.get(1), Some(&largest));
        assert!((shares.iter().sum::<f64>() - distance).abs() < 1e-9);
    }

    #[test]
    fn less_than_usual_is_no_distance() {
        let mixture = Mixture::fit(cloud(300, &[[0.0, 0.0]]).view(), &[]).unwrap();
        let (distance, shares) = mixture.beyond(array![-9.0, -3.0].view());
        assert!(distance.abs() < 1e-9 && shares.iter().all(|share| share.abs() < 1e-9));
        let (distance, _) = mixture.beyond(array![-9.0, 6.0].view());
        assert!((25.0..50.0).contains(&distance), "{distance}");
    }

    #[test]
    fn rows_without_any_spread_are_no_problem() {
        let same = Array2::<f64>::zeros((60, 3));
        let mixture = Mixture::fit(same.view(), &[]).unwrap();
        assert!(mixture.beyond(array![1.0, 0.0, 0.0].view()).0 > 100.0);
        let noisy = Mixture::fit(same.view(), &[1.0, 1.0, 1.0]).unwrap();
        assert!(noisy.beyond(array![1.0, 0.0, 0.0].view()).0 < 1.01);
        assert!(Mixture::fit(Array2::<f64>::zeros((0, 3)).view(), &[]).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn fitting_never_panics(
            values in prop::collection::vec(prop_oneof![Just(0.0), -9.0..9.0_f64], 40..300),
            width in 1_usize..6,
        ) {
            let n = values.len() / width;
            let rows = Array::from_shape_vec((n, width), values.into_iter().take(n * width).collect());
            let rows = rows.unwrap();
            if let Ok(mixture) = Mixture::fit(rows.view(), &[]) {
                let (distance, shares) = mixture.beyond(Array1::zeros(width).view());
                prop_assert!(distance.is_finite() && distance >= 0.0 && shares.len() == width);
            }
        }
    }
}
