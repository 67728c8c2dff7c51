//! Evidence over windows: conformal p-values, turned into e-values and accumulated (Shiryaev-Roberts).
//!
//! A p-value from n calibration windows cannot be smaller than 1/(n+1), far above what one false alarm a month at
//! one window every few seconds allows. Evidence that accumulates can: the expected time between false alarms at
//! threshold A is at least A windows, as long as the e-values are valid.

use serde::{Deserialize, Serialize};

/// Accumulated evidence of one container and phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// ln(M + 1), so that the start, M = 0, is representable.
    ln_one_more: f64,
}

impl Evidence {
    /// Takes one window's p-value in. Evidence is held at `ceiling` (nats): beyond it, it could only take longer to
    /// notice that all is well again.
    pub fn add(&mut self, p: f64, ceiling: f64) {
        let ln_m = (self.ln_one_more + ln_e(p)).min(ceiling);
        self.ln_one_more = ln_m.exp().ln_1p();
    }

    /// The evidence in nats, 0 when there is none.
    #[must_use]
    pub fn nats(self) -> f64 {
        self.ln_one_more.exp_m1().ln().max(0.0)
    }

    /// Begins anew.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

/// The largest exponent of the calibrators that are mixed. Small ones gain most from windows that are rare indeed, so that
/// three of these say enough, and lose more in each ordinary window.
const LARGEST_EXPONENT: f64 = 0.25;

/// ln of a mixture of Vovk's calibrators: the average of the e-values `k p^(k-1)` over k from 0 to a,
/// `(1 - p^a + a p^a ln p) / (a p ln² p)`.
fn ln_e(p: f64) -> f64 {
    let a = LARGEST_EXPONENT;
    let p = p.clamp(1e-12, 1.0);
    // The limit at 1 is a/2; the formula is 0/0 there.
    if p > 1.0 - 1e-4 {
        return (a / 2.0).ln();
    }
    let (ln_p, power) = (p.ln(), p.powf(a));
    ((1.0 - power + a * power * ln_p) / (a * p * ln_p * ln_p)).ln()
}

/// An upper bound, at 95 % confidence, of the chance that a new score is as large as one that `as_large` of
/// `calibration` scores are. The plain rank holds on average over calibrations; one calibration is what there is
/// (Bates et al. 2023). The Poisson bound is approximated to 2 %: 3.0 for none, 4.7 for one, 17 for ten.
#[must_use]
pub fn upper_p(as_large: usize, calibration: usize) -> f64 {
    let rank = as_large as f64 + 1.0;
    ((rank + 1.645 * rank.sqrt() + 0.35) / (calibration as f64 + 1.0)).min(1.0)
}

/// Windows of so many seconds in a month of 30 days.
#[must_use]
pub fn windows_per_month(window_s: f64) -> f64 {
    const MONTH_S: f64 = 30.0 * 86_400.0;
    MONTH_S / window_s.max(1e-3)
}

/// The threshold in nats for so many findings per month: ln(windows per month / findings).
#[must_use]
pub fn threshold(window_s: f64, findings_per_month: f64) -> f64 {
    let windows = windows_per_month(window_s);
    (windows / findings_per_month.max(1e-3)).ln().max(1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn e_values_average_to_one_over_uniform_p() {
        let n = 2_000_000;
        let (from, a) = (1e-3_f64, LARGEST_EXPONENT);
        let sum: f64 = (0..n)
            .map(|i| (f64::from(i) + 0.5) / f64::from(n))
            .filter(|p| *p > from)
            .map(|p| ln_e(p).exp())
            .sum();
        // What lies below, where steps are too coarse: the average of from^k.
        let below = (from.powf(a) - 1.0) / (a * from.ln());
        let mean = sum / f64::from(n) + below;
        assert!((mean - 1.0).abs() < 1e-3, "{mean}");
    }

    #[test]
    fn three_windows_as_rare_as_can_be_alarm_and_two_do_not() {
        let mut evidence = Evidence::default();
        for _ in 0..2 {
            evidence.add(1e-4, 20.0);
            assert!(evidence.nats() < threshold(5.0, 1.0));
        }
        evidence.add(1e-4, 20.0);
        assert!(evidence.nats() > threshold(5.0, 1.0) + 1.0);
    }

    #[test]
    fn ranks_are_bounded_from_above() {
        for (as_large, p) in [(0, 0.003), (1, 0.004_7), (10, 0.017), (999, 1.0)] {
            let bound = upper_p(as_large, 999);
            assert!((bound / p - 1.0).abs() < 0.03, "{as_large}: {bound}");
        }
        assert!((upper_p(0, 0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_threshold_is_the_budget_in_windows() {
        assert!((threshold(5.0, 1.0) - 518_400_f64.ln()).abs() < 1e-9);
        assert!(threshold(5.0, 10.0) < threshold(5.0, 1.0));
    }

    #[test]
    fn extreme_windows_alarm_and_ordinary_ones_calm() {
        let mut evidence = Evidence::default();
        for _ in 0..8 {
            evidence.add(1.0 / 257.0, 13.2);
        }
        assert!(evidence.nats() >= 13.1);
        for _ in 0..40 {
            evidence.add(0.5, 13.2);
        }
        assert!(evidence.nats() < 2.0);
    }

    proptest! {
        #[test]
        fn evidence_is_always_a_number_within_bounds(ps in prop::collection::vec(0.0..=1.0_f64, 0..300)) {
            let mut evidence = Evidence::default();
            for p in ps {
                evidence.add(p, 13.2);
                prop_assert!((0.0..=13.21).contains(&evidence.nats()));
            }
        }
    }
}
