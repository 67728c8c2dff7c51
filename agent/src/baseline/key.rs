//! What a baseline belongs to.

use serde::{Deserialize, Serialize};

/// Key of a baseline: replicas and restarts share it, a new image digest does not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// Kubernetes namespace, or the runtime's name.
    pub namespace: String,
    /// Workload (Deployment, ...). Outside Kubernetes, where nothing ties replicas together but their image, the
    /// image's repository name.
    pub workload: String,
    /// Container name within the pod; outside Kubernetes equal to `workload`.
    pub container: String,
    /// Image digest or id (`sha256:…`), or the image reference where no digest is known.
    pub image_digest: String,
}
