//! The HTTP API: metrics, health, page, and everything the agent knows as JSON.

mod accept;
mod events;
pub mod operator;
pub mod recording;
pub mod selftest;
pub mod state;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

use super::page;
use super::view::BaselineView;
use super::view::explanation::{Explanation, Unexplained};
use super::view::finding::FindingFilter;
use state::ApiState;

/// Lines of the stream that may wait for a slow reader.
const STREAM_QUEUE: usize = 16;

/// What may be reached from outside this machine: metrics and health.
pub fn public_router(state: Arc<ApiState>) -> Router {
    finish(health_and_metrics(), state)
}

/// Everything, and the operator's orders, for those who may open the agent's Unix socket.
pub fn full_router(state: Arc<ApiState>) -> Router {
    let own = Router::new()
        .route("/api/v1/recording", get(recording::stream))
        .route("/api/v1/selftest", post(selftest::ask));
    let all = health_and_metrics().merge(page_and_api()).merge(own);
    finish(all.merge(operator::routes()), state)
}

/// Everything, for readers on this machine's loopback.
///
/// Requests whose `Host` is a name other than `localhost` are refused on all but the public paths: a web page that
/// resolves its own name to a loopback address must not read findings through a visitor's browser.
pub fn loopback_router(state: Arc<ApiState>) -> Router {
    let guarded = page_and_api().route_layer(middleware::from_fn(refuse_foreign_host));
    finish(health_and_metrics().merge(guarded), state)
}

fn page_and_api() -> Router<Arc<ApiState>> {
    Router::new()
        .route("/", get(show_page))
        .route("/api/v1/status", get(status))
        .route("/api/v1/containers", get(containers))
        .route("/api/v1/baselines", get(baselines))
        .route("/api/v1/baselines/{id}", get(baseline))
        .route("/api/v1/events", get(events::list))
        .route("/api/v1/events/stream", get(events::stream))
        .route("/api/v1/findings", get(findings))
        .route("/api/v1/findings/stream", get(stream))
        .route("/api/v1/incidents", get(incidents))
        .route("/api/v1/explain/{id}", get(explain))
}

fn health_and_metrics() -> Router<Arc<ApiState>> {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
}

fn finish(router: Router<Arc<ApiState>>, state: Arc<ApiState>) -> Router {
    router
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::map_response(add_headers))
        .with_state(state)
}

async fn metrics(State(state): State<Arc<ApiState>>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|a| a.to_str().ok());
    let format = accept::negotiate(accept.unwrap_or_default());
    let now = Instant::now();
    let text = match format {
        accept::Format::Text => state.metrics().text(now),
        accept::Format::OpenMetrics => Ok(state.metrics().openmetrics(now)),
    };
    match text {
        Ok(text) => ([(header::CONTENT_TYPE, format.content_type())], text).into_response(),
        Err(cause) => failure(
            StatusCode::INTERNAL_SERVER_ERROR,
            &format!("metrics cannot be encoded: {cause}"),
        ),
    }
}

async fn livez(State(state): State<Arc<ApiState>>) -> Response {
    health(state.live(Instant::now()))
}

async fn readyz(State(state): State<Arc<ApiState>>) -> Response {
    health(state.ready())
}

