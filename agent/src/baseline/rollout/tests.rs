#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::baseline::exposure::Share;
use crate::baseline::facts::Learned;
use crate::baseline::key::Key;
use crate::baseline::knowledge::Knowledge;
use crate::baseline::learning::{LearningSettings, State};
use crate::observe::fact::Origin;

const SETTINGS: LearningSettings = LearningSettings {
    min_duration_s: 4000,
    min_requests: 0,
};

fn baseline(digest: &str) -> Baseline {
    let key = Key {
        namespace: "models".into(),
        workload: "iris".into(),
        container: "server".into(),
        image_digest: digest.into(),
    };
    Baseline::new(key, 0)
}

fn endpoint(n: usize) -> Fact {
    Fact {
        family: Family::Endpoint,
        origin: Origin::Server,
        value: format!("tcp 10.0.0.{n}:443"),
    }
}

fn serve(base: &mut Baseline, seconds: u64) {
    let window = Share {
        ms: seconds * 1000,
        windows: 1,
        ..Share::default()
    };
    base.add_window(Phase::Serve, "r", window, 0);
    base.mature(SETTINGS, 0);
}

/// A matured baseline with eight endpoints, and one that has just begun after it.
fn rollout() -> (Baseline, Baseline) {
    let mut old = baseline("sha256:1");
    for n in 0..8 {
        old.learn(Phase::Serve, &endpoint(n), "r", 1);
    }
    serve(&mut old, 8000);
    assert_eq!(old.state(), State::Active);
    let mut new = baseline("sha256:2");
    new.inherit(&old, 100);
    (old, new)
}

#[test]
fn what_the_image_before_did_is_known_until_as_much_was_observed_without_it() {
    let (old, mut new) = rollout();
    let before = new.predecessor.clone().unwrap();
    assert_eq!((before.id, before.at_s), (old.id(), 100));
    assert_eq!(
        new.knows(&Sighting::plain(Phase::Serve, &endpoint(1))),
        Knowledge::Inherited
    );
    assert_eq!(
        new.knows(&Sighting::plain(Phase::Serve, &endpoint(9))),
        Knowledge::Unknown
    );
    assert_eq!(
        new.learn(Phase::Serve, &endpoint(1), "r", 101),
        Learned::New
    );
    assert_eq!(new.inherited().count(), 7);
    serve(&mut new, 7999);
    assert_eq!(
        new.knows(&Sighting::plain(Phase::Serve, &endpoint(2))),
        Knowledge::Inherited
    );
    serve(&mut new, 1);
    assert_eq!(
        new.knows(&Sighting::plain(Phase::Serve, &endpoint(2))),
        Knowledge::Unknown
    );
    assert_eq!(
        new.knows(&Sighting::plain(Phase::Serve, &endpoint(1))),
        Knowledge::Here
    );
    assert_eq!(new.inherited().count(), 0);
}

#[test]
fn a_young_image_judges_by_its_predecessor_until_it_judges_itself() {
    let (_, mut new) = rollout();
    assert!(new.judges_by_predecessor(Phase::Serve, Family::Endpoint));
    assert!(!new.judges_by_predecessor(Phase::Load, Family::Endpoint));
    serve(&mut new, 4000);
    assert!(new.judges(Phase::Serve, Family::Endpoint));
    assert!(!new.judges_by_predecessor(Phase::Serve, Family::Endpoint));
}

#[test]
fn the_fewer_facts_differ_the_less_evidence_is_needed() {
    let (_, new) = rollout();
    let matures_after = |gained: usize| {
        let mut new = new.clone();
        for n in 0..8 {
            new.learn(Phase::Serve, &endpoint(n + gained), "r", 101);
        }
        let mut seconds = 0;
        while !new.judges(Phase::Serve, Family::Endpoint) {
            serve(&mut new, 100);
            seconds += 100;
        }
        seconds
    };
    let (same, one, many) = (matures_after(0), matures_after(1), matures_after(8));
    assert_eq!((same, many), (1000, 4000));
    assert!(same < one && one < many, "{one}");
}

#[test]
fn drift_counts_what_was_gained() {
    let (_, mut new) = rollout();
    new.learn(Phase::Serve, &endpoint(1), "r", 101);
    assert!(new.drift().is_empty());
    new.learn(Phase::Serve, &endpoint(9), "r", 101);
    assert_eq!(new.drift(), [(Family::Endpoint, 1)]);
}

#[test]
fn a_baseline_without_predecessor_needs_all_of_the_evidence() {
    let mut base = baseline("sha256:1");
    serve(&mut base, 3999);
    assert_eq!(base.state(), State::Learning);
    serve(&mut base, 1);
    assert_eq!(base.state(), State::Active);
}
