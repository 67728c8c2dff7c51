//! The time as the core is told it.

use serde::{Deserialize, Serialize};

use crate::observe::event::Moment;

/// The wall clock when inputs were handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Time {
    /// Unix milliseconds.
    pub wall_ms: i64,
    /// Unix milliseconds of `Moment(0)` by the same reading; it moves when the wall clock is stepped.
    pub boot_ms: i64,
}

impl Time {
    /// The same time on the clock of events.
    #[must_use]
    pub fn since_boot(self) -> Moment {
        let ms = self.wall_ms.saturating_sub(self.boot_ms);
        Moment(u64::try_from(ms).unwrap_or(0).saturating_mul(1_000_000))
    }
}

/// Unix seconds that never jump: the wall clock at the agent's start, carried on by the time since boot. Learning and
/// budgets count in these, so that a stepped wall clock neither ends nor prolongs anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SteadyClock {
    boot_ms: i64,
}

impl SteadyClock {
    /// A clock by which `Moment(0)` was at these Unix milliseconds.
    #[must_use]
    pub fn at(boot_ms: i64) -> Self {
        Self { boot_ms }
    }

    /// Unix milliseconds of `Moment(0)`.
    #[must_use]
    pub fn boot_ms(self) -> i64 {
        self.boot_ms
    }

    /// Unix seconds of `at`.
    #[must_use]
    pub fn seconds(self, at: Moment) -> i64 {
        self.boot_ms.saturating_add_unsigned(at.0 / 1_000_000) / 1000
    }
}
