//! Which part of its life a container is in.

use serde::{Deserialize, Serialize};

use super::event::Moment;
use super::fact::Phase;

/// A container that listens and does nothing new for so long waits for requests, in nanoseconds.
const QUIET: u64 = 15_000_000_000;

/// A container that never listens serves (a queue, a schedule) once it has run for so long, in nanoseconds.
const SETTLE: u64 = 60_000_000_000;

/// Follows a container through its phases. They only ever advance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseTracker {
    phase: Phase,
    listening: bool,
    /// The last sign of starting or loading: birth, a program start, a model file read.
    busy: Moment,
}

impl PhaseTracker {
    /// A container at its birth.
    #[must_use]
    pub fn born(at: Moment) -> Self {
        Self {
            phase: Phase::Start,
            listening: false,
            busy: at,
        }
    }

    /// A container found running: one that listens is taken to serve.
    #[must_use]
    pub fn existing(at: Moment, listening: bool) -> Self {
        Self {
            phase: if listening {
                Phase::Serve
            } else {
                Phase::Start
            },
            listening,
            busy: at,
        }
    }

    /// The phase now.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The server started a program.
    pub fn program_started(&mut self, at: Moment) {
        self.busy = self.busy.max(at);
    }

    /// The server read a model file.
    pub fn model_read(&mut self, at: Moment) {
        self.busy = self.busy.max(at);
        self.advance(Phase::Load);
    }

    /// The server began to listen.
    pub fn listens(&mut self) {
        self.listening = true;
    }

    /// A window ended in which the container accepted connections or was asked something, or was not.
    pub fn window(&mut self, end: Moment, served: bool) {
        let patience = if self.listening { QUIET } else { SETTLE };
        if served || end.since(self.busy) >= patience {
            self.advance(Phase::Serve);
        }
    }

    /// The entrypoint ended.
    pub fn main_ended(&mut self) {
        self.advance(Phase::Stop);
    }

    fn advance(&mut self, to: Phase) {
        self.phase = self.phase.max(to);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(seconds: u64) -> Moment {
        Moment(seconds * 1_000_000_000)
    }

    #[test]
    fn a_model_read_and_a_request_advance_it() {
        let mut tracker = PhaseTracker::born(seconds(0));
        assert_eq!(tracker.phase(), Phase::Start);
        tracker.model_read(seconds(2));
        assert_eq!(tracker.phase(), Phase::Load);
        tracker.listens();
        tracker.window(seconds(5), false);
        assert_eq!(tracker.phase(), Phase::Load);
        tracker.window(seconds(10), true);
        assert_eq!(tracker.phase(), Phase::Serve);
        tracker.model_read(seconds(12));
        assert_eq!(tracker.phase(), Phase::Serve);
        tracker.main_ended();
        tracker.window(seconds(15), true);
        assert_eq!(tracker.phase(), Phase::Stop);
    }

    #[test]
    fn listening_in_quiet_is_serving() {
        let mut tracker = PhaseTracker::born(seconds(0));
        tracker.listens();
        tracker.program_started(seconds(10));
        tracker.window(seconds(24), false);
        assert_eq!(tracker.phase(), Phase::Start);
        tracker.window(seconds(25), false);
        assert_eq!(tracker.phase(), Phase::Serve);
    }

    #[test]
    fn a_container_that_never_listens_settles() {
        let mut tracker = PhaseTracker::born(seconds(100));
        tracker.window(seconds(159), false);
        assert_eq!(tracker.phase(), Phase::Start);
        tracker.window(seconds(160), false);
        assert_eq!(tracker.phase(), Phase::Serve);
    }

    #[test]
    fn a_container_found_listening_serves() {
        assert_eq!(
            PhaseTracker::existing(seconds(9), true).phase(),
            Phase::Serve
        );
        assert_eq!(
            PhaseTracker::existing(seconds(9), false).phase(),
            Phase::Start
        );
    }

    proptest! {
        #[test]
        fn phases_never_go_back(steps in prop::collection::vec((0..5_u8, 0..200_u64), 0..60)) {
            let mut tracker = PhaseTracker::born(seconds(0));
            let mut last = tracker.phase();
            for (step, at) in steps {
                match step {
                    0 => tracker.program_started(seconds(at)),
                    1 => tracker.model_read(seconds(at)),
                    2 => tracker.listens(),
                    3 => tracker.window(seconds(at), at % 7 == 0),
                    _ => tracker.window(seconds(at), false),
                }
                prop_assert!(tracker.phase() >= last);
                last = tracker.phase();
            }
        }
    }
}
