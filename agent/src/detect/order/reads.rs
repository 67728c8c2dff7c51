//! When each process last read each model file: what was fetched before that is no reason to read it once more.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::observe::event::Moment;

/// Readings remembered of one container, the latest. Of one that is forgotten, whatever came lately is a reason.
const MOST: usize = 256;

/// A process read a model file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Read {
    pid: u32,
    path: String,
    /// The end of the window in which it did; `None` while that goes on. What came in the same window counts as before.
    at: Option<Moment>,
}

/// The readings of one container, the latest last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Reads(VecDeque<Read>);

impl Reads {
    /// Notes that a process reads a file, and tells when it did so in an earlier window.
    pub(super) fn note(&mut self, pid: u32, path: &str) -> Option<Moment> {
        let known = self
            .0
            .iter()
            .position(|read| read.pid == pid && read.path == path);
        let before = known.and_then(|position| self.0.remove(position));
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        let last = before.as_ref().and_then(|read| read.at);
        self.0.push_back(Read {
            pid,
            path: before.map_or_else(|| path.to_owned(), |read| read.path),
            at: None,
        });
        last
    }

    /// A window ended.
    pub(super) fn window(&mut self, end: Moment) {
        for read in self.0.iter_mut().filter(|read| read.at.is_none()) {
            read.at = Some(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_is_as_old_as_the_end_of_its_window() {
        let mut reads = Reads::default();
        assert_eq!(reads.note(1, "/models/a"), None);
        assert_eq!(reads.note(1, "/models/a"), None, "in the same window");
        reads.window(Moment(5));
        reads.window(Moment(10));
        assert_eq!(reads.note(2, "/models/a"), None, "another process");
        assert_eq!(reads.note(1, "/models/b"), None, "another file");
        assert_eq!(reads.note(1, "/models/a"), Some(Moment(5)));
        reads.window(Moment(15));
        assert_eq!(reads.note(1, "/models/a"), Some(Moment(15)));
    }

    #[test]
    fn the_latest_readings_are_remembered() {
        let mut reads = Reads::default();
        for pid in 0..=MOST as u32 {
            reads.note(pid, "/models/a");
        }
        reads.window(Moment(5));
        assert_eq!(reads.0.len(), MOST);
        assert_eq!(reads.note(0, "/models/a"), None);
        assert_eq!(reads.note(MOST as u32, "/models/a"), Some(Moment(5)));
    }
}
