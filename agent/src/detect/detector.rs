//! Ties the layers together: takes sightings and windows, learns while a family learns, judges what the layers claim.

use std::collections::BTreeMap;

use super::allow::Allow;
use super::budget::Reason;
use super::calls::layer::CallLayer;
use super::claim::{At, Claim};
use super::contact::{self, Comparison};
use super::danger::{Category, added, categorise, is_search, started_again};
use super::deployment::Deployments;
use super::never_learn::NeverLearn;
use super::news::News;
use super::outcome::Outcome;
use super::rates::layer::RateLayer;
use super::sequence::layer::SequenceLayer;
use super::signals::Signals;
use super::verdict::Verdict;
use super::{drift, loss, never_learn, novelty, order};
use crate::baseline::exposure::Share;
use crate::baseline::facts::Learned;
use crate::baseline::hash::hash64;
use crate::baseline::knowledge::Knowledge;
use crate::baseline::learning::{LearningSettings, State};
use crate::baseline::model::Baseline;
use crate::baseline::neighbours::judge_of;
use crate::observe::event::{CgroupId, Moment};
use crate::observe::fact::{Family, Phase, Sighting};
use crate::observe::window::WindowReport;

mod budgets;
mod detection;

pub use detection::Detection;

use budgets::Budgets;

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

/// The detectors with their state per container. Its memory is bounded per container; [`Detector::forget`] those gone.
#[derive(Debug)]
pub struct Detector {
    settings: Settings,
    verdicts: BTreeMap<CgroupId, Verdict>,
    /// By workload; those unused for longest give way.
    budgets: Budgets,
    losses: loss::LossLayer,
    rates: RateLayer,
    calls: CallLayer,
    signals: Signals,
    sequences: SequenceLayer,
    deployments: Deployments,
}

