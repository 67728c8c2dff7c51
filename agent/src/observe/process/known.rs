//! Entering processes that were found running instead of seen to start.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Process, ProcessTable, Standing};
use crate::observe::command::Program;
use crate::observe::event::Moment;

/// A process found running when its container came under watch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Host pid.
    pub pid: u32,
    /// Parent's host pid; the parent may lie outside the container.
    pub parent: u32,
    /// Path of the executable.
    pub exe: String,
    /// Thread name.
    pub comm: String,
    /// Arguments, redacted or not: they are kept redacted.
    pub argv: Vec<String>,
    /// When it was started.
    pub started: Moment,
    /// It has executed nothing since its parent forked it.
    #[serde(default)]
    pub is_copy: bool,
}

impl ProcessTable {
    /// The table of a container that runs already. The oldest process whose parent lies outside is its entrypoint,
    /// others like it are commands of the runtime's. In a container that shares its pid namespace with others an
    /// orphan looks like the latter.
    #[must_use]
    pub fn existing(known: &[Known]) -> Self {
        let mut table = Self {
            handed_over: true,
            ..Self::default()
        };
        table.add_known(known, Standing::Runtime);
        table
    }

    /// Takes the processes that really run for the truth, after events were lost: unknown ones are the server's, or
    /// their parent's standing where that is known, and whatever appears later is certain again.
    pub fn resync(&mut self, known: &[Known]) {
        let running: BTreeSet<u32> = known.iter().map(|process| process.pid).collect();
        let gone: Vec<u32> = self
            .live
            .keys()
            .copied()
            .filter(|pid| !running.contains(pid))
            .collect();
        for pid in gone {
            self.exit(pid);
        }
        self.add_known(known, Standing::Unsure);
        self.lossy = false;
        self.handed_over |= !known.is_empty();
    }

    /// Enters processes found running. Roots but the entrypoint get the standing given.
    fn add_known(&mut self, known: &[Known], other_roots: Standing) {
        let mut waiting: Vec<&Known> = known
            .iter()
            .filter(|process| !self.live.contains_key(&process.pid))
            .collect();
        waiting.sort_by_key(|process| (process.started, process.pid));
        let mut missing: BTreeSet<u32> = waiting.iter().map(|process| process.pid).collect();
        // Parents first; one with a wrong start time, or in a cycle, is entered as a root.
        while !waiting.is_empty() {
            let ready = waiting
                .iter()
                .position(|process| !missing.contains(&process.parent))
                .unwrap_or(0);
            let process = waiting.remove(ready);
            missing.remove(&process.pid);
            let parent = self.live.get(&process.parent).copied();
            let is_main = parent.is_none() && self.main.is_none();
            let standing = match parent.and_then(|serial| self.processes.get(&serial)) {
                Some(parent) => parent.standing,
                None if is_main => Standing::Server,
                None => other_roots,
            };
            let serial = self.insert(Process {
                pid: process.pid,
                parent,
                program: Some(Arc::new(Program::running(&process.exe, &process.argv))),
                is_copy: process.is_copy,
                comm: process.comm.as_str().into(),
                started: Some(process.started),
                standing,
            });
            if is_main {
                self.main = Some(serial);
            }
        }
    }
}
