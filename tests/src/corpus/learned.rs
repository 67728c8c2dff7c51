//! What an agent has learned of a kind of server, kept for every run to begin with.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Schedule;
use super::scenario::Kind;
use crate::agent::Home;
use crate::image;

/// A kind's learned state.
pub struct Learned {
    folder: PathBuf,
}

impl Learned {
    /// Where a kind's is kept.
    #[must_use]
    pub fn of(kind: Kind, schedule: Schedule) -> Self {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/corpus");
        Self {
            folder: target
                .join("learned")
                .join(schedule.name())
                .join(kind.name()),
        }
    }

    /// Whether it was learned of the image as it is now, in the way of this schedule.
    #[must_use]
    pub fn is_current(&self, kind: Kind, schedule: Schedule) -> bool {
        let stamp = fs::read_to_string(self.stamp()).ok();
        stamp.is_some() && stamp == expected(kind, schedule).ok()
    }

    /// Keeps what a home's agent has learned and stored.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, home: &Home, kind: Kind, schedule: Schedule) -> Result<()> {
        let state = self.folder.join("state");
        let _ = fs::remove_dir_all(&state);
        copy(&home.state().join("baselines"), &state.join("baselines"))?;
        fs::write(self.stamp(), expected(kind, schedule)?).context("cannot keep what was learned")
    }

    /// Gives it to a fresh home.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn give(&self, home: &Home) -> Result<()> {
        copy(&self.folder.join("state"), &home.state())
    }

    /// The recording of its learning; makes room for a new one.
    ///
    /// # Errors
    /// When there is no room.
    pub fn fresh_recording(&self) -> Result<PathBuf> {
        fs::create_dir_all(&self.folder)?;
        let file = self.recording();
        if file.exists() {
            fs::remove_file(&file)?;
        }
        Ok(file)
    }

    /// Copies the recording of its learning.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn copy_recording(&self, to: &Path) -> Result<()> {
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(self.recording(), to)
            .map(drop)
            .with_context(|| to.display().to_string())
    }

    fn recording(&self) -> PathBuf {
        self.folder.join("learning.picket")
    }

    fn stamp(&self) -> PathBuf {
        self.folder.join("stamp")
    }
}

fn expected(kind: Kind, schedule: Schedule) -> Result<String> {
    Ok(format!(
        "{}\n{}",
        image::provide(kind.image())?,
        schedule.settings()
    ))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
