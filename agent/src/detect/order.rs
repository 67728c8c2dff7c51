//! The layer of order: things that are ordinary one by one, and not one after the other.
//!
//! Every sighting that is a dangerous step is paired with the steps of the same line of processes shortly before it,
//! and with what came over the network. Pairs that were learned are silent; a pair never seen is a claim whose danger is
//! that of the pair.
//!
//! The kernel reports a thing once per container and phase of its life. A step that is repeated is therefore seen only
//! the first time, and a pair whose second step is an old habit is not seen at all.

mod danger;
mod network;
mod reads;

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use network::Network;
use reads::Reads;

use super::claim::{At, Claim};
use super::danger::{Category, added};
use super::finding::Method;
use super::wording::{self, quoted};
use crate::baseline::hash::hash64;
use crate::baseline::knowledge::Knowledge;
use crate::baseline::model::{Baseline, PhaseBaseline};
use crate::baseline::orders::{Pair, Step};
use crate::baseline::quantity::{counted, duration};
use crate::observe::event::Moment;
use crate::observe::fact::{Family, Origin, Phase, Sighting};
use crate::observe::window::WindowReport;

/// Steps further apart than this are not one after the other.
const WITHIN_NS: u64 = 300_000_000_000;

/// So long a model file that is read again waits for what may be the reason: who reloads reads some files before others are
/// fetched.
const REASON_COMES_NS: u64 = 60_000_000_000;

/// Steps, files written, and pairs that wait for the end of their window, of one container.
const MOST: usize = 64;

/// Pairs of a container that were told, so that they are told once.
const MOST_TOLD: usize = 256;

/// How many months of learning the prior is worth.
const PRIOR_MONTHS: f64 = 1.0;

const SECONDS_PER_MONTH: f64 = 30.0 * 86_400.0;

/// A step that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Taken {
    at: Moment,
    step: Step,
    /// The process and its ancestors.
    line: Vec<u32>,
    /// The raw value: path, address.
    raw: String,
}

/// One step after another, to be judged when the window ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Noticed {
    /// What came first; `None` where the network is to tell.
    before: Option<Taken>,
    after: Step,
    sighting: Sighting,
    /// Of a model file that is read: when this process read it before.
    #[serde(default)]
    last_read: Option<Moment>,
    /// Its family learned while it waited.
    #[serde(default)]
    learned: bool,
}

/// The layer's memory of one container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Watch {
    taken: VecDeque<Taken>,
    /// Files written, apart, as a server may write so many that they would crowd out all else.
    written: VecDeque<Taken>,
    noticed: Vec<Noticed>,
    /// Model files that were read again, and wait for a reason.
    reread: Vec<Noticed>,
    reads: Reads,
    network: Network,
    told: BTreeSet<u64>,
}

impl Watch {
    /// Takes a sighting. What the runtime did, as an operator's command, stands in no order with the server's deeds.
    pub fn sighting(&mut self, sighting: &Sighting) {
        if sighting.fact.origin == Origin::Runtime {
            return;
        }
        let last_read = is_model_read(sighting)
            .then(|| self.reads.note(sighting.process.pid, &sighting.raw))
            .flatten();
        let Some(step) = step(sighting) else {
            return;
        };
        // A worker that was just started reads the model for itself, once.
        if step == Step::ModelRead && last_read.is_none() && is_young(sighting) {
            return;
        }
        let line = line(sighting);
        let before = self.taken.iter().chain(&self.written).filter(|taken| {
            sighting.at.since(taken.at) <= WITHIN_NS
                && danger::of(taken.step, step).is_some()
                && follows(taken, sighting, step, &line)
        });
        let of_network = matches!(step, Step::ModelWrite | Step::ModelRead | Step::Exec);
        let noticed: Vec<_> = before
            .map(Some)
            .chain(of_network.then_some(None))
            .map(|before| Noticed {
                before: before.cloned(),
                after: step,
                sighting: sighting.clone(),
                last_read,
                learned: false,
            })
            .collect();
        let queue = match step {
            Step::ModelRead => &mut self.reread,
            _ => &mut self.noticed,
        };
        let room = MOST.saturating_sub(queue.len());
        queue.extend(noticed.into_iter().take(room));
        let queue = match step {
            Step::Write => &mut self.written,
            Step::ModelWrite | Step::SecretRead => &mut self.taken,
            // What never comes first in a pair must not crowd out what does.
            _ => return,
        };
        let taken = Taken {
            at: sighting.at,
            step,
            line,
            raw: sighting.raw.clone(),
        };
        remember(queue, taken);
    }

