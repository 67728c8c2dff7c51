//! What the workload does at each of its starts and can never be learned.

use super::*;
use crate::observe::fact::{Origin, ProcessInfo};

fn process(exe: &str, argv: &[&str]) -> ProcessInfo {
    ProcessInfo {
        pid: 7,
        exe: exe.to_owned(),
        argv: argv.iter().map(|part| (*part).to_owned()).collect(),
        ..ProcessInfo::default()
    }
}

/// A framework that asks at its start whether it runs in a cloud.
fn asks() -> Sight {
    let mut sight = sight(Family::Endpoint, "tcp 169.254.169.254:80")
        .mark(|marks| marks.metadata_address = true)
        .in_phase(Phase::Start);
    sight.0.process = process("/usr/bin/python3.11", &["python3", "-m", "serve"]);
    sight.0.ancestry = vec![process("/usr/bin/dash", &["sh", "/start.sh"])];
    sight
}

/// A bench after so many lives that asked at their start, of which each was told.
fn lived(lives: u64) -> Bench {
    let mut bench = Bench::new();
    for life in 0..lives {
        let outcome = bench.see_in(CgroupId(100 + life), asks());
        let finding = outcome.finding.expect("an alert for each of them");
        assert_eq!(finding.severity, Severity::High);
        let others = format!("{life} other{}", if life == 1 { "" } else { "s" });
        assert!(finding.expected.contains(&others), "{}", finding.expected);
    }
    bench
}

fn changed(change: impl FnOnce(&mut Sighting)) -> Sight {
    let mut sight = asks();
    change(&mut sight.0);
    sight
}

#[test]
fn what_three_lives_did_at_their_start_is_silent_in_later_starts() {
    let mut bench = lived(3);
    for life in 0..30 {
        assert_eq!(
            bench.see_in(CgroupId(life), asks()),
            repeated(News::NeverLearn)
        );
    }
    assert!(lived(2).see_in(CONTAINER, asks()).finding.is_some());
}

#[test]
fn one_life_is_one_however_often_it_asks() {
    let mut bench = Bench::new();
    for _ in 0..9 {
        assert!(bench.see(asks()).finding.is_some());
        bench.now_s += 3600;
    }
    assert!(bench.see_in(CgroupId(8), asks()).finding.is_some());
}

#[test]
fn any_other_contact_alerts_as_ever() {
    let others = || {
        let mut others: Vec<_> = Phase::ALL
            .into_iter()
            .filter(|phase| *phase != Phase::Start)
            .map(|phase| asks().in_phase(phase))
            .collect();
        others.extend([
            changed(|it| it.fact.value = "tcp 169.254.170.2:80".into()),
            changed(|it| it.fact.origin = Origin::Runtime),
            changed(|it| it.process.exe = "/usr/bin/curl".into()),
            changed(|it| it.process.argv = vec!["python3".into(), "/tmp/x.py".into()]),
            changed(|it| it.ancestry.clear()),
            changed(|it| it.ancestry.push(process("/usr/bin/tini", &["tini"]))),
            changed(|it| it.process.pid = 0),
        ]);
        others
    };
    let mut bench = lived(3);
    // A life of its own for each, as one contact is told once an hour.
    for (life, other) in (1000..).zip(others()) {
        assert!(
            bench
                .see_in(CgroupId(life), other.clone())
                .finding
                .is_some(),
            "{other:?}"
        );
    }
    // What was silent at the start is none the less told once others may be behind it.
    assert_eq!(bench.see(asks()), repeated(News::NeverLearn));
    assert!(bench.see(asks().in_phase(Phase::Serve)).finding.is_some());
}

#[test]
fn no_other_kind_becomes_silent() {
    let others = || {
        [
            sight(Family::FileWrite, "/etc/ld.so.preload"),
            sight(
                Family::FileRead,
                "/var/run/secrets/kubernetes.io/serviceaccount/token",
            ),
            sight(Family::Privileged, "socket on fd 0"),
            sight(Family::Privileged, "unshare denied EPERM"),
            sight(Family::Privileged, "ptrace ok"),
            sight(Family::Executable, "memfd <- /usr/bin/python3.11").mark(|m| m.fileless = true),
        ]
    };
    let mut bench = Bench::new();
    for life in 0..6 {
        for other in others() {
            let outcome = bench.see_in(CgroupId(life), other.in_phase(Phase::Start));
            assert!(outcome.finding.is_some());
        }
    }
    assert!(bench.baseline.starts.is_empty());
}

#[test]
fn a_new_image_and_a_reset_begin_anew_and_a_frozen_baseline_keeps_what_it_knows() {
    let bench = lived(3);
    let mut key = bench.baseline.key.clone();
    key.image_digest = "sha256:11".into();
    let mut next = Bench::new();
    next.baseline = Baseline::new(key, 0);
    next.baseline.inherit(&bench.baseline, 0);
    assert!(next.see(asks()).finding.is_some());

    let mut reset = Bench::new();
    reset.baseline = bench.baseline.reset(Decision::default());
    assert!(reset.see(asks()).finding.is_some());

    let mut frozen = lived(3);
    frozen.baseline.set_frozen(true, Decision::default());
    assert_eq!(frozen.see(asks()), repeated(News::NeverLearn));
    let mut early = Bench::new();
    early.baseline.set_frozen(true, Decision::default());
    for life in 0..6 {
        assert!(early.see_in(CgroupId(life), asks()).finding.is_some());
    }
}
