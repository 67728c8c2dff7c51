//! Slow drift: what a request costs and carries, hour by hour, against the hours before.
//!
//! Each hour with requests gives one median for each rate. Page's test (Biometrika 41, 1954) adds up by how much they
//! lie above or below the level so far, less an allowance of half their spread, and speaks at ten times their spread: by
//! Siegmund's approximation steady hours come so far once in e^10 times. The level follows the hours with a half-life of
//! about a week, so that a drift is told once and then adopted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::baseline::hash::hash64;
use crate::detect::claim::Claim;
use crate::detect::finding::{Class, Contribution, Method};
use crate::detect::levels::{Frame, Mode};
use crate::detect::technique;
use crate::detect::wording::times;
use crate::observe::fact::Phase;
use crate::observe::window::WindowReport;

/// A window with fewer requests says nothing of one.
const ENOUGH_REQUESTS: u64 = 3;

/// An hour with fewer such windows has no median.
const ENOUGH_WINDOWS: u32 = 60;

const HOUR_S: f64 = 3600.0;

/// Hours from which on a drift may be told.
const ENOUGH_HOURS: u32 = 6;

/// Steps per nat in which values are counted.
const STEPS: f64 = 32.0;

/// Spread of hourly medians before any are known, nats, and how many hours that is worth.
const PRIOR_SPREAD: f64 = 0.15;
const PRIOR_HOURS: f64 = 6.0;

/// Allowance and limit of the test, in spreads.
const ALLOWANCE: f64 = 0.5;
const LIMIT: f64 = 10.0;

const HOURS_PER_MONTH: f64 = 720.0;

/// The level follows each hour by at most this share: a half-life of a week.
const FOLLOW: f64 = 1.0 / 240.0;

/// A drift is never worth more than a note, nats.
const MOST: f64 = 4.9;

/// What is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Rate {
    Cpu,
    Asked,
    Answered,
}

impl Rate {
    const ALL: [Self; 3] = [Self::Cpu, Self::Asked, Self::Answered];

    /// The logarithm of its value per request.
    fn of(self, report: &WindowReport) -> Option<f64> {
        let activity = &report.activity;
        let served = activity.endpoints.iter().filter(|e| e.served);
        let amount = match self {
            // Microseconds.
            Self::Cpu => activity.cpu_ns? as f64 / 1e3,
            Self::Asked => served.map(|e| e.rx_bytes as f64).sum(),
            Self::Answered => served.map(|e| e.tx_bytes as f64).sum(),
        };
        Some((1.0 + amount / report.requests as f64).ln())
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu_per_request",
            Self::Asked => "bytes_received_per_request",
            Self::Answered => "bytes_answered_per_request",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Cpu => "the processor time of a request",
            Self::Asked => "the size of a request",
            Self::Answered => "the size of an answer",
        }
    }
}

/// What is remembered of one rate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Course {
    /// Values of this hour, in steps.
    hour: BTreeMap<i16, u32>,
    hours: u32,
    level: f64,
    /// Mean square of the deviations of hourly medians from the level.
    variance: f64,
    above: f64,
    below: f64,
}

/// The rates of one container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Drifts {
    seconds: f64,
    courses: BTreeMap<Rate, Course>,
}

impl Drifts {
    pub(super) fn window(&mut self, frame: &Frame, report: &WindowReport) -> Vec<Claim> {
        if report.requests >= ENOUGH_REQUESTS {
            for rate in Rate::ALL {
                if let Some(value) = rate.of(report) {
                    let hour = &mut self.courses.entry(rate).or_default().hour;
                    // A float cast saturates; values are logarithms of at most e^50 or so, so the steps are few.
                    let count = hour.entry((value * STEPS).round() as i16).or_default();
                    *count = count.saturating_add(1);
                }
            }
        }
        self.seconds += frame.seconds.clamp(0.0, HOUR_S);
        if self.seconds < HOUR_S {
            return Vec::new();
        }
        self.seconds = 0.0;
        let mut claims = Vec::new();
        for (rate, course) in &mut self.courses {
            let hour = std::mem::take(&mut course.hour);
            let Some(median) = median(&hour) else {
                continue;
            };
            let level = course.level;
            if course.hour_ended(median) && frame.mode != Mode::Learn {
                claims.push(claim(*rate, report, median, level, course.hours));
            }
        }
        claims
    }
}

impl Course {
    /// Takes an hour's median; whether the rate has drifted.
    fn hour_ended(&mut self, median: f64) -> bool {
        self.hours = self.hours.saturating_add(1);
        let n = f64::from(self.hours);
        let off = median - self.level;
        if self.hours == 1 {
            self.level = median;
            return false;
        }
        let spread = self.spread();
        self.above = (self.above + off - ALLOWANCE * spread).max(0.0);
        self.below = (self.below - off - ALLOWANCE * spread).max(0.0);
        let drifted = self.hours > ENOUGH_HOURS && self.above.max(self.below) > LIMIT * spread;
        // One odd hour must not make all others look alike.
        let bounded = off.clamp(-4.0 * spread, 4.0 * spread);
        self.variance += (bounded * bounded - self.variance) / n.min(1.0 / FOLLOW);
        self.level += bounded * (1.0 / n).max(FOLLOW);
        if drifted {
            // From here on it is another level, of which one hour is known.
            (self.above, self.below) = (0.0, 0.0);
            (self.hours, self.level) = (1, median);
        }
        drifted
    }

