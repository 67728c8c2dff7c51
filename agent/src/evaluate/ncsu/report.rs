//! What came out, in the form that is printed.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{App, DataSet, Regime, Rule, Run};
use crate::evaluate::interval::exact;

/// The headline's windows, seconds.
const HEADLINE_S: u64 = 1;

/// Sums over applications for one regime, window length and rule.
#[derive(Clone, Debug, Serialize)]
pub struct Tally {
    /// What was learned from.
    pub regime: Regime,
    /// Length of the windows.
    pub window_s: u64,
    /// What raised alarms.
    pub rule: Rule,
    /// Applications judged.
    pub apps: u64,
    /// Applications with at least one detected run.
    pub apps_any: u64,
    /// Applications with all four runs detected.
    pub apps_all: u64,
    /// Runs.
    pub runs: u64,
    /// Runs detected.
    pub runs_detected: u64,
    /// Windows of normal tests.
    pub windows: u64,
    /// Of these, false alarms.
    pub windows_false: u64,
    /// Their share.
    pub fpr_windows: f64,
    /// The share that the thresholds were predicted to give; the plain rule predicts nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fpr_predicted: Option<f64>,
    /// 95 % intervals, taking applications, runs and windows to be independent.
    pub intervals: Intervals,
    #[serde(skip)]
    predicted: f64,
}

/// Exact 95 % intervals.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Intervals {
    /// Of the share of applications with a detected run.
    pub apps_any: [f64; 2],
    /// Of the share of applications with all runs detected.
    pub apps_all: [f64; 2],
    /// Of the share of runs detected.
    pub runs: [f64; 2],
    /// Of the share of false alarms.
    pub fpr_windows: [f64; 2],
}

/// One application in the headline's regime and windows.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AppResult {
    /// Whether each run was detected.
    pub detected: Vec<bool>,
    /// The same under the plain rule.
    pub plain: Vec<bool>,
    /// False alarms in the normal minutes.
    pub windows_false: u64,
}

/// Runs of one class of attack in the headline's regime and windows.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ClassResult {
    /// Runs.
    pub runs: u64,
    /// Runs detected.
    pub detected: u64,
    /// Runs detected by the plain rule.
    pub plain: u64,
    /// Exact 95 % interval of the share detected.
    pub interval: [f64; 2],
}

/// The evaluation. Its headline is the regime `loco` with windows of 1 s under the layer.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Applications with at least one detected run.
    pub apps_any: u64,
    /// Applications with all four runs detected.
    pub apps_all: u64,
    /// Applications judged.
    pub apps: u64,
    /// Share of false alarms among the windows of normal tests.
    pub fpr_windows: f64,
    /// Exact 95 % intervals of the headline.
    pub intervals: Intervals,
    /// Every regime, window length and rule.
    pub results: Vec<Tally>,
    /// Headline by class of attack.
    pub classes: BTreeMap<String, ClassResult>,
    /// Headline by application.
    pub by_app: BTreeMap<String, AppResult>,
    /// Applications left out, with the reason.
    pub left_out: BTreeMap<String, String>,
    #[serde(skip)]
    lists: BTreeMap<String, Vec<String>>,
}

impl Report {
    pub(super) fn new(set: &DataSet) -> Self {
        Self {
            apps_any: 0,
            apps_all: 0,
            apps: 0,
            fpr_windows: 0.0,
            intervals: Intervals::default(),
            results: Vec::new(),
            classes: BTreeMap::new(),
            by_app: BTreeMap::new(),
            left_out: set.left_out.clone(),
            lists: set.classes.clone(),
        }
    }

    /// Adds the runs of one application.
    pub(super) fn add(
        &mut self,
        app: &App,
        regime: Regime,
        window_s: u64,
        rule: Rule,
        runs: &[Run],
    ) {
        self.tally(regime, window_s, rule).add(runs);
        if regime != Regime::Loco || window_s != HEADLINE_S {
            return;
        }
        let detected: Vec<bool> = runs.iter().map(|run| run.hits > 0).collect();
        let of_app = self.by_app.entry(app.name.clone()).or_default();
        match rule {
            Rule::Layer => {
                of_app.windows_false = runs.iter().map(|run| run.false_alarms).sum();
                of_app.detected = detected;
            }
            Rule::Plain => of_app.plain = detected,
        }
    }

    fn tally(&mut self, regime: Regime, window_s: u64, rule: Rule) -> &mut Tally {
        let is_it = |t: &Tally| (t.regime, t.window_s, t.rule) == (regime, window_s, rule);
        let at = self.results.iter().position(is_it).unwrap_or_else(|| {
            self.results.push(Tally::new(regime, window_s, rule));
            self.results.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "found or just pushed")]
        &mut self.results[at]
    }

    /// Computes shares, intervals, classes and the headline.
    pub(super) fn finished(mut self) -> Self {
        for tally in &mut self.results {
            tally.finish();
        }
        for (class, apps) in &self.lists {
            let mut result = ClassResult::default();
            for app in apps.iter().filter_map(|app| self.by_app.get(app)) {
                let hits = |runs: &[bool]| runs.iter().map(|hit| u64::from(*hit)).sum::<u64>();
                result.runs += app.detected.len() as u64;
                result.detected += hits(&app.detected);
                result.plain += hits(&app.plain);
            }
            if result.runs > 0 {
                result.interval = exact(result.detected, result.runs);
                self.classes.insert(class.clone(), result);
            }
        }
        let headline = self.tally(Regime::Loco, HEADLINE_S, Rule::Layer).clone();
        Self {
            apps_any: headline.apps_any,
            apps_all: headline.apps_all,
            apps: headline.apps,
            fpr_windows: headline.fpr_windows,
            intervals: headline.intervals,
            ..self
        }
    }
}

impl Tally {
    fn new(regime: Regime, window_s: u64, rule: Rule) -> Self {
        Self {
            regime,
            window_s,
            rule,
            apps: 0,
            apps_any: 0,
            apps_all: 0,
            runs: 0,
            runs_detected: 0,
            windows: 0,
            windows_false: 0,
            fpr_windows: 0.0,
            fpr_predicted: None,
            intervals: Intervals::default(),
            predicted: 0.0,
        }
    }

    fn add(&mut self, runs: &[Run]) {
        let detected = runs.iter().filter(|run| run.hits > 0).count() as u64;
        self.apps += 1;
        self.apps_any += u64::from(detected > 0);
        self.apps_all += u64::from(detected == runs.len() as u64);
        self.runs += runs.len() as u64;
        self.runs_detected += detected;
        for run in runs {
            self.windows += run.normal;
            self.windows_false += run.false_alarms;
            self.predicted += run.predicted;
        }
    }

    fn finish(&mut self) {
        let windows = self.windows.max(1) as f64;
        self.fpr_windows = self.windows_false as f64 / windows;
        if self.rule == Rule::Layer {
            self.fpr_predicted = Some(self.predicted / windows);
        }
        self.intervals = Intervals {
            apps_any: exact(self.apps_any, self.apps),
            apps_all: exact(self.apps_all, self.apps),
            runs: exact(self.runs_detected, self.runs),
            fpr_windows: exact(self.windows_false, self.windows),
        };
    }
}
