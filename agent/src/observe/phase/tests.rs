use proptest::prelude::*;

use super::*;

const SERVER: Reader<'_> = Reader {
    exe: "/usr/bin/python3.11",
    started: Some(Moment(1)),
};

fn seconds(seconds: u64) -> Moment {
    Moment(seconds * 1_000_000_000)
}

/// A server that loaded a model, was asked, and settled; it serves since second 20.
fn serving() -> PhaseTracker {
    let mut tracker = PhaseTracker::born(seconds(0));
    tracker.model_read(seconds(2), SERVER);
    tracker.listens(seconds(0));
    tracker.window(seconds(5), 0, false);
    assert_eq!(tracker.phase(), Phase::Load);
    tracker.window(seconds(10), 3, true);
    assert_eq!(tracker.phase(), Phase::WarmUp);
    tracker.window(seconds(15), 3, true);
    assert_eq!(tracker.phase(), Phase::WarmUp);
    tracker.window(seconds(20), 3, true);
    assert_eq!(tracker.phase(), Phase::Serve);
    tracker
}

#[test]
fn a_model_read_requests_and_quiet_advance_it() {
    let mut tracker = serving();
    tracker.main_ended(seconds(25));
    tracker.window(seconds(30), 3, true);
    assert_eq!(tracker.phase(), Phase::Stop);
}

#[test]
fn what_started_slowly_settles_slowly() {
    let mut tracker = PhaseTracker::born(seconds(0));
    tracker.window(seconds(40), 1, true);
    assert_eq!(tracker.phase(), Phase::WarmUp);
    tracker.window(seconds(75), 1, true);
    assert_eq!(tracker.phase(), Phase::WarmUp);
    tracker.listens(seconds(76));
    tracker.window(seconds(100), 1, true);
    assert_eq!(tracker.phase(), Phase::WarmUp);
    tracker.window(seconds(116), 1, true);
    assert_eq!(tracker.phase(), Phase::Serve);
    let mut slowest = PhaseTracker::born(seconds(0));
    slowest.window(seconds(3000), 1, true);
    slowest.window(seconds(3119), 1, true);
    assert_eq!(slowest.phase(), Phase::WarmUp);
    slowest.window(seconds(3120), 1, true);
    assert_eq!(slowest.phase(), Phase::Serve);
}

#[test]
fn a_shutdown_begins_when_it_is_asked_for_and_is_none_if_the_server_goes_on() {
    let mut tracker = serving();
    tracker.asked_to_end(seconds(25));
    assert_eq!(tracker.phase(), Phase::Stop);
    tracker.window(seconds(300), 3, true);
    assert_eq!(tracker.phase(), Phase::Stop);
    let mut idle = tracker.clone();
    idle.window(seconds(900), 0, false);
    assert_eq!(idle.phase(), Phase::Stop);
    let mut ended = tracker.clone();
    ended.main_ended(seconds(301));
    ended.window(seconds(900), 3, true);
    assert_eq!(ended.phase(), Phase::Stop);
    tracker.window(seconds(330), 3, true);
    assert_eq!(tracker.phase(), Phase::Serve);
}

#[test]
fn who_still_loads_code_and_does_not_listen_yet_still_starts() {
    let mut tracker = PhaseTracker::born(seconds(0));
    for minute in 1..=5 {
        tracker.code_mapped(seconds(60 * minute - 10));
        tracker.window(seconds(60 * minute), 0, false);
        assert_eq!(tracker.phase(), Phase::Start);
    }
    // Once it listens, or loads nothing any more, it waits no longer than before; and nobody starts for ever.
    let mut listening = tracker.clone();
    listening.listens(seconds(0));
    listening.code_mapped(seconds(304));
    listening.window(seconds(306), 0, false);
    assert_eq!(listening.phase(), Phase::Serve);
    let mut quiet = tracker.clone();
    quiet.window(seconds(351), 0, false);
    assert_eq!(quiet.phase(), Phase::Serve);
    tracker.code_mapped(seconds(3599));
    tracker.window(seconds(3600), 0, false);
    assert_eq!(tracker.phase(), Phase::Serve);
}

