//! How much of each thing a workload does at most: the highest amounts seen, per second and per request, averaged over
//! spans from one window to a day.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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

/// The highest amounts of one quantity.
pub type Quantity = BTreeMap<(Span, Unit), Peaks>;

/// What bounds the averages of a quantity over a span: an average over a longer span is never above the highest one over
/// a shorter span, so that stands for a span that was too long to be learned yet.
#[must_use]
pub fn highest(quantity: &Quantity, span: Span, unit: Unit) -> Option<(f64, &Peaks)> {
    let shorter = Span::ALL.into_iter().rev().filter(|it| *it <= span);
    let mut known = shorter.filter_map(|span| quantity.get(&(span, unit)));
    known.find_map(|peaks| Some((peaks.most()?, peaks)))
}

/// The highest amounts of every quantity in one phase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Levels {
    /// None of them is empty.
    #[serde(with = "entries")]
    quantities: BTreeMap<String, Quantity>,
    /// Bytes of model files that one container read before it served: the size of the model. The most of any.
    pub model_bytes: u64,
}

impl Levels {
    /// Notes an average of a quantity.
    pub fn note(&mut self, quantity: &str, span: Span, unit: Unit, average: f64) {
        if average > 0.0 {
            if !self.quantities.contains_key(quantity) {
                self.quantities
                    .insert(quantity.to_owned(), Quantity::default());
            }
            if let Some(known) = self.quantities.get_mut(quantity) {
                known.entry((span, unit)).or_default().note(average);
            }
            self.cut();
        }
    }

    /// Notes those of the averages that are within what is known of the quantity.
    pub fn note_within(
        &mut self,
        quantity: &str,
        averages: impl IntoIterator<Item = (Span, Unit, f64)>,
    ) {
        let Some(known) = self.quantities.get_mut(quantity) else {
            return;
        };
        for (span, unit, average) in averages {
            let is_within = highest(known, span, unit).is_some_and(|(most, _)| average <= most);
            if average > 0.0 && is_within {
                known.entry((span, unit)).or_default().note(average);
            }
        }
        self.cut();
    }

    /// What is known of a quantity, if anything is.
    #[must_use]
    pub fn quantity(&self, name: &str) -> Option<&Quantity> {
        self.quantities.get(name)
    }

    /// Adopts a little more than the highest averages of a quantity so far.
    pub fn raise(&mut self, quantity: &str) {
        let known = self.quantities.get_mut(quantity);
        for peaks in known.into_iter().flat_map(Quantity::values_mut) {
            peaks.raise();
        }
    }

    /// Notes the bytes of model files that a container has read by now, before it served.
    pub fn note_model(&mut self, bytes: u64) {
        self.model_bytes = self.model_bytes.max(bytes);
    }

    /// Joins with what others saw.
    pub fn merge(&mut self, other: &Self) {
        for (name, theirs) in &other.quantities {
            let mine = self.quantities.entry(name.clone()).or_default();
            for (key, peaks) in theirs {
                mine.entry(*key).or_default().merge(peaks);
            }
        }
        self.model_bytes = self.model_bytes.max(other.model_bytes);
        self.cut();
    }

    /// Keeps the first entries in the order of their names. Which stay depends on the names alone, so it commutes with
    /// merging.
    fn cut(&mut self) {
        // Every quantity has at most one entry for each span and unit.
        const MOST: usize = QUANTITIES * Span::ALL.len() * 2;
        if self.quantities.len() <= QUANTITIES {
            return;
        }
        let mut entries: usize = self.quantities.values().map(BTreeMap::len).sum();
        while entries > MOST
            && let Some(mut last) = self.quantities.last_entry()
        {
            last.get_mut().pop_last();
            if last.get().is_empty() {
                last.remove();
            }
            entries -= 1;
        }
    }
}

/// A map with keys of several parts as a list of entries.
mod entries {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Peaks, Quantity, Span, Unit};

    type Map = BTreeMap<String, Quantity>;

    pub(super) fn serialize<S: Serializer>(map: &Map, to: S) -> Result<S::Ok, S::Error> {
        let entries: Vec<((&str, Span, Unit), &Peaks)> = map
            .iter()
            .flat_map(|(name, quantity)| {
                let named = move |(span, unit): &(Span, Unit)| (name.as_str(), *span, *unit);
                quantity.iter().map(move |(key, peaks)| (named(key), peaks))
            })
            .collect();
        entries.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Map, D::Error> {
        let mut map = Map::new();
        for ((name, span, unit), peaks) in Vec::<((String, Span, Unit), Peaks)>::deserialize(from)?
        {
            map.entry(name).or_default().insert((span, unit), peaks);
        }
        Ok(map)
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

    #[test]
    fn the_first_quantities_stay() {
        let mut levels = Levels::default();
        for number in (0..QUANTITIES + 3).rev() {
            for span in Span::ALL {
                levels.note(&format!("q{number:03}"), span, Unit::Second, 1.0);
                levels.note(&format!("q{number:03}"), span, Unit::Request, 1.0);
            }
        }
        levels.note("a", Span::Day, Unit::Request, 1.0);
        assert!(levels.quantity("a").is_some() && levels.quantity("q254").is_some());
        let last = levels.quantity("q255").unwrap();
        assert!(last.contains_key(&(Span::Day, Unit::Second)));
        assert!(!last.contains_key(&(Span::Day, Unit::Request)));
        assert_eq!(levels.quantity("q256"), None);
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
