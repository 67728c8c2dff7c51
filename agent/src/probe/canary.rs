//! The agent's own cgroup under watch, for the moment of a self-test.
//!
//! It counts into a row that no container ever gets, and its events bear a mark in the place of a container, so that
//! nothing of it can pass for a container's.

use aya::maps::MapError;
use picket_ebpf::{Slot, lost};

use super::loaded::{Probe, Row};
use crate::observe::event::CgroupId;

/// What events of the agent's own cgroup bear in the place of their container. No cgroup has this id.
pub const CANARY: CgroupId = CgroupId(u64::MAX);

/// What a watched cgroup was before the self-test.
#[derive(Clone, Copy)]
pub(super) struct Displaced {
    cgroup: u64,
    /// Whose it was, if it was watched.
    slot: Option<Slot>,
}

impl Displaced {
    /// Its container is no longer watched.
    pub(super) fn forget(&mut self, row: Row) {
        self.slot.take_if(|slot| slot.row == row.0);
    }
}

impl Probe {
    /// Watches the agent's own cgroup as [`CANARY`], also where it is a watched container's, until
    /// [`Probe::unwatch_canary`].
    ///
    /// # Errors
    ///
    /// When the kernel refuses the entry; nothing has changed then.
    pub fn watch_canary(&mut self, cgroup: CgroupId) -> Result<(), MapError> {
        self.unwatch_canary();
        self.raise_epoch(self.canary_row);
        let before = Displaced {
            cgroup: cgroup.0,
            slot: self.watched.map.get(&cgroup.0, 0).ok(),
        };
        let slot = Slot {
            row: self.canary_row.0,
            _pad: 0,
            container: CANARY.0,
        };
        self.watched.map.insert(cgroup.0, slot, 0)?;
        self.displaced = Some(before);
        self.raise_changes();
        Ok(())
    }

    /// Ends [`Probe::watch_canary`]: the cgroup is what it was before.
    pub fn unwatch_canary(&mut self) {
        let Some(Displaced { cgroup, slot }) = self.displaced.take() else {
            return;
        };
        let restored = match slot {
            Some(slot) => self.watched.map.insert(cgroup, slot, 0),
            None => self.watched.map.remove(&cgroup),
        };
        if let Err(error) = restored {
            tracing::warn!(%error, "The agent's own cgroup could not be put back as it was before the self-test.");
        }
        self.clear_canary();
    }

    /// Forgets all that the tables hold of the canary's row. Its counters stay: they say what is not to be counted as lost.
    pub(super) fn clear_canary(&mut self) {
        self.forget_entries(self.canary_row);
        self.raise_changes();
        self.peers.release(self.canary_row);
        self.forget_sequences(self.canary_row);
    }

    /// Packets received and sent by the agent's own cgroup while it was watched.
    ///
    /// # Errors
    ///
    /// When the kernel refuses the reading.
    pub fn canary_packets(&self) -> Result<(u64, u64), MapError> {
        let copies = self.rows.get(&self.canary_row.0, 0)?;
        Ok(copies.iter().fold((0, 0), |(received, sent), row| {
            (
                received.wrapping_add(row.rx_packets),
                sent.wrapping_add(row.tx_packets),
            )
        }))
    }

    /// What was lost of the agent's own cgroup, by reason. It is nobody's loss.
    pub(super) fn canary_losses(&self) -> [u64; lost::COUNT as usize] {
        let mut losses = [0; lost::COUNT as usize];
        if let Ok(copies) = self.rows.get(&self.canary_row.0, 0) {
            for row in copies.iter() {
                for (sum, count) in losses.iter_mut().zip(row.lost) {
                    *sum += u64::from(count);
                }
            }
        }
        losses
    }
}
