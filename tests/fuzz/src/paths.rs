//! Paths: of files, whose names containers choose, and of cgroups, which runtimes name.

use picket::observe::event::Access;
use picket::observe::path::{self, MAX_LENGTH};
use picket::workload::cgroup_path;

/// A path of a file.
pub(crate) fn path(input: &[u8]) {
    let path = String::from_utf8_lossy(input);
    for access in [Access::Read, Access::Write] {
        let general = path::generalise(&path, access);
        assert!(general.len() <= MAX_LENGTH, "{general}");
        assert_eq!(path::generalise(&general, access), general);
        let _ = path::marks(&path, access);
    }
}

/// A path of a cgroup.
pub(crate) fn cgroup_path(input: &[u8]) {
    let path = String::from_utf8_lossy(input);
    let found = cgroup_path::parse(&path);
    let prefix = cgroup_path::container_prefix(&path);
    assert_eq!(found.is_some(), prefix.is_some());
    let (Some(found), Some(prefix)) = (found, prefix) else {
        return;
    };
    assert!(path.starts_with(prefix) && path.contains(&found.id));
    let own = cgroup_path::parse(prefix);
    let expected = cgroup_path::CgroupContainer {
        nested: false,
        ..found
    };
    assert_eq!(own, Some(expected));
}
