//! When a family last brought something new, on the scale of what was observed: the evidence for how much of it is
//! still to come.
//!
//! Derived from what merging keeps anyway (first sightings of facts, first and last visits of replicas), so that it
//! needs no state of its own and follows every merge.

use std::collections::BTreeMap;

use super::model::{Baseline, PhaseBaseline};
use crate::observe::container::contacted;
use crate::observe::fact::{Fact, Family, Origin, Phase};

/// News within this time of each other came in one go: a window's worth, seconds.
const ONE_GO_S: i64 = 5;

/// How much was observed, and at which points of it something new came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arrivals {
    /// What was observed without loss: container-seconds, or passes through the phase.
    pub observed: f64,
    /// Points on that scale, ascending.
    pub at: Vec<f64>,
}

impl Baseline {
    /// The news of a family in a phase over loss-free container-seconds.
    #[must_use]
    pub fn arrivals(&self, phase: Phase, family: Family, origin: Origin) -> Arrivals {
        let here = self.phases.get(&phase);
        let news = self.news(phase, family, origin);
        here.map(|here| here.arrivals(news)).unwrap_or_default()
    }

    /// The news of a family over passes through a phase: what came in one pass came in one go.
    #[must_use]
    pub fn arrivals_by_pass(&self, phase: Phase, family: Family, origin: Origin) -> Arrivals {
        let here = self.phases.get(&phase);
        let news = self.news(phase, family, origin);
        here.map(|here| here.arrivals_by_pass(&news))
            .unwrap_or_default()
    }

    /// When something new came, Unix seconds, ascending.
    fn news(&self, phase: Phase, family: Family, origin: Origin) -> Vec<i64> {
        let ways = (family == Family::Contact).then(|| FirstWays::of(self));
        let is_news = |fact, at_s| ways.as_ref().is_none_or(|ways| ways.is_another(fact, at_s));
        let here = self.family(phase, family).into_iter();
        let facts = here.flat_map(|family| family.facts.iter());
        let mut at: Vec<i64> = facts
            .filter(|(fact, _)| fact.origin == origin)
            .map(|(fact, seen)| (fact, seen.first_s))
            .filter(|(fact, at_s)| is_news(fact, *at_s))
            .map(|(_, at_s)| at_s)
            .collect();
        at.sort_unstable();
        at
    }
}

/// When each peer was first contacted in any way, and when in each way, in any phase, Unix seconds.
struct FirstWays<'a> {
    peers: BTreeMap<&'a str, i64>,
    ways: BTreeMap<&'a Fact, i64>,
}

impl<'a> FirstWays<'a> {
    fn of(baseline: &'a Baseline) -> Self {
        let (mut peers, mut ways) = (BTreeMap::new(), BTreeMap::new());
        let phases = Phase::ALL.into_iter();
        let families = phases.filter_map(|phase| baseline.family(phase, Family::Contact));
        for (fact, seen) in families.flat_map(|family| family.facts.iter()) {
            for first_s in [
                peers.entry(contacted(&fact.value)).or_insert(i64::MAX),
                ways.entry(fact).or_insert(i64::MAX),
            ] {
                *first_s = seen.first_s.min(*first_s);
            }
        }
        Self { peers, ways }
    }

    /// Whether a way of contacting a peer was new in every phase when it came, and not the first: that comes with the peer,
    /// which is what is judged then.
    fn is_another(&self, fact: &Fact, at_s: i64) -> bool {
        let is_new = self.ways.get(fact).is_some_and(|first_s| *first_s >= at_s);
        let first_s = self.peers.get(contacted(&fact.value));
        is_new && first_s.is_some_and(|first_s| *first_s < at_s)
    }
}

impl PhaseBaseline {
    fn arrivals(&self, mut news: Vec<i64>) -> Arrivals {
        let totals = self.exposure.totals();
        let lossy = totals.lossy_windows.min(totals.windows);
        let clean = (totals.windows - lossy) as f64 / totals.windows.max(1) as f64;
        let observed = totals.seconds as f64 * clean;
        let mut all_ms = 0.0;
        let replicas: Vec<_> = self
            .exposure
            .by_replica()
            .map(|(replica, share)| {
                all_ms += share.ms as f64;
                let first_s = self.first_visits.get(&replica).copied().unwrap_or(0);
                let last_s = self.visits.get(&replica).copied().unwrap_or(first_s);
                (share.ms as f64, first_s, last_s)
            })
            .collect();
        let before = |at_s: i64| -> f64 {
            let ms = replicas.iter().map(|(ms, first_s, last_s)| {
                let length_s = last_s.saturating_sub(*first_s).max(1) as f64;
                let passed_s = at_s.saturating_sub(*first_s) as f64;
                ms * (passed_s / length_s).clamp(0.0, 1.0)
            });
            ms.sum()
        };
        let mut last_s = None;
        news.retain(|at_s| {
            let another = last_s.is_none_or(|last_s: i64| at_s.saturating_sub(last_s) > ONE_GO_S);
            if another {
                last_s = Some(*at_s);
            }
            another
        });
        Arrivals {
            observed,
            at: news
                .into_iter()
                .map(|at_s| observed * before(at_s) / f64::max(all_ms, 1.0))
                .collect(),
        }
    }

