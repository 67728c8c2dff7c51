//! The NCSU container attacks: counts of each system call per 0.1 s in four containers of each of some forty vulnerable
//! applications (Lin, Tunde-Onadele and Gu, ACSAC 2020; Lin et al., IEEE S&P 2024 SoK).
//!
//! Protocol: counts are summed over windows of 1 s or 5 s, the last one of a test as long as it is. Three regimes of
//! learning: only the three other containers (`loco`), all four (`pooled`), only the container itself (`own`), always
//! from training minutes alone. Thresholds are the layer's own, from parts of what was learned held against the others.
//! A test's windows that overlap the attack should alarm; those of the minute before it should not. A run is detected
//! when any of its attack windows alarms; one whose attack no window covers is not.

mod app;
mod npz;
mod report;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;

pub use app::NcsuError;
pub use report::{AppResult, Report, Tally};

use app::{App, CONTAINERS, DataSet};
use serde::Serialize;

use crate::baseline::calls::{BLOCK_WINDOWS, CallPeaks};
use crate::detect::calls::CallModel;
use crate::observe::event::Moment;
use crate::observe::features::is_work;
use crate::observe::window::CallCount;

/// Rows a second.
const ROWS_PER_SECOND: usize = 10;

/// Rows before the attack that count as normal test: a minute.
const NORMAL_ROWS: usize = 600;

/// What a container's model learns from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Regime {
    /// The three other containers.
    Loco,
    /// All four containers.
    Pooled,
    /// The container itself.
    Own,
}

impl Regime {
    /// All regimes.
    pub const ALL: [Self; 3] = [Self::Loco, Self::Pooled, Self::Own];

    fn learns_from(self, learned: usize, judged: usize) -> bool {
        match self {
            Self::Loco => learned != judged,
            Self::Pooled => true,
            Self::Own => learned == judged,
        }
    }
}

/// What raises an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// The layer of calls that runs live.
    Layer,
    /// Any call that was never made, for comparison.
    Plain,
}

/// How one test went.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    /// Windows of the attack.
    attack: u64,
    /// Of these, windows that alarmed.
    hits: u64,
    /// Windows of the normal minute.
    normal: u64,
    /// Of these, windows that alarmed.
    false_alarms: u64,
    /// False alarms that were predicted.
    predicted: f64,
}

/// Evaluates the data set in a directory.
///
/// # Errors
/// When it cannot be read or holds no application.
pub fn evaluate(directory: &Path) -> Result<Report, NcsuError> {
    let set = app::read(directory)?;
    let mut report = Report::new(&set);
    for seconds in [1, 5] {
        for regime in Regime::ALL {
            for app in &set.apps {
                let runs: Vec<_> = (0..CONTAINERS)
                    .map(|container| judge(app, container, regime, seconds))
                    .collect();
                let runs_of = |rule: Rule| -> Vec<Run> {
                    runs.iter()
                        .map(|both| match rule {
                            Rule::Layer => both[0],
                            Rule::Plain => both[1],
                        })
                        .collect()
                };
                for rule in [Rule::Layer, Rule::Plain] {
                    report.add(app, regime, seconds, rule, &runs_of(rule));
                }
            }
        }
    }
    Ok(report.finished())
}

/// The test of one container under the layer and under the plain rule.
fn judge(app: &App, container: usize, regime: Regime, seconds: u64) -> [Run; 2] {
    let length_ns = seconds * 1_000_000_000;
    let rows_per_window = usize::try_from(seconds).unwrap_or(1) * ROWS_PER_SECOND;
    let (peaks, known) = learn(app, container, regime, rows_per_window, length_ns);
    let model = CallModel::fit(&peaks, is_work);
    let layer = |calls: &[CallCount], length_ns: u64| {
        let model = model.as_ref()?;
        let nats = model.judge(calls, length_ns).nats();
        Some(nats > model.reach())
    };
    let plain = |calls: &[CallCount]| {
        calls
            .iter()
            .any(|c| c.calls > 0 && !known.contains(&c.call))
    };

    let mut runs = [Run::default(); 2];
    let (Some(test), Some((first, last))) = (app.tests.get(container), app.attacks.get(container))
    else {
        return runs;
    };
    for (index, (rows, sums)) in test.windows(rows_per_window).enumerate() {
        let begin = index * rows_per_window;
        let end = begin + rows_per_window;
        let is_attack = end > *first && begin <= *last;
        let is_normal = end <= *first && begin + NORMAL_ROWS >= *first;
        if !is_attack && !is_normal {
            continue;
        }
        let calls = app.counts(&sums);
        let length_ns = length_ns / rows_per_window as u64 * rows as u64;
        let alarms = [layer(&calls, length_ns).unwrap_or(false), plain(&calls)];
        for (run, alarm) in runs.iter_mut().zip(alarms) {
            let (windows, alarms) = match is_attack {
                true => (&mut run.attack, &mut run.hits),
                false => (&mut run.normal, &mut run.false_alarms),
            };
            *windows += 1;
            *alarms += u64::from(alarm);
        }
    }
    if let Some(model) = &model {
        runs[0].predicted = runs[0].normal as f64 * model.false_per_window(model.reach(), 0);
    }
    runs
}

/// Learns the training minutes of a regime; a segment of them is a block.
fn learn(
    app: &App,
    container: usize,
    regime: Regime,
    rows_per_window: usize,
    length_ns: u64,
) -> (CallPeaks, BTreeSet<u16>) {
    let mut peaks = CallPeaks::default();
    let mut known = BTreeSet::new();
    for (learned, segments) in app.training.iter().enumerate() {
        if !regime.learns_from(learned, container) {
            continue;
        }
        for (segment, rows) in segments.iter().enumerate() {
            let begin = segment as u64 * BLOCK_WINDOWS;
            for (window, (_, sums)) in rows.windows(rows_per_window).enumerate() {
                let calls = app.counts(&sums);
                let made = calls.iter().filter(|count| count.calls > 0);
                known.extend(made.map(|count| count.call));
                let end = Moment((begin + window as u64) * length_ns);
                peaks.learn(&learned.to_string(), end, length_ns, &calls, is_work);
            }
        }
    }
    (peaks, known)
}
