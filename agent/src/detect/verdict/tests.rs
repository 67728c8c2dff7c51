#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::baseline::key::Key;
use crate::detect::danger::REPORTED_FROM;
use crate::detect::finding::Class;
use crate::observe::event::{CgroupId, Moment};
use crate::observe::fact::{Phase, ProcessInfo};

fn nothing_learned() -> Baseline {
    let key = Key {
        namespace: "docker".into(),
        workload: "w".into(),
        container: "w".into(),
        image_digest: "sha256:0".into(),
    };
    Baseline::new(key, 0)
}

fn at(now_s: i64) -> At<'static> {
    At {
        cgroup: CgroupId(7),
        replica: "7",
        now_s,
    }
}

/// A claim of the rate layer of this danger, which ordinary behaviour makes so often.
fn claim(name: &str, danger: f64, per_month: f64) -> Claim {
    Claim {
        identity: crate::baseline::hash::hash64(&[name.as_bytes()]),
        danger: (danger, "a reason".into()),
        false_per_month: (per_month, "evidence".into()),
        feature: name.into(),
        title: format!("{name} is odd"),
        ..Claim::about_window(Method::Rates, Class::Resource, Moment(1), Phase::Serve)
    }
}

fn by(claim: Claim, pid: u32) -> Claim {
    let process = ProcessInfo {
        pid,
        ..ProcessInfo::default()
    };
    Claim {
        process: Some(process),
        ..claim
    }
}

fn found(verdict: &mut Verdict, claims: Vec<Claim>, now_s: i64) -> Vec<Finding> {
    let mut budget = Budget::new(verdict.per_month);
    let outcomes = verdict.judge_all(&mut nothing_learned(), &mut budget, at(now_s), claims);
    outcomes.into_iter().filter_map(|it| it.finding).collect()
}

/// After minutes many kinds with high scores are expected too often for the budget.
#[test]
fn novelties_of_a_rare_kind_are_told_whatever_does_not_fit() {
    let mut baseline = nothing_learned();
    baseline.set_frozen(true, crate::baseline::decision::Decision::default());
    let told = |per_month: f64| {
        let novelty = Claim {
            method: Method::Novelty,
            ..claim("a", 3.0 + per_month.ln(), per_month)
        };
        let (mut verdict, mut budget) = (Verdict::new(1.0), Budget::new(1.0));
        let outcomes = verdict.judge_all(&mut baseline.clone(), &mut budget, at(0), vec![novelty]);
        assert!(verdict.threshold() > 3.0, "{}", verdict.threshold());
        outcomes.iter().any(|it| it.finding.is_some())
    };
    assert!(told(1e-6), "the score is the same, 3 nats");
    assert!(!told(0.4));
}

#[test]
fn rarity_and_danger_make_the_severity() {
    for (danger, per_month, severity) in [
        (3.0, 1.0, Some(Severity::Low)),
        (3.0, 0.1, Some(Severity::Medium)),
        (3.0, 0.001, Some(Severity::High)),
        (3.0, 100.0, None),
        (8.0, 100.0, Some(Severity::Low)),
    ] {
        let mut verdict = Verdict::new(1.0);
        let findings = found(&mut verdict, vec![claim("a", danger, per_month)], 0);
        let got = findings.first().map(|finding| finding.severity);
        assert_eq!(got, severity, "{danger} {per_month}");
    }
}

#[test]
fn weak_claims_speak_for_each_other_within_minutes() {
    let weak = |name| claim(name, REPORTED_FROM - 0.5, 1.0);
    let mut alone = Verdict::new(1.0);
    assert!(found(&mut alone, vec![weak("a")], 0).is_empty());
    assert!(
        found(&mut alone, vec![weak("b")], 3600).is_empty(),
        "too late"
    );
    let findings = found(&mut alone, vec![weak("c")], 3700);
    let finding = findings.first().unwrap();
    assert_eq!(finding.severity, Severity::Low);
    let sum: f64 = finding.contributions.iter().map(|part| part.value).sum();
    assert!((sum - finding.score).abs() < 1e-9);
    let part = finding
        .contributions
        .iter()
        .find(|part| part.name == "corroboration");
    assert!(part.unwrap().reason.contains("b is odd"));
}

