//! Ties the detectors together: takes sightings and windows, learns while a family learns, judges once it matured.

use std::collections::BTreeMap;

use super::allow::Allow;
use super::budget::{Budget, Reason};
use super::danger::{self, Category, REPORTED_FROM, categorise};
use super::evidence::{Evidence, threshold};
use super::finding::{Finding, Severity};
use super::never_learn::{Kind, NeverLearn};
use super::news::News;
use super::novelty::assess;
use super::rates::Verdict;
use crate::baseline::exposure::Share;
use crate::baseline::facts::{Learned, Seen};
use crate::baseline::hash::hash64;
use crate::baseline::learning::{LearningSettings, State};
use crate::baseline::model::{Baseline, Knowledge};
use crate::observe::event::CgroupId;
use crate::observe::fact::{Fact, Origin, Phase, Sighting};
use crate::observe::window::WindowReport;

mod models;
mod report;

use models::{Models, Row};

/// After a finding of the rate model, the container's rates are not reported again for this long.
const RATES_COOL_DOWN_S: i64 = 3600;

/// After a finding of lost events, the container's losses are not reported again for this long.
const LOSS_COOL_DOWN_S: i64 = 3600;

/// Squared distance beyond the ordinary from which a change of rates is more than a low finding: five times as far.
const LARGE_EXCESS: f64 = 25.0;

/// Evidence is held at its threshold; what comes back from the logarithms is the threshold up to this, nats.
const ROUNDING: f64 = 1e-6;

/// What the detectors are told once.
#[derive(Clone, Debug)]
pub struct Settings {
    /// When learning ends.
    pub learning: LearningSettings,
    /// Low and medium findings per container and month.
    pub findings_per_month: f64,
    /// Facts that alert even while learning.
    pub never_learn: NeverLearn,
    /// What the operator declared normal.
    pub allow: Allow,
    /// Names of the features of a window, in their order.
    pub feature_names: &'static [&'static str],
    /// Whether a system call, by name, belongs to every program's life.
    pub is_common_syscall: fn(&str) -> bool,
}

/// What became of a sighting or a window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// A finding to report.
    pub finding: Option<Finding>,
    /// Why something that could have been a finding was not reported.
    pub suppressed: Option<Reason>,
    /// In what way the sighting was new; `None` for what the baseline held or the operator allowed, and for windows.
    pub news: Option<News>,
}

impl Outcome {
    fn suppressed(reason: Reason) -> Self {
        Self {
            suppressed: Some(reason),
            ..Self::default()
        }
    }

    fn news(self, news: News) -> Self {
        Self {
            news: Some(news),
            ..self
        }
    }
}

/// Whom and when a sighting or window is about.
#[derive(Clone, Copy)]
struct At<'a> {
    cgroup: CgroupId,
    replica: &'a str,
    now_s: i64,
}

/// Detection state of one container.
#[derive(Debug)]
struct Watch {
    budget: Budget,
    /// Baseline it was last judged against.
    baseline: String,
    /// Events lost in the last two windows.
    lost: [u64; 2],
    /// Findings suppressed for budget or repetition since the last one reported.
    suppressed: u64,
    /// Highest novelty score of the previous and the current window.
    novelty: [f64; 2],
    evidence: BTreeMap<Phase, Evidence>,
    /// Evidence and its threshold at the last judged window.
    rates: Option<(f64, f64)>,
    rates_quiet_until_s: i64,
    loss_quiet_until_s: i64,
}

/// The detectors with their state per container. Its memory is bounded per container; [`Detector::forget`] those gone.
#[derive(Debug)]
pub struct Detector {
    settings: Settings,
    watches: BTreeMap<CgroupId, Watch>,
    models: Models,
}

