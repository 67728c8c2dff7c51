//! How many findings the containers of one workload may raise, and what becomes of the rest.
//!
//! Low and medium findings share the operator's budget half and half, so that small matters cannot use up what is
//! kept for larger ones. It belongs to the workload, not to a container: it comes in with each container's time, and a
//! restart does not fill it. A medium finding passes an empty budget where it outranks all those told since the budget was
//! full by as much as makes it e times as rare: what came first must not hide what is worse, and of claims that are that
//! much rarer each time there are few. High and critical findings always pass, but the same fact of a container only once an hour,
//! and a flood of them is cut: after a hundred an hour of one class, one more says nothing new.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::finding::{Class, Severity};
use super::outlook::MONTH_S;
use crate::baseline::hash::hash64;
use crate::observe::event::CgroupId;
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
pub const NOVELTY_SHARE: f64 = 0.5;

/// Facts whose last report is remembered per workload.
const REMEMBERED: usize = 1024;

/// High and critical findings of one class per hour.
const FLOOD: f64 = 100.0;

/// So much a medium finding must outrank those told, to pass an empty budget, nats.
const OUTRANKS: f64 = 1.0;

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

/// A finding that asks to pass.
#[derive(Clone, Copy, Debug)]
pub struct Asking {
    /// The container.
    pub cgroup: CgroupId,
    /// Its severity.
    pub severity: Severity,
    /// Its class.
    pub class: Class,
    /// Who did it.
    pub origin: Origin,
    /// Equal for findings that say the same.
    pub fact: u64,
    /// Its score, nats.
    pub score: f64,
}

impl Asking {
    fn lane(&self) -> Lane {
        match (self.severity, self.origin) {
            (Severity::High | Severity::Critical, _) => Lane::Paging(self.class),
            (_, Origin::Runtime) => Lane::Operator(self.class, self.severity),
            (Severity::Medium, Origin::Server) => Lane::Medium,
            (Severity::Low, Origin::Server) => Lane::Low,
        }
    }
}

/// Budget of one workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    per_month: f64,
    /// Findings that may still pass.
    #[serde(with = "lanes")]
    left: BTreeMap<Lane, f64>,
    /// The highest score of a medium finding told since there was room for all of them, nats.
    #[serde(default)]
    highest: f64,
    /// When each fact of each container was last reported, Unix seconds.
    reported: BTreeMap<u64, i64>,
    /// When it was last asked for, Unix seconds.
    #[serde(default)]
    pub(super) used_s: i64,
}

impl Budget {
    /// A full budget of so many findings per month.
    #[must_use]
    pub fn new(per_month: f64) -> Self {
        Self {
            per_month: per_month.max(0.0),
            left: BTreeMap::new(),
            highest: 0.0,
            reported: BTreeMap::new(),
            used_s: 0,
        }
    }

    /// Findings per month.
    #[must_use]
    pub fn per_month(&self) -> f64 {
        self.per_month
    }

    /// Whether a fact (by its hash) of a container was reported within the last hour.
    #[must_use]
    pub fn is_repeat(&self, cgroup: CgroupId, fact: u64, now_s: i64) -> bool {
        let last = self.reported.get(&of_container(cgroup, fact));
        last.is_some_and(|last_s| now_s.saturating_sub(*last_s) < HOUR_S)
    }

    /// What a container was watched for brings in its part.
    pub fn earn(&mut self, seconds: f64) {
        let seconds = seconds.clamp(0.0, MONTH_S);
        let half = self.per_month / 2.0;
        for (lane, left) in &mut self.left {
            let (capacity, per_second) = terms(*lane, half);
            *left = (*left + seconds * per_second).min(capacity);
            if *lane == Lane::Medium && *left >= capacity {
                self.highest = 0.0;
            }
        }
    }

