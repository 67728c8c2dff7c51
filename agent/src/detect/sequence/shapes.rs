//! What bags of calls are made of: which ordinary calls one lacks, and which learned ones are composed like it.

use std::collections::BTreeMap;

use crate::baseline::bags::Bag;

/// How much less a learned bag weighs of which a tenth more is lacking: by a factor of e.
const WIDTH: f64 = 0.1;

/// Of the learned bags, one in so many is composed alike.
const ALIKE: usize = 8;

/// Those composed alike are at least so many.
const FEWEST_ALIKE: usize = 10;

/// One learned bag.
#[derive(Clone, Debug)]
struct Shape {
    /// One bit for each call it holds.
    holds: Vec<u64>,
    calls: u32,
    /// Direction of its weighted calls, of length 1; by index, in order.
    direction: Vec<(usize, f64)>,
}

/// Learned bags.
#[derive(Clone, Debug, Default)]
pub struct Shapes {
    /// Places of the learned calls.
    index: BTreeMap<u16, usize>,
    /// What each call weighs: more for those that few bags hold.
    weights: Vec<f64>,
    shapes: Vec<Shape>,
}

impl Shapes {
    /// Learns these bags.
    #[must_use]
    pub fn learn(bags: &[&Bag]) -> Self {
        let mut holders: BTreeMap<u16, usize> = BTreeMap::new();
        for (call, _) in bags.iter().flat_map(|bag| bag.calls()) {
            *holders.entry(call).or_default() += 1;
        }
        let n = bags.len() as f64;
        let mut learned = Self {
            index: holders.keys().copied().zip(0..).collect(),
            weights: holders
                .values()
                .map(|holders| ((n + 1.0) / (*holders as f64 + 1.0)).ln() + 1.0)
                .collect(),
            shapes: Vec::new(),
        };
        learned.shapes = bags.iter().map(|bag| learned.shape(bag)).collect();
        learned
    }

    /// The known part of a bag.
    fn shape(&self, bag: &Bag) -> Shape {
        let known = || {
            bag.calls()
                .filter_map(|(call, times)| Some((*self.index.get(&call)?, times)))
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
            calls: holds.iter().map(|word| word.count_ones()).sum(),
            holds,
            direction,
        }
    }

    /// How much of what learned bags hold this one lacks: 0 when it holds all that every learned one holds. Learned
    /// bags count the more the less it lacks of them. Only those with an index that `counts` are asked.
    #[must_use]
    pub fn missing(&self, bag: &Bag, counts: impl Fn(usize) -> bool) -> f64 {
        let shape = self.shape(bag);
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
            let share = f64::from(shared) / f64::from(learned.calls.max(1));
            near += ((share - 1.0) / WIDTH).exp();
            shapes += 1.0;
        }
        // The least that one bag can add is e^(-1 / WIDTH).
        match shapes > 0.0 {
            true => -(near / shapes).ln(),
            false => 0.0,
        }
    }

    /// Indices of the learned bags that are composed most alike, `except` one.
    #[must_use]
    pub fn alike(&self, bag: &Bag, except: Option<usize>) -> Vec<usize> {
        let mut mine = vec![0.0; self.index.len()];
        for (index, part) in self.shape(bag).direction {
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
        let alike = (self.shapes.len() / ALIKE).max(FEWEST_ALIKE);
        if likeness.len() > alike {
            likeness.select_nth_unstable_by(alike - 1, order);
            likeness.truncate(alike);
        }
        likeness.sort_by(order);
        likeness.into_iter().map(|(_, index)| index).collect()
    }

    /// Calls that a bag lacks and most of these learned ones hold, with the share that does; the most common first.
    #[must_use]
    pub fn lacking(&self, bag: &Bag, among: &[usize]) -> Vec<(u16, f64)> {
        let holds = |shape: &Shape, index: usize| {
            let word = shape.holds.get(index / 64).copied().unwrap_or_default();
            word >> (index % 64) & 1 == 1
        };
        let mine = self.shape(bag);
        let mut lacking: Vec<(u16, f64)> = self
            .index
            .iter()
            .filter(|(_, index)| !holds(&mine, **index))
            .map(|(call, index)| {
                let theirs = among.iter().filter_map(|bag| self.shapes.get(*bag));
                let holders = theirs.filter(|shape| holds(shape, *index)).count();
                (*call, holders as f64 / among.len().max(1) as f64)
            })
            .filter(|(_, share)| *share > 0.5)
            .collect();
        lacking.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        lacking
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::sequence::testing::bag;

    fn learned() -> Shapes {
        let bags = [
            bag(&[1, 2, 3, 4], 0),
            bag(&[1, 2], 0),
            bag(&[7, 8, 8, 8], 0),
        ];
        Shapes::learn(&bags.iter().collect::<Vec<_>>())
    }

    #[test]
    fn more_of_the_ordinary_is_less_missing() {
        let missing = |calls: &[u16]| learned().missing(&bag(calls, 0), |_| true);
        assert!(missing(&[1, 2, 3, 4, 7, 8]).abs() < 1e-12);
        assert!(missing(&[1, 2, 3, 4]) < missing(&[1, 2]));
        assert!(missing(&[1, 2]) < missing(&[1]));
        assert!((missing(&[]) - 1.0 / WIDTH).abs() < 1e-9);
        assert!((missing(&[1, 2, 99]) - missing(&[1, 2])).abs() < 1e-12);
    }

    #[test]
    fn a_bag_that_does_not_count_is_not_asked() {
        let last = |counts: fn(usize) -> bool| learned().missing(&bag(&[7, 8], 0), counts);
        assert!(last(|_| true) > 0.0);
        assert!(last(|index| index == 2).abs() < 1e-12);
        assert!(last(|_| false).abs() < 1e-12);
    }

    #[test]
    fn likeness_goes_by_proportions_and_ties_by_age() {
        let shapes = learned();
        let alike = |calls: &[u16], except| shapes.alike(&bag(calls, 0), except);
        assert_eq!(alike(&[8, 8, 8, 7], None).first(), Some(&2));
        assert_eq!(alike(&[1, 2], Some(1)), [0, 2]);
        assert_eq!(alike(&[99], None), [0, 1, 2]);
    }

    #[test]
    fn what_most_of_the_like_make_and_one_does_not_is_named() {
        let lacking = learned().lacking(&bag(&[1, 7], 0), &[0, 1]);
        assert_eq!(lacking, [(2, 1.0)], "3 and 4 are made by half of them only");
        assert!(learned().lacking(&bag(&[1], 0), &[]).is_empty());
    }
}
