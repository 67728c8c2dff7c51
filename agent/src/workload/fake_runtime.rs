//! A container runtime that has one container, for tests: it speaks as little gRPC as its answers take.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use hyper::body::{Bytes, Incoming};
use hyper::header::HeaderMap;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use picket_cri::lookup::{
    ContainerMetadata, ContainerStatus, ContainerStatusResponse, ImageSpec, ListPodSandboxResponse,
    PodSandbox,
};
use prost::Message as _;
use tokio::net::UnixListener;

/// Id of the container.
pub const ID: &str = "4d4b49dcf9104400e66aa22582cdf6ecfb6ffefaa942fb18f630207343b39000";

/// Uid of its pod.
pub const UID: &str = "68abe8ff-2f42-49fe-8cf8-4245d5277c01";

/// The container `server` of the pod `models/resnet-0`.
pub fn container() -> ContainerStatus {
    ContainerStatus {
        id: ID.to_owned(),
        metadata: Some(ContainerMetadata {
            name: "server".to_owned(),
            attempt: 0,
        }),
        image: Some(ImageSpec {
            image: "registry.example/serve:v1".to_owned(),
            user_specified_image: String::new(),
        }),
        image_ref: format!("registry.example/serve@sha256:{ID}"),
        labels: owned(&[
            ("io.kubernetes.container.name", "server"),
            ("io.kubernetes.pod.name", "resnet-0"),
            ("io.kubernetes.pod.namespace", "models"),
            ("io.kubernetes.pod.uid", UID),
        ]),
        ..ContainerStatus::default()
    }
}

/// Its pod.
pub fn pod() -> PodSandbox {
    PodSandbox {
        id: "sandbox".to_owned(),
        metadata: None,
        labels: owned(&[("io.kubernetes.pod.uid", UID), ("team", "ml")]),
        annotations: owned(&[("note", "by hand")]),
    }
}

fn owned(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// What is answered.
enum Answers {
    Known(Box<ContainerStatusResponse>, ListPodSandboxResponse),
    Refusal(u8),
    Message(&'static [u8]),
}

/// A listening runtime.
pub struct FakeRuntime {
    _directory: tempfile::TempDir,
    socket: PathBuf,
    calls: Arc<Mutex<Vec<String>>>,
}

impl FakeRuntime {
    /// One that knows these.
    pub fn with(container: ContainerStatus, pods: Vec<PodSandbox>) -> Self {
        let status = ContainerStatusResponse {
            status: Some(container),
        };
        let pods = ListPodSandboxResponse { items: pods };
        Self::start(Answers::Known(Box::new(status), pods))
    }

    /// One that answers every call with a status of gRPC.
    pub fn refusing(status: u8) -> Self {
        Self::start(Answers::Refusal(status))
    }

    /// One that answers every call with this message.
    pub fn answering(message: &'static [u8]) -> Self {
        Self::start(Answers::Message(message))
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The methods called, in order.
    pub fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    fn start(answers: Answers) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("cri.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let (answers, calls) = (Arc::new(answers), Arc::<Mutex<Vec<String>>>::default());
        let seen = Arc::clone(&calls);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answers, seen) = (Arc::clone(&answers), Arc::clone(&seen));
                let service = service_fn(move |request: Request<Incoming>| {
                    let (answers, seen) = (Arc::clone(&answers), Arc::clone(&seen));
                    async move {
                        let path = request.uri().path().to_owned();
                        seen.lock().unwrap().push(path.clone());
                        Ok::<_, Infallible>(answer(&answers, &path))
                    }
                });
                let connection = http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service);
                // It ends when the client has heard enough.
                tokio::spawn(async move { drop(connection.await) });
            }
        });
        Self {
            _directory: directory,
            socket,
            calls,
        }
    }
}

fn answer(answers: &Answers, path: &str) -> Response<BoxBody<Bytes, Infallible>> {
    let (message, status) = match answers {
        Answers::Known(container, _) if path.ends_with("/ContainerStatus") => {
            (Some(container.encode_to_vec()), 0)
        }
        Answers::Known(_, pods) => (Some(pods.encode_to_vec()), 0),
        Answers::Refusal(status) => (None, *status),
        Answers::Message(message) => (Some(message.to_vec()), 0),
    };
    // A message is preceded by a byte that says that it is not compressed, and by its length.
    let body = message.map_or_else(Vec::new, |message| {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        [[0].as_slice(), &length, &message].concat()
    });
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", u16::from(status).into());
    let body = Full::new(Bytes::from(body)).with_trailers(async { Some(Ok(trailers)) });
    Response::builder()
        .header("content-type", "application/grpc")
        .body(body.boxed())
        .unwrap()
}
