//! A new image of a workload that was judged.

use super::*;

/// A bench of a new image whose predecessor matured on one endpoint, in the same minutes of learning.
fn rolled_out() -> Bench {
    let old = Bench::learned();
    let mut bench = Bench::new();
    bench.baseline.key.image_digest = "sha256:11".into();
    bench.now_s = old.now_s;
    bench.baseline.inherit(&old.baseline, old.now_s);
    bench
}

#[test]
fn a_young_image_alerts_on_a_takeover_and_learns_the_rest() {
    let mut bench = rolled_out();
    let shell = sight(Family::Executable, "/bin/sh <- /usr/bin/python3.11");
    let found = bench.see(shell.mark(|marks| marks.shell = true)).finding;
    assert!(found.is_some());
    let written = bench.see(sight(Family::FileWrite, "/srv/cache/index"));
    assert_eq!((written.finding, written.news), (None, Some(News::Learned)));
}

#[test]
fn a_rollout_is_told_once_and_low() {
    let mut bench = rolled_out();
    bench.see(sight(Family::FileWrite, "/srv/cache/index"));
    let mut told = Vec::new();
    for _ in 0..200 {
        told.extend(
            bench
                .window(1, [0.0; 4])
                .into_iter()
                .filter_map(|outcome| outcome.finding),
        );
    }
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].severity, Severity::Low);
    assert!(told[0].title.contains("1 file_write"), "{}", told[0].title);
}

#[test]
fn what_is_dangerous_and_learned_waits_for_the_operator() {
    let mut bench = Bench::new();
    let shell = sight(Family::Executable, "/bin/sh <- /usr/bin/python3.11");
    bench.see(shell.mark(|marks| marks.shell = true));
    bench.see(sight(Family::Endpoint, "tcp 10.0.0.7:443"));
    let awaiting = bench.baseline.awaiting();
    let values: Vec<_> = awaiting
        .iter()
        .map(|(_, fact)| fact.value.as_str())
        .collect();
    assert_eq!(values, ["/bin/sh <- /usr/bin/python3.11"]);
}
