//! Waiting for something to become true.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How often a condition is looked at. Conditions that start a process may take longer than this themselves.
const POLL: Duration = Duration::from_millis(50);

/// Waits until `condition` yields a value.
///
/// # Errors
/// When it does not within `limit` (the last error of `condition` is the reason then).
pub fn until<T>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        let outcome = condition();
        if let Ok(Some(value)) = outcome {
            return Ok(value);
        }
        if Instant::now() >= deadline {
            match outcome {
                Err(reason) => bail!("{what} did not happen within {limit:?}: {reason:#}"),
                Ok(_) => bail!("{what} did not happen within {limit:?}"),
            }
        }
        thread::sleep(POLL);
    }
}
