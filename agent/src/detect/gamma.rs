//! The gamma distribution: what is known of a rate after counting.

/// Share of a gamma distribution (of this shape and unit rate) that lies below `x`: the regularised lower incomplete
/// gamma function. By its series below the mean and by its continued fraction above (Abramowitz and Stegun 6.5.29,
/// 6.5.31).
#[must_use]
pub fn below(shape: f64, x: f64) -> f64 {
    if !(shape > 0.0 && x > 0.0) {
        return 0.0;
    }
    if !x.is_finite() {
        return 1.0;
    }
    let front = (shape * x.ln() - x - ln_gamma(shape)).exp();
    if x < shape + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / shape, 1.0 / shape, shape);
        for _ in 0..STEPS {
            n += 1.0;
            term *= x / n;
            sum += term;
            if term < sum * PRECISION {
                break;
            }
        }
        return (front * sum).clamp(0.0, 1.0);
    }
    // The modified Lentz method, which needs no division by what may be 0.
    let tiny = 1e-300;
    let mut b = x + 1.0 - shape;
    let (mut c, mut d) = (1.0 / tiny, 1.0 / b);
    let mut fraction = d;
    for i in 1..STEPS {
        let i = f64::from(i);
        let a = -i * (i - shape);
        b += 2.0;
        let away = |value: f64| if value.abs() < tiny { tiny } else { value };
        d = 1.0 / away(a * d + b);
        c = away(b + a / c);
        let change = d * c;
        fraction *= change;
        if (change - 1.0).abs() < PRECISION {
            break;
        }
    }
    (1.0 - front * fraction).clamp(0.0, 1.0)
}

const STEPS: i32 = 10_000;
const PRECISION: f64 = 1e-12;

/// The value below which the share `p` of a distribution lies, by halving; `share_below` must not fall. Between 0 and
/// 1e12.
#[must_use]
pub fn quantile(p: f64, share_below: impl Fn(f64) -> f64) -> f64 {
    // By its logarithm, as values range over many powers of ten.
    let (mut low, mut high) = (-60.0_f64, 1e12_f64.ln());
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if share_below(middle.exp()) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    high.exp()
}

/// The interval that holds the mean of a Poisson count with 95 % confidence after `count` was counted, exact (Garwood
/// 1936).
#[must_use]
pub fn poisson_interval(count: u64) -> (f64, f64) {
    let n = count as f64;
    let low = match count {
        0 => 0.0,
        _ => quantile(0.025, |x| below(n, x)),
    };
    (low, quantile(0.975, |x| below(n + 1.0, x)))
}

/// The largest mean of a Poisson count that `count` does not refute at 95 %, one-sided: 3.0 for none.
#[must_use]
pub fn poisson_upper(count: u64) -> f64 {
    quantile(0.95, |x| below(count as f64 + 1.0, x))
}

/// Logarithm of the gamma function for positive arguments: Stirling's series beyond 8, reached by the recurrence.
#[must_use]
pub fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut less) = (x, 0.0);
    while x < 8.0 {
        less += x.ln();
        x += 1.0;
    }
    let square = x * x;
    let series =
        1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - 1.0 / (1680.0 * square)) / square) / square;
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series / x - less
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_values() {
        // Shape 1 is the exponential distribution.
        for x in [0.01_f64, 0.5, 1.0, 3.0, 20.0] {
            assert!((below(1.0, x) - (1.0 - (-x).exp())).abs() < 1e-10);
        }
        // Shape 1/2 at x is the chance that a normal value is within sqrt(2x): 0.95 at 1.959964.
        let x = 1.959_964_f64.powi(2) / 2.0;
        assert!((below(0.5, x) - 0.95).abs() < 1e-6);
        assert!((ln_gamma(0.5) - std::f64::consts::PI.sqrt().ln()).abs() < 1e-10);
        assert!((ln_gamma(11.0) - 3_628_800_f64.ln()).abs() < 1e-10);
    }

    #[test]
    fn the_rule_of_three_and_garwoods_table() {
        assert!((poisson_upper(0) - 2.9957).abs() < 1e-3);
        for (count, low, high) in [(0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.391)] {
            let got = poisson_interval(count);
            assert!(
                (got.0 - low).abs() < 1e-3 && (got.1 - high).abs() < 1e-3,
                "{got:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn shares_are_shares_and_rise(shape in 1e-3..1e4_f64, x in 0.0..1e5_f64) {
            let (here, there) = (below(shape, x), below(shape, x * 1.1));
            prop_assert!((0.0..=1.0).contains(&here) && there >= here - 1e-9, "{here} {there}");
        }
    }
}
