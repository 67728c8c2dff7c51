//! The agent's clocks. Only here is the time read; the core is given it.

use crate::engine::Time;
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

/// The wall clock now, with where it puts `Moment(0)`.
pub fn time() -> Time {
    let since_boot = i64::try_from(now().0 / 1_000_000).unwrap_or(i64::MAX);
    let wall_ms = wall_ms();
    Time {
        wall_ms,
        boot_ms: wall_ms.saturating_sub(since_boot),
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
        let (time, now) = (time(), now());
        let difference = now.since(time.since_boot());
        assert!(difference < 1_000_000_000, "{difference}");
        assert!((wall_ms() - time.wall_ms).abs() < 1000);
        assert!(now > Moment(0));
    }
}
