//! What the operator decides, as requests on the agent's own socket: whoever may open it may decide.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use super::failure;
use super::state::ApiState;
use crate::baseline::file::MAX_BYTES;
use crate::export::view::FactView;

/// Orders that may wait for the pipeline.
const QUEUE: usize = 16;

/// Something that the operator wants done, and where the answer goes.
#[derive(Debug)]
pub struct Order {
    /// What.
    pub deed: Deed,
    /// Where the answer goes; its reader may have left.
    pub answer: oneshot::Sender<Result<Answer, Refusal>>,
}

/// What an operator may want done with a baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// To make facts normal.
    Approve {
        /// The baseline.
        id: String,
        /// Ids of the facts; everything that waits for approval when empty.
        facts: Vec<String>,
        /// Who says so, and why.
        word: Word,
    },
    /// To end learning, or to let it go on.
    Freeze {
        /// The baseline.
        id: String,
        /// To end it.
        frozen: bool,
        /// Who says so, and why.
        word: Word,
    },
    /// To forget everything learned.
    Reset {
        /// The baseline.
        id: String,
        /// Who says so, and why.
        word: Word,
    },
    /// To have the baseline's file.
    Export {
        /// The baseline.
        id: String,
    },
    /// To take a baseline's file in.
    Import {
        /// The file.
        content: Vec<u8>,
        /// In place of what there is, instead of joining it.
        replace: bool,
    },
}

/// Who decided, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Word {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// What came of an order.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It was done.
    Done(Done),
    /// The baseline's file.
    File(Vec<u8>),
}

/// What was done to a baseline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Done {
    /// The baseline.
    pub id: String,
    /// Its state now.
    pub state: String,
    /// Its version now.
    pub version: u64,
    /// The facts that became normal by it.
    pub approved: Vec<FactView>,
    /// Where the file is kept that was there before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
}

/// Why an order was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such thing.
    Unknown(String),
    /// The order makes no sense for it.
    Wrong(String),
    /// It did not work.
    Failed(String),
}

/// Body of an approval.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Approval {
    /// Ids of facts.
    pub facts: Vec<String>,
    /// Instead of these: everything that waits for approval.
    pub all_pending: bool,
    /// Who says so.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// Query of an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImportHow {
    /// In place of what there is, instead of joining it.
    pub replace: bool,
}

/// The queue of orders between the API and the pipeline.
#[must_use]
pub fn orders() -> (mpsc::Sender<Order>, mpsc::Receiver<Order>) {
    mpsc::channel(QUEUE)
}

pub(super) fn routes() -> Router<Arc<ApiState>> {
    let largest = usize::try_from(MAX_BYTES).unwrap_or(usize::MAX);
    let import = post(import).layer(DefaultBodyLimit::max(largest));
    Router::new()
        .route("/api/v1/baselines/{id}/approve", post(approve))
        .route("/api/v1/baselines/{id}/freeze", post(freeze))
        .route("/api/v1/baselines/{id}/unfreeze", post(unfreeze))
        .route("/api/v1/baselines/{id}/reset", post(reset))
        .route("/api/v1/baselines/{id}/file", get(export))
        .route("/api/v1/baselines/import", import)
        .route("/api/v1/findings/{id}/approve", post(approve_finding))
}

async fn approve(
    State(state): State<Arc<ApiState>>,
    Path(id): Path<String>,
    Json(approval): Json<Approval>,
) -> Response {
    if approval.facts.is_empty() != approval.all_pending {
        return refused(Refusal::Wrong(
            "name facts, or say all_pending, and not both".to_owned(),
        ));
    }
    let Approval {
        facts, by, reason, ..
    } = approval;
    let word = Word { by, reason };
    carry_out(&state, Deed::Approve { id, facts, word }).await
}

async fn approve_finding(
    State(state): State<Arc<ApiState>>,
    Path(id): Path<String>,
    Json(word): Json<Word>,
) -> Response {
    let findings = state.snapshot().findings;
    let Some(finding) = findings.iter().find(|finding| finding.id == id) else {
        return refused(Refusal::Unknown(format!(
            "no finding {id:?} is remembered; `picket events --findings -o json` lists them"
        )));
    };
    if finding.fact_id.is_empty() {
        return refused(Refusal::Wrong(format!(
            "finding {id} is not about one fact that could be approved, but about {}",
            finding.feature
        )));
    }
    let deed = Deed::Approve {
        id: finding.baseline.id.clone(),
        facts: vec![finding.fact_id.clone()],
        word,
    };
    carry_out(&state, deed).await
}

async fn freeze(
    State(state): State<Arc<ApiState>>,
    Path(id): Path<String>,
    Json(word): Json<Word>,
) -> Response {
    let frozen = true;
    carry_out(&state, Deed::Freeze { id, frozen, word }).await
}

async fn unfreeze(
    State(state): State<Arc<ApiState>>,
    Path(id): Path<String>,
    Json(word): Json<Word>,
) -> Response {
    let frozen = false;
    carry_out(&state, Deed::Freeze { id, frozen, word }).await
}

async fn reset(
    State(state): State<Arc<ApiState>>,
    Path(id): Path<String>,
    Json(word): Json<Word>,
) -> Response {
    carry_out(&state, Deed::Reset { id, word }).await
}

async fn export(State(state): State<Arc<ApiState>>, Path(id): Path<String>) -> Response {
    carry_out(&state, Deed::Export { id }).await
}

async fn import(
    State(state): State<Arc<ApiState>>,
    Query(how): Query<ImportHow>,
    body: Bytes,
) -> Response {
    let deed = Deed::Import {
        content: body.to_vec(),
        replace: how.replace,
    };
    carry_out(&state, deed).await
}

/// Hands the deed to the pipeline and waits for what comes of it.
async fn carry_out(state: &ApiState, deed: Deed) -> Response {
    match order(state, deed).await {
        Some(Ok(Answer::Done(done))) => Json(done).into_response(),
        Some(Ok(Answer::File(content))) => (
            [(header::CONTENT_TYPE, "application/octet-stream")],
            content,
        )
            .into_response(),
        Some(Err(refusal)) => refused(refusal),
        None => failure(
            StatusCode::SERVICE_UNAVAILABLE,
            "the agent is starting or ending; try again",
        ),
    }
}

/// What comes of the deed; `None` when nobody carries it out.
async fn order(state: &ApiState, deed: Deed) -> Option<Result<Answer, Refusal>> {
    let (answer, answered) = oneshot::channel();
    state.orders()?.send(Order { deed, answer }).await.ok()?;
    answered.await.ok()
}

fn refused(refusal: Refusal) -> Response {
    match refusal {
        Refusal::Unknown(why) => failure(StatusCode::NOT_FOUND, &why),
        Refusal::Wrong(why) => failure(StatusCode::UNPROCESSABLE_ENTITY, &why),
        Refusal::Failed(why) => failure(StatusCode::INTERNAL_SERVER_ERROR, &why),
    }
}
