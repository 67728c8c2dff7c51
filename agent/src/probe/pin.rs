//! What of the probe outlives its agent: maps and links that have names in a BPF file system.
//!
//! While the links are there, the programs go on counting and reporting without an agent, and the next one finds the
//! counters where they are and the events waiting. A directory belongs to one agent at a time and looks like this:
//!
//! - `CONTROL`, the one map whose shape never changes: it says which generation of programs counts.
//! - `maps-<layout>`, all other maps of one layout.
//! - `links-<generation>`, the attachments of one generation of programs.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aya::maps::{Array, Map, MapData, MapInfo, MapType};
use picket_ebpf::{Control, LAYOUT};
use rustix::fs::statfs;
use rustix::mount::{MountFlags, mount};
use thiserror::Error;

/// Where the BPF file system belongs.
const FILE_SYSTEM: &str = "/sys/fs/bpf";

/// `include/uapi/linux/magic.h`: BPF_FS_MAGIC.
const FILE_SYSTEM_MAGIC: u64 = 0xcafe_4a11;

/// The map that is handed on whatever else changes.
pub const CONTROL: &str = "CONTROL";

/// How often a directory that another agent holds is tried again.
const RETRY: Duration = Duration::from_millis(100);

/// Why nothing can be pinned.
#[derive(Debug, Error)]
pub enum PinError {
    /// An agent is alive that pins there.
    #[error(
        "{} belongs to another agent that runs; stop that one, or give this one a `pin_dir` of its own or `--no-pin`",
        .0.display()
    )]
    Held(PathBuf),
    /// There is no place for pins.
    #[error("{} is not in a BPF file system, and mounting one at {FILE_SYSTEM} failed: {error}; mount it, or set `pin_dir`", path.display())]
    NoFileSystem {
        /// The directory.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// The directory cannot be used.
    #[error("cannot {action} {}: {error}; in a BPF file system names have no dots, and only root may write", path.display())]
    Directory {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
}

impl PinError {
    fn directory(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Directory {
            action,
            path,
            error,
        }
    }
}

/// What must agree for a pinned map to be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Number of its type.
    pub kind: u32,
    /// Bytes of a key.
    pub key: u32,
    /// Bytes of a value.
    pub value: u32,
    /// Entries, or the bytes of a ring.
    pub entries: u32,
}

impl Shape {
    fn of(info: &MapInfo) -> Self {
        Self {
            kind: info.map_type().map_or(u32::MAX, |kind| kind as u32),
            key: info.key_size(),
            value: info.value_size(),
            entries: info.max_entries(),
        }
    }
}

/// A directory of pins that belongs to this agent as long as this value lives.
#[derive(Debug)]
pub struct Pins {
    directory: PathBuf,
    generation: u32,
    control: Control,
    carried: bool,
    _lock: File,
}

impl Pins {
    /// Makes the directory this agent's, waiting so long for another that may be about to end.
    ///
    /// # Errors
    ///
    /// When another agent keeps it, or there is no BPF file system.
    pub fn take(directory: &Path, patience: Duration) -> Result<Self, PinError> {
        provide_file_system(directory)?;
        let lock = lock(directory, Instant::now() + patience)?;
        let control = control(directory)?;
        Ok(Self {
            directory: directory.to_owned(),
            generation: control.active.wrapping_add(1).max(1),
            control,
            carried: false,
            _lock: lock,
        })
    }

    /// Makes room for these maps and this generation's links. Maps of another shape than given, and maps of which some
    /// are missing, are let go, as no part of them means anything without the rest.
    ///
    /// # Errors
    ///
    /// When the directory cannot be written.
    pub fn prepare(&mut self, shapes: &BTreeMap<String, Shape>) -> Result<(), PinError> {
        let maps = self.maps();
        let mut differences = shapes
            .iter()
            .filter(|(name, _)| name.as_str() != CONTROL)
            .filter_map(|(name, shape)| difference(&maps.join(name), *shape));
        let difference = if self.control.active == 0 {
            Some(format!("map {CONTROL} is new"))
        } else {
            differences.next()
        };
        if let Some(difference) = &difference
            && maps.exists()
        {
            tracing::warn!(directory = %maps.display(), %difference, "The pinned maps are not as this agent needs them and are replaced: counts begin anew, and events that waited are lost.");
            remove(&maps)?;
        }
        self.carried = difference.is_none();
        create(&maps)?;
        // An agent that ended between attaching and taking over left links of the generation that is now ours.
        remove(&self.links())?;
        create(&self.links())
    }

    /// Path of a map.
    #[must_use]
    pub fn map(&self, name: &str) -> PathBuf {
        if name == CONTROL {
            self.directory.join(CONTROL)
        } else {
            self.maps().join(name)
        }
    }

    /// Path of the link of a program of this generation.
    #[must_use]
    pub fn link(&self, program: &str) -> PathBuf {
        self.links().join(program)
    }

