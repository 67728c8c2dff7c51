//! One container's scores as a stream of news: centred on their recent level, and freed of what follows from the
//! scores just before.
//!
//! Windows resemble their neighbours and follow the time of day. An accumulation of evidence takes its windows to be
//! independent, so it must be fed with what is new in each: the deviation from the level of the last hours (an
//! exponentially weighted mean), less what an autoregression of order 5 on the last ones predicts (Yule and Walker's
//! equations, solved by Durbin's recursion). How rare such an innovation is, the container's own earlier ones tell.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::detect::evidence::upper_p;

/// Order of the autoregression.
const ORDER: usize = 5;

/// Half-life of the level, seconds.
const HALF_LIFE_S: f64 = 3600.0;

/// Scores from which innovations are ranked. Before, level and autoregression are still settling.
const SETTLED: u32 = 120;

/// Ranked innovations from which their ranks say something.
const ENOUGH: u32 = 500;

/// At this many ranked innovations the old ones begin to count less, so that counts stay bounded: a day of 5 s windows.
const REMEMBERED: u32 = 17_280;

/// Steps of an innovation per standard deviation.
const STEPS: f64 = 20.0;

/// Innovations beyond this, in standard deviations, are as rare as this.
const FARTHEST: f64 = 50.0;

/// The stream of one container and phase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct ScoreStream {
    /// Scores taken in.
    taken: u32,
    level: f64,
    /// The last deviations from the level, newest first.
    last: [f64; ORDER],
    /// Autocovariances by lag, from 0.
    covariances: [f64; ORDER + 1],
    /// Variance of innovations.
    variance: f64,
    /// Innovations by size, in steps.
    sizes: BTreeMap<i16, u32>,
    /// How many they are.
    ranked: u32,
}

impl ScoreStream {
    /// Takes one score in, a finite number, and tells how rare its innovation is: an upper bound of its p-value, `None`
    /// while too few came before. A frozen stream learns nothing, so that nobody can teach it an attack.
    pub(super) fn push(&mut self, score: f64, window_s: f64, frozen: bool) -> Option<f64> {
        if self.taken == 0 {
            self.level = score;
        }
        let deviation = (score - self.level).clamp(-1e6, 1e6);
        let predicted: f64 = coefficients(&self.covariances)
            .iter()
            .zip(&self.last)
            .map(|(coefficient, last)| coefficient * last)
            .sum();
        let innovation = deviation - predicted;
        let size = (innovation / self.variance.max(1e-12).sqrt()).clamp(-FARTHEST, FARTHEST);
        let step = (size * STEPS).round() as i16;
        let p = (self.ranked >= ENOUGH).then(|| {
            let as_large: u32 = self.sizes.range(step..).map(|(_, count)| *count).sum();
            upper_p(as_large as usize, self.ranked as usize)
        });
        if !frozen {
            self.learn(deviation, innovation, window_s);
            if self.taken > SETTLED {
                self.rank(step);
            }
        }
        self.last.rotate_right(1);
        if let Some(first) = self.last.first_mut() {
            *first = deviation;
        }
        p
    }

    fn learn(&mut self, deviation: f64, innovation: f64, window_s: f64) {
        self.taken = self.taken.saturating_add(1);
        let decay = (-window_s.max(1e-3) * std::f64::consts::LN_2 / HALF_LIFE_S).exp();
        // A plain mean until there are as many as it forgets over.
        let weight = (1.0 - decay).max(1.0 / f64::from(self.taken));
        self.level += weight * deviation;
        let mut lagged = [0.0; ORDER + 1];
        for (to, other) in lagged
            .iter_mut()
            .zip(std::iter::once(&deviation).chain(&self.last))
        {
            *to = deviation * other;
        }
        for (covariance, product) in self.covariances.iter_mut().zip(lagged) {
            *covariance += weight * (product - *covariance);
        }
        self.variance += weight * (innovation * innovation - self.variance);
    }

    fn rank(&mut self, step: i16) {
        let count = self.sizes.entry(step).or_default();
        *count = count.saturating_add(1);
        self.ranked = self.ranked.saturating_add(1);
        if self.ranked >= REMEMBERED {
            for count in self.sizes.values_mut() {
                *count = count.div_ceil(2);
            }
            self.ranked = self.sizes.values().sum();
        }
    }
}

