//! Known peers, contacted in other ways.

use super::*;
use crate::baseline::learning::State;

const PEER: &str = "tcp llm.example:443";
const SERVER: &str = "tcp llm.example:443 <- /usr/bin/python3.11";
const COPY: &str = "tcp llm.example:443 <- a copy of /usr/bin/python3.11";

/// A workload that learned these contacts of [`PEER`].
fn learned(contacts: &[&str]) -> Bench {
    let mut bench = Bench::new();
    let contacts = contacts.iter().map(|it| sight(Family::Contact, it));
    let routine = Bench::routine().into_iter().chain(contacts);
    for sight in routine.chain([sight(Family::Endpoint, PEER)]) {
        assert_eq!(bench.see(sight).finding, None);
    }
    bench.quiet(40);
    assert_eq!(bench.baseline.state(), State::Active);
    bench
}

fn severity(bench: &mut Bench, value: &str) -> Option<Severity> {
    let outcome = bench.see(sight(Family::Contact, value));
    outcome.finding.map(|finding| finding.severity)
}

#[test]
fn a_copy_that_contacts_a_known_peer_is_a_note() {
    let mut bench = learned(&[SERVER]);
    assert_eq!(severity(&mut bench, SERVER), None);
    assert_eq!(severity(&mut bench, COPY), Some(Severity::Low));
    let mut forks = learned(&[SERVER, COPY]);
    assert_eq!(severity(&mut forks, COPY), None);
}

#[test]
fn of_a_peer_that_is_not_known_itself_no_more_is_said() {
    let mut bench = learned(&[SERVER]);
    let unknown = "tcp other.example:443 <- a copy of /usr/bin/python3.11";
    assert_eq!(severity(&mut bench, unknown), None);
}

#[test]
fn a_way_of_another_phase_is_no_news() {
    let mut bench = learned(&[SERVER]);
    let load = sight(Family::Contact, COPY).in_phase(Phase::Load);
    let (mut baseline, fact) = (bench.baseline.clone(), load.0.fact);
    baseline.learn(Phase::Load, &fact, "7", bench.now_s);
    bench.baseline = baseline;
    assert_eq!(severity(&mut bench, COPY), None);
}

#[test]
fn a_baseline_that_knows_no_contacts_learns_them() {
    let mut bench = learned(&[]);
    let server = sight(Family::Contact, SERVER);
    assert_eq!(bench.see(server.clone()).news, Some(News::Learned));
    assert_eq!(bench.baseline.knows(&server.0), Knowledge::Here);
}

#[test]
fn more_requests_than_usual_account_for_several_clients() {
    const CLIENTS: &str = "tcp llm.example:443 <- several clients";
    let found = |load, value: &str| {
        let mut bench = learned(&[SERVER]);
        let contact = sight(Family::Contact, value).0;
        let outcomes = bench.window_with(load, [0.0; 4], |window| window.sightings.push(contact));
        let finding = outcomes.into_iter().find_map(|outcome| outcome.finding);
        // A pool of connections keeps some of them, and grows again.
        let later = bench.see(sight(Family::Contact, value)).finding;
        assert_eq!(later, None);
        finding.map(|finding| finding.severity)
    };
    assert_eq!(found(1, CLIENTS), Some(Severity::Low));
    assert_eq!(found(2, CLIENTS), Some(Severity::Low));
    assert_eq!(found(4, CLIENTS), None);
    assert_eq!(found(4, COPY), Some(Severity::Low));
}

#[test]
fn a_copy_that_takes_the_connections_of_a_known_port_is_a_note() {
    const SERVER: &str = "accept tcp *:8000 <- /usr/bin/python3.11";
    const COPY: &str = "accept tcp *:8000 <- a copy of /usr/bin/python3.11";
    let mut bench = learned(&[SERVER]);
    assert_eq!(severity(&mut bench, SERVER), None);
    let outcome = bench.see(sight(Family::Contact, COPY));
    let finding = outcome.finding.unwrap();
    assert_eq!(finding.severity, Severity::Low);
    let title = "connections to a known port were taken in a new way: tcp *:8000 <- a copy of /usr/bin/python3.11";
    assert_eq!(finding.title, title);
    // A port that is opened is news by itself.
    let another = "accept tcp *:9000 <- a copy of /usr/bin/python3.11";
    assert_eq!(severity(&mut bench, another), None);
}