    /// This generation of programs.
    #[must_use]
    pub const fn generation(&self) -> u32 {
        self.generation
    }

    /// What the agent before told its programs last; all 0 where there was none.
    #[must_use]
    pub const fn control(&self) -> Control {
        self.control
    }

    /// Whether the maps of the agent before are used on.
    #[must_use]
    pub const fn carried(&self) -> bool {
        self.carried
    }

    /// Lets go of the links of other generations and the maps of other layouts. To be called once this generation counts.
    ///
    /// # Errors
    ///
    /// When something cannot be removed; the programs behind it keep still, but each costs its call.
    pub fn remove_others(&self) -> Result<(), PinError> {
        let kept = [self.maps(), self.links(), self.directory.join(CONTROL)];
        for path in entries(&self.directory)? {
            if !kept.contains(&path) {
                remove(&path)?;
            }
        }
        Ok(())
    }

    fn maps(&self) -> PathBuf {
        self.directory.join(format!("maps-{LAYOUT:08x}"))
    }

    fn links(&self) -> PathBuf {
        self.directory.join(format!("links-{}", self.generation))
    }
}

/// Removes the pins of an agent that no longer runs: its programs are detached. False when there are none.
///
/// # Errors
///
/// When an agent runs that pins there, or something cannot be removed.
pub fn unpin(directory: &Path) -> Result<bool, PinError> {
    if !directory.exists() {
        return Ok(false);
    }
    let _lock = lock(directory, Instant::now())?;
    remove(directory)?;
    Ok(true)
}

/// What is told by the control map in `directory`. One of another shape is let go.
fn control(directory: &Path) -> Result<Control, PinError> {
    let path = directory.join(CONTROL);
    if !path.exists() {
        return Ok(Control::default());
    }
    let shape = Shape {
        kind: MapType::Array as u32,
        key: size_of::<u32>() as u32,
        value: size_of::<Control>() as u32,
        entries: 1,
    };
    let told = match difference(&path, shape) {
        Some(difference) => Err(difference),
        None => MapData::from_pin(&path)
            .and_then(|data| Array::<_, Control>::try_from(Map::Array(data)))
            .and_then(|map| map.get(&0, 0))
            .map_err(|error| error.to_string()),
    };
    told.or_else(|difference| {
        tracing::warn!(path = %path.display(), %difference, "The pinned map is not as this agent needs it and is replaced.");
        remove(&path)?;
        Ok(Control::default())
    })
}

/// How a pinned map differs from a shape, in words; `None` when it does not.
fn difference(path: &Path, shape: Shape) -> Option<String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match MapInfo::from_pin(path) {
        Ok(info) if Shape::of(&info) == shape => None,
        Ok(info) => Some(format!(
            "map {name} is {:?} and should be {shape:?}",
            Shape::of(&info)
        )),
        Err(error) => Some(format!("map {name} cannot be opened: {error}")),
    }
}

fn provide_file_system(directory: &Path) -> Result<(), PinError> {
    let existing = directory
        .ancestors()
        .find(|ancestor| ancestor.exists())
        .unwrap_or(Path::new("/"));
    let is_bpf = |path: &Path| {
        statfs(path).is_ok_and(|found| u64::try_from(found.f_type) == Ok(FILE_SYSTEM_MAGIC))
    };
    if is_bpf(existing) {
        return Ok(());
    }
    let mounted = if directory.starts_with(FILE_SYSTEM) {
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        mount("bpf", FILE_SYSTEM, "bpf", flags, Some(c"mode=0700")).map_err(io::Error::from)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the directory is not below it",
        ))
    };
    mounted.map_err(|error| PinError::NoFileSystem {
        path: directory.to_owned(),
        error,
    })
}

/// Makes the directory where it is missing, and locks it.
fn lock(directory: &Path, until: Instant) -> Result<File, PinError> {
    loop {
        create(directory)?;
        let file = File::open(directory).map_err(PinError::directory("open", directory))?;
        match file.try_lock() {
            // Whoever held it may have removed it meanwhile: then the lock is on something that nobody else sees.
            Ok(()) if is_at(&file, directory) => return Ok(file),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(RETRY),
            Err(TryLockError::WouldBlock) => return Err(PinError::Held(directory.to_owned())),
            Err(TryLockError::Error(error)) => {
                return Err(PinError::directory("lock", directory)(error));
            }
        }
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let (open, there) = (
        file.metadata().map(identity),
        fs::metadata(path).map(identity),
    );
    matches!((open, there), (Ok(open), Ok(there)) if open == there)
}

fn create(directory: &Path) -> Result<(), PinError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(PinError::directory("create", directory))
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, PinError> {
    fs::read_dir(directory)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(PinError::directory("read", directory))
}

/// Removes a pin, or a directory with all in it; what is not there is not missed.
fn remove(path: &Path) -> Result<(), PinError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(PinError::directory("remove", path)(error))
        }
        _ => Ok(()),
    }
}
