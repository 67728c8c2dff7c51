//! A recording of what the agent's core takes, as it takes it: for the Unix socket alone, since a recording holds all
//! that the containers did.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

use super::state::ApiState;
use super::{bad_query, failure};
use crate::record::{Feed, Header, begin};

/// Somebody wants a recording.
#[derive(Debug)]
pub struct Request {
    /// Names or ids of the containers; empty for all.
    pub containers: Vec<String>,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Result<Begun, Refusal>>,
}

/// A recording that has begun.
#[derive(Debug)]
pub struct Begun {
    /// What it begins with.
    pub header: Header,
    /// What follows.
    pub feed: Feed,
    /// Held until all of it was handed to the reader's connection.
    pub reading: mpsc::Sender<Infallible>,
}

/// Too many recordings are under way.
#[derive(Debug, thiserror::Error)]
#[error("{most} recordings are under way already; end one of them")]
pub struct Refusal {
    /// So many may be.
    pub most: usize,
}

/// Which containers.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Wanted {
    /// Names or ids, separated by commas; all when empty.
    containers: String,
}

pub(super) async fn stream(
    State(state): State<Arc<ApiState>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    let wanted = match wanted {
        Ok(Query(wanted)) => wanted,
        Err(rejection) => return bad_query(&rejection),
    };
    let names = wanted.containers.split(',').filter(|name| !name.is_empty());
    let (answer, answered) = oneshot::channel();
    let request = Request {
        containers: names.map(str::to_owned).collect(),
        answer,
    };
    let asked = state
        .recordings()
        .is_some_and(|recordings| recordings.send(request).is_ok());
    let Begun {
        header,
        feed,
        reading,
    } = match answered.await {
        Ok(Ok(begun)) if asked => begun,
        Ok(Err(refusal)) => {
            return failure(StatusCode::SERVICE_UNAVAILABLE, &refusal.to_string());
        }
        _ => {
            return failure(
                StatusCode::SERVICE_UNAVAILABLE,
                "the agent does not watch yet",
            );
        }
    };
    let beginning = match begin(&header) {
        Ok(bytes) => bytes,
        Err(error) => return failure(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    };
    let (sender, frames) = mpsc::channel(1);
    tokio::spawn(copy(beginning, feed, sender));
    let content_type = [(header::CONTENT_TYPE, "application/octet-stream")];
    let body = ReceiverStream::new(frames).map(move |frame| {
        let _held = &reading;
        frame
    });
    (content_type, Body::from_stream(body)).into_response()
}

/// Hands a recording on until it ends or its reader goes away.
async fn copy(beginning: Vec<u8>, mut feed: Feed, to: mpsc::Sender<io::Result<Vec<u8>>>) {
    let mut next = beginning;
    loop {
        if to.send(Ok(next)).await.is_err() {
            return;
        }
        next = tokio::select! {
            frame = feed.next() => match frame {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => {
                    tracing::error!(%error, "A recording ends early.");
                    // So that the reader does not take this for the end.
                    let _ = to.send(Err(io::Error::other(error))).await;
                    return;
                }
                None => return,
            },
            () = to.closed() => return,
        };
    }
}