    /// Takes a file written again, by this process and its ancestors: what [`Watch::sighting`] does with one.
    pub fn written_again(&mut self, at: Moment, line: impl Iterator<Item = u32>, raw: &str) {
        let is_full = self.written.len() >= MOST;
        // What gives way lends its memory, as a server may write often.
        let lent = self.written.pop_front_if(|_| is_full);
        let mut taken = lent.unwrap_or_else(|| Taken {
            at,
            step: Step::Write,
            line: Vec::new(),
            raw: String::new(),
        });
        taken.at = at;
        taken.line.clear();
        taken.line.extend(line);
        raw.clone_into(&mut taken.raw);
        remember(&mut self.written, taken);
    }

    /// Whether a contact now would be the second step of a pair.
    pub fn awaits_contact(&self, at: Moment) -> bool {
        self.taken.iter().any(|taken| {
            at.since(taken.at) <= WITHIN_NS && danger::of(taken.step, Step::Connect).is_some()
        })
    }

    /// Takes one window: what was noticed in it is learned where its family learns, and judged otherwise.
    pub fn window(
        &mut self,
        baseline: &mut Baseline,
        at: At<'_>,
        report: &WindowReport,
    ) -> Vec<Claim> {
        self.network.window(report);
        let replica = hash64(&[at.replica.as_bytes()]);
        let mut claims = Vec::new();
        for read in &mut self.reread {
            let Sighting { phase, fact, .. } = &read.sighting;
            read.learned |= !baseline.judges(*phase, fact.family);
        }
        let end = report.end;
        let is_due = |read: &mut Noticed| end.since(read.sighting.at) >= REASON_COMES_NS;
        let mut due = std::mem::take(&mut self.noticed);
        due.extend(self.reread.extract_if(.., is_due));
        for noticed in due {
            let Some(before) = self.before(&noticed) else {
                continue;
            };
            let pair = Pair {
                before,
                after: noticed.after,
                value: value(noticed.after, &noticed.sighting),
            };
            let Sighting { phase, fact, .. } = &noticed.sighting;
            let known = baseline.phases.values().any(|p| p.orders.knows(&pair));
            if noticed.learned || !baseline.judges(*phase, fact.family) {
                let here = baseline.phases.entry(*phase).or_default();
                here.orders.note(&pair, replica);
                continue;
            }
            // A program that is started again and again comes some time after a request of any kind, too.
            let is_habit = pair.before == Step::OddRequest
                && baseline.knows(&noticed.sighting) == Knowledge::Here;
            if known || is_habit {
                continue;
            }
            let identity = identity(&pair);
            if self.told.len() < MOST_TOLD && self.told.insert(identity) {
                claims.extend(claim(baseline, &pair, &noticed, identity));
            }
        }
        self.reads.window(report.end);
        claims
    }

    /// What came before: the step itself, or what the network says.
    fn before(&self, noticed: &Noticed) -> Option<Step> {
        if let Some(taken) = &noticed.before {
            return Some(taken.step);
        }
        let at = noticed.sighting.at;
        match noticed.after {
            // A file that was written, or fetched, since it was read last is the reason to read it again.
            Step::ModelRead => {
                let is_new = |what: Moment| noticed.last_read.is_none_or(|last| what > last);
                let wrote = |t: &Taken| {
                    t.step == Step::ModelWrite && at.since(t.at) <= WITHIN_NS && is_new(t.at)
                };
                (!self.taken.iter().any(wrote)).then(|| self.network.cause(at, noticed.last_read))
            }
            Step::ModelWrite => Some(self.network.cause_of_write(at)),
            Step::Exec => self.network.is_odd(at).then_some(Step::OddRequest),
            _ => None,
        }
    }
}

fn remember(queue: &mut VecDeque<Taken>, taken: Taken) {
    queue.push_back(taken);
    while queue.len() > MOST {
        queue.pop_front();
    }
}

/// Whether nothing is remembered of a sighting; of a contact, as long as none is awaited. Of a file written it is what
/// [`Watch::written_again`] takes, and nothing else, as no pair ends with one.
#[must_use]
pub fn leaves_no_trace(sighting: &Sighting) -> bool {
    !is_model_read(sighting)
        && step(sighting).is_none_or(|step| matches!(step, Step::Connect | Step::Write))
}

