//! The life of pods and containers, as the kubelet directs it. Picket's agent makes none of these calls.

use std::collections::HashMap;

use crate::Call;
use crate::lookup::{ContainerMetadata, ImageSpec, PodSandboxMetadata};

/// Declares the path of a request and its answer.
macro_rules! call {
    ($request:ty => $answer:ty, $path:literal) => {
        impl Call for $request {
            const PATH: &'static str = concat!("/runtime.v1.RuntimeService/", $path);
            type Answer = $answer;
        }
    };
}

call!(VersionRequest => VersionResponse, "Version");
call!(RunPodSandboxRequest => RunPodSandboxResponse, "RunPodSandbox");
call!(PodSandboxStatusRequest => PodSandboxStatusResponse, "PodSandboxStatus");
call!(StopPodSandboxRequest => Done, "StopPodSandbox");
call!(RemovePodSandboxRequest => Done, "RemovePodSandbox");
call!(CreateContainerRequest => CreateContainerResponse, "CreateContainer");
call!(StartContainerRequest => Done, "StartContainer");
call!(StopContainerRequest => Done, "StopContainer");
call!(RemoveContainerRequest => Done, "RemoveContainer");
call!(ExecSyncRequest => ExecSyncResponse, "ExecSync");

impl Call for ImageStatusRequest {
    const PATH: &'static str = "/runtime.v1.ImageService/ImageStatus";
    type Answer = ImageStatusResponse;
}

/// An answer without content.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Done {}

/// Asks who the runtime is.
#[derive(Clone, PartialEq, prost::Message)]
pub struct VersionRequest {}

/// Answers it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct VersionResponse {
    /// The runtime's name.
    #[prost(string, tag = "2")]
    pub runtime_name: String,
}

/// Makes a pod: its namespaces and cgroup, held by a process that does nothing.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RunPodSandboxRequest {
    /// The pod.
    #[prost(message, optional, tag = "1")]
    pub config: Option<PodSandboxConfig>,
    /// Which of the runtime's configurations runs it; empty for the default.
    #[prost(string, tag = "2")]
    pub runtime_handler: String,
}

/// Answers it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RunPodSandboxResponse {
    /// The sandbox's id.
    #[prost(string, tag = "1")]
    pub pod_sandbox_id: String,
}

/// A pod.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PodSandboxConfig {
    /// Its name.
    #[prost(message, optional, tag = "1")]
    pub metadata: Option<PodSandboxMetadata>,
    /// Host name in it.
    #[prost(string, tag = "2")]
    pub hostname: String,
    /// Folder of its containers' logs.
    #[prost(string, tag = "3")]
    pub log_directory: String,
    /// Labels.
    #[prost(map = "string, string", tag = "6")]
    pub labels: HashMap<String, String>,
    /// Annotations.
    #[prost(map = "string, string", tag = "7")]
    pub annotations: HashMap<String, String>,
    /// Settings of Linux.
    #[prost(message, optional, tag = "8")]
    pub linux: Option<LinuxPodSandboxConfig>,
}

/// A pod's settings of Linux.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LinuxPodSandboxConfig {
    /// The cgroup that its containers' cgroups are made in.
    #[prost(string, tag = "1")]
    pub cgroup_parent: String,
    /// Privileges.
    #[prost(message, optional, tag = "2")]
    pub security_context: Option<LinuxSandboxSecurityContext>,
}

/// Privileges of a sandbox.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LinuxSandboxSecurityContext {
    /// Which namespaces are shared.
    #[prost(message, optional, tag = "1")]
    pub namespace_options: Option<NamespaceOption>,
}

/// Which namespaces are shared, and by whom.
#[derive(Clone, PartialEq, prost::Message)]
pub struct NamespaceOption {
    /// Network.
    #[prost(enumeration = "NamespaceMode", tag = "1")]
    pub network: i32,
    /// Processes.
    #[prost(enumeration = "NamespaceMode", tag = "2")]
    pub pid: i32,
    /// The container whose processes are shared, for [`NamespaceMode::Target`].
    #[prost(string, tag = "4")]
    pub target_id: String,
}

/// Who shares a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum NamespaceMode {
    /// The pod's containers.
    Pod = 0,
    /// Nobody: each container has its own.
    Container = 1,
    /// The host.
    Node = 2,
    /// One other container.
    Target = 3,
}

/// Asks for a pod by its sandbox's id.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PodSandboxStatusRequest {
    /// The sandbox's id.
    #[prost(string, tag = "1")]
    pub pod_sandbox_id: String,
}

/// Answers it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PodSandboxStatusResponse {
    /// The sandbox.
    #[prost(message, optional, tag = "1")]
    pub status: Option<PodSandboxStatus>,
}

/// A sandbox.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PodSandboxStatus {
    /// Its network.
    #[prost(message, optional, tag = "5")]
    pub network: Option<PodSandboxNetworkStatus>,
}

/// A pod's network.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PodSandboxNetworkStatus {
    /// Address.
    #[prost(string, tag = "1")]
    pub ip: String,
}

