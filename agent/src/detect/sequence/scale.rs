//! The scale of a view: where ordinary values lie, and how far apart.

/// Most standard deviations that are told apart.
const FAR: f64 = 50.0;

/// Distance of the 10 % and the 90 % point of a normal distribution, in standard deviations.
const TENTHS: f64 = 2.563;

/// Centre and spread of ordinary values. Taken from quantiles, so that the extremes of what was learned do not set the
/// measure for what is extreme.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    centre: f64,
    spread: f64,
}

impl Default for Scale {
    fn default() -> Self {
        Self {
            centre: 0.0,
            spread: 1.0,
        }
    }
}

impl Scale {
    /// The scale of these values; those that are not finite are left out.
    #[must_use]
    pub fn of(mut values: Vec<f64>) -> Self {
        values.retain(|value| value.is_finite());
        values.sort_by(f64::total_cmp);
        let spread = (quantile(&values, 0.9) - quantile(&values, 0.1)) / TENTHS;
        Self {
            centre: quantile(&values, 0.5),
            spread: spread.max(1e-6),
        }
    }

    /// How many standard deviations a value lies above the centre, at most 50 either way.
    #[must_use]
    pub fn deviations(&self, value: f64) -> f64 {
        let deviations = (value - self.centre) / self.spread;
        match deviations.is_nan() {
            true => 0.0,
            false => deviations.clamp(-FAR, FAR),
        }
    }
}

/// The value below which a share of sorted values lies, interpolated; 0 when there is none.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let at = share * last as f64;
    // Not negative and not above the last index.
    let below = at.floor() as usize;
    let value = |index: usize| sorted.get(index.min(last)).copied().unwrap_or_default();
    let low = value(below);
    low + (value(below + 1) - low) * (at - at.floor())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_wild_values_does_not_move_the_scale() {
        let mut values: Vec<f64> = (0..1001).map(|i| f64::from(i) / 100.0).collect();
        let scale = Scale::of(values.clone());
        assert!((scale.deviations(5.0)).abs() < 1e-9);
        assert!((scale.deviations(9.0) - 1.2815).abs() < 1e-9);
        values.extend([1e12; 20]);
        values.push(f64::NAN);
        assert!((Scale::of(values).deviations(9.0) - 1.2815).abs() < 0.1);
    }

    #[test]
    fn any_value_has_a_finite_place_on_any_scale() {
        for values in [
            vec![],
            vec![1.0],
            vec![f64::NAN, f64::INFINITY],
            vec![2.0; 9],
        ] {
            let scale = Scale::of(values);
            for value in [0.0, f64::MAX, f64::MIN, f64::NAN, f64::INFINITY] {
                assert!(scale.deviations(value).abs() <= FAR);
            }
        }
        assert!(Scale::of(vec![2.0; 9]).deviations(2.0).abs() < 1e-9);
        assert!(Scale::of(vec![2.0; 9]).deviations(2.1) > 10.0);
    }
}
