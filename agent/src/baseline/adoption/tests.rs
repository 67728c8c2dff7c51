use super::*;
use crate::baseline::decision::{Approved, Decision};
use crate::baseline::exposure::Share;
use crate::baseline::key::Key;
use crate::observe::fact::{Family, Origin};

const HOUR: i64 = 3600;

fn fact() -> Fact {
    Fact {
        family: Family::FileWrite,
        origin: Origin::Server,
        value: "/data/cache/*".into(),
    }
}

/// A baseline of containers `0..replicas`, each observed for two days.
fn observed(replicas: u32) -> Baseline {
    let key = Key {
        namespace: "models".into(),
        workload: "iris".into(),
        container: "server".into(),
        image_digest: "sha256:1".into(),
    };
    let mut base = Baseline::new(key, 0);
    for replica in 0..replicas {
        let share = Share {
            ms: 172_800_000,
            windows: 1,
            ..Share::default()
        };
        base.add_window(Phase::Serve, &replica.to_string(), share, 0);
    }
    base
}

fn see(base: &mut Baseline, replica: u32, at_s: i64) -> bool {
    base.set_pending(Phase::Serve, &fact(), &replica.to_string(), at_s);
    base.adopt(Phase::Serve, &fact())
}

#[test]
fn what_comes_back_for_a_day_on_two_containers_is_adopted() {
    let mut base = observed(2);
    assert!(!see(&mut base, 0, 0));
    assert!(!see(&mut base, 1, 5 * HOUR));
    assert!(!see(&mut base, 0, 13 * HOUR));
    assert!(!see(&mut base, 0, 23 * HOUR));
    assert!(see(&mut base, 0, 25 * HOUR));
    assert!(base.awaiting().is_empty());
}

#[test]
fn a_burst_adopts_nothing() {
    let mut base = observed(2);
    for minute in 0..300 {
        assert!(!see(&mut base, (minute % 2) as u32, minute * 60));
    }
    assert!(!see(&mut base, 0, 30 * HOUR), "two periods in all");
}

#[test]
fn what_one_of_several_containers_does_is_not_adopted_and_one_alone_needs_longer() {
    let (mut several, mut alone) = (observed(3), observed(1));
    let adopted = |base: &mut Baseline| (0..10).find(|n| see(base, 0, n * 12 * HOUR));
    assert_eq!(adopted(&mut several), None);
    assert_eq!(adopted(&mut alone), Some(5));
}

#[test]
fn too_little_observation_and_a_frozen_baseline_adopt_nothing() {
    let adopted = |base: &mut Baseline| (0..10).any(|n| see(base, n as u32 % 2, n * 12 * HOUR));
    let mut frozen = observed(2);
    frozen.set_frozen(true, Decision::default());
    assert!(!adopted(&mut frozen));
    let mut young = Baseline::new(frozen.key.clone(), 0);
    assert!(!adopted(&mut young));
    assert!(adopted(&mut observed(2)));
}

#[test]
fn a_dangerous_fact_of_one_among_four_is_not_taken_for_normal() {
    let learned = |replicas: u32, doers: u32| {
        let mut base = observed(replicas);
        for replica in 0..doers {
            base.learn(Phase::Serve, &fact(), &replica.to_string(), 1);
        }
        base.set_danger(Phase::Serve, &fact(), "shell");
        base
    };
    let quarantined = |base: &Baseline| base.is_quarantined(Phase::Serve, &fact());
    assert!(quarantined(&learned(4, 1)));
    assert!(!quarantined(&learned(3, 1)));
    assert!(!quarantined(&learned(4, 2)));
    let mut confirmed = learned(4, 1);
    let word = Decision::new(9, "ops", "");
    assert!(confirmed.approve(&Approved::AllPending, &word).is_ok());
    assert!(!quarantined(&confirmed));
}

#[test]
fn what_one_container_did_after_its_first_connection_others_confirm_by_what_they_did_before() {
    let learned = |base: &mut Baseline, phase, replica: &str| {
        base.learn(phase, &fact(), replica, 0);
        base.set_danger(phase, &fact(), "shell");
    };
    let mut base = observed(4);
    for replica in 0..4 {
        let share = Share {
            ms: 5000,
            windows: 1,
            ..Share::default()
        };
        base.add_window(Phase::WarmUp, &replica.to_string(), share, 0);
    }
    learned(&mut base, Phase::WarmUp, "0");
    assert!(base.is_quarantined(Phase::WarmUp, &fact()));
    learned(&mut base, Phase::Load, "1");
    assert!(!base.is_quarantined(Phase::WarmUp, &fact()));
    learned(&mut base, Phase::Serve, "0");
    assert!(
        base.is_quarantined(Phase::Serve, &fact()),
        "starts are no excuse for serving"
    );
}
