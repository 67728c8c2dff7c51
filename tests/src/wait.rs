//! Waiting for something to become true.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// After how long a condition is looked at again at first.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// After how long at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What takes long is looked at more rarely, as looking may cost the machine a process each time: the pause is this part of
/// the time that was waited.
const PART: u32 = 10;

/// Waits until `condition` yields a value.
///
/// # Errors
/// When it does not within `limit` (the last error of `condition` is the reason then).
pub fn until<T>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let begun = Instant::now();
    loop {
        let outcome = condition();
        if let Ok(Some(value)) = outcome {
            return Ok(value);
        }
        let waited = begun.elapsed();
        if waited >= limit {
            match outcome {
                Err(reason) => bail!("{what} did not happen within {limit:?}: {reason:#}"),
                Ok(_) => bail!("{what} did not happen within {limit:?}"),
            }
        }
        thread::sleep((waited / PART).clamp(FIRST_PAUSE, LONGEST_PAUSE));
    }
}
