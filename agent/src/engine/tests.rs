#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::testing::*;
use super::*;
use crate::observe::event::{Access, FileId, Mapping, Place, Protocol};

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

/// Something that a container does: mostly what it always does, and by times what is never only counted.
fn deed(kind: u8) -> Action {
    let map = |upper_layer| Action::Map {
        path: "/usr/lib/libx.so.1".to_owned(),
        mapping: Mapping::Code,
        truncated: false,
        place: Place {
            upper_layer,
            ..Place::default()
        },
        file: FileId::default(),
    };
    match kind {
        0..4 => open(&format!("/etc/{kind}.conf"), Access::Read),
        4 => open("/usr/lib/python3.11/os.py", Access::Read),
        5 => Action::OpenFailed {
            path: "/etc/missing.conf".to_owned(),
            errno: 2,
            access: Access::Read,
        },
        6..9 => Action::Connect {
            protocol: Protocol::Tcp,
            peer: ([10, 0, 0, kind], 443).into(),
        },
        9 => open("/root/.aws/credentials", Access::Read),
        10 => open("/var/log/app.log", Access::Write),
        11 => map(false),
        12 => map(true),
        13 => open("/models/classifier.onnx", Access::Read),
        14 => Action::Change {
            call: 87,
            result: 0,
            path: "/srv/lock".to_owned(),
            other: None,
            detail: 0,
        },
        kind => open(
            &format!("/srv/{}", char::from(b'a' + kind % 26)),
            Access::Read,
        ),
    }
}

/// Two replicas of one workload that do these things, a few each second.
fn deeds(steps: &[(u8, u64)]) -> Vec<Input> {
    let at = |second: u64| Moment(second * 1_000_000_000);
    let mut inputs = vec![Input::Time(time(1))];
    let event = |number: u64, at: Moment, action: Action| {
        Input::Event(Event {
            at,
            cgroup: CgroupId(number),
            pid: 100,
            comm: "python3".into(),
            action,
        })
    };
    for number in [7, 8] {
        inputs.push(Input::Watch(Box::new(Watch {
            container: container(number),
            key: key("model"),
            birth: Birth::Seen(at(1)),
            lossy: false,
        })));
        let program = exec("/usr/bin/python3.11", &["python3", "app.py"], 1, true);
        inputs.push(event(number, at(1), program));
    }
    for (second, steps) in (2..).zip(steps.chunks(6)) {
        inputs.push(Input::Time(time(second)));
        let steps = steps.iter();
        inputs.extend(steps.map(|(kind, number)| event(*number, at(second), deed(*kind))));
        inputs.extend([7, 8].map(|number| Input::Window {
            cgroup: CgroupId(number),
            window: Box::new(window(at(second), second)),
        }));
    }
    inputs
}

fn without_habits(engine: &mut MemoryEngine) {
    engine.baselines_mut();
    for member in engine.members.values_mut() {
        member.habits = Habits::default();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_is_only_counted_changes_nothing(
        steps in prop::collection::vec((0_u8..18, 7_u64..9), 0..600)
    ) {
        let (mut one, mut other) = (engine(), engine());
        for input in deeds(&steps) {
            let (effects, expected) = (one.take(input.clone()), other.take(input));
            without_habits(&mut other);
            prop_assert_eq!(effects.findings, expected.findings);
            prop_assert_eq!(effects.suppressed, expected.suppressed);
            prop_assert_eq!(effects.news, expected.news);
        }
        prop_assert_eq!(one.baselines_mut(), other.baselines_mut());
        prop_assert_eq!(format!("{:?}", one.detector), format!("{:?}", other.detector));
        for number in [7, 8] {
            prop_assert_eq!(one.observer(CgroupId(number)), other.observer(CgroupId(number)));
        }
    }
}

#[test]
fn what_is_done_again_is_only_counted_and_reaches_the_baseline_before_the_next_window() {
    let usual = [(0, 7), (5, 7), (6, 7), (11, 7)];
    let steps: Vec<(u8, u64)> = usual.into_iter().cycle().take(400).collect();
    let mut inputs = deeds(&steps);
    let last = inputs.split_off(inputs.len() - 2);
    let mut engine = engine();
    feed(&mut engine, &inputs);
    assert!(engine.members[&CgroupId(7)].habits.has_counted());
    assert!(!engine.members[&CgroupId(8)].habits.has_counted());
    let occasions = |engine: &MemoryEngine| -> u64 {
        let baseline = &engine.baselines()[&key("model")];
        let facts = baseline
            .families()
            .flat_map(|(_, family)| family.facts.iter());
        let done =
            facts.filter(|(fact, _)| fact.value == "/etc/*.conf" || fact.value == "/etc/0.conf");
        done.map(|(_, seen)| seen.occasions()).sum()
    };
    assert!(occasions(&engine) < 100);
    feed(&mut engine, &last);
    assert!(!engine.members[&CgroupId(7)].habits.has_counted());
    assert_eq!(occasions(&engine), 100);
}

#[test]
fn a_file_that_is_written_again_and_again_is_a_habit_as_long_as_its_whole_name_is_known() {
    let fact = crate::observe::fact::Fact {
        family: crate::observe::fact::Family::FileWrite,
        origin: crate::observe::fact::Origin::Server,
        value: "/var/log/app.log".to_owned(),
    };
    let sighting = Sighting::plain(crate::observe::fact::Phase::Serve, &fact);
    let mut action = open("/var/log/app.log", Access::Write);
    assert!(Habits::may_be(&action, &sighting));
    assert_eq!(written(&action), Some("/var/log/app.log"));
    if let Action::Open { truncated, .. } = &mut action {
        *truncated = true;
    }
    assert!(!Habits::may_be(&action, &sighting));
    assert_eq!(written(&open("/srv/a", Access::Read)), None);
}

#[test]
fn habits_are_bounded() {
    let (mut habits, mut keys) = (Habits::default(), DeedKeys::new());
    let fact = crate::observe::fact::Fact {
        family: crate::observe::fact::Family::FileRead,
        origin: crate::observe::fact::Origin::Server,
        value: "/srv/*".to_owned(),
    };
    let sighting = Sighting::plain(crate::observe::fact::Phase::Serve, &fact);
    for number in 0..5000 {
        let action = open(&format!("/srv/{number}"), Access::Read);
        assert!(Habits::may_be(&action, &sighting));
        habits.remember(&action, &sighting, &mut keys);
    }
    assert!(!habits.has_room());
    let known = |number: u64| {
        let deed = crate::observe::container::Deed {
            phase: sighting.phase,
            origin: fact.origin,
            action: &open(&format!("/srv/{number}"), Access::Read),
            name: None,
        };
        habits.count(&deed, 1, &mut keys)
    };
    assert_eq!((0..5000).map(known).filter(|known| *known).count(), 1024);
}