#[test]
fn a_connection_before_the_first_model_is_read_is_no_warm_up() {
    let mut tracker = PhaseTracker::born(seconds(0));
    tracker.listens(seconds(0));
    tracker.window(seconds(5), 0, true);
    assert_eq!(tracker.phase(), Phase::WarmUp);
    let unknown = Reader {
        exe: "",
        started: None,
    };
    tracker.model_read(seconds(6), unknown);
    assert_eq!(tracker.phase(), Phase::WarmUp);
    tracker.model_read(seconds(7), SERVER);
    assert_eq!(tracker.phase(), Phase::Load);
    tracker.window(seconds(10), 3, true);
    assert_eq!(tracker.phase(), Phase::WarmUp);
    tracker.model_read(seconds(11), SERVER);
    assert_eq!(tracker.phase(), Phase::WarmUp);
}

#[test]
fn a_load_after_the_first_connection_is_as_short_as_warm_up() {
    let mut tracker = PhaseTracker::born(seconds(0));
    tracker.listens(seconds(0));
    tracker.window(seconds(5), 0, true);
    for second in (10..130).step_by(5) {
        tracker.model_read(seconds(second), SERVER);
        tracker.window(seconds(second), 0, false);
        assert_eq!(tracker.phase(), Phase::Load, "{second}");
    }
    tracker.model_read(seconds(130), SERVER);
    tracker.window(seconds(130), 0, false);
    assert_eq!(tracker.phase(), Phase::Serve);
}

#[test]
fn listening_in_quiet_is_serving() {
    let mut tracker = PhaseTracker::born(seconds(0));
    tracker.listens(seconds(0));
    tracker.program_started(seconds(10));
    tracker.window(seconds(24), 0, false);
    assert_eq!(tracker.phase(), Phase::Start);
    tracker.window(seconds(25), 0, false);
    assert_eq!(tracker.phase(), Phase::Serve);
}

#[test]
fn a_container_that_never_listens_settles() {
    let mut tracker = PhaseTracker::born(seconds(100));
    tracker.window(seconds(159), 0, false);
    assert_eq!(tracker.phase(), Phase::Start);
    tracker.window(seconds(160), 0, false);
    assert_eq!(tracker.phase(), Phase::Serve);
}

#[test]
fn a_container_that_is_never_asked_and_never_quiet_serves_after_all() {
    let mut tracker = PhaseTracker::born(seconds(0));
    for second in (30..3600).step_by(30) {
        tracker.program_started(seconds(second));
        tracker.window(seconds(second), 0, false);
        assert_eq!(tracker.phase(), Phase::Start);
    }
    tracker.program_started(seconds(3600));
    tracker.window(seconds(3600), 0, false);
    assert_eq!(tracker.phase(), Phase::Serve);
}

#[test]
fn a_container_found_listening_serves() {
    let found = |listening| PhaseTracker::existing(seconds(9), listening).phase();
    assert_eq!((found(true), found(false)), (Phase::Serve, Phase::Start));
}

#[test]
fn warm_up_lasts_while_the_server_settles_but_not_for_ever() {
    let mut tracker = PhaseTracker::born(seconds(0));
    tracker.window(seconds(5), 1, true);
    for second in (10..125).step_by(5) {
        tracker.code_mapped(seconds(second - 1));
        tracker.window(seconds(second), 1, true);
        assert_eq!(tracker.phase(), Phase::WarmUp, "{second}");
    }
    tracker.code_mapped(seconds(124));
    tracker.window(seconds(125), 1, true);
    assert_eq!(tracker.phase(), Phase::Serve);
}

#[test]
fn many_requests_end_warm_up() {
    let mut tracker = PhaseTracker::born(seconds(0));
    tracker.window(seconds(5), 5_000, true);
    tracker.window(seconds(6), 4_999, true);
    assert_eq!(tracker.phase(), Phase::WarmUp);
    tracker.window(seconds(7), 1, true);
    assert_eq!(tracker.phase(), Phase::Serve);
}

#[test]
fn the_loader_reading_again_is_a_reload_until_it_is_quiet() {
    let mut tracker = serving();
    tracker.model_read(seconds(100), SERVER);
    assert_eq!(tracker.phase(), Phase::Reload);
    tracker.program_started(seconds(105));
    tracker.window(seconds(114), 3, true);
    assert_eq!(tracker.phase(), Phase::Reload);
    tracker.window(seconds(115), 3, true);
    assert_eq!(tracker.phase(), Phase::Serve);
}

