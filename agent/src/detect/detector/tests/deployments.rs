//! The same image, started with another command.

use super::*;
use crate::observe::window::CallCount;

const OTHER: CgroupId = CgroupId(8);

fn command(name: &str) -> Sight {
    let mut sight = sight(
        Family::Executable,
        &format!("/usr/bin/python3.11 -m {name} <- entrypoint"),
    )
    .in_phase(Phase::Start);
    sight.0.process.pid = 900;
    sight
}

/// What a gunicorn does at its start and uvicorn does not.
fn preparations() -> [Sight; 3] {
    [
        sight(Family::FileWrite, "/var/lib/heartbeat").in_phase(Phase::Start),
        sight(Family::Syscall, "connect").in_phase(Phase::Start),
        sight(Family::FileChange, "unlink /var/lib/heartbeat"),
    ]
}

/// A workload whose start was learned as well: two containers of one command.
fn learned() -> Bench {
    let mut bench = Bench::new();
    for cgroup in [CONTAINER, CgroupId(9)] {
        assert_eq!(bench.see_in(cgroup, command("uvicorn")).finding, None);
        for (phase, ms) in [(Phase::Start, 1000), (Phase::Serve, 1000)] {
            let share = Share {
                ms,
                windows: 1,
                ..Share::default()
            };
            let replica = cgroup.0.to_string();
            bench
                .baseline
                .add_window(phase, &replica, share, bench.now_s);
        }
    }
    for sight in Bench::routine() {
        assert_eq!(bench.see(sight).finding, None);
    }
    bench.quiet(41);
    assert!(bench.baseline.judges(Phase::Start, Family::Executable));
    bench
}

fn report(calls: &[(u16, u64)], end: u64) -> WindowReport {
    let calls = calls.iter().map(|(call, calls)| CallCount {
        call: *call,
        calls: *calls,
        errors: 0,
    });
    WindowReport {
        end: Moment(end * 5_000_000_000),
        length_ns: 5_000_000_000,
        phase: Some(Phase::Serve),
        calls: Some(calls.collect()),
        ..WindowReport::default()
    }
}

#[test]
fn a_new_command_is_one_low_note_and_what_it_brings_is_learned() {
    let mut bench = learned();
    let note = bench.see_in(OTHER, command("gunicorn")).finding.unwrap();
    assert_eq!(note.severity, Severity::Low);
    for sight in preparations() {
        let outcome = bench.see_in(OTHER, sight.clone());
        assert_eq!(outcome.news, Some(News::Learned), "{sight:?}");
        assert_eq!(outcome.finding, None);
    }
    // Another container of it tells nothing either.
    let next = CgroupId(10);
    bench.now_s += 30;
    assert_eq!(bench.see_in(next, command("gunicorn")).finding, None);
    let other = sight(Family::FileWrite, "/var/lib/lock").in_phase(Phase::Start);
    assert_eq!(bench.see_in(next, other).news, Some(News::Learned));
}

#[test]
fn what_takes_a_server_over_alerts_in_a_new_deployment_too() {
    let mut bench = learned();
    bench.see_in(OTHER, command("gunicorn"));
    for (n, sight) in [
        shell(),
        sight(Family::Endpoint, "tcp 203.0.113.9:443"),
        sight(Family::Executable, "/usr/bin/nc <- /usr/bin/python3.11"),
        sight(Family::FileWrite, "/models/iris.onnx").mark(|m| m.model_file = true),
        sight(Family::FileRead, "/root/.ssh/id_rsa").mark(|m| m.secret_file = true),
    ]
    .into_iter()
    .enumerate()
    {
        let mut sight = sight;
        sight.0.process.pid = 1000 + u32::try_from(n).unwrap();
        let finding = bench.see_in(OTHER, sight.clone()).finding;
        let severity = finding.map(|finding| finding.severity);
        assert!(severity >= Some(Severity::High), "{sight:?} {severity:?}");
    }
}

#[test]
fn other_containers_and_later_times_are_judged_as_ever() {
    let mut bench = learned();
    bench.see_in(OTHER, command("gunicorn"));
    let socket = |n| other_socket(n);
    assert!(bench.see(socket(1)).finding.is_some(), "the old command");
    assert_eq!(bench.see_in(OTHER, socket(2)).news, Some(News::Learned));
    bench.now_s += 60;
    assert_eq!(bench.see_in(OTHER, socket(3)).news, Some(News::New));
    // A start of the command later does not begin the time anew.
    let later = CgroupId(11);
    bench.see_in(later, command("gunicorn"));
    assert_eq!(bench.see_in(later, socket(4)).news, Some(News::New));
}

#[test]
fn a_program_that_is_not_the_containers_own_command_makes_no_deployment() {
    let mut bench = learned();
    let dropped = command("gunicorn").mark(|m| m.not_from_image = true);
    assert!(bench.see_in(OTHER, dropped).finding.is_some());
    let judged = Some(News::New);
    assert_eq!(bench.see_in(OTHER, other_socket(1)).news, judged);
    let mut child = command("hypercorn");
    child.0.ancestry = vec![child.0.process.clone()];
    let other = CgroupId(12);
    assert_eq!(bench.see_in(other, child).news, judged);
    assert_eq!(bench.see_in(other, other_socket(2)).news, judged);
    let mut frozen = learned();
    frozen.baseline.set_frozen(true, Decision::default());
    frozen.see_in(OTHER, command("gunicorn"));
    assert_eq!(frozen.see_in(OTHER, other_socket(3)).news, judged);
}

#[test]
fn counts_of_a_new_deployment_are_learned_and_carried() {
    let mut bench = learned();
    bench.see_in(OTHER, command("gunicorn"));
    let key = bench.baseline.key.clone();
    let detection = bench.detector.detection(OTHER, &key);
    let mut next = Detector::new(settings());
    next.resume(OTHER, &key, detection);
    let report = report(&[(1, 70_000)], 1);
    let outcomes = next.window(&mut bench.baseline, OTHER, "8", &report, bench.now_s);
    assert_eq!(outcomes, Vec::new());
    let here = bench.baseline.phases.get(&Phase::Serve).unwrap();
    assert!(here.calls.most().contains_key(&1));
}
