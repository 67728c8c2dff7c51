//! The OCI bundle: the specification from which the runtime starts a container. It is on disk before the container's
//! cgroup exists, so it answers even for containers that live for milliseconds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::bounded_file;
use super::container::Runtime;

/// A folder in which a runtime keeps a folder for each container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    folder: PathBuf,
    runtime: Runtime,
}

impl Location {
    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Who keeps it.
    #[must_use]
    pub const fn runtime(&self) -> Runtime {
        self.runtime
    }
}

/// State folders of containerd by default settings: its own, Docker's private one, and k3s'.
const CONTAINERD_STATES: [&str; 3] = [
    "/run/containerd",
    "/run/docker/containerd/daemon",
    "/run/k3s/containerd",
];

/// Where bundles lie below a state folder of containerd.
const TASKS: &str = "io.containerd.runtime.v2.task";

/// containerd's namespaces in which runtimes and people put containers.
const NAMESPACES: [(&str, Runtime); 3] = [
    ("k8s.io", Runtime::Containerd),
    ("moby", Runtime::Docker),
    ("default", Runtime::Containerd),
];

/// Storage folders. CRI-O writes bundles into both, Podman only into the second.
const STORAGES: [(&str, Runtime); 2] = [
    ("/run/containers/storage/overlay-containers", Runtime::CriO),
    (
        "/var/lib/containers/storage/overlay-containers",
        Runtime::Podman,
    ),
];

/// Names of the specification in a container's folder: containerd's, then CRI-O's and Podman's.
const FILES: [&str; 2] = ["config.json", "userdata/config.json"];

/// Where bundles lie by the runtimes' default settings, then in `more` folders. Each of these may be a folder of
/// bundles, containerd's task folder or its state folder.
#[must_use]
pub fn locations(more: &[PathBuf]) -> Vec<Location> {
    let mut locations = Vec::new();
    for state in CONTAINERD_STATES {
        locations.extend(namespaces(&Path::new(state).join(TASKS)));
    }
    locations.extend(STORAGES.map(|(folder, runtime)| Location {
        folder: folder.into(),
        runtime,
    }));
    for folder in more {
        let runtime = NAMESPACES
            .iter()
            .find(|(namespace, _)| folder.ends_with(namespace))
            .map_or(Runtime::Unknown, |(_, runtime)| *runtime);
        locations.push(Location {
            folder: folder.clone(),
            runtime,
        });
        locations.extend(namespaces(folder));
        locations.extend(namespaces(&folder.join(TASKS)));
    }
    locations
}

fn namespaces(tasks: &Path) -> [Location; 3] {
    NAMESPACES.map(|(namespace, runtime)| Location {
        folder: tasks.join(namespace),
        runtime,
    })
}

/// What Picket takes from a bundle. Environment variables, which often hold secrets, are never kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The runtime in whose folder it was found; unknown where the folder may be any runtime's.
    pub runtime: Runtime,
    /// Annotations: what Kubernetes runtimes say about the pod.
    pub annotations: BTreeMap<String, String>,
    /// Paths of devices inside the container.
    pub devices: Vec<String>,
    /// Mounts.
    pub mounts: Vec<Mount>,
}

/// A mount of the specification.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Mount {
    /// Path inside the container.
    pub destination: PathBuf,
    /// Path on the host, or the name of a file system.
    #[serde(default)]
    pub source: PathBuf,
}

/// Looks for the bundle of a container in all `locations`; `None` when none has it. A place that cannot be read does
/// not keep the others from being looked at: most of them belong to runtimes that this container is not of.
///
/// # Errors
/// When no place has it and one could not be read or decoded: the first such.
pub async fn find(locations: &[Location], id: &str) -> Result<Option<Bundle>, bounded_file::Error> {
    let mut unreadable = None;
    for Location { folder, runtime } in locations {
        for file in FILES {
            match bounded_file::json(&folder.join(id).join(file)).await {
                Ok(Some(specification)) => return Ok(Some(bundle(*runtime, specification))),
                Ok(None) => {}
                Err(error) => unreadable = unreadable.or(Some(error)),
            }
        }
    }
    unreadable.map_or(Ok(None), Err)
}

/// The parts of an OCI runtime specification that matter here. Go writes absent collections as `null`.
#[derive(Deserialize)]
pub(crate) struct Specification {
    annotations: Option<BTreeMap<String, String>>,
    mounts: Option<Vec<Mount>>,
    linux: Option<Linux>,
}

