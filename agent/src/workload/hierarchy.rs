//! The cgroup v2 hierarchy as it lies on disk.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use procfs::ProcError;
use procfs::process::{MountInfo, Process};

use super::cgroup_path;
use crate::observe::event::CgroupId;

/// Directories a walk visits at most; a large node has some thousands.
const MOST_DIRECTORIES: usize = 20_000;

/// How deep a walk goes. Kubernetes inside a container reaches 8.
const DEEPEST: usize = 24;

/// Why there is no hierarchy to work with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The mount table could not be read.
    #[error("cannot read the mount table of this process: {0}; /proc must be mounted")]
    Mounts(#[from] ProcError),
    /// No cgroup v2 mount.
    #[error(
        "no cgroup v2 hierarchy is mounted, and containers are told apart by it; \
         mount it with: mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 none /sys/fs/cgroup/unified"
    )]
    NotMounted,
}

/// A controller that a host may still have in cgroup version 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Controller {
    /// Limits of CPU time.
    Cpu,
    /// Memory.
    Memory,
    /// Disks.
    Io,
    /// Number of tasks.
    Pids,
}

impl Controller {
    const ALL: [Self; 4] = [Self::Cpu, Self::Memory, Self::Io, Self::Pids];

    /// Its name in version 1.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Io => "blkio",
            Self::Pids => "pids",
        }
    }
}

/// A mounted cgroup v2 hierarchy. Paths given to its methods are relative to its root, with a leading slash, as the
/// kernel reports them.
#[derive(Clone, Debug)]
pub struct Hierarchy {
    root: PathBuf,
    /// Where controllers of version 1 are mounted.
    legacy: BTreeMap<Controller, PathBuf>,
}

/// A cgroup that belongs to a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExistingCgroup {
    /// Path relative to the hierarchy's root, with a leading slash.
    pub path: String,
    /// Its id.
    pub id: CgroupId,
    /// The id of its container's own cgroup: equal to `id` unless this one is nested.
    pub container: CgroupId,
}

impl Hierarchy {
    /// Finds where cgroup v2 is mounted: at `/sys/fs/cgroup`, or beside version 1 at `/sys/fs/cgroup/unified`.
    ///
    /// # Errors
    /// When no cgroup v2 hierarchy is mounted or the mount table cannot be read.
    pub fn find() -> Result<Self, Error> {
        let mounts = Process::myself()?.mountinfo()?;
        let root = mount_point(mounts.iter()).ok_or(Error::NotMounted)?;
        Ok(Self::at(root).with_legacy(legacy_mounts(mounts.iter())))
    }

