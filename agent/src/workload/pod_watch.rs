//! One watch over the pods of this node, by the API server of Kubernetes, into a [`PodStore`].
//!
//! It is a task of its own, which nobody waits for: while the API server hangs or refuses, what was known before stays, and
//! containers are named by what their node knows.

mod object;

#[cfg(test)]
mod tests;

use std::env;
use std::error::Error as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::config::{InClusterError, KubeConfigOptions, KubeconfigError};
use kube::core::Status;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Config};
use tokio_stream::StreamExt as _;

use self::object::ApiPod;
use super::pod_store::PodStore;

/// Set by Kubernetes in every container.
const IN_CLUSTER: &str = "KUBERNETES_SERVICE_HOST";
/// Names the file with the address and credentials of a cluster, as for kubectl.
const KUBECONFIG: &str = "KUBECONFIG";
/// Where the DaemonSet puts the node's name.
const NODE_NAME: &str = "NODE_NAME";

/// The status of a list or watch from where the API server does not remember.
const GONE: u16 = 410;
/// How long after that a new list is asked for.
const AFTER_GONE: Duration = Duration::from_secs(1);

/// Why nobody can be asked.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(
        "the node's name is not known, so its pods cannot be told from others; set kubernetes.node, or the environment \
         variable NODE_NAME by the downward API (spec.nodeName)"
    )]
    NoNode,
    #[error(
        "the credentials of this pod cannot be used: {0}; give it its service account's token \
         (automountServiceAccountToken), or set kubernetes.api to false"
    )]
    InCluster(#[from] InClusterError),
    #[error("the file that KUBECONFIG names cannot be used: {0}; correct it, or unset KUBECONFIG")]
    Kubeconfig(#[from] KubeconfigError),
    #[error(
        "no connection to the API server can be prepared: {0}; set kubernetes.api to false to do without"
    )]
    Client(#[from] kube::Error),
}

/// Begins to watch the pods of a node (when empty, of the one in `NODE_NAME`), if there is a cluster: that of `KUBECONFIG`,
/// or the one that the agent runs in. What hinders it is told by [`PodStore::trouble`].
pub fn begin(node: &str, pods: Arc<PodStore>) {
    let (kubeconfig, in_cluster) = (env::var_os(KUBECONFIG), env::var_os(IN_CLUSTER));
    if kubeconfig.is_none() && in_cluster.is_none() {
        return;
    }
    let node = match node {
        "" => env::var(NODE_NAME).unwrap_or_default(),
        node => node.to_owned(),
    };
    tokio::spawn(async move {
        pods.begin();
        match connect(kubeconfig.is_some(), &node).await {
            Ok(client) => follow(client, &node, &pods).await,
            Err(error) => {
                tracing::warn!(%error, "The API server is not asked for pods.");
                pods.impossible(error.to_string());
            }
        }
    });
}

async fn connect(by_kubeconfig: bool, node: &str) -> Result<Client, Error> {
    if node.is_empty() {
        return Err(Error::NoNode);
    }
    let config = if by_kubeconfig {
        Config::from_kubeconfig(&KubeConfigOptions::default()).await?
    } else {
        Config::incluster()?
    };
    Ok(Client::try_from(config)?)
}

/// Follows the pods of a node for ever.
async fn follow(client: Client, node: &str, pods: &PodStore) {
    loop {
        follow_list(client.clone(), node, pods).await;
        tokio::time::sleep(AFTER_GONE).await;
    }
}

/// Follows the pods of a node until the API server has forgotten where that was. [`watcher`] would list anew by itself only
/// where the server says so within a watch that has begun, and not before it has waited once more as after a failure: that
/// was up to a minute after an outage.
async fn follow_list(client: Client, node: &str, pods: &PodStore) {
    let api: Api<ApiPod> = Api::all_with(client, &object::resource());
    // From the API server's memory, as a kubelet does, since many nodes ask at the same time. That has no pages.
    let wanted = watcher::Config {
        page_size: None,
        ..watcher::Config::default()
            .fields(&format!("spec.nodeName={node}"))
            .any_semantic()
    };
    let mut events = pin!(watcher(api, wanted).default_backoff());
    let mut told = String::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => take(event, node, pods),
            Err(error) => {
                let reason = reason(&error);
                if reason != told {
                    tracing::warn!(%reason, "The watch over pods was interrupted; it is tried again.");
                    told.clone_from(&reason);
                }
                pods.failed(Instant::now(), reason);
                if refusal(&error).is_some_and(|status| status.code == GONE) {
                    return;
                }
            }
        }
    }
}

fn take(event: Event<ApiPod>, node: &str, pods: &PodStore) {
    match event {
        Event::Init => pods.list_begins(),
        Event::InitApply(api) | Event::Apply(api) => {
            let Some(pod) = object::pod(&api) else {
                return;
            };
            if !pods.put(pod) {
                let reason = "the API server tells of more pods than are kept; the rest has no labels and owners";
                pods.failed(Instant::now(), reason.to_owned());
            }
        }
        Event::Delete(api) => {
            if let Some(uid) = object::uid(&api) {
                pods.remove(&uid);
            }
        }
        Event::InitDone => {
            let first = !pods.is_synced();
            pods.list_ends();
            if first {
                tracing::info!(
                    node,
                    pods = pods.len(),
                    "The API server has told of this node's pods."
                );
            }
        }
    }
}

/// What the API server said in place of what was asked for.
fn refusal(error: &watcher::Error) -> Option<&Status> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status),
        _ => None,
    }
}

/// What went wrong, and what to do about it.
fn reason(error: &watcher::Error) -> String {
    let refusal = refusal(error);
    // The client's own words for a refusal list every field of the answer.
    let cause = refusal.map_or_else(|| with_causes(error), ToString::to_string);
    let next = match refusal.map(|status| status.code) {
        Some(401 | 403) => {
            "let the agent's service account list and watch pods (deploy/kubernetes/base/rbac.yaml)"
        }
        _ => "containers are named by their bundles meanwhile",
    };
    format!("the API server does not tell of this node's pods: {cause}; {next}")
}

fn with_causes(error: &watcher::Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !told.contains(&cause_text) {
            told = format!("{told}: {cause_text}");
        }
        source = cause.source();
    }
    told
}
