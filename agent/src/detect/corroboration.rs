//! What else was claimed about a container within minutes: weak claims speak for each other, and several claims of one
//! act are told once.
//!
//! Two independent rarities within minutes of each other would be as good as impossible. Ordinary causes bring several
//! at a time, though (a deployment, a rare path of code), so what a second claim adds is bounded by how often that is
//! so: with the probability ρ that an ordinary cause of the one brings the other as well, it adds at most -ln ρ nats.

use serde::{Deserialize, Serialize};

use super::claim::Claim;
use super::danger::{PAGES_FROM, REPORTED_FROM, begins_at};
use super::finding::{Class, Contribution, Severity};
use crate::baseline::hash::hash64;
use crate::observe::fact::{Origin, ProcessInfo};

/// Claims farther apart than this do not speak for each other, seconds.
const TOGETHER_S: i64 = 600;

/// Of the claims of one act, the later ones belong to the first for this long, seconds.
const ACT_S: i64 = 300;

/// Claims of less danger than this say nothing of others, nor others of them: temporary files come and go.
const SPEAKS_FROM: f64 = 1.0;

/// What a claim of another kind about the same container adds at most, nats: one ordinary cause in three brings both.
const SAME_CONTAINER: f64 = 1.1;

/// The same when related processes did both: one in five.
const SAME_LINEAGE: f64 = 1.6;

/// What all others together add at most, nats: one severity. The second strongest counts half, the third a quarter,
/// since a cause that brought one may have brought the others, too.
pub const MOST: f64 = 3.0;

/// Kinds of claims and acts remembered of a container.
const KEPT: usize = 32;

/// So many findings of one kind tell what an act does; who searches sixty places for credentials does one thing.
const MOST_ALIKE: usize = 3;

/// Longest title remembered, characters.
const TITLE: usize = 120;

/// Others named with a finding.
const NAMED: usize = 3;

/// Who did it, as far as it tells acts apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Lineage {
    pid: u32,
    /// Ancestors but for the container's first process, which is everyone's; nearest first.
    ancestors: Vec<u32>,
    parent: u32,
}

impl Lineage {
    fn of(claim: &Claim) -> Option<Self> {
        let process = claim.process.as_ref()?;
        let (first, ancestors) = claim
            .ancestry
            .split_last()
            .map_or((None, &[][..]), |(f, a)| (Some(f), a));
        let pid = |process: &ProcessInfo| process.pid;
        Some(Self {
            pid: process.pid,
            ancestors: ancestors.iter().map(pid).collect(),
            parent: ancestors.first().or(first).map_or(0, pid),
        })
    }

    /// Whether one process did both, or one started the other, or both came from a third that is not everyone's.
    fn is_related(&self, other: &Self) -> bool {
        let line = |it: &Self, pid: u32| it.pid == pid || it.ancestors.contains(&pid);
        self.pid == other.pid
            || self.parent == other.pid
            || self.pid == other.parent
            || self.ancestors.iter().any(|pid| line(other, *pid))
            || other.ancestors.iter().any(|pid| line(self, *pid))
    }
}

/// The strongest recent claim of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Said {
    /// Layer, class and feature.
    kind: u64,
    identity: u64,
    at_s: i64,
    score: f64,
    origin: Origin,
    lineage: Option<Lineage>,
    title: String,
}

/// A finding that later claims may belong to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Told {
    /// Layer, class and feature; 0 in recordings from before it was kept.
    #[serde(default)]
    kind: u64,
    at_s: i64,
    severity: Severity,
    class: Class,
    lineage: Lineage,
}

/// What was claimed and told of one container lately.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Corroboration {
    said: Vec<Said>,
    told: Vec<Told>,
}