    fn spread(&self) -> f64 {
        let n = f64::from(self.hours.saturating_sub(1));
        let sum = n * self.variance + PRIOR_HOURS * PRIOR_SPREAD * PRIOR_SPREAD;
        (sum / (n + PRIOR_HOURS)).sqrt()
    }
}

fn median(hour: &BTreeMap<i16, u32>) -> Option<f64> {
    let all: u32 = hour.values().fold(0, |sum, n| sum.saturating_add(*n));
    if all < ENOUGH_WINDOWS {
        return None;
    }
    let mut below = 0_u32;
    let middle = hour.iter().find(|(_, count)| {
        below = below.saturating_add(**count);
        below >= all / 2
    });
    middle.map(|(step, _)| f64::from(*step) / STEPS)
}

fn claim(rate: Rate, report: &WindowReport, median: f64, level: f64, hours: u32) -> Claim {
    let ratio = times(median - level);
    let per_month =
        HOURS_PER_MONTH * 2.0 * Rate::ALL.len() as f64 * (-2.0 * ALLOWANCE * LIMIT).exp();
    let phase = report.phase.unwrap_or(Phase::Serve);
    Claim {
        identity: hash64(&[b"drift", rate.name().as_bytes()]),
        danger: (
            2.0,
            "slow change is mostly the workload's own; it is noted".to_owned(),
        ),
        false_per_month: (
            per_month,
            "steady hours add up so far this often, by Siegmund's approximation".to_owned(),
        ),
        most: Some((MOST, "a drift is a note and never more".to_owned())),
        feature: format!("drift_of_{}", rate.name()),
        title: format!("{} has drifted to {ratio} what it was", rate.words()),
        observed: format!("{ratio} the level of the hours before, as the median of the last hour"),
        expected: format!("the level of {hours} hours, give or take their spread"),
        reasons: vec![Contribution {
            name: rate.name().to_owned(),
            value: median - level,
            reason: format!("{ratio} its level"),
        }],
        techniques: &[technique::ATLAS_COST],
        next_step: "See whether clients ask for other things or a new release explains it; it is normal from now on.",
        ..Claim::about_window(Method::Time, Class::Resource, report.end, phase)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::detect::rates::noise::Noise;
    use crate::observe::activity::Activity;

    struct Bench {
        drifts: Drifts,
        noise: Noise,
    }

    impl Bench {
        fn new() -> Self {
            let noise = Noise::new(5);
            let drifts = Drifts::default();
            Self { drifts, noise }
        }

        /// An hour whose requests cost `cost` of the usual processor time, give or take.
        fn hour(&mut self, cost: f64) -> usize {
            let level = cost * (0.1 * self.noise.next()).exp();
            let frame = Frame {
                seconds: 5.0,
                requests: 10,
                hours: 1.0,
                now_s: 0,
                mode: Mode::Judge,
            };
            let mut claims = 0;
            for _ in 0..720 {
                let cost = level * (0.3 * self.noise.next()).exp();
                let report = WindowReport {
                    requests: 10,
                    activity: Activity {
                        cpu_ns: Some((10.0 * cost * 1e7) as u64),
                        ..Activity::default()
                    },
                    ..WindowReport::default()
                };
                claims += self.drifts.window(&frame, &report).len();
            }
            claims
        }
    }

    #[test]
    fn a_slow_drift_is_told_once_and_adopted() {
        let mut bench = Bench::new();
        let steady: usize = (0..100).map(|_| bench.hour(1.0)).sum();
        assert_eq!(steady, 0);
        let drifting: usize = (0..48)
            .map(|n| bench.hour((f64::from(n) / 48.0).exp()))
            .sum();
        assert!((1..=4).contains(&drifting), "{drifting}");
        let settled: usize = (0..100).map(|_| bench.hour(std::f64::consts::E)).sum();
        assert!(settled <= 1, "{settled}");
    }

    #[test]
    fn a_month_of_steady_hours_is_silent() {
        let mut bench = Bench::new();
        let claims: usize = (0..720).map(|_| bench.hour(1.0)).sum();
        assert_eq!(claims, 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_hours_leave_numbers(medians in prop::collection::vec(-60.0..60.0_f64, 0..200)) {
            let mut course = Course::default();
            for median in medians {
                course.hour_ended(median);
                prop_assert!(course.level.is_finite() && course.spread() > 0.0);
                prop_assert!(course.above.is_finite() && course.below.is_finite());
            }
        }
    }
}
