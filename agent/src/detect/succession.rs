//! Rare windows in close succession: Fisher's method over the last few (Statistical Methods for Research Workers, 1925).
//!
//! Evidence that accumulates without a limit pays for not knowing how long a change will last, some three nats in each
//! window. What lasts a few windows is told sooner by the product of their p-values, whose distribution is known: minus
//! its logarithm over m windows has a gamma distribution of shape m.

use serde::{Deserialize, Serialize};

/// The most windows that are looked at together. Beyond, accumulated evidence is as quick.
const MOST: usize = 5;

/// The last windows of one container and phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Succession {
    /// Minus the logarithms of their p-values, the newest first.
    surprises: [f64; MOST],
}

impl Succession {
    /// Takes one window's p-value in.
    pub fn add(&mut self, p: f64) {
        self.surprises.rotate_right(1);
        if let Some(newest) = self.surprises.first_mut() {
            *newest = -p.clamp(1e-12, 1.0).ln();
        }
    }

    /// How rare the last windows are together, nats: ordinary ones get beyond this with a chance of e to the power of
    /// minus it, in each window. One window alone says nothing.
    #[must_use]
    pub fn nats(&self) -> f64 {
        let (mut sum, mut most) = (0.0, 0.0_f64);
        // As many lengths share the chance of a false claim.
        let share = ((MOST - 1) as f64).ln();
        for (before, surprise) in self.surprises.iter().enumerate() {
            sum += surprise;
            if before > 0 {
                most = most.max(sum - ln_terms(sum, before) - share);
            }
        }
        most
    }
}

/// The logarithm of the sum of `x^j / j!` for j from 0 to `last`: with x less, minus that of the share of the gamma
/// distribution of shape `last` + 1 beyond x.
fn ln_terms(x: f64, last: usize) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for j in 1..=last {
        term *= x / j as f64;
        sum += term;
    }
    sum.ln()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::detect::rates::noise::Noise;

    fn after(ps: &[f64]) -> f64 {
        let mut windows = Succession::default();
        for p in ps {
            windows.add(*p);
        }
        windows.nats()
    }

    #[test]
    fn ordinary_windows_are_as_rare_together_as_is_said() {
        let mut noise = Noise::new(3);
        let mut windows = Succession::default();
        let (mut beyond, all) = (0, 2_000_000);
        for _ in 0..all {
            windows.add(noise.uniform());
            beyond += u32::from(windows.nats() >= 5.0);
        }
        let (share, promised) = (f64::from(beyond) / f64::from(all), (-5.0_f64).exp());
        assert!((promised / 4.0..promised).contains(&share), "{share}");
    }

    #[test]
    fn the_share_beyond_is_the_gamma_distributions() {
        for (x, shape) in [(3.0, 2), (14.0, 2), (20.0, 3), (23.2, 4)] {
            let beyond = (ln_terms(x, shape - 1) - x).exp();
            let expected = 1.0 - crate::detect::gamma::below(shape as f64, x);
            assert!(
                (beyond / expected - 1.0).abs() < 1e-3,
                "{beyond} {expected}"
            );
        }
    }

    #[test]
    fn one_window_alone_says_little_however_rare() {
        assert!(after(&[1e-4]) < 6.0);
        assert!(after(&[1e-4, 1e-4]) > 13.0);
        assert!(after(&[1e-4, 1e-4, 1e-4]) > 19.0);
    }

    #[test]
    fn what_is_long_past_counts_no_more() {
        let mut ps = vec![1e-4; 4];
        assert!(after(&ps) > 20.0);
        ps.extend([1.0; MOST]);
        assert!(after(&ps).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn rarer_windows_never_say_less(mut ps in prop::collection::vec(1e-9..=1.0_f64, 5), which in 0_usize..5) {
            let before = after(&ps);
            if let Some(p) = ps.get_mut(which) {
                *p /= 2.0;
            }
            prop_assert!(after(&ps) >= before - 1e-9);
        }
    }
}