#[test]
fn another_program_that_reads_the_model_reloads_nothing() {
    let mut tracker = serving();
    let copy = Reader {
        exe: "/usr/bin/cat",
        started: Some(seconds(99)),
    };
    tracker.model_read(seconds(100), copy);
    assert_eq!(tracker.phase(), Phase::Serve);
    let mut found = PhaseTracker::existing(seconds(50), true);
    found.model_read(seconds(100), copy);
    assert_eq!(found.phase(), Phase::Serve);
    found.model_read(seconds(100), SERVER);
    assert_eq!(found.phase(), Phase::Reload);
}

#[test]
fn a_server_that_always_reads_its_models_still_serves() {
    let mut tracker = serving();
    let mut reloading = 0;
    for second in 21..3621 {
        tracker.model_read(seconds(second), SERVER);
        tracker.window(seconds(second), 1, true);
        reloading += u64::from(tracker.phase() == Phase::Reload);
    }
    // The credit, a fifth of the hour, and the seconds in which it runs out.
    assert!((600..240 + 720 + 60).contains(&reloading), "{reloading}");
}

fn may_follow(before: Phase, after: Phase) -> bool {
    match before {
        _ if before == after || after == Phase::Stop => true,
        Phase::Start => matches!(after, Phase::Load | Phase::WarmUp | Phase::Serve),
        Phase::Load => matches!(after, Phase::WarmUp | Phase::Serve),
        Phase::WarmUp => matches!(after, Phase::Load | Phase::Serve),
        Phase::Reload => after == Phase::Serve,
        Phase::Serve => after == Phase::Reload,
        // A server that goes on although it was asked to end.
        Phase::Stop => after == Phase::Serve,
    }
}

#[derive(Clone, Debug)]
enum Step {
    Program,
    Code,
    Model(bool),
    Listen,
    Window(u64),
    Asked,
    End,
}

fn steps() -> impl Strategy<Value = Vec<(Step, u64)>> {
    let step = prop_oneof![
        3 => Just(Step::Program),
        3 => Just(Step::Code),
        3 => any::<bool>().prop_map(Step::Model),
        1 => Just(Step::Listen),
        6 => (0..4_u64).prop_map(Step::Window),
        1 => Just(Step::Asked),
        1 => Just(Step::End),
    ];
    prop::collection::vec((step, 0..120_000_000_000_u64), 0..120)
}

fn take(tracker: &mut PhaseTracker, step: &Step, at: Moment) {
    match *step {
        Step::Program => tracker.program_started(at),
        Step::Code => tracker.code_mapped(at),
        Step::Model(true) => tracker.model_read(at, SERVER),
        Step::Model(false) => tracker.model_read(
            at,
            Reader {
                exe: "",
                started: None,
            },
        ),
        Step::Listen => tracker.listens(at),
        Step::Window(requests) => tracker.window(at, requests, requests > 0),
        Step::Asked => tracker.asked_to_end(at),
        Step::End => tracker.main_ended(at),
    }
}

proptest! {
    #[test]
    fn any_order_of_events_is_a_legal_walk(steps in steps(), found in any::<Option<bool>>()) {
        let mut tracker = match found {
            None => PhaseTracker::born(seconds(0)),
            Some(listening) => PhaseTracker::existing(seconds(0), listening),
        };
        for (step, at) in steps {
            let before = tracker.phase();
            // Moments in any order, not only rising ones.
            take(&mut tracker, &step, Moment(at));
            prop_assert!(may_follow(before, tracker.phase()), "{before:?} {:?}", tracker.phase());
        }
    }

    #[test]
    fn nobody_can_stretch_a_phase(steps in steps()) {
        let mut tracker = PhaseTracker::born(seconds(0));
        let mut now = 0;
        for (step, after) in steps {
            now += after;
            take(&mut tracker, &step, Moment(now));
            let bound = match tracker.phase() {
                Phase::Start | Phase::Load => START_NS,
                Phase::WarmUp => WARM_UP_AT_MOST,
                Phase::Reload => RELOAD_NS,
                Phase::Stop if !tracker.ended && matches!(step, Step::Window(1..)) => STOP_NS,
                _ => u64::MAX,
            };
            let ended = matches!(step, Step::Window(_));
            prop_assert!(!ended || Moment(now).since(tracker.since) < bound);
            prop_assert!(tracker.credit <= RELOAD_CREDIT && tracker.loaders.len() <= LOADERS);
        }
    }
}
