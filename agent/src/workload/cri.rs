//! What a node's container runtime knows beyond the bundle, asked through its Container Runtime Interface: the image's
//! digest, and the pod's labels, of which the kubelet gives a container none.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use picket_cri::lookup::{
    ContainerStatus, ContainerStatusRequest, ListPodSandboxRequest, PodSandbox, PodSandboxFilter,
};
use picket_cri::{Client, Error as CallError};

use super::docker::Details;
use super::{image, kubernetes};

/// How long the answers about one container may take, connecting included.
pub const TIMEOUT: Duration = Duration::from_secs(2);

/// The label by which the kubelet tells containers and sandboxes which pod they are of.
const POD_UID: &str = "io.kubernetes.pod.uid";

/// Bytes of labels and annotations kept of one container, keys included: some tools write whole documents into them.
const MOST_TEXT: usize = 16 << 10;

/// Why a runtime gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The runtime refused, or is not there.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Too slow.
    #[error("the container runtime at {} did not answer within {timeout:?}", socket.display())]
    Timeout {
        /// The runtime's socket.
        socket: PathBuf,
        /// The limit.
        timeout: Duration,
    },
}

/// Asks the runtime that listens on `socket` about a container; `None` when it does not know it.
///
/// # Errors
/// When there is no answer within `timeout`.
pub async fn ask(socket: &Path, id: &str, timeout: Duration) -> Result<Option<Details>, Error> {
    let answers = tokio::time::timeout(timeout, request(socket, id));
    match answers.await {
        Ok(answers) => Ok(answers?),
        Err(_) => Err(Error::Timeout {
            socket: socket.to_owned(),
            timeout,
        }),
    }
}

async fn request(socket: &Path, id: &str) -> Result<Option<Details>, CallError> {
    let client = Client::connect(socket).await?;
    let asked = ContainerStatusRequest {
        container_id: id.to_owned(),
    };
    let status = match client.call(asked).await {
        Ok(answer) => answer.status,
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(error),
    };
    // Runtimes also find containers by the beginning of their id.
    let Some(container) = status.filter(|container| container.id == id) else {
        return Ok(None);
    };
    let pod = match container.labels.get(POD_UID) {
        Some(uid) => pod(&client, uid).await?,
        None => None,
    };
    Ok(Some(details(container, pod)))
}

/// The newest sandbox of a pod. The status of a container does not say which it is in; all of a pod have its labels.
async fn pod(client: &Client, uid: &str) -> Result<Option<PodSandbox>, CallError> {
    let label = (POD_UID.to_owned(), uid.to_owned());
    let asked = ListPodSandboxRequest {
        filter: Some(PodSandboxFilter {
            label_selector: HashMap::from([label]),
        }),
    };
    let attempt = |pod: &PodSandbox| pod.metadata.as_ref().map(|metadata| metadata.attempt);
    let pods = client.call(asked).await?.items;
    Ok(pods.into_iter().max_by_key(attempt))
}

fn details(container: ContainerStatus, pod: Option<PodSandbox>) -> Details {
    let given = container.image.unwrap_or_default();
    let name = container.metadata.unwrap_or_default().name;
    let reference = [given.user_specified_image, given.image]
        .into_iter()
        .find(|reference| !reference.is_empty());
    Details {
        name,
        image: reference.unwrap_or_default(),
        image_id: digest(&container.image_ref),
        labels: labels(container.labels, pod.unwrap_or_default()),
    }
}

fn digest(reference: &str) -> String {
    match image::digest(reference) {
        Some(digest) => digest.to_owned(),
        None if image::is_sha256(reference) => format!("sha256:{reference}"),
        None => String::new(),
    }
}

/// What the kubelet says of the container, and the pod's labels and annotations without those that only Kubernetes may
/// set: whoever makes a pod chooses its annotations.
fn labels(own: HashMap<String, String>, pod: PodSandbox) -> BTreeMap<String, String> {
    let own = own.into_iter().collect::<BTreeMap<_, _>>().into_iter();
    let labels = pod.labels.into_iter().collect::<BTreeMap<_, _>>();
    let annotations = pod.annotations.into_iter().collect::<BTreeMap<_, _>>();
    let given = labels
        .into_iter()
        .chain(annotations)
        .filter(|(key, _)| !kubernetes::is_reserved(key));
    let mut room = MOST_TEXT;
    let mut kept = BTreeMap::new();
    for (key, value) in own.chain(given) {
        let length = key.len() + value.len();
        if length <= room && !kept.contains_key(&key) {
            room -= length;
            kept.insert(key, value);
        }
    }
    kept
}

#[cfg(test)]
mod tests;
