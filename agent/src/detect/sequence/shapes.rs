//! What a trace or a window is made of, whatever its order: which items it holds and how often. Items are calls, or pairs
//! of calls.

use std::collections::BTreeMap;

/// How many learned shapes something is compared with that are composed like it.
const NEIGHBOURS: usize = 100;

/// How much less a learned shape weighs that lacks a tenth more: by a factor of e.
const WIDTH: f64 = 0.1;

/// Items with how often each occurs.
pub type Items = BTreeMap<u32, u64>;

/// The calls of a trace.
#[must_use]
pub fn calls_of(trace: &[u16]) -> Items {
    count(trace.iter().map(|call| u32::from(*call)))
}

/// The pairs of successive calls of a trace.
#[must_use]
pub fn pairs_of(trace: &[u16]) -> Items {
    let seconds = trace.iter().skip(1);
    let pairs = trace.iter().zip(seconds);
    count(pairs.map(|(first, second)| (u32::from(*first) << 16) | u32::from(*second)))
}

fn count(all: impl Iterator<Item = u32>) -> Items {
    let mut items = Items::new();
    for item in all {
        let times = items.entry(item).or_default();
        *times = times.saturating_add(1);
    }
    items
}

/// One learned shape.
#[derive(Clone, Debug)]
struct Shape {
    /// One bit for each item it holds.
    holds: Vec<u64>,
    items: u32,
    /// Direction of its weighted items, of length 1; by index, in order.
    direction: Vec<(usize, f64)>,
}

/// Learned shapes.
#[derive(Clone, Debug, Default)]
pub struct Shapes {
    index: BTreeMap<u32, usize>,
    /// What each item weighs: more for those that few shapes hold.
    weights: Vec<f64>,
    shapes: Vec<Shape>,
}

impl Shapes {
    /// Learns these shapes.
    #[must_use]
    pub fn learn(all: impl Iterator<Item = Items>) -> Self {
        let all: Vec<Items> = all.collect();
        let mut holders: BTreeMap<u32, usize> = BTreeMap::new();
        for item in all.iter().flat_map(Items::keys) {
            *holders.entry(*item).or_default() += 1;
        }
        let n = all.len() as f64;
        let mut learned = Self {
            index: holders.keys().copied().zip(0..).collect(),
            weights: holders
                .values()
                .map(|holders| ((n + 1.0) / (*holders as f64 + 1.0)).ln() + 1.0)
                .collect(),
            shapes: Vec::new(),
        };
        learned.shapes = all.iter().map(|items| learned.shape(items)).collect();
        learned
    }

    /// The known part of a shape.
    fn shape(&self, items: &Items) -> Shape {
        let known = || {
            let known = items.iter();
            known.filter_map(|(item, times)| Some((*self.index.get(item)?, *times)))
        };
        let mut holds = vec![0_u64; self.index.len().div_ceil(64)];
        for (index, _) in known() {
            if let Some(word) = holds.get_mut(index / 64) {
                *word |= 1 << (index % 64);
            }
        }
        let mut direction: Vec<(usize, f64)> = known()
            .map(|(index, times)| {
                let weight = self.weights.get(index).copied().unwrap_or_default();
                (index, weight * (times as f64).ln_1p())
            })
            .collect();
        let square: f64 = direction.iter().map(|(_, part)| part * part).sum();
        let length = square.sqrt().max(f64::MIN_POSITIVE);
        for (_, part) in &mut direction {
            *part /= length;
        }
        Shape {
            items: holds.iter().map(|word| word.count_ones()).sum(),
            holds,
            direction,
        }
    }

    /// How much of what learned shapes hold this one lacks: 0 when it holds all that every learned one holds. Learned
    /// shapes count the more the less it lacks of them. Only those with an index that `counts` are asked.
    #[must_use]
    pub fn missing(&self, items: &Items, counts: impl Fn(usize) -> bool) -> f64 {
        let shape = self.shape(items);
        let mut shapes = 0.0;
        let mut near = 0.0;
        for (index, learned) in self.shapes.iter().enumerate() {
            if !counts(index) {
                continue;
            }
            let shared: u32 = shape
                .holds
                .iter()
                .zip(&learned.holds)
                .map(|(mine, its)| (mine & its).count_ones())
                .sum();
            let share = f64::from(shared) / f64::from(learned.items.max(1));
            near += ((share - 1.0) / WIDTH).exp();
            shapes += 1.0;
        }
        // The least that one shape can add is e^(-1 / WIDTH).
        match shapes > 0.0 {
            true => -(near / shapes).ln(),
            false => 0.0,
        }
    }

    /// Indices of the learned shapes that are composed most alike, `except` one.
    #[must_use]
    pub fn nearest(&self, items: &Items, except: Option<usize>) -> Vec<usize> {
        let mut mine = vec![0.0; self.index.len()];
        for (index, part) in self.shape(items).direction {
            if let Some(place) = mine.get_mut(index) {
                *place = part;
            }
        }
        let mut likeness: Vec<(f64, usize)> = self
            .shapes
            .iter()
            .enumerate()
            .filter(|(index, _)| Some(*index) != except)
            .map(|(index, learned)| {
                let products = learned.direction.iter();
                let products = products.filter_map(|(at, part)| Some(mine.get(*at)? * part));
                (products.sum(), index)
            })
            .collect();
        let order = |a: &(f64, usize), b: &(f64, usize)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if likeness.len() > NEIGHBOURS {
            likeness.select_nth_unstable_by(NEIGHBOURS - 1, order);
            likeness.truncate(NEIGHBOURS);
        }
        likeness.sort_by(order);
        likeness.into_iter().map(|(_, index)| index).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned() -> Shapes {
        let traces: [&[u16]; 3] = [&[1, 2, 3, 4], &[1, 2], &[7, 8, 8, 8]];
        Shapes::learn(traces.into_iter().map(calls_of))
    }

    #[test]
    fn more_of_the_ordinary_is_less_missing() {
        let missing = |trace: &[u16]| learned().missing(&calls_of(trace), |_| true);
        assert!(missing(&[1, 2, 3, 4, 7, 8]).abs() < 1e-12);
        assert!(missing(&[1, 2, 3, 4]) < missing(&[1, 2]));
        assert!(missing(&[1, 2]) < missing(&[1]));
        assert!((missing(&[]) - 1.0 / WIDTH).abs() < 1e-9);
        assert_eq!(missing(&[1, 2, 99]), missing(&[1, 2]));
    }

    #[test]
    fn a_shape_that_does_not_count_is_not_asked() {
        let last = |counts: fn(usize) -> bool| learned().missing(&calls_of(&[7, 8]), counts);
        assert!(last(|_| true) > 0.0);
        assert!(last(|index| index == 2).abs() < 1e-12);
        assert!(last(|_| false).abs() < 1e-12);
    }

    #[test]
    fn likeness_goes_by_proportions_and_ties_by_age() {
        let shapes = learned();
        assert_eq!(
            shapes.nearest(&calls_of(&[8, 8, 8, 7]), None).first(),
            Some(&2)
        );
        assert_eq!(shapes.nearest(&calls_of(&[1, 2]), Some(1)), [0, 2]);
        assert_eq!(shapes.nearest(&calls_of(&[99]), None), [0, 1, 2]);
    }
}
