//! Whether a container does more of something than the workload ever did: averages over a window, a minute, an hour and
//! a day, per second and per request, against the highest ones learned.
//!
//! An average beyond the highest learned one may be the next record of ordinary behaviour. After `T` hours of learning the
//! next hour sets a record once in `T + 1` times, whatever the distribution, as long as hours resemble each other; and
//! a record `r` times as high as the last one is `r` to the power of minus the tail's exponent as likely. Their product,
//! for the 720 hours of a month and all quantities watched, is the number of false claims predicted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::baseline::levels::{Levels, Peaks, Quantity, Span, Unit, highest};

/// Quantities watched of one container. More are not watched.
const MOST: usize = 256;

const HOURS_PER_MONTH: f64 = 720.0;

/// Claims that ordinary behaviour is predicted to make more often than this a month are not made: no danger makes them
/// worth a look.
const MOST_FALSE: f64 = 10.0;

/// After a claim about a quantity, it makes no other for this long, unless that is so many times as rare.
const COOL_DOWN_S: i64 = 3600;
const MUCH_RARER: f64 = 20.0;

/// The highest average of a quantity may grow by one step of √2 in this time by what is beyond it and yet ordinary, so
/// that a workload's own growth is adopted, and an intruder's patience is asked for weeks.
const ADOPTION_S: i64 = 86_400;

/// What happened of one quantity in one window.
#[derive(Clone, Debug)]
pub struct Amount {
    /// The quantity's name: `out tcp registry.example:443`.
    pub quantity: String,
    /// The quantity that stands for this one where this one was never learned: that of any endpoint.
    pub pool: Option<&'static str>,
    /// How much.
    pub amount: f64,
    /// What is never worth a claim: so much within each span, shortest first.
    pub floors: [f64; Span::ALL.len()],
}

/// The window that amounts are of, and what stands behind the learned levels.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// Its length, seconds.
    pub seconds: f64,
    /// Requests served in it.
    pub requests: u64,
    /// Hours of observation that were learned.
    pub hours: f64,
    /// Unix seconds.
    pub now_s: i64,
    /// What to do with it.
    pub mode: Mode,
}

/// Whether levels are learned or judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everything is learned.
    Learn,
    /// Judged, and learned where it is ordinary.
    Judge,
    /// Judged only.
    Frozen,
}

/// More than ever.
#[derive(Clone, Debug, PartialEq)]
pub struct Excess {
    /// The quantity.
    pub quantity: String,
    /// The span over which the average was the least ordinary.
    pub span: Span,
    /// What happened within that span.
    pub amount: f64,
    /// The length of that span as far as it was observed, seconds.
    pub seconds: f64,
    /// What would have been the most so far, in this time and with these requests.
    pub most: f64,
    /// Amount by most.
    pub ratio: f64,
    /// Whether the quantity itself was learned; otherwise the pool or nothing was.
    pub known: bool,
    /// The tail's exponent.
    pub exponent: f64,
    /// Claims of ordinary behaviour predicted a month.
    pub per_month: f64,
    /// What happened in about a day.
    pub in_a_day: f64,
}

/// Sums that forget: after the span, a third is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Sum {
    amount: f64,
    seconds: f64,
    requests: f64,
}

/// Which part of a sum over a span is left after a window.
fn kept(span: Span, frame: &Frame) -> f64 {
    match span {
        Span::Window => 0.0,
        span => (-frame.seconds / span.seconds()).exp(),
    }
}

impl Sum {
    fn add(&mut self, keep: f64, amount: f64, frame: &Frame) {
        let next = |sum: f64, more: f64| (sum * keep + more).min(f64::MAX);
        self.amount = next(self.amount, amount);
        self.seconds = next(self.seconds, frame.seconds);
        self.requests = next(self.requests, frame.requests as f64);
    }

    /// Whether enough of the span was observed to speak of an average over it.
    fn is_ready(&self, span: Span) -> bool {
        self.seconds > 0.0 && self.seconds >= span.seconds() * (1.0 - (-0.5_f64).exp())
    }