#[test]
fn a_benign_burst_is_one_finding_and_does_not_page() {
    let mut verdict = Verdict::new(1.0);
    let burst = (0..50_u32).map(|n| by(claim(&n.to_string(), REPORTED_FROM + 2.5, 1.0), 10));
    let findings = found(&mut verdict, burst.collect(), 0);
    let severities: Vec<_> = findings.iter().map(|finding| finding.severity).collect();
    assert_eq!(severities, [Severity::Medium]);
    let next = found(&mut verdict, vec![claim("other", 20.0, 1.0)], 30);
    assert_eq!(next[0].suppressed, 49, "what belongs to the act is counted");
}

#[test]
fn what_goes_on_since_long_speaks_for_nothing_new() {
    let mut verdict = Verdict::new(1.0);
    let base = nothing_learned();
    let weak = |name| claim(name, REPORTED_FROM - 0.5, 1.0);
    let mut budget = Budget::new(1.0);
    verdict.judge(&base, &mut budget, at(0), weak("a"), true);
    let next = verdict.judge(&base, &mut budget, at(60), weak("b"), false);
    assert_eq!(next.finding, None);
}

#[test]
fn the_highest_score_allowed_holds_for_corroborated_claims_too() {
    let mut verdict = Verdict::new(1.0);
    let capped = Claim {
        most: Some((4.9, "through the runtime".into())),
        ..claim("a", 4.0, 1.0)
    };
    let findings = found(&mut verdict, vec![capped, claim("b", 9.0, 1.0)], 0);
    let low = findings
        .iter()
        .find(|finding| finding.feature == "a")
        .unwrap();
    assert!((low.score - 4.9).abs() < 1e-9 && low.severity == Severity::Low);
}

fn any_claims() -> impl Strategy<Value = Vec<Claim>> {
    let any = ("[a-f]", -5.0..12.0_f64, -9.0..9.0_f64, 0_u32..4);
    prop::collection::vec(any, 0..12).prop_map(|all| {
        let claim = |(name, danger, rarity, pid): (String, f64, f64, u32)| {
            let made = claim(&name, danger, rarity.exp());
            if pid == 0 { made } else { by(made, pid) }
        };
        all.into_iter().map(claim).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_claims_of_one_time_changes_nothing(claims in any_claims(), turn in 0_usize..12) {
        let mut turned = claims.clone();
        turned.rotate_left(turn.min(claims.len()));
        turned.reverse();
        let mut verdicts = [Verdict::new(1.0), Verdict::new(1.0)];
        let first = found(&mut verdicts[0], claims, 0);
        let second = found(&mut verdicts[1], turned, 0);
        let told = |findings: &[Finding]| -> Vec<_> {
            findings.iter().map(|it| (it.feature.clone(), it.severity, it.score.to_bits())).collect()
        };
        prop_assert_eq!(told(&first), told(&second));
    }

    #[test]
    fn scores_are_numbers_whatever_is_claimed(
        danger in prop::num::f64::ANY, per_month in prop::num::f64::ANY, budget in prop::num::f64::ANY,
    ) {
        let mut verdict = Verdict::new(budget);
        let danger = if danger.is_finite() { danger.clamp(-1e6, 1e6) } else { 0.0 };
        let findings = found(&mut verdict, vec![claim("a", danger, per_month), claim("b", 1.0, 1.0)], 0);
        prop_assert!(verdict.score().is_finite() && verdict.threshold().is_finite());
        for finding in findings {
            prop_assert!(finding.score.is_finite() && finding.threshold.is_finite());
        }
    }

    #[test]
    fn a_larger_budget_shows_no_less(claims in prop::collection::vec((-5.0..12.0_f64, -9.0..9.0_f64), 1..12)) {
        let count = |budget: f64| {
            let mut verdict = Verdict::new(budget);
            let mut count = 0;
            for (hour, (danger, rarity)) in (0..).zip(&claims) {
                let claim = claim(&hour.to_string(), *danger, rarity.exp());
                count += found(&mut verdict, vec![claim], hour * 3600).len();
            }
            count
        };
        let counts = [0.01, 1.0, 100.0].map(count);
        prop_assert!(counts.is_sorted(), "{:?}", counts);
    }
}