impl Corroboration {
    /// Remembers a claim that has this score on its own.
    pub fn note(&mut self, claim: &Claim, score: f64, now_s: i64) {
        self.said
            .retain(|said| is_within(said.at_s, now_s, TOGETHER_S));
        if claim.danger.0 < SPEAKS_FROM {
            return;
        }
        let said = Said {
            kind: kind(claim),
            identity: claim.identity,
            at_s: now_s,
            score,
            origin: claim.origin,
            lineage: Lineage::of(claim),
            title: claim.title.chars().take(TITLE).collect(),
        };
        let stronger = |a: &Said, b: &Said| {
            let order = a
                .score
                .total_cmp(&b.score)
                .then_with(|| b.title.cmp(&a.title));
            order.then_with(|| b.lineage.cmp(&a.lineage)).is_gt()
        };
        match self.said.iter_mut().find(|it| it.kind == said.kind) {
            Some(before) if stronger(&said, before) => *before = said,
            Some(before) => before.at_s = before.at_s.max(now_s),
            None => {
                let at = self.said.partition_point(|it| it.kind < said.kind);
                self.said.insert(at, said);
            }
        }
        if self.said.len() > KEPT {
            let weakest = self.said.iter().enumerate();
            let weakest = weakest.min_by(|(_, a), (_, b)| a.score.total_cmp(&b.score));
            if let Some(at) = weakest.map(|(at, _)| at) {
                self.said.remove(at);
            }
        }
    }

    /// What other claims add to this one, which has this score on its own. Weak claims alone do not make it page: it
    /// takes another one of medium severity.
    #[must_use]
    pub fn adds(&self, claim: &Claim, score: f64, now_s: i64) -> Option<Contribution> {
        if claim.danger.0 < SPEAKS_FROM {
            return None;
        }
        let (own, lineage) = (kind(claim), Lineage::of(claim));
        let mut others: Vec<(f64, &Said)> = self
            .said
            .iter()
            .filter(|said| said.kind != own && said.identity != claim.identity)
            .filter(|said| said.origin == claim.origin && is_within(said.at_s, now_s, TOGETHER_S))
            .map(|said| {
                let both = said.lineage.as_ref().zip(lineage.as_ref());
                let most = match both {
                    Some((theirs, ours)) if ours.is_related(theirs) => SAME_LINEAGE,
                    _ => SAME_CONTAINER,
                };
                (most * (said.score / REPORTED_FROM).clamp(0.0, 1.0), said)
            })
            .filter(|(nats, _)| *nats > 0.0)
            .collect();
        others.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.kind.cmp(&b.1.kind)));
        let mut weight = 1.0;
        let mut sum = 0.0;
        for (nats, _) in &others {
            sum += nats * weight;
            weight /= 2.0;
        }
        let named: Vec<_> = others
            .iter()
            .take(NAMED)
            .map(|(_, said)| said.title.as_str())
            .collect();
        let strongest = others.iter().map(|(_, said)| said.score);
        let may_page = strongest.fold(f64::MIN, f64::max) >= begins_at(Severity::Medium);
        let room = if may_page || score >= PAGES_FROM {
            f64::INFINITY
        } else {
            PAGES_FROM.next_down() - score
        };
        let value = sum.min(MOST).min(room);
        (value > 0.0).then(|| Contribution {
            name: "corroboration".to_owned(),
            value,
            reason: format!("within {} min: {}", TOGETHER_S / 60, named.join("; ")),
        })
    }

    /// Whether a claim of this severity belongs to an act that was told already and adds nothing to it: it is low, or
    /// of the same class as what was told, or less than it. What pages adds nothing once enough of its kind were told that
    /// were no less; the act goes on then.
    pub fn is_told(&mut self, claim: &Claim, severity: Severity, now_s: i64) -> bool {
        let Some(lineage) = Lineage::of(claim) else {
            return false;
        };
        let kind = kind(claim);
        let mut of_act = self.told.iter_mut().filter(|told| {
            severity <= told.severity
                && is_within(told.at_s, now_s, ACT_S)
                && lineage.is_related(&told.lineage)
        });
        if severity < Severity::High {
            return of_act.any(|told| {
                severity == Severity::Low
                    || severity < told.severity
                    || (severity == told.severity && claim.class == told.class)
            });
        }
        let mut alike: Vec<&mut Told> = of_act.filter(|told| told.kind == kind).collect();
        let is_enough = claim.fixed.is_none() && alike.len() >= MOST_ALIKE;
        if is_enough {
            alike.iter_mut().for_each(|told| told.at_s = now_s);
        }
        is_enough
    }

    /// Remembers that a claim was told.
    pub fn tell(&mut self, claim: &Claim, severity: Severity, now_s: i64) {
        self.told.retain(|told| is_within(told.at_s, now_s, ACT_S));
        let Some(lineage) = Lineage::of(claim) else {
            return;
        };
        if self.told.len() >= KEPT {
            self.told.remove(0);
        }
        self.told.push(Told {
            kind: kind(claim),
            at_s: now_s,
            severity,
            class: claim.class,
            lineage,
        });
    }
}

