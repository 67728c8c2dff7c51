//! Questions to the running agent: HTTP/1.1 over its unix socket.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::Global;

/// An answer arrives within this time, or the agent hangs.
const PATIENCE: Duration = Duration::from_secs(10);
/// Far above the largest answer: 1000 findings, or one baseline with all its facts.
const MAX_ANSWER: usize = 64 << 20;
/// Longest line of a stream: a finding of 16 KiB, escaped.
const MAX_LINE: usize = 1 << 20;

/// Why the agent gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error(
        "the agent is not running: nothing answers on {} ({cause}); start it with `picket run`, or name its socket with --socket",
        socket.display()
    )]
    NotRunning { socket: PathBuf, cause: io::Error },
    #[error("cannot connect to the agent on {}: {cause}; run this as root", socket.display())]
    Refused { socket: PathBuf, cause: io::Error },
    #[error("the agent on {} did not answer within {} s; see its log", socket.display(), patience.as_secs())]
    Silent { socket: PathBuf, patience: Duration },
    #[error("the agent broke the connection: {0}; see its log")]
    Broken(#[from] hyper::Error),
    #[error("the agent answered {path} with {status}: {text}")]
    Status {
        path: String,
        status: StatusCode,
        text: String,
    },
    #[error("the agent's answer to {path} cannot be read: {cause}; is it another version?")]
    Answer { path: String, cause: String },
}

/// The agent behind one socket.
pub(super) struct Client {
    socket: PathBuf,
    patience: Duration,
}

impl Client {
    /// The agent that `--socket`, or else the configuration, names.
    pub(super) fn new(global: &Global) -> Result<Self, crate::config::ConfigError> {
        let socket = match &global.socket {
            Some(socket) => socket.clone(),
            None => global.load()?.config.socket,
        };
        Ok(Self {
            socket,
            patience: PATIENCE,
        })
    }

    /// The same, for a question whose answer may take so long.
    pub(super) fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The JSON answer to `GET path`.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        parse(path, &self.get_bytes(path).await?)
    }

    /// The answer to `GET path`, whatever it is.
    pub(super) async fn get_bytes(&self, path: &str) -> Result<Bytes, ClientError> {
        self.exchange(Method::GET, path, Bytes::new()).await
    }

    /// The JSON answer to `POST path` with a JSON body.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| unreadable(path, error))?;
        self.post_bytes(path, body).await
    }

    /// The JSON answer to `POST path` with any body.
    pub(super) async fn post_bytes<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Vec<u8>,
    ) -> Result<T, ClientError> {
        parse(path, &self.exchange(Method::POST, path, body.into()).await?)
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Bytes, ClientError> {
        let exchange = async {
            let response = self.request(method, path, body).await?;
            let body = Limited::new(response.into_body(), MAX_ANSWER);
            let body = body
                .collect()
                .await
                .map_err(|error| unreadable(path, error))?;
            Ok(body.to_bytes())
        };
        timeout(self.patience, exchange)
            .await
            .unwrap_or_else(|_| Err(self.silent()))
    }

    /// The JSON lines that `GET path` sends until the agent ends.
    pub(super) async fn stream(&self, path: &str) -> Result<Lines, ClientError> {
        Ok(Lines {
            path: path.to_owned(),
            body: self.open(path).await?,
            pending: Vec::new(),
        })
    }

    /// The bytes that `GET path` sends until the agent ends.
    pub(super) async fn open(&self, path: &str) -> Result<Incoming, ClientError> {
        let asked = self.request(Method::GET, path, Bytes::new());
        let response = timeout(self.patience, asked)
            .await
            .unwrap_or_else(|_| Err(self.silent()))?;
        Ok(response.into_body())
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, ClientError> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|cause| connect_error(&self.socket, cause))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // What goes wrong on the connection also ends the request or the body, and is reported there.
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "picket")
            .header("content-type", "application/json")
            .body(Full::new(body))
            .map_err(|error| unreadable(path, error))?;
        let response = sender.send_request(request).await?;
        match response.status() {
            StatusCode::OK => Ok(response),
            status => Err(refusal(path, status, response).await),
        }
    }

    fn silent(&self) -> ClientError {
        ClientError::Silent {
            socket: self.socket.clone(),
            patience: self.patience,
        }
    }
}

/// Lines of JSON as they arrive.
pub(super) struct Lines {
    path: String,
    body: Incoming,
    pending: Vec<u8>,
}

impl Lines {
    /// The next value, or `None` when the agent ended the stream.
    pub(super) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, ClientError> {
        loop {
            if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                // Empty lines keep the connection alive.
                if line.trim_ascii().is_empty() {
                    continue;
                }
                let value = serde_json::from_slice(&line);
                return value.map_err(|error| unreadable(&self.path, error));
            }
            if self.pending.len() > MAX_LINE {
                return Err(unreadable(&self.path, "a line is too long"));
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(frame) => {
                    if let Ok(data) = frame?.into_data() {
                        self.pending.extend_from_slice(&data);
                    }
                }
            }
        }
    }
}

fn connect_error(socket: &Path, cause: io::Error) -> ClientError {
    let socket = socket.to_owned();
    match cause.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            ClientError::NotRunning { socket, cause }
        }
        _ => ClientError::Refused { socket, cause },
    }
}

async fn refusal(path: &str, status: StatusCode, response: Response<Incoming>) -> ClientError {
    let body = Limited::new(response.into_body(), MAX_LINE);
    let text = match body.collect().await {
        Ok(body) => reason(&body.to_bytes()),
        Err(error) => error.to_string(),
    };
    ClientError::Status {
        path: path.to_owned(),
        status,
        text,
    }
}

/// The reason in a refusal: its `error` when it is JSON as the agent writes it, else all of it.
fn reason(body: &[u8]) -> String {
    let error = serde_json::from_slice::<serde_json::Value>(body).ok();
    let error = error.and_then(|json| json.get("error")?.as_str().map(str::to_owned));
    error.unwrap_or_else(|| String::from_utf8_lossy(body).trim().to_owned())
}

fn parse<T: DeserializeOwned>(path: &str, body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body).map_err(|error| unreadable(path, error))
}

fn unreadable(path: &str, cause: impl ToString) -> ClientError {
    ClientError::Answer {
        path: path.to_owned(),
        cause: cause.to_string(),
    }
}

/// Runs a conversation with the agent to its end.
pub(super) fn converse<T>(
    conversation: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(conversation)
}