/// Ends all processes of a pod.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StopPodSandboxRequest {
    /// The sandbox's id.
    #[prost(string, tag = "1")]
    pub pod_sandbox_id: String,
}

/// Removes a pod and its containers.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RemovePodSandboxRequest {
    /// The sandbox's id.
    #[prost(string, tag = "1")]
    pub pod_sandbox_id: String,
}

/// Makes a container, and does not start it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CreateContainerRequest {
    /// The sandbox's id.
    #[prost(string, tag = "1")]
    pub pod_sandbox_id: String,
    /// The container.
    #[prost(message, optional, tag = "2")]
    pub config: Option<ContainerConfig>,
    /// Its pod, as it was made.
    #[prost(message, optional, tag = "3")]
    pub sandbox_config: Option<PodSandboxConfig>,
}

/// Answers it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CreateContainerResponse {
    /// The container's id.
    #[prost(string, tag = "1")]
    pub container_id: String,
}

/// A container.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ContainerConfig {
    /// Its name in the pod.
    #[prost(message, optional, tag = "1")]
    pub metadata: Option<ContainerMetadata>,
    /// Its image.
    #[prost(message, optional, tag = "2")]
    pub image: Option<ImageSpec>,
    /// Instead of the image's entry point.
    #[prost(string, repeated, tag = "3")]
    pub command: Vec<String>,
    /// Environment.
    #[prost(message, repeated, tag = "6")]
    pub envs: Vec<KeyValue>,
    /// Labels.
    #[prost(map = "string, string", tag = "9")]
    pub labels: HashMap<String, String>,
    /// Annotations.
    #[prost(map = "string, string", tag = "10")]
    pub annotations: HashMap<String, String>,
    /// File of its log, below the pod's folder.
    #[prost(string, tag = "11")]
    pub log_path: String,
    /// Settings of Linux.
    #[prost(message, optional, tag = "15")]
    pub linux: Option<LinuxContainerConfig>,
}

/// A variable of the environment.
#[derive(Clone, PartialEq, prost::Message)]
pub struct KeyValue {
    /// Name.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// A container's settings of Linux.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LinuxContainerConfig {
    /// Limits.
    #[prost(message, optional, tag = "1")]
    pub resources: Option<LinuxContainerResources>,
    /// Privileges.
    #[prost(message, optional, tag = "2")]
    pub security_context: Option<LinuxContainerSecurityContext>,
}

/// Limits of a container; 0 for none.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LinuxContainerResources {
    /// Length of the period in which `cpu_quota` is used, in microseconds.
    #[prost(int64, tag = "1")]
    pub cpu_period: i64,
    /// CPU time in each period, in microseconds.
    #[prost(int64, tag = "2")]
    pub cpu_quota: i64,
    /// Memory, in bytes.
    #[prost(int64, tag = "4")]
    pub memory_limit_in_bytes: i64,
}

/// Privileges of a container.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LinuxContainerSecurityContext {
    /// Which namespaces are shared.
    #[prost(message, optional, tag = "3")]
    pub namespace_options: Option<NamespaceOption>,
}

/// Starts a container.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StartContainerRequest {
    /// The container's id.
    #[prost(string, tag = "1")]
    pub container_id: String,
}

/// Ends a container.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StopContainerRequest {
    /// The container's id.
    #[prost(string, tag = "1")]
    pub container_id: String,
    /// How long it may take to end by itself, in seconds.
    #[prost(int64, tag = "2")]
    pub timeout: i64,
}

/// Removes a container that has ended.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RemoveContainerRequest {
    /// The container's id.
    #[prost(string, tag = "1")]
    pub container_id: String,
}

/// Runs a command in a container and waits for its end, as an exec probe does.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExecSyncRequest {
    /// The container's id.
    #[prost(string, tag = "1")]
    pub container_id: String,
    /// The command.
    #[prost(string, repeated, tag = "2")]
    pub cmd: Vec<String>,
    /// Limit, in seconds; 0 for none.
    #[prost(int64, tag = "3")]
    pub timeout: i64,
}

/// Answers it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExecSyncResponse {
    /// What it printed.
    #[prost(bytes = "vec", tag = "1")]
    pub stdout: Vec<u8>,
    /// What it complained of.
    #[prost(bytes = "vec", tag = "2")]
    pub stderr: Vec<u8>,
    /// What it ended with.
    #[prost(int32, tag = "3")]
    pub exit_code: i32,
}

/// Asks for an image by its reference.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ImageStatusRequest {
    /// The reference.
    #[prost(message, optional, tag = "1")]
    pub image: Option<ImageSpec>,
}

/// Answers it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ImageStatusResponse {
    /// The image; absent when the runtime does not have it.
    #[prost(message, optional, tag = "1")]
    pub image: Option<Image>,
}

/// An image that the runtime has.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Image {
    /// Its id, `sha256:…`.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Its references with a tag.
    #[prost(string, repeated, tag = "2")]
    pub repo_tags: Vec<String>,
}
