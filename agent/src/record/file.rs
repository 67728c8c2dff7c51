//! A recording that the agent writes itself, from its first moment on.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use super::{Feed, FrameError, Header, begin};

/// Why a recording cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file is there already.
    #[error("{} exists; name another file, or remove it", .0.display())]
    Exists(PathBuf),
    /// The file system refuses.
    #[error("cannot write recording {}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// What is to be written cannot be.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// Makes the file of a recording; only its owner may read what workloads do.
///
/// # Errors
/// When it exists or cannot be made.
pub fn create(path: &Path) -> Result<File, FileError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|cause| match cause.kind() {
            io::ErrorKind::AlreadyExists => FileError::Exists(path.to_owned()),
            _ => FileError::Io {
                path: path.to_owned(),
                cause,
            },
        })
}

/// A recording written by a thread of its own.
#[derive(Debug)]
pub struct RecordingFile {
    finished: Receiver<()>,
}

impl RecordingFile {
    /// Begins to write a recording.
    ///
    /// # Errors
    /// When the file exists or cannot be written.
    pub fn start(path: &Path, header: &Header, feed: Feed) -> Result<Self, FileError> {
        let failed = |cause| FileError::Io {
            path: path.to_owned(),
            cause,
        };
        let mut file = create(path)?;
        file.write_all(&begin(header)?).map_err(failed)?;
        let (done, finished) = sync_channel(1);
        let path = path.to_owned();
        thread::Builder::new()
            .name("recording".to_owned())
            .spawn(move || {
                if let Err(error) = write_all(&mut file, feed) {
                    tracing::error!(path = %path.display(), %error, "The recording cannot be written any further; it is good up to here.");
                }
                // Nobody waits when the agent does not end in good order.
                let _ = done.send(());
            })
            .map_err(failed)?;
        Ok(Self { finished })
    }

    /// Waits at most `patience` for the rest to be written. Returns whether it was.
    #[must_use]
    pub fn finish(self, patience: Duration) -> bool {
        self.finished.recv_timeout(patience).is_ok()
    }
}

fn write_all(file: &mut File, mut feed: Feed) -> anyhow::Result<()> {
    while let Some(frame) = feed.blocking_next() {
        file.write_all(&frame?)?;
    }
    file.sync_all()?;
    Ok(())
}
