//! How much of each thing a workload does at most: the highest amounts seen, per second and per request, averaged over
//! spans from one window to a day.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::facts::truncate;

/// Quantities kept per phase, first in order of their names.
const QUANTITIES: usize = 256;

/// Buckets kept of one histogram, the highest ones: they span a factor of 64.
const BUCKETS: usize = 12;

/// Buckets per doubling.
const PER_DOUBLING: f64 = 2.0;

/// How heavy the tail of amounts is taken to be before anything is known: four times as much is an eighth as likely.
const PRIOR_EXPONENT: f64 = 1.5;

/// How many independent observations that is worth.
const PRIOR_WEIGHT: f64 = 4.0;

/// The lightest tail that observations can prove.
const MOST_EXPONENT: f64 = 6.0;

/// Over how long an amount is averaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Span {
    /// One window.
    Window,
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day.
    Day,
}

impl Span {
    /// All spans, shortest first.
    pub const ALL: [Self; 4] = [Self::Window, Self::Minute, Self::Hour, Self::Day];

    /// Its length in seconds; 0 for a window.
    #[must_use]
    pub const fn seconds(self) -> f64 {
        match self {
            Self::Window => 0.0,
            Self::Minute => 60.0,
            Self::Hour => 3600.0,
            Self::Day => 86_400.0,
        }
    }

    /// What it is called in a sentence.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Window => "window",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

/// What an amount is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Seconds of observation.
    Second,
    /// Requests served.
    Request,
}

/// The highest amounts of one quantity: how many windows ended with each of the highest averages, in half-octaves.
///
/// Joining takes the larger count of each bucket, so it is a union of what was seen, whoever saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Peaks {
    buckets: BTreeMap<i16, u64>,
}

impl Peaks {
    /// Notes one average. What is not above 0 is no amount.
    pub fn note(&mut self, average: f64) {
        let Some(bucket) = bucket(average) else {
            return;
        };
        let count = self.buckets.entry(bucket).or_default();
        *count = count.saturating_add(1);
        self.cut();
    }

    /// The highest amount that was seen, rounded up to its bucket.
    #[must_use]
    pub fn most(&self) -> Option<f64> {
        self.buckets.keys().next_back().map(|top| edge(*top))
    }

    /// The exponent of the tail: an amount `r` times the highest one is held to be `r` to the power of minus this as
    /// likely. Hill's estimate (Annals of Statistics 3, 1975) above the median of what is kept, drawn to a heavy tail by a
    /// prior. Windows resemble their neighbours, so n of them count as the square root of n.
    #[must_use]
    pub fn exponent(&self) -> f64 {
        let all: f64 = self.buckets.values().map(|count| *count as f64).sum();
        let mut below = 0.0;
        let mut median = 0;
        for (bucket, count) in &self.buckets {
            below += *count as f64;
            median = *bucket;
            if below >= all / 2.0 {
                break;
            }
        }
        let (above, excess) =
            self.buckets
                .range(median..)
                .fold((0.0, 0.0), |(n, sum), (bucket, count)| {
                    let count = *count as f64;
                    let nats = f64::from(*bucket - median) * std::f64::consts::LN_2 / PER_DOUBLING;
                    (n + count, sum + count * nats)
                });
        let mean = if above > 0.0 { excess / above } else { 0.0 };
        let n = all.sqrt();
        let exponent = (n + PRIOR_WEIGHT) / (n * mean + PRIOR_WEIGHT / PRIOR_EXPONENT);
        exponent.min(MOST_EXPONENT)
    }

    /// Adds one bucket on top: what the workload does grew, and this much of it is adopted.
    pub fn raise(&mut self) {
        if let Some(top) = self.buckets.keys().next_back().copied() {
            self.buckets.insert(top.saturating_add(1), 1);
            self.cut();
        }
    }

    fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.buckets {
            let mine = self.buckets.entry(*bucket).or_default();
            *mine = (*mine).max(*count);
        }
        self.cut();
    }

    fn cut(&mut self) {
        while self.buckets.len() > BUCKETS {
            self.buckets.pop_first();
        }
    }
}

/// The bucket of an amount: half-octaves. `None` for what is no positive number.
fn bucket(amount: f64) -> Option<i16> {
    if !amount.is_finite() || amount <= 0.0 {
        return None;
    }
    // A float cast saturates; the logarithm of a finite number is within ±1100.
    Some((amount.log2() * PER_DOUBLING).floor() as i16)
}

/// The upper edge of a bucket.
fn edge(bucket: i16) -> f64 {
    let edge = (f64::from(bucket.saturating_add(1)) / PER_DOUBLING).exp2();
    edge.min(f64::MAX)
}

/// The highest amounts of every quantity in one phase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Levels {
    #[serde(with = "entries")]
    peaks: BTreeMap<(String, Span, Unit), Peaks>,
    /// Bytes of model files that one container read before it served: the size of the model. The most of any.
    pub model_bytes: u64,
}

impl Levels {
    /// Notes an average of a quantity.
    pub fn note(&mut self, quantity: &str, span: Span, unit: Unit, average: f64) {
        if average > 0.0 {
            let key = (quantity.to_owned(), span, unit);
            self.peaks.entry(key).or_default().note(average);
            self.cut();
        }
    }

