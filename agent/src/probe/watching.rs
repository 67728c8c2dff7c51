//! Which containers the probe counts for, and what it knows of each.

use std::io;

use aya::maps::{MapError, PerCpuValues};
use picket_ebpf::{FileKey, FileState, Held, ListenerKey, SEQUENCE_WORDS, Sequences, Slot};

use super::counters::zero_row;
use super::loaded::{Probe, Row};
use crate::observe::event::{CgroupId, FileClass, FileId};

impl Probe {
    /// Watches a container that was there before the probe, or that the kernel side did not recognise. `cgroups` are
    /// its own cgroup and those nested in it.
    ///
    /// # Errors
    ///
    /// When no row is free or the kernel refuses an entry; nothing is watched then.
    pub fn watch(&mut self, container: CgroupId, cgroups: &[CgroupId]) -> Result<Row, MapError> {
        let row = self.free_rows.pop(0)?;
        let slot = Slot {
            row,
            _pad: 0,
            container: container.0,
        };
        for cgroup in cgroups {
            if let Err(error) = self.watched.map.insert(cgroup.0, slot, 0) {
                self.unwatch(Row(row), cgroups);
                return Err(error);
            }
        }
        self.raise_changes();
        Ok(Row(row))
    }

    /// Lets go of a container: its row is emptied and free again. `cgroups` are all its cgroups.
    pub fn unwatch(&mut self, row: Row, cgroups: &[CgroupId]) {
        for cgroup in cgroups {
            // Already gone with its cgroup is the common case.
            let _ = self.watched.map.remove(&cgroup.0);
        }
        self.release(row);
    }

    /// Empties a row and makes it free again.
    pub(super) fn release(&mut self, row: Row) {
        if let Some(displaced) = &mut self.displaced {
            displaced.forget(row);
        }
        // Before the counters, so that an agent that takes over in between does not subtract from nothing.
        self.forget_counted(row);
        self.forget_entries(row);
        self.raise_changes();
        self.peers.release(row);
        self.raise_epoch(row);
        self.forget_sequences(row);
        if let Ok(zeroes) = PerCpuValues::try_from(vec![zero_row(); self.cpus]) {
            let _ = self.rows.set(row.0, zeroes, 0);
        }
        if let Err(error) = self.free_rows.push(row.0, 0) {
            tracing::warn!(row = row.0, %error, "A row of counters could not be given back; one container fewer can be watched.");
        }
    }

    /// Removes what the tables still hold of a row: nested cgroups whose birth was not read, ports, classes of files. The
    /// next container with the row would be taken for their owner.
    pub(super) fn forget_entries(&mut self, row: Row) {
        let gone = [
            self.watched.remove_all(|_, slot| slot.row == row.0),
            self.listeners.remove_all(|key, _| key.row == row.0),
            self.files.remove_all(|key, _| key.row == row.0),
            self.held
                .set(row.0, Held::default(), 0)
                .map_err(io::Error::other),
        ];
        for error in gone.into_iter().filter_map(Result::err) {
            tracing::warn!(row = row.0, %error, "What the probe knows of a container that is no longer watched could not be removed; some of it may pass for the next one's.");
        }
    }

    /// Tells the programs that what they remember of `WATCHED` may be outdated.
    pub(super) fn raise_changes(&mut self) {
        self.told.changes = self.told.changes.wrapping_add(1);
        self.tell();
    }

    /// Has everything a container does reported anew, as at a change of phase.
    pub fn raise_epoch(&mut self, row: Row) {
        let next = self.epochs.get(&row.0, 0).unwrap_or(0).wrapping_add(1);
        if let Err(error) = self.epochs.set(row.0, next, 0) {
            tracing::warn!(row = row.0, %error, "The epoch of a row could not be raised; known things will not be reported again.");
        }
    }

    /// Tells the kernel of which class a container's file is, and returns the bytes read and written before it knew. What
    /// is moved in the microseconds of this call is not counted.
    pub fn classify(&mut self, row: Row, file: FileId, class: FileClass) -> (u64, u64) {
        let key = FileKey {
            row: row.0,
            device: file.device,
            inode: file.inode,
        };
        let before = self.files.map.get(&key, 0).ok();
        let state = FileState {
            class: class as u32,
            _pad: 0,
            read: 0,
            written: 0,
        };
        if before.is_some_and(|before| before == state) {
            return (0, 0);
        }
        if let Err(error) = self.files.map.insert(key, state, 0) {
            tracing::warn!(?file, %error, "The class of a file could not be noted; its bytes are not counted.");
        }
        before.map_or((0, 0), |before| (before.read, before.written))
    }

    /// Has the sequences of system calls reported anew that a container makes.
    pub fn forget_sequences(&mut self, row: Row) {
        let Some(sequences) = &mut self.sequences else {
            return;
        };
        let none = Sequences {
            known: 0,
            _pad: 0,
            words: [0; SEQUENCE_WORDS],
        };
        if let Err(error) = sequences.set(row.0, none, 0) {
            tracing::warn!(row = row.0, %error, "The known call sequences of a row could not be emptied; some new ones will not be reported.");
        }
    }

    /// Tells the kernel of a port that a container older than the probe listens on.
    pub fn add_listener(&mut self, row: Row, port: u16) {
        let key = ListenerKey {
            row: row.0,
            port: u32::from(port),
        };
        if let Err(error) = self.listeners.map.insert(key, 1, 0) {
            tracing::warn!(port, %error, "A listening port could not be noted; its requests will not be counted.");
        }
    }
}