/// Coefficients of the autoregression with these autocovariances (Durbin's recursion). Partial correlations are kept
/// away from one, so that a stream close to a random walk stays predictable at all.
fn coefficients(covariances: &[f64; ORDER + 1]) -> [f64; ORDER] {
    let mut solved = [0.0; ORDER];
    let Some((variance, lagged)) = covariances.split_first() else {
        return solved;
    };
    let mut left = variance * (1.0 + 1e-6) + 1e-12;
    for order in 0..ORDER {
        let known: f64 = solved
            .iter()
            .take(order)
            .zip(lagged.iter().take(order).rev())
            .map(|(coefficient, covariance)| coefficient * covariance)
            .sum();
        let next = lagged.get(order).copied().unwrap_or(0.0);
        let partial = ((next - known) / left).clamp(-0.99, 0.99);
        let before = solved;
        for (coefficient, mirrored) in solved
            .iter_mut()
            .take(order)
            .zip(before.iter().take(order).rev())
        {
            *coefficient -= partial * mirrored;
        }
        if let Some(coefficient) = solved.get_mut(order) {
            *coefficient = partial;
        }
        left *= 1.0 - partial * partial;
    }
    solved
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "tests")]

    use proptest::prelude::*;

    use super::*;
    use crate::detect::rates::noise::Noise;

    #[test]
    fn the_autoregression_of_a_known_process_is_found() {
        let mut noise = Noise::new(2);
        let mut stream = ScoreStream::default();
        let (mut one, mut two) = (0.0, 0.0);
        for _ in 0..20_000 {
            let next = 0.5 * one + 0.3 * two + noise.next();
            (two, one) = (one, next);
            stream.push(7.0 + next, 1.0, false);
        }
        let found = coefficients(&stream.covariances);
        for (found, expected) in found.iter().zip([0.5, 0.3, 0.0, 0.0, 0.0]) {
            assert!((found - expected).abs() < 0.05, "{found} {expected}");
        }
        assert!((stream.variance - 1.0).abs() < 0.1 && (stream.level - 7.0).abs() < 0.6);
    }

    #[test]
    fn ranks_of_innovations_are_uniform_however_dependent_the_scores() {
        for rho in [0.0, 0.5, 0.9] {
            let mut noise = Noise::new(6);
            let mut stream = ScoreStream::default();
            let mut state = 0.0;
            let (mut rare, mut all) = (0.0, 0.0);
            for i in 0..30_000 {
                state = rho * state + noise.next();
                let day = (f64::from(i) / 17_280.0 * std::f64::consts::TAU).sin();
                if let Some(p) = stream.push(state + 2.0 * day, 5.0, false) {
                    all += 1.0;
                    rare += f64::from(u8::from(p <= 0.01));
                }
            }
            let share = rare / all;
            assert!((0.004..=0.0125).contains(&share), "rho {rho}: {share}");
        }
    }

    #[test]
    fn nobody_teaches_a_frozen_stream() {
        let mut noise = Noise::new(8);
        let mut stream = ScoreStream::default();
        for _ in 0..2000 {
            stream.push(noise.next(), 5.0, false);
        }
        let before = stream.clone();
        for _ in 0..500 {
            let p = stream.push(9.0 + noise.next(), 5.0, true);
            assert!(p.is_some_and(|p| p < 0.01));
        }
        assert_eq!((before.level, before.ranked), (stream.level, stream.ranked));
    }

    proptest! {
        #[test]
        fn every_score_gives_a_probability(
            scores in prop::collection::vec(prop_oneof![Just(0.0), -1e12..1e12_f64, -3.0..3.0_f64], 0..900),
            window_s in 0.0..1e6_f64,
        ) {
            let mut stream = ScoreStream::default();
            for score in scores {
                let p = stream.push(score, window_s, false);
                prop_assert!(p.is_none_or(|p| p > 0.0 && p <= 1.0));
                prop_assert!(coefficients(&stream.covariances).iter().all(|c| c.is_finite()));
            }
            prop_assert!(stream.sizes.len() <= 2 * (FARTHEST * STEPS) as usize + 1);
        }
    }
}
