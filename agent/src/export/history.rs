//! What was new about the containers of late, kept in memory for those who ask.
//!
//! Bounded in number and in bytes; the oldest goes first. Nothing is put into words or JSON before somebody asks.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::detect::news::News;
use crate::export::view::finding::wall_ms;
use crate::observe::fact::{ProcessInfo, Sighting};
use crate::workload::container::Container;

/// Pieces of evidence remembered.
pub const CAPACITY: usize = 4096;

/// Bytes remembered: room for 4096 ordinary pieces (1 KiB with a process, its arguments and three ancestors), while
/// those of a container that fills every argument and path are forgotten sooner.
pub const CAPACITY_BYTES: usize = 4 << 20;

/// A sighting that was news, and whose.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The container.
    pub container: Arc<Container>,
    /// In what way it was news.
    pub news: News,
    /// What was seen.
    pub sighting: Sighting,
    /// Wall-clock time of `Moment(0)`, Unix milliseconds.
    pub boot_ms: i64,
}

impl Evidence {
    /// When it happened, Unix milliseconds.
    #[must_use]
    pub fn time_ms(&self) -> i64 {
        wall_ms(self.sighting.at, self.boot_ms)
    }

    /// The memory it takes, its container's aside.
    fn bytes(&self) -> usize {
        let Sighting {
            fact,
            raw,
            process,
            ancestry,
            ..
        } = &self.sighting;
        let processes = ancestry.iter().chain([process]).map(bytes_of);
        size_of::<Self>() + fact.value.len() + raw.len() + processes.sum::<usize>()
    }
}

fn bytes_of(process: &ProcessInfo) -> usize {
    let arguments = process.argv.iter();
    let arguments = arguments.map(|argument| size_of::<String>() + argument.len());
    size_of::<ProcessInfo>() + process.exe.len() + process.comm.len() + arguments.sum::<usize>()
}

/// The evidence of late. The pipeline adds, the API reads.
#[derive(Debug)]
pub struct History {
    kept: Mutex<Kept>,
    /// Evidence added so far.
    added: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    evidence: VecDeque<Arc<Evidence>>,
    bytes: usize,
    added: u64,
}

/// Evidence that a reader had not seen yet.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Oldest first.
    pub evidence: Vec<Arc<Evidence>>,
    /// Pieces forgotten before the reader came for them.
    pub missed: u64,
    /// Where the reader stands now.
    pub position: u64,
}

impl Default for History {
    fn default() -> Self {
        Self {
            kept: Mutex::default(),
            added: watch::Sender::new(0),
        }
    }
}

impl History {
    /// Adds a piece of evidence and wakes those who follow.
    pub fn add(&self, evidence: Evidence) {
        let mut kept = self.lock();
        kept.bytes += evidence.bytes();
        kept.added += 1;
        kept.evidence.push_back(Arc::new(evidence));
        while kept.evidence.len() > CAPACITY || kept.bytes > CAPACITY_BYTES {
            let Some(oldest) = kept.evidence.pop_front() else {
                break;
            };
            kept.bytes -= oldest.bytes();
        }
        let added = kept.added;
        drop(kept);
        self.added.send_replace(added);
    }

    /// All that is remembered.
    #[must_use]
    pub fn all(&self) -> Batch {
        let kept = self.lock();
        Batch {
            evidence: kept.evidence.iter().cloned().collect(),
            missed: kept.forgotten(),
            position: kept.added,
        }
    }

    /// What came after `position`, at most `limit` pieces.
    #[must_use]
    pub fn after(&self, position: u64, limit: usize) -> Batch {
        let kept = self.lock();
        let missed = kept.forgotten().saturating_sub(position);
        let position = position.max(kept.forgotten());
        let skip = usize::try_from(position - kept.forgotten()).unwrap_or(usize::MAX);
        let evidence: Vec<_> = kept
            .evidence
            .iter()
            .skip(skip)
            .take(limit)
            .cloned()
            .collect();
        Batch {
            position: position + evidence.len() as u64,
            evidence,
            missed,
        }
    }

    /// Tells how many pieces were added so far, whenever one is.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<u64> {
        self.added.subscribe()
    }

    /// Pieces added since the start, and those of them that are no longer remembered.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        let kept = self.lock();
        (kept.added, kept.forgotten())
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn forgotten(&self) -> u64 {
        self.added - self.evidence.len() as u64
    }
}
