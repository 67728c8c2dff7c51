//! What one thread or window did, compared with what was learned: in which order, with which calls, and with which of
//! the ordinary calls missing.
//!
//! Four views are taken. Each is measured on its own scale: how far it lies from what parts of the learned traces show
//! when they are held against the rest. They are added up, each view beyond [`ENOUGH`] only at a tenth, so that no view
//! decides alone: a program that is new but coherent stands out in one or two of them, not in all.

pub mod familiarity;
pub mod layer;
pub mod scale;
pub mod shapes;
#[cfg(test)]
mod tests;

use familiarity::Grams;
use scale::Scale;
use shapes::{Shapes, calls_of, pairs_of};

/// Contiguous parts into which learned traces are cut; each is held against the others. Neighbours in time resemble one
/// another, so parts chosen at random would look more familiar than what comes next.
pub const PARTS: usize = 5;

/// Traces from which on there is a model.
pub const MIN_TRACES: usize = 2 * PARTS;

/// Standard deviations from which on a view counts only a tenth.
const ENOUGH: f64 = 2.0;

/// What a view counts beyond [`ENOUGH`].
const BEYOND: f64 = 0.1;

/// Number of views.
const VIEWS: usize = 4;

/// Names of the views, in their order.
pub const NAMES: [&str; VIEWS] = ["order", "new_pairs", "missing_calls", "missing_pairs"];

/// What was learned from traces of calls, ready to judge others.
#[derive(Clone, Debug)]
pub struct TraceModel {
    grams: Grams,
    calls: Shapes,
    pairs: Shapes,
    /// Of each learned trace, how much of the ordinary it lacks: calls, and pairs of calls.
    missing: Vec<[f64; 2]>,
    /// How far such values differ among all learned traces.
    spread: [f64; 2],
    scales: [Scale; VIEWS],
    /// Scores of the learned traces, each held against the other parts; highest first.
    held_back: Vec<f64>,
}

impl TraceModel {
    /// Learns from traces, given in the order in which they were made; `None` for fewer than [`MIN_TRACES`].
    #[must_use]
    pub fn fit<T: AsRef<[u16]>>(traces: &[T]) -> Option<Self> {
        if traces.len() < MIN_TRACES {
            return None;
        }
        let part = |index: usize| index * PARTS / traces.len();
        let mut grams = Grams::default();
        for (index, trace) in traces.iter().enumerate() {
            grams.learn(trace.as_ref(), part(index));
        }
        let calls = Shapes::learn(traces.iter().map(|trace| calls_of(trace.as_ref())));
        let pairs = Shapes::learn(traces.iter().map(|trace| pairs_of(trace.as_ref())));
        let mut model = Self {
            grams,
            calls,
            pairs,
            missing: Vec::new(),
            spread: [0.0; 2],
            scales: [Scale::default(); VIEWS],
            held_back: Vec::new(),
        };
        let missing = traces.iter().enumerate().map(|(index, trace)| {
            let held = |other: usize| part(other) != part(index);
            [
                model.calls.missing(&calls_of(trace.as_ref()), held),
                model.pairs.missing(&pairs_of(trace.as_ref()), held),
            ]
        });
        model.missing = missing.collect();
        model.spread = spread(&model.missing);
        let views = traces.iter().enumerate().zip(&model.missing);
        let views: Vec<_> = views
            .map(|((index, trace), missing)| {
                let (order, new_pairs) = model.grams.views(trace.as_ref(), Some(part(index)));
                let like = calls_of(trace.as_ref());
                let neighbours = model.calls.nearest(&like, Some(index));
                let [calls, pairs] = model.against(&neighbours, *missing);
                [order, new_pairs, calls, pairs]
            })
            .collect();
        model.scales = std::array::from_fn(|view| {
            let values = views.iter().filter_map(|views| views.get(view).copied());
            Scale::of(values.collect())
        });
        model.held_back = views.iter().map(|views| model.sum(views)).collect();
        model.held_back.sort_by(|a, b| b.total_cmp(a));
        Some(model)
    }

    /// How far the trace is from what was learned, in standard deviations over all views. Always finite. Calls that were
    /// never learned are left out: they are facts of their own, and must not count twice.
    #[must_use]
    pub fn score(&self, trace: &[u16]) -> f64 {
        self.sum(&self.views(trace))
    }

    /// The views of a trace, as [`NAMES`], each on its own scale; more is less ordinary.
    #[must_use]
    pub fn views(&self, trace: &[u16]) -> [f64; VIEWS] {
        let (order, new_pairs) = self.grams.views(trace, None);
        let calls = calls_of(trace);
        let missing = [
            self.calls.missing(&calls, |_| true),
            self.pairs.missing(&pairs_of(trace), |_| true),
        ];
        let [missing_calls, missing_pairs] =
            self.against(&self.calls.nearest(&calls, None), missing);
        [order, new_pairs, missing_calls, missing_pairs]
    }

    /// The score that a share of ordinary traces is expected to exceed, by the learned ones, each held against the other
    /// parts.
    #[must_use]
    pub fn threshold(&self, share: f64) -> f64 {
        // A float cast saturates.
        let allowed = (share * self.held_back.len() as f64) as usize;
        let last = self.held_back.last().copied();
        self.held_back
            .get(allowed)
            .copied()
            .or(last)
            .unwrap_or_default()
    }

    /// What is missing, in standard deviations from what the learned traces lack that are composed alike.
    fn against(&self, neighbours: &[usize], missing: [f64; 2]) -> [f64; 2] {
        let theirs = neighbours
            .iter()
            .filter_map(|index| self.missing.get(*index));
        let n = neighbours.len().max(1) as f64;
        let mut sum = [0.0; 2];
        let mut squares = [0.0; 2];
        for values in theirs {
            for ((sum, square), value) in sum.iter_mut().zip(&mut squares).zip(values) {
                *sum += value;
                *square += value * value;
            }
        }
        let [calls, pairs] = missing;
        let deviation = |value: f64, sum: f64, squares: f64, spread: f64| {
            let mean = sum / n;
            let variance = (squares / n - mean * mean).max(0.0);
            // Neighbours may be equal to a hair; a tenth of what all differ by is no difference.
            let floor = (0.1 * spread).max(1e-3);
            (value - mean) / (variance + floor * floor).sqrt()
        };
        [
            deviation(calls, sum[0], squares[0], self.spread[0]),
            deviation(pairs, sum[1], squares[1], self.spread[1]),
        ]
    }

    fn sum(&self, views: &[f64; VIEWS]) -> f64 {
        let scaled = self.scales.iter().zip(views);
        scaled
            .map(|(scale, value)| {
                let deviations = scale.deviations(*value);
                deviations.min(ENOUGH) + BEYOND * (deviations - ENOUGH).max(0.0)
            })
            .sum()
    }
}

/// Standard deviations of both columns.
fn spread(rows: &[[f64; 2]]) -> [f64; 2] {
    let n = rows.len().max(1) as f64;
    std::array::from_fn(|column| {
        let values = || rows.iter().filter_map(|row| row.get(column));
        let mean = values().sum::<f64>() / n;
        let squares = values().map(|value| (value - mean) * (value - mean));
        (squares.sum::<f64>() / n).sqrt()
    })
}
