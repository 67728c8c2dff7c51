//! What one agent leaves to the next: how much of each container it has counted, and which rows are whose.

use std::collections::BTreeSet;

use aya::maps::{Array, MapData, MapError, Queue};
use picket_ebpf::{CGROUP_PATH_BYTES, Slot, Taken};

use super::counters::{Totals, zero_row};
use super::load::ProbeError;
use super::loaded::{Probe, Row};
use super::pin::Pins;
use crate::observe::event::{CgroupId, Moment};

/// What has been counted of a container.
#[derive(Clone)]
pub struct Counted {
    /// Its cgroup.
    pub container: CgroupId,
    /// Its cgroup's path within the hierarchy.
    pub path: String,
    /// Up to when.
    pub at: Moment,
    /// How much.
    pub totals: Totals,
}

impl Counted {
    /// Nothing yet, of a container that is watched from this time on.
    #[must_use]
    pub const fn opened(container: CgroupId, path: String, at: Moment) -> Self {
        Self {
            container,
            path,
            at,
            totals: Totals::zero(),
        }
    }
}

/// Rows that are neither free nor a container's known to the agent before: of containers made since, or forgotten by an
/// agent that ended in the middle of something. The queue of free rows keeps its content.
pub(super) fn unclear_rows(
    free: &mut Queue<MapData, u32>,
    taken: &Array<MapData, Taken>,
) -> Result<BTreeSet<u32>, ProbeError> {
    let mut unclear: BTreeSet<u32> = (0..taken.len()).collect();
    // Once round. A container made meanwhile takes a row out; its birth is then reported.
    loop {
        match free.pop(0) {
            Ok(row) => {
                free.push(row, 0)
                    .map_err(|error| ProbeError::Map("FREE_ROWS", error))?;
                if !unclear.remove(&row) {
                    break;
                }
            }
            Err(MapError::ElementNotFound) => break,
            Err(error) => return Err(ProbeError::Map("FREE_ROWS", error)),
        }
    }
    for row in 0..taken.len() {
        let counted = taken
            .get(&row, 0)
            .map_err(|error| ProbeError::Map("TAKEN", error))?;
        if counted.container != 0 {
            unclear.remove(&row);
        }
    }
    Ok(unclear)
}

impl Probe {
    /// Whether the maps are those of an agent before this one.
    #[must_use]
    pub fn carried(&self) -> bool {
        self.pins.as_ref().is_some_and(Pins::carried)
    }

    /// When an agent before this one last closed its windows, `None` if there was none.
    #[must_use]
    pub fn last_window(&self) -> Option<Moment> {
        let before = self.pins.as_ref()?.control().window_ns;
        (before != 0).then_some(Moment(before))
    }

    /// The containers that the agent before knew and had not let go.
    #[must_use]
    pub fn counted(&self) -> Vec<(Row, Counted)> {
        if !self.carried() {
            return Vec::new();
        }
        (0..self.taken.len())
            .filter_map(|row| Some((Row(row), self.taken.get(&row, 0).ok()?)))
            .filter(|(_, taken)| taken.container != 0)
            .map(|(row, taken)| {
                let path = taken.path.get(..taken.len as usize).unwrap_or_default();
                let counted = Counted {
                    container: CgroupId(taken.container),
                    path: String::from_utf8_lossy(path).into_owned(),
                    at: Moment(taken.time_ns),
                    totals: Totals::from(taken.totals),
                };
                (row, counted)
            })
            .collect()
    }

    /// Leaves word of what has been counted of the container with this row. Where nothing is pinned nobody would read it.
    pub fn keep_counted(&mut self, row: Row, counted: &Counted) {
        if self.pins.is_none() {
            return;
        }
        let mut path = [0; CGROUP_PATH_BYTES];
        let len = counted.path.len().min(CGROUP_PATH_BYTES);
        for (to, from) in path.iter_mut().zip(counted.path.bytes()) {
            *to = from;
        }
        let taken = Taken {
            container: counted.container.0,
            time_ns: counted.at.0,
            len: u32::try_from(len).unwrap_or(0),
            _pad: 0,
            path,
            totals: *counted.totals.row(),
        };
        self.set_taken(row, taken);
    }

    pub(super) fn forget_counted(&mut self, row: Row) {
        if self.pins.is_some() {
            let nobody = Taken {
                container: 0,
                time_ns: 0,
                len: 0,
                _pad: 0,
                path: [0; CGROUP_PATH_BYTES],
                totals: zero_row(),
            };
            self.set_taken(row, nobody);
        }
    }

    fn set_taken(&mut self, row: Row, taken: Taken) {
        if let Err(error) = self.taken.set(row.0, taken, 0) {
            tracing::warn!(row = row.0, %error, "What was counted of a container could not be noted; after a restart it is counted twice.");
        }
    }

    /// The row of a watched cgroup.
    #[must_use]
    pub fn row_of(&self, cgroup: CgroupId) -> Option<Row> {
        self.watched
            .map
            .get(&cgroup.0, 0)
            .ok()
            .map(|slot| Row(slot.row))
    }

    /// Goes on with a row that is already a container's. `cgroups` are all that the container has; those that the kernel
    /// side does not know yet are entered.
    pub fn adopt(&mut self, row: Row, container: CgroupId, cgroups: &[CgroupId]) {
        let slot = Slot {
            row: row.0,
            _pad: 0,
            container: container.0,
        };
        for cgroup in cgroups {
            if let Err(error) = self.watched.map.insert(cgroup.0, slot, 0) {
                tracing::warn!(cgroup = cgroup.0, %error, "A cgroup of a container could not be entered; what happens in it is not seen.");
            }
        }
        self.unclear_rows.remove(&row.0);
        self.raise_changes();
        self.raise_epoch(row);
    }

    /// Lets go of watched cgroups that are not among those that exist, and of rows that turned out to be nobody's. To be
    /// called when everything that waited in the rings was handled.
    pub fn sweep(&mut self, existing: impl FnOnce() -> BTreeSet<CgroupId>) {
        let mut in_use = BTreeSet::new();
        // First what is watched, then what exists: a cgroup that is made in between must not be taken for one that is gone.
        let entries: Vec<(u64, Slot)> = self.watched.map.iter().filter_map(Result::ok).collect();
        let existing = existing();
        for (cgroup, slot) in entries {
            if existing.contains(&CgroupId(cgroup)) {
                in_use.insert(slot.row);
            } else {
                let _ = self.watched.map.remove(&cgroup);
            }
        }
        self.raise_changes();
        let unclear = std::mem::take(&mut self.unclear_rows);
        for row in unclear.difference(&in_use) {
            self.release(Row(*row));
        }
    }
}
