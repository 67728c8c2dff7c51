#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::collections::BTreeSet;

use super::testing::*;
use super::*;

const HOUR_MS: i64 = 3_600_000;

/// What a finding says, whenever it was handled.
fn said(reported: &[Reported]) -> Vec<(String, String, Moment)> {
    reported
        .iter()
        .map(|it| {
            let severity = it.finding.severity.name().to_owned();
            (severity, it.finding.title.clone(), it.finding.at)
        })
        .collect()
}

#[test]
fn a_break_in_is_found_and_equal_inputs_give_equal_findings() {
    let inputs = life(7, "model", 10);
    let found = feed(&mut engine(), &inputs);
    assert!(found.len() >= 3, "{:?}", said(&found));
    assert!(
        found
            .iter()
            .all(|it| it.finding.at >= Moment((10 + BREAK_IN) * 1_000_000_000))
    );
    assert_eq!(found, feed(&mut engine(), &inputs));
    let sequences: Vec<u64> = found.iter().map(|it| it.sequence).collect();
    assert_eq!(sequences, (1..=found.len() as u64).collect::<Vec<_>>());
    let uids: BTreeSet<&str> = found.iter().map(|it| it.uid.as_str()).collect();
    assert_eq!(uids.len(), found.len());
}

#[test]
fn the_name_of_a_finding_has_its_time_its_container_and_its_content() {
    let found = feed(&mut engine(), &life(7, "model", 10));
    let first = &found[0];
    let name: Ulid = first.uid.parse().unwrap();
    let at_ms = BOOT_MS.unsigned_abs() + first.finding.at.0 / 1_000_000;
    assert_eq!(name.timestamp_ms(), at_ms);
    let other = container(8);
    assert_ne!(uid(&first.finding, &other, BOOT_MS), first.uid);
    let changed = Finding {
        title: "another".to_owned(),
        ..first.finding.clone()
    };
    assert_ne!(uid(&changed, &first.container, BOOT_MS), first.uid);
}

#[test]
fn from_a_checkpoint_at_any_time_the_rest_is_the_same() {
    let inputs = together(life(7, "model", 10), life(8, "model", 25));
    let keys = BTreeSet::from([key("model")]);
    for at in (0..inputs.len()).step_by(23) {
        let (before, after) = inputs.split_at(at);
        let mut first = engine();
        feed(&mut first, before);
        let reported = first.reported();
        let time = first.time();
        let checkpoint = first.checkpoint(&keys);
        let mut second = engine();
        second.take(Input::Elsewhere { findings: reported });
        second.take(Input::Time(time));
        feed(&mut second, &checkpoint);
        // All that any layer remembers is carried: a new one has its place in `Detection`.
        let remembered = |engine: &MemoryEngine| format!("{:#?}", engine.detector);
        assert_eq!(remembered(&first), remembered(&second), "at {at}");
        assert_eq!(feed(&mut first, after), feed(&mut second, after), "at {at}");
        let baseline = Store::get(first.baselines(), &key("model"));
        assert_eq!(baseline, Store::get(second.baselines(), &key("model")));
    }
}

#[test]
fn a_step_of_the_wall_clock_changes_only_the_times_of_day() {
    let inputs = life(7, "model", 10);
    let steady = feed(&mut engine(), &inputs);
    for step_ms in [HOUR_MS, -HOUR_MS, 400 * 24 * HOUR_MS] {
        let mut stepped = inputs.clone();
        for input in stepped.iter_mut().skip(30) {
            if let Input::Time(time) = input {
                time.wall_ms += step_ms;
                time.boot_ms += step_ms;
            }
        }
        let found = feed(&mut engine(), &stepped);
        assert_eq!(said(&found), said(&steady));
        assert!(found.iter().all(|it| it.time.boot_ms == BOOT_MS + step_ms));
    }
}

#[test]
fn a_gap_in_the_windows_changes_nothing_but_the_gap() {
    const GAP: u64 = 7200;
    let inputs = life(7, "model", 10);
    let whole = feed(&mut engine(), &inputs);
    let begins = Moment(50 * 1_000_000_000);
    let later = |at: &mut Moment| {
        if *at > begins {
            at.0 += GAP * 1_000_000_000;
        }
    };
    let mut with_gap = inputs.clone();
    for input in &mut with_gap {
        match input {
            Input::Event(event) => later(&mut event.at),
            Input::Window { window, .. } => later(&mut window.end),
            Input::Time(time) if time.since_boot() > begins => {
                time.wall_ms += i64::try_from(GAP * 1000).unwrap();
            }
            _ => {}
        }
    }
    let found = feed(&mut engine(), &with_gap);
    let expected: Vec<_> = said(&whole)
        .into_iter()
        .map(|(severity, title, mut at)| {
            later(&mut at);
            (severity, title, at)
        })
        .collect();
    assert_eq!(said(&found), expected);
}

#[test]
fn an_ended_container_leaves_nothing_behind() {
    let mut engine = engine();
    feed(&mut engine, &life(7, "model", 10));
    assert_eq!(engine.watched().count(), 0);
    assert!(engine.observer(CgroupId(7)).is_none());
    assert!(engine.scores(CgroupId(7)).is_empty());
    let left = engine.checkpoint(&BTreeSet::from([key("model")]));
    assert!(matches!(left.as_slice(), [Input::Baseline(_)]));
}

#[test]
fn what_is_not_watched_says_nothing() {
    let mut engine = engine();
    let found = feed(&mut engine, &life(7, "model", 10)[2..]);
    assert_eq!(found, []);
}
