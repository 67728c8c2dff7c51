//! How many findings a container may raise, and what becomes of the rest.
//!
//! Low and medium findings share the operator's budget half and half, so that small matters cannot use up what is
//! kept for larger ones. High and critical ones always pass, but the same fact only once an hour, and a flood of them
//! is cut: after a hundred an hour of one class, one more says nothing new.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::finding::{Class, Severity};
use super::outlook::MONTH_S;
use crate::observe::fact::Origin;

/// Why something was not reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The family still learns.
    Learning,
    /// The budget is used up.
    Budget,
    /// It was reported already.
    Repeat,
    /// Its score is below what the budget lets pass.
    Weak,
    /// It belongs to an act that was reported already.
    Act,
    /// The operator allowed it.
    Allow,
}

impl Reason {
    /// All reasons, in metric order.
    pub const ALL: [Self; 6] = [
        Self::Learning,
        Self::Budget,
        Self::Repeat,
        Self::Weak,
        Self::Act,
        Self::Allow,
    ];

    /// The metric label value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Learning => "learning",
            Self::Budget => "budget",
            Self::Repeat => "repeat",
            Self::Weak => "weak",
            Self::Act => "act",
            Self::Allow => "allow",
        }
    }
}

const HOUR_S: i64 = 3600;

/// The part of the budget that novelties may use by what is expected of them. The rest is for the layers that watch
/// windows.
pub const NOVELTY_SHARE: f64 = 0.75;

/// Facts whose last report is remembered per container.
const REMEMBERED: usize = 1024;

/// High and critical findings of one class per hour.
const FLOOD: f64 = 100.0;

/// What came through the runtime is a person's or a probe's doing and no false alarm of the baseline: it has an
/// allowance of its own, one finding per class, severity and day.
const OPERATOR_PER_DAY: f64 = 1.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Lane {
    Low,
    Medium,
    Operator(Class, Severity),
    Paging(Class),
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Bucket {
    tokens: f64,
    filled_s: i64,
}

/// Budget of one container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    per_month: f64,
    #[serde(with = "lanes")]
    buckets: BTreeMap<Lane, Bucket>,
    reported: BTreeMap<u64, i64>,
}

impl Budget {
    /// A full budget of so many findings per month.
    #[must_use]
    pub fn new(per_month: f64) -> Self {
        Self {
            per_month: per_month.max(0.0),
            buckets: BTreeMap::new(),
            reported: BTreeMap::new(),
        }
    }

    /// Findings per month.
    #[must_use]
    pub fn per_month(&self) -> f64 {
        self.per_month
    }

    /// Whether a fact (by its hash) was reported within the last hour.
    #[must_use]
    pub fn is_repeat(&self, fact: u64, now_s: i64) -> bool {
        self.reported
            .get(&fact)
            .is_some_and(|last_s| now_s.saturating_sub(*last_s) < HOUR_S)
    }

    /// Takes one finding from the budget and remembers its fact; false when the budget is used up.
    pub fn take(
        &mut self,
        severity: Severity,
        class: Class,
        origin: Origin,
        fact: u64,
        now_s: i64,
    ) -> bool {
        let half = self.per_month / 2.0;
        let (lane, capacity, per_second) = match (severity, origin) {
            (Severity::High | Severity::Critical, _) => {
                (Lane::Paging(class), FLOOD, FLOOD / HOUR_S as f64)
            }
            (_, Origin::Runtime) => {
                let lane = Lane::Operator(class, severity);
                (lane, 1.0, OPERATOR_PER_DAY / 86_400.0)
            }
            (Severity::Medium, Origin::Server) => (Lane::Medium, half.max(1.0), half / MONTH_S),
            (Severity::Low, Origin::Server) => (Lane::Low, half.max(1.0), half / MONTH_S),
        };
        let bucket = self.buckets.entry(lane).or_insert(Bucket {
            tokens: capacity,
            filled_s: now_s,
        });
        // A clock that was set back fills nothing.
        let passed_s = now_s.saturating_sub(bucket.filled_s).max(0);
        bucket.tokens = (bucket.tokens + passed_s as f64 * per_second).min(capacity);
        bucket.filled_s = now_s;
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= 1.0;
        self.remember(fact, now_s);
        true
    }

    fn remember(&mut self, fact: u64, now_s: i64) {
        self.reported.insert(fact, now_s);
        if self.reported.len() > REMEMBERED {
            let oldest = self.reported.iter().min_by_key(|(_, last_s)| **last_s);
            if let Some(fact) = oldest.map(|(fact, _)| *fact) {
                self.reported.remove(&fact);
            }
        }
    }
}

/// JSON has no maps with structured keys: the lanes are written as a list of pairs, in order.
mod lanes {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Bucket, Lane};

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<Lane, Bucket>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(map)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<BTreeMap<Lane, Bucket>, D::Error> {
        Ok(Vec::<(Lane, Bucket)>::deserialize(from)?
            .into_iter()
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn medium(budget: &mut Budget, fact: u64, now_s: i64) -> bool {
        budget.take(Severity::Medium, Class::File, Origin::Server, fact, now_s)
    }

    #[test]
    fn the_budget_refills_over_the_month() {
        let mut budget = Budget::new(2.0);
        assert!(medium(&mut budget, 1, 0));
        assert!(!medium(&mut budget, 2, 86_400));
        assert!(medium(&mut budget, 2, 31 * 86_400));
    }

    #[test]
    fn small_matters_do_not_use_up_what_larger_ones_need() {
        let mut budget = Budget::new(1.0);
        let low = |budget: &mut Budget, fact| {
            budget.take(Severity::Low, Class::File, Origin::Server, fact, 0)
        };
        assert!(low(&mut budget, 1));
        assert!(!low(&mut budget, 2));
        assert!(medium(&mut budget, 3, 0));
        assert!(!medium(&mut budget, 4, 0));
        assert!(budget.take(Severity::Low, Class::Process, Origin::Runtime, 5, 0));
        assert!(budget.take(Severity::Low, Class::File, Origin::Runtime, 6, 0));
        assert!(!budget.take(Severity::Low, Class::File, Origin::Runtime, 7, 0));
        assert!(budget.take(Severity::Medium, Class::File, Origin::Runtime, 8, 0));
    }

    #[test]
    fn pages_pass_until_they_are_a_flood() {
        let mut budget = Budget::new(0.0);
        let passed = (0..1000).filter(|fact| {
            budget.take(Severity::Critical, Class::Process, Origin::Server, *fact, 0)
        });
        assert_eq!(passed.count(), 100);
        assert!(budget.take(Severity::High, Class::Network, Origin::Server, 7, 0));
        assert!(budget.take(Severity::High, Class::Process, Origin::Server, 7, 40));
    }

    #[test]
    fn a_fact_repeats_after_an_hour() {
        let mut budget = Budget::new(1.0);
        assert!(!budget.is_repeat(9, 0));
        assert!(medium(&mut budget, 9, 0));
        assert!(budget.is_repeat(9, 3599));
        assert!(!budget.is_repeat(9, 3600));
    }

    #[test]
    fn memory_of_reports_is_bounded() {
        let mut budget = Budget::new(1e9);
        for fact in 0..5000 {
            medium(&mut budget, fact, i64::try_from(fact).unwrap_or(0));
        }
        assert_eq!(budget.reported.len(), REMEMBERED);
        assert!(budget.is_repeat(4999, 5000));
    }
}
