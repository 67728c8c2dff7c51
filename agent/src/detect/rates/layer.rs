//! The layer of rates: one model per baseline and phase, and what has gathered against each container.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::models::{Models, Row};
use super::offset::OwnLevel;
use super::stream::ScoreStream;
use super::{FeatureShare, Verdict};
use crate::baseline::hash::hash64;
use crate::baseline::learning::State;
use crate::baseline::model::Baseline;
use crate::baseline::sample::tag;
use crate::detect::claim::{At, Claim, counts_alone};
use crate::detect::evidence::{Evidence, threshold};
use crate::detect::finding::{Class, Contribution, Method};
use crate::detect::outlook::MONTH_S;
use crate::detect::technique;
use crate::detect::wording;
use crate::observe::event::{CgroupId, Moment};
use crate::observe::fact::Phase;
use crate::observe::features;
use crate::observe::window::WindowReport;

/// Evidence that counts beyond that for one false claim a month, nats: so rare a claim can be made out at most.
const MOST_BEYOND: f64 = 6.0;

/// A further claim about the same change is made when evidence has grown by so much, nats.
const MUCH_MORE: f64 = 2.5;

/// Squared distance, in units of the largest ordinary one, beyond which a window needs no comparison with the container's
/// own past: half as far out again.
const CLEARLY_BEYOND: f64 = 2.25;

/// For so long a file that was begun to be written accounts for what writing takes, ns: evidence gathers over some windows,
/// and what writes a log rotates it.
const FILE_ACCOUNTS_NS: u64 = 300_000_000_000;

/// Of the distance of a window that a new file accounts for, so much may lie in something else.
const BESIDE_FILES: f64 = 0.1;

const HOUR_S: f64 = 3600.0;

/// A claim needs something of which there is half as much again as usual, nats: steadier work than a workload's own is no
/// measure for what somebody else's would be.
const LEAST_DIFFERENCE: f64 = 0.405;

/// How many kinds of work that were never seen a workload takes up while what was observed of it grows by a factor of e:
/// five of fourteen recorded servers took one up between their first hour and their sixth day (November 2026).
const NEW_WORK: f64 = 0.1;

/// How fast such work gets rarer the farther out it lies: work that is four times as far out (squared) is an eighth as
/// likely, as amounts are taken to be before anything is known of them.
const NEW_WORK_TAIL: f64 = 1.5;

/// Evidence is held at its ceiling; what comes back from the logarithms is the ceiling up to this, nats.
const ROUNDING: f64 = 1e-6;

/// What has gathered against one container in one phase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Gathered {
    /// Against windows clearly beyond what was learned.
    level: Evidence,
    /// Against windows that are rare both by what was learned and by what this container did before.
    news: Evidence,
    stream: ScoreStream,
    own: OwnLevel,
    /// Evidence at the last claim, nats; 0 once all is well again.
    claimed: f64,
}

/// What is remembered of one container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// Baseline it was last judged against.
    baseline: String,
    phases: BTreeMap<Phase, Gathered>,
    /// Evidence and its threshold at the last judged window.
    current: Option<(f64, f64)>,
    /// When a file was last written that is new and nothing by itself: a log that was turned on, a cache.
    #[serde(default)]
    new_file: Option<Moment>,
}

/// The layer. Its memory is bounded per container; [`RateLayer::forget`] those gone.
#[derive(Debug)]
pub struct RateLayer {
    /// Names of the features of a window, in their order.
    names: &'static [&'static str],
    findings_per_month: f64,
    models: Models,
    watches: BTreeMap<CgroupId, Watch>,
}

