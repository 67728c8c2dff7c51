//! What real model servers did, recorded while clients and an operator did with them what they do, goes through the core
//! again: the same findings each time, every phase of their lives, and next to nothing to report.
//!
//! `cargo run --release -p picket-tests --example record_servers DIRECTORY MINUTES SEED [MAKE…]` makes such recordings.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use picket::config::Config;
use picket::engine::Settings;
use picket::evaluate::material;
use picket::evaluate::soak::{Plan, soak};
use picket::evaluate::walk::recordings;
use picket::observe::fact::Phase;
use picket::record::{Reader, Replay};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings")
}

/// The findings of a recording, as JSON.
fn findings(path: &Path, settings: Option<&Settings>) -> Vec<String> {
    let reader = Reader::new(BufReader::new(File::open(path).unwrap()), path).unwrap();
    let mut replay = Replay::new(reader, settings).unwrap();
    let mut found = Vec::new();
    while let Some(step) = replay.step().unwrap() {
        let findings = step.effects.findings.into_iter();
        found.extend(findings.map(|it| serde_json::to_string(&it.finding).unwrap()));
    }
    found
}

#[test]
fn a_recording_gives_no_finding_that_pages() {
    for path in recordings(&directory()).unwrap() {
        for finding in findings(&path, None) {
            let is_small = finding.contains(r#""severity":"low""#);
            assert!(is_small, "{}: {finding}", path.display());
        }
    }
}

#[test]
fn a_recording_gives_the_same_findings_each_time() {
    // At a budget at which there are some.
    let mut all = 0;
    for path in recordings(&directory()).unwrap() {
        let file = BufReader::new(File::open(&path).unwrap());
        let mut settings = Reader::new(file, &path).unwrap().header().settings.clone();
        settings.budget.findings_per_container_month = 1000.0;
        let first = findings(&path, Some(&settings));
        assert_eq!(
            first,
            findings(&path, Some(&settings)),
            "{}",
            path.display()
        );
        all += first.len();
    }
    assert!(all > 0);
}

#[test]
fn what_is_still_learned_raises_nothing() {
    let config = Config::default();
    for path in recordings(&directory()).unwrap() {
        let learning = Settings::from(&config);
        let found = findings(&path, Some(&learning));
        assert_eq!(found, Vec::<String>::new(), "{}", path.display());
    }
}

#[test]
fn every_server_goes_through_its_phases() {
    let materials = material::read(&directory()).unwrap();
    assert!(materials.len() >= 3);
    let mut all = BTreeSet::new();
    for material in &materials {
        let lives = material.lives.iter().filter(|life| life.birth.is_some());
        let mut seen = BTreeSet::new();
        for life in lives {
            let phases: Vec<Phase> = life.pieces.iter().filter_map(|it| it.phase).collect();
            let rank = |phase: &Phase| match phase {
                Phase::Start => 0,
                Phase::Load => 1,
                Phase::WarmUp => 2,
                Phase::Serve | Phase::Reload => 3,
                Phase::Stop => 4,
            };
            let ranks: Vec<u32> = phases.iter().map(rank).collect();
            assert!(ranks.is_sorted(), "{}: {phases:?}", material.path.display());
            seen.extend(phases);
        }
        all.extend(seen.iter().copied());
        for phase in [Phase::WarmUp, Phase::Serve] {
            assert!(
                seen.contains(&phase),
                "{}: {phase:?}",
                material.path.display()
            );
        }
    }
    // A start of less than a second has no window of its own.
    for phase in [Phase::Start, Phase::Load, Phase::Reload] {
        assert!(all.contains(&phase), "{phase:?}");
    }
}

#[test]
fn put_together_anew_they_stay_within_the_budget() {
    let plan = Plan {
        hours: 24,
        replicas: 3,
        budget: None,
        seed: 1,
    };
    let report = soak(&directory(), &plan).unwrap();
    assert!(report.judged_hours >= 24.0 && report.lives > 0);
    // A day of each: what would be told of it at a budget of one a month is at most a coincidence.
    assert!(report.all.findings <= 1, "{:?}", report.titles);
    assert_eq!(report.findings["high"].findings, 0, "{:?}", report.titles);
    assert_eq!(
        report.findings["critical"].findings, 0,
        "{:?}",
        report.titles
    );
}
