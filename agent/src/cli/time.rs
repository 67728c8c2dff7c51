//! Times as people and other programs read them.

use jiff::{Timestamp, Unit};

use crate::config::Period;

/// RFC 3339 in UTC, whole seconds; empty for a time that is not known (0) or out of range.
pub(super) fn from_millis(unix_ms: i64) -> String {
    if unix_ms == 0 {
        return String::new();
    }
    Timestamp::from_millisecond(unix_ms)
        .and_then(|time| time.round(Unit::Second))
        .map_or_else(|_| String::new(), |time| time.to_string())
}

/// As [`from_millis`], from seconds.
pub(super) fn from_secs(unix_s: i64) -> String {
    from_millis(unix_s.saturating_mul(1_000))
}

/// Unix milliseconds of a `--since`: an RFC 3339 time, or a period before now.
pub(super) fn since(text: &str) -> Result<i64, String> {
    if let Ok(period) = text.parse::<Period>() {
        let millis = i64::try_from(period.duration().as_millis()).unwrap_or(i64::MAX);
        return Ok(Timestamp::now().as_millisecond().saturating_sub(millis));
    }
    text.parse::<Timestamp>()
        .map(Timestamp::as_millisecond)
        .map_err(|_| {
            "write how long ago (30s, 5m, 2h, 1d) or a time (2026-01-31T12:00:00Z)".to_owned()
        })
}

/// A number of seconds in its two largest units: `1d 2h`, `5m 3s`.
pub(super) fn length(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m {}s", seconds % 60),
        (0, hours, minutes) => format!("{hours}h {minutes}m"),
        (days, hours, _) => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn times_are_utc_seconds() {
        assert_eq!(from_millis(1_700_000_000_400), "2023-11-14T22:13:20Z");
        assert_eq!(from_secs(1_700_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(from_millis(0), "");
        assert_eq!(from_millis(i64::MAX), "");
    }

    #[test]
    fn since_takes_times_and_periods() {
        assert_eq!(since("2023-11-14T22:13:20Z"), Ok(1_700_000_000_000));
        let hour = since("1h").unwrap();
        let now = Timestamp::now().as_millisecond();
        assert!((now - 3_600_000 - hour).abs() < 60_000);
        assert!(since("yesterday").unwrap_err().contains("30s"));
        since("213503982334d").unwrap();
    }

    #[test]
    fn lengths_have_two_units() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (63, "1m 3s"),
            (7_260, "2h 1m"),
            (90_000, "1d 1h"),
        ] {
            assert_eq!(length(seconds), text);
        }
    }
}