    /// The highest averages of a quantity, where any were noted.
    #[must_use]
    pub fn peaks(&self, quantity: &str, span: Span, unit: Unit) -> Option<&Peaks> {
        self.peaks.get(&(quantity.to_owned(), span, unit))
    }

    /// Adopts a little more than the highest average so far.
    pub fn raise(&mut self, quantity: &str, span: Span, unit: Unit) {
        if let Some(peaks) = self.peaks.get_mut(&(quantity.to_owned(), span, unit)) {
            peaks.raise();
        }
    }

    /// Whether anything is known of a quantity.
    #[must_use]
    pub fn knows(&self, quantity: &str) -> bool {
        let from = (quantity.to_owned(), Span::Window, Unit::Second);
        let next = self.peaks.range(from..).next();
        next.is_some_and(|((known, ..), _)| known == quantity)
    }

    /// Notes the bytes of model files that a container has read by now, before it served.
    pub fn note_model(&mut self, bytes: u64) {
        self.model_bytes = self.model_bytes.max(bytes);
    }

    /// Joins with what others saw.
    pub fn merge(&mut self, other: &Self) {
        for (key, peaks) in &other.peaks {
            self.peaks.entry(key.clone()).or_default().merge(peaks);
        }
        self.model_bytes = self.model_bytes.max(other.model_bytes);
        self.cut();
    }

    fn cut(&mut self) {
        // Every quantity has at most one entry for each span and unit.
        truncate(&mut self.peaks, QUANTITIES * Span::ALL.len() * 2);
    }
}

/// A map with keys of several parts as a list of entries.
mod entries {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Peaks, Span, Unit};

    type Map = BTreeMap<(String, Span, Unit), Peaks>;

    pub(super) fn serialize<S: Serializer>(map: &Map, to: S) -> Result<S::Ok, S::Error> {
        map.iter().collect::<Vec<_>>().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Map, D::Error> {
        let entries = Vec::<((String, Span, Unit), Peaks)>::deserialize(from)?;
        Ok(entries.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn peaks(amounts: impl IntoIterator<Item = f64>) -> Peaks {
        let mut peaks = Peaks::default();
        for amount in amounts {
            peaks.note(amount);
        }
        peaks
    }

    #[test]
    fn the_highest_amount_is_known_to_half_an_octave() {
        let seen = peaks([1.0, 1000.0, 3.0]);
        let most = seen.most().unwrap();
        assert!((1000.0..1415.0).contains(&most), "{most}");
        assert_eq!(peaks([0.0, -1.0, f64::NAN, f64::INFINITY]).most(), None);
    }

    #[test]
    fn steady_amounts_have_a_light_tail_and_few_or_wild_ones_a_heavy_one() {
        let steady = peaks(std::iter::repeat_n(1000.0, 700)).exponent();
        let few = peaks([1000.0, 1010.0]).exponent();
        let wild = peaks((0..700_i32).map(|i| f64::from(i % 20).exp2())).exponent();
        assert!(
            steady > 5.0 && few < 3.0 && wild < 1.5,
            "{steady} {few} {wild}"
        );
        assert!((Peaks::default().exponent() - PRIOR_EXPONENT).abs() < 1e-9);
    }

    #[test]
    fn raising_goes_one_step() {
        let mut seen = peaks([1000.0]);
        let before = seen.most().unwrap();
        seen.raise();
        assert!((seen.most().unwrap() / before - 2_f64.sqrt()).abs() < 1e-9);
    }

    fn levels() -> impl Strategy<Value = Levels> {
        let note = (0_u8..4, 0_usize..4, any::<bool>(), -10.0..1e9_f64);
        prop::collection::vec(note, 0..60).prop_map(|notes| {
            let mut levels = Levels::default();
            for (quantity, span, per_request, amount) in notes {
                let span = Span::ALL.get(span).copied().unwrap_or(Span::Day);
                let unit = if per_request {
                    Unit::Request
                } else {
                    Unit::Second
                };
                levels.note(&format!("q{quantity}"), span, unit, amount);
                levels.note_model(amount as u64);
            }
            levels
        })
    }

    fn joined(a: &Levels, b: &Levels) -> Levels {
        let mut out = a.clone();
        out.merge(b);
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_order_of_merging_gives_the_same_bytes(a in levels(), b in levels(), c in levels()) {
            let one = joined(&joined(&a, &b), &c);
            let two = joined(&c, &joined(&b, &a));
            prop_assert_eq!(serde_json::to_vec(&one).ok(), serde_json::to_vec(&two).ok());
            prop_assert_eq!(joined(&a, &a), a.clone());
            let bytes = serde_json::to_vec(&a).unwrap();
            prop_assert_eq!(serde_json::from_slice::<Levels>(&bytes).unwrap(), a);
        }

        #[test]
        fn the_tail_is_finite_for_any_amounts(amounts in prop::collection::vec(any::<f64>(), 0..50)) {
            let peaks = peaks(amounts);
            prop_assert!(peaks.exponent() > 0.0 && peaks.exponent() <= MOST_EXPONENT);
            prop_assert!(peaks.most().is_none_or(|most| most > 0.0));
        }
    }
}
