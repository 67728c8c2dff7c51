//! A length of time as people write it: `500ms`, `5s`, `1h`, `1d`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Units, largest first, with their length in milliseconds.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// A length of time with millisecond resolution. Its text form is a whole number and a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    milliseconds: u64,
}

/// Text that is not a [`Period`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PeriodError {
    /// No number, no unit, or an unknown unit.
    #[error(
        "{0:?} is not a length of time; write a whole number and one of the units ms, s, m, h, d, for example 5s"
    )]
    Form(String),
    /// More milliseconds than 64 bits hold.
    #[error("{0:?} is too long a time")]
    TooLong(String),
}

impl Period {
    /// A period of whole seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self::from_millis(seconds.saturating_mul(1_000))
    }

    /// A period of whole milliseconds.
    #[must_use]
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self { milliseconds }
    }

    /// The period as the standard library's type.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.milliseconds)
    }

    /// Whole seconds, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.milliseconds / 1_000
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = UNITS.into_iter().find(|(_, length)| {
            self.milliseconds != 0 && self.milliseconds.is_multiple_of(*length)
        });
        let (unit, length) = exact.unwrap_or(("s", 1_000));
        write!(f, "{}{unit}", self.milliseconds / length)
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || PeriodError::Form(text.to_owned());
        let too_long = || PeriodError::TooLong(text.to_owned());
        let trimmed = text.trim();
        let split = trimmed
            .find(|c: char| !c.is_ascii_digit())
            .ok_or_else(form)?;
        let (digits, unit) = trimmed.split_at(split);
        if digits.is_empty() {
            return Err(form());
        }
        let (_, length) = UNITS
            .into_iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(form)?;
        let count: u64 = digits.parse().map_err(|_| too_long())?;
        let milliseconds = count.checked_mul(length).ok_or_else(too_long)?;
        Ok(Self { milliseconds })
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        reason = "tests"
    )]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units() {
        for (text, milliseconds) in [
            ("500ms", 500),
            ("5s", 5_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("1d", 86_400_000),
            (" 7s ", 7_000),
            ("0s", 0),
        ] {
            assert_eq!(
                text.parse(),
                Ok(Period::from_millis(milliseconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn refused() {
        for text in ["", "5", "s", "-1s", "5 s", "5S", "1h30m", "1.5h", "5sec"] {
            assert_eq!(
                text.parse::<Period>(),
                Err(PeriodError::Form(text.to_owned()))
            );
        }
        for text in ["99999999999999999999s", "18446744073709551615d"] {
            assert_eq!(
                text.parse::<Period>(),
                Err(PeriodError::TooLong(text.to_owned()))
            );
        }
    }

    #[test]
    fn prints_the_largest_exact_unit() {
        for text in ["1500ms", "90s", "90m", "36h", "2d", "0s"] {
            assert_eq!(text.parse::<Period>().unwrap().to_string(), text);
        }
        assert_eq!("3600s".parse::<Period>().unwrap().to_string(), "1h");
    }

    proptest! {
        #[test]
        fn round_trip(milliseconds: u64) {
            let period = Period::from_millis(milliseconds);
            prop_assert_eq!(period.to_string().parse::<Period>(), Ok(period));
        }

        #[test]
        fn never_panics(text in ".*") {
            let _ = text.parse::<Period>();
        }
    }
}
