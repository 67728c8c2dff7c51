//! What is new and nothing by itself accounts for what comes with it.

use super::*;
use crate::observe::window::CallCount;

/// Findings of windows that each have so many calls that remove files, and more calls on files than usual by `more` nats.
fn findings(bench: &mut Bench, windows: usize, more: f64, removals: u64) -> Vec<String> {
    let outcomes = (0..windows).flat_map(|_| {
        let calls = vec![CallCount {
            call: u16::try_from(libc::SYS_unlink).unwrap(),
            calls: removals,
            errors: 0,
        }];
        bench.window_with(1, [0.0, 0.0, 0.0, more], |window| {
            window.calls = Some(calls)
        })
    });
    outcomes
        .filter_map(|outcome| Some(outcome.finding?.title))
        .collect()
}

#[test]
fn a_file_that_is_new_accounts_for_calls_on_files() {
    let found = |news: Option<&str>| {
        let mut bench = Bench::learned();
        bench.quiet(300);
        if let Some(path) = news {
            let mut written = sight(Family::FileWrite, path);
            written.0.at = Moment((40 + 300) * 5_000_000_000);
            assert_eq!(bench.see(written).finding, None);
        }
        findings(&mut bench, 40, 3.0, 0)
    };
    assert_eq!(found(None).len(), 1);
    assert_eq!(found(Some("/var/log/app.log")).len(), 1, "a known one");
    assert_eq!(found(Some("/var/cache/app/a")), Vec::<String>::new());
}

#[test]
fn removals_that_are_news_make_no_bout() {
    let found = |news: bool| {
        let mut bench = Bench::learned();
        for replica in 0..8 {
            let serving = bench.baseline.phases.entry(Phase::Serve).or_default();
            serving.bouts.note("unlink", replica, 1);
        }
        bench.quiet(60);
        let mut found = Vec::new();
        for name in 0..12 {
            for file in 0..if news { 3 } else { 0 } {
                bench.see(sight(
                    Family::FileChange,
                    &format!("unlink /a/{name}.{file}"),
                ));
            }
            found.extend(findings(&mut bench, 1, 0.0, 3));
        }
        found
    };
    let bouts = found(false);
    assert!(bouts.iter().any(|it| it.contains("in a row")), "{bouts:?}");
    assert_eq!(found(true), Vec::<String>::new());
}
