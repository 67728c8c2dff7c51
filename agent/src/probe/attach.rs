//! Loads the programs, attaches them, and says for each whether it works.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use aya::maps::{
    Array, CgrpStorage, HashMap, MapData, MapError, PerCpuArray, PerCpuValues, Queue, RingBuf,
};
use aya::programs::{CgroupAttachMode, CgroupSkbAttachType, Program};
use aya::{Ebpf, EbpfLoader};
use picket_ebpf::{ListenerKey, Slot, lost};
use thiserror::Error;

use super::btf::{Btf, BtfError};
use super::counters::{Totals, zero_row};
use super::decode::{DecodeError, Record, decode};
use super::rows::Row;
use super::{calls, offsets};
use crate::observe::event::CgroupId;

/// Where the kernel shows its type information.
const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";

static STORAGE_OBJECT: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/picket-ebpf"));
static HASHED_OBJECT: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/picket-ebpf-hashed"));

/// Programs on tracepoints, by their tracepoint's name.
const TRACEPOINTS: [&str; 7] = [
    "cgroup_mkdir",
    "cgroup_rmdir",
    "sched_process_fork",
    "sched_process_exec",
    "sched_process_exit",
    "sys_exit",
    "inet_sock_set_state",
];

/// Programs on the root of the cgroup v2 hierarchy.
const CGROUP_HOOKS: [&str; 6] = [
    "connect4",
    "connect6",
    "sendmsg4",
    "sendmsg6",
    "skb_ingress",
    "skb_egress",
];

/// What the probe needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Mount point of the cgroup v2 hierarchy.
    pub cgroup_root: PathBuf,
    /// Containers that can be watched at a time.
    pub rows: u32,
}

/// Why there is no probe.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// The agent was built without the kernel programs.
    #[error(
        "this agent was built without its probe (AYA_BUILD_SKIP was set); build it with `cargo xtask build`"
    )]
    NotBuilt,
    /// The kernel shows no type information.
    #[error(
        "{KERNEL_BTF} cannot be read ({0}); Picket needs a kernel with CONFIG_DEBUG_INFO_BTF=y, 5.8 or later"
    )]
    NoBtf(std::io::Error),
    /// The kernel's type information lacks something.
    #[error("{0}; this kernel is not supported, please report it with `uname -r`")]
    Btf(#[from] BtfError),
    /// The kernel refused to load the maps.
    #[error("the kernel refused the probe: {0}; run `picket check` for what is missing")]
    Refused(String),
    /// A map is not as this agent expects it.
    #[error("the probe's map {0} cannot be used: {1}")]
    Map(&'static str, MapError),
    /// The hierarchy cannot be opened.
    #[error("the cgroup v2 hierarchy {} cannot be opened: {error}", path.display())]
    Cgroup {
        /// Its path.
        path: PathBuf,
        /// The cause.
        error: std::io::Error,
    },
}

/// Whether one program of the probe works, and if not, why.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// Program name, the metric label.
    pub probe: &'static str,
    /// `None` when it is attached.
    pub error: Option<String>,
}

/// The loaded probe. Dropping it detaches everything; the containers notice nothing.
pub struct Probe {
    events: RingBuf<MapData>,
    rows: PerCpuArray<MapData, picket_ebpf::Row>,
    free_rows: Queue<MapData, u32>,
    watched: HashMap<MapData, u64, Slot>,
    storage: Option<CgrpStorage<MapData, Slot>>,
    epochs: Array<MapData, u32>,
    listeners: HashMap<MapData, ListenerKey, u8>,
    losses: PerCpuArray<MapData, u64>,
    cpus: usize,
    attachments: Vec<Attachment>,
    variant: &'static str,
    _programs: Ebpf,
}

impl Probe {
    /// Loads the programs and attaches all that this kernel and these capabilities allow.
    ///
    /// # Errors
    ///
    /// Only when nothing can work at all; a single program that fails is told by [`Probe::attachments`].
    pub fn load(settings: &Settings) -> Result<Self, ProbeError> {
        let (mut programs, variant) = load_object(settings)?;
        let cgroup = File::open(&settings.cgroup_root).map_err(|error| ProbeError::Cgroup {
            path: settings.cgroup_root.clone(),
            error,
        })?;
        // A map dropped before its programs are loaded would be closed, so the maps are taken after this.
        let attachments = attach_all(&mut programs, Some(&cgroup))?;

        let mut free_rows = take(&mut programs, "FREE_ROWS", Queue::try_from)?;
        for row in 0..settings.rows {
            free_rows
                .push(row, 0)
                .map_err(|error| ProbeError::Map("FREE_ROWS", error))?;
        }
        let storage = match programs.take_map("CGROUP_SLOT") {
            Some(map) => Some(
                CgrpStorage::try_from(map)
                    .map_err(|error| ProbeError::Map("CGROUP_SLOT", error))?,
            ),
            None => None,
        };
        Ok(Self {
            events: take(&mut programs, "EVENTS", RingBuf::try_from)?,
            rows: take(&mut programs, "ROW", PerCpuArray::try_from)?,
            free_rows,
            watched: take(&mut programs, "WATCHED", HashMap::try_from)?,
            storage,
            epochs: take(&mut programs, "EPOCH", Array::try_from)?,
            listeners: take(&mut programs, "LISTENER", HashMap::try_from)?,
            losses: take(&mut programs, "LOST", PerCpuArray::try_from)?,
            cpus: aya::util::nr_cpus()
                .map_err(|(_, error)| ProbeError::Refused(error.to_string()))?,
            attachments,
            variant,
            _programs: programs,
        })
    }

