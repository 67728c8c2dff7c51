//! What one window or thread did, compared with what was learned: how many of the pairs of successive calls are new, and
//! how many of the ordinary calls are missing.
//!
//! Both views are measured on their own scales: how far they lie from what parts of the learned bags show when they are
//! held against the rest. They are added up, each beyond [`ENOUGH`] only at a tenth, so that neither decides alone: what
//! is new but coherent makes the ordinary calls as well, and an idle program makes nothing new.

pub mod layer;
pub mod scale;
pub mod shapes;
#[cfg(test)]
pub(in crate::detect) mod testing;
#[cfg(test)]
mod tests;

use crate::baseline::bags::Bag;
use scale::Scale;
use shapes::Shapes;

/// Contiguous parts into which learned bags are cut; each is held against the others. Neighbours in time resemble one
/// another, so parts chosen at random would look more familiar than what comes next.
const PARTS: usize = 5;

/// Bags from which on there is a model.
pub const MIN_BAGS: usize = 2 * PARTS;

/// Standard deviations from which on a view counts only a tenth.
const ENOUGH: f64 = 2.0;

/// What a view counts beyond [`ENOUGH`].
const BEYOND: f64 = 0.1;

/// Number of views.
const VIEWS: usize = 2;

/// What each view counts: new pairs and missing calls. New pairs come with every rarely taken path of a program.
const WEIGHTS: [f64; VIEWS] = [0.5, 1.0];

/// The part to which one of so many bags belongs.
#[must_use]
pub fn part(index: usize, bags: usize) -> usize {
    index * PARTS / bags.max(1)
}

/// What was learned from bags of calls, ready to judge others.
#[derive(Clone, Debug)]
pub struct SequenceModel {
    shapes: Shapes,
    /// How much of the ordinary each learned bag lacks.
    missing: Vec<f64>,
    /// How far these values differ.
    spread: f64,
    scales: [Scale; VIEWS],
    /// The views of the learned bags, each held against the other parts.
    views: Vec<[f64; VIEWS]>,
    /// Their scores, highest first.
    held_back: Vec<f64>,
}

impl SequenceModel {
    /// Learns from bags in the order in which they were made, whose new pairs are new to what was learned without
    /// them; `None` for fewer than [`MIN_BAGS`].
    #[must_use]
    pub fn fit(bags: &[&Bag]) -> Option<Self> {
        if bags.len() < MIN_BAGS {
            return None;
        }
        let shapes = Shapes::learn(bags);
        let part_of = |index| part(index, bags.len());
        let missing = bags.iter().enumerate().map(|(index, bag)| {
            let own = part_of(index);
            shapes.missing(bag, |other| part_of(other) != own)
        });
        let missing: Vec<f64> = missing.collect();
        let mut model = Self {
            spread: deviation(&missing),
            shapes,
            missing,
            scales: [Scale::default(); VIEWS],
            views: Vec::new(),
            held_back: Vec::new(),
        };
        let held = bags.iter().enumerate().zip(&model.missing);
        model.views = held
            .map(|((index, bag), missing)| {
                let alike = model.shapes.alike(bag, Some(index));
                [new_share(bag), model.against(&alike, *missing)]
            })
            .collect();
        model.scales = std::array::from_fn(|view| {
            let values = model.views.iter().filter_map(|views| views.get(view));
            Scale::of(values.copied().collect())
        });
        model.held_back = model.views.iter().map(|views| model.sum(views)).collect();
        model.held_back.sort_by(|a, b| b.total_cmp(a));
        Some(model)
    }

    /// How far the bag is from what was learned, in standard deviations over both views. Always finite. Calls that were
    /// never learned are left out: they are facts of their own, and must not count twice.
    #[must_use]
    pub fn score(&self, bag: &Bag) -> f64 {
        self.sum(&self.views(bag))
    }

    /// How many of a bag's pairs are new, and how many of the ordinary calls are missing; more is less ordinary.
    #[must_use]
    pub fn views(&self, bag: &Bag) -> [f64; VIEWS] {
        let missing = self.shapes.missing(bag, |_| true);
        let alike = self.shapes.alike(bag, None);
        [new_share(bag), self.against(&alike, missing)]
    }

    /// The score that a share of ordinary bags is expected to exceed, by the learned ones, each held against the other
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

    /// The share of ordinary bags that would score as high as this one if as many of their pairs were new.
    #[must_use]
    pub fn share_as_high(&self, bag: &Bag) -> f64 {
        let [new_pairs, missing] = self.views(bag);
        let score = self.sum(&[new_pairs, missing]);
        let held = self.views.iter();
        let as_high = held
            .filter(|[_, missing]| self.sum(&[new_pairs, *missing]) >= score)
            .count();
        (as_high as f64 + 1.0) / (self.views.len() as f64 + 1.0)
    }

    /// Calls that the bag lacks and most learned bags composed like it hold, with the share that does.
    #[must_use]
    pub fn lacking(&self, bag: &Bag) -> Vec<(u16, f64)> {
        self.shapes.lacking(bag, &self.shapes.alike(bag, None))
    }

    /// What is missing, in standard deviations from what the learned bags lack that are composed alike.
    fn against(&self, alike: &[usize], missing: f64) -> f64 {
        let theirs = alike.iter().filter_map(|index| self.missing.get(*index));
        let theirs: Vec<f64> = theirs.copied().collect();
        let mean = theirs.iter().sum::<f64>() / theirs.len().max(1) as f64;
        // Those alike may be equal to a hair; a tenth of what all differ by is no difference.
        let floor = (0.1 * self.spread).max(1e-3);
        (missing - mean) / deviation(&theirs).hypot(floor)
    }

    fn sum(&self, views: &[f64; VIEWS]) -> f64 {
        let scaled = self.scales.iter().zip(views).zip(WEIGHTS);
        scaled
            .map(|((scale, value), weight)| {
                let deviations = scale.deviations(*value);
                weight * (deviations.min(ENOUGH) + BEYOND * (deviations - ENOUGH).max(0.0))
            })
            .sum()
    }
}

/// New pairs in a call.
fn new_share(bag: &Bag) -> f64 {
    f64::from(bag.new_pairs) / bag.total().max(1) as f64
}

/// Standard deviation.
fn deviation(values: &[f64]) -> f64 {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|value| (value - mean) * (value - mean));
    (squares.sum::<f64>() / n).sqrt()
}
