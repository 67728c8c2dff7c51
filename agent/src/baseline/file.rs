//! Baselines on disk: one checksummed, versioned file each, written atomically, never silently replaced.
//!
//! The first line is `picket-baseline <format version> sha256:<hex of the rest>`, the rest is the baseline as JSON.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::hash::sha256_hex;
use super::model::Baseline;

/// Version of the format this agent writes, and the newest it reads.
pub const FORMAT: u32 = 1;

/// Largest file that is written or read, bytes. The bounds on facts and rows keep real ones below a tenth of it.
pub const MAX_BYTES: u64 = 64 << 20;

const MAGIC: &str = "picket-baseline";
const EXTENSION: &str = "baseline";

/// Why a baseline could not be saved. The file that was there before is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The disk or its quota is full.
    #[error(
        "cannot save baseline {path}: no space left on the device; the previous file is kept, free some space there and learning goes on"
    )]
    NoSpace {
        /// The file.
        path: PathBuf,
    },
    /// Any other failure.
    #[error("cannot save baseline {path}: {step}: {cause}; the previous file is kept")]
    Io {
        /// The file.
        path: PathBuf,
        /// What failed.
        step: &'static str,
        /// Why.
        cause: io::Error,
    },
    /// The baseline is beyond the size that could be read back.
    #[error(
        "cannot save baseline {path}: {bytes} bytes are more than the largest readable file ({MAX_BYTES}); the previous file is kept, reset this baseline"
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
}

/// Why a file is not a usable baseline.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It could not be read at all.
    #[error("cannot read baseline {path}: {cause}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// It is not what was once written.
    #[error("baseline {path} is damaged: {cause}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// A newer agent wrote it.
    #[error(
        "baseline {path} has format version {found}, and this agent reads up to {FORMAT}; upgrade the agent to use it"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format version.
        found: u32,
    },
}

/// A file that was not loaded.
#[derive(Debug)]
pub struct SetAside {
    /// Where it was found.
    pub path: PathBuf,
    /// Where it lies now; `None` when it could not be moved and was left alone.
    pub moved_to: Option<PathBuf>,
    /// Why, and what happened to it, as one sentence.
    pub reason: String,
}

/// File name of a baseline within its directory.
#[must_use]
pub fn file_name(baseline: &Baseline) -> String {
    format!("{}.{EXTENSION}", baseline.id())
}

/// Writes a baseline into `dir` and returns the file's path. Whatever interrupts it, the file is the old or the new one.
///
/// # Errors
/// When anything could not be written; the previous file is unchanged then, and no temporary file is left.
pub fn save(dir: &Path, baseline: &Baseline) -> Result<PathBuf, SaveError> {
    write(dir.join(file_name(baseline)), baseline)
}

/// Writes a baseline beside its own file, as `<file>.old`, and returns the path: what is about to be forgotten is kept
/// until the next time.
///
/// # Errors
/// As [`save`].
pub fn save_old(dir: &Path, baseline: &Baseline) -> Result<PathBuf, SaveError> {
    write(dir.join(format!("{}.old", file_name(baseline))), baseline)
}

/// Writes a baseline to a file, whatever its name.
///
/// # Errors
/// As [`save`].
pub fn write(path: PathBuf, baseline: &Baseline) -> Result<PathBuf, SaveError> {
    let failed = |step| {
        let path = path.clone();
        move |cause: io::Error| match cause.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                SaveError::NoSpace { path }
            }
            _ => SaveError::Io { path, step, cause },
        }
    };
    let content = encode(baseline).map_err(|e| failed("encode it")(e.into()))?;
    let bytes = content.len() as u64;
    if bytes > MAX_BYTES {
        return Err(SaveError::TooLarge { path, bytes });
    }
    // The name is fixed: what a crash left behind is overwritten by the next save.
    let mut temporary = path.clone().into_os_string();
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    let written = write_synced(&temporary, &content)
        .map_err(failed("write the temporary file"))
        .and_then(|()| fs::rename(&temporary, &path).map_err(failed("rename it into place")));
    if let Err(error) = written {
        // It may never have come to be; the error that matters is the first one.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    // Without this the rename may be lost in a power cut, which leaves the old file: safe, but not what was promised.
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    File::open(dir.unwrap_or(Path::new(".")))
        .and_then(|dir| dir.sync_all())
        .map_err(failed("sync the directory"))?;
    Ok(path)
}

pub(crate) fn encode(baseline: &Baseline) -> Result<Vec<u8>, serde_json::Error> {
    let mut body = serde_json::to_vec(baseline)?;
    body.push(b'\n');
    Ok(seal(body))
}

/// A file with this body.
pub(crate) fn seal(body: Vec<u8>) -> Vec<u8> {
    let mut content = format!("{MAGIC} {FORMAT} sha256:{}\n", sha256_hex(&body)).into_bytes();
    content.extend(body);
    content
}

fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Reads the baseline file that an agent keeps under this name.
///
/// # Errors
/// As [`read`], and when the name is another baseline's.
pub fn load(path: &Path) -> Result<Baseline, LoadError> {
    let baseline = read(path)?;
    let expected = file_name(&baseline);
    if path.file_name() != Some(OsStr::new(&expected)) {
        return Err(LoadError::Damaged {
            path: path.to_owned(),
            cause: format!("it holds the baseline that belongs into {expected}"),
        });
    }
    Ok(baseline)
}

/// Reads one baseline file, whatever its name.
///
/// # Errors
/// When it cannot be read, is damaged or was written by a newer agent. The file is left as it is.
pub fn read(path: &Path) -> Result<Baseline, LoadError> {
    let unreadable = |cause| LoadError::Unreadable {
        path: path.to_owned(),
        cause,
    };
    let damaged = |cause: String| LoadError::Damaged {
        path: path.to_owned(),
        cause,
    };
    // A named pipe would block the open for ever.
    if !fs::symlink_metadata(path).map_err(unreadable)?.is_file() {
        return Err(damaged("it is not a regular file".to_owned()));
    }
    let mut content = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut content))
        .map_err(unreadable)?;
    if content.len() as u64 > MAX_BYTES {
        return Err(damaged(format!("it is larger than {MAX_BYTES} bytes")));
    }
    decode(path, &content)
}

/// The baseline in a file's content; `path` is for the error.
pub(crate) fn decode(path: &Path, content: &[u8]) -> Result<Baseline, LoadError> {
    let damaged = |cause: String| LoadError::Damaged {
        path: path.to_owned(),
        cause,
    };
    let (version, checksum, body) =
        split(content).ok_or_else(|| damaged("its first line is not that of a baseline".into()))?;
    if version > FORMAT {
        return Err(LoadError::Newer {
            path: path.to_owned(),
            found: version,
        });
    }
    if sha256_hex(body) != checksum {
        return Err(damaged(
            "its checksum does not match: it was cut off or changed".to_owned(),
        ));
    }
    let mut baseline: Baseline = serde_json::from_slice(body)
        .map_err(|cause| damaged(format!("its content is not a baseline: {cause}")))?;
    baseline.take_over_hosts();
    Ok(baseline)
}

/// Format version, checksum and body of a file.
fn split(content: &[u8]) -> Option<(u32, &str, &[u8])> {
    let end = content.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = content.split_at(end);
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    if words.next()? != MAGIC {
        return None;
    }
    let digits = words.next()?;
    let version: u32 = digits.parse().ok()?;
    let checksum = words.next()?.strip_prefix("sha256:")?;
    // One spelling only, so that no change to the line goes unnoticed.
    let exact = digits == version.to_string() && version > 0 && words.next().is_none();
    exact.then_some((version, checksum, rest.get(1..)?))
}

/// Loads every baseline in `dir`; what cannot be used is renamed to `<name>.damaged-<n>` or `<name>.newer-<n>` and
/// reported, never deleted. A directory that does not exist holds no baselines.
#[must_use]
pub fn load_dir(dir: &Path) -> (Vec<Baseline>, Vec<SetAside>) {
    let mut paths = Vec::new();
    let mut aside = Vec::new();
    match fs::read_dir(dir) {
        Ok(entries) => paths.extend(entries.flatten().map(|entry| entry.path())),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
        Err(cause) => aside.push(SetAside {
            path: dir.to_owned(),
            moved_to: None,
            reason: format!(
                "cannot list baselines in {}: {cause}; the agent learns anew",
                dir.display()
            ),
        }),
    }
    paths.retain(|path| path.extension() == Some(OsStr::new(EXTENSION)));
    paths.sort();
    let mut baselines = Vec::new();
    for path in paths {
        match load(&path) {
            Ok(baseline) => baselines.push(baseline),
            Err(error) => aside.push(set_aside(path, &error)),
        }
    }
    (baselines, aside)
}

fn set_aside(path: PathBuf, error: &LoadError) -> SetAside {
    let label = match error {
        // It may be fine: an operator's change of permissions must not cost the baseline.
        LoadError::Unreadable { .. } => {
            return SetAside {
                reason: format!("{error}; it is left alone and this workload learns anew"),
                path,
                moved_to: None,
            };
        }
        LoadError::Damaged { .. } => "damaged",
        LoadError::Newer { .. } => "newer",
    };
    let candidate = |n: u32| PathBuf::from(format!("{}.{label}-{n}", path.display()));
    let free = (1..=u32::MAX)
        .map(candidate)
        .find(|to| fs::symlink_metadata(to).is_err());
    let moved = free.map(|to| fs::rename(&path, &to).map(|()| to));
    match moved {
        Some(Ok(to)) => SetAside {
            reason: format!(
                "{error}; it is set aside as {} and this workload learns anew",
                to.display()
            ),
            path,
            moved_to: Some(to),
        },
        Some(Err(cause)) => SetAside {
            reason: format!("{error}; setting it aside failed as well: {cause}"),
            path,
            moved_to: None,
        },
        None => SetAside {
            reason: format!("{error}; no free name to set it aside"),
            path,
            moved_to: None,
        },
    }
}

#[cfg(test)]
mod tests;
