//! The corpus: harmless attacks and benign behaviours, run against real model servers that the real agent watches.
//!
//! A scenario is a file of `tests/corpus/scenarios`: what is true about it, and its steps. Every run has a server, an agent
//! and a seed of its own, and begins with what was learned of that kind of server beforehand.

mod campaign;
mod clients;
mod learned;
mod learning;
mod observer;
mod outcome;
mod parallel;
mod peers;
mod rejudge;
mod run;
mod scenario;
mod step;
mod steps;
mod table;
mod victim;

pub use campaign::{Campaign, Case, Choice, cases};
pub use outcome::{Outcome, Verdict};
pub use rejudge::rejudge;
pub use run::FAKETIME;
pub use scenario::{Class, Kind, Scenario, Set, Trigger, all};
pub use step::Step;
pub use table::{markdown, summary};

use std::path::PathBuf;
use std::time::Duration;

/// How long things take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Two minutes of learning: enough to see that everything works, not to measure anything.
    Smoke,
    /// Minutes of learning, so that the whole corpus fits into an evening.
    Compressed,
    /// Half an hour of learning and a minute of attention after each deed.
    Full,
}

impl Schedule {
    /// The agent's settings.
    #[must_use]
    pub const fn settings(self) -> &'static str {
        match self {
            Self::Smoke => {
                "window: 1s\nlearning: {min_duration: 60s, min_requests: 150}\ndevices: [/dev/nvidia*, /dev/shm/fakegpu*]\n"
            }
            Self::Compressed => {
                "window: 5s\nlearning: {min_duration: 10m, min_requests: 500}\ndevices: [/dev/nvidia*, /dev/shm/fakegpu*]\n"
            }
            Self::Full => {
                "window: 5s\nlearning: {min_duration: 30m, min_requests: 1000}\ndevices: [/dev/nvidia*, /dev/shm/fakegpu*]\n"
            }
        }
    }

    /// Its name in paths.
    const fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Compressed => "compressed",
            Self::Full => "full",
        }
    }

    /// How many times as fast a lesson is told.
    const fn haste(self) -> u32 {
        match self {
            Self::Smoke => 4,
            Self::Compressed | Self::Full => 1,
        }
    }

    /// How often the lesson that a server's life is told while it is learned.
    const fn lessons(self) -> u32 {
        match self {
            Self::Smoke | Self::Compressed => 1,
            Self::Full => 3,
        }
    }

    /// How long a server lives quietly before a deed.
    const fn before(self) -> Duration {
        match self {
            Self::Smoke => Duration::from_secs(3),
            Self::Compressed => Duration::from_secs(15),
            Self::Full => Duration::from_secs(60),
        }
    }

    /// How long findings count after a deed.
    const fn after(self) -> Duration {
        match self {
            Self::Smoke => Duration::from_secs(5),
            Self::Compressed => Duration::from_secs(30),
            Self::Full => Duration::from_secs(60),
        }
    }
}

/// Where the corpus lies.
fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus")
}
