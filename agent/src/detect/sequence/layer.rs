//! The layer of sequences: pairs and triples of calls that no thread made before, when many come up at once.
//!
//! A rarely taken path of the program brings a few, and another program brings many. One alone is evidence for who
//! looks into it, but no claim. How long none came and how many came at once says how rare that is; how the window
//! scores beside learned ones, the ordinary calls that it lacks included, makes it rarer or more ordinary.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::SequenceModel;
use crate::baseline::bags::{Bag, Bags};
use crate::baseline::hash::hash64;
use crate::baseline::model::Baseline;
use crate::baseline::quantity::counted;
use crate::baseline::surprises::Chance;
use crate::detect::claim::{At, Claim};
use crate::detect::evidence::windows_per_month;
use crate::detect::finding::{Class, Contribution, Method};
use crate::detect::technique;
use crate::observe::event::CgroupId;
use crate::observe::fact::{Fact, Family, Origin, Phase, ProcessInfo, Sighting};
use crate::observe::syscall;
use crate::observe::window::WindowReport;

/// New sequences in a window from which on there is a claim.
const LEAST: u32 = 8;

/// A claim that ordinary behaviour makes more often than this in a container and month is none: the sequences are part
/// of what is still being discovered.
const OFTEN: f64 = 30.0;

/// After a claim, a container makes no other for this long.
const COOL_DOWN_S: i64 = 3600;

/// Sequences named in a claim.
const NAMED: usize = 5;

/// The highest score, nats: the order of calls does not say what was done.
const MOST: f64 = 7.5;

/// What is remembered of one container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// New sequences since the last window, all of whose calls are known.
    fresh: u32,
    /// Of these, pairs.
    #[serde(default)]
    fresh_pairs: u32,
    /// The first of them.
    named: Vec<String>,
    /// Who made the first of them.
    process: Option<ProcessInfo>,
    ancestry: Vec<ProcessInfo>,
    quiet_until_s: i64,
}

impl Watch {
    /// What came since the last window; what is to outlast it stays.
    fn take(&mut self) -> Self {
        let quiet_until_s = self.quiet_until_s;
        let left = Self {
            quiet_until_s,
            ..Self::default()
        };
        std::mem::replace(self, left)
    }
}

/// How a window looks beside those learned.
struct Beside {
    /// Share of learned windows that would score as high with as many new pairs.
    share: f64,
    /// Windows learned.
    windows: usize,
    /// Calls that most windows composed alike make and this one does not, with the share that does.
    lacking: Vec<(u16, f64)>,
}

impl Beside {
    /// `None` where too few windows were learned, or the window's calls are not known.
    fn of(bags: &Bags, report: &WindowReport, new_pairs: u32) -> Option<Self> {
        let bag = Bag::of(report.calls.as_deref()?, new_pairs);
        let learned = bags.in_order();
        let model = SequenceModel::fit(&learned)?;
        let mut lacking = model.lacking(&bag);
        lacking.truncate(NAMED);
        Some(Self {
            share: model.share_as_high(&bag),
            windows: learned.len(),
            lacking,
        })
    }

    /// How many times more the window speaks against ordinary behaviour than for it: the evidence of a p-value, whose
    /// mean is 1 over ordinary windows (Vovk and Wang 2021), so that what the view says by chance adds no claims.
    fn evidence(&self) -> f64 {
        0.5 / self.share.sqrt()
    }
}

/// The layer. Its memory is bounded per container; [`SequenceLayer::forget`] those gone.
#[derive(Debug, Default)]
pub struct SequenceLayer {
    watches: BTreeMap<CgroupId, Watch>,
}

impl SequenceLayer {
    /// Notes a sequence that the baseline did not hold. Those that came through the runtime are what an operator did,
    /// and those with a call that is new itself are told of by that call: they do not count.
    pub fn arrived(&mut self, baseline: &Baseline, cgroup: CgroupId, sighting: &Sighting) {
        let Sighting { phase, fact, .. } = sighting;
        if fact.origin != Origin::Server || !knows_calls(baseline, *phase, fact) {
            return;
        }
        let watch = self.watches.entry(cgroup).or_default();
        watch.fresh = watch.fresh.saturating_add(1);
        let is_pair = calls_of(fact).count() == 2;
        watch.fresh_pairs = watch.fresh_pairs.saturating_add(u32::from(is_pair));
        if watch.named.len() < NAMED {
            watch.named.push(fact.value.clone());
        }
        if watch.process.is_none() && sighting.process.pid != 0 {
            watch.process = Some(sighting.process.clone());
            watch.ancestry.clone_from(&sighting.ancestry);
        }
    }

