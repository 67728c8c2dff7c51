//! Medians, and how far values lie apart.

use serde::Serialize;

/// A handful of values in short.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one; between the two in the middle where there are two.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// Lower end of the interval that holds the true median with 95 % confidence; `min` where five values or fewer
    /// do not tell.
    pub low: f64,
    /// Upper end of it.
    pub high: f64,
    /// How many there are.
    pub n: usize,
}

impl Spread {
    /// The spread of the values, or `None` when there are none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let outside = values_outside(sorted.len());
        Some(Self {
            median: median(&sorted)?,
            min,
            max,
            low: sorted.get(outside).copied().unwrap_or(min),
            high: sorted.iter().rev().nth(outside).copied().unwrap_or(max),
            n: sorted.len(),
        })
    }

    /// A value that was taken once.
    pub const fn once(value: f64) -> Self {
        Self {
            median: value,
            min: value,
            max: value,
            low: value,
            high: value,
            n: 1,
        }
    }

    /// The values in another unit.
    pub fn divided_by(&self, divisor: f64) -> Self {
        Self {
            median: self.median / divisor,
            min: self.min / divisor,
            max: self.max / divisor,
            low: self.low / divisor,
            high: self.high / divisor,
            n: self.n,
        }
    }
}

/// How many of `n` values may be left out at each end so that the rest still holds the median with 95 % confidence:
/// the number below the true median is binomial, as each value is below it or above it with equal chance.
fn values_outside(n: usize) -> usize {
    let mut chance = 0.5_f64.powi(i32::try_from(n).unwrap_or(i32::MAX));
    let (mut sum, mut outside) = (0.0, 0);
    while outside < n {
        sum += chance;
        if sum > 0.025 {
            break;
        }
        outside += 1;
        chance *= (n - outside + 1) as f64 / outside as f64;
    }
    outside.saturating_sub(1)
}

/// The middle value, or `None` when there is none.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *sorted.get(middle.checked_sub(1)?)?;
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_median_is_the_middle_whatever_the_order() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&[7.0]), Some(7.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn one_wild_value_moves_the_extremes_alone() {
        let spread = Spread::of([81.0, 9_000.0, 79.0, -5.0, 80.0]).unwrap();
        assert_eq!(
            (spread.min, spread.median, spread.max),
            (-5.0, 80.0, 9_000.0)
        );
        assert_eq!(spread.n, 5);
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn the_interval_is_that_of_the_sign_test() {
        // From the tables of the binomial distribution: ranks that enclose the median with at least 95 %.
        for (n, low) in [
            (1, 1),
            (5, 1),
            (6, 1),
            (8, 1),
            (9, 2),
            (15, 4),
            (30, 10),
            (60, 22),
            (100, 40),
        ] {
            let spread = Spread::of((1..=n).map(f64::from)).unwrap();
            assert_eq!(
                (spread.low, spread.high),
                (f64::from(low), f64::from(n + 1 - low)),
                "{n}"
            );
        }
    }
}
