//! What the phases of a container's life have to do with each other.
//!
//! Where one phase ends and the next begins depends on how busy the machine is, so the same start does a thing now
//! before the first request, now after it. A restart must raise nothing for that: what one phase knows is ordinary in
//! others too, as far as nobody can profit from it. Such a fact is not copied into the phase that it was excused in, so
//! that phases cannot hand on to each other what was learned once.

use crate::observe::fact::{Marks, Phase};

/// The phase whose evidence decides whether facts of `phase` are judged.
///
/// Warm-up and reload are short and rare, and would stay open to anything for as long as they learn. Requests are
/// served in both, so they judge as soon as serving does.
#[must_use]
pub const fn judge_of(phase: Phase) -> Phase {
    match phase {
        Phase::WarmUp | Phase::Serve | Phase::Reload => Phase::Serve,
        Phase::Start => Phase::Start,
        Phase::Load => Phase::Load,
        Phase::Stop => Phase::Stop,
    }
}

/// Whether a fact that was learned in one phase is ordinary in another.
///
/// What a server does while strangers send it requests is ordinary at any time. What it does only before the first
/// request is ordinary for the rest of start and load, while it warms up, and in a reload, which repeats the load. It is
/// not when the fact leaves open what was done (a shell: its fact does not say what it was told), and credentials that
/// only the start read are not ordinary in a reload, because an intruder chooses when that is.
#[must_use]
pub const fn excuses(learned_in: Phase, phase: Phase, marks: Marks) -> bool {
    match (learned_in, phase) {
        (Phase::WarmUp | Phase::Serve | Phase::Reload, _) => true,
        (Phase::Start | Phase::Load, Phase::Start | Phase::Load) => true,
        (Phase::Start | Phase::Load, Phase::WarmUp) => !marks.shell,
        (Phase::Start | Phase::Load, Phase::Reload) => !marks.shell && !marks.secret_file,
        (Phase::Start | Phase::Load, Phase::Serve | Phase::Stop) => false,
        (Phase::Stop, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none() -> Marks {
        Marks::default()
    }

    fn shell() -> Marks {
        Marks {
            shell: true,
            ..none()
        }
    }

    fn secret() -> Marks {
        Marks {
            secret_file: true,
            ..none()
        }
    }

    #[test]
    fn what_serving_does_is_ordinary_at_any_time() {
        for phase in Phase::ALL {
            assert!(excuses(Phase::Serve, phase, shell()), "{phase:?}");
            assert!(excuses(Phase::WarmUp, phase, none()), "{phase:?}");
        }
    }

    #[test]
    fn what_loading_does_is_no_excuse_while_serving() {
        assert!(!excuses(Phase::Load, Phase::Serve, none()));
        assert!(!excuses(Phase::Start, Phase::Stop, none()));
        assert!(excuses(Phase::Load, Phase::Reload, none()));
        assert!(excuses(Phase::Start, Phase::WarmUp, secret()));
    }

    #[test]
    fn a_reload_excuses_neither_shells_nor_credentials_of_the_start() {
        assert!(!excuses(Phase::Start, Phase::Reload, shell()));
        assert!(!excuses(Phase::Start, Phase::Reload, secret()));
        assert!(!excuses(Phase::Start, Phase::WarmUp, shell()));
    }

    #[test]
    fn serving_judges_wherever_requests_are_taken() {
        for phase in Phase::ALL {
            let judge = judge_of(phase);
            assert_eq!(judge_of(judge), judge, "{phase:?}");
        }
        assert_eq!(judge_of(Phase::WarmUp), Phase::Serve);
        assert_eq!(judge_of(Phase::Reload), Phase::Serve);
    }
}
