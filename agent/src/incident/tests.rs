#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use proptest::prelude::*;

use super::*;
use crate::baseline::key::Key;
use crate::detect::finding::{BaselineRef, Method};
use crate::observe::event::Moment;
use crate::observe::fact::Phase;

fn finding(cgroup: u64, class: Class, severity: Severity) -> Finding {
    Finding {
        cgroup: CgroupId(cgroup),
        key: Key {
            namespace: "docker".to_owned(),
            workload: "iris".to_owned(),
            container: "iris".to_owned(),
            image_digest: "sha256:1".to_owned(),
        },
        at: Moment(1),
        class,
        severity,
        method: Method::Novelty,
        phase: Phase::Serve,
        score: 9.0,
        threshold: 2.0,
        fact_id: String::new(),
        feature: "executable".to_owned(),
        title: format!("{class:?}"),
        observed: String::new(),
        raw: String::new(),
        expected: String::new(),
        contributions: Vec::new(),
        baseline: BaselineRef {
            id: String::new(),
            version: 1,
            container_seconds: 1,
            requests: 1,
            replicas: 1,
            events_lost: 0,
        },
        process: None,
        ancestry: Vec::new(),
        techniques: Vec::new(),
        next_step: String::new(),
        lost_events: 0,
        suppressed: 0,
    }
}

fn add(incidents: &mut Incidents, uid: &str, cgroup: u64, at: i64) -> IncidentId {
    incidents.add(uid, &finding(cgroup, Class::Process, Severity::Low), at)
}

#[test]
fn findings_close_together_are_one_incident() {
    let mut incidents = Incidents::new();
    let first = incidents.add("a", &finding(7, Class::Network, Severity::Medium), 1000);
    let second = incidents.add(
        "b",
        &finding(7, Class::Process, Severity::Critical),
        1000 + QUIET_MS - 1,
    );
    let third = incidents.add(
        "c",
        &finding(7, Class::File, Severity::Low),
        1000 + 2 * (QUIET_MS - 1),
    );
    assert_eq!((&first, &first), (&second, &third));
    let incident = incidents.get(first.as_str()).unwrap();
    assert_eq!(incident.findings, ["a", "b", "c"]);
    assert_eq!(incident.severity, Severity::Critical);
    assert_eq!(
        incident.classes,
        BTreeSet::from([Class::Network, Class::Process, Class::File])
    );
    assert_eq!(
        (incident.first_ms, incident.last_ms),
        (1000, 1000 + 2 * (QUIET_MS - 1))
    );
    assert_eq!(
        (incident.workload.as_str(), incident.status),
        ("iris", Status::Open)
    );
}

#[test]
fn a_quiet_spell_ends_an_incident() {
    let mut incidents = Incidents::new();
    let first = add(&mut incidents, "a", 7, 0);
    let second = add(&mut incidents, "b", 7, QUIET_MS);
    assert_ne!(first, second);
    assert_eq!(
        incidents.get(first.as_str()).unwrap().status,
        Status::Closed
    );
    incidents.close_quiet(2 * QUIET_MS - 1);
    assert_eq!(incidents.get(second.as_str()).unwrap().status, Status::Open);
    incidents.close_quiet(2 * QUIET_MS);
    assert_eq!(
        incidents.get(second.as_str()).unwrap().status,
        Status::Closed
    );
    let third = add(&mut incidents, "c", 7, 2 * QUIET_MS);
    assert_ne!(second, third);
}

#[test]
fn containers_do_not_mix() {
    let mut incidents = Incidents::new();
    assert_ne!(
        add(&mut incidents, "a", 7, 0),
        add(&mut incidents, "b", 8, 1)
    );
    assert_eq!(incidents.list().len(), 2);
}

#[test]
fn a_clock_set_back_a_little_does_not_split_an_incident() {
    let mut incidents = Incidents::new();
    let first = add(&mut incidents, "a", 7, 10_000);
    assert_eq!(add(&mut incidents, "b", 7, 4_000), first);
    assert_eq!(incidents.get(first.as_str()).unwrap().first_ms, 4_000);
    assert_ne!(add(&mut incidents, "c", 7, 4_000 - QUIET_MS), first);
}

#[test]
fn ids_follow_from_the_first_finding() {
    let mut one = Incidents::new();
    let mut other = Incidents::new();
    let id = add(&mut one, "a", 7, 0);
    assert_eq!(id, add(&mut other, "a", 7, 99));
    assert!(
        id.as_str()
            .strip_prefix("inc-")
            .is_some_and(|hex| hex.len() == 12 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
    );
}

#[test]
fn the_store_is_bounded_and_drops_closed_ones_first() {
    let mut incidents = Incidents::new();
    let open = add(&mut incidents, "first", 0, 0);
    let closed = add(&mut incidents, "second", 1, -QUIET_MS);
    incidents.close_quiet(0);
    for container in 2..=u64::try_from(CAPACITY).unwrap() {
        add(&mut incidents, "x", container, 0);
    }
    assert_eq!(incidents.list().len(), CAPACITY);
    assert_eq!(incidents.dropped(), 1);
    assert!(incidents.get(open.as_str()).is_some());
    assert!(incidents.get(closed.as_str()).is_none());
}

#[test]
fn a_flood_of_findings_is_counted_not_listed() {
    let mut incidents = Incidents::new();
    let findings = MAX_FINDINGS + 5;
    for number in 0..findings {
        add(&mut incidents, &number.to_string(), 7, 0);
    }
    let incident = incidents.list().next().unwrap();
    assert_eq!(incident.findings.len(), MAX_FINDINGS);
    assert_eq!(incident.count, u64::try_from(findings).unwrap());
}

proptest! {
    #[test]
    fn every_finding_lands_in_one_incident(
        steps in prop::collection::vec((0..3_u64, 0..2 * QUIET_MS, any::<bool>()), 0..60),
    ) {
        let mut incidents = Incidents::new();
        let mut now = 0;
        for (number, (container, pause, close)) in steps.iter().enumerate() {
            now += pause;
            if *close {
                incidents.close_quiet(now);
            }
            let uid = number.to_string();
            let id = add(&mut incidents, &uid, *container, now);
            prop_assert_eq!(&add(&mut incidents, &uid, *container, now), &id);
        }
        prop_assert_eq!(incidents.list().map(|incident| incident.findings.len()).sum::<usize>(), steps.len());
        let text = serde_json::to_string(&incidents).unwrap();
        prop_assert_eq!(serde_json::from_str::<Incidents>(&text).unwrap(), incidents);
    }
}
