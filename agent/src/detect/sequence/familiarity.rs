//! How familiar the order of calls is: the longest stretches that were learned, and pairs that never were.

use std::collections::{BTreeSet, HashMap};

/// Longest stretch of calls that is looked up.
pub const LONGEST: usize = 12;

/// A stretch of up to [`LONGEST`] calls, filled up with [`NONE`].
type Gram = [u16; LONGEST];

/// Not a call.
const NONE: u16 = u16::MAX;

/// Learned stretches of calls, each with the parts that hold it, one bit each. Looked up only, never iterated, so the
/// order of the map is of no consequence.
#[derive(Clone, Debug, Default)]
pub struct Grams(HashMap<Gram, u8>);

impl Grams {
    /// Adds all stretches of a trace, as one of part `part`, of which there are at most 8.
    pub fn learn(&mut self, trace: &[u16], part: usize) {
        let bit = 1_u8.checked_shl(part as u32).unwrap_or_default();
        for end in 1..=trace.len() {
            for length in 1..=LONGEST.min(end) {
                *self.0.entry(gram(trace, end, length)).or_default() |= bit;
            }
        }
    }

    /// How unfamiliar the order of a trace is, from -1 for wholly familiar to 0; and the share of its different pairs of
    /// calls that were not learned. What only the part `without` holds is not learned. Calls that are not learned are
    /// left out.
    #[must_use]
    pub fn views(&self, trace: &[u16], without: Option<usize>) -> (f64, f64) {
        let bit = without.map_or(0, |part| 1_u8.checked_shl(part as u32).unwrap_or_default());
        let holds = |gram: &Gram| self.0.get(gram).is_some_and(|parts| parts & !bit != 0);
        let known: Vec<u16> = trace
            .iter()
            .copied()
            .filter(|call| holds(&gram(&[*call], 1, 1)))
            .collect();
        if known.is_empty() {
            return (0.0, 0.0);
        }
        let mut longest = 0;
        let mut familiar = 0.0;
        for end in 1..=known.len() {
            // Every stretch of a learned stretch was learned, so each call adds one at most.
            longest = (longest + 1).min(LONGEST);
            while longest > 1 && !holds(&gram(&known, end, longest)) {
                longest -= 1;
            }
            let possible = LONGEST.min(end);
            familiar += (longest as f64).ln_1p() / (possible as f64).ln_1p();
        }
        let pairs: BTreeSet<_> = known.windows(2).map(|pair| gram(pair, 2, 2)).collect();
        let new = pairs.iter().filter(|pair| !holds(pair)).count();
        (
            -familiar / known.len() as f64,
            new as f64 / pairs.len().max(1) as f64,
        )
    }
}

/// The `length` calls that end before index `end`.
fn gram(trace: &[u16], end: usize, length: usize) -> Gram {
    let mut gram = [NONE; LONGEST];
    let calls = trace.iter().skip(end.saturating_sub(length)).take(length);
    for (to, from) in gram.iter_mut().zip(calls) {
        *to = *from;
    }
    gram
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned() -> Grams {
        let mut grams = Grams::default();
        grams.learn(&[1, 2, 3, 4], 0);
        grams.learn(&[3, 1, 3], 1);
        grams
    }

    #[test]
    fn what_was_learned_is_wholly_familiar() {
        let (order, new_pairs) = learned().views(&[1, 2, 3, 4], None);
        assert!((order + 1.0).abs() < 1e-12);
        assert!(new_pairs.abs() < 1e-12);
    }

    #[test]
    fn order_counts_by_the_longest_learned_stretch() {
        // Stretches of 1, 1 and 2 calls, of 1, 2 and 3 possible ones.
        let (order, new_pairs) = learned().views(&[2, 1, 2], None);
        let expected = (1.0 + 2f64.ln() / 3f64.ln() + 3f64.ln() / 4f64.ln()) / 3.0;
        assert!((order + expected).abs() < 1e-12, "{order}");
        assert!(
            (new_pairs - 0.5).abs() < 1e-12,
            "2 > 1 is new, 1 > 2 is not"
        );
    }

    #[test]
    fn a_part_is_judged_without_itself() {
        assert!((learned().views(&[3, 1], None).1).abs() < 1e-12);
        assert!((learned().views(&[3, 1], Some(1)).1 - 1.0).abs() < 1e-12);
        // Of the calls, only 1 and 3 are known to the other part.
        assert_eq!(
            learned().views(&[1, 2, 3], Some(0)),
            learned().views(&[1, 3], Some(0))
        );
    }

    #[test]
    fn calls_never_learned_are_left_out() {
        assert_eq!(
            learned().views(&[1, 9, 2], None),
            learned().views(&[1, 2], None)
        );
        assert_eq!(learned().views(&[9], None), (0.0, 0.0));
        assert_eq!(learned().views(&[], None), (0.0, 0.0));
    }
}
