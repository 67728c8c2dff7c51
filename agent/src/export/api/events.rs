//! Evidence and findings together, remembered and as they come.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Serialize, Serializer};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

use super::bad_query;
use super::state::ApiState;
use crate::export::history::Evidence;
use crate::export::view::evidence::{EventFilter, EventView, EvidenceView};
use crate::export::view::finding::{FindingFilter, FindingView};

/// Pieces of evidence that are put into lines and sent at a time.
const CHUNK: usize = 64;

/// Chunks of a stream that may wait for a slow reader.
const QUEUE: usize = 1;

/// The remembered events, oldest first.
pub(super) async fn list(
    State(state): State<Arc<ApiState>>,
    filter: Result<Query<EventFilter>, QueryRejection>,
) -> Response {
    match filter {
        Ok(Query(filter)) => Json(Position::remembered(&state, &filter).1).into_response(),
        Err(rejection) => bad_query(&rejection),
    }
}

/// Events as they come, one JSON object a line; with `since_ms`, first the remembered ones.
pub(super) async fn stream(
    State(state): State<Arc<ApiState>>,
    filter: Result<Query<EventFilter>, QueryRejection>,
) -> Response {
    let filter = match filter {
        Ok(Query(filter)) => filter,
        Err(rejection) => return bad_query(&rejection),
    };
    let (sender, chunks) = mpsc::channel(QUEUE);
    // Before the stream's position is taken, so that nothing that comes after it goes unnoticed.
    let news = [state.history().follow(), state.follow()];
    let (position, remembered) = match filter.since_ms {
        Some(_) => Position::remembered(&state, &filter),
        None => (Position::newest(&state), Vec::new()),
    };
    tokio::spawn(feed(state, filter, position, remembered, news, sender));
    let content_type = [(header::CONTENT_TYPE, "application/x-ndjson")];
    let body = Body::from_stream(ReceiverStream::new(chunks));
    (content_type, body).into_response()
}

/// Feeds one stream until its reader goes away.
async fn feed(
    state: Arc<ApiState>,
    filter: EventFilter,
    mut position: Position,
    mut events: Vec<Event>,
    [mut evidence, mut findings]: [watch::Receiver<u64>; 2],
    sender: mpsc::Sender<Result<String, Infallible>>,
) {
    loop {
        for chunk in events.chunks(CHUNK) {
            let lines: String = chunk.iter().filter_map(Event::line).collect();
            if sender.send(Ok(lines)).await.is_err() {
                return;
            }
        }
        evidence.mark_unchanged();
        findings.mark_unchanged();
        let more;
        (events, more) = position.advance(&state, &filter);
        if more || !events.is_empty() {
            continue;
        }
        tokio::select! {
            changed = evidence.changed() => if changed.is_err() { return },
            changed = findings.changed() => if changed.is_err() { return },
            () = sender.closed() => return,
        }
    }
}

/// Where a reader stands.
struct Position {
    /// Pieces of evidence added before.
    evidence: u64,
    /// The last finding's sequence number.
    finding: u64,
}

impl Position {
    fn newest(state: &ApiState) -> Self {
        Self {
            evidence: state.history().counts().0,
            finding: *state.follow().borrow(),
        }
    }

    /// The remembered events, and the position after them.
    fn remembered(state: &ApiState, filter: &EventFilter) -> (Self, Vec<Event>) {
        let evidence = state.history().all();
        let findings = state.findings(&FindingFilter::default());
        let position = Self {
            evidence: evidence.position,
            finding: findings.last().map_or(0, |finding| finding.sequence),
        };
        let mut events = ordered(evidence.evidence, findings, filter);
        let limit = filter.limit.unwrap_or(usize::MAX);
        let surplus = events.len().saturating_sub(limit);
        events.drain(..surplus);
        (position, events)
    }

    /// The events after this position, which moves past them, and whether there may be more.
    fn advance(&mut self, state: &ApiState, filter: &EventFilter) -> (Vec<Event>, bool) {
        let news = state.history().after(self.evidence, CHUNK);
        let findings = state.findings(&FindingFilter {
            after: Some(self.finding),
            ..FindingFilter::default()
        });
        let more = news.evidence.len() == CHUNK;
        let expected = self.finding + 1;
        let missed = findings
            .first()
            .map_or(0, |first| first.sequence.saturating_sub(expected))
            .saturating_add(news.missed);
        self.evidence = news.position;
        self.finding = findings.last().map_or(self.finding, |last| last.sequence);
        let mut events = ordered(news.evidence, findings, filter);
        if missed > 0 {
            events.insert(0, Event::Missed(missed));
        }
        (events, more)
    }
}

/// What the filter lets through, by time.
fn ordered(
    evidence: Vec<Arc<Evidence>>,
    findings: Vec<Arc<FindingView>>,
    filter: &EventFilter,
) -> Vec<Event> {
    let evidence = evidence
        .into_iter()
        .filter(|evidence| filter.lets_evidence(evidence))
        .map(Event::Evidence);
    let findings = findings
        .into_iter()
        .filter(|finding| filter.lets_finding(finding))
        .map(Event::Finding);
    // A finding comes after the evidence it is about, and the sort is stable.
    let mut events: Vec<Event> = evidence.chain(findings).collect();
    events.sort_by_key(Event::time_ms);
    events
}

/// An event as it is remembered.
enum Event {
    Evidence(Arc<Evidence>),
    Finding(Arc<FindingView>),
    Missed(u64),
}

impl Event {
    fn time_ms(&self) -> i64 {
        match self {
            Self::Evidence(evidence) => evidence.time_ms(),
            Self::Finding(finding) => finding.time_ms,
            Self::Missed(_) => i64::MIN,
        }
    }

    fn view(&self) -> EventView {
        match self {
            Self::Evidence(evidence) => EventView::Evidence(Box::new(EvidenceView::new(evidence))),
            Self::Finding(finding) => EventView::Finding(Box::new(finding.as_ref().clone())),
            Self::Missed(missed) => EventView::Missed { missed: *missed },
        }
    }

    fn line(&self) -> Option<String> {
        serde_json::to_string(self).ok().map(|line| line + "\n")
    }
}

/// One at a time, so that an answer does not hold every view at once.
impl Serialize for Event {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.view().serialize(to)
    }
}
