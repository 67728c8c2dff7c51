//! Long ordinary life at the budget: containers put together anew from recordings, fed through the core, and their
//! findings counted.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::material::{self, MaterialError};
use super::resample::{Dice, Replica, Template};
use crate::baseline::key::Key;
use crate::baseline::learning::State;
use crate::baseline::model::Baseline;
use crate::detect::finding::{Finding, Severity};
use crate::detect::gamma::poisson_upper;
use crate::engine::{Engine, Input, Settings, Time};
use crate::observe::event::{CgroupId, Moment};

/// Hours of a container-month.
const MONTH_H: f64 = 720.0;

/// Shortest and longest life of a container, hours.
const LIFE_H: (u64, u64) = (2, 24);

const HOUR_NS: u64 = 3_600_000_000_000;

/// What to do.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Judged container-hours, all workloads together, at least.
    pub hours: u64,
    /// Containers of each workload at a time.
    pub replicas: u64,
    /// Findings per container and month; the default where `None`.
    pub budget: Option<f64>,
    /// What is drawn depends on this alone.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Recordings read.
    pub recordings: u64,
    /// Recorded container-hours they hold.
    pub recorded_hours: f64,
    /// Findings per container and month that were allowed.
    pub budget: f64,
    /// Container lives put together.
    pub lives: u64,
    /// Container-hours while the baseline still learned.
    pub learning_hours: f64,
    /// Container-hours judged.
    pub judged_hours: f64,
    /// By workload.
    pub workloads: BTreeMap<String, Workload>,
    /// By severity: findings, per container-month, and the largest rate that is not excluded with 95 % confidence.
    pub findings: BTreeMap<&'static str, Count>,
    /// By the layer that claimed: findings.
    pub layers: BTreeMap<&'static str, u64>,
    /// All severities together.
    pub all: Count,
    /// What was not reported, by reason.
    pub suppressed: BTreeMap<&'static str, u64>,
    /// The findings by title, most frequent first, each with what was
    /// observed and expected the first time.
    pub titles: Vec<(String, u64, String)>,
    /// Recorded lives that were too short or not recorded from their birth.
    pub left_out: u64,
}

/// One workload of a soak.
#[derive(Debug, Default, Serialize)]
pub struct Workload {
    /// Container-hours judged.
    pub judged_hours: f64,
    /// Findings.
    pub findings: u64,
    /// Recorded lives it is put together from.
    pub templates: u64,
}

/// A count over the judged time.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Count {
    /// Findings.
    pub findings: u64,
    /// Per container-month.
    pub per_month: f64,
    /// The largest rate per container-month that the count does not exclude, one-sided, 95 %.
    pub upper: f64,
}

impl Count {
    fn of(findings: u64, hours: f64) -> Self {
        let months = (hours / MONTH_H).max(1e-9);
        Self {
            findings,
            per_month: findings as f64 / months,
            upper: poisson_upper(findings) / months,
        }
    }
}

/// Lets every workload of the recordings in a directory live on.
///
/// # Errors
/// When they cannot be read.
pub fn soak(directory: &Path, plan: &Plan) -> Result<Report, MaterialError> {
    let materials = material::read(directory)?;
    let mut report = Report {
        recordings: materials.len() as u64,
        ..Report::default()
    };
    let mut by_key: BTreeMap<Key, (Settings, Vec<Template>)> = BTreeMap::new();
    for material in &materials {
        for life in &material.lives {
            let ns: u64 = life
                .pieces
                .iter()
                .map(|piece| piece.end.since(piece.begin))
                .sum();
            report.recorded_hours += ns as f64 / HOUR_NS as f64;
            let Some(template) = Template::of(life) else {
                report.left_out += 1;
                continue;
            };
            let entry = by_key.entry(life.key.clone());
            let (_, templates) = entry.or_insert_with(|| (material.settings.clone(), Vec::new()));
            templates.push(template);
        }
    }
    let hours = plan.hours.div_ceil(by_key.len().max(1) as u64);
    let mut severities: BTreeMap<Severity, u64> = BTreeMap::new();
    let mut titles: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for (number, (key, (recorded, templates))) in by_key.iter().enumerate() {
        let defaults = crate::config::Config::default();
        let mut settings = Settings {
            learning: defaults.learning,
            budget: defaults.budget,
            ..recorded.clone()
        };
        if let Some(budget) = plan.budget {
            settings.budget.findings_per_container_month = budget;
        }
        report.budget = settings.budget.findings_per_container_month;
        let mut camp = Camp::new(&settings, templates, plan, number as u64)?;
        camp.live(key, hours);
        let name = format!("{} ({})", key.container, templates.len());
        let workload = report.workloads.entry(name).or_default();
        workload.templates += templates.len() as u64;
        workload.judged_hours += camp.judged_ns as f64 / HOUR_NS as f64;
        workload.findings += camp.findings.len() as u64;
        report.judged_hours += camp.judged_ns as f64 / HOUR_NS as f64;
        report.learning_hours += camp.learning_ns as f64 / HOUR_NS as f64;
        report.lives += camp.lives;
        for finding in camp.findings {
            let (severity, layer) = (finding.severity, finding.method.name());
            *severities.entry(severity).or_default() += 1;
            *report.layers.entry(layer).or_default() += 1;
            let (container, phase) = (&key.container, finding.phase.name());
            let title = &finding.title;
            let title = format!("{container} · {layer} · {severity:?} · {phase} · {title}");
            let entry = titles.entry(title);
            let first = format!("{}; expected: {}", finding.observed, finding.expected);
            entry.or_insert((0, first)).0 += 1;
        }
        for (reason, count) in camp.suppressed {
            *report.suppressed.entry(reason).or_default() += count;
        }
    }
    for severity in Severity::ALL {
        let count = severities.get(&severity).copied().unwrap_or(0);
        let count = Count::of(count, report.judged_hours);
        report.findings.insert(severity.name(), count);
    }
    report.all = Count::of(severities.values().sum(), report.judged_hours);
    let titles = titles.into_iter();
    report.titles = titles
        .map(|(title, (count, first))| (title, count, first))
        .collect();
    report
        .titles
        .sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(report)
}

