//! How much a window's requests tell of their usual cost.
//!
//! What is done once in a while, such as the start of a worker or the reading of a model, is not done per request: divided by
//! few of them it looks like much. So a window with fewer requests than usual is filled up with usual ones, and its
//! features become those of a window as full as most: what is beyond the usual then counts as an amount, whatever
//! the load.

use super::scale::median;
use crate::baseline::sample::Row;

/// What windows of a workload usually hold.
#[derive(Clone, Debug)]
pub(super) struct Load {
    /// The features of usual requests, nats.
    usual: Vec<f64>,
    /// The logarithm of how many there usually are.
    requests: f64,
}

impl Load {
    /// Of rows with `width` values, of which the last is the logarithm of the requests.
    pub(super) fn of(rows: &[Row], width: usize) -> Self {
        let column = |place: usize| {
            let column = rows.iter().filter_map(|row| row.features.get(place));
            median(&mut column.copied().collect::<Vec<_>>())
        };
        let features = width.saturating_sub(1);
        Self {
            usual: (0..features).map(column).collect(),
            requests: column(features),
        }
    }

    /// How many features there are.
    pub(super) fn features(&self) -> usize {
        self.usual.len()
    }

    /// The features of a row's window, filled up. Missing ones are usual.
    pub(super) fn fill(&self, row: &[f64]) -> Vec<f64> {
        let requests = row.get(self.usual.len()).copied().unwrap_or(self.requests);
        let share = (requests - self.requests).exp().clamp(0.0, 1.0);
        let fill = |(place, usual): (usize, &f64)| {
            let value = row.get(place).copied().unwrap_or(*usual);
            // The cost of a usual request is 1 here.
            let cost = (value - usual).clamp(-500.0, 500.0).exp();
            usual + (share * cost + (1.0 - share)).ln().max(-500.0)
        };
        self.usual.iter().enumerate().map(fill).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    /// Most windows have 20 requests that cost e each.
    fn load() -> Load {
        let row = |requests: f64| Row {
            in_first_half: true,
            tag: 0,
            features: vec![1.0, requests.ln()],
        };
        Load::of(&[18.0, 20.0, 20.0, 26.0].map(row), 2)
    }

    #[test]
    fn windows_as_full_as_usual_stay_as_they_are() {
        for requests in [20.0_f64, 300.0] {
            let filled = load().fill(&[4.0, requests.ln()]);
            assert!((filled[0] - 4.0).abs() < 1e-9, "{filled:?}");
        }
    }

    #[test]
    fn the_same_extra_work_counts_the_same_however_few_the_requests() {
        let usual = 1.0_f64.exp();
        // A thousand units of work beside what requests cost.
        let with = |requests: f64| ((requests * usual + 1000.0) / requests).ln();
        let full = load().fill(&[with(20.0), 20.0_f64.ln()])[0];
        for requests in [1.0_f64, 3.0, 10.0] {
            let filled = load().fill(&[with(requests), requests.ln()])[0];
            assert!((filled - full).abs() < 1e-9, "{requests}: {filled} {full}");
        }
    }

    proptest! {
        #[test]
        fn filling_draws_towards_the_usual(value in -50.0..50.0_f64, requests in -5.0..15.0_f64) {
            let filled = load().fill(&[value, requests])[0];
            let (low, high) = (value.min(1.0), value.max(1.0));
            prop_assert!((low - 1e-9..=high + 1e-9).contains(&filled), "{filled}");
        }
    }
}
