#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::fs;

use super::npz::tests::{npy, npz};
use super::*;

/// Columns of the made-up applications.
const COLUMNS: [&str; 4] = ["read", "execve", "futex", "switch"];

fn texts(names: &[&str]) -> Vec<u8> {
    let mut data = Vec::new();
    for name in names {
        let mut codes: Vec<u32> = name.chars().map(u32::from).collect();
        codes.resize(8, 0);
        data.extend(codes.iter().flat_map(|code| code.to_le_bytes()));
    }
    npy("<U8", "False", &format!("({},)", names.len()), &data)
}

fn rows(count: usize, of_row: impl Fn(usize) -> [u32; 4]) -> Vec<u8> {
    let data: Vec<u8> = (0..count)
        .flat_map(of_row)
        .flat_map(u32::to_le_bytes)
        .collect();
    npy("<u4", "False", &format!("({count}, 4)"), &data)
}

/// An application whose attack, for so many rows from 600 on, makes a call never made before.
fn app(training: [u32; 4], attack_rows: usize, timing: [i64; 8]) -> Vec<u8> {
    let ordinary = |row: usize| {
        let [read, execve, futex, switch] = training;
        [read + (row % 7) as u32, execve, futex, switch]
    };
    let mut arrays = vec![("cols".to_owned(), texts(&COLUMNS))];
    for segment in 1..=12 {
        arrays.push((
            format!("seg{segment}"),
            rows(600, |row| {
                if training == [0; 4] {
                    [0; 4]
                } else {
                    ordinary(row)
                }
            }),
        ));
    }
    for test in 1..=4 {
        let row = |row: usize| {
            let [read, _, futex, switch] = ordinary(row);
            let attacks = (600..600 + attack_rows).contains(&row);
            [read, u32::from(attacks), futex, switch + 1000]
        };
        arrays.push((format!("test{test}"), rows(605, row)));
    }
    let timing: Vec<u8> = timing.iter().flat_map(|at| at.to_le_bytes()).collect();
    arrays.push(("timing".to_owned(), npy("<i8", "False", "(8,)", &timing)));
    npz(&arrays)
}

#[test]
fn a_made_up_data_set_gives_known_figures() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(directory.path().join(name), bytes).unwrap();
    let timing = |last: i64| [2400, last, 2400, 2404, 2400, 2404, 2400, 2404];
    let used = [40, 0, 9, 3];
    write("A.npz", &app(used, 3, timing(2404)));
    write("B.npz", &app(used, 0, timing(2403)));
    write("C.npz", &app(used, 3, timing(2404)));
    write("D.npz", &app([0; 4], 3, timing(2402)));
    write("cves_shell.txt", b"A\nC\n");
    write("notes.md", b"no part of the set");
    let report = evaluate(directory.path()).unwrap();

    assert_eq!((report.apps, report.apps_any, report.apps_all), (2, 1, 1));
    assert!(report.fpr_windows.abs() < 1e-12);
    assert_eq!(report.by_app["A"].detected, [true; 4]);
    assert_eq!(report.by_app["B"].plain, [false; 4]);
    let left_out: Vec<_> = report
        .left_out
        .iter()
        .map(|(a, r)| format!("{a}: {r}"))
        .collect();
    assert_eq!(
        left_out,
        [
            "C: its times of attack are a copy of those of A",
            "D: no call is counted in a container's training"
        ]
    );
    assert_eq!(
        (
            report.classes["shell"].runs,
            report.classes["shell"].detected
        ),
        (4, 4)
    );
    assert_eq!(report.results.len(), 12);
    for tally in &report.results {
        let windows = 60 / tally.window_s * 8;
        assert_eq!((tally.windows, tally.runs), (windows, 8), "{tally:?}");
    }
}

#[test]
fn what_is_no_data_set_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let error = evaluate(directory.path()).unwrap_err().to_string();
    assert!(error.contains("holds no application"), "{error}");
    fs::write(directory.path().join("X.npz"), b"not a zip").unwrap();
    let error = evaluate(directory.path()).unwrap_err().to_string();
    assert!(error.contains("X.npz is not an npz file"), "{error}");
    let partial = npz(&[("cols".to_owned(), texts(&COLUMNS))]);
    fs::write(directory.path().join("X.npz"), partial).unwrap();
    let error = evaluate(directory.path()).unwrap_err().to_string();
    assert!(error.contains("X.npz does not have the layout"), "{error}");
    assert!(evaluate(&directory.path().join("none")).is_err());
}
