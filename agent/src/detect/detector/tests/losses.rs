//! What was lost is told, and losing events on purpose is a finding.

use super::*;

#[test]
fn loss_is_told_with_the_finding() {
    let mut bench = Bench::learned();
    let mut report = WindowReport {
        end: Moment(1),
        length_ns: 5_000_000_000,
        phase: None,
        sightings: Vec::new(),
        features: None,
        calls: None,
        requests: 0,
        activity: Activity::default(),
        lost_events: 4,
        lost_to_quota: 0,
    };
    for lost in [9, 4, 3] {
        report.lost_events = lost;
        bench
            .detector
            .window(&mut bench.baseline, CONTAINER, "7", &report, 0);
    }
    assert_eq!(bench.see(shell()).finding.unwrap().lost_events, 7);
}

fn lossy(lost_events: u64, lost_to_quota: u64) -> WindowReport {
    WindowReport {
        end: Moment(1),
        length_ns: 5_000_000_000,
        phase: None,
        sightings: Vec::new(),
        features: None,
        calls: None,
        requests: 0,
        activity: Activity::default(),
        lost_events,
        lost_to_quota,
    }
}

#[test]
fn a_flood_that_blinds_the_probe_is_a_finding_an_hour_whatever_the_budget() {
    let mut bench = Bench::with(Settings {
        findings_per_month: 0.0,
        ..settings()
    });
    let mut times = Vec::new();
    for second in (0..8000).step_by(5) {
        let outcomes = bench.detector.window(
            &mut bench.baseline,
            CONTAINER,
            "7",
            &lossy(10, 3),
            bench.now_s + second,
        );
        let findings = outcomes.into_iter().filter_map(|outcome| outcome.finding);
        times.extend(findings.map(|finding| {
            assert_eq!(
                (finding.class, finding.severity, finding.method),
                (Class::Sensor, Severity::Medium, Method::Loss)
            );
            assert!(finding.title.contains("lost: 10"), "{}", finding.title);
            second
        }));
    }
    assert_eq!(times, [0, 3600, 7200]);
}

#[test]
fn a_loss_that_may_be_anothers_doing_is_low_and_within_the_budget() {
    let mut bench = Bench::new();
    let mut take = |hour: i64| {
        let now_s = bench.now_s + hour * 3600;
        let outcomes =
            bench
                .detector
                .window(&mut bench.baseline, CONTAINER, "7", &lossy(10, 0), now_s);
        outcomes.into_iter().next().unwrap()
    };
    assert_eq!(take(0).finding.unwrap().severity, Severity::Low);
    assert_eq!(take(1), Outcome::suppressed(Reason::Budget));
}
