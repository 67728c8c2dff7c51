//! What came of a run.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::observer::Seen;
use super::scenario::{Class, Kind, Scenario, Set};

/// How long after its goal an attack may be found, seconds.
const PATIENCE: f64 = 60.0;

/// A clock's grain between the container's word and the harness's.
const GRAIN: f64 = 0.1;

/// What came of one run of a scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The scenario.
    pub id: String,
    /// How well it hides.
    pub class: Class,
    /// Whether the detector was made in sight of it.
    #[serde(default)]
    pub set: Set,
    /// The server.
    pub server: Kind,
    /// The run's seed.
    pub seed: u64,
    /// Whether the agent should find it.
    pub expected: bool,
    /// Whether it did.
    pub detected: bool,
    /// Seconds from the first malicious action to the finding.
    pub seconds: Option<f64>,
    /// How the first finding that tells of it was found.
    #[serde(default)]
    pub method: Option<String>,
    /// The class of the finding that tells of it: one that names it rightly, if there is one.
    pub finding_class: Option<String>,
    /// Whether a finding's class names it rightly.
    pub named: bool,
    /// The highest severity of the findings that tell of it; of all findings where none should come.
    pub severity: Option<String>,
    /// Findings that tell of nothing.
    pub other_findings: usize,
    /// When each deed began and reached its goal, seconds since 1970.
    pub acted: Vec<(f64, f64)>,
    /// Every finding.
    pub findings: Vec<Seen>,
    /// Of a recorded run: whether it was judged the same when it was live.
    #[serde(default)]
    pub as_live: Option<bool>,
    /// Why the run says nothing.
    pub error: Option<String>,
}

/// Methods that count over whole windows.
const COUNTING: [&str; 5] = ["rates", "calls", "sequence", "volume", "time"];

/// How a run ended, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// What should be found was found; what should be silent was silent.
    Good,
    /// Silence was asked for, and no more than notes came.
    Note,
    /// It was missed, or raised what it should not.
    Bad,
    /// The run failed.
    Broken,
}

impl Outcome {
    /// Judges a run from its findings; `acted` is when each deed began and reached its goal, in seconds since 1970. Of
    /// several deeds each must be found.
    #[must_use]
    pub fn judge(
        scenario: &Scenario,
        server: Kind,
        seed: u64,
        acted: &[(f64, f64)],
        findings: Vec<Seen>,
    ) -> Self {
        let expected = scenario.class.is_attack();
        let begin = acted.first().map(|(from, _)| *from);
        let told: Vec<&Seen> = findings
            .iter()
            .filter(|seen| expected && deed_of(seen, acted).is_some())
            .collect();
        let deeds: BTreeSet<usize> = told
            .iter()
            .filter_map(|seen| deed_of(seen, acted))
            .collect();
        let named = told
            .iter()
            .find(|seen| scenario.evidence.contains(&seen.class));
        let counted: Vec<&Seen> = if expected {
            told.clone()
        } else {
            findings.iter().collect()
        };
        let severest = counted.iter().max_by_key(|seen| rank(&seen.severity));
        Self {
            id: scenario.id.clone(),
            class: scenario.class,
            set: scenario.set,
            server,
            seed,
            expected,
            detected: !acted.is_empty() && deeds.len() == acted.len(),
            seconds: told
                .first()
                .zip(begin)
                .map(|(seen, begin)| (seen.at - begin).max(0.0)),
            method: told.first().map(|seen| seen.method.clone()),
            finding_class: named.or(told.first()).map(|seen| seen.class.clone()),
            named: named.is_some(),
            severity: severest.map(|seen| seen.severity.clone()),
            other_findings: findings.len() - told.len(),
            acted: acted.to_vec(),
            findings,
            as_live: None,
            error: None,
        }
    }

    /// A run that says nothing.
    #[must_use]
    pub fn broken(scenario: &Scenario, server: Kind, seed: u64, error: &anyhow::Error) -> Self {
        let mut outcome = Self::judge(scenario, server, seed, &[], Vec::new());
        outcome.error = Some(format!("{error:#}"));
        outcome
    }

