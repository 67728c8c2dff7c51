//! From a cgroup to a named container: paths, OCI bundles, Docker, procfs; and which containers are watched.

pub mod cgroup_path;
pub mod container;
pub mod hierarchy;