    /// Ends a window, whose exposure the baseline holds already.
    pub fn window(
        &mut self,
        baseline: &mut Baseline,
        at: At<'_>,
        report: &WindowReport,
    ) -> Option<Claim> {
        let watch = self.watches.get_mut(&at.cgroup);
        let seen = watch.map(Watch::take).unwrap_or_default();
        // Where the phase changed within the window, nobody can say what these belong to.
        let phase = report.phase?;
        let judged = baseline.judges(phase, Family::Sequence);
        let frozen = baseline.is_frozen();
        let known = baseline
            .family(phase, Family::Sequence)
            .map_or(0, |family| family.facts.len());
        let here = baseline.phases.get_mut(&phase)?;
        if judged && seen.fresh >= LEAST {
            let chance = here.surprises.chance(seen.fresh, &here.exposure);
            let beside = Beside::of(&here.bags, report, seen.fresh_pairs);
            let evidence = beside.as_ref().map_or(1.0, Beside::evidence);
            let seconds = report.length_ns as f64 / 1e9;
            let per_month = chance.of_window * windows_per_month(seconds) / evidence;
            if per_month <= OFTEN {
                if at.now_s < seen.quiet_until_s {
                    return None;
                }
                let watch = self.watches.entry(at.cgroup).or_default();
                watch.quiet_until_s = at.now_s.saturating_add(COOL_DOWN_S);
                return Some(claim(report, phase, seen, known, chance, beside, per_month));
            }
        }
        // What was claimed is not taken for ordinary: nobody can make room for more by doing a lot.
        if !frozen {
            if seen.fresh > 0 {
                let replica = hash64(&[at.replica.as_bytes()]);
                here.surprises.note(replica, seen.fresh, &here.exposure);
            }
            if let Some(calls) = &report.calls {
                here.bags
                    .offer(at.replica, report.end, calls, seen.fresh_pairs);
            }
        }
        None
    }

    /// Drops the state of a container that is gone.
    pub fn forget(&mut self, cgroup: CgroupId) {
        self.watches.remove(&cgroup);
    }

    /// What is remembered of a container.
    #[must_use]
    pub fn remembered(&self, cgroup: CgroupId) -> Option<Watch> {
        self.watches.get(&cgroup).cloned()
    }

    /// Goes on with a container from what was remembered of it.
    pub fn resume(&mut self, cgroup: CgroupId, watch: Watch) {
        self.watches.insert(cgroup, watch);
    }
}

/// The calls of a sequence, by name.
fn calls_of(sequence: &Fact) -> impl Iterator<Item = &str> {
    sequence.value.split(" > ")
}

/// Whether each call of a sequence is part of a learned one.
fn knows_calls(baseline: &Baseline, phase: Phase, sequence: &Fact) -> bool {
    let calls = baseline.family(phase, Family::Syscall);
    calls_of(sequence).all(|call| {
        let call = Fact {
            family: Family::Syscall,
            origin: sequence.origin,
            value: call.to_owned(),
        };
        calls.is_some_and(|calls| calls.facts.get(&call).is_some())
    })
}

fn claim(
    report: &WindowReport,
    phase: Phase,
    seen: Watch,
    known: usize,
    chance: Chance,
    beside: Option<Beside>,
    per_month: f64,
) -> Claim {
    let number = seen.fresh;
    let seconds = report.length_ns as f64 / 1e9;
    let quiet = counted(chance.quiet_windows as u64, "window");
    let surprises = counted(u64::from(chance.surprises), "time");
    let beside_said = beside.as_ref().map_or_else(String::new, |beside| {
        format!(
            "; of {} learned, {:.0} % would look as odd with as many new ones",
            counted(beside.windows as u64, "window"),
            100.0 * beside.share
        )
    });
    let mut reasons = vec![Contribution {
        name: "new_sequences".to_owned(),
        value: f64::from(number),
        reason: format!("{number} in one window, all of calls that are known one by one"),
    }];
    let lacking = beside.into_iter().flat_map(|beside| beside.lacking);
    reasons.extend(lacking.map(|(call, share)| Contribution {
        name: "missing_call".to_owned(),
        value: share,
        reason: format!(
            "no {}, which {:.0} % of the learned windows make that are composed most alike",
            syscall::name(call),
            100.0 * share
        ),
    }));
    let by = match &seen.process {
        Some(process) if !process.comm.is_empty() => format!(", the first by {}", process.comm),
        _ => String::new(),
    };
    Claim {
        identity: hash64(&[b"sequence", phase.name().as_bytes()]),
        danger: (
            2.0,
            "known calls in an order never used are another program, or a known one put to other use"
                .to_owned(),
        ),
        false_per_month: (
            per_month,
            format!(
                "new ones came up last {quiet} ago, and {surprises} after a quiet time; so many at once are taken to be \
                 as rare as they are many, until more is known{beside_said}"
            ),
        ),
        most: Some((MOST, "the order of calls does not say what was done".to_owned())),
        feature: "sequence".to_owned(),
        title: format!("{number} short sequences of system calls never made before{by}"),
        observed: format!(
            "within {seconds:.0} s {number} new pairs and triples of successive calls of one thread, among them {}",
            seen.named.join("; ")
        ),
        expected: format!(
            "one of {} learned, and none new for {quiet}",
            counted(known as u64, "sequence")
        ),
        reasons,
        process: seen.process,
        ancestry: seen.ancestry,
        techniques: &[technique::NATIVE_API],
        next_step: "See which program made them, and whether it is new, was replaced, or served a request of an unusual \
                    kind at that time.",
        ..Claim::about_window(Method::Sequence, Class::Sequence, report.end, phase)
    }
}

#[cfg(test)]
mod tests;