fn health(verdict: Result<(), String>) -> Response {
    match verdict {
        Ok(()) => "ok\n".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn show_page(State(state): State<Arc<ApiState>>) -> Response {
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let page = page::render(&state.snapshot(), now_ms);
    let policy = [(
        header::CONTENT_SECURITY_POLICY,
        page::CONTENT_SECURITY_POLICY,
    )];
    (policy, Html(page)).into_response()
}

async fn status(State(state): State<Arc<ApiState>>) -> Response {
    Json(state.snapshot().status.as_ref()).into_response()
}

async fn containers(State(state): State<Arc<ApiState>>) -> Response {
    Json(state.snapshot().containers.as_ref()).into_response()
}

async fn baselines(State(state): State<Arc<ApiState>>) -> Response {
    let baselines = state.snapshot().baselines;
    let summaries: Vec<BaselineView> = baselines.values().map(|b| b.summary()).collect();
    Json(summaries).into_response()
}

async fn baseline(State(state): State<Arc<ApiState>>, Path(id): Path<String>) -> Response {
    match state.snapshot().baselines.get(&id) {
        Some(baseline) => Json(baseline.as_ref()).into_response(),
        None => failure(
            StatusCode::NOT_FOUND,
            &format!("no baseline {id:?}; /api/v1/baselines lists them"),
        ),
    }
}

async fn findings(
    State(state): State<Arc<ApiState>>,
    filter: Result<Query<FindingFilter>, QueryRejection>,
) -> Response {
    let filter = match filter {
        Ok(Query(filter)) => filter,
        Err(rejection) => return bad_query(&rejection),
    };
    let findings = state.findings(&filter);
    Json(findings.iter().map(AsRef::as_ref).collect::<Vec<_>>()).into_response()
}

async fn incidents(State(state): State<Arc<ApiState>>) -> Response {
    Json(state.snapshot().incidents.as_ref()).into_response()
}

async fn explain(State(state): State<Arc<ApiState>>, Path(id): Path<String>) -> Response {
    match Explanation::of(&state.snapshot(), &id) {
        Ok(explanation) => Json(explanation).into_response(),
        Err(error) => {
            let status = match error {
                Unexplained::Unknown(_) => StatusCode::NOT_FOUND,
                Unexplained::Ambiguous { .. } => StatusCode::CONFLICT,
            };
            failure(status, &error.to_string())
        }
    }
}

/// Findings as they come, one JSON object a line; with `after`, first the remembered ones after that.
async fn stream(
    State(state): State<Arc<ApiState>>,
    filter: Result<Query<FindingFilter>, QueryRejection>,
) -> Response {
    let filter = match filter {
        Ok(Query(filter)) => filter,
        Err(rejection) => return bad_query(&rejection),
    };
    let (sender, lines) = mpsc::channel(STREAM_QUEUE);
    let newest = state.follow();
    let after = filter.after.unwrap_or(*newest.borrow());
    tokio::spawn(feed(state, filter, after, newest, sender));
    let content_type = [(header::CONTENT_TYPE, "application/x-ndjson")];
    let body = Body::from_stream(ReceiverStream::new(lines));
    (content_type, body).into_response()
}

/// Feeds one stream until its reader goes away. A reader too slow for the remembered findings sees a gap in
/// `sequence`.
async fn feed(
    state: Arc<ApiState>,
    filter: FindingFilter,
    mut after: u64,
    mut newest: watch::Receiver<u64>,
    sender: mpsc::Sender<Result<String, Infallible>>,
) {
    loop {
        newest.mark_unchanged();
        let wanted = FindingFilter {
            after: Some(after),
            limit: None,
            ..filter.clone()
        };
        for finding in state.findings(&wanted) {
            after = finding.sequence;
            let Ok(json) = serde_json::to_string(finding.as_ref()) else {
                continue;
            };
            if sender.send(Ok(json + "\n")).await.is_err() {
                return;
            }
        }
        tokio::select! {
            changed = newest.changed() => if changed.is_err() { return },
            () = sender.closed() => return,
        }
    }
}

async fn not_found(uri: Uri) -> Response {
    failure(StatusCode::NOT_FOUND, &format!("nothing at {}", uri.path()))
}

async fn method_not_allowed() -> Response {
    failure(
        StatusCode::METHOD_NOT_ALLOWED,
        "this method is not understood here",
    )
}

fn bad_query(rejection: &QueryRejection) -> Response {
    failure(StatusCode::BAD_REQUEST, &rejection.body_text())
}

fn failure(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({ "error": error }))).into_response()
}

async fn refuse_foreign_host(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST);
    let host = host.map(|host| host.to_str().unwrap_or_default());
    if host.is_none_or(is_local_host) {
        next.run(request).await
    } else {
        failure(
            StatusCode::FORBIDDEN,
            "the host name in this request is not this machine's; use its address or localhost",
        )
    }
}

/// Whether a `Host` header is `localhost` or an address, with or without port.
fn is_local_host(host: &str) -> bool {
    host.parse::<Authority>().is_ok_and(|authority| {
        let name = authority.host();
        let address = name.trim_start_matches('[').trim_end_matches(']');
        name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
    })
}

async fn add_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("referrer-policy"), "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
