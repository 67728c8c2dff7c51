//! Holds the layers that watch windows to account: to what they foretell, and to the budget.
//!
//! A layer that watches windows says with each claim how often a month ordinary behaviour makes one as rare. If that is
//! true, telling all that are said to come less than α times a month gives α false findings a month, whatever the
//! distribution. So each kind of claim has its α, all of them together come to the part of the budget that is for such
//! layers, and the more dangerous a kind is, the larger its α. And what a kind of claim foretells is held against how often
//! it came: see [`held_to_record`].
//!
//! Half of the α is spent evenly. The other half is spent evenly over the logarithm of what was observed, within the first
//! month: the layers know least and see most in the first hours, when an hour's records are a month's. So a young baseline
//! tells what stands out then, at the price of the findings of its first month.

use super::claim::{Claim, rarity};
use super::finding::Method;
use super::outlook::MONTH_S;
use crate::baseline::hash::hash64;
use crate::baseline::model::Baseline;
use crate::baseline::quantity::{counted, duration};
use crate::observe::features;

/// A forecast is worth as much as having watched for so many months: a layer is right about most workloads, and about
/// this one as long as it does not prove to be wrong.
const FORECAST_MONTHS: f64 = 1.0;

/// A claim said to be rarer by less than this is as rare, nats: forecasts are not more exact.
const ABOUT_AS_RARE: f64 = 1.0;

/// The part of the budget for claims about windows; [`super::budget::NOVELTY_SHARE`] is for novelties.
const SHARE: f64 = 1.0 - super::budget::NOVELTY_SHARE;

/// Over how many kinds that part is dealt, counted by e to half their danger: bytes to and from peers and clients and
/// names asked (41), habits while idle and bursts (51), regular contacts (25), bouts (7), rates (146, as they watch so many amounts at
/// once), calls, sequences and drifts (6).
const KINDS: f64 = 276.0;

/// From when on the first month's half is spent, container-hours, and until when.
const FIRST_H: f64 = 1.0 / 12.0;
const MONTH_H: f64 = 720.0;

/// How many kinds of claims a method's are: one, but for rates, which name the amounts that changed in one claim.
#[must_use]
pub const fn kinds_at_once(method: Method) -> f64 {
    match method {
        Method::Rates => features::COUNT as f64,
        _ => 1.0,
    }
}

/// How many nats a claim of such a danger that stands for so many kinds must be rarer than once a month to be told, after so
/// many container-hours of observation and with so many findings a month for all kinds.
#[must_use]
pub fn rarity_needed(danger: f64, kinds: f64, findings_per_month: f64, hours: f64) -> f64 {
    let first = MONTH_H / (MONTH_H / FIRST_H).ln() / hours.max(FIRST_H);
    let first = if hours < MONTH_H { first } else { 0.0 };
    let spent = 0.5 + 0.5 * first;
    let share = SHARE * spent * kinds * (danger / 2.0).exp() / KINDS;
    -(findings_per_month.clamp(1e-6, 1e6) * share).ln()
}

/// Whether a method foretells how often it claims something of ordinary windows.
#[must_use]
pub const fn forecasts(method: Method) -> bool {
    match method {
        Method::Rates | Method::Calls | Method::Sequence | Method::Volume | Method::Time => true,
        Method::NeverLearnable | Method::Novelty | Method::Order | Method::Loss => false,
    }
}

/// What claims of one kind have in common.
fn kind(claim: &Claim) -> String {
    format!("{} {}", claim.method.name(), claim.feature)
}

/// Raises what is foretold of a claim to what the record of its kind says, and gives the rarity that it said it had.
pub fn held_to_record(claim: &mut Claim, baseline: &Baseline) -> Option<f64> {
    let is_kept = forecasts(claim.method) || claim.method == Method::Order;
    if !is_kept || claim.fixed.is_some() {
        return None;
    }
    let said = rarity(claim.false_per_month.0);
    let came = baseline.claims.as_rare(&kind(claim), said - ABOUT_AS_RARE);
    if came == 0 {
        return Some(said);
    }
    let seconds = baseline.exposure().seconds;
    let months = seconds as f64 / MONTH_S;
    let foretold = (-said).exp();
    let expected = (came as f64 + foretold * FORECAST_MONTHS) / (months + FORECAST_MONTHS);
    if expected > foretold {
        claim.false_per_month.0 = expected;
        claim.false_per_month.1 = format!(
            "{}; but such claims came {} in {} of this workload",
            claim.false_per_month.1,
            counted(came, "time"),
            duration(seconds)
        );
    }
    Some(said)
}

/// Enters a claim into the record, as rare as it said it was.
pub fn enter(claim: &Claim, said: f64, replica: &str, baseline: &mut Baseline) {
    let replica = hash64(&[replica.as_bytes()]);
    baseline.claims.note(&kind(claim), replica, said);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_month_spends_its_half_evenly_over_the_logarithm_of_time() {
        let a_month = |from: f64, to: f64| {
            let steps = 20_000;
            let length = (to - from) / f64::from(steps);
            let rate = |i: i32| {
                let hours = from + (f64::from(i) + 0.5) * length;
                (-rarity_needed(0.0, 1.0, 1.0, hours)).exp() * KINDS / SHARE - 0.5
            };
            (0..steps).map(rate).sum::<f64>() * length / MONTH_H
        };
        assert!((a_month(FIRST_H, 1.0) + a_month(1.0, MONTH_H) - 0.5).abs() < 0.01);
        let days = [(1.0, 10.0), (10.0, 100.0)].map(|(from, to)| a_month(from, to));
        assert!((days[0] - days[1]).abs() < 1e-3, "{days:?}");
        assert!(a_month(MONTH_H, 2.0 * MONTH_H).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn danger_budget_and_youth_ask_for_less_rarity(
            danger in 0.0..9.0_f64, budget in 0.01..100.0_f64, hours in 0.0..10_000.0_f64, more in 0.1..5.0_f64,
        ) {
            let needed = rarity_needed(danger, 1.0, budget, hours);
            prop_assert!(needed.is_finite());
            prop_assert!(rarity_needed(danger + more, 1.0, budget, hours) < needed);
            prop_assert!(rarity_needed(danger, 1.0, budget * (1.0 + more), hours) < needed);
            prop_assert!(rarity_needed(danger, 1.0, budget, hours + more) >= needed);
            prop_assert!(rarity_needed(danger, 1.0 + more, budget, hours) < needed);
        }
    }
}