impl Detector {
    /// Detectors without any state.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            rates: RateLayer::new(settings.feature_names, settings.findings_per_month),
            losses: loss::LossLayer::default(),
            calls: CallLayer::default(),
            signals: Signals::default(),
            sequences: SequenceLayer::default(),
            deployments: Deployments::default(),
            verdicts: BTreeMap::new(),
            budgets: Budgets::default(),
            settings,
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
        let at = At {
            cgroup,
            replica,
            now_s,
        };
        self.take(baseline, at, sighting, false)
    }

    fn take(
        &mut self,
        baseline: &mut Baseline,
        at: At<'_>,
        sighting: &Sighting,
        is_busy: bool,
    ) -> Outcome {
        let At {
            cgroup,
            replica,
            now_s,
        } = at;
        if self.settings.allow.covers(sighting) {
            return Outcome::suppressed(Reason::Allow);
        }
        self.signals.sighting(cgroup, sighting);
        if let Some(kind) = self.settings.never_learn.kind(sighting) {
            let outcome = match never_learn::claim(kind, sighting, baseline, at) {
                Some(claim) => self.judge(baseline, at, claim, false),
                None => Outcome::suppressed(Reason::Repeat),
            };
            return outcome.news(News::NeverLearn);
        }
        let (phase, fact) = (sighting.phase, &sighting.fact);
        let category = categorise(sighting, self.settings.is_common_syscall);
        let known = baseline.knows(sighting);
        let is_command = category == Some(Category::Entrypoint);
        if is_command {
            let learning = self.settings.learning;
            self.deployments.started(baseline, at, sighting, learning);
        }
        let is_redeployed = !is_command
            && self.deployments.is_new(baseline, cgroup, now_s)
            && !baseline.is_quarantined(phase, fact);
        // What takes a server over alerts in a young image and in a new deployment, too, and while it serves also where only
        // its own family has not settled yet: there is always another file to read.
        let comparison = match fact.family {
            Family::Contact => contact::compare(baseline, sighting, is_busy),
            _ => Comparison::Judge,
        };
        let judged = if comparison == Comparison::Learn {
            false
        } else if is_takeover(category, known) {
            baseline.judges(phase, fact.family)
                || baseline.judges_by_predecessor(phase, fact.family)
                || judge_of(phase) == Phase::Serve && baseline.state() == State::Active
        } else {
            baseline.judges(phase, fact.family) && !is_redeployed
        };
        if !judged {
            let learned = baseline.learn_sighting(sighting, replica, now_s);
            if let Some(danger) = category.and_then(Category::suspect) {
                baseline.set_danger(phase, fact, danger);
            }
            let news = match learned {
                Learned::Again => return Outcome::default(),
                Learned::New => News::Learned,
                Learned::Refused => News::Refused,
            };
            if fact.family == Family::Sequence && !is_redeployed {
                self.sequences.arrived(baseline, cgroup, sighting);
            }
            let outcome = match category {
                Some(_) => Outcome::suppressed(Reason::Learning),
                None => Outcome::default(),
            };
            return outcome.news(news);
        }
        if comparison == Comparison::Ignore {
            return Outcome::default();
        }
        let elsewhere = match known {
            // What one container of many did while they learned, and should not have.
            Knowledge::Here if baseline.is_quarantined(phase, fact) => None,
            Knowledge::Here | Knowledge::Inherited => {
                baseline.learn_sighting(sighting, replica, now_s);
                return Outcome::default();
            }
            Knowledge::Neighbour(_) => return Outcome::default(),
            Knowledge::Elsewhere(other) => Some(other),
            Knowledge::Unknown => None,
        };
        self.signals.news(cgroup, sighting);
        match category {
            Some(category) if is_search(category, baseline, sighting) => {
                Outcome::default().news(News::New)
            }
            Some(category) => {
                let category = started_again(category, elsewhere, sighting);
                let category = added(category, baseline, sighting);
                self.novelty(baseline, at, sighting, category, elsewhere)
            }
            None if fact.family == Family::Sequence => self.sequence(baseline, at, sighting),
            None => Outcome::default().news(News::New),
        }
    }

    /// One sequence says little, so a layer of its own waits for what comes with it. Other replicas will make it, too.
    fn sequence(&mut self, baseline: &mut Baseline, at: At<'_>, sighting: &Sighting) -> Outcome {
        let (phase, fact) = (sighting.phase, &sighting.fact);
        if baseline
            .set_pending(phase, fact, at.replica, at.now_s)
            .is_some()
        {
            return Outcome::default().news(News::Pending);
        }
        self.sequences.arrived(baseline, at.cgroup, sighting);
        Outcome::default().news(News::New)
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
        if matches!(category, Category::FileWrite | Category::ScratchWrite) {
            self.rates.new_file(at.cgroup, sighting.at);
        }
        let before = baseline.set_pending(phase, fact, at.replica, at.now_s);
        if !category.takes_over() && baseline.adopt(phase, fact) {
            return Outcome::default().news(News::Learned);
        }
        let news = match &before {
            Some(_) => News::Pending,
            None => News::New,
        };
        let told = before
            .as_ref()
            .is_some_and(|seen| seen.reported_s.is_some());
        let replica = hash64(&[at.replica.as_bytes()]);
        let claim = novelty::claim(
            baseline,
            sighting,
            category,
            elsewhere,
            before.as_ref(),
            replica,
        );
        let outcome = self.judge(baseline, at, claim, told);
        // Surprise grows with time; what was too weak at first, or told with its act, must not come up later as if it
        // were new.
        let past = matches!(outcome.suppressed, Some(Reason::Weak | Reason::Act));
        if outcome.finding.is_some() || past {
            baseline.set_reported(phase, fact, at.now_s);
        }
        outcome.news(news)
    }

    /// Whether a sighting that has just been taken would, if it came again, do nothing but be counted in its baseline and,
    /// where a file is written, what [`Detector::written_again`] does.
    #[must_use]
    pub fn only_counts(&self, baseline: &Baseline, sighting: &Sighting) -> bool {
        let suspect = || categorise(sighting, self.settings.is_common_syscall)?.suspect();
        order::leaves_no_trace(sighting)
            && suspect().is_none()
            && !self.settings.allow.covers(sighting)
            && self.settings.never_learn.kind(sighting).is_none()
            && baseline.knows(sighting) == Knowledge::Here
            && !baseline.is_suspect(sighting.phase, &sighting.fact)
    }

    /// Whether a sighting, taken now, may make a learned fact suspect, so that what only counted may do so no more.
    #[must_use]
    pub fn makes_suspect(&self, baseline: &Baseline, sighting: &Sighting) -> bool {
        let category = categorise(sighting, self.settings.is_common_syscall);
        category.and_then(Category::suspect).is_some()
            && !baseline.is_suspect(sighting.phase, &sighting.fact)
    }

    /// Takes a file written again, by this process and its ancestors, of which all else is only counted.
    pub fn written_again(
        &mut self,
        cgroup: CgroupId,
        at: Moment,
        line: impl Iterator<Item = u32>,
        raw: &str,
    ) {
        self.signals.written_again(cgroup, at, line, raw);
    }

    /// Whether a contact of this container now would follow on something that it must not follow on.
    #[must_use]
    pub fn awaits_contact(&self, cgroup: CgroupId, at: Moment) -> bool {
        self.signals.awaits_contact(cgroup, at)
    }

    /// Takes one window: its exposure, its system calls, its rates. Families mature here. Same parameters as
    /// [`Detector::sighting`]. There is one outcome for each sighting of the window, in their order, and after them one
    /// for each claim that a layer made about the window.
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
        verdict(&mut self.verdicts, cgroup, self.settings.findings_per_month)
            .window(report.lost_events);
        let is_busy = contact::is_busy(baseline, report);
        let mut outcomes: Vec<_> = report
            .sightings
            .iter()
            .map(|sighting| self.take(baseline, at, sighting, is_busy))
            .collect();
        let mut claims: Vec<Claim> = Vec::new();
        claims.extend(self.losses.window(at, report));
        if let Some(phase) = report.phase {
            let window = Share {
                ms: report.length_ns / 1_000_000,
                windows: 1,
                lossy_windows: u64::from(report.lost_events > 0),
                requests: report.requests,
                lost: report.lost_events,
            };
            baseline.add_window(phase, replica, window, now_s);
            if self.deployments.is_new(baseline, cgroup, now_s) {
                self.rates.learn(baseline, at, report, phase);
                self.calls.learn(baseline, at, report, phase);
            } else {
                claims.extend(self.rates.window(baseline, at, report, phase));
                claims.extend(self.calls.window(baseline, at, report, phase));
            }
        }
        claims.extend(self.signals.window(baseline, at, report));
        claims.extend(self.sequences.window(baseline, at, report));
        let per_month = self.settings.findings_per_month;
        let budget = self.budgets.of(&baseline.key, per_month, now_s);
        budget.earn(report.length_ns as f64 / 1e9);
        let verdict = verdict(&mut self.verdicts, cgroup, per_month);
        outcomes.extend(verdict.judge_all(baseline, budget, at, claims));
        baseline.mature(self.settings.learning, now_s);
        if let Some(drift) = drift::claim(baseline, report.end, now_s) {
            outcomes.push(self.judge(baseline, at, drift, false));
        }
        outcomes
    }

    fn judge(&mut self, baseline: &Baseline, at: At<'_>, claim: Claim, told: bool) -> Outcome {
        let per_month = self.settings.findings_per_month;
        let budget = self.budgets.of(&baseline.key, per_month, at.now_s);
        verdict(&mut self.verdicts, at.cgroup, per_month).judge(baseline, budget, at, claim, told)
    }

    /// Drops the state of a container that is gone.
    pub fn forget(&mut self, cgroup: CgroupId) {
        self.verdicts.remove(&cgroup);
        self.losses.forget(cgroup);
        self.rates.forget(cgroup);
        self.calls.forget(cgroup);
        self.signals.forget(cgroup);
        self.sequences.forget(cgroup);
        self.deployments.forget(cgroup);
    }

    /// Current scores of a container: model (`novelty`, `rates`), score and the threshold for a finding, in nats.
    /// Empty for a container never seen; `rates` only once there is a model.
    #[must_use]
    pub fn scores(&self, cgroup: CgroupId) -> Vec<(&'static str, f64, f64)> {
        let Some(verdict) = self.verdicts.get(&cgroup) else {
            return Vec::new();
        };
        let mut scores = vec![("novelty", verdict.score(), verdict.threshold())];
        let rates = self.rates.score(cgroup);
        scores.extend(rates.map(|(nats, limit)| ("rates", nats, limit)));
        scores
    }
}

fn verdict(
    verdicts: &mut BTreeMap<CgroupId, Verdict>,
    cgroup: CgroupId,
    per_month: f64,
) -> &mut Verdict {
    let verdict = verdicts.entry(cgroup);
    verdict.or_insert_with(|| Verdict::new(per_month))
}

/// Whether something takes the server over that the workload is not known to do.
fn is_takeover(category: Option<Category>, known: Knowledge) -> bool {
    matches!(known, Knowledge::Unknown | Knowledge::Elsewhere(_))
        && category.is_some_and(Category::takes_over)
}

#[cfg(test)]
pub(in crate::detect) mod testing;
#[cfg(test)]
mod tests;
