//! The containers that are older than the agent. Taken before capabilities are dropped: other processes' executables
//! and descriptors may be read only with CAP_SYS_PTRACE.

use std::collections::{BTreeMap, BTreeSet};

use crate::observe::event::CgroupId;
use crate::observe::process::Known;
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

/// Processes as observation takes them.
pub fn known(processes: Vec<KnownProcess>) -> Vec<Known> {
    let known = processes.into_iter().map(|process| Known {
        pid: process.pid,
        parent: process.parent,
        exe: process.exe,
        comm: process.comm,
        argv: process.argv,
        started: process.started,
    });
    known.collect()
}