impl RateLayer {
    /// A layer without models, for features of these names and so many false claims per container and month.
    #[must_use]
    pub fn new(names: &'static [&'static str], findings_per_month: f64) -> Self {
        Self {
            names,
            findings_per_month,
            models: Models::default(),
            watches: BTreeMap::new(),
        }
    }

    /// Notes that a container writes a file that is new and nothing by itself.
    pub fn new_file(&mut self, cgroup: CgroupId, at: Moment) {
        let watch = self.watches.entry(cgroup).or_default();
        watch.new_file = watch.new_file.max(Some(at));
    }

    /// Takes one window whose phase is certain: learns it while the baseline learns, judges it afterwards.
    pub fn window(
        &mut self,
        baseline: &mut Baseline,
        at: At<'_>,
        report: &WindowReport,
        phase: Phase,
    ) -> Option<Claim> {
        let watch = self.watches.entry(at.cgroup).or_default();
        watch.baseline = baseline.id();
        let features = report.features.as_deref()?;
        let here = watch.phases.entry(phase).or_default();
        let tag = tag(at.replica);
        let verdict = match baseline.state() {
            State::Learning => None,
            State::Active | State::Frozen => self
                .models
                .of(baseline, phase, features.len())
                .and_then(|model| model.judge(features, tag, &here.own)),
        };
        let row = Row {
            replica: at.replica,
            end: report.end,
            features,
        };
        let Some(verdict) = verdict else {
            here.own.add(features);
            self.models.learn(baseline, phase, &row);
            return None;
        };
        let seconds = report.length_ns as f64 / 1e9;
        // Two kinds of evidence share the month.
        let once_a_month = threshold(seconds, 1.0) + std::f64::consts::LN_2;
        let nats = here.gather(&verdict, seconds, once_a_month + MOST_BEYOND);
        let limit = once_a_month - self.findings_per_month.max(1e-3).ln();
        watch.current = Some((nats, limit));
        // Evidence stops learning, so that nobody can teach the model a change while it is being noticed.
        if nats < once_a_month / 2.0 {
            here.claimed = 0.0;
            if verdict.is_ordinary() {
                here.own.add(features);
                self.models.learn(baseline, phase, &row);
            }
            return None;
        }
        let wanted = limit.min(once_a_month).max(here.claimed + MUCH_MORE) - ROUNDING;
        if nats < wanted || verdict.excess <= 1.0 || !verdict.reasons.iter().any(differs) {
            return None;
        }
        here.claimed = nats;
        let by_evidence = (once_a_month - nats).exp();
        let per_month =
            by_evidence.max(new_work(baseline, phase) * verdict.excess.powf(-NEW_WORK_TAIL));
        let writes_anew = watch
            .new_file
            .is_some_and(|begun| report.end.since(begun) <= FILE_ACCOUNTS_NS);
        let danger = danger(&verdict.reasons, writes_anew);
        Some(claim(
            baseline, report, phase, &verdict, self.names, per_month, danger,
        ))
    }

    /// Learns one window whose phase is certain, whatever the baseline's state.
    pub fn learn(
        &mut self,
        baseline: &mut Baseline,
        at: At<'_>,
        report: &WindowReport,
        phase: Phase,
    ) {
        let watch = self.watches.entry(at.cgroup).or_default();
        watch.baseline = baseline.id();
        let Some(features) = report.features.as_deref() else {
            return;
        };
        watch.phases.entry(phase).or_default().own.add(features);
        let row = Row {
            replica: at.replica,
            end: report.end,
            features,
        };
        self.models.learn(baseline, phase, &row);
    }

    /// Evidence against a container and its threshold, nats; `None` while there is no model.
    #[must_use]
    pub fn score(&self, cgroup: CgroupId) -> Option<(f64, f64)> {
        self.watches.get(&cgroup)?.current
    }

    /// What is remembered of a container.
    #[must_use]
    pub fn remembered(&self, cgroup: CgroupId) -> Option<Watch> {
        self.watches.get(&cgroup).cloned()
    }

    /// Goes on from what was remembered.
    pub fn resume(&mut self, cgroup: CgroupId, watch: Watch) {
        self.watches.insert(cgroup, watch);
    }

    /// Drops the models of a baseline; they are fitted anew when they are needed.
    pub fn derive_anew(&mut self, baseline: &str) {
        self.models.retain(|id| id != baseline);
    }

    /// Drops the state of a container that is gone.
    pub fn forget(&mut self, cgroup: CgroupId) {
        self.watches.remove(&cgroup);
        let used = |id: &str| self.watches.values().any(|watch| watch.baseline == id);
        self.models.retain(used);
    }
}

/// Whether there is enough more of a feature.
fn differs(share: &FeatureShare) -> bool {
    share.difference >= LEAST_DIFFERENCE
}