    /// Which programs work.
    #[must_use]
    pub fn attachments(&self) -> &[Attachment] {
        &self.attachments
    }

    /// `storage` with cgroup local storage, `hashed` on kernels before 6.2.
    #[must_use]
    pub const fn variant(&self) -> &'static str {
        self.variant
    }

    /// The next record of the ring, or `None` when it is empty.
    pub fn next_record(&mut self) -> Option<Result<Record, DecodeError>> {
        self.events.next().map(|bytes| decode(&bytes))
    }

    /// Descriptor that is readable when the kernel asks for attention. Ordinary events do not: look at the ring every
    /// few tens of milliseconds too.
    #[must_use]
    pub fn events_fd(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }

    /// What a row counted so far, over all CPUs.
    ///
    /// # Errors
    ///
    /// When the kernel refuses the reading.
    pub fn totals(&self, row: Row) -> Result<Totals, MapError> {
        Ok(Totals::sum(self.rows.get(&row.0, 0)?.iter()))
    }

    /// Whether the kernel lets this thread read the maps.
    #[must_use]
    pub fn can_read_maps(&self) -> bool {
        self.losses.get(&0, 0).is_ok()
    }

    /// Losses by reason, absolute since load, in the order of [`lost::NAMES`].
    #[must_use]
    pub fn losses(&self) -> Vec<(&'static str, u64)> {
        (0..lost::COUNT)
            .zip(lost::NAMES)
            .map(|(index, name)| {
                let total = self
                    .losses
                    .get(&index, 0)
                    .map_or(0, |copies| copies.iter().sum());
                (name, total)
            })
            .collect()
    }

    /// Watches a container that was there before the probe, or that the kernel side did not recognise.
    /// `cgroups` are its own cgroup first and those nested in it, with their directories.
    ///
    /// # Errors
    ///
    /// When no row is free or the kernel refuses an entry; nothing is watched then.
    pub fn watch(
        &mut self,
        container: CgroupId,
        cgroups: &[(CgroupId, &Path)],
    ) -> Result<Row, MapError> {
        let row = self.free_rows.pop(0)?;
        let slot = Slot {
            row,
            _pad: 0,
            container: container.0,
        };
        for (cgroup, directory) in cgroups {
            if let Err(error) = self.mark(*cgroup, directory, slot) {
                self.unwatch(
                    Row(row),
                    &cgroups
                        .iter()
                        .map(|(cgroup, _)| *cgroup)
                        .collect::<Vec<_>>(),
                );
                return Err(error);
            }
        }
        Ok(Row(row))
    }

    fn mark(&mut self, cgroup: CgroupId, directory: &Path, slot: Slot) -> Result<(), MapError> {
        self.watched.insert(cgroup.0, slot, 0)?;
        if let (Some(storage), Ok(directory)) = (&mut self.storage, File::open(directory)) {
            storage.insert(&directory, slot, 0)?;
        }
        Ok(())
    }

    /// Lets go of a container: its row is emptied and free again. `cgroups` are all its cgroups; those whose directory
    /// still exists keep their local storage until [`Probe::forget_storage`].
    pub fn unwatch(&mut self, row: Row, cgroups: &[CgroupId]) {
        for cgroup in cgroups {
            // Already gone with its cgroup is the common case.
            let _ = self.watched.remove(&cgroup.0);
        }
        let ports: Vec<ListenerKey> = self
            .listeners
            .keys()
            .filter_map(Result::ok)
            .filter(|key| key.row == row.0)
            .collect();
        for key in ports {
            let _ = self.listeners.remove(&key);
        }
        self.raise_epoch(row);
        if let Ok(zeroes) = PerCpuValues::try_from(vec![zero_row(); self.cpus]) {
            let _ = self.rows.set(row.0, zeroes, 0);
        }
        if let Err(error) = self.free_rows.push(row.0, 0) {
            tracing::warn!(row = row.0, %error, "A row of counters could not be given back; one container fewer can be watched.");
        }
    }

    /// Removes the local storage of a living cgroup that is no longer watched.
    pub fn forget_storage(&mut self, directory: &Path) {
        if let (Some(storage), Ok(directory)) = (&mut self.storage, File::open(directory)) {
            let _ = storage.remove(&directory);
        }
    }

    /// Has everything a container does reported anew, as at a change of phase.
    pub fn raise_epoch(&mut self, row: Row) {
        let next = self.epochs.get(&row.0, 0).unwrap_or(0).wrapping_add(1);
        if let Err(error) = self.epochs.set(row.0, next, 0) {
            tracing::warn!(row = row.0, %error, "The epoch of a row could not be raised; known things will not be reported again.");
        }
    }

    /// Tells the kernel of a port that a container older than the probe listens on.
    pub fn add_listener(&mut self, row: Row, port: u16) {
        let key = ListenerKey {
            row: row.0,
            port: u32::from(port),
        };
        if let Err(error) = self.listeners.insert(key, 1, 0) {
            tracing::warn!(port, %error, "A listening port could not be noted; its requests will not be counted.");
        }
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

/// Loads the object for this kernel: with cgroup local storage (6.2 or later), else the hashed one.
/// `PICKET_PROBE_VARIANT=hashed` asks for the latter anywhere, to test and measure it.
fn load_object(settings: &Settings) -> Result<(Ebpf, &'static str), ProbeError> {
    let data = std::fs::read(KERNEL_BTF).map_err(ProbeError::NoBtf)?;
    let btf = Btf::parse(&data)?;
    let forced = std::env::var("PICKET_PROBE_VARIANT").is_ok_and(|variant| variant == "hashed");
    let has_storage = btf.offset("cgroup", "bpf_cgrp_storage").is_ok();
    let (object, variant) = if has_storage && !forced {
        (STORAGE_OBJECT, "storage")
    } else {
        (HASHED_OBJECT, "hashed")
    };
    if object.is_empty() {
        return Err(ProbeError::NotBuilt);
    }
    let offsets = offsets::resolve(&btf)?;
    let flags = calls::flags();
    let mut loader = EbpfLoader::new();
    for (global, offset) in &offsets {
        loader.override_global(global, offset, false);
    }
    loader
        .override_global("CALL_FLAGS", flags.as_slice(), true)
        .override_global("COMPAT_BIT", &offsets::COMPAT_BIT, true)
        .map_max_entries("ROW", settings.rows)
        .map_max_entries("FREE_ROWS", settings.rows)
        .map_max_entries("EPOCH", settings.rows);
    let programs = loader
        .load(object)
        .map_err(|error| ProbeError::Refused(chain(&error)))?;
    Ok((programs, variant))
}

fn attach_all(programs: &mut Ebpf, cgroup: Option<&File>) -> Result<Vec<Attachment>, ProbeError> {
    let btf = aya::Btf::from_sys_fs().map_err(|error| ProbeError::Refused(error.to_string()))?;
    let mut attachments = Vec::new();
    for probe in TRACEPOINTS.into_iter().chain(CGROUP_HOOKS) {
        let error = attach(programs, probe, &btf, cgroup).err();
        attachments.push(Attachment { probe, error });
    }
    Ok(attachments)
}

/// Loads one program and, with a cgroup given, attaches it.
fn attach(
    programs: &mut Ebpf,
    probe: &str,
    btf: &aya::Btf,
    cgroup: Option<&File>,
) -> Result<(), String> {
    let program = programs
        .program_mut(probe)
        .ok_or("the object has no such program")?;
    let result = match program {
        Program::BtfTracePoint(program) => program.load(probe, btf).and_then(|()| match cgroup {
            Some(_) => program.attach().map(drop),
            None => Ok(()),
        }),
        Program::CgroupSockAddr(program) => program.load().and_then(|()| match cgroup {
            Some(cgroup) => program.attach(cgroup, CgroupAttachMode::Single).map(drop),
            None => Ok(()),
        }),
        Program::CgroupSkb(program) => program.load().and_then(|()| match cgroup {
            Some(cgroup) => {
                let direction = if probe == "skb_ingress" {
                    CgroupSkbAttachType::Ingress
                } else {
                    CgroupSkbAttachType::Egress
                };
                program
                    .attach(cgroup, direction, CgroupAttachMode::Single)
                    .map(drop)
            }
            None => Ok(()),
        }),
        _ => return Err("the program is of an unexpected type".to_owned()),
    };
    result.map_err(|error| chain(&error))
}

/// Loads every program without attaching any: what `picket check` asks. The result names each program.
#[must_use]
pub fn trial() -> Vec<(String, Result<(), String>)> {
    let settings = Settings {
        cgroup_root: PathBuf::new(),
        rows: 1,
    };
    let outcome =
        load_object(&settings).and_then(|(mut programs, _)| attach_all(&mut programs, None));
    match outcome {
        Ok(attachments) => attachments
            .into_iter()
            .map(|attachment| {
                (
                    attachment.probe.to_owned(),
                    attachment.error.map_or(Ok(()), Err),
                )
            })
            .collect(),
        Err(error) => vec![("probe".to_owned(), Err(error.to_string()))],
    }
}

/// An error and its causes in one line; the verifier's log only by its first and last lines.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    // aya shows the verifier's log also where there was none.
    let text = text
        .replace(". Verifier output: :", ":")
        .replace(". Verifier output: ", ": ");
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    match lines.as_slice() {
        [first, .., before, last] if std::env::var_os("PICKET_PROBE_LOG").is_none() => {
            format!("{first} … {before} {last}")
        }
        _ => text.trim_end_matches([':', ' ', '\n']).to_owned(),
    }
}
