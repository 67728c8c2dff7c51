//! Which novelties are reported that may not page: those that ordinary behaviour is expected to bring no oftener than the
//! budget allows.
//!
//! Half of the novelties' part of the budget goes to the kinds with the highest scores, half to the rarest ones: a kind
//! that comes so often that it does not fit must not keep those out that hardly ever come.

use serde::{Deserialize, Serialize};

use super::budget::NOVELTY_SHARE;
use super::danger::{PAGES_FROM, REPORTED_FROM};
use super::outlook::Prospect;

/// What a novelty must reach to be reported.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// The score from which every novelty is reported, nats.
    pub score: f64,
    /// Novelties worth reading are, too, whose kind is expected no oftener than so many times a container-month.
    pub per_month: f64,
    /// The score from which a novelty is worth reading, nats.
    pub worth_reading: f64,
}

impl Bar {
    /// The bar that keeps what is expected within so many findings a month of all kinds.
    #[must_use]
    pub fn new(prospects: &[Prospect], per_month: f64) -> Self {
        let half = per_month * NOVELTY_SHARE / 2.0;
        let worth_reading = worth_reading(per_month).min(PAGES_FROM);
        Self {
            score: fitting(prospects, half).max(worth_reading).min(PAGES_FROM),
            per_month: rarest(prospects, half),
            worth_reading,
        }
    }

    /// The score from which a novelty is reported whose kind is expected so many times a month.
    #[must_use]
    pub fn of(&self, per_month: f64) -> f64 {
        if per_month <= self.per_month {
            self.score.min(self.worth_reading)
        } else {
            self.score
        }
    }

    /// Whether novelties of a kind are reported.
    #[must_use]
    pub fn reports(&self, kind: &Prospect) -> bool {
        kind.is_told_anyway() || kind.score >= self.of(kind.per_month)
    }
}

/// The score that makes a claim worth reading at this budget, nats: [`REPORTED_FROM`] at one finding a month, and one
/// nat less for each e times as many.
#[must_use]
pub fn worth_reading(per_month: f64) -> f64 {
    REPORTED_FROM - per_month.clamp(1e-6, 1e6).ln()
}

/// The smallest score from which all that is expected to reach it stays within so many a month, takeovers apart: they
/// are told in any case. The prospects are in order of their scores, the highest first.
fn fitting(prospects: &[Prospect], per_month: f64) -> f64 {
    let mut sum = 0.0;
    for prospect in prospects.iter().filter(|it| !it.is_told_anyway()) {
        sum += prospect.per_month;
        if sum > per_month {
            // What has this score does not fit any more; what has a higher one does.
            return prospect.score.next_up();
        }
    }
    f64::NEG_INFINITY
}

/// How often a kind may be expected, so that all kinds as rare as that stay within so many a month together.
fn rarest(prospects: &[Prospect], per_month: f64) -> f64 {
    let kinds = prospects.iter().filter(|it| !it.is_told_anyway());
    let mut kinds: Vec<f64> = kinds.map(|it| it.per_month).collect();
    kinds.sort_by(f64::total_cmp);
    let mut sum = 0.0;
    for kind in kinds {
        sum += kind;
        if sum > per_month {
            // What is as frequent does not fit any more; what is rarer does.
            return kind.next_down();
        }
    }
    f64::INFINITY
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::detect::danger::Category;
    use crate::observe::fact::{Family, Phase};

    /// Kinds of so many a month, in order of their scores.
    fn kinds(of: &[(f64, f64)]) -> Vec<Prospect> {
        let mut kinds: Vec<_> = of
            .iter()
            .map(|(score, per_month)| Prospect {
                phase: Phase::Serve,
                family: Family::FileWrite,
                category: Category::FileWrite,
                score: *score,
                per_month: *per_month,
            })
            .collect();
        kinds.sort_by(|a, b| b.score.total_cmp(&a.score));
        kinds
    }

    fn reported(kinds: &[Prospect], budget: f64) -> Vec<f64> {
        let bar = Bar::new(kinds, budget);
        let all = kinds.iter().filter(|it| bar.reports(it));
        all.map(|it| it.score).collect()
    }

    #[test]
    fn the_highest_scores_and_the_rarest_kinds_are_reported() {
        let all = kinds(&[
            (5.0, 0.2),
            (4.5, 0.3),
            (4.0, 0.1),
            (3.0, 0.01),
            (1.0, 0.001),
        ]);
        assert_eq!(reported(&all, 1.0), [5.0, 4.0, 3.0]);
    }

    #[test]
    fn kinds_that_are_alike_pass_or_not_together() {
        let all = kinds(&[(4.0, 0.4), (4.0, 0.4), (4.0, 0.4)]);
        assert_eq!(reported(&all, 2.0), [0.0; 0]);
        assert_eq!(reported(&all, 5.0), [4.0; 3]);
    }

    #[test]
    fn what_pages_is_reported_whatever_the_budget() {
        assert_eq!(reported(&kinds(&[(PAGES_FROM, 9.0)]), 0.01), [PAGES_FROM]);
    }

    proptest! {
        #[test]
        fn what_is_reported_stays_within_the_budget_and_grows_with_it(
            of in prop::collection::vec((-2.0..7.9_f64, -9.0..4.0_f64), 0..30),
            budget in 1e-3..1e3_f64,
            more in 1.0..100.0_f64,
        ) {
            let of: Vec<_> = of.into_iter().map(|(score, often)| (score, often.exp())).collect();
            let all = kinds(&of);
            let (bar, wider) = (Bar::new(&all, budget), Bar::new(&all, budget * more));
            let reported = all.iter().filter(|it| bar.reports(it));
            let expected: f64 = reported.clone().map(|it| it.per_month).sum();
            prop_assert!(expected <= budget * NOVELTY_SHARE + 1e-9, "{expected}");
            for kind in reported {
                prop_assert!(wider.reports(kind), "{kind:?}");
            }
        }
    }
}