    /// Takes one finding from the budget and remembers its fact; false when the budget is used up.
    pub fn take(&mut self, asking: &Asking, now_s: i64) -> bool {
        let lane = asking.lane();
        let (capacity, _) = terms(lane, self.per_month / 2.0);
        let left = self.left.entry(lane).or_insert(capacity);
        let outranks = lane == Lane::Medium && asking.score >= self.highest + OUTRANKS;
        if *left < 1.0 && !outranks {
            return false;
        }
        *left = (*left - 1.0).max(0.0);
        if lane == Lane::Medium {
            self.highest = self.highest.max(asking.score);
        }
        self.remember(of_container(asking.cgroup, asking.fact), now_s);
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

fn of_container(cgroup: CgroupId, fact: u64) -> u64 {
    hash64(&[&cgroup.0.to_le_bytes(), &fact.to_le_bytes()])
}

/// How many findings of a lane may come at once, and how many more with each second of a container.
fn terms(lane: Lane, half_per_month: f64) -> (f64, f64) {
    match lane {
        Lane::Paging(_) => (FLOOD, FLOOD / HOUR_S as f64),
        Lane::Operator(..) => (1.0, OPERATOR_PER_DAY / 86_400.0),
        Lane::Medium | Lane::Low => (half_per_month.max(1.0), half_per_month / MONTH_S),
    }
}

/// JSON has no maps with structured keys: the lanes are written as a list of pairs, in order.
mod lanes {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::Lane;

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<Lane, f64>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(map)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<BTreeMap<Lane, f64>, D::Error> {
        Ok(Vec::<(Lane, f64)>::deserialize(from)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: CgroupId = CgroupId(1);

    fn asking(severity: Severity, class: Class, origin: Origin, fact: u64) -> Asking {
        Asking {
            cgroup: ONE,
            severity,
            class,
            origin,
            fact,
            score: 5.5,
        }
    }

    fn medium(budget: &mut Budget, fact: u64, now_s: i64) -> bool {
        let asking = asking(Severity::Medium, Class::File, Origin::Server, fact);
        budget.take(&asking, now_s)
    }

    #[test]
    fn the_budget_comes_in_with_the_time_of_containers() {
        let mut budget = Budget::new(2.0);
        assert!(medium(&mut budget, 1, 0));
        budget.earn(86_400.0);
        assert!(!medium(&mut budget, 2, 86_400));
        // Thirty containers for another day.
        budget.earn(30.0 * 86_400.0);
        assert!(medium(&mut budget, 2, 2 * 86_400));
        budget.earn(f64::MAX);
        budget.earn(f64::MAX);
        assert!(medium(&mut budget, 3, 2 * 86_400));
        assert!(
            !medium(&mut budget, 4, 2 * 86_400),
            "what is not used is not saved up"
        );
    }

    #[test]
    fn small_matters_do_not_use_up_what_larger_ones_need() {
        let mut budget = Budget::new(1.0);
        let low = |budget: &mut Budget, class, origin, fact| {
            budget.take(&asking(Severity::Low, class, origin, fact), 0)
        };
        assert!(low(&mut budget, Class::File, Origin::Server, 1));
        assert!(!low(&mut budget, Class::File, Origin::Server, 2));
        assert!(medium(&mut budget, 3, 0));
        assert!(!medium(&mut budget, 4, 0));
        assert!(low(&mut budget, Class::Process, Origin::Runtime, 5));
        assert!(low(&mut budget, Class::File, Origin::Runtime, 6));
        assert!(!low(&mut budget, Class::File, Origin::Runtime, 7));
        let other = asking(Severity::Medium, Class::File, Origin::Runtime, 8);
        assert!(budget.take(&other, 0));
    }

    #[test]
    fn what_is_worse_is_not_hidden_by_what_came_first() {
        let mut budget = Budget::new(1.0);
        let scored = |fact, score| Asking {
            score,
            ..asking(Severity::Medium, Class::Network, Origin::Server, fact)
        };
        assert!(budget.take(&scored(1, 5.4), 0));
        assert!(!budget.take(&scored(2, 6.3), 0), "not much worse");
        assert!(budget.take(&scored(3, 7.7), 0));
        assert!(!budget.take(&scored(4, 7.8), 0));
        for _ in 0..3 {
            budget.earn(f64::MAX);
        }
        assert!(budget.take(&scored(5, 5.0), 0));
        assert!(budget.take(&scored(6, 6.5), 0), "a new month");
    }

    #[test]
    fn pages_pass_until_they_are_a_flood() {
        let mut budget = Budget::new(0.0);
        let critical = |fact| asking(Severity::Critical, Class::Process, Origin::Server, fact);
        let passed = (0..1000).filter(|fact| budget.take(&critical(*fact), 0));
        assert_eq!(passed.count(), 100);
        let other = asking(Severity::High, Class::Network, Origin::Server, 7);
        assert!(budget.take(&other, 0));
        budget.earn(40.0);
        assert!(budget.take(&critical(7), 40));
    }

    #[test]
    fn a_fact_of_a_container_repeats_after_an_hour() {
        let mut budget = Budget::new(1.0);
        assert!(!budget.is_repeat(ONE, 9, 0));
        assert!(medium(&mut budget, 9, 0));
        assert!(budget.is_repeat(ONE, 9, 3599));
        assert!(!budget.is_repeat(ONE, 9, 3600));
        assert!(!budget.is_repeat(CgroupId(2), 9, 1));
    }

    #[test]
    fn memory_of_reports_is_bounded() {
        let mut budget = Budget::new(1e9);
        for fact in 0..5000 {
            medium(&mut budget, fact, i64::try_from(fact).unwrap_or(0));
        }
        assert_eq!(budget.reported.len(), REMEMBERED);
        assert!(budget.is_repeat(ONE, 4999, 5000));
    }
}
