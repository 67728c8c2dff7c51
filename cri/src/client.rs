//! Connecting, and making a call.

use std::path::{Path, PathBuf};

use http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

/// A request, and what answers it.
pub trait Call: prost::Message + 'static {
    /// The method's path: `/runtime.v1.RuntimeService/…`.
    const PATH: &'static str;

    /// The message that answers.
    type Answer: prost::Message + Default + 'static;
}

/// Why a runtime gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The path cannot be made an address.
    #[error("{} cannot be the socket of a container runtime: {cause}", socket.display())]
    Socket {
        /// What was given.
        socket: PathBuf,
        /// Why not.
        cause: String,
    },
    /// Nobody listens, or does not speak gRPC.
    #[error("cannot connect to the container runtime at {}: {cause}; is it running?", socket.display())]
    Connect {
        /// The runtime's socket.
        socket: PathBuf,
        /// Why.
        cause: String,
    },
    /// The runtime refused, or broke off.
    #[error("the container runtime at {} answered {path} with {code:?}: {message}", socket.display())]
    Refused {
        /// The runtime's socket.
        socket: PathBuf,
        /// The method.
        path: &'static str,
        /// The kind of refusal.
        code: Code,
        /// The runtime's words.
        message: String,
    },
}

impl Error {
    /// Whether the runtime says that there is no such thing.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if *code == Code::NotFound)
    }
}

/// A connection to a runtime.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
    channel: Channel,
}

impl Client {
    /// Connects to the runtime that listens on the Unix socket.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn connect(socket: &Path) -> Result<Self, Error> {
        let address = format!("unix://{}", socket.display());
        let endpoint = Endpoint::try_from(address).map_err(|error| Error::Socket {
            socket: socket.to_owned(),
            cause: causes(&error),
        })?;
        let channel = endpoint.connect().await.map_err(|error| Error::Connect {
            socket: socket.to_owned(),
            cause: causes(&error),
        })?;
        Ok(Self {
            socket: socket.to_owned(),
            channel,
        })
    }

    /// Makes a call and waits for the answer.
    ///
    /// # Errors
    /// When the runtime refuses or goes away.
    pub async fn call<C: Call>(&self, call: C) -> Result<C::Answer, Error> {
        let refused = |status: Status| Error::Refused {
            socket: self.socket.clone(),
            path: C::PATH,
            code: status.code(),
            message: status.message().to_owned(),
        };
        let mut grpc = tonic::client::Grpc::new(self.channel.clone());
        grpc.ready().await.map_err(|error| Error::Connect {
            socket: self.socket.clone(),
            cause: causes(&error),
        })?;
        let path = PathAndQuery::from_static(C::PATH);
        let codec = ProstCodec::<C, C::Answer>::default();
        let answer = grpc.unary(Request::new(call), path, codec).await;
        answer.map(tonic::Response::into_inner).map_err(refused)
    }
}

/// An error with all that caused it: the outermost only says that something went wrong in the transport.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
