//! In what two baselines differ: facts gained and lost with the evidence behind them, and proportions that moved.

use std::collections::BTreeSet;

use serde::Serialize;

use super::exposure::Totals;
use super::facts::Seen;
use super::model::Baseline;
use crate::observe::fact::{Fact, Family, Origin, Phase};

/// Rows of a phase below which its proportions are not compared.
const MIN_ROWS: usize = 30;

/// A proportion has moved when its median lies farther from the other one than most of either's values do from their
/// own, and by at least a quarter (nats).
const LEAST_SHIFT: f64 = 0.22;

/// In what two baselines differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diff {
    /// The one before.
    pub before: Side,
    /// The one after.
    pub after: Side,
    /// Facts that only one of them holds, by family and phase.
    pub facts: Vec<Change>,
    /// Proportions that moved.
    pub rates: Vec<Shift>,
}

/// One of the two, with how much stands behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Side {
    /// Id.
    pub id: String,
    /// Image digest or id.
    pub image_digest: String,
    /// Version.
    pub version: u64,
    /// Container-seconds observed.
    pub container_seconds: u64,
    /// Requests observed.
    pub requests: u64,
    /// Containers observed.
    pub replicas: u64,
    /// Events lost.
    pub events_lost: u64,
}

/// A fact that only one of the two holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Family.
    pub family: Family,
    /// Phase.
    pub phase: Phase,
    /// Only the one after holds it; otherwise only the one before.
    pub gained: bool,
    /// Who did it.
    pub origin: Origin,
    /// The fact.
    pub value: String,
    /// The other one holds it in another phase.
    pub elsewhere: bool,
    /// How often it was seen.
    pub seen: u64,
    /// On how many replicas, of those remembered for one fact.
    pub replicas: usize,
    /// First seen, Unix seconds.
    pub first_s: i64,
    /// Last seen, Unix seconds.
    pub last_s: i64,
    /// What makes it dangerous, in a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub danger: Option<String>,
}

/// A proportion that moved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shift {
    /// Phase.
    pub phase: Phase,
    /// Name of the feature.
    pub feature: String,
    /// How many times its former median it is now.
    pub times: f64,
    /// Windows behind the former and the present median.
    pub windows: [usize; 2],
}

/// Compares two baselines; `features` names the columns of their feature rows.
#[must_use]
pub fn diff(before: &Baseline, after: &Baseline, features: &[&str]) -> Diff {
    let mut facts = changes(before, after, false);
    facts.extend(changes(after, before, true));
    facts.sort_by(|a, b| {
        let order = |c: &Change| (c.family, !c.gained, c.phase);
        order(a).cmp(&order(b)).then_with(|| a.value.cmp(&b.value))
    });
    Diff {
        before: side(before),
        after: side(after),
        facts,
        rates: shifts(before, after, features),
    }
}

/// The facts that `one` holds in a phase and `other` does not.
fn changes(one: &Baseline, other: &Baseline, gained: bool) -> Vec<Change> {
    let mut changes = Vec::new();
    for (phase, family) in one.families() {
        for (fact, seen) in family.facts.iter() {
            if !holds(other, phase, fact) {
                let elsewhere = Phase::ALL.iter().any(|phase| holds(other, *phase, fact));
                changes.push(change(phase, fact, seen, gained, elsewhere));
            }
        }
    }
    changes
}

fn holds(baseline: &Baseline, phase: Phase, fact: &Fact) -> bool {
    let family = baseline.family(phase, fact.family);
    family.is_some_and(|family| family.facts.get(fact).is_some())
}

fn change(phase: Phase, fact: &Fact, seen: &Seen, gained: bool, elsewhere: bool) -> Change {
    Change {
        family: fact.family,
        phase,
        gained,
        origin: fact.origin,
        value: fact.value.clone(),
        elsewhere,
        seen: seen.occasions(),
        replicas: seen.replicas.len(),
        first_s: seen.first_s,
        last_s: seen.last_s,
        danger: seen.danger.clone(),
    }
}

fn side(baseline: &Baseline) -> Side {
    let Totals {
        seconds,
        requests,
        replicas,
        lost,
        ..
    } = baseline.exposure();
    Side {
        id: baseline.id(),
        image_digest: baseline.key.image_digest.clone(),
        version: baseline.version(),
        container_seconds: seconds,
        requests,
        replicas,
        events_lost: lost,
    }
}

fn shifts(before: &Baseline, after: &Baseline, features: &[&str]) -> Vec<Shift> {
    let mut shifts = Vec::new();
    let phases: BTreeSet<Phase> = before.phases.keys().copied().collect();
    for phase in phases {
        let rows = |baseline: &Baseline| -> Vec<Vec<f64>> {
            let sample = baseline.phases.get(&phase).map(|phase| &phase.sample);
            let rows = sample.into_iter().flat_map(|s| s.rows(features.len()));
            rows.map(|row| row.features).collect()
        };
        let (then, now) = (rows(before), rows(after));
        if then.len() < MIN_ROWS || now.len() < MIN_ROWS {
            continue;
        }
        for (column, feature) in features.iter().enumerate() {
            let of = |rows: &[Vec<f64>]| {
                let values = rows.iter().filter_map(|row| row.get(column).copied());
                spread(values.collect())
            };
            let (Some(then_at), Some(now_at)) = (of(&then), of(&now)) else {
                continue;
            };
            let shift = now_at.median - then_at.median;
            let usual = 3.0 * then_at.deviation.max(now_at.deviation);
            if shift.abs() > usual.max(LEAST_SHIFT) {
                shifts.push(Shift {
                    phase,
                    feature: (*feature).to_owned(),
                    times: shift.clamp(-700.0, 700.0).exp(),
                    windows: [then.len(), now.len()],
                });
            }
        }
    }
    shifts
}

struct Spread {
    median: f64,
    /// Median distance from the median.
    deviation: f64,
}

fn spread(values: Vec<f64>) -> Option<Spread> {
    let median = middle(values.clone())?;
    let distances = values.iter().map(|value| (value - median).abs()).collect();
    Some(Spread {
        median,
        deviation: middle(distances)?,
    })
}

fn middle(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests;
