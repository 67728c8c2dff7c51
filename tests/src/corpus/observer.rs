//! Who looks at the agent's findings as they come.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::agent::Home;

const LOOK: Duration = Duration::from_millis(50);

/// A finding of the agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Seconds since 1970 when it could be read.
    pub at: f64,
    /// Its class.
    pub class: String,
    /// Its severity.
    pub severity: String,
    /// How it was found: `novelty`, `rates`, ….
    #[serde(default)]
    pub method: String,
    /// Its title.
    pub title: String,
    /// Its score.
    pub score: f64,
}

/// Reads a home's findings in the background.
pub struct Observer {
    seen: Arc<Mutex<Vec<Seen>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Seconds since 1970.
#[must_use]
pub fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}

impl Observer {
    /// Begins to read.
    #[must_use]
    pub fn start(home: &Arc<Home>) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = {
            let (home, seen, stop) = (Arc::clone(home), Arc::clone(&seen), Arc::clone(&stop));
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    look(&home, &seen);
                    thread::sleep(LOOK);
                }
                look(&home, &seen);
            })
        };
        Self {
            seen,
            stop,
            thread: Some(thread),
        }
    }

    /// What was found so far, oldest first.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn look(home: &Home, seen: &Mutex<Vec<Seen>>) {
    let findings = home.findings();
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let known = seen.len();
    let now = now();
    seen.extend(
        findings
            .iter()
            .skip(known)
            .map(|finding| read(finding, now)),
    );
}

/// A finding as the agent's log has it, seen at a time.
pub fn read(finding: &Value, at: f64) -> Seen {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Seen {
        at,
        class: text(&finding["finding_info"]["types"][0]),
        severity: text(&finding["severity"]).to_lowercase(),
        method: text(&finding["finding_info"]["analytic"]["uid"]),
        title: text(&finding["finding_info"]["title"]),
        score: finding["unmapped"]["picket"]["score"]
            .as_f64()
            .unwrap_or_default(),
    }
}
