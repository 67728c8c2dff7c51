//! Cgroups that pass for containers, without a runtime.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::wait;

/// A cgroup with a container's name, and the process in it.
pub struct Cgroup {
    /// Its directory.
    pub path: PathBuf,
    /// Its name: the container's id.
    pub id: String,
    inhabitant: Option<Child>,
}

impl Cgroup {
    /// Makes one; several at a time need different digits.
    ///
    /// # Errors
    /// When there is no cgroup v2, or the kernel refuses.
    pub fn create(digit: char) -> Result<Self> {
        let mounts = fs::read_to_string("/proc/mounts")?;
        let root = mounts
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>())
            .find(|fields| fields.get(2) == Some(&"cgroup2"))
            .and_then(|fields| fields.get(1).map(PathBuf::from))
            .context("no cgroup v2")?;
        let seed = format!("{:08x}", std::process::id());
        let id = format!("{seed}{}", digit.to_string().repeat(64 - seed.len()));
        let path = root.join(&id);
        fs::create_dir(&path)?;
        Ok(Self {
            path,
            id,
            inhabitant: None,
        })
    }

    /// The command that runs another in here; `by` comes before the other, with a space at its end, or is empty.
    #[must_use]
    pub fn wrapper(&self, by: &str) -> [String; 4] {
        let enter = format!(
            "echo $$ >{}/cgroup.procs && exec {by}\"$@\"",
            self.path.display()
        );
        ["sh", "-c", &enter, "sh"].map(str::to_owned)
    }

    /// Runs a shell script in here until this is dropped.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn inhabit(&mut self, script: &str) -> Result<()> {
        let [shell, flag, enter, name] = self.wrapper("");
        let child = Command::new(shell)
            .args([&flag, &enter, &name, "sh", "-c", script])
            .stdout(Stdio::null())
            .spawn()?;
        self.inhabitant = Some(child);
        Ok(())
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        if let Some(child) = &mut self.inhabitant {
            let _ = child.kill();
            let _ = child.wait();
        }
        let removed = wait::until("an empty cgroup", Duration::from_secs(10), || {
            Ok(fs::remove_dir(&self.path).ok())
        });
        if let Err(error) = removed {
            eprintln!("cannot remove {}: {error:#}", self.path.display());
        }
    }
}