    /// The hierarchy mounted at `root`.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            legacy: BTreeMap::new(),
        }
    }

    /// The same, with these controllers of version 1 beside it.
    #[must_use]
    pub fn with_legacy(self, legacy: BTreeMap<Controller, PathBuf>) -> Self {
        Self { legacy, ..self }
    }

    /// Where a cgroup's files are.
    #[must_use]
    pub fn directory(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Where the hierarchy is mounted.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where controllers of version 1 are mounted; empty on a host that has version 2 alone.
    #[must_use]
    pub fn legacy(&self) -> &BTreeMap<Controller, PathBuf> {
        &self.legacy
    }

    /// The id of a cgroup.
    ///
    /// # Errors
    /// When the cgroup does not exist (any more).
    pub fn id_of(&self, path: &str) -> io::Result<CgroupId> {
        // The inode number is what bpf_get_current_cgroup_id() returns: kernfs_node.id on 64-bit kernels.
        fs::metadata(self.directory(path)).map(|metadata| CgroupId(metadata.ino()))
    }

    /// All cgroups of containers, nested ones included, each container before its nested cgroups. Cgroups that vanish
    /// during the walk are left out.
    #[must_use]
    pub fn existing(&self) -> Vec<ExistingCgroup> {
        self.walk("")
            .into_iter()
            .filter_map(|path| {
                let own = cgroup_path::container_prefix(&path)?;
                let id = self.id_of(&path).ok()?;
                let container = self.id_of(own).ok()?;
                Some(ExistingCgroup {
                    path,
                    id,
                    container,
                })
            })
            .collect()
    }

    /// Host pids of the processes of the container at `path`, in ascending order. Those of containers inside it are
    /// not counted: they belong to the inner container.
    #[must_use]
    pub fn processes(&self, path: &str) -> Vec<u32> {
        let own = cgroup_path::container_prefix(path);
        let mut pids: Vec<u32> = self
            .walk(path)
            .iter()
            .filter(|below| cgroup_path::container_prefix(below) == own)
            .filter_map(|below| fs::read_to_string(self.directory(below).join("cgroup.procs")).ok())
            .flat_map(|list| parse_pids(&list))
            .collect();
        pids.sort_unstable();
        pids.dedup();
        pids
    }

    /// `from` and every cgroup below it, parents first, siblings in order of their names.
    pub(super) fn walk(&self, from: &str) -> Vec<String> {
        let mut visited = Vec::new();
        let mut waiting = vec![(from.trim_end_matches('/').to_owned(), 0)];
        while let Some((path, depth)) = waiting.pop() {
            if visited.len() >= MOST_DIRECTORIES {
                tracing::warn!(
                    limit = MOST_DIRECTORIES,
                    root = %self.root.display(),
                    "Too many cgroups, the rest are not looked at"
                );
                break;
            }
            if depth < DEEPEST {
                let mut names = directory_names(&self.directory(&path));
                names.sort_unstable_by(|one, other| other.cmp(one));
                waiting.extend(
                    names
                        .iter()
                        .map(|name| (format!("{path}/{name}"), depth + 1)),
                );
            }
            visited.push(path);
        }
        visited
    }
}

/// Subdirectories by name; empty when the directory is gone.
fn directory_names(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

/// The pids in a `cgroup.procs` file. The kernel writes 0 for processes of another pid namespace.
pub(crate) fn parse_pids(list: &str) -> Vec<u32> {
    list.lines()
        .filter_map(|line| line.parse().ok())
        .filter(|pid| *pid != 0)
        .collect()
}

/// The best cgroup v2 mount: one that shows the whole hierarchy, under `/sys/fs/cgroup` before anywhere else.
fn mount_point<'a>(mounts: impl Iterator<Item = &'a MountInfo>) -> Option<PathBuf> {
    mounts
        .filter(|mount| mount.fs_type == "cgroup2")
        .min_by_key(|mount| {
            (
                mount.root != "/",
                !mount.mount_point.starts_with("/sys/fs/cgroup"),
                mount.mount_point.components().count(),
            )
        })
        .map(|mount| mount.mount_point.clone())
}

