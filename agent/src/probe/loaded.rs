//! The loaded probe: its rings, its rows of counters, and which containers they count for.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::time::Duration;

use aya::Ebpf;
use aya::maps::{Array, Map, MapData, MapError, PerCpuArray, Queue, RingBuf};
use aya::programs::links::FdLink;
use picket_ebpf::{Control, FileKey, FileState, Held, ListenerKey, Sequences, Slot, Taken, lost};
use serde::{Deserialize, Serialize};

use super::batch::Table;
use super::canary::Displaced;
use super::carried;
use super::counters::Totals;
use super::decode::{DecodeError, Record, decode};
use super::load::{
    Attachment, ProbeError, SAMPLED, Settings, Target, UNPINNED_GENERATION, attach_all, load_object,
};
use super::merge::Merge;
use super::peers::Peers;
use super::pin::Pins;
use super::sampling::Sampler;
use super::threads::Threads;
use crate::observe::event::{CgroupId, Moment};
use crate::observe::window::ThreadCalls;

/// Index of a container's row of counters in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Row(pub u32);

/// The loaded probe. Dropping it detaches everything that is not pinned; the containers notice nothing.
pub struct Probe {
    /// Alerts, then ordinary events.
    rings: [RingBuf<MapData>; 2],
    merge: Merge<Result<Record, DecodeError>>,
    pub(super) rows: PerCpuArray<MapData, picket_ebpf::Row>,
    pub(super) taken: Array<MapData, Taken>,
    pub(super) free_rows: Queue<MapData, u32>,
    /// Rows of the agent before of which nothing says yet whose they are.
    pub(super) unclear_rows: BTreeSet<u32>,
    pub(super) watched: Table<u64, Slot>,
    /// The row after those of containers.
    pub(super) canary_row: Row,
    /// The agent's own cgroup, while it is watched.
    pub(super) displaced: Option<Displaced>,
    control: Array<MapData, Control>,
    pub(super) told: Control,
    pub(super) epochs: Array<MapData, u32>,
    pub(super) held: Array<MapData, Held>,
    pub(super) listeners: Table<ListenerKey, u8>,
    pub(super) files: Table<FileKey, FileState>,
    pub(super) peers: Peers,
    losses: PerCpuArray<MapData, u64>,
    threads: Threads,
    sampler: Option<Sampler>,
    /// Where sequences of system calls are reported.
    pub(super) sequences: Option<Array<MapData, Sequences>>,
    pub(super) cpus: usize,
    attachments: Vec<Attachment>,
    programs: Ebpf,
    /// Dropping them detaches.
    _links: Vec<FdLink>,
    pub(super) pins: Option<Pins>,
}