    fn per(&self, unit: Unit) -> Option<f64> {
        let by = self.units(unit);
        // Less than one request says nothing of requests.
        (by >= 1.0 || (unit == Unit::Second && by > 0.0)).then(|| self.amount / by)
    }

    fn units(&self, unit: Unit) -> f64 {
        match unit {
            Unit::Second => self.seconds,
            Unit::Request => self.requests,
        }
    }
}

/// What is remembered of one quantity of one container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Gauge {
    sums: [Sum; Span::ALL.len()],
    /// Until when it is quiet, and how rare the claim was that it made.
    quiet_until_s: i64,
    told: f64,
    /// When it last adopted more than was learned.
    adopted_s: Option<i64>,
}

/// The quantities of one container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Gauges {
    gauges: BTreeMap<String, Gauge>,
}

impl Gauges {
    /// Takes the amounts of one window; quantities that are not among them had none.
    pub fn step(&mut self, levels: &mut Levels, frame: Frame, amounts: &[Amount]) -> Vec<Excess> {
        if !(frame.seconds > 0.0 && frame.seconds.is_finite()) {
            return Vec::new();
        }
        let given: BTreeMap<&str, &Amount> = amounts
            .iter()
            .map(|amount| (amount.quantity.as_str(), amount))
            .collect();
        for quantity in given.keys() {
            if self.gauges.len() < MOST && !self.gauges.contains_key(*quantity) {
                self.gauges.insert((*quantity).to_owned(), Gauge::default());
            }
        }
        let keep = Span::ALL.map(|span| kept(span, &frame));
        let watched = self.gauges.len() as f64;
        let mut found = Vec::new();
        for (quantity, gauge) in &mut self.gauges {
            let amount = given.get(quantity.as_str());
            let happened = amount.map_or(0.0, |amount| amount.amount);
            let happened = if happened.is_finite() {
                happened.max(0.0)
            } else {
                0.0
            };
            for (sum, keep) in gauge.sums.iter_mut().zip(keep) {
                sum.add(keep, happened, &frame);
            }
            // What did not happen in this window sets no record in it.
            if let Some(amount) = amount.filter(|amount| amount.amount > 0.0) {
                found.extend(gauge.weigh(levels, &frame, amount, watched));
            }
        }
        // What has faded makes room.
        self.gauges
            .retain(|_, gauge| gauge.sums.iter().any(|sum| sum.amount >= 1e-3));
        found
    }
}

impl Gauge {
    fn weigh(
        &mut self,
        levels: &mut Levels,
        frame: &Frame,
        amount: &Amount,
        watched: f64,
    ) -> Option<Excess> {
        let learned = levels.quantity(&amount.quantity);
        let known = learned.is_some();
        if frame.mode == Mode::Learn {
            self.note(levels, &amount.quantity);
            if let Some(pool) = amount.pool {
                self.note(levels, pool);
            }
            return None;
        }
        let pool = || levels.quantity(amount.pool?);
        let worst = self
            .excesses(learned.or_else(pool), frame, amount, known, watched)
            .min_by(|a, b| a.per_month.total_cmp(&b.per_month));
        let ordinary = worst.as_ref().is_none_or(|w| w.per_month > MOST_FALSE);
        if ordinary {
            if known && frame.mode == Mode::Judge {
                self.adopt(levels, &amount.quantity, worst.is_some(), frame.now_s);
            }
            return None;
        }
        let worst = worst?;
        let quiet = frame.now_s < self.quiet_until_s && worst.per_month * MUCH_RARER > self.told;
        if quiet {
            return None;
        }
        self.quiet_until_s = frame.now_s.saturating_add(COOL_DOWN_S);
        self.told = worst.per_month;
        Some(worst)
    }

