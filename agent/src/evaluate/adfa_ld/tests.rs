#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::fmt::Write;

use super::*;

fn write(path: &Path, calls: &[u16]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut text = String::new();
    for call in calls {
        write!(text, "{call} ").unwrap();
    }
    fs::write(path, text).unwrap();
}

/// A loop over some calls, which runs a varying number of times.
fn ordinary(index: u16) -> Vec<u16> {
    let mut calls = vec![11, 5];
    for turn in 0..4 + index % 5 {
        calls.extend([7, 3, 4, 3]);
        if turn == index % 3 {
            calls.extend([78, 6]);
        }
    }
    calls
}

fn set(root: &Path) {
    for index in 0..40 {
        let trained = format!("{TRAINING}/UTD-{index:04}.txt");
        write(&root.join(trained), &ordinary(index));
        let judged = format!("{VALIDATION}/UVD-{index:04}.txt");
        write(&root.join(judged), &ordinary(index + 3));
    }
    for index in 0..6 {
        let attack = |family: &str| root.join(format!("{ATTACKS}/{family}/UAD-{index}.txt"));
        write(&attack("Web_Shell_1"), &[4, 4, 6, 7, 7, 5, 6, 78, 11, 4]);
        write(&attack("Hydra_FTP_10"), &ordinary(index));
    }
}

#[test]
fn attacks_of_other_order_are_found_and_ordinary_ones_not() {
    let dir = tempfile::tempdir().unwrap();
    set(dir.path());
    let hidden = dir.path().join(TRAINING).join("._UTD-0001.txt");
    fs::write(hidden, "no trace").unwrap();
    let report = evaluate(dir.path()).unwrap();
    assert_eq!(
        report.traces,
        Traces {
            training: 40,
            validation: 40,
            attacks: 12
        }
    );
    let names: Vec<_> = report.families.keys().map(String::as_str).collect();
    assert_eq!(names, ["Hydra_FTP", "Web_Shell"]);
    let found = |family: &str| &report.families[family];
    assert!((found("Web_Shell").auc - 1.0).abs() < 1e-12);
    assert!((found("Web_Shell").dr["0.001"] - 1.0).abs() < 1e-12);
    assert!((found("Hydra_FTP").auc - 0.5).abs() < 0.2);
    assert!(report.realised_fa["0.15"] <= 0.3);
    let mean = (found("Web_Shell").auc + found("Hydra_FTP").auc) / 2.0;
    assert!((report.auc - mean).abs() < 1e-12);
}

#[test]
fn the_result_is_the_same_again_and_one_directory_up() {
    let dir = tempfile::tempdir().unwrap();
    set(&dir.path().join("ADFA-LD"));
    let timeless = |place: &Path| Report {
        seconds: 0.0,
        ..evaluate(place).unwrap()
    };
    let once = timeless(dir.path());
    assert_eq!(once, timeless(&dir.path().join("ADFA-LD")));
    let json = serde_json::to_value(&once).unwrap();
    for key in ["auc", "dr", "realised_fa", "families"] {
        assert!(!json[key].is_null(), "{key}");
    }
    let shares: Vec<_> = json["dr"].as_object().unwrap().keys().collect();
    assert_eq!(shares, ["0.001", "0.01", "0.05", "0.15"]);
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let error = |place: &Path| evaluate(place).unwrap_err().to_string();
    assert!(error(dir.path()).contains("has no directory Training_Data_Master"));
    assert!(error(&dir.path().join("gone")).contains("gone"));
    let archive = dir.path().join("adfa-ld.tar.gz");
    fs::write(&archive, "").unwrap();
    assert!(error(&archive).contains("unpacked first"));
    set(dir.path());
    fs::remove_dir_all(dir.path().join(VALIDATION)).unwrap();
    assert!(error(dir.path()).contains("has no directory Validation_Data_Master"));
    fs::create_dir(dir.path().join(VALIDATION)).unwrap();
    assert!(error(dir.path()).contains("holds 0 traces"));
    let broken = dir.path().join(VALIDATION).join("a.txt");
    fs::write(&broken, "3 4 mmap").unwrap();
    let message = error(dir.path());
    assert!(
        message.contains("a.txt") && message.contains("mmap"),
        "{message}"
    );
}
