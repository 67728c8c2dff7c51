//! Exact confidence intervals of proportions.

/// The 95 % interval of a proportion of which `hits` of `tries` were seen (Clopper and Pearson 1934). Tries are taken to
/// be independent. `[0, 1]` without tries.
#[must_use]
pub fn exact(hits: u64, tries: u64) -> [f64; 2] {
    let hits = hits.min(tries);
    let (k, n) = (hits as f64, tries as f64);
    let low = match hits {
        0 => 0.0,
        _ => root(|p| beta(p, k, n - k + 1.0) - 0.025),
    };
    let high = match hits == tries {
        true => 1.0,
        false => root(|p| beta(p, k + 1.0, n - k) - 0.975),
    };
    [low, high]
}

/// Where an increasing function of a number from 0 to 1 crosses zero.
fn root(of: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if of(middle) < 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// The regularised incomplete beta function, by its continued fraction (DLMF 8.17.22) on the side where it converges
/// fast.
fn beta(x: f64, a: f64, b: f64) -> f64 {
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta(1.0 - x, b, a);
    }
    if x <= 0.0 {
        return 0.0;
    }
    let ln_front = ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p();
    // Evaluated from its far end, which needs no care for zeros of partial denominators.
    let terms = 200 + a.max(b).sqrt() as u32;
    let fraction = (1..=terms).rev().fold(1.0, |tail, term| {
        let m = f64::from(term / 2);
        let d = if term % 2 == 0 {
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        } else {
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        };
        1.0 + d / tail
    });
    (ln_front.exp() / a) / fraction
}

/// Stirling's series (DLMF 5.11.1), after going up to where it is exact.
fn ln_gamma(mut x: f64) -> f64 {
    let mut below = 0.0;
    while x < 10.0 {
        below += x.ln();
        x += 1.0;
    }
    let series = 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3)) + 1.0 / (1260.0 * x.powi(5));
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series - below
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_intervals() {
        // Tables of Clopper and Pearson; the rule of three's exact form for none.
        for (hits, tries, low, high) in [
            (0, 10, 0.0, 0.308_5),
            (10, 10, 0.691_5, 1.0),
            (5, 10, 0.187_1, 0.812_9),
            (1, 5000, 0.000_005, 0.001_114),
            (35, 41, 0.708_3, 0.944_3),
            (0, 0, 0.0, 1.0),
        ] {
            let [l, h] = exact(hits, tries);
            assert!(
                (l - low).abs() < 1e-4 && (h - high).abs() < 1e-4,
                "{hits} of {tries}: {l} {h}"
            );
        }
    }

    #[test]
    fn always_around_the_proportion() {
        for tries in [1, 2, 7, 100, 9582, 1_000_000] {
            for hits in [0, 1, tries / 2, tries - 1, tries] {
                let [low, high] = exact(hits, tries);
                let p = hits as f64 / tries as f64;
                assert!(
                    low <= p && p <= high && low >= 0.0 && high <= 1.0,
                    "{hits} of {tries}"
                );
            }
        }
    }
}