impl Detector {
    /// Detectors without any state.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            watches: BTreeMap::new(),
            models: Models::default(),
        }
    }

    /// Takes one sighting: learns it while its family learns, judges it afterwards. `replica` is the container's id,
    /// `now_s` the Unix time.
    pub fn sighting(
        &mut self,
        baseline: &mut Baseline,
        cgroup: CgroupId,
        replica: &str,
        sighting: &Sighting,
        now_s: i64,
    ) -> Outcome {
        if self.settings.allow.covers(sighting) {
            return Outcome::suppressed(Reason::Allow);
        }
        let at = At {
            cgroup,
            replica,
            now_s,
        };
        if let Some(kind) = self.settings.never_learn.kind(sighting) {
            let outcome = self.never_learnable(baseline, at, kind, sighting);
            return outcome.news(News::NeverLearn);
        }
        let (phase, fact) = (sighting.phase, &sighting.fact);
        let category = categorise(sighting, self.settings.is_common_syscall);
        if !baseline.judges(phase, fact.family) {
            let news = match baseline.learn(phase, fact, replica, now_s) {
                Learned::Again => return Outcome::default(),
                Learned::New => News::Learned,
                Learned::Refused => News::Refused,
            };
            let outcome = match category {
                Some(_) => Outcome::suppressed(Reason::Learning),
                None => Outcome::default(),
            };
            return outcome.news(news);
        }
        let elsewhere = match baseline.knows(phase, fact) {
            Knowledge::Here => {
                baseline.learn(phase, fact, replica, now_s);
                return Outcome::default();
            }
            Knowledge::Elsewhere(other) => Some(other),
            Knowledge::Unknown => None,
        };
        match category {
            Some(category) => self.novelty(baseline, at, sighting, category, elsewhere),
            None => Outcome::default().news(News::New),
        }
    }

    fn never_learnable(
        &mut self,
        baseline: &Baseline,
        at: At<'_>,
        kind: Kind,
        sighting: &Sighting,
    ) -> Outcome {
        let profile = kind.profile(sighting);
        let (severity, class) = (profile.severity, profile.class);
        let watch = self.watch(at.cgroup);
        watch.note_novelty(danger::begins_at(severity));
        let (fact, origin) = (hash_of(&sighting.fact), sighting.fact.origin);
        if watch.budget.is_repeat(fact, at.now_s) {
            return watch.suppress(Reason::Repeat);
        }
        if !watch.budget.take(severity, class, origin, fact, at.now_s) {
            return watch.suppress(Reason::Budget);
        }
        watch.report(report::never_learnable(baseline, at.cgroup, kind, sighting))
    }

    fn novelty(
        &mut self,
        baseline: &mut Baseline,
        at: At<'_>,
        sighting: &Sighting,
        category: Category,
        elsewhere: Option<Phase>,
    ) -> Outcome {
        let (phase, fact) = (sighting.phase, &sighting.fact);
        let before = baseline.set_pending(phase, fact, at.replica, at.now_s);
        let news = match &before {
            Some(_) => News::Pending,
            None => News::New,
        };
        let outcome = self.assessed(baseline, at, sighting, category, elsewhere, before);
        outcome.news(news)
    }

    /// Judges what a matured family does not know; `before` is what was known of it as pending.
    fn assessed(
        &mut self,
        baseline: &mut Baseline,
        at: At<'_>,
        sighting: &Sighting,
        category: Category,
        elsewhere: Option<Phase>,
        before: Option<Seen>,
    ) -> Outcome {
        let (phase, fact) = (sighting.phase, &sighting.fact);
        let assessment = assess(baseline, phase, fact, category, elsewhere);
        let watch = self.watch(at.cgroup);
        watch.note_novelty(assessment.score);
        let Some(severity) = danger::severity(assessment.score) else {
            // Surprise grows with time; what was too weak at first must not come up later as if it were new.
            baseline.set_reported(phase, fact, at.now_s);
            return Outcome::suppressed(Reason::Weak);
        };
        let (hash, class) = (hash_of(fact), category.profile().class);
        let repeat = match severity {
            Severity::Low | Severity::Medium => {
                before.is_some_and(|seen| seen.reported_s.is_some())
            }
            Severity::High | Severity::Critical => watch.budget.is_repeat(hash, at.now_s),
        };
        if repeat {
            return watch.suppress(Reason::Repeat);
        }
        if !watch
            .budget
            .take(severity, class, fact.origin, hash, at.now_s)
        {
            return watch.suppress(Reason::Budget);
        }
        baseline.set_reported(phase, fact, at.now_s);
        watch.report(report::novelty(
            baseline, at.cgroup, sighting, category, severity, assessment, elsewhere,
        ))
    }

    /// Takes one window: its exposure, its system calls, its rates. Families mature here. Same parameters as
    /// [`Detector::sighting`]. There is one outcome for each sighting of the window, in their order, and after them one
    /// for its losses and one for its rates, if they were worth one.
    pub fn window(
        &mut self,
        baseline: &mut Baseline,
        cgroup: CgroupId,
        replica: &str,
        report: &WindowReport,
        now_s: i64,
    ) -> Vec<Outcome> {
        let at = At {
            cgroup,
            replica,
            now_s,
        };
        let id = baseline.id();
        let watch = self.watch(cgroup);
        watch.baseline = id;
        watch.lost = [watch.lost[1], report.lost_events];
        watch.novelty = [watch.novelty[1], 0.0];
        let mut outcomes: Vec<_> = report
            .sightings
            .iter()
            .map(|sighting| self.sighting(baseline, cgroup, replica, sighting, now_s))
            .collect();
        outcomes.extend(self.loss(baseline, at, report));
        if let Some(phase) = report.phase {
            let window = Share {
                ms: report.length_ns / 1_000_000,
                windows: 1,
                lossy_windows: u64::from(report.lost_events > 0),
                requests: report.requests,
                lost: report.lost_events,
            };
            baseline.add_window(phase, replica, window, now_s);
            outcomes.extend(self.rates(baseline, at, report, phase));
        }
        baseline.mature(self.settings.learning, now_s);
        outcomes
    }

    /// Blinding the probe is itself seen. What a container lost because it flooded its own share is reported whatever the
    /// budget, as its own deed; what it lost because a ring was full may be another's.
    fn loss(&mut self, baseline: &Baseline, at: At<'_>, report: &WindowReport) -> Option<Outcome> {
        if report.lost_events == 0 {
            return None;
        }
        let watch = self.watch(at.cgroup);
        if at.now_s < watch.loss_quiet_until_s {
            return None;
        }
        watch.loss_quiet_until_s = at.now_s.saturating_add(LOSS_COOL_DOWN_S);
        let severity = if report.lost_to_quota > 0 {
            Severity::Medium
        } else {
            Severity::Low
        };
        let (class, fact) = (report::LOSS_CLASS, hash64(&[b"loss"]));
        if severity == Severity::Low
            && !watch
                .budget
                .take(severity, class, Origin::Server, fact, at.now_s)
        {
            return Some(watch.suppress(Reason::Budget));
        }
        Some(watch.report(report::loss(baseline, at.cgroup, report, severity)))
    }

    fn rates(
        &mut self,
        baseline: &mut Baseline,
        at: At<'_>,
        report: &WindowReport,
        phase: Phase,
    ) -> Option<Outcome> {
        let features = report.features.as_deref()?;
        let verdict = match baseline.state() {
            State::Learning => None,
            State::Active | State::Frozen => self
                .models
                .of(baseline, phase, features.len())
                .and_then(|model| model.judge(features)),
        };
        let row = Row {
            replica: at.replica,
            end: report.end,
            features,
        };
        let Some(verdict) = verdict else {
            self.models.learn(baseline, phase, &row);
            return None;
        };
        let seconds = report.length_ns as f64 / 1e9;
        let limit = threshold(seconds, self.settings.findings_per_month);
        let names = self.settings.feature_names;
        let watch = self.watch(at.cgroup);
        if at.now_s < watch.rates_quiet_until_s {
            return None;
        }
        let evidence = watch.evidence.entry(phase).or_default();
        evidence.add(verdict.p, limit);
        let nats = evidence.nats();
        watch.rates = Some((nats, limit));
        // Evidence stops learning, so that nobody can teach the model a change while it is being noticed.
        if verdict.is_ordinary() && nats < limit / 2.0 {
            self.models.learn(baseline, phase, &row);
            return None;
        }
        if nats < limit - ROUNDING || !verdict.is_clearly_beyond() {
            return None;
        }
        evidence.reset();
        watch.rates_quiet_until_s = at.now_s.saturating_add(RATES_COOL_DOWN_S);
        let (severity, class) = (rates_severity(&verdict), report::RATES_CLASS);
        let fact = hash64(&[b"rates", phase.name().as_bytes()]);
        if !watch
            .budget
            .take(severity, class, Origin::Server, fact, at.now_s)
        {
            return Some(watch.suppress(Reason::Budget));
        }
        let judged = report::Judged { phase, nats, limit };
        Some(watch.report(report::rates(
            baseline, at.cgroup, report.end, &judged, severity, &verdict, names,
        )))
    }

    /// Drops the state of a container that is gone.
    pub fn forget(&mut self, cgroup: CgroupId) {
        self.watches.remove(&cgroup);
        let used = |id: &str| self.watches.values().any(|watch| watch.baseline == id);
        self.models.retain(used);
    }

    /// Current scores of a container: model (`novelty`, `rates`), score and the threshold for a finding, in nats.
    /// Empty for a container never seen; `rates` only once there is a model.
    #[must_use]
    pub fn scores(&self, cgroup: CgroupId) -> Vec<(&'static str, f64, f64)> {
        let Some(watch) = self.watches.get(&cgroup) else {
            return Vec::new();
        };
        let novelty = watch.novelty[0].max(watch.novelty[1]);
        let mut scores = vec![("novelty", novelty, REPORTED_FROM)];
        scores.extend(watch.rates.map(|(nats, limit)| ("rates", nats, limit)));
        scores
    }

    fn watch(&mut self, cgroup: CgroupId) -> &mut Watch {
        let per_month = self.settings.findings_per_month;
        self.watches.entry(cgroup).or_insert_with(|| Watch {
            budget: Budget::new(per_month),
            baseline: String::new(),
            lost: [0; 2],
            suppressed: 0,
            novelty: [0.0; 2],
            evidence: BTreeMap::new(),
            rates: None,
            rates_quiet_until_s: i64::MIN,
            loss_quiet_until_s: i64::MIN,
        })
    }
}

impl Watch {
    fn note_novelty(&mut self, score: f64) {
        self.novelty[1] = self.novelty[1].max(score);
    }

    fn suppress(&mut self, reason: Reason) -> Outcome {
        self.suppressed = self.suppressed.saturating_add(1);
        Outcome::suppressed(reason)
    }

    fn report(&mut self, finding: Finding) -> Outcome {
        let finding = Finding {
            lost_events: self.lost[0].saturating_add(self.lost[1]),
            suppressed: std::mem::take(&mut self.suppressed),
            ..finding
        };
        Outcome {
            finding: Some(finding),
            ..Outcome::default()
        }
    }
}

fn rates_severity(verdict: &Verdict) -> Severity {
    if verdict.excess > LARGE_EXCESS {
        Severity::Medium
    } else {
        Severity::Low
    }
}

fn hash_of(fact: &Fact) -> u64 {
    hash64(&[
        fact.family.name().as_bytes(),
        fact.origin.name().as_bytes(),
        fact.value.as_bytes(),
    ])
}

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
