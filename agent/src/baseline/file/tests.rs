#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::baseline::exposure::Share;
use crate::baseline::key::Key;
use crate::observe::event::Moment;
use crate::observe::fact::{Fact, Family, Origin, Phase};

fn small(workload: &str) -> Baseline {
    let key = Key {
        namespace: "docker".into(),
        workload: workload.into(),
        container: workload.into(),
        image_digest: "sha256:00".into(),
    };
    let mut base = Baseline::new(key, 1_700_000_000);
    let fact = Fact {
        family: Family::Endpoint,
        origin: Origin::Server,
        value: "tcp 10.0.0.7:443".into(),
    };
    base.learn(Phase::Serve, &fact, "replica", 1_700_000_001);
    let window = Share {
        ms: 5000,
        windows: 1,
        requests: 3,
        ..Share::default()
    };
    base.add_window(Phase::Serve, "replica", window, 1_700_000_005);
    let serve = base.phases.get_mut(&Phase::Serve).unwrap();
    serve.sample.offer("replica", Moment(5), &[0.5, -1.25]);
    base
}

fn names(dir: &TempDir) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn what_was_saved_is_loaded_again() {
    let dir = TempDir::new().unwrap();
    let (a, b) = (small("a"), small("b"));
    save(dir.path(), &a).unwrap();
    save(dir.path(), &b).unwrap();
    save(dir.path(), &b).unwrap();
    let (mut loaded, aside) = load_dir(dir.path());
    loaded.sort_by(|x, y| x.key.cmp(&y.key));
    assert_eq!(loaded, vec![a, b]);
    assert!(aside.is_empty());
    assert_eq!(names(&dir).len(), 2, "no temporary file stays");
}

#[test]
fn a_directory_that_does_not_exist_is_empty() {
    let dir = TempDir::new().unwrap();
    let (loaded, aside) = load_dir(&dir.path().join("none"));
    assert!(loaded.is_empty() && aside.is_empty());
}

#[test]
fn every_changed_byte_and_every_cut_is_noticed() {
    let dir = TempDir::new().unwrap();
    let path = save(dir.path(), &small("a")).unwrap();
    let good = fs::read(&path).unwrap();
    for i in 0..good.len() {
        let mut bad = good.clone();
        bad[i] ^= 1 << (i % 8);
        fs::write(&path, &bad).unwrap();
        let error = load(&path).expect_err("a changed byte").to_string();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
        fs::write(&path, &good[..i]).unwrap();
        load(&path).expect_err("a cut file");
    }
}

#[test]
fn bad_files_are_named_and_set_aside_and_the_rest_is_loaded() {
    let dir = TempDir::new().unwrap();
    let good = small("good");
    save(dir.path(), &good).unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("00.baseline"), b"").unwrap();
    fs::write(at("01.baseline"), b"\xff\xfe garbage").unwrap();
    fs::write(at("01.baseline.damaged-1"), b"an earlier one").unwrap();
    fs::write(at("02.baseline"), format!("{MAGIC} 2 sha256:00\n{{}}")).unwrap();
    fs::create_dir(at("03.baseline")).unwrap();
    fs::write(at("unrelated.txt"), b"x").unwrap();
    let copy = fs::read(at(&file_name(&good))).unwrap();
    fs::write(at("04.baseline"), copy).unwrap();

    let (loaded, aside) = load_dir(dir.path());

    assert_eq!(loaded, vec![good.clone()]);
    assert_eq!(
        names(&dir),
        [
            "00.baseline.damaged-1",
            "01.baseline.damaged-1",
            "01.baseline.damaged-2",
            "02.baseline.newer-1",
            "03.baseline.damaged-1",
            "04.baseline.damaged-1",
            &file_name(&good),
            "unrelated.txt",
        ]
    );
    assert_eq!(
        fs::read(at("01.baseline.damaged-1")).unwrap(),
        b"an earlier one"
    );
    let reasons: Vec<_> = aside.iter().map(|a| a.reason.as_str()).collect();
    assert_eq!(reasons.len(), 5);
    assert!(reasons[2].contains("upgrade the agent"), "{}", reasons[2]);
    for (reason, aside) in reasons.iter().zip(&aside) {
        assert!(reason.contains(aside.path.to_str().unwrap()), "{reason}");
        assert!(reason.contains("learns anew"), "{reason}");
    }
}

#[test]
fn a_failed_save_keeps_the_old_file_and_leaves_nothing_behind() {
    let dir = TempDir::new().unwrap();
    let old = small("a");
    let path = save(dir.path(), &old).unwrap();
    // The rename fails because a directory stands where the file should go.
    fs::rename(&path, dir.path().join("kept")).unwrap();
    fs::create_dir(&path).unwrap();
    let error = save(dir.path(), &old).unwrap_err().to_string();
    assert!(error.contains("rename it into place"), "{error}");
    assert!(error.contains("previous file is kept"), "{error}");
    assert_eq!(names(&dir), [file_name(&old), "kept".to_owned()]);
    let error = save(&dir.path().join("none"), &old)
        .unwrap_err()
        .to_string();
    assert!(error.contains("write the temporary file"), "{error}");
}

#[test]
fn equal_baselines_are_equal_bytes() {
    assert_eq!(encode(&small("a")).unwrap(), encode(&small("a")).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_value_survives_the_round_trip(value in ".{0,60}", origin in any::<bool>(), at in any::<i64>()) {
        let dir = TempDir::new().unwrap();
        let mut base = small("a");
        let fact = Fact {
            family: Family::FileWrite,
            origin: if origin { Origin::Server } else { Origin::Runtime },
            value,
        };
        base.learn(Phase::Load, &fact, "r", at);
        base.set_pending(Phase::Serve, &fact, "r", at);
        base.set_reported(Phase::Serve, &fact, at);
        let path = save(dir.path(), &base).unwrap();
        prop_assert_eq!(load(&path).unwrap(), base);
    }

    #[test]
    fn arbitrary_bytes_never_panic(content in prop::collection::vec(any::<u8>(), 0..200)) {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("x.baseline");
        fs::write(&path, content).unwrap();
        prop_assert!(load(&path).is_err());
    }
}
