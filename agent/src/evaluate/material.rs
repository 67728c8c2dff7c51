//! What recordings hold of each container, cut at its windows: material to be judged again, or put together anew.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::walk::recordings;
use crate::baseline::key::Key;
use crate::engine::{Birth, Input, Resume, Settings, Watch};
use crate::observe::container::Observer;
use crate::observe::event::{CgroupId, Moment};
use crate::observe::fact::Phase;
use crate::record::{ReadError, Reader};
use crate::workload::container::Container;

/// Why recordings are no material.
#[derive(Debug, thiserror::Error)]
pub enum MaterialError {
    /// The directory cannot be read.
    #[error("cannot read directory {}: {cause}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// There is no recording in it.
    #[error("{} holds no recording (*.picket); `picket record` makes them", .0.display())]
    None(PathBuf),
    /// A recording cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The settings of a recording are not valid here.
    #[error(transparent)]
    Settings(#[from] crate::engine::SettingsError),
}

/// One window of a container with the events before it.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The inputs in their order; the last one is the window.
    pub inputs: Vec<Input>,
    /// Where the window began.
    pub begin: Moment,
    /// Where it ended.
    pub end: Moment,
    /// The phase it was in throughout; `None` when the phase changed within it.
    pub phase: Option<Phase>,
}

/// What a recording holds of one container.
#[derive(Clone, Debug)]
pub struct Life {
    /// Its identity.
    pub container: Arc<Container>,
    /// The baseline it is compared with.
    pub key: Key,
    /// How it came under watch; `None` when the recording began in the middle of its life.
    pub birth: Option<Birth>,
    /// What was lost before its first window.
    pub lossy: bool,
    /// Its windows.
    pub pieces: Vec<Piece>,
    /// Its end was recorded.
    pub ended: bool,
}

/// All that one recording holds.
#[derive(Debug)]
pub struct Material {
    /// The recording.
    pub path: PathBuf,
    /// The settings it was made with.
    pub settings: Settings,
    /// The wall-clock time of `Moment(0)`, Unix milliseconds.
    pub boot_ms: i64,
    /// Its containers.
    pub lives: Vec<Life>,
}

/// Reads every recording in a directory and below, in the order of their names. A recording that was cut short counts up
/// to there.
///
/// # Errors
/// When there is none, or one cannot be read.
pub fn read(directory: &Path) -> Result<Vec<Material>, MaterialError> {
    let paths = recordings(directory)?;
    if paths.is_empty() {
        return Err(MaterialError::None(directory.to_owned()));
    }
    paths.iter().map(|path| read_one(path)).collect()
}

struct Open {
    life: Life,
    observer: Observer,
    since: Vec<Input>,
}

fn read_one(path: &Path) -> Result<Material, MaterialError> {
    let mut reader: Reader<BufReader<File>> = Reader::open(path)?;
    let (settings, boot_ms) = (reader.header().settings.clone(), reader.header().boot_ms);
    let devices: Arc<[String]> = settings.devices.as_slice().into();
    let mut open: BTreeMap<CgroupId, Open> = BTreeMap::new();
    let mut lives = Vec::new();
    while let Some(input) = reader.next_input()? {
        match input {
            Input::Watch(watch) => {
                let begun = Open::watched(*watch, &devices);
                let before = open.insert(begun.life.container.cgroup, begun);
                lives.extend(before.map(|open| open.life));
            }
            Input::Resume(resume) => {
                let begun = Open::resumed(*resume, &devices);
                open.insert(begun.life.container.cgroup, begun);
            }
            Input::Event(event) => {
                if let Some(open) = open.get_mut(&event.cgroup) {
                    open.observer.event(&event);
                    open.since.push(Input::Event(event));
                }
            }
            Input::Resync { cgroup, processes } => {
                if let Some(open) = open.get_mut(&cgroup) {
                    open.observer.resync(&processes);
                    open.since.push(Input::Resync { cgroup, processes });
                }
            }
            Input::Window { cgroup, window } => {
                if let Some(open) = open.get_mut(&cgroup) {
                    let report = open.observer.window(&window);
                    let (begin, end) = (window.end.0.saturating_sub(window.length_ns), window.end);
                    let mut inputs = std::mem::take(&mut open.since);
                    inputs.push(Input::Window { cgroup, window });
                    open.life.pieces.push(Piece {
                        inputs,
                        begin: Moment(begin),
                        end,
                        phase: report.phase,
                    });
                }
            }
            Input::End { cgroup } => {
                if let Some(mut open) = open.remove(&cgroup) {
                    open.life.ended = true;
                    lives.push(open.life);
                }
            }
            Input::Time(_) | Input::Baseline(_) | Input::Anew { .. } | Input::Elsewhere { .. } => {}
        }
    }
    lives.extend(open.into_values().map(|open| open.life));
    lives.retain(|life| !life.pieces.is_empty());
    lives.sort_by_key(|life| {
        life.pieces
            .first()
            .map(|piece| (piece.begin, life.container.cgroup))
    });
    Ok(Material {
        path: path.to_owned(),
        settings,
        boot_ms,
        lives,
    })
}

impl Open {
    fn watched(watch: Watch, devices: &Arc<[String]>) -> Self {
        let observer = match watch.birth.clone() {
            Birth::Seen(at) => Observer::born(at),
            Birth::Found {
                at,
                processes,
                listening,
            } => Observer::existing(at, processes, listening),
        };
        Self {
            life: Life {
                container: watch.container,
                key: watch.key,
                birth: Some(watch.birth),
                lossy: watch.lossy,
                pieces: Vec::new(),
                ended: false,
            },
            observer: observer.with_devices(Arc::clone(devices)),
            since: Vec::new(),
        }
    }

    fn resumed(resume: Resume, devices: &Arc<[String]>) -> Self {
        Self {
            life: Life {
                container: resume.container,
                key: resume.key,
                birth: None,
                lossy: false,
                pieces: Vec::new(),
                ended: false,
            },
            observer: resume.observer.with_devices(Arc::clone(devices)),
            since: Vec::new(),
        }
    }
}