impl Probe {
    /// Loads the programs and attaches all that this kernel and these capabilities allow. With `pins` it takes over from
    /// the agent before, and what it makes outlives it.
    ///
    /// # Errors
    ///
    /// Only when nothing can work at all; a single program that fails is told by [`Probe::attachments`].
    pub fn load(settings: &Settings, mut pins: Option<Pins>) -> Result<Self, ProbeError> {
        let mut programs = load_object(settings, pins.as_mut())?;
        let cgroup = File::open(&settings.cgroup_root).map_err(|error| ProbeError::Cgroup {
            path: settings.cgroup_root.clone(),
            error,
        })?;
        // A map dropped before its programs are loaded would be closed, so the maps are taken after this.
        let target = Target {
            cgroup: &cgroup,
            pins: pins.as_ref(),
            sampled: settings.sampled,
        };
        let (mut attachments, links) = attach_all(&mut programs, Some(target))?;
        let sampler = settings.sampled.then(|| sampler(&programs)).transpose();
        let sampler = sampler.unwrap_or_else(|error| {
            let failed = attachments.iter_mut().find(|it| it.probe == SAMPLED);
            if let Some(attachment) = failed {
                attachment.error.get_or_insert(error);
            }
            None
        });

        let mut free_rows = take(&mut programs, "FREE_ROWS", Queue::try_from)?;
        let taken = take(&mut programs, "TAKEN", Array::try_from)?;
        let mut unclear_rows = BTreeSet::new();
        if pins.as_ref().is_some_and(Pins::carried) {
            unclear_rows = carried::unclear_rows(&mut free_rows, &taken)?;
        } else {
            for row in 0..settings.rows {
                free_rows
                    .push(row, 0)
                    .map_err(|error| ProbeError::Map("FREE_ROWS", error))?;
            }
        }
        let before = pins.as_ref().map(Pins::control).unwrap_or_default();
        let mut probe = Self {
            rings: [
                take(&mut programs, "ALERTS", RingBuf::try_from)?,
                take(&mut programs, "EVENTS", RingBuf::try_from)?,
            ],
            merge: Merge::default(),
            rows: take(&mut programs, "ROW", PerCpuArray::try_from)?,
            taken,
            free_rows,
            unclear_rows,
            watched: take(&mut programs, "WATCHED", Table::try_from)?,
            canary_row: Row(settings.rows),
            displaced: None,
            control: take(&mut programs, "CONTROL", Array::try_from)?,
            told: Control {
                changes: before.changes.wrapping_add(1),
                active: pins.as_ref().map_or(UNPINNED_GENERATION, Pins::generation),
                ..before
            },
            epochs: take(&mut programs, "EPOCH", Array::try_from)?,
            held: take(&mut programs, "HELD", Array::try_from)?,
            listeners: take(&mut programs, "LISTENER", Table::try_from)?,
            files: take(&mut programs, "FILE", Table::try_from)?,
            peers: Peers::new(
                take(&mut programs, "PEER", Table::try_from)?,
                take(&mut programs, "PEERS_HELD", Array::try_from)?,
            ),
            losses: take(&mut programs, "LOST", PerCpuArray::try_from)?,
            sampler,
            threads: Threads::new(
                take(&mut programs, "THREAD", lru_hash)?,
                take(&mut programs, "CALLER", Array::try_from)?,
            ),
            sequences: if settings.sequences {
                Some(take(&mut programs, "SEQUENCE", Array::try_from)?)
            } else {
                None
            },
            cpus: aya::util::nr_cpus()
                .map_err(|(_, error)| ProbeError::Refused(error.to_string()))?,
            attachments,
            programs,
            _links: links,
            pins,
        };
        // From here on these programs count, and those of the agent before keep still.
        probe
            .control
            .set(0, probe.told, 0)
            .map_err(|error| ProbeError::Map("CONTROL", error))?;
        if let Some(Err(error)) = probe.pins.as_ref().map(Pins::remove_others) {
            tracing::warn!(%error, "What an agent before left in the kernel could not be removed; it keeps still, but each program costs its call.");
        }
        // An agent that was killed in the middle of its self-test has left its cgroup among the watched.
        probe.clear_canary();
        Ok(probe)
    }

    /// Which programs work.
    #[must_use]
    pub fn attachments(&self) -> &[Attachment] {
        &self.attachments
    }

    /// The next record of both rings in the order of time, or `None` when the rest is later than `until`. A record is
    /// on its way into its ring for some microseconds after the time that it bears: end `until` before now.
    pub fn next_record(&mut self, until: Moment) -> Option<Result<Record, DecodeError>> {
        let Self {
            rings,
            merge,
            unclear_rows,
            ..
        } = self;
        merge.next(until, |ring| {
            let bytes = rings.get_mut(ring)?.next()?;
            let record = decode(&bytes);
            if let Ok(Record::CgroupMade(change)) = &record
                && let Some((_, row)) = change.container
            {
                unclear_rows.remove(&row.0);
            }
            // One that cannot be read has no time, and nothing that it could come too early for.
            let at = record.as_ref().map_or(Moment(0), Record::at);
            Some((at, record))
        })
    }

    /// Whether [`Probe::next_record`] keeps a record back until it is old enough.
    #[must_use]
    pub fn holds_records(&self) -> bool {
        self.merge.holds()
    }

    /// Says that the rings were emptied: each container has its whole share of them again.
    pub fn drained(&mut self) {
        self.told.drain = self.told.drain.wrapping_add(1);
        self.tell();
    }

    /// Descriptors that are readable when the kernel asks for attention. Ordinary events do not: look at the rings every
    /// few tens of milliseconds too.
    #[must_use]
    pub fn ring_fds(&self) -> [BorrowedFd<'_>; 2] {
        self.rings.each_ref().map(AsFd::as_fd)
    }

