//! How much news is still to come: the rate at which something new turns up falls as a power of what was observed, as
//! the failures of a machine do while its faults are found and mended (Duane 1964; Crow 1974).
//!
//! How fast it falls and how high it stands are learned from the points at which news came, together with what is
//! assumed of workloads in general: with little of their own, the assumption decides.

use super::gamma;

/// How the rate may fall: the exponent of what was observed, with what is assumed of workloads in general. On
/// containers under load the rate of new system calls was measured to fall as t^-1.3; a rate that does not fall at all
/// is that of names made up anew each time.
const EXPONENTS: [(f64, f64); 4] = [(1.5, 0.4), (1.0, 0.5), (0.5, 0.095), (0.0, 0.005)];

/// How much what is assumed counts: as much as having observed three factors of e at the reference point. Workloads
/// differ by orders of magnitude (most bring none of a rare kind of news, few bring many), so that little of their own
/// decides.
const PSEUDO_FOLDS: f64 = 3.0;

/// Only what came in the last part of what was observed tells of the future: four doublings.
const RECENT: f64 = 16.0;

/// What is assumed of workloads in general.
#[derive(Clone, Copy, Debug)]
pub struct Prior {
    /// News expected while what was observed grows by a factor of e, at the reference point.
    pub per_fold: f64,
    /// The reference point, in the unit of observation.
    pub reference: f64,
    /// Shortest observation that means anything, in the same unit.
    pub least: f64,
}

/// What is to be expected.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Expectation {
    /// Expected number of news, by what was observed and what is assumed.
    pub mean: f64,
    /// The largest expected number that what was observed does not exclude, by itself, with 95 % confidence.
    pub upper: f64,
}

/// Expects news within the next `ahead`, after `observed`, in the course of which news came `at` these points
/// (ascending). Always a number, whatever the input.
#[must_use]
pub fn expect(prior: Prior, observed: f64, at: &[f64], ahead: f64) -> Expectation {
    let sane = |value: f64, least: f64| {
        if value.is_finite() {
            value.clamp(least, 1e12)
        } else {
            least
        }
    };
    let least = sane(prior.least, 1e-6);
    let reference = sane(prior.reference, least);
    let per_fold = sane(prior.per_fold, 1e-9);
    let end = sane(observed, least) / reference;
    let begin = (end / RECENT).max(least / reference);
    let until = end + sane(ahead, 0.0) / reference;
    let recent = at.iter().map(|at| at / reference);
    let recent: Vec<f64> = recent
        .filter(|at| *at > begin && at.is_finite())
        .map(|at| at.min(end))
        .collect();
    let count = recent.len() as f64;
    let ln_sum: f64 = recent.iter().map(|at| at.ln()).sum();
    // Per way of falling: its weight, how much rate was seen per unit of level, and how much is to come.
    let mut ways = EXPONENTS.map(|(exponent, assumed)| {
        let seen = power_integral(exponent, begin, end);
        let coming = power_integral(exponent, end, until);
        // How many came says how high the rate stands; where they came, given their number, says how it falls. So an
        // unusual number does not speak for one way of falling.
        let ln_weight = assumed.ln() - exponent * ln_sum - count * seen.max(1e-300).ln();
        (ln_weight, seen, coming)
    });
    let most = ways.iter().fold(f64::MIN, |most, way| most.max(way.0));
    for way in &mut ways {
        way.0 = (way.0 - most).exp();
    }
    let all: f64 = ways.iter().map(|way| way.0).sum();
    let shape = per_fold * PSEUDO_FOLDS + count;
    let means = ways
        .iter()
        .map(|(weight, seen, coming)| weight * shape * coming / (PSEUDO_FOLDS + seen));
    let mean = means.sum::<f64>() / all;
    let share_below = |x: f64| {
        let shares = ways.iter().map(|(weight, seen, coming)| {
            weight * gamma::below(count + 1.0, x * seen / coming.max(1e-300))
        });
        shares.sum::<f64>() / all
    };
    Expectation {
        mean,
        upper: gamma::quantile(0.95, share_below).max(mean),
    }
}

/// The integral of t^-exponent.
fn power_integral(exponent: f64, from: f64, to: f64) -> f64 {
    let rest = 1.0 - exponent;
    if rest.abs() < 1e-9 {
        return (to / from).ln().max(0.0);
    }
    ((to.powf(rest) - from.powf(rest)) / rest).max(0.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    const HOUR: f64 = 3600.0;
    const MONTH: f64 = 720.0 * HOUR;

    const PRIOR: Prior = Prior {
        per_fold: 0.01,
        reference: HOUR,
        least: 5.0,
    };

    fn month(observed: f64, at: &[f64]) -> f64 {
        expect(PRIOR, observed, at, MONTH).mean
    }

    #[test]
    fn quiet_makes_news_rare_and_news_make_more_likely() {
        let quiet = [60.0, HOUR, 24.0 * HOUR, MONTH].map(|observed| month(observed, &[]));
        assert!(quiet.is_sorted_by(|a, b| a > b), "{quiet:?}");
        let day = 24.0 * HOUR;
        let early = month(day, &[60.0, 120.0, 600.0]);
        assert!(
            (early - month(day, &[])).abs() < 1e-9,
            "what is long past counts no more"
        );
        let by_count = [1, 3, 9].map(|n| {
            let at: Vec<f64> = (0..n).map(|i| day * (0.5 + 0.05 * f64::from(i))).collect();
            month(day, &at)
        });
        assert!(by_count[0] > 5.0 * month(day, &[]), "{by_count:?}");
        assert!(by_count.is_sorted_by(|a, b| a < b), "{by_count:?}");
    }

    #[test]
    fn a_rate_that_does_not_fall_is_noticed() {
        let day = 24.0 * HOUR;
        // One an hour, ever since.
        let steady: Vec<f64> = (1..=24).map(|hour| f64::from(hour) * HOUR).collect();
        let steady = month(day, &steady);
        assert!((100.0..800.0).contains(&steady), "{steady}");
        // As many, ever more rarely: the next day brings few, so the month a few times as many.
        let falling: Vec<f64> = (0..24)
            .map(|i| day / 16.0 * 16_f64.powf(f64::from(i) / 24.0))
            .collect();
        let falling = month(day, &falling);
        assert!((8.0..200.0).contains(&falling), "{falling}");
    }

    #[test]
    fn what_was_observed_excludes_more_the_longer_it_is() {
        let upper = [HOUR, 24.0 * HOUR, MONTH].map(|t| expect(PRIOR, t, &[], MONTH).upper);
        assert!(upper.is_sorted_by(|a, b| a > b), "{upper:?}");
        // A month in which nothing came: three at most in the next if the rate does not fall.
        assert!((0.5..3.2).contains(&upper[2]), "{upper:?}");
    }

    proptest! {
        #[test]
        fn always_a_number(
            per_fold in prop::num::f64::ANY,
            observed in prop::num::f64::ANY,
            mut at in prop::collection::vec(prop::num::f64::ANY, 0..20),
            ahead in prop::num::f64::ANY,
        ) {
            at.sort_by(f64::total_cmp);
            let got = expect(Prior { per_fold, ..PRIOR }, observed, &at, ahead);
            prop_assert!(got.mean.is_finite() && got.upper.is_finite(), "{got:?}");
            prop_assert!(got.mean >= 0.0 && got.upper >= got.mean, "{got:?}");
        }
    }
}