/// Version 1 mounts that show a whole hierarchy.
fn legacy_mounts<'a>(mounts: impl Iterator<Item = &'a MountInfo>) -> BTreeMap<Controller, PathBuf> {
    mounts
        .filter(|mount| mount.fs_type == "cgroup" && mount.root == "/")
        .flat_map(|mount| {
            let has = |it: &Controller| mount.super_options.contains_key(it.name());
            let controllers = Controller::ALL.into_iter().filter(has);
            controllers.map(|controller| (controller, mount.mount_point.clone()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        reason = "tests"
    )]

    use proptest::prelude::*;

    use super::*;

    const A: &str = "4d4b49dcf9104400e66aa22582cdf6ecfb6ffefaa942fb18f630207343b39000";
    const B: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";

    fn tree(paths: &[&str]) -> (tempfile::TempDir, Hierarchy) {
        let root = tempfile::tempdir().unwrap();
        for path in paths {
            fs::create_dir_all(root.path().join(path)).unwrap();
        }
        let hierarchy = Hierarchy::at(root.path());
        (root, hierarchy)
    }

    #[test]
    fn lists_containers_with_what_is_nested_in_them() {
        let inner = format!("docker/{A}/kubelet/docker/{B}/init");
        let (_root, hierarchy) = tree(&[&inner, "system.slice/ssh.service"]);
        let found: Vec<(String, CgroupId)> = hierarchy
            .existing()
            .into_iter()
            .map(|cgroup| {
                assert_eq!(cgroup.id, hierarchy.id_of(&cgroup.path).unwrap());
                (cgroup.path, cgroup.container)
            })
            .collect();
        let outer = format!("/docker/{A}");
        let within = format!("/docker/{A}/kubelet/docker/{B}");
        let outer_id = hierarchy.id_of(&outer).unwrap();
        let inner_id = hierarchy.id_of(&within).unwrap();
        assert_eq!(
            found,
            [
                (outer.clone(), outer_id),
                (format!("{outer}/kubelet"), outer_id),
                (format!("{outer}/kubelet/docker"), outer_id),
                (within.clone(), inner_id),
                (format!("{within}/init"), inner_id),
            ]
        );
    }

    #[test]
    fn processes_are_those_of_the_container_and_not_of_containers_inside() {
        let inner = format!("docker/{A}/docker/{B}");
        let worker = format!("docker/{A}/worker");
        let (root, hierarchy) = tree(&[&inner, &worker]);
        let write = |path: &str, list: &str| {
            fs::write(root.path().join(path).join("cgroup.procs"), list).unwrap();
        };
        write(&format!("docker/{A}"), "30\n");
        write(&worker, "7\n0\n12\n7\n");
        write(&inner, "99\n");
        assert_eq!(hierarchy.processes(&format!("/docker/{A}")), [7, 12, 30]);
        assert_eq!(hierarchy.processes(&format!("/{inner}")), [99]);
        assert!(hierarchy.processes("/gone").is_empty());
    }

    #[test]
    fn walks_no_deeper_than_the_limit() {
        let deep = format!("docker/{A}/{}", ["d"; 40].join("/"));
        let (_root, hierarchy) = tree(&[&deep]);
        let deepest = hierarchy
            .existing()
            .iter()
            .map(|cgroup| cgroup.path.matches('/').count())
            .max();
        assert_eq!(deepest, Some(DEEPEST));
    }

    #[test]
    fn prefers_the_whole_hierarchy_at_the_usual_place() {
        let mounts: Vec<MountInfo> = [
            "1 0 0:20 / /sys/fs/cgroup rw - tmpfs tmpfs rw",
            "2 0 0:21 /docker/x /var/sub rw - cgroup2 cgroup2 rw",
            "3 0 0:21 / /mnt rw - cgroup2 cgroup2 rw",
            "4 0 0:21 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
        ]
        .map(|line| MountInfo::from_line(line).unwrap())
        .into();
        let choose = |last: usize| mount_point(mounts[..last].iter());
        assert_eq!(choose(4), Some("/sys/fs/cgroup/unified".into()));
        assert_eq!(choose(3), Some("/mnt".into()));
        assert_eq!(choose(2), Some("/var/sub".into()));
        assert_eq!(choose(1), None);
    }

    #[test]
    fn version_1_controllers_are_found_where_they_are_whole() {
        let mounts: Vec<MountInfo> = [
            "1 0 0:20 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
            "2 0 0:21 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct",
            "3 0 0:22 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
            "4 0 0:23 /docker/x /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids",
        ]
        .map(|line| MountInfo::from_line(line).unwrap())
        .into();
        let expected = [
            (Controller::Cpu, "/sys/fs/cgroup/cpu,cpuacct".into()),
            (Controller::Memory, "/sys/fs/cgroup/memory".into()),
        ];
        assert_eq!(legacy_mounts(mounts.iter()), BTreeMap::from(expected));
        assert!(legacy_mounts(mounts[..1].iter()).is_empty());
    }

    #[test]
    fn a_missing_hierarchy_says_how_to_mount_it() {
        assert!(Error::NotMounted.to_string().contains("mount -t cgroup2"));
    }

    proptest! {
        #[test]
        fn pids_survive_any_text(text in "[0-9x\\n -]{0,40}") {
            prop_assert!(parse_pids(&text).iter().all(|pid| *pid > 0));
        }
    }
}