    fn arrivals_by_pass(&self, news: &[i64]) -> Arrivals {
        let totals = self.exposure.totals();
        let lossy = totals.lossy_windows.min(totals.windows);
        let clean = (totals.windows - lossy) as f64 / totals.windows.max(1) as f64;
        let mut begun: Vec<i64> = self.first_visits.values().copied().collect();
        begun.sort_unstable();
        let mut passes: Vec<usize> = news
            .iter()
            .map(|at_s| begun.partition_point(|first_s| first_s <= at_s).max(1))
            .collect();
        passes.dedup();
        Arrivals {
            observed: begun.len() as f64 * clean,
            at: passes.into_iter().map(|pass| pass as f64 * clean).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::exposure::Share;
    use crate::baseline::key::Key;

    fn fact(n: i64) -> Fact {
        Fact {
            family: Family::Endpoint,
            origin: Origin::Server,
            value: format!("tcp 10.0.0.{n}:443"),
        }
    }

    fn window() -> Share {
        Share {
            ms: 5000,
            windows: 1,
            ..Share::default()
        }
    }

    fn empty() -> Baseline {
        let key = Key {
            namespace: "docker".into(),
            workload: "w".into(),
            container: "w".into(),
            image_digest: "sha256:0".into(),
        };
        Baseline::new(key, 0)
    }

    fn arrivals(base: &Baseline) -> Arrivals {
        base.arrivals(Phase::Serve, Family::Endpoint, Origin::Server)
    }

    #[test]
    fn news_lies_where_it_came_in_what_was_observed() {
        let mut base = empty();
        for n in 0..=100 {
            base.add_window(Phase::Serve, "a", window(), 1000 + n * 5);
            if n == 20 || n == 60 {
                // Two of one go count once.
                base.learn(Phase::Serve, &fact(n), "a", 1000 + n * 5);
                base.learn(Phase::Serve, &fact(n + 1), "a", 1000 + n * 5 + 3);
            }
        }
        let Arrivals { observed, at } = arrivals(&base);
        assert!((observed - 505.0).abs() < 1e-9, "{observed}");
        assert_eq!(at.len(), 2);
        for (at, want) in at.iter().zip([101.0, 303.0]) {
            assert!((at - want).abs() < 1.0, "{at} {want}");
        }
    }

    #[test]
    fn windows_with_loss_are_not_observed() {
        let mut base = empty();
        for n in 0..10 {
            let lossy = Share {
                lossy_windows: u64::from(n % 2 == 0),
                ..window()
            };
            base.add_window(Phase::Serve, "a", lossy, n * 5);
        }
        assert!((arrivals(&base).observed - 25.0).abs() < 1e-9);
    }

    #[test]
    fn passes_are_counted_by_replica() {
        let mut base = empty();
        for (n, replica) in ["a", "b", "c"].into_iter().enumerate() {
            let at_s = 1000 * (1 + i64::try_from(n).unwrap_or(0));
            base.add_window(Phase::Start, replica, window(), at_s);
            if n != 1 {
                base.learn(Phase::Start, &fact(at_s), replica, at_s + 1);
            }
        }
        let passes = base.arrivals_by_pass(Phase::Start, Family::Endpoint, Origin::Server);
        let want = Arrivals {
            observed: 3.0,
            at: vec![1.0, 3.0],
        };
        assert_eq!(passes, want);
    }

    #[test]
    fn replicas_merged_lie_beside_each_other() {
        let (mut a, mut b) = (empty(), empty());
        for n in 0..=100 {
            a.add_window(Phase::Serve, "a", window(), n * 5);
            b.add_window(Phase::Serve, "b", window(), n * 5);
        }
        a.learn(Phase::Serve, &fact(1), "a", 250);
        b.learn(Phase::Serve, &fact(1), "b", 400);
        a.merge(&b).ok();
        let Arrivals { observed, at } = arrivals(&a);
        assert!((observed - 1010.0).abs() < 1e-9);
        assert!(at.iter().all(|at| (at - 505.0).abs() < 1.0), "{at:?}");
        assert_eq!(at.len(), 1);
    }

    #[test]
    fn the_first_way_of_contacting_a_peer_and_one_of_another_phase_are_no_news() {
        let contact = |value: &str| Fact {
            family: Family::Contact,
            origin: Origin::Server,
            value: value.to_owned(),
        };
        let mut base = empty();
        for n in 0..=100 {
            base.add_window(Phase::Serve, "a", window(), n * 5);
        }
        let of = |base: &Baseline| {
            let at = base.arrivals(Phase::Serve, Family::Contact, Origin::Server);
            at.at.len()
        };
        base.learn(Phase::Load, &contact("tcp a:443 <- python"), "a", 50);
        for (value, at_s) in [("tcp a:443 <- python", 100), ("tcp b:443 <- python", 200)] {
            base.learn(Phase::Serve, &contact(value), "a", at_s);
        }
        assert_eq!(of(&base), 0);
        base.learn(
            Phase::Serve,
            &contact("tcp b:443 <- several clients"),
            "a",
            300,
        );
        base.learn(
            Phase::Load,
            &contact("tcp b:443 <- several clients"),
            "a",
            350,
        );
        assert_eq!(of(&base), 1);
    }
}