    /// Reads traffic by peer, which [`Probe::totals`] then tells of.
    pub fn read_peers(&mut self) {
        self.peers.read();
    }

    /// Reads traffic by peer as [`Probe::read_peers`] does, for the end of all windows: peers that were silent through several
    /// make room for others.
    pub fn read_peers_of_windows(&mut self) {
        if self.peers.read() {
            self.peers.windows_end();
        }
    }

    /// What a row counted so far, over all CPUs; by peer as of the last [`Probe::read_peers`].
    ///
    /// # Errors
    ///
    /// When the kernel refuses the reading.
    pub fn totals(&self, row: Row) -> Result<Totals, MapError> {
        let copies = self.rows.get(&row.0, 0)?;
        Ok(Totals::sum(copies.iter(), self.peers.of(row)))
    }

    /// For how long system calls were watched so far; `None` where they always are.
    #[must_use]
    pub fn sampled(&self) -> Option<Duration> {
        self.sampler.as_ref().map(Sampler::observed)
    }

    /// The threads of each container that made most calls since this was last asked, without their names.
    ///
    /// # Errors
    ///
    /// When the kernel refuses the reading.
    pub fn threads(&mut self) -> Result<BTreeMap<CgroupId, Vec<ThreadCalls>>, MapError> {
        self.threads.read()
    }

    /// Whether the kernel lets this thread read the maps.
    #[must_use]
    pub fn can_read_maps(&self) -> bool {
        self.losses.get(&0, 0).is_ok()
    }

    /// Losses by reason, absolute since the maps were made, in the order of [`lost::NAMES`].
    #[must_use]
    pub fn losses(&self) -> Vec<(&'static str, u64)> {
        (0..lost::COUNT)
            .zip(lost::NAMES)
            .zip(self.canary_losses())
            .map(|((index, name), of_canary)| {
                let total = self
                    .losses
                    .get(&index, 0)
                    .map_or(0, |copies| copies.iter().sum::<u64>());
                (name, total.saturating_sub(of_canary))
            })
            .collect()
    }

    /// Runs that the kernel skipped because the program was already running on that CPU, over all programs since load.
    #[must_use]
    pub fn recursion_misses(&self) -> u64 {
        self.programs
            .programs()
            .filter_map(|(_, program)| program.fd().ok())
            .filter_map(|fd| {
                let path = format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd());
                let text = std::fs::read_to_string(path).ok()?;
                let misses = text
                    .lines()
                    .find_map(|line| line.strip_prefix("recursion_misses:"))?;
                misses.trim().parse::<u64>().ok()
            })
            .sum()
    }

    /// Says that all windows were closed at `end`.
    pub fn windows_closed(&mut self, end: Moment) {
        self.told.window_ns = end.0;
        self.tell();
    }

    pub(super) fn tell(&mut self) {
        if let Err(error) = self.control.set(0, self.told, 0) {
            tracing::error!(%error, "The probe could not be told of a change; counts may be a container's that is no longer watched, and events of busy ones are lost.");
        }
    }
}

fn sampler(programs: &Ebpf) -> Result<Sampler, String> {
    let program = programs
        .program(SAMPLED)
        .ok_or("the object has no such program")?;
    let fd = program.fd().map_err(|error| error.to_string())?;
    fd.as_fd()
        .try_clone_to_owned()
        .and_then(Sampler::start)
        .map_err(|error| format!("it cannot be switched on: {error}"))
}

/// The map itself, for what aya's own types have no way to ask.
fn lru_hash(map: Map) -> Result<MapData, MapError> {
    match map {
        Map::LruHashMap(data) => Ok(data),
        _ => Err(MapError::InvalidMapType { map_type: 0 }),
    }
}

fn take<T>(
    programs: &mut Ebpf,
    name: &'static str,
    convert: impl FnOnce(aya::maps::Map) -> Result<T, MapError>,
) -> Result<T, ProbeError> {
    let map = programs
        .take_map(name)
        .ok_or_else(|| ProbeError::Refused(format!("the object has no map {name}")))?;
    convert(map).map_err(|error| ProbeError::Map(name, error))
}
