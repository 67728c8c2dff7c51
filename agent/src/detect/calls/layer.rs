//! The layer of calls: one model per baseline and phase, judged window by window.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CallExcess, CallModel, CallVerdict};
use crate::baseline::hash::hash64;
use crate::baseline::learning::State;
use crate::baseline::model::Baseline;
use crate::detect::claim::{At, Claim, counts_alone};
use crate::detect::evidence::windows_per_month;
use crate::detect::finding::{Class, Contribution, Method};
use crate::detect::technique;
use crate::detect::wording;
use crate::observe::event::CgroupId;
use crate::observe::fact::Phase;
use crate::observe::window::WindowReport;
use crate::observe::{features, syscall};

/// After a claim about its calls, a container's make no other for this long, unless [`MUCH_MORE`] is to be said.
const COOL_DOWN_S: i64 = 3600;

/// A claim follows another at once when it scores so many nats more.
const MUCH_MORE: f64 = 1.0;

/// A model is made anew after so many windows learned, so that its cost does not grow with their number.
const REFIT_WINDOWS: u32 = 64;

/// Calls named in a claim.
const NAMED: usize = 5;

/// What is remembered of one container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// Baseline it was last judged against.
    baseline: String,
    quiet_until_s: i64,
    /// Score of the last claim, nats.
    claimed: f64,
}

#[derive(Debug)]
struct Fitted {
    model: Option<CallModel>,
    /// Windows learned since.
    fresh: u32,
}

/// The layer. Its memory is bounded per container; [`CallLayer::forget`] those gone.
#[derive(Debug, Default)]
pub struct CallLayer {
    models: BTreeMap<(String, Phase), Fitted>,
    watches: BTreeMap<CgroupId, Watch>,
}

impl CallLayer {
    /// Takes one window whose phase is certain: learns it while the baseline learns, judges it afterwards.
    pub fn window(
        &mut self,
        baseline: &mut Baseline,
        at: At<'_>,
        report: &WindowReport,
        phase: Phase,
    ) -> Option<Claim> {
        let calls = report.calls.as_deref()?;
        let id = baseline.id();
        let watch = self.watches.entry(at.cgroup).or_default();
        watch.baseline.clone_from(&id);
        let here = baseline.phases.entry(phase).or_default();
        let fit = |peaks| Fitted {
            model: CallModel::fit(peaks, features::is_work),
            fresh: 0,
        };
        let fitted = self
            .models
            .entry((id, phase))
            .or_insert_with(|| fit(&here.calls));
        if fitted.fresh >= REFIT_WINDOWS {
            *fitted = fit(&here.calls);
        }
        let learned = here.exposure.totals().windows;
        let state = baseline.state();
        if state != State::Learning
            && let Some(model) = &fitted.model
        {
            let verdict = telling(model, model.judge(calls, report.length_ns));
            if verdict.nats() > model.reach() {
                if at.now_s < watch.quiet_until_s && verdict.nats() < watch.claimed + MUCH_MORE {
                    return None;
                }
                watch.claimed = verdict.nats();
                watch.quiet_until_s = at.now_s.saturating_add(COOL_DOWN_S);
                return Some(claim(baseline, report, phase, model, &verdict, learned));
            }
        }
        if state != State::Frozen {
            let here = baseline.phases.entry(phase).or_default();
            here.calls.learn(
                at.replica,
                report.end,
                report.length_ns,
                calls,
                features::is_work,
            );
            fitted.fresh = fitted.fresh.saturating_add(1);
        }
        None
    }

    /// Learns one window whose phase is certain, whatever the baseline's state.
    pub fn learn(
        &mut self,
        baseline: &mut Baseline,
        at: At<'_>,
        report: &WindowReport,
        phase: Phase,
    ) {
        let Some(calls) = report.calls.as_deref() else {
            return;
        };
        let id = baseline.id();
        self.watches
            .entry(at.cgroup)
            .or_default()
            .baseline
            .clone_from(&id);
        let here = baseline.phases.entry(phase).or_default();
        let (end, length_ns) = (report.end, report.length_ns);
        let is_work = features::is_work;
        here.calls.learn(at.replica, end, length_ns, calls, is_work);
        if let Some(fitted) = self.models.get_mut(&(id, phase)) {
            fitted.fresh = fitted.fresh.saturating_add(1);
        }
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
        self.models.retain(|(id, _), _| id != baseline);
    }

    /// Drops the state of a container that is gone.
    pub fn forget(&mut self, cgroup: CgroupId) {
        self.watches.remove(&cgroup);
        let used = |id: &str| self.watches.values().any(|watch| watch.baseline == id);
        self.models.retain(|(id, _), _| used(id));
    }
}

/// Without the calls never made before: their first use is a fact, of which the layer of novelties tells.
fn telling(model: &CallModel, mut verdict: CallVerdict) -> CallVerdict {
    verdict.excesses.retain(|excess| model.knows(excess.call));
    verdict
}

fn claim(
    baseline: &Baseline,
    report: &WindowReport,
    phase: Phase,
    model: &CallModel,
    verdict: &CallVerdict,
    learned: u64,
) -> Claim {
    let sentence = |excess: &CallExcess| {
        let (name, calls, most) = (syscall::name(excess.call), excess.calls, excess.most);
        format!("{name} {calls} times, {most:.0} at most before")
    };
    let named: Vec<_> = verdict.excesses.iter().take(NAMED).collect();
    let sentences: Vec<_> = named.iter().map(|excess| sentence(excess)).collect();
    let first = sentences.first().cloned().unwrap_or_default();
    let seconds = report.length_ns as f64 / 1e9;
    let totals = baseline.phases.get(&phase).map(|p| p.exposure.totals());
    let per_window = model.false_per_window(verdict.nats(), learned);
    Claim {
        identity: hash64(&[b"calls", phase.name().as_bytes()]),
        danger: (
            1.0,
            "a program that does what it always did does not begin to call the kernel differently"
                .to_owned(),
        ),
        false_per_month: (
            per_window * windows_per_month(seconds),
            format!(
                "parts of the learned windows held against the others exceeded them by {:.1} nats at most",
                model.largest
            ),
        ),
        feature: "calls".to_owned(),
        most: counts_alone(),
        title: format!("system calls beyond anything learned: {first}"),
        observed: format!("within {seconds:.0} s: {}", sentences.join("; ")),
        expected: format!(
            "at most what was seen in {}, in number and per unit of work, with {:.1} times as room",
            wording::evidence(&totals.unwrap_or_default()),
            model.reach().exp()
        ),
        reasons: named
            .iter()
            .map(|excess| Contribution {
                name: syscall::name(excess.call).into_owned(),
                value: excess.nats,
                reason: sentence(excess),
            })
            .collect(),
        techniques: &[technique::NATIVE_API],
        next_step: "See which processes made these calls (the container's busiest threads, new programs, new files) \
                    and whether a request of an unusual kind explains them.",
        ..Claim::about_window(Method::Calls, Class::Syscall, report.end, phase)
    }
}
