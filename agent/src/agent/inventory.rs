//! The containers that are older than the agent. Taken before capabilities are dropped: other processes' executables
//! and descriptors may be read only with CAP_SYS_PTRACE.

use std::collections::{BTreeMap, BTreeSet};

use crate::observe::event::CgroupId;
use crate::observe::process::Known;
use crate::observe::redact;
use crate::workload::hierarchy::Hierarchy;
use crate::workload::lookups::Lookups;
use crate::workload::processes::{self, KnownProcess};

/// A container found running.
pub struct Existing {
    /// Its own cgroup.
    pub id: CgroupId,
    /// Its cgroups with their paths, its own first.
    pub cgroups: Vec<(CgroupId, String)>,
    /// Its processes.
    pub processes: Vec<Known>,
    /// TCP ports it listens on.
    pub listening: BTreeSet<u16>,
}

impl Existing {
    /// A container just made under a name that the kernel side does not recognise. Its first processes may be missed.
    pub fn unmarked(id: CgroupId, path: String) -> Self {
        Self {
            id,
            cgroups: vec![(id, path)],
            processes: Vec::new(),
            listening: BTreeSet::new(),
        }
    }

    /// A container that is not there any more.
    pub fn gone(id: CgroupId) -> Self {
        Self {
            id,
            cgroups: Vec::new(),
            processes: Vec::new(),
            listening: BTreeSet::new(),
        }
    }

    /// Its own cgroup's path; empty for one that is gone.
    pub fn path(&self) -> &str {
        self.cgroups
            .first()
            .map(|(_, path)| path.as_str())
            .unwrap_or_default()
    }

    /// Adds the processes of `running` that are not known yet. A child of a known process is taken for a fork of it.
    pub fn complete(&mut self, running: Vec<KnownProcess>) {
        let pids: BTreeSet<u32> = self.processes.iter().map(|process| process.pid).collect();
        let fresh = known(running).into_iter();
        let fresh: Vec<Known> = fresh
            .filter(|process| !pids.contains(&process.pid))
            .map(
                |process| match self.processes.iter().find(|it| it.pid == process.parent) {
                    Some(parent) if process.exe.is_empty() && process.argv == parent.argv => {
                        Known {
                            exe: parent.exe.clone(),
                            ..process
                        }
                    }
                    _ => process,
                },
            )
            .collect();
        self.processes.extend(fresh);
    }
}

/// Every container of the hierarchy.
pub fn take(hierarchy: &Hierarchy, lookups: &Lookups) -> Vec<Existing> {
    let mut containers: BTreeMap<CgroupId, Vec<(CgroupId, String)>> = BTreeMap::new();
    for cgroup in hierarchy.existing() {
        let cgroups = containers.entry(cgroup.container).or_default();
        let place = if cgroup.id == cgroup.container {
            0
        } else {
            cgroups.len()
        };
        cgroups.insert(place, (cgroup.id, cgroup.path));
    }
    let described = containers.into_iter().map(|(id, cgroups)| {
        let path = cgroups
            .first()
            .map(|(_, path)| path.as_str())
            .unwrap_or_default();
        let pids = hierarchy.processes(path);
        let processes = known(processes::known(&pids, lookups));
        Existing {
            id,
            processes,
            listening: processes::listening_ports(&pids),
            cgroups,
        }
    });
    described.collect()
}

/// Processes as observation takes them, without the secrets in their arguments.
pub fn known(processes: Vec<KnownProcess>) -> Vec<Known> {
    let known = processes.into_iter().map(|process| Known {
        pid: process.pid,
        parent: process.parent,
        exe: process.exe,
        comm: process.comm,
        argv: redact::argv(&process.argv),
        started: process.started,
        is_copy: process.is_copy,
    });
    known.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::event::Moment;

    fn process(pid: u32, parent: u32, exe: &str, argv: &[&str]) -> KnownProcess {
        KnownProcess {
            pid,
            parent,
            exe: exe.to_owned(),
            comm: "server".to_owned(),
            argv: argv.iter().map(|&argument| argument.to_owned()).collect(),
            started: Moment(1),
            is_copy: false,
        }
    }

    #[test]
    fn late_forks_are_added_with_their_parents_program() {
        let mut existing = Existing::unmarked(CgroupId(1), "/docker/x".to_owned());
        existing.processes = known(vec![process(
            10,
            1,
            "/usr/bin/python3.11",
            &["python3", "a"],
        )]);
        existing.complete(vec![
            process(10, 1, "", &["python3", "a"]),
            process(11, 10, "", &["python3", "a"]),
            process(12, 10, "", &["sleep", "1"]),
        ]);
        let found: Vec<(u32, &str)> = existing
            .processes
            .iter()
            .map(|it| (it.pid, it.exe.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                (10, "/usr/bin/python3.11"),
                (11, "/usr/bin/python3.11"),
                (12, "")
            ]
        );
    }
}
