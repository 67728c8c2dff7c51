//! A cgroup that is a container's by its path, without an engine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use picket_tests::load::Random;
use picket_tests::wait;

/// The kernel lets go of a cgroup a moment after its last process has ended.
const REMOVAL_LIMIT: Duration = Duration::from_secs(2);

/// A container's cgroup, removed when dropped.
pub struct ContainerCgroup {
    /// Its directory.
    pub path: PathBuf,
    /// The container's id.
    pub id: String,
    parent: PathBuf,
    made_parent: bool,
}

impl ContainerCgroup {
    /// Makes the cgroup that a Docker engine would make for a container with a fresh id.
    ///
    /// # Errors
    /// When there is no cgroup v2 hierarchy, or it cannot be written to.
    pub fn create() -> Result<Self> {
        let parent = hierarchy()?.join("docker");
        let made_parent = make(&parent)?;
        let id = fresh_id();
        let path = parent.join(&id);
        make(&path)?;
        Ok(Self {
            path,
            id,
            parent,
            made_parent,
        })
    }
}

impl Drop for ContainerCgroup {
    fn drop(&mut self) {
        let removed = wait::until("the cgroup's end", REMOVAL_LIMIT, || {
            fs::remove_dir(&self.path)?;
            Ok(Some(()))
        });
        if let Err(error) = removed {
            eprintln!("cannot remove {}: {error:#}", self.path.display());
        }
        if self.made_parent {
            // An engine may have put containers there meanwhile; then it stays.
            let _ = fs::remove_dir(&self.parent);
        }
    }
}

/// Where the cgroup v2 hierarchy is mounted.
///
/// # Errors
/// When it is not.
pub fn hierarchy() -> Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").context("cannot read the mounts")?;
    let root = v2_mount(&mounts).context("no cgroup v2 hierarchy is mounted; mount one with `mount -t cgroup2 none /sys/fs/cgroup/unified`")?;
    Ok(PathBuf::from(root))
}

/// Moves this process into the cgroup of a directory.
///
/// # Errors
/// When the kernel refuses.
pub fn join(cgroup: &Path) -> Result<()> {
    // 0 means the writer itself.
    fs::write(cgroup.join("cgroup.procs"), "0")
        .with_context(|| format!("cannot join {}", cgroup.display()))
}

/// Makes a directory; `false` when it was there.
fn make(path: &Path) -> Result<bool> {
    match fs::create_dir(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error).with_context(|| format!("cannot make {}", path.display())),
    }
}

/// The format is that of proc_pid_mountinfo(5).
fn v2_mount(mounts: &str) -> Option<&str> {
    mounts.lines().find_map(|line| {
        let (mount, file_system) = line.split_once(" - ")?;
        file_system.starts_with("cgroup2 ").then_some(())?;
        mount.split(' ').nth(4)
    })
}

fn fresh_id() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    // Different from its first digits on: the agent names a container that no engine knows after them.
    let mut random = Random::new(now.as_nanos() as u64 ^ u64::from(std::process::id()) << 32);
    (0..4).map(|_| format!("{:016x}", random.draw())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_v2_hierarchy_in_both_layouts() {
        let hybrid = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
37 31 0:34 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
38 31 0:35 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw
";
        assert_eq!(v2_mount(hybrid), Some("/sys/fs/cgroup/unified"));
        let pure = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n";
        assert_eq!(v2_mount(pure), Some("/sys/fs/cgroup"));
        assert_eq!(v2_mount("31 23 0:28 / / rw - ext4 /dev/cgroup2 rw\n"), None);
    }

    #[test]
    fn an_id_looks_like_an_engines() {
        let id = fresh_id();
        assert_eq!(id.len(), 64);
        assert!(
            id.bytes()
                .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        );
    }
}
