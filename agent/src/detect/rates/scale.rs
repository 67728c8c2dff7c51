//! The usual value of one feature, and how far it strays from that.

/// A row counts at most this many median absolute deviations from the median: one wild window while learning must not
/// widen the model.
const WINSOR_MADS: f64 = 6.0;

/// Spread that every feature has on top of what was seen, nats: a proportion that moves by a tenth is no news, however
/// steady it was.
pub(super) const NOISE: f64 = 0.1;

#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    pub(super) mean: f64,
    pub(super) spread: f64,
}

impl Scale {
    pub(super) fn of(mut column: Vec<f64>) -> Self {
        let middle = median(&mut column);
        let mut deviations: Vec<_> = column.iter().map(|v| (v - middle).abs()).collect();
        // 1.4826 makes the median absolute deviation of a normal distribution its standard deviation.
        let spread = (median(&mut deviations) * 1.4826).max(NOISE);
        let (low, high) = (middle - WINSOR_MADS * spread, middle + WINSOR_MADS * spread);
        let n = column.len().max(1) as f64;
        let clamped = || column.iter().map(|v| v.clamp(low, high));
        let mean = clamped().sum::<f64>() / n;
        let variance = clamped().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        Self {
            low,
            high,
            mean,
            spread: (variance + NOISE * NOISE).sqrt(),
        }
    }

    pub(super) fn winsorised(&self, value: f64) -> f64 {
        value.clamp(self.low, self.high)
    }

    /// The squared distance of a value above the usual one, in standard deviations.
    pub(super) fn above(&self, value: f64) -> f64 {
        self.standardised(value).max(0.0).powi(2)
    }

    pub(super) fn standardised(&self, value: f64) -> f64 {
        // Far enough to be beyond anything, near enough that its square is a number.
        ((value - self.mean) / self.spread).clamp(-1e6, 1e6)
    }
}

pub(super) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
