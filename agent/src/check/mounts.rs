//! The file systems the agent needs: cgroup v2, and bpffs for restarts without a gap.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::PathBuf;

use procfs::FromBufRead;
use procfs::process::MountInfos;

use super::{Host, Line};

/// Below this the maps alone may push the agent into the limit.
const LEAST_MEMORY: u64 = 128 << 20;

pub(super) fn check(host: &Host) -> Vec<Line> {
    let mounts = File::open(host.path("/proc/self/mountinfo"))
        .map_err(procfs::ProcError::from)
        .and_then(|file| MountInfos::from_buf_read(BufReader::new(file)));
    match mounts {
        Ok(mounts) => {
            let cgroup = mount_of(&mounts, "cgroup2");
            let memory = memory_limit(host, cgroup.as_ref());
            vec![cgroup_v2(cgroup), memory, bpffs(mount_of(&mounts, "bpf"))]
        }
        Err(error) => vec![Line::fail(
            "cgroup v2",
            format!("cannot read /proc/self/mountinfo: {error}"),
            "mount /proc",
        )],
    }
}

fn mount_of(mounts: &MountInfos, file_system: &str) -> Option<PathBuf> {
    mounts
        .iter()
        .find(|mount| mount.fs_type == file_system)
        .map(|mount| mount.mount_point.clone())
}

fn cgroup_v2(mount: Option<PathBuf>) -> Line {
    let what = "cgroup v2";
    match mount {
        Some(path) => Line::ok(what, path.display().to_string()),
        None => Line::fail(
            what,
            "not mounted: containers are told apart by their cgroup v2 id",
            "boot with systemd.unified_cgroup_hierarchy=1, or mount -t cgroup2 none /sys/fs/cgroup/unified",
        ),
    }
}

fn bpffs(mount: Option<PathBuf>) -> Line {
    let what = "bpffs";
    match mount {
        Some(path) => Line::ok(what, path.display().to_string()),
        None => Line::ok(
            what,
            "not mounted; the agent mounts it at /sys/fs/bpf, or leaves a blind gap at each restart where it cannot",
        ),
    }
}

/// The limit of this process's own cgroup: maps and baselines count towards it.
fn memory_limit(host: &Host, cgroup: Option<&PathBuf>) -> Line {
    let what = "memory limit";
    let limit = || -> Option<u64> {
        let cgroups = fs::read_to_string(host.path("/proc/self/cgroup")).ok()?;
        let own = cgroups.lines().find_map(|line| line.strip_prefix("0::"))?;
        let own = cgroup?.join(own.trim_start_matches('/'));
        let limit = fs::read_to_string(host.path(own.join("memory.max"))).ok()?;
        limit.trim().parse().ok()
    };
    match limit() {
        None => Line::ok(what, "none found"),
        Some(bytes) if bytes >= LEAST_MEMORY => Line::ok(what, format!("{} MiB", bytes >> 20)),
        Some(bytes) => Line::warn(
            what,
            format!(
                "{} MiB is little for the agent and the probe's maps",
                bytes >> 20
            ),
            "allow at least 128 MiB, or lower max_containers",
        ),
    }
}
