//! How attempts and programs end.

use super::*;

#[test]
fn a_program_that_is_nowhere_is_one_fact_and_another_failure_keeps_its_path() {
    let mut feed = Feed::served();
    assert_eq!(feed.not_started(10, "/usr/local/bin/curl"), None);
    assert_eq!(feed.not_started(10, "/usr/bin/curl"), None);
    let curl = feed.not_started(10, "/usr/local/bin/wget").unwrap();
    assert_eq!(curl.fact.family, Family::FileAttempt);
    assert_eq!(curl.fact.value, "exec curl ENOENT");
    assert_eq!(curl.raw, "/usr/bin/curl: ENOENT");
    let report = feed.window(served(calls(&[])));
    assert_eq!(names(&report), ["exec wget ENOENT"]);
    let refused = Action::ExecFailed {
        path: "/tmp/tmpabcdefgh/x".to_owned(),
        errno: libc::EACCES,
    };
    let refused = feed.act(10, refused).unwrap();
    assert_eq!(refused.fact.value, "exec /tmp/tmp*/x EACCES");
}

#[test]
fn a_program_found_in_a_later_directory_did_not_fail() {
    let mut feed = Feed::served();
    feed.act(10, Action::Fork { child: 11 });
    feed.act(10, Action::Fork { child: 12 });
    assert_eq!(feed.not_started(11, "/usr/local/bin/uname"), None);
    assert_eq!(feed.not_started(12, "/usr/local/bin/nc"), None);
    feed.act(11, exec("/usr/bin/uname", 10, &["uname", "-p"]));
    feed.act(12, exec("/usr/bin/uname", 10, &["uname", "-p"]));
    let report = feed.window(served(calls(&[])));
    assert_eq!(names(&report), ["exec nc ENOENT"], "uname was found");
}

#[test]
fn only_a_bad_end_is_a_sighting() {
    let mut feed = Feed::served();
    feed.act(10, Action::Fork { child: 11 });
    feed.act(10, Action::Fork { child: 12 });
    assert_eq!(feed.act(11, Action::Exit { status: 0 }), None);
    let crash = feed.act(12, Action::Exit { status: 11 }).unwrap();
    assert_eq!(crash.fact.family, Family::Exit);
    assert_eq!(
        crash.fact.value,
        "/usr/bin/python3.11 -m uvicorn: killed by SIGSEGV"
    );
    assert_eq!(crash.process.pid, 12);
    let unknown = feed.act(99, Action::Exit { status: 11 });
    assert_eq!(unknown, None, "nothing is known of that process");
}

fn connected(peer: &str, errno: i32) -> Action {
    Action::Connected {
        protocol: Protocol::Tcp,
        peer: peer.parse().unwrap(),
        errno,
        duration_us: 250,
    }
}

#[test]
fn how_a_connect_ended_is_laid_to_who_contacted_the_peer() {
    let mut feed = Feed::served();
    let contact = Action::Connect {
        protocol: Protocol::Tcp,
        peer: "10.0.0.7:443".parse().unwrap(),
    };
    feed.act(10, contact.clone()).unwrap();
    let refused = feed
        .act(0, connected("10.0.0.7:443", libc::ECONNREFUSED))
        .unwrap();
    assert_eq!(refused.fact.family, Family::Outcome);
    assert_eq!(refused.fact.value, "tcp 10.0.0.7:443 refused");
    assert_eq!(refused.raw, "tcp 10.0.0.7:443 refused after 250 us");
    assert_eq!(refused.process.pid, 10);
    // Of a command of the runtime's it is not laid to the server, also when the command has ended.
    feed.act(30, exec("/usr/bin/curl", RUNTIME, &["curl"]));
    feed.act(30, contact);
    feed.act(30, Action::Exit { status: 0 });
    let timed_out = feed
        .act(0, connected("10.0.0.7:443", libc::ETIMEDOUT))
        .unwrap();
    assert_eq!(timed_out.fact.origin, Origin::Runtime);
    let unknown = feed.act(0, connected("10.0.0.8:443", 0)).unwrap();
    assert_eq!(unknown.fact.value, "tcp 10.0.0.8:443 ok");
    assert_eq!(unknown.fact.origin, Origin::Server);
    assert_eq!(unknown.process.pid, 0);
}