/// The containers of one workload.
struct Camp<'a> {
    engine: Engine<BTreeMap<Key, Baseline>>,
    templates: &'a [Template],
    /// Templates that are still to be drawn before any comes again.
    order: Vec<usize>,
    dice: Dice,
    replicas: Vec<Replica<'a>>,
    next_cgroup: u64,
    lives: u64,
    learning_ns: u64,
    judged_ns: u64,
    findings: Vec<Finding>,
    suppressed: BTreeMap<&'static str, u64>,
}

/// Long enough after the epoch for what is reckoned back from a container's birth.
const BEGIN: Moment = Moment(1_000 * HOUR_NS);

/// Unix milliseconds of `Moment(0)`.
const BOOT_MS: i64 = 1_750_000_000_000;

impl<'a> Camp<'a> {
    fn new(
        settings: &Settings,
        templates: &'a [Template],
        plan: &Plan,
        number: u64,
    ) -> Result<Self, MaterialError> {
        let mut camp = Self {
            engine: Engine::new(settings, BOOT_MS, BTreeMap::new())?,
            templates,
            order: Vec::new(),
            dice: Dice::new(plan.seed.wrapping_add(number)),
            replicas: Vec::new(),
            next_cgroup: 1,
            lives: 0,
            learning_ns: 0,
            judged_ns: 0,
            findings: Vec::new(),
            suppressed: BTreeMap::new(),
        };
        for _ in 0..plan.replicas.max(1) {
            // Replicas do not start at the same second.
            let apart = camp.dice.below(300) * 1_000_000_000;
            let replica = camp.born(Moment(BEGIN.0 + apart));
            camp.replicas.extend(replica);
        }
        Ok(camp)
    }

    fn born(&mut self, now: Moment) -> Option<Replica<'a>> {
        // No life comes again before all others did: real starts differ, and so do the names that they make up.
        if self.order.is_empty() {
            self.order = self.dice.shuffled(self.templates.len());
        }
        let template = self.templates.get(self.order.pop()?)?;
        let hours = LIFE_H.0 + self.dice.below(LIFE_H.1 - LIFE_H.0);
        let cgroup = CgroupId(self.next_cgroup);
        self.next_cgroup += 1;
        self.lives += 1;
        let until = Moment(now.0.saturating_add(hours * HOUR_NS));
        let (replica, watch) = Replica::born(template, cgroup, now, until);
        self.tell_time(now);
        self.engine.take(watch);
        Some(replica)
    }

    fn tell_time(&mut self, at: Moment) {
        let ms = i64::try_from(at.0 / 1_000_000).unwrap_or(i64::MAX);
        self.engine.take(Input::Time(Time {
            wall_ms: BOOT_MS.saturating_add(ms),
            boot_ms: BOOT_MS,
        }));
    }

    /// Lives until so many container-hours were judged, or ten times as many were lived without.
    fn live(&mut self, key: &Key, hours: u64) {
        let wanted = hours.saturating_mul(HOUR_NS);
        while self.judged_ns < wanted && self.learning_ns < wanted.saturating_mul(10) {
            let earliest = self.replicas.iter().enumerate();
            let Some((at, _)) = earliest.min_by_key(|(_, replica)| replica.now()) else {
                return;
            };
            let state = self.engine.baselines().get(key).map(Baseline::state);
            let judged = state.is_some_and(|state| state != State::Learning);
            let Some(replica) = self.replicas.get_mut(at) else {
                return;
            };
            let Some((inputs, end, length_ns)) = replica.next(&mut self.dice, judged) else {
                let (cgroup, now) = (replica.cgroup(), replica.now());
                self.engine.take(Input::End { cgroup });
                // A container that is started again is away for some seconds.
                let again = Moment(now.0 + 5_000_000_000);
                match (self.born(again), self.replicas.get_mut(at)) {
                    (Some(next), Some(place)) => *place = next,
                    _ => return,
                }
                continue;
            };
            *(if judged {
                &mut self.judged_ns
            } else {
                &mut self.learning_ns
            }) += length_ns;
            self.tell_time(end);
            for input in inputs {
                let effects = self.engine.take(input);
                for reason in effects.suppressed {
                    *self.suppressed.entry(reason.name()).or_default() += 1;
                }
                let found = effects.findings.into_iter();
                self.findings.extend(found.map(|it| it.finding));
            }
        }
    }
}
