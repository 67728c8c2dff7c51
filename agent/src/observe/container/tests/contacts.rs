//! Who contacts a peer.

use super::*;

const PEER: &str = "10.0.0.7:443";

fn contact(peer: &str) -> Action {
    Action::Connect {
        protocol: Protocol::Tcp,
        peer: peer.parse().unwrap(),
    }
}

fn clients(peer: &str) -> Action {
    Action::Clients {
        protocol: Protocol::Tcp,
        peer: peer.parse().unwrap(),
    }
}

/// The contacts that the window tells, as value and process.
fn told(feed: &mut Feed) -> Vec<(String, u32)> {
    let report = feed.window(served(calls(&[])));
    let contacts = report.sightings.into_iter();
    let contacts = contacts.filter(|it| it.fact.family == Family::Contact);
    contacts.map(|it| (it.fact.value, it.process.pid)).collect()
}

#[test]
fn a_program_its_copy_and_another_program_contact_a_peer_in_their_own_ways() {
    let mut feed = Feed::served();
    let endpoint = feed.act(10, contact(PEER)).unwrap();
    assert_eq!(endpoint.fact.family, Family::Endpoint);
    feed.act(10, Action::Fork { child: 11 });
    feed.act(11, contact(PEER));
    feed.act(11, exec("/usr/bin/git", 10, &["git", "fetch"]));
    feed.act(11, contact(PEER));
    let server = "tcp 10.0.0.7:443 <- /usr/bin/python3.11 -m uvicorn";
    let copy = "tcp 10.0.0.7:443 <- a copy of /usr/bin/python3.11 -m uvicorn";
    let git = "tcp 10.0.0.7:443 <- /usr/bin/git";
    let all = [(server, 10), (copy, 11), (git, 11)];
    assert_eq!(
        told(&mut feed),
        all.map(|(value, pid)| (value.to_owned(), pid))
    );
}

#[test]
fn a_contact_is_told_once_for_each_process_in_each_phase() {
    let mut feed = Feed::served();
    let count = |feed: &mut Feed| {
        feed.act(10, contact(PEER));
        feed.act(10, contact(PEER));
        told(feed).len()
    };
    assert_eq!(count(&mut feed), 1);
    assert_ne!(feed.observer.phase(), Phase::Start, "a request came");
    assert_eq!((count(&mut feed), count(&mut feed)), (1, 0));
    feed.observer.tell_again();
    assert_eq!(count(&mut feed), 1);
}

#[test]
fn a_peer_with_several_clients_is_told_of() {
    let mut feed = Feed::served();
    assert_eq!(feed.act(0, clients(PEER)), None);
    let value = "tcp 10.0.0.7:443 <- several clients".to_owned();
    assert_eq!(told(&mut feed), [(value, 0)]);
}

#[test]
fn loopback_the_metadata_service_and_commands_of_the_runtime_are_left_out() {
    let mut feed = Feed::served();
    feed.act(10, contact("127.0.0.1:8000"));
    feed.act(10, contact("169.254.169.254:80"));
    feed.act(10, clients("127.0.0.1:8000"));
    feed.act(30, exec("/usr/bin/curl", RUNTIME, &["curl"]));
    feed.act(30, contact(PEER));
    assert_eq!(told(&mut feed), []);
}

#[test]
fn who_takes_the_connections_of_a_port_is_told() {
    let accept = |local: &str| Action::Accept {
        local: local.parse().unwrap(),
    };
    let mut feed = Feed::served();
    assert_eq!(feed.act(10, accept("10.0.0.9:8000")), None);
    feed.act(10, Action::Fork { child: 11 });
    feed.act(11, accept("10.0.0.9:8000"));
    feed.act(30, exec("/usr/bin/nc", RUNTIME, &["nc"]));
    feed.act(30, accept("10.0.0.9:8000"));
    let server = "accept tcp *:8000 <- /usr/bin/python3.11 -m uvicorn";
    let copy = "accept tcp *:8000 <- a copy of /usr/bin/python3.11 -m uvicorn";
    let all = [(server, 10), (copy, 11)];
    assert_eq!(
        told(&mut feed),
        all.map(|(value, pid)| (value.to_owned(), pid))
    );
}