    /// Whether it took whole windows to find it, as nothing but amounts told of it.
    #[must_use]
    pub fn was_counted(&self) -> bool {
        let method = self.method.as_deref();
        method.is_some_and(|method| COUNTING.contains(&method))
    }

    /// How it ended.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.error.is_some() {
            return Verdict::Broken;
        }
        if self.expected {
            return if self.detected {
                Verdict::Good
            } else {
                Verdict::Bad
            };
        }
        match self.severity.as_deref() {
            None => Verdict::Good,
            Some("low") if self.class == Class::Benign => Verdict::Note,
            Some(_) => Verdict::Bad,
        }
    }
}

/// The deed that a finding tells of: the last one that had begun, unless that was over too long ago.
fn deed_of(seen: &Seen, acted: &[(f64, f64)]) -> Option<usize> {
    let begun = acted
        .iter()
        .rposition(|(from, _)| seen.at >= from - GRAIN)?;
    let (_, to) = acted.get(begun)?;
    (seen.at <= to + PATIENCE).then_some(begun)
}

/// Severities in their order.
pub fn rank(severity: &str) -> usize {
    ["low", "medium", "high", "critical"]
        .iter()
        .position(|it| *it == severity)
        .map_or(0, |place| place + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(at: f64, class: &str, severity: &str) -> Seen {
        Seen {
            at,
            class: class.to_owned(),
            severity: severity.to_owned(),
            method: "novelty".to_owned(),
            title: String::new(),
            score: 5.0,
        }
    }

    #[test]
    fn an_attack_is_found_between_its_begin_and_a_minute_after_its_end() {
        let judge = |findings| {
            Outcome::judge(
                &Scenario::example(Class::Quiet),
                Kind::FastApi,
                1,
                &[(100.0, 110.0)],
                findings,
            )
        };
        let outcome = judge(vec![
            seen(90.0, "dns", "high"),
            seen(101.5, "network", "low"),
            seen(169.0, "dns", "high"),
            seen(171.0, "dns", "critical"),
        ]);
        assert!(outcome.detected && outcome.named);
        assert_eq!(outcome.seconds, Some(1.5));
        assert_eq!(outcome.finding_class.as_deref(), Some("dns"));
        assert_eq!(outcome.severity.as_deref(), Some("high"));
        assert_eq!(outcome.other_findings, 2);
        assert_eq!(outcome.verdict(), Verdict::Good);
        let missed = judge(vec![seen(90.0, "dns", "high")]);
        assert_eq!((missed.verdict(), missed.other_findings), (Verdict::Bad, 1));
    }

    #[test]
    fn of_several_deeds_each_must_be_found() {
        let judge = |findings| {
            let acted = [(100.0, 101.0), (130.0, 131.0)];
            Outcome::judge(
                &Scenario::example(Class::Poisoned),
                Kind::FastApi,
                1,
                &acted,
                findings,
            )
            .detected
        };
        assert!(judge(vec![
            seen(100.5, "dns", "high"),
            seen(132.0, "dns", "high")
        ]));
        assert!(!judge(vec![
            seen(100.5, "dns", "high"),
            seen(129.0, "dns", "high")
        ]));
    }

    #[test]
    fn the_benign_may_raise_notes_and_the_null_nothing() {
        let judge = |class, severity| {
            let findings = vec![seen(101.0, "dns", severity)];
            Outcome::judge(
                &Scenario::example(class),
                Kind::FastApi,
                1,
                &[(100.0, 100.0)],
                findings,
            )
            .verdict()
        };
        assert_eq!(judge(Class::Benign, "low"), Verdict::Note);
        assert_eq!(judge(Class::Benign, "medium"), Verdict::Bad);
        assert_eq!(judge(Class::Null, "low"), Verdict::Bad);
        assert_eq!(judge(Class::Blind, "low"), Verdict::Bad);
    }
}
