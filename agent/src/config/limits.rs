//! The allowed range of every setting that has one, checked while it is read, so that an error names file, line and
//! key like any other.

use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

use super::period::Period;
use crate::workload::selection::{Rule, Selection};

/// Window length. Shorter windows hold too little to judge, longer ones delay every finding.
pub const WINDOW: RangeInclusive<Period> = Period::from_millis(100)..=Period::from_secs(300);
/// Shortest learning time.
pub const MIN_DURATION: RangeInclusive<Period> =
    Period::from_secs(1)..=Period::from_secs(90 * 86_400);
/// Fewest requests to learn from. None where the probe cannot see any: it has no CAP_NET_ADMIN.
pub const MIN_REQUESTS: RangeInclusive<u64> = 0..=1_000_000_000;
/// Findings per container and month.
pub const FINDINGS: RangeInclusive<f64> = 0.001..=10_000.0;
/// Metric series of the whole agent; one container alone has more than 40.
pub const MAX_SERIES: RangeInclusive<u64> = 100..=1_000_000;
/// Containers watched at the same time: the size of the probe's tables.
pub const MAX_CONTAINERS: RangeInclusive<u64> = 1..=4_096;

pub(super) fn window<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Period, D::Error> {
    period(deserializer, &WINDOW)
}

pub(super) fn min_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Period, D::Error> {
    period(deserializer, &MIN_DURATION)
}

pub(super) fn min_requests<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    deserializer.deserialize_any(Number::new(MIN_REQUESTS))
}

pub(super) fn findings<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    deserializer.deserialize_any(Number::new(FINDINGS))
}

pub(super) fn max_series<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    deserializer.deserialize_any(Number::new(MAX_SERIES))
}

pub(super) fn max_containers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let count = deserializer.deserialize_any(Number::new(MAX_CONTAINERS))?;
    u32::try_from(count).map_err(Error::custom)
}

pub(super) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        Error::custom(format_args!(
            "{text:?} is not an IP address and port; write for example 127.0.0.1:9477"
        ))
    })
}

/// An absolute path: what a relative one means would depend on where the agent was started.
pub(super) fn absolute<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    let path = PathBuf::deserialize(deserializer)?;
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(Error::custom(format_args!(
            "{path:?} is not an absolute path"
        )))
    }
}

pub(super) fn absolute_list<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<PathBuf>, D::Error> {
    let paths = Vec::<PathBuf>::deserialize(deserializer)?;
    match paths.iter().find(|path| !path.is_absolute()) {
        Some(path) => Err(Error::custom(format_args!(
            "{path:?} is not an absolute path"
        ))),
        None => Ok(paths),
    }
}

/// Globs of absolute paths.
pub(super) fn globs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let globs = Vec::<String>::deserialize(deserializer)?;
    match globs.iter().find(|glob| !glob.starts_with('/')) {
        Some(glob) => Err(Error::custom(format_args!(
            "{glob:?} is not an absolute path"
        ))),
        None => Ok(globs),
    }
}

/// Rules that can be used. Without any, nothing would be watched.
pub(super) fn rules<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Rule>, D::Error> {
    let rules = Vec::<Rule>::deserialize(deserializer)?;
    if rules.is_empty() {
        return Err(Error::custom(
            "the list is empty, so nothing would be watched; leave the key out to get the built-in rules",
        ));
    }
    Selection::compile(&rules).map_err(Error::custom)?;
    Ok(rules)
}

fn period<'de, D: Deserializer<'de>>(
    deserializer: D,
    range: &RangeInclusive<Period>,
) -> Result<Period, D::Error> {
    let period = Period::deserialize(deserializer)?;
    if range.contains(&period) {
        Ok(period)
    } else {
        Err(Error::custom(format_args!(
            "{period} is outside {}..={}",
            range.start(),
            range.end()
        )))
    }
}

/// Accepts a number within a range. Fed by `deserialize_any`, so that text in a number's place is an error that shows
/// the range.
struct Number<T> {
    range: RangeInclusive<T>,
}

impl<T> Number<T> {
    fn new(range: RangeInclusive<T>) -> Self {
        Self { range }
    }
}

impl Visitor<'_> for Number<u64> {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a whole number from {} to {}",
            self.range.start(),
            self.range.end()
        )
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<u64, E> {
        if self.range.contains(&value) {
            Ok(value)
        } else {
            Err(E::invalid_value(Unexpected::Unsigned(value), &self))
        }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<u64, E> {
        match u64::try_from(value) {
            Ok(value) => self.visit_u64(value),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(value), &self)),
        }
    }
}

impl Visitor<'_> for Number<f64> {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a number from {} to {}",
            self.range.start(),
            self.range.end()
        )
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<f64, E> {
        if self.range.contains(&value) {
            Ok(value)
        } else {
            Err(E::invalid_value(Unexpected::Float(value), &self))
        }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<f64, E> {
        match u32::try_from(value) {
            Ok(value) => self.visit_f64(f64::from(value)),
            Err(_) => Err(E::invalid_value(Unexpected::Unsigned(value), &self)),
        }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<f64, E> {
        match u64::try_from(value) {
            Ok(value) => self.visit_u64(value),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(value), &self)),
        }
    }
}