    /// The spans over which more happened than ever.
    fn excesses<'a>(
        &'a self,
        learned: Option<&'a Quantity>,
        frame: &'a Frame,
        amount: &'a Amount,
        known: bool,
        watched: f64,
    ) -> impl Iterator<Item = Excess> + 'a {
        let in_a_day = self.sums.last().map_or(0.0, |day| day.amount);
        let spans = self.sums.iter().zip(Span::ALL).zip(amount.floors);
        spans
            .filter(|((sum, span), _)| sum.is_ready(*span))
            .filter_map(move |((sum, span), floor)| {
                // Both must be beyond what is known: ten times the requests explain ten times the amount, and no requests
                // explain what always happened without.
                let highest = [Unit::Second, Unit::Request]
                    .into_iter()
                    .filter_map(|unit| {
                        let (average, peaks) = highest(learned?, span, unit)?;
                        Some((average * sum.units(unit), peaks))
                    })
                    .max_by(|a, b| a.0.total_cmp(&b.0));
                let most = highest.map_or(0.0, |(most, _)| most);
                let most = most.max(floor).min(f64::MAX);
                let ratio = sum.amount / most;
                if ratio <= 1.0 || !ratio.is_finite() {
                    return None;
                }
                let exponent = match highest {
                    Some((_, peaks)) => peaks.exponent(),
                    None => Peaks::default().exponent(),
                };
                let records = HOURS_PER_MONTH / (1.0 + frame.hours.max(0.0));
                let per_month = records * watched * ratio.powf(-exponent);
                Some(Excess {
                    quantity: amount.quantity.clone(),
                    span,
                    amount: sum.amount,
                    seconds: sum.seconds,
                    most,
                    ratio,
                    known,
                    exponent,
                    per_month: per_month.max(1e-9),
                    in_a_day,
                })
            })
    }

    fn note(&self, levels: &mut Levels, quantity: &str) {
        for (span, unit, average) in self.averages() {
            levels.note(quantity, span, unit, average);
        }
    }

    /// The averages over the spans of which enough was observed.
    fn averages(&self) -> impl Iterator<Item = (Span, Unit, f64)> {
        let sums = self.sums.iter().zip(Span::ALL);
        let ready = sums.filter(|(sum, span)| sum.is_ready(*span));
        ready.flat_map(|(sum, span)| {
            let units = [Unit::Second, Unit::Request].into_iter();
            units.filter_map(move |unit| Some((span, unit, sum.per(unit)?)))
        })
    }

    /// Learns what is ordinary: what stays within the levels at once, what is beyond them a step a day.
    fn adopt(&mut self, levels: &mut Levels, quantity: &str, beyond: bool, now_s: i64) {
        if !beyond {
            // Within what is known, spans that were too long to be learned so far become known too.
            levels.note_within(quantity, self.averages());
            return;
        }
        let due = self
            .adopted_s
            .is_none_or(|last| now_s.saturating_sub(last) >= ADOPTION_S);
        if due {
            self.adopted_s = Some(now_s);
            levels.raise(quantity);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    struct Bench {
        levels: Levels,
        gauges: Gauges,
        now_s: i64,
        hours: f64,
        mode: Mode,
    }

    impl Bench {
        fn learned(hours: u32, amount: impl Fn(u32) -> (f64, u64)) -> Self {
            let mut bench = Self {
                levels: Levels::default(),
                gauges: Gauges::default(),
                now_s: 0,
                hours: 0.0,
                mode: Mode::Learn,
            };
            for window in 0..hours * 720 {
                let (amount, requests) = amount(window);
                assert_eq!(bench.window("a", amount, requests), []);
            }
            bench.hours = f64::from(hours);
            bench.mode = Mode::Judge;
            bench
        }

        fn window(&mut self, quantity: &str, amount: f64, requests: u64) -> Vec<Excess> {
            self.now_s += 5;
            let frame = Frame {
                seconds: 5.0,
                requests,
                hours: self.hours,
                now_s: self.now_s,
                mode: self.mode,
            };
            let amount = Amount {
                quantity: quantity.to_owned(),
                pool: Some("any"),
                amount,
                floors: [10.0; 4],
            };
            self.gauges.step(&mut self.levels, frame, &[amount])
        }
    }

    /// A thousand, give or take a third.
    fn usual(window: u32) -> f64 {
        1000.0 + f64::from(window * 37 % 67) * 10.0
    }

    #[test]
    fn the_usual_is_silent_for_long() {
        let mut bench = Bench::learned(2, |w| (usual(w), 10));
        for window in 0..20_000 {
            assert_eq!(bench.window("a", usual(window), 10), []);
        }
    }

    #[test]
    fn ten_times_the_requests_explain_ten_times_the_amount() {
        let mut bench = Bench::learned(1, |w| (usual(w), 10));
        for window in 0..720 {
            assert_eq!(bench.window("a", 10.0 * usual(window), 100), []);
        }
        let found = bench.window("a", 100.0 * 1000.0, 100);
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn much_more_without_requests_is_found_at_once_and_told_once_an_hour() {
        let mut bench = Bench::learned(1, |w| (usual(w), 10));
        let found = bench.window("a", 50_000.0, 10);
        assert_eq!(found.len(), 1);
        assert!(found[0].known && found[0].per_month < 1.0, "{found:?}");
        let again: usize = (0..719)
            .map(|_| bench.window("a", 50_000.0, 10).len())
            .sum();
        assert!(again <= 2, "{again}");
    }

    #[test]
    fn what_is_no_more_than_usual_at_once_is_found_when_it_does_not_end() {
        // Ten thousand once a minute; then in every window.
        let mut bench = Bench::learned(12, |w| (if w % 12 == 0 { 10_000.0 } else { 0.0 }, 0));
        let spans: Vec<_> = (0..720)
            .flat_map(|_| bench.window("a", 10_000.0, 0))
            .map(|excess| excess.span)
            .collect();
        assert!(spans.iter().any(|span| *span >= Span::Minute), "{spans:?}");
    }

    #[test]
    fn an_unknown_quantity_is_held_against_the_pool() {
        let mut bench = Bench::learned(2, |w| (usual(w), 0));
        assert_eq!(bench.window("b", 1000.0, 0), []);
        let found = bench.window("b", 1e6, 0);
        assert_eq!(found.len(), 1);
        assert!(!found[0].known);
    }

    #[test]
    fn growth_is_adopted_a_step_a_day() {
        let mut bench = Bench::learned(2, |w| (usual(w), 0));
        let most = |bench: &Bench| {
            highest(
                bench.levels.quantity("a").unwrap(),
                Span::Window,
                Unit::Second,
            )
            .unwrap()
            .0
        };
        let before = most(&bench);
        for _ in 0..2 * 17_280 {
            assert_eq!(bench.window("a", before * 5.0 * 1.2, 0), []);
        }
        let grown = most(&bench) / before;
        assert!((1.4..=2.1).contains(&grown), "{grown}");
    }

    proptest! {
        #[test]
        fn claims_are_finite_for_any_input(
            windows in prop::collection::vec((any::<f64>(), any::<f64>(), any::<u64>(), any::<i64>()), 0..60)
        ) {
            let mut levels = Levels::default();
            let mut gauges = Gauges::default();
            for (n, (amount, seconds, requests, now_s)) in windows.into_iter().enumerate() {
                let mode = if n < 20 { Mode::Learn } else { Mode::Judge };
                let frame = Frame { seconds, requests, hours: 0.0, now_s, mode };
                let amount = Amount { quantity: "a".to_owned(), pool: None, amount, floors: [1.0; 4] };
                for excess in gauges.step(&mut levels, frame, &[amount]) {
                    prop_assert!(excess.per_month.is_finite() && excess.per_month > 0.0);
                    prop_assert!(excess.ratio.is_finite() && excess.most.is_finite());
                }
            }
        }

        #[test]
        fn many_quantities_are_bounded(names in prop::collection::vec(0_u32..100_000, 0..600)) {
            let mut levels = Levels::default();
            let mut gauges = Gauges::default();
            let frame = Frame { seconds: 5.0, requests: 0, hours: 1.0, now_s: 0, mode: Mode::Judge };
            let amounts = names.iter().map(|name| Amount {
                quantity: name.to_string(), pool: None, amount: 5.0, floors: [1e9; 4],
            });
            gauges.step(&mut levels, frame, &amounts.collect::<Vec<_>>());
            prop_assert!(gauges.gauges.len() <= MOST);
        }
    }
}
