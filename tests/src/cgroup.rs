//! Cgroups that pass for containers, without a runtime.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::wait;

/// Letters of a container's id.
const ID_LENGTH: usize = 64;

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
        let seed = seed();
        Self::named(format!(
            "{seed}{}",
            digit.to_string().repeat(ID_LENGTH - seed.len())
        ))
    }

    /// Makes one of many, which have different numbers.
    ///
    /// # Errors
    /// When there is no cgroup v2, or the kernel refuses.
    pub fn numbered(number: u32) -> Result<Self> {
        // Where nobody knows a better name, the first twelve letters are it.
        let known = format!("{}{number:04x}", seed());
        Self::named(format!("{known:0<ID_LENGTH$}"))
    }

    fn named(id: String) -> Result<Self> {
        let mounts = fs::read_to_string("/proc/mounts")?;
        let root = mounts
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>())
            .find(|fields| fields.get(2) == Some(&"cgroup2"))
            .and_then(|fields| fields.get(1).map(PathBuf::from))
            .context("no cgroup v2")?;
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

/// The beginning of the ids that this process gives.
fn seed() -> String {
    format!("{:08x}", std::process::id())
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
