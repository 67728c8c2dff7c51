#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::baseline::decision::Decision;
use crate::baseline::exposure::Share;
use crate::baseline::key::Key;
use crate::observe::fact::{Fact, Origin};

const SHORT: LearningSettings = LearningSettings {
    min_duration_s: 20,
    min_requests: 50,
};

fn baseline() -> Baseline {
    let key = Key {
        namespace: "docker".into(),
        workload: "w".into(),
        container: "w".into(),
        image_digest: "sha256:0".into(),
    };
    Baseline::new(key, 0)
}

fn fact(family: Family, value: &str) -> Fact {
    Fact {
        family,
        origin: Origin::Server,
        value: value.into(),
    }
}

fn serve(base: &mut Baseline, replica: &str, seconds: u64, requests: u64) {
    for _ in 0..seconds {
        let second = Share {
            ms: 1000,
            windows: 1,
            requests: requests / seconds,
            ..Share::default()
        };
        base.add_window(Phase::Serve, replica, second, 0);
        base.mature(SHORT, 0);
    }
}

#[test]
fn a_steady_workload_matures_soon_after_its_minimum() {
    let mut base = baseline();
    serve(&mut base, "r", 19, 190);
    assert_eq!(base.state(), State::Learning);
    serve(&mut base, "r", 1, 10);
    assert_eq!(base.state(), State::Active);
}

#[test]
fn time_without_requests_is_no_evidence() {
    let mut base = baseline();
    serve(&mut base, "r", 300, 0);
    assert_eq!(base.state(), State::Learning);
    let endpoint = base
        .progress(SHORT, 0)
        .into_iter()
        .find(|p| p.phase == Phase::Serve && p.family == Family::Endpoint);
    let endpoint = endpoint.unwrap();
    assert_eq!(endpoint.reason, "observed 0 of 50 requests");
    assert_eq!(endpoint.state, FamilyState::Stuck);
    let stuck = base.stuck(SHORT, 0).unwrap();
    assert!(stuck.reason.contains("request"), "{}", stuck.reason);
    base.set_frozen(true, Decision::default());
    assert_eq!(base.stuck(SHORT, 0), None);
}

#[test]
fn novelty_postpones_its_own_family_only() {
    let mut base = baseline();
    serve(&mut base, "r", 18, 180);
    base.learn(Phase::Serve, &fact(Family::FileWrite, "/a"), "r", 0);
    serve(&mut base, "r", 4, 40);
    assert!(base.judges(Phase::Serve, Family::Endpoint));
    assert!(!base.judges(Phase::Serve, Family::FileWrite));
    assert_eq!(base.state(), State::Learning);
    serve(&mut base, "r", 1, 10);
    assert_eq!(base.state(), State::Active);
}

#[test]
fn the_more_was_observed_the_longer_the_quiet_must_be() {
    let mut base = baseline();
    for i in 0..40 {
        serve(&mut base, "r", 4, 40);
        base.learn(
            Phase::Serve,
            &fact(Family::Endpoint, &i.to_string()),
            "r",
            0,
        );
    }
    serve(&mut base, "r", 15, 15);
    assert!(!base.judges(Phase::Serve, Family::Endpoint));
    serve(&mut base, "r", 4, 4);
    assert!(base.judges(Phase::Serve, Family::Endpoint));
}

#[test]
fn a_matured_family_stays_matured() {
    let mut base = baseline();
    serve(&mut base, "r", 20, 200);
    base.learn(Phase::Serve, &fact(Family::Endpoint, "late"), "r", 0);
    base.mature(SHORT, 0);
    assert!(base.judges(Phase::Serve, Family::Endpoint));
}

#[test]
fn a_full_set_never_judges_and_says_why() {
    let mut base = baseline();
    for i in 0..=cap(Family::Listener) {
        base.learn(
            Phase::Serve,
            &fact(Family::Listener, &i.to_string()),
            "r",
            0,
        );
    }
    serve(&mut base, "r", 100, 1000);
    assert_eq!(base.state(), State::Learning);
    let stuck: Vec<_> = base
        .progress(SHORT, 0)
        .into_iter()
        .filter(|p| p.state == FamilyState::Stuck)
        .collect();
    assert_eq!(stuck.len(), 1);
    assert!(
        stuck.iter().all(|p| p.family == Family::Listener
            && p.reason.starts_with("more than 64 different values"))
    );
}

#[test]
fn short_phases_mature_after_two_complete_passes() {
    let mut base = baseline();
    let uname = fact(Family::Executable, "/usr/bin/uname <- /usr/bin/python3");
    for (replica, mature) in [("a", false), ("b", true)] {
        base.learn(Phase::Start, &uname, replica, 0);
        base.mature(SHORT, 0);
        assert!(!base.judges(Phase::Start, Family::Executable), "mid-pass");
        serve(&mut base, replica, 20, 200);
        assert_eq!(base.judges(Phase::Start, Family::Executable), mature);
    }
}

#[test]
fn warm_up_is_experience_of_serving_and_judges_with_it() {
    let mut base = baseline();
    let uname = fact(Family::Executable, "/usr/bin/uname <- /usr/bin/python3");
    base.learn(Phase::WarmUp, &uname, "r", 0);
    let warm_up = Share {
        ms: 15_000,
        windows: 3,
        requests: 45,
        ..Share::default()
    };
    base.add_window(Phase::WarmUp, "r", warm_up, 0);
    serve(&mut base, "r", 4, 4);
    assert!(!base.judges(Phase::WarmUp, Family::Executable));
    serve(&mut base, "r", 1, 1);
    for phase in [Phase::WarmUp, Phase::Serve, Phase::Reload] {
        assert!(base.judges(phase, Family::Executable), "{phase:?}");
    }
    assert!(!base.judges(Phase::Start, Family::Executable));
    for i in 0..=cap(Family::Listener) {
        let value = i.to_string();
        base.learn(Phase::WarmUp, &fact(Family::Listener, &value), "r", 0);
    }
    assert!(!base.judges(Phase::WarmUp, Family::Listener), "a full set");
    assert!(base.judges(Phase::Serve, Family::Listener));
}

#[test]
fn a_stop_that_is_going_on_is_not_a_pass() {
    let mut base = baseline();
    serve(&mut base, "c", 20, 200);
    for replica in ["a", "b"] {
        base.learn(Phase::Stop, &fact(Family::FileWrite, "/pid"), replica, 1000);
    }
    base.mature(SHORT, 1010);
    assert!(!base.judges(Phase::Stop, Family::FileWrite));
    base.mature(SHORT, 1000 + STOP_OVER_S + 1);
    assert!(base.judges(Phase::Stop, Family::FileWrite));
}

#[test]
fn frozen_judges_at_once() {
    let mut base = baseline();
    base.set_frozen(true, Decision::default());
    assert_eq!(base.state(), State::Frozen);
    assert!(base.judges(Phase::Start, Family::Endpoint));
    assert!(
        base.progress(SHORT, 0)
            .iter()
            .all(|p| p.state == FamilyState::Active)
    );
}
