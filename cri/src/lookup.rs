//! What a runtime knows about containers and pods.

use std::collections::HashMap;

use crate::Call;

/// Asks for a container by its id.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ContainerStatusRequest {
    /// Full id.
    #[prost(string, tag = "1")]
    pub container_id: String,
}

impl Call for ContainerStatusRequest {
    const PATH: &'static str = "/runtime.v1.RuntimeService/ContainerStatus";
    type Answer = ContainerStatusResponse;
}

/// Answers it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ContainerStatusResponse {
    /// The container.
    #[prost(message, optional, tag = "1")]
    pub status: Option<ContainerStatus>,
}

/// A container.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ContainerStatus {
    /// Full id.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Its name in the pod.
    #[prost(message, optional, tag = "2")]
    pub metadata: Option<ContainerMetadata>,
    /// How far its life is.
    #[prost(enumeration = "ContainerState", tag = "3")]
    pub state: i32,
    /// What its main process ended with.
    #[prost(int32, tag = "7")]
    pub exit_code: i32,
    /// Its image, by a name.
    #[prost(message, optional, tag = "8")]
    pub image: Option<ImageSpec>,
    /// Its image, by the digest of its manifest where it came from a registry (`repository@sha256:…`), else by its id.
    #[prost(string, tag = "9")]
    pub image_ref: String,
    /// What the kubelet gave it; nothing of its image's.
    #[prost(map = "string, string", tag = "12")]
    pub labels: HashMap<String, String>,
    /// What the kubelet gave it.
    #[prost(map = "string, string", tag = "13")]
    pub annotations: HashMap<String, String>,
}

/// How far a container's life is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum ContainerState {
    /// Not started.
    Created = 0,
    /// Running.
    Running = 1,
    /// Ended.
    Exited = 2,
    /// The runtime does not know.
    Unknown = 3,
}

/// A container's name in its pod.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ContainerMetadata {
    /// Name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// How often it was started anew, from 0.
    #[prost(uint32, tag = "2")]
    pub attempt: u32,
}

/// An image.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ImageSpec {
    /// Reference or id.
    #[prost(string, tag = "1")]
    pub image: String,
    /// The reference in the pod's specification, where the kubelet has made an id of it.
    #[prost(string, tag = "18")]
    pub user_specified_image: String,
}

/// Asks for the sandboxes of pods.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ListPodSandboxRequest {
    /// Which; all when absent.
    #[prost(message, optional, tag = "1")]
    pub filter: Option<PodSandboxFilter>,
}

impl Call for ListPodSandboxRequest {
    const PATH: &'static str = "/runtime.v1.RuntimeService/ListPodSandbox";
    type Answer = ListPodSandboxResponse;
}

/// Which sandboxes are asked for; all that is given must match.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PodSandboxFilter {
    /// Labels that they have.
    #[prost(map = "string, string", tag = "3")]
    pub label_selector: HashMap<String, String>,
}

/// Answers it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ListPodSandboxResponse {
    /// The sandboxes, in no order.
    #[prost(message, repeated, tag = "1")]
    pub items: Vec<PodSandbox>,
}

/// A pod's sandbox.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PodSandbox {
    /// Full id.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Which pod it is.
    #[prost(message, optional, tag = "2")]
    pub metadata: Option<PodSandboxMetadata>,
    /// The pod's labels, with the kubelet's own.
    #[prost(map = "string, string", tag = "5")]
    pub labels: HashMap<String, String>,
    /// The pod's annotations, with the kubelet's own.
    #[prost(map = "string, string", tag = "6")]
    pub annotations: HashMap<String, String>,
}

/// Which pod a sandbox is of.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PodSandboxMetadata {
    /// Pod name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Pod uid.
    #[prost(string, tag = "2")]
    pub uid: String,
    /// Namespace.
    #[prost(string, tag = "3")]
    pub namespace: String,
    /// How often the sandbox was made anew, from 0.
    #[prost(uint32, tag = "4")]
    pub attempt: u32,
}
