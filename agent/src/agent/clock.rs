//! The agent's clocks. Only here is the time read; the core is given it.

use crate::observe::event::Moment;

/// Now on the clock the kernel stamps events with.
pub fn now() -> Moment {
    let time = read(libc::CLOCK_BOOTTIME);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or(0);
    Moment(
        seconds
            .saturating_mul(1_000_000_000)
            .saturating_add(nanoseconds),
    )
}

/// Wall-clock time, Unix milliseconds.
pub fn wall_ms() -> i64 {
    let time = read(libc::CLOCK_REALTIME);
    time.tv_sec
        .saturating_mul(1000)
        .saturating_add(time.tv_nsec / 1_000_000)
}

/// Unix milliseconds of `Moment(0)`, by today's wall clock.
pub fn boot_ms() -> i64 {
    let since_boot = i64::try_from(now().0 / 1_000_000).unwrap_or(i64::MAX);
    wall_ms().saturating_sub(since_boot)
}

/// Unix seconds that never jump: the wall clock at the agent's start, carried on by the time since boot. Learning and
/// budgets count in these, so that a stepped wall clock neither ends nor prolongs anything.
#[derive(Clone, Copy, Debug)]
pub struct SteadyClock {
    boot_ms: i64,
}

impl SteadyClock {
    /// Starts at the wall clock's present time.
    pub fn start() -> Self {
        Self { boot_ms: boot_ms() }
    }

    /// Unix seconds of `at`.
    pub fn seconds(self, at: Moment) -> i64 {
        let since_boot = i64::try_from(at.0 / 1_000_000).unwrap_or(i64::MAX);
        self.boot_ms.saturating_add(since_boot) / 1000
    }
}

fn read(clock: libc::clockid_t) -> libc::timespec {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: a valid destination; both clocks exist on every kernel Picket runs on, and on failure `time` stays 0.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_agree() {
        let steady = SteadyClock::start();
        let difference = steady.seconds(now()) - wall_ms() / 1000;
        assert!(difference.abs() <= 1, "{difference}");
        assert!(now() > Moment(0));
    }
}
