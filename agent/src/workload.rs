//! From a cgroup to a named container: paths, OCI bundles, Docker, procfs; and which containers are watched.

pub mod baseline_key;
pub mod bounded_file;
pub mod bundle;
pub mod cgroup_path;
pub mod container;
#[cfg(feature = "cri")]
pub mod cri;
pub mod docker;
#[cfg(all(test, feature = "cri"))]
pub(crate) mod fake_runtime;
mod glob;
pub mod hierarchy;
pub mod image;
pub mod kubernetes;
pub mod lookups;
pub mod own_cgroup;
pub mod owner;
pub mod pod;
pub mod pod_store;
#[cfg(feature = "kubernetes")]
pub mod pod_watch;
pub mod processes;
pub mod recognition;
pub mod resolve;
pub mod resources;
pub mod selection;
