//! The layer of rates: one model per baseline and phase, and what has gathered against each container.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::models::{Models, Row};
use super::{FeatureShare, Verdict};
use crate::baseline::hash::hash64;
use crate::baseline::learning::State;
use crate::baseline::model::Baseline;
use crate::detect::claim::{At, Claim};
use crate::detect::evidence::{Evidence, threshold};
use crate::detect::finding::{Class, Contribution, Method};
use crate::detect::technique;
use crate::detect::wording;
use crate::observe::event::CgroupId;
use crate::observe::fact::Phase;
use crate::observe::window::WindowReport;

/// After a claim of the rate model, the container's rates make no other for this long.
const COOL_DOWN_S: i64 = 3600;

/// Squared distance beyond the ordinary from which a change of rates counts for more: five times as far.
const LARGE_EXCESS: f64 = 25.0;

/// Evidence is held at its threshold; what comes back from the logarithms is the threshold up to this, nats.
const ROUNDING: f64 = 1e-6;

/// What has gathered against one container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// Baseline it was last judged against.
    baseline: String,
    evidence: BTreeMap<Phase, Evidence>,
    /// Evidence and its threshold at the last judged window.
    current: Option<(f64, f64)>,
    quiet_until_s: i64,
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
        let limit = threshold(seconds, self.findings_per_month);
        if at.now_s < watch.quiet_until_s {
            return None;
        }
        let evidence = watch.evidence.entry(phase).or_default();
        evidence.add(verdict.p, limit);
        let nats = evidence.nats();
        watch.current = Some((nats, limit));
        // Evidence stops learning, so that nobody can teach the model a change while it is being noticed.
        if verdict.is_ordinary() && nats < limit / 2.0 {
            self.models.learn(baseline, phase, &row);
            return None;
        }
        if nats < limit - ROUNDING || !verdict.is_clearly_beyond() {
            return None;
        }
        evidence.reset();
        watch.quiet_until_s = at.now_s.saturating_add(COOL_DOWN_S);
        Some(claim(
            baseline,
            report,
            phase,
            &verdict,
            self.names,
            self.findings_per_month,
        ))
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

fn claim(
    baseline: &Baseline,
    report: &WindowReport,
    phase: Phase,
    verdict: &Verdict,
    names: &[&str],
    findings_per_month: f64,
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
    let far = (verdict.excess > LARGE_EXCESS).then(|| Contribution {
        name: "far_out".to_owned(),
        value: 2.5,
        reason: format!(
            "{:.1} times as far out as anything ordinary",
            verdict.excess.sqrt()
        ),
    });
    Claim {
        identity: hash64(&[b"rates", phase.name().as_bytes()]),
        danger: (
            3.0,
            "work that requests do not explain is someone's".to_owned(),
        ),
        false_per_month: (
            findings_per_month,
            "the evidence needed is set by the budget".to_owned(),
        ),
        adjustments: far.into_iter().collect(),
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
                    CPU per request points to foreign work, more bytes out per byte in to data leaving.",
        ..Claim::about_window(Method::Rates, Class::Resource, report.end, phase)
    }
}
