//! How far ordinary windows lie from a model that they did not fit, and how rare one is that lies farther.

use super::half::Place;
use crate::detect::evidence::upper_p;

/// How fast distances beyond the farthest ordinary one become rare, before anything is known of it: one in e for so many
/// nats more of the squared distance. The tail of logarithms of distances is taken to be exponential (Pickands 1975).
const PRIOR_SCALE: f64 = 0.5;

/// How many distances that prior weighs as much as.
const PRIOR_WEIGHT: f64 = 5.0;

/// The smallest p-value of one window: what is rarer counts no more, so that it takes three windows to make a claim. What is
/// over within two is mostly nobody's work: memory that is reclaimed before a process is killed, a burst of retries.
const SMALLEST_P: f64 = 1e-4;

/// How far ordinary windows lie.
#[derive(Clone, Debug)]
pub(super) struct Calibration {
    pub(super) together: Tail,
    pub(super) alone: Tail,
    /// Of each feature that is a gain.
    pub(super) gains: Vec<Gain>,
    /// The largest ordinary squared distance: that of calibration with wild values drawn in, so that one wild window
    /// does not put everything within reach, and a margin for what a short learning did not see.
    pub(super) reach: f64,
}

/// How far ordinary windows lie by one feature that somebody else may be after. A start that a short learning saw is wild in
/// many features at once; these are held against themselves besides, so that it does not put them out of reach.
#[derive(Clone, Debug)]
pub(super) struct Gain {
    pub(super) feature: usize,
    pub(super) tail: Tail,
    /// As [`Calibration::reach`].
    pub(super) reach: f64,
}

/// Distances of ordinary windows.
#[derive(Clone, Debug)]
pub(super) struct Tail {
    /// Logarithms of one more than the squared distances, ascending.
    scores: Vec<f64>,
    /// The scale of their tail, nats.
    scale: f64,
}

impl Default for Calibration {
    fn default() -> Self {
        Self {
            together: Tail::of(Vec::new()),
            alone: Tail::of(Vec::new()),
            gains: Vec::new(),
            reach: 1.0,
        }
    }
}

/// Shares of the chance that are left to all features together, to the farthest and to the gains (Bonferroni, weighted).
const OF_TOGETHER: f64 = 0.4;
const OF_ALONE: f64 = 0.4;
const OF_GAINS: f64 = 0.2;

/// Upper bound of the chance that an ordinary window lies as far out as this one by any distance, from all models it is
/// held against.
pub(super) fn p(places: &[&Place<'_>]) -> f64 {
    let together = pooled(places.iter().map(|it| (&it.calibration.together, it.score)));
    let alone = pooled(places.iter().map(|it| (&it.calibration.alone, it.alone)));
    let gains = places.iter().map(|it| it.gains.len()).min().unwrap_or(0);
    let rarest = (0..gains).map(|place| {
        pooled(places.iter().filter_map(|it| {
            let gain = it.calibration.gains.get(place)?;
            Some((&gain.tail, *it.gains.get(place)?))
        }))
    });
    let rarest = rarest.fold(1.0, f64::min) * gains.max(1) as f64;
    let all = (together / OF_TOGETHER).min(alone / OF_ALONE);
    all.min(rarest / OF_GAINS).clamp(SMALLEST_P, 1.0)
}

/// The rank of a window among the ordinary ones of all models, each with the window's score by that model; beyond all of
/// them, how rare it is on average.
fn pooled<'a>(scores: impl Iterator<Item = (&'a Tail, f64)>) -> f64 {
    let (mut as_large, mut all, mut beyond, mut models) = (0, 0, 0.0, 0.0);
    for (tail, score) in scores {
        as_large += tail.as_large(score);
        all += tail.scores.len();
        beyond += tail.beyond(score);
        models += 1.0;
    }
    let rarer = match as_large {
        0 if models > 0.0 => (-beyond / models).exp(),
        _ => 1.0,
    };
    upper_p(as_large, all) * rarer
}

impl Tail {
    pub(super) fn of(mut scores: Vec<f64>) -> Self {
        scores.sort_by(f64::total_cmp);
        // A tenth of the scores is taken for their tail.
        let (_, tail) = scores.split_at(scores.len() - scores.len() / 10);
        let from = tail.first().copied().unwrap_or(0.0);
        let beyond: f64 = tail.iter().map(|score| score - from).sum();
        let scale = (beyond + PRIOR_WEIGHT * PRIOR_SCALE) / (tail.len() as f64 + PRIOR_WEIGHT);
        Self { scores, scale }
    }

    fn as_large(&self, score: f64) -> usize {
        self.scores.len() - self.scores.partition_point(|known| *known < score)
    }

    /// How far beyond the farthest, in scales of the tail.
    fn beyond(&self, score: f64) -> f64 {
        let beyond = self.scores.last().map_or(0.0, |most| score - most);
        beyond.max(0.0) / self.scale
    }
}