#[derive(Deserialize)]
struct Linux {
    devices: Option<Vec<Device>>,
}

#[derive(Deserialize)]
struct Device {
    path: String,
}

pub(crate) fn bundle(runtime: Runtime, specification: Specification) -> Bundle {
    let Specification {
        annotations,
        mounts,
        linux,
    } = specification;
    let devices = linux.and_then(|linux| linux.devices).unwrap_or_default();
    Bundle {
        runtime,
        annotations: annotations.unwrap_or_default(),
        devices: devices.into_iter().map(|device| device.path).collect(),
        mounts: mounts.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Bundle {
        bundle(Runtime::Docker, serde_json::from_str(text).unwrap())
    }

    #[test]
    fn keeps_what_identifies_and_not_the_environment() {
        let bundle = parse(
            r#"{
                "ociVersion": "1.0.2",
                "process": {"args": ["/bin/serve"], "env": ["TOKEN=secret"]},
                "annotations": {"io.kubernetes.cri.container-name": "server"},
                "mounts": [
                    {"destination": "/proc", "type": "proc", "source": "proc"},
                    {"destination": "/dev/mqueue"}
                ],
                "linux": {"devices": [{"path": "/dev/nvidia0", "type": "c", "major": 195, "minor": 0}]}
            }"#,
        );
        assert_eq!(bundle.devices, ["/dev/nvidia0"]);
        assert_eq!(
            bundle.annotations.get("io.kubernetes.cri.container-name"),
            Some(&"server".to_owned())
        );
        assert_eq!(bundle.mounts.len(), 2);
        assert!(!format!("{bundle:?}").contains("secret"));
    }

    #[test]
    fn absent_and_null_parts_are_empty() {
        let empty = parse("{}");
        assert_eq!(empty.devices, Vec::<String>::new());
        assert_eq!(
            empty,
            parse(r#"{"annotations": null, "mounts": null, "linux": {"devices": null}}"#)
        );
    }

    /// Puts a bundle for the container `abc` at `path` and says which runtime's it is found to be.
    async fn found_at(path: &str, named: &str) -> Option<Runtime> {
        let state = tempfile::tempdir().unwrap();
        let file = state.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "{}").unwrap();
        let locations = locations(&[state.path().join(named)]);
        assert_eq!(find(&locations, "other").await.unwrap(), None);
        let found = find(&locations, "abc").await.unwrap();
        found.map(|bundle| bundle.runtime)
    }

    #[tokio::test]
    async fn named_folders_may_be_of_bundles_of_tasks_or_of_containerd() {
        let task = "io.containerd.runtime.v2.task/moby/abc/config.json";
        assert_eq!(found_at(task, "").await, Some(Runtime::Docker));
        let tasks = "io.containerd.runtime.v2.task";
        assert_eq!(found_at(task, tasks).await, Some(Runtime::Docker));
        let moby = "io.containerd.runtime.v2.task/moby";
        assert_eq!(found_at(task, moby).await, Some(Runtime::Docker));
        let userdata = "overlay-containers/abc/userdata/config.json";
        assert_eq!(
            found_at(userdata, "overlay-containers").await,
            Some(Runtime::Unknown)
        );
        assert_eq!(found_at("elsewhere/abc/config.json", "").await, None);
    }

    #[tokio::test]
    async fn a_damaged_bundle_is_an_error_not_an_absence() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("abc")).unwrap();
        std::fs::write(folder.path().join("abc/config.json"), "{").unwrap();
        let locations = locations(&[folder.path().to_owned()]);
        assert!(find(&locations, "abc").await.is_err());
    }

    #[test]
    fn default_locations() {
        let all = locations(&[]);
        for (folder, runtime) in [
            (
                "/run/containerd/io.containerd.runtime.v2.task/k8s.io",
                Runtime::Containerd,
            ),
            (
                "/run/containerd/io.containerd.runtime.v2.task/moby",
                Runtime::Docker,
            ),
            (
                "/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby",
                Runtime::Docker,
            ),
            (
                "/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io",
                Runtime::Containerd,
            ),
            ("/run/containers/storage/overlay-containers", Runtime::CriO),
        ] {
            let location = Location {
                folder: folder.into(),
                runtime,
            };
            assert!(all.contains(&location), "{folder}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_on_damaged_bundles(text in "[\\[\\]{}\":,a-z0-9]{0,60}") {
            if let Ok(specification) = serde_json::from_str(&text) {
                let _ = bundle(Runtime::Docker, specification);
            }
        }
    }
}
