//! A self-test of the probe, asked for on the agent's own socket.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::sync::{mpsc, oneshot};

use super::failure;
use super::state::ApiState;
use crate::export::view::selftest::SelfTestView;

/// Requests that may wait for the pipeline.
const QUEUE: usize = 16;

/// Where the answer goes; its reader may have left.
pub type Asked = oneshot::Sender<SelfTestView>;

/// The queue of requests between the API and the pipeline.
#[must_use]
pub fn requests() -> (mpsc::Sender<Asked>, mpsc::Receiver<Asked>) {
    mpsc::channel(QUEUE)
}

pub(super) async fn ask(State(state): State<Arc<ApiState>>) -> Response {
    match outcome(&state).await {
        Some(view) => Json(view).into_response(),
        None => failure(
            StatusCode::SERVICE_UNAVAILABLE,
            "the agent is starting or ending; try again",
        ),
    }
}

/// What comes of it; `None` when nobody makes it.
async fn outcome(state: &ApiState) -> Option<SelfTestView> {
    let (answer, answered) = oneshot::channel();
    state.self_tests()?.send(answer).await.ok()?;
    answered.await.ok()
}