/// How often a month work comes up that the model never saw, however it looks: like other news ever more rarely, as what
/// was observed grows.
fn new_work(baseline: &Baseline, phase: Phase) -> f64 {
    let observed = baseline.phases.get(&phase);
    let seconds = observed.map_or(0, |phase| phase.exposure.totals().seconds);
    NEW_WORK * MONTH_S / (seconds as f64 + HOUR_S)
}

impl Gathered {
    /// Takes one judged window in and tells the evidence, nats.
    fn gather(&mut self, verdict: &Verdict, window_s: f64, ceiling: f64) -> f64 {
        let frozen = self.level.nats().max(self.news.nats()) >= ceiling / 4.0;
        let by_past = self.stream.push(verdict.score, window_s, frozen);
        // Windows in between say nothing: such are too few for evidence to gather by chance while they are not counted
        // (what clear ones bring on average, and ordinary ones take, leaves room for one in ten of them).
        if verdict.excess > CLEARLY_BEYOND {
            self.level.add(verdict.p, ceiling);
        } else if verdict.is_ordinary() {
            self.level.add(1.0, ceiling);
        }
        // A rarer regime that was learned is rare for as long as it lasts, but not beyond what was learned.
        let by_both = match by_past {
            Some(p) if !verdict.is_ordinary() => p.max(verdict.p),
            _ => 1.0,
        };
        self.news.add(by_both, ceiling);
        self.level.nats().max(self.news.nats())
    }
}

/// How dangerous it is that there is so much more of these features, and why. Who turns a log on has calls that write it,
/// which are no more than the file itself.
fn danger(reasons: &[FeatureShare], writes_anew: bool) -> (f64, &'static str) {
    let is_gain = |share: &FeatureShare| differs(share) && features::is_gain(share.feature);
    let part = |of_files: bool| {
        let part = reasons
            .iter()
            .filter(|it| features::is_of_files(it.feature) == of_files);
        part.map(|it| it.share).sum::<f64>()
    };
    if writes_anew && part(false) < BESIDE_FILES * part(true) {
        (0.5, "a file that is new takes calls that write it")
    } else if reasons.iter().any(is_gain) {
        (5.0, "work that requests do not explain is someone's")
    } else {
        (4.0, "what requests do not explain is someone's")
    }
}

fn claim(
    baseline: &Baseline,
    report: &WindowReport,
    phase: Phase,
    verdict: &Verdict,
    names: &[&str],
    per_month: f64,
    (danger, why): (f64, &str),
) -> Claim {
    let name = |share: &FeatureShare| {
        let known = names.get(share.feature);
        known.map_or_else(|| format!("feature {}", share.feature), |n| (*n).to_owned())
    };
    let sentence = |share: &FeatureShare| {
        format!(
            "{} {} its usual value",
            name(share),
            wording::times(share.difference)
        )
    };
    let sentences: Vec<_> = verdict.reasons.iter().map(sentence).collect();
    let first = sentences.first().cloned().unwrap_or_default();
    let totals = baseline.phases.get(&phase).map(|p| p.exposure.totals());
    Claim {
        identity: hash64(&[b"rates", phase.name().as_bytes()]),
        danger: (danger, why.to_owned()),
        false_per_month: (
            per_month,
            "so rare is such evidence over windows, each held against learned windows that did not make the model, and so \
             rarely does work come up that was never seen"
                .to_owned(),
        ),
        most: counts_alone(),
        title: format!("behaviour per unit of load changed: {first}"),
        observed: sentences.join(", "),
        expected: format!(
            "proportions as in {}; these are {:.1} times as far out as the farthest of them, for several windows",
            wording::evidence(&totals.unwrap_or_default()),
            verdict.excess.sqrt()
        ),
        reasons: verdict
            .reasons
            .iter()
            .map(|share| Contribution {
                name: name(share),
                value: share.share,
                reason: format!("{} its usual value", wording::times(share.difference)),
            })
            .collect(),
        techniques: &[technique::RESOURCE_HIJACKING, technique::ATLAS_COST],
        next_step: "See which proportion changed and whether a release or another kind of request explains it; more \
                    CPU per request points to foreign work, more bytes answered to data leaving by the front door.",
        ..Claim::about_window(Method::Rates, Class::Resource, report.end, phase)
    }
}
