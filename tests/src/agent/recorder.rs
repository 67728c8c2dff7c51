//! A running `picket record`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Home, program};
use crate::wait;

/// Records what a home's agent sees, until it is told to end.
pub struct Recorder {
    child: Child,
    file: PathBuf,
}

impl Recorder {
    /// Starts one and waits until it writes. The file must not exist; its folder is made.
    ///
    /// # Errors
    /// When it does not write.
    pub fn start(home: &Home, file: &Path) -> Result<Self> {
        std::fs::create_dir_all(file.parent().context("directory")?)?;
        let child = Command::new(program())
            .arg("record")
            .arg(file)
            .arg("--config")
            .arg(home.config())
            .arg("--socket")
            .arg(home.socket())
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        wait::until("the recording's begin", Duration::from_secs(60), || {
            Ok(file.is_file().then_some(()))
        })?;
        Ok(Self {
            child,
            file: file.to_owned(),
        })
    }

    /// Ends the recording.
    ///
    /// # Errors
    /// When it is not complete.
    pub fn end(&mut self) -> Result<()> {
        let pid = i32::try_from(self.child.id())?;
        // SAFETY: kill has no memory preconditions; the child has not been waited for, so that the pid is its own.
        unsafe { libc::kill(pid, libc::SIGINT) };
        let status = self.child.wait()?;
        ensure!(status.success(), "{}: {status}", self.file.display());
        Ok(())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.end();
        }
    }
}
