#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;
use crate::baseline::key::Key;
use crate::baseline::knowledge::Knowledge;
use crate::observe::fact::{Family, Origin, Sighting};

fn empty() -> Baseline {
    let key = Key {
        namespace: "docker".into(),
        workload: "iris".into(),
        container: "iris".into(),
        image_digest: "sha256:00".into(),
    };
    Baseline::new(key, 0)
}

fn endpoint(n: u8) -> Fact {
    Fact {
        family: Family::Endpoint,
        origin: Origin::Server,
        value: format!("tcp 10.0.0.{n}:443"),
    }
}

fn word(at_s: i64) -> Decision {
    Decision::new(at_s, "ops", "release 7")
}

#[test]
fn an_approved_fact_is_known_and_waits_no_more() {
    let mut base = empty();
    base.set_pending(Phase::Serve, &endpoint(1), "r", 5);
    base.set_pending(Phase::Serve, &endpoint(2), "r", 5);
    let id = fact_id(Phase::Serve, &endpoint(1));
    let done = base.approve(&Approved::Ids(&[id]), &word(9)).unwrap();
    assert_eq!(done, [(Phase::Serve, endpoint(1))]);
    assert_eq!(
        base.knows(&Sighting::plain(Phase::Serve, &endpoint(1))),
        Knowledge::Here
    );
    assert_eq!(base.awaiting(), [(Phase::Serve, endpoint(2))]);
    let family = base.family(Phase::Serve, Family::Endpoint).unwrap();
    let seen = family.facts.get(&endpoint(1)).unwrap();
    assert_eq!((seen.approved.clone(), seen.first_s), (Some(word(9)), 5));
}

#[test]
fn an_approval_survives_a_replica_that_still_waits_for_it() {
    let mut base = empty();
    base.set_pending(Phase::Serve, &endpoint(1), "r", 5);
    let other = base.clone();
    base.approve(&Approved::AllPending, &word(9)).unwrap();
    base.merge(&other).unwrap();
    assert!(base.awaiting().is_empty());
}

#[test]
fn an_unknown_id_approves_nothing() {
    let mut base = empty();
    base.set_pending(Phase::Serve, &endpoint(1), "r", 5);
    let before = base.clone();
    let ids = [fact_id(Phase::Serve, &endpoint(1)), "0".repeat(16)];
    let error = base.approve(&Approved::Ids(&ids), &word(9)).unwrap_err();
    assert_eq!(error, ApproveError::NoSuchFact("0".repeat(16)));
    assert_eq!(base, before);
}

#[test]
fn what_was_learned_although_dangerous_waits_for_a_word() {
    let mut base = empty();
    base.learn(Phase::Load, &endpoint(1), "r", 5);
    base.set_danger(Phase::Load, &endpoint(1), "shell");
    assert_eq!(base.awaiting(), [(Phase::Load, endpoint(1))]);
    assert_eq!(
        base.approve(&Approved::AllPending, &word(9)).unwrap().len(),
        1
    );
    assert!(base.awaiting().is_empty());
    assert!(
        base.approve(&Approved::AllPending, &word(10))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn the_last_word_on_freezing_counts_even_from_a_slow_clock() {
    let mut base = empty();
    base.set_frozen(true, word(100));
    let mut other = base.clone();
    other.set_frozen(false, word(3));
    assert!(base.is_frozen() && !other.is_frozen());
    base.merge(&other).unwrap();
    assert!(!base.is_frozen());
}

#[test]
fn a_reset_is_not_undone_by_an_older_copy() {
    let mut base = empty();
    base.learn(Phase::Serve, &endpoint(1), "r", 5);
    base.set_frozen(true, word(6));
    let older = base.clone();
    let mut reset = base.reset(word(10));
    assert!(reset.version() > older.version());
    assert_eq!((reset.created_s, reset.is_frozen()), (10, false));
    reset.merge(&older).unwrap();
    assert_eq!(
        reset.knows(&Sighting::plain(Phase::Serve, &endpoint(1))),
        Knowledge::Unknown
    );
    let mut late = older;
    late.merge(&reset).unwrap();
    assert_eq!(late, reset);
}

#[test]
fn what_takes_a_baselines_place_is_not_joined_by_it() {
    let mut here = empty();
    here.learn(Phase::Serve, &endpoint(1), "r", 5);
    let here = here.reset(word(6));
    let mut imported = empty();
    imported.learn(Phase::Serve, &endpoint(2), "r", 5);
    let mut imported = imported.in_place_of(&here);
    let want = imported.clone();
    imported.merge(&here).unwrap();
    assert_eq!(imported, want);
}
