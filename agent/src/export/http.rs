//! Serving the API on a TCP address and on a Unix socket, each on a thread of its own.

#[cfg(test)]
mod tests;
mod thread;
mod unix;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tracing::debug;

use super::api::state::ApiState;
use super::api::{full_router, loopback_router, public_router};
use thread::ListenerThread;
use unix::SocketFile;

/// Connections served at the same time; further ones wait.
const MAX_CONNECTIONS: usize = 64;

/// Time for a client to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// A server could not be started.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it all")]
pub enum HttpError {
    #[error(
        "cannot listen on {address}: another program uses this port; stop it, or set `listen` to a free port"
    )]
    PortInUse { address: SocketAddr },
    #[error(
        "cannot listen on {address}: this machine has no such address; set `listen` to one that it has"
    )]
    NoSuchAddress { address: SocketAddr },
    #[error(
        "cannot listen on {address}: not permitted; run as root, or set `listen` to a port from 1024 on"
    )]
    NotPermitted { address: SocketAddr },
    #[error("cannot listen on {address}: {source}; check `listen`")]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
    #[error(
        "cannot listen on {}: another agent answers there; stop it, or set `socket` to another path",
        path.display()
    )]
    SocketInUse { path: PathBuf },
    #[error(
        "cannot listen on {}: it exists and is not a socket; remove it, or set `socket` to another path",
        path.display()
    )]
    NotASocket { path: PathBuf },
    #[error("cannot listen on {}: cannot {action}: {source}; check `socket`", path.display())]
    Socket {
        path: PathBuf,
        action: &'static str,
        source: io::Error,
    },
    #[error(
        "the thread that answers HTTP requests cannot be started: {0}; raise the limits on threads and open files"
    )]
    Thread(io::Error),
}

/// A running server; it ends when this is dropped. Fields drop in this order: the socket's file is removed when nobody
/// listens any more.
#[derive(Debug)]
pub struct Server {
    address: Option<SocketAddr>,
    _thread: ListenerThread,
    _socket: Option<SocketFile>,
}

impl Server {
    /// The TCP address it listens on, with the port that was chosen where 0 was asked for.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }
}

/// Serves on `address`: everything on loopback, metrics and health paths alone beyond it.
///
/// # Errors
/// The address cannot be listened on.
pub async fn serve_tcp(address: SocketAddr, state: Arc<ApiState>) -> Result<Server, HttpError> {
    let error = move |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => HttpError::PortInUse { address },
        io::ErrorKind::AddrNotAvailable => HttpError::NoSuchAddress { address },
        io::ErrorKind::PermissionDenied => HttpError::NotPermitted { address },
        _ => HttpError::Listen { address, source },
    };
    let bind = async move {
        let listener = TcpListener::bind(address).await.map_err(error)?;
        let local = listener.local_addr().map_err(error)?;
        let router = if local.ip().to_canonical().is_loopback() {
            loopback_router(state)
        } else {
            public_router(state)
        };
        Ok((listener, router, local))
    };
    let (thread, local) = ListenerThread::start("http", bind).await?;
    Ok(Server {
        address: Some(local),
        _thread: thread,
        _socket: None,
    })
}

/// Serves everything on the Unix socket `path`, which only this user may open. Creates its directory, and takes the
/// place of a socket on which nobody answers.
///
/// # Errors
/// Somebody answers there, something else is there, or the file system refuses.
pub async fn serve_unix(path: &Path, state: Arc<ApiState>) -> Result<Server, HttpError> {
    let path = path.to_owned();
    let bind = async move {
        let (listener, socket) = unix::bind(&path).await?;
        Ok((listener, full_router(state), socket))
    };
    let (thread, socket) = ListenerThread::start("http-socket", bind).await?;
    Ok(Server {
        address: None,
        _thread: thread,
        _socket: Some(socket),
    })
}

/// Accepts connections until this is dropped, which ends the connections too.
async fn serve<L: Listener>(mut listener: L, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            (stream, _) = listener.accept(), if connections.len() < MAX_CONNECTIONS => {
                let service = TowerToHyperService::new(router.clone());
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEAD_TIMEOUT)
                    .serve_connection(TokioIo::new(stream), service);
                connections.spawn(async move {
                    if let Err(cause) = connection.await {
                        debug!(error = %cause, "An HTTP connection ended early");
                    }
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
