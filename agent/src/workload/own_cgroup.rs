//! The cgroup that this process is in.

use super::hierarchy::{Hierarchy, parse_pids};

/// The path of this process's cgroup below the hierarchy's root; `None` where the hierarchy does not show it.
///
/// What `/proc/self/cgroup` says is tried first. In a cgroup namespace of its own, which containers usually have, it says
/// `/` wherever the process is; then every cgroup is asked for this process.
#[must_use]
pub fn path(hierarchy: &Hierarchy) -> Option<String> {
    let text = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    find(hierarchy, &text, std::process::id())
}

/// Whether this process is in the cgroup at `path`.
#[must_use]
pub fn is_at(hierarchy: &Hierarchy, path: &str) -> bool {
    holds(hierarchy, path, std::process::id())
}

fn find(hierarchy: &Hierarchy, told: &str, pid: u32) -> Option<String> {
    let told = told.lines().find_map(|line| line.strip_prefix("0::"));
    let told = told.filter(|path| holds(hierarchy, path, pid));
    told.map(str::to_owned).or_else(|| {
        let all = hierarchy.walk("").into_iter();
        all.into_iter().find(|path| holds(hierarchy, path, pid))
    })
}

fn holds(hierarchy: &Hierarchy, path: &str, pid: u32) -> bool {
    let list = std::fs::read_to_string(hierarchy.directory(path).join("cgroup.procs"));
    list.is_ok_and(|list| parse_pids(&list).contains(&pid))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::fs;

    use super::*;

    #[test]
    fn a_cgroup_is_found_by_its_processes_where_its_name_is_not_told() {
        let root = tempfile::tempdir().unwrap();
        for (path, pids) in [("", "1\n2\n"), ("a", ""), ("a/b", "0\n77\n"), ("c", "7\n")] {
            let directory = root.path().join(path);
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join("cgroup.procs"), pids).unwrap();
        }
        let hierarchy = Hierarchy::at(root.path());
        let found = |told, pid| find(&hierarchy, told, pid);
        assert_eq!(
            found("1:name=systemd:/x\n0::/a/b\n", 77),
            Some("/a/b".into())
        );
        for told in ["0::/\n", "0::/../..\n", "0::/gone\n", ""] {
            assert_eq!(found(told, 77), Some("/a/b".into()), "{told}");
        }
        assert_eq!(found("0::/\n", 2), Some("/".into()));
        assert_eq!(found("0::/\n", 99), None);
    }
}
