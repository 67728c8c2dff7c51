//! From a cgroup to a named container: paths, OCI bundles, Docker, procfs; and which containers are watched.

pub mod container;