/// The step that a sighting is, if it is one.
fn step(sighting: &Sighting) -> Option<Step> {
    let marks = &sighting.marks;
    let serves = matches!(sighting.phase, Phase::WarmUp | Phase::Serve | Phase::Reload);
    Some(match sighting.fact.family {
        Family::FileRead if marks.secret_file => Step::SecretRead,
        Family::FileRead if marks.model_file && serves => Step::ModelRead,
        Family::FileWrite | Family::FileChange if marks.model_file => Step::ModelWrite,
        Family::FileWrite => Step::Write,
        Family::Executable => Step::Exec,
        Family::CodeMap if marks.not_from_image => Step::CodeMap,
        Family::Endpoint if !marks.loopback => Step::Connect,
        Family::DnsName => Step::Dns,
        _ => return None,
    })
}

fn is_model_read(sighting: &Sighting) -> bool {
    sighting.fact.family == Family::FileRead && sighting.marks.model_file
}

/// Whether the process was started a short while ago.
fn is_young(sighting: &Sighting) -> bool {
    let started = sighting.process.started;
    started.is_some_and(|started| sighting.at.since(started) <= WITHIN_NS)
}

/// The process and its ancestors; empty when no process is known.
fn line(sighting: &Sighting) -> Vec<u32> {
    let processes = std::iter::once(&sighting.process).chain(&sighting.ancestry);
    processes.map(|p| p.pid).filter(|pid| *pid != 0).collect()
}

/// Whether a step is of the same line of processes as an earlier one, and of the same file where one file is meant.
fn follows(taken: &Taken, sighting: &Sighting, step: Step, line: &[u32]) -> bool {
    let ancestor = |of: &[u32], who: &[u32]| who.first().is_none_or(|pid| of.contains(pid));
    match (taken.step, step) {
        (Step::Write | Step::ModelWrite, Step::Exec) => {
            let process = &sighting.process;
            [&process.exe, &process.script].contains(&&taken.raw)
        }
        (Step::Write | Step::ModelWrite, Step::CodeMap) => taken.raw == sighting.raw,
        _ => ancestor(line, &taken.line) || ancestor(&taken.line, line),
    }
}

fn value(step: Step, sighting: &Sighting) -> String {
    match step {
        Step::Connect | Step::Dns | Step::Exec | Step::CodeMap => sighting.fact.value.clone(),
        _ => String::new(),
    }
}

fn identity(pair: &Pair) -> u64 {
    let before = danger::name(pair.before);
    let after = danger::name(pair.after);
    hash64(&[
        b"order",
        before.as_bytes(),
        after.as_bytes(),
        pair.value.as_bytes(),
    ])
}

fn claim(baseline: &Baseline, pair: &Pair, noticed: &Noticed, identity: u64) -> Option<Claim> {
    let sighting = &noticed.sighting;
    let mut profile = danger::of(pair.before, pair.after)?;
    let is_aside = pair.after == Step::ModelWrite
        && added(Category::ModelWrite, baseline, sighting) == Category::FurtherModel;
    if is_aside && profile.danger > danger::MODEL_ASIDE.danger {
        profile = &danger::MODEL_ASIDE;
    }
    let none = PhaseBaseline::default();
    let here = baseline.phases.get(&sighting.phase).unwrap_or(&none);
    if here.orders.is_full() {
        return None;
    }
    let (all, once) = here.orders.alike(pair);
    let seconds = here.exposure.totals().seconds;
    let months = seconds as f64 / SECONDS_PER_MONTH;
    let prior = danger::prior_per_month(pair.before, pair.after);
    let per_month = (prior * PRIOR_MONTHS + once as f64) / (PRIOR_MONTHS + months);
    let first = match &noticed.before {
        Some(taken) => format!("{} ({})", danger::words(pair.before), quoted(&taken.raw)),
        None => danger::words(pair.before).to_owned(),
    };
    let after = format!("{}: {}", danger::words(pair.after), quoted(&sighting.raw));
    Some(Claim {
        identity,
        danger: (profile.danger, profile.why.to_owned()),
        false_per_month: (
            per_month,
            format!(
                "{} of this kind seen once in {} of learning, and a prior of {prior} new ones a month",
                counted(once, "order"),
                duration(seconds)
            ),
        ),
        feature: format!(
            "{}_then_{}",
            danger::name(pair.before),
            danger::name(pair.after)
        ),
        title: format!(
            "{}: first {first}, then {after}",
            wording::subject(&sighting.process)
        ),
        observed: format!("{first}, then {after}"),
        expected: format!(
            "none of {} of this kind was this one in the {} phase",
            counted(all, "order"),
            sighting.phase.name()
        ),
        techniques: profile.techniques,
        next_step: profile.next_step,
        ..Claim::about(sighting, Method::Order, profile.class)
    })
}

#[cfg(test)]
mod tests;
