//! Scripts that a server has its interpreter run.

use super::*;

const JOB: &[&str] = &["python3", "/jobs/report.py"];

/// Whether a script that the server starts is marked as one that nobody brought.
fn starts_alone(feed: &mut Feed) -> bool {
    let job = feed.act(12, exec("/usr/bin/python3.11", 10, JOB)).unwrap();
    assert_eq!(
        job.fact.value,
        "/usr/bin/python3.11 /jobs/report.py <- /usr/bin/python3.11"
    );
    job.marks.script_alone
}

#[test]
fn a_script_of_the_image_is_told_from_one_that_was_written() {
    let mut feed = Feed::served();
    feed.act(10, open("/srv/notes.txt", Access::Write));
    assert!(starts_alone(&mut feed));
    feed.act(10, open("/jobs/report.py", Access::Write));
    assert!(!starts_alone(&mut feed));
}

#[test]
fn what_is_written_counts_whoever_recognises_it_as_told() {
    let mut feed = Feed::served();
    let event = Event {
        at: Moment(5000),
        cgroup: CgroupId(7),
        pid: 10,
        comm: "python3".into(),
        action: open("/jobs/report.py", Access::Write),
    };
    assert!(feed.observer.event_unless(&event, |_| true).is_none());
    assert!(!starts_alone(&mut feed));
}

#[test]
fn where_events_were_lost_a_script_may_have_been_written() {
    let lost = |lost_events, lost_to_quota| Counters {
        lost_events,
        lost_to_quota,
        ..Counters::default()
    };
    for (counters, is_known) in [(lost(0, 0), true), (lost(1, 0), false), (lost(0, 1), false)] {
        let mut feed = Feed::served();
        feed.window(counters);
        assert_eq!(starts_alone(&mut feed), is_known);
    }
    let mut feed = Feed::served();
    feed.observer.note_loss();
    assert!(!starts_alone(&mut feed));
    let mut found = Feed {
        observer: Observer::existing(Moment(0), Vec::new(), true),
        now: 0,
    };
    assert!(
        !found
            .act(12, exec("/usr/bin/python3.11", 10, JOB))
            .unwrap()
            .marks
            .script_alone
    );
}
