//! What the Docker engine knows about a container: from its record on disk, or from its API (Podman's is compatible).
//!
//! The record comes first because the engine holds a lock over the whole start of a container: until the container
//! runs, the API does not answer.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::UnixStream;

use super::bounded_file;
use super::bundle::Mount;

/// How long one request may take, connecting included.
pub const TIMEOUT: Duration = Duration::from_secs(2);

/// A container as the engine knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// Container name, without the API's leading slash.
    pub name: String,
    /// Image reference as the user wrote it.
    pub image: String,
    /// Image id (`sha256:…`), the same on every host and whatever registry the image came from.
    pub image_id: String,
    /// Labels of the container, those of its image included.
    pub labels: BTreeMap<String, String>,
}

/// Why the engine's API gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody listens.
    #[error("cannot connect to the container engine at {}: {source}; is it running?", socket.display())]
    Connect {
        /// The engine's socket.
        socket: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The request failed or was no HTTP.
    #[error("request to the container engine at {} failed: {source}", socket.display())]
    Http {
        /// The engine's socket.
        socket: PathBuf,
        /// Why.
        source: hyper::Error,
    },
    /// Too slow.
    #[error("the container engine at {} did not answer within {timeout:?}", socket.display())]
    Timeout {
        /// The engine's socket.
        socket: PathBuf,
        /// The limit.
        timeout: Duration,
    },
    /// An answer other than 200 and 404.
    #[error("the container engine at {} answered {status} for container {id}", socket.display())]
    Status {
        /// The engine's socket.
        socket: PathBuf,
        /// Its answer.
        status: StatusCode,
        /// The container asked for.
        id: String,
    },
    /// The answer broke off or was too large.
    #[error("cannot read the answer of the container engine at {}: {source}", socket.display())]
    Body {
        /// The engine's socket.
        socket: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer does not describe a container.
    #[error("the container engine at {} answered what is not a container: {source}", socket.display())]
    Invalid {
        /// The engine's socket.
        socket: PathBuf,
        /// Where it is wrong.
        source: serde_json::Error,
    },
}

/// Asks the engine that listens on `socket`; `None` when it does not know the container, or when there is no engine.
///
/// # Errors
/// When there is a socket but no valid answer from it within `timeout`.
pub async fn inspect(socket: &Path, id: &str, timeout: Duration) -> Result<Option<Details>, Error> {
    tokio::time::timeout(timeout, request(socket, id))
        .await
        .unwrap_or_else(|_| {
            Err(Error::Timeout {
                socket: socket.to_owned(),
                timeout,
            })
        })
}

async fn request(socket: &Path, id: &str) -> Result<Option<Details>, Error> {
    let owned = || socket.to_owned();
    let http = |source| Error::Http {
        socket: owned(),
        source,
    };
    let stream = match UnixStream::connect(socket).await {
        Ok(stream) => stream,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(Error::Connect {
                socket: owned(),
                source,
            });
        }
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(http)?;
    // The task ends with the connection: when the answer is read, or when `sender` is dropped on a timeout. An error
    // on the way is `send_request`'s to report.
    tokio::spawn(async move { drop(connection.await) });
    let request = Request::get(format!("/containers/{id}/json"))
        .header(header::HOST, "docker")
        .body(Empty::<Bytes>::new());
    // Engines make no ids that cannot stand in a URI.
    let Ok(request) = request else {
        return Ok(None);
    };
    let response = sender.send_request(request).await.map_err(http)?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => return Ok(None),
        status => {
            return Err(Error::Status {
                socket: owned(),
                status,
                id: id.to_owned(),
            });
        }
    }
    let body = Limited::new(response.into_body(), bounded_file::LARGEST)
        .collect()
        .await
        .map_err(|source| Error::Body {
            socket: owned(),
            source,
        })?
        .to_bytes();
    let record: Record = serde_json::from_slice(&body).map_err(|source| Error::Invalid {
        socket: owned(),
        source,
    })?;
    Ok(record.details(id))
}

/// Reads the engine's own record of a container, which lies beside the files that the engine mounts into it;
/// `None` when no mount leads to one.
///
/// # Errors
/// When the record is there but cannot be read or decoded.
pub async fn read_record(
    mounts: &[Mount],
    id: &str,
) -> Result<Option<Details>, bounded_file::Error> {
    let Some(path) = record_path(mounts, id) else {
        return Ok(None);
    };
    let record: Option<Record> = bounded_file::json(&path).await?;
    Ok(record.and_then(|record| record.details(id)))
}

/// `<data-root>/containers/<id>/config.v2.json`, with the data root found by where `/etc/hostname` and its like come
/// from. A container that shares another's network has those of the other, so the last folder is not taken from there.
fn record_path(mounts: &[Mount], id: &str) -> Option<PathBuf> {
    const WRITTEN_BY_THE_ENGINE: [&str; 3] = ["/etc/hostname", "/etc/hosts", "/etc/resolv.conf"];
    mounts
        .iter()
        .filter(|mount| {
            WRITTEN_BY_THE_ENGINE
                .iter()
                .any(|file| mount.destination == Path::new(file))
        })
        .filter_map(|mount| mount.source.parent()?.parent())
        .find(|folder| folder.ends_with("containers"))
        .map(|folder| folder.join(id).join("config.v2.json"))
}

/// The fields that the record on disk and the API's answer have in common.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Record {
    #[serde(alias = "ID")]
    id: String,
    name: String,
    #[serde(rename = "Image")]
    image_id: String,
    config: Config,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    image: String,
    labels: Option<BTreeMap<String, String>>,
}

impl Record {
    /// `None` when the record is another container's: the API also finds containers by name and by the beginning of
    /// their id.
    pub(crate) fn details(self, id: &str) -> Option<Details> {
        (self.id == id).then(|| Details {
            name: self.name.trim_start_matches('/').to_owned(),
            image: self.config.image,
            image_id: self.image_id,
            labels: self.config.labels.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests;
