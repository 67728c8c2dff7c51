//! How findings are put into words and numbers.

use crate::baseline::exposure::Totals;
use crate::baseline::model::Baseline;
use crate::detect::danger::{Category, REPORTED_FROM, begins_at};
use crate::detect::finding::{BaselineRef, Class, Contribution, Finding, Method, Severity};
use crate::detect::never_learn::Kind;
use crate::detect::novelty::Assessment;
use crate::detect::rates::{FeatureShare, Verdict};
use crate::detect::technique::{self, named};
use crate::detect::wording;
use crate::observe::event::{CgroupId, Moment};
use crate::observe::fact::{Phase, Sighting};
use crate::observe::window::WindowReport;

/// Class of findings of the rate model.
pub(super) const RATES_CLASS: Class = Class::Resource;

/// Class of findings of lost events.
pub(super) const LOSS_CLASS: Class = Class::Sensor;

fn baseline_ref(baseline: &Baseline) -> BaselineRef {
    let Totals {
        seconds,
        requests,
        replicas,
        lost,
        ..
    } = baseline.exposure();
    BaselineRef {
        id: baseline.id(),
        version: baseline.version(),
        container_seconds: seconds,
        requests,
        replicas,
        events_lost: lost,
    }
}

/// A finding about a sighting, with what every such finding has; the caller says the rest.
fn about(
    baseline: &Baseline,
    cgroup: CgroupId,
    sighting: &Sighting,
    severity: Severity,
) -> Finding {
    Finding {
        cgroup,
        key: baseline.key.clone(),
        at: sighting.at,
        class: Class::Sensor,
        severity,
        method: Method::Novelty,
        phase: sighting.phase,
        score: 0.0,
        threshold: REPORTED_FROM,
        feature: sighting.fact.family.name().to_owned(),
        title: String::new(),
        observed: wording::observed(sighting),
        raw: sighting.raw.clone(),
        expected: String::new(),
        contributions: Vec::new(),
        baseline: baseline_ref(baseline),
        process: (sighting.process.pid != 0).then(|| sighting.process.clone()),
        ancestry: sighting.ancestry.clone(),
        techniques: Vec::new(),
        next_step: String::new(),
        lost_events: 0,
        suppressed: 0,
    }
}

pub(super) fn never_learnable(
    baseline: &Baseline,
    cgroup: CgroupId,
    kind: Kind,
    sighting: &Sighting,
) -> Finding {
    let profile = kind.profile(sighting);
    // Such facts are not scored: they have the score at which their severity begins.
    let score = begins_at(profile.severity);
    Finding {
        class: profile.class,
        method: Method::NeverLearnable,
        score,
        title: wording::never_learn_title(kind, sighting),
        expected: format!(
            "never, whatever was learned, unless the operator allows it ({}): {}",
            kind.name(),
            profile.why
        ),
        contributions: vec![Contribution {
            name: kind.name().to_owned(),
            value: score,
            reason: profile.why.to_owned(),
        }],
        techniques: named(profile.techniques),
        next_step: profile.next_step.to_owned(),
        ..about(baseline, cgroup, sighting, profile.severity)
    }
}

pub(super) fn novelty(
    baseline: &Baseline,
    cgroup: CgroupId,
    sighting: &Sighting,
    category: Category,
    severity: Severity,
    assessment: Assessment,
    elsewhere: Option<Phase>,
) -> Finding {
    let profile = category.profile();
    let (phase, family) = (sighting.phase, sighting.fact.family);
    Finding {
        class: profile.class,
        score: assessment.score,
        title: wording::novelty_title(category, sighting),
        expected: wording::novelty_expected(baseline, phase, family, elsewhere),
        contributions: assessment.contributions,
        techniques: named(profile.techniques),
        next_step: profile.next_step.to_owned(),
        ..about(baseline, cgroup, sighting, severity)
    }
}

/// The evidence behind a verdict on rates.
pub(super) struct Judged {
    pub(super) phase: Phase,
    pub(super) nats: f64,
    pub(super) limit: f64,
}

pub(super) fn rates(
    baseline: &Baseline,
    cgroup: CgroupId,
    at: Moment,
    judged: &Judged,
    severity: Severity,
    verdict: &Verdict,
    names: &[&str],
) -> Finding {
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
    let phase = judged.phase;
    let totals = baseline.phases.get(&phase).map(|p| p.exposure.totals());
    Finding {
        cgroup,
        key: baseline.key.clone(),
        at,
        class: RATES_CLASS,
        severity,
        method: Method::Rates,
        phase,
        score: judged.nats,
        threshold: judged.limit,
        feature: "rates".to_owned(),
        title: format!("behaviour per unit of load changed: {first}"),
        observed: sentences.join(", "),
        raw: String::new(),
        expected: format!(
            "proportions as in {}; these are {:.1} times as far out as the farthest of them, for several windows",
            wording::evidence(&totals.unwrap_or_default()),
            verdict.excess.sqrt()
        ),
        contributions: verdict
            .reasons
            .iter()
            .map(|share| Contribution {
                name: name(share),
                value: share.share,
                reason: format!("{} its usual value", wording::times(share.difference)),
            })
            .collect(),
        baseline: baseline_ref(baseline),
        process: None,
        ancestry: Vec::new(),
        techniques: named(&[technique::RESOURCE_HIJACKING, technique::ATLAS_COST]),
        next_step: "See which proportion changed and whether a release or another kind of request explains it; more \
                    CPU per request points to foreign work, more bytes out per byte in to data leaving."
            .to_owned(),
        lost_events: 0,
        suppressed: 0,
    }
}

pub(super) fn loss(
    baseline: &Baseline,
    cgroup: CgroupId,
    report: &WindowReport,
    severity: Severity,
) -> Finding {
    let score = begins_at(severity);
    let lost = report.lost_events;
    let observed = format!(
        "{lost} events lost within {:.0} s, {} of them beyond the container's own share",
        report.length_ns as f64 / 1e9,
        report.lost_to_quota
    );
    Finding {
        cgroup,
        key: baseline.key.clone(),
        at: report.end,
        class: LOSS_CLASS,
        severity,
        method: Method::Loss,
        phase: report.phase.unwrap_or(Phase::Serve),
        score,
        threshold: REPORTED_FROM,
        feature: "events_lost".to_owned(),
        title: format!(
            "events of this container were lost: {lost}; what it did meanwhile was not all seen"
        ),
        observed,
        raw: String::new(),
        expected: "every event delivered".to_owned(),
        contributions: vec![Contribution {
            name: "events_lost".to_owned(),
            value: score,
            reason: "what is not delivered is not judged, and a flood can hide a deed".to_owned(),
        }],
        baseline: baseline_ref(baseline),
        process: None,
        ancestry: Vec::new(),
        techniques: Vec::new(),
        next_step: "See in the container's counters what it did so often, and take what other logs say of that time \
                    as incomplete here; if the load is real, events of it will be lost again."
            .to_owned(),
        lost_events: 0,
        suppressed: 0,
    }
}
