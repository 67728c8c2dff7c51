//! What the phases of a learned workload excuse, and what they do not.

use super::*;

const EARLY: [Phase; 2] = [Phase::Start, Phase::Load];
const SERVING: [Phase; 3] = [Phase::WarmUp, Phase::Serve, Phase::Reload];

fn ldconfig() -> Sight {
    sight(Family::Executable, "/sbin/ldconfig <- /usr/bin/python3.11")
}

fn token() -> Sight {
    sight(Family::FileRead, "/root/.aws/credentials").mark(|marks| marks.secret_file = true)
}

/// A workload that starts helpers, a shell among them, and reads a credential when it loads.
fn starter() -> Bench {
    let mut bench = Bench::new();
    for early in [ldconfig(), shell(), token()] {
        bench.see(early.in_phase(Phase::Load));
    }
    for sight in Bench::routine() {
        bench.see(sight);
    }
    bench.quiet(40);
    bench
}

#[test]
fn the_same_life_with_other_borders_between_its_phases_is_silent() {
    let mut bench = starter();
    for phase in Phase::ALL {
        for sight in Bench::routine() {
            let outcome = bench.see(sight.in_phase(phase));
            assert_eq!(outcome.finding, None, "{phase:?}");
        }
    }
    for phase in EARLY.into_iter().chain([Phase::WarmUp, Phase::Reload]) {
        let outcome = bench.see(ldconfig().in_phase(phase));
        assert_eq!(outcome.finding, None, "{phase:?}");
    }
}

#[test]
fn what_is_new_is_judged_wherever_requests_are_taken() {
    for phase in SERVING {
        let mut bench = Bench::learned();
        let finding = bench.see(shell().in_phase(phase)).finding;
        let finding = finding.expect("a finding");
        assert!(finding.severity >= Severity::High);
        assert_eq!(finding.phase, phase);
    }
}

#[test]
fn a_start_excuses_no_shell_and_no_credential_where_an_intruder_may_choose_the_time() {
    for (seen, phase, found) in [
        (shell(), Phase::WarmUp, true),
        (shell(), Phase::Reload, true),
        (token(), Phase::Reload, true),
        (token(), Phase::WarmUp, false),
        (ldconfig(), Phase::Serve, true),
    ] {
        let outcome = starter().see(seen.clone().in_phase(phase));
        assert_eq!(outcome.finding.is_some(), found, "{seen:?} {phase:?}");
    }
}

#[test]
fn a_shell_that_is_told_the_same_as_before_the_first_connection_is_no_news_after_it() {
    let told = |command: &str| {
        let mut sight = shell();
        sight.0.process.argv = ["sh", "-c", command].map(str::to_owned).to_vec();
        sight
    };
    let mut bench = Bench::learned();
    let start = |replica| {
        let worker = told("exec /srv/.cache/app/workspace_clhir2rs/stub");
        (replica, worker.in_phase(Phase::Load))
    };
    for (replica, sight) in [start("a"), start("b")] {
        bench.baseline.learn_sighting(&sight.0, replica, 0);
    }
    let again = told("exec /srv/.cache/app/workspace_wi07ycv_/stub");
    assert_eq!(
        bench.see(again.clone().in_phase(Phase::WarmUp)).finding,
        None
    );
    let other = told("curl -s example.com").in_phase(Phase::WarmUp);
    assert!(bench.see(other).finding.is_some());
    let serving = bench.see(again);
    assert_ne!(serving, Outcome::default(), "while serving it is");
}

#[test]
fn what_one_phase_excuses_is_not_handed_on() {
    let mut bench = starter();
    assert_eq!(bench.see(ldconfig().in_phase(Phase::WarmUp)).finding, None);
    assert!(bench.see(ldconfig()).finding.is_some());
}

#[test]
fn a_finding_of_warm_up_is_not_told_again_while_serving() {
    let mut bench = Bench::learned();
    let warm_up = other_socket(1).in_phase(Phase::WarmUp);
    assert!(bench.see(warm_up).finding.is_some());
    assert_eq!(bench.see(other_socket(1)), repeated(News::Pending));
}