fn kind(claim: &Claim) -> u64 {
    hash64(&[
        claim.method.name().as_bytes(),
        claim.class.name().as_bytes(),
        claim.feature.as_bytes(),
    ])
}

fn is_within(at_s: i64, now_s: i64, limit_s: i64) -> bool {
    (0..=limit_s).contains(&now_s.saturating_sub(at_s))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::finding::Method;
    use crate::observe::event::Moment;
    use crate::observe::fact::Phase;

    fn claim(feature: &str, pid: u32, ancestors: &[u32]) -> Claim {
        let process = |pid: &u32| ProcessInfo {
            pid: *pid,
            ..ProcessInfo::default()
        };
        Claim {
            feature: feature.to_owned(),
            identity: hash64(&[feature.as_bytes()]),
            title: format!("{feature} was odd"),
            process: Some(process(&pid)),
            ancestry: ancestors.iter().map(process).collect(),
            danger: (SPEAKS_FROM, String::new()),
            ..Claim::about_window(Method::Novelty, Class::File, Moment(0), Phase::Serve)
        }
    }

    fn nats(memory: &Corroboration, claim: &Claim, now_s: i64) -> f64 {
        memory
            .adds(claim, 0.0, now_s)
            .map_or(0.0, |part| part.value)
    }

    #[test]
    fn another_claim_adds_for_minutes_and_a_related_process_more() {
        let mut memory = Corroboration::default();
        memory.note(&claim("write", 10, &[5, 1]), 1.0, 100);
        let stranger = claim("connect", 11, &[1]);
        assert!((nats(&memory, &stranger, 200) - SAME_CONTAINER / 2.0).abs() < 1e-9);
        for related in [
            claim("connect", 10, &[5, 1]),
            claim("connect", 12, &[10, 5, 1]),
            claim("connect", 13, &[5, 1]),
            claim("connect", 5, &[1]),
        ] {
            assert!(
                (nats(&memory, &related, 200) - SAME_LINEAGE / 2.0).abs() < 1e-9,
                "{related:?}"
            );
        }
        let part = memory.adds(&stranger, 0.0, 200);
        assert!(part.is_some_and(|part| part.reason == "within 10 min: write was odd"));
        assert!(nats(&memory, &stranger, 701).abs() < 1e-9);
        assert!(
            nats(&memory, &claim("write", 11, &[1]), 200).abs() < 1e-9,
            "not for its own kind"
        );
    }

    #[test]
    fn a_burst_of_many_adds_no_more_than_one_severity() {
        let mut memory = Corroboration::default();
        for n in 0..1000 {
            memory.note(&claim(&format!("feature {n}"), 10, &[]), 50.0, n);
        }
        assert_eq!(memory.said.len(), KEPT);
        assert!((nats(&memory, &claim("x", 10, &[]), 1000) - MOST).abs() < 1e-9);
    }

    #[test]
    fn weak_claims_alone_make_nothing_page() {
        let mut memory = Corroboration::default();
        memory.note(&claim("write", 10, &[]), 4.9, 0);
        let connect = claim("connect", 10, &[]);
        let score = |memory: &Corroboration| {
            7.5 + memory.adds(&connect, 7.5, 0).map_or(0.0, |part| part.value)
        };
        assert!((7.9..PAGES_FROM).contains(&score(&memory)));
        memory.note(&claim("listen", 10, &[]), 5.0, 0);
        assert!(score(&memory) > PAGES_FROM + 1.0);
    }

    #[test]
    fn what_is_hardly_dangerous_speaks_for_nothing_however_rare() {
        let mut memory = Corroboration::default();
        let mut temporary = claim("write", 10, &[]);
        temporary.danger.0 = 0.5;
        memory.note(&temporary, 3.5, 0);
        assert_eq!(memory, Corroboration::default());
    }

    #[test]
    fn what_is_of_no_weight_adds_nothing() {
        let mut memory = Corroboration::default();
        memory.note(&claim("write", 10, &[]), -1.0, 0);
        assert_eq!(memory.adds(&claim("connect", 10, &[]), 0.0, 0), None);
    }

    #[test]
    fn of_what_pages_a_few_of_a_kind_tell_the_act() {
        let mut memory = Corroboration::default();
        let search = |n: u32| Claim {
            identity: u64::from(n),
            ..claim("credentials", 10, &[5, 1])
        };
        for n in 0..3 {
            let now_s = 100 + i64::from(n);
            assert!(!memory.is_told(&search(n), Severity::High, now_s));
            memory.tell(&search(n), Severity::High, now_s);
        }
        // It goes on for longer than an act is remembered otherwise.
        for now_s in [200, 450, 700] {
            assert!(memory.is_told(&search(9), Severity::High, now_s));
        }
        assert!(
            !memory.is_told(&search(9), Severity::Critical, 701),
            "worse"
        );
        assert!(
            !memory.is_told(&claim("shell", 10, &[5, 1]), Severity::High, 701),
            "of another kind"
        );
        assert!(
            !memory.is_told(&claim("credentials", 44, &[1]), Severity::High, 701),
            "another's"
        );
        assert!(
            !memory.is_told(&search(9), Severity::High, 1100),
            "another act"
        );
        let fixed = Claim {
            fixed: Some(Severity::High),
            ..search(9)
        };
        assert!(
            !memory.is_told(&fixed, Severity::High, 701),
            "never learned"
        );
    }

    #[test]
    fn nothing_makes_dangerous_what_is_hardly_any_danger() {
        let mut memory = Corroboration::default();
        memory.note(&claim("file_write", 10, &[]), 4.0, 0);
        let mut weak = claim("rates", 10, &[]);
        assert!(memory.adds(&weak, 0.0, 0).is_some());
        weak.danger.0 = SPEAKS_FROM / 2.0;
        assert_eq!(memory.adds(&weak, 0.0, 0), None);
    }

    #[test]
    fn one_act_is_told_once_and_more_of_it_if_it_is_worse_or_other() {
        let mut memory = Corroboration::default();
        memory.tell(&claim("write", 10, &[5, 1]), Severity::Medium, 100);
        let child = claim("write", 12, &[10, 5, 1]);
        let other = Claim {
            class: Class::Network,
            ..child.clone()
        };
        assert!(memory.is_told(&child, Severity::Low, 200));
        assert!(memory.is_told(&child, Severity::Medium, 200));
        assert!(memory.is_told(&other, Severity::Low, 200));
        assert!(
            !memory.is_told(&other, Severity::Medium, 200),
            "another side of the act"
        );
        assert!(
            !memory.is_told(&child, Severity::High, 200),
            "worse than was told"
        );
        assert!(!memory.is_told(&child, Severity::Low, 401), "long past");
        assert!(
            !memory.is_told(&claim("write", 20, &[1]), Severity::Low, 200),
            "another act"
        );
    }
}
