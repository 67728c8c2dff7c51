#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod selftest;

use std::time::Duration;

use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use super::operator::{Answer, Deed, Done, Refusal, Word};
use super::*;
use crate::export::history::CAPACITY;
use crate::export::sample;
use crate::export::view::finding::FindingView;
use crate::export::view::{ContainerView, FactView, IncidentView, Status};

fn state() -> Arc<ApiState> {
    ApiState::new(Arc::new(sample::metrics()), Instant::now())
}

fn finding(sequence: u64, severity: &str) -> FindingView {
    FindingView {
        id: format!("id-{sequence}"),
        sequence,
        severity: severity.to_owned(),
        ..FindingView::default()
    }
}

async fn request(router: Router, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    router
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap()
}

async fn text(response: Response) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn get_json(state: &Arc<ApiState>, path: &str) -> (StatusCode, Value) {
    let response = request(full_router(Arc::clone(state)), path, &[]).await;
    let status = response.status();
    let content_type = response.headers()[header::CONTENT_TYPE].clone();
    assert_eq!(content_type, "application/json", "{path}");
    (status, serde_json::from_str(&text(response).await).unwrap())
}

#[tokio::test]
async fn metrics_come_in_the_format_asked_for() {
    for (accept, content_type, end) in [
        ("*/*", "text/plain; version=0.0.4; charset=utf-8", None),
        (
            "application/openmetrics-text; version=1.0.0",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Some("# EOF\n"),
        ),
    ] {
        let router = public_router(state());
        let response = request(router, "/metrics", &[("accept", accept)]).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], content_type);
        let text = text(response).await;
        assert!(text.contains("picket_build_info{"));
        assert_eq!(text.strip_suffix("# EOF\n").is_some(), end.is_some());
    }
}

#[tokio::test]
async fn the_agent_is_live_while_its_pipeline_moves() {
    let start = Instant::now();
    let state = ApiState::new(Arc::new(sample::metrics()), start);
    let after = |seconds| start + Duration::from_secs(seconds);
    assert_eq!(state.live(after(29)), Ok(()));
    assert!(state.live(after(30)).unwrap_err().contains("30 s"));
    state.heartbeat(after(30));
    assert_eq!(state.live(after(59)), Ok(()));

    let response = request(public_router(Arc::clone(&state)), "/livez", &[]).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_stuck_agent_is_not_live() {
    let long_ago = Instant::now().checked_sub(Duration::from_secs(40)).unwrap();
    let state = ApiState::new(Arc::new(sample::metrics()), long_ago);
    let response = request(public_router(state), "/livez", &[]).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(text(response).await.contains("has not moved for"));
}

#[tokio::test]
async fn the_agent_is_ready_with_probe_and_inventory() {
    let state = state();
    let ready = || async {
        let response = request(public_router(Arc::clone(&state)), "/readyz", &[]).await;
        (response.status(), text(response).await)
    };
    let (status, reason) = ready().await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(reason.contains("probe"), "{reason}");
    state.set_probe_attached(true);
    let (status, reason) = ready().await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(reason.contains("listed"), "{reason}");
    state.set_inventory_done();
    assert_eq!(ready().await, (StatusCode::OK, "ok\n".to_owned()));
}

#[tokio::test]
async fn what_the_pipeline_told_is_served() {
    let state = state();
    state.set_status(Status {
        hostname: "gpu-1".to_owned(),
        ..Status::default()
    });
    state.set_containers(vec![ContainerView::new(&sample::container(1, "web"))]);
    state.set_incidents(vec![IncidentView {
        id: "i1".to_owned(),
        ..IncidentView::default()
    }]);
    state.put_baseline(BaselineView {
        id: "b1".to_owned(),
        facts: vec![FactView::default()],
        ..BaselineView::default()
    });
    assert_eq!(
        get_json(&state, "/api/v1/status").await.1["hostname"],
        "gpu-1"
    );
    let containers = get_json(&state, "/api/v1/containers").await.1;
    assert_eq!(containers[0]["container"], "web");
    let incidents = get_json(&state, "/api/v1/incidents").await.1;
    assert_eq!(incidents[0]["id"], "i1");
    let list = get_json(&state, "/api/v1/baselines").await.1;
    assert_eq!((&list[0]["id"], list[0].get("facts")), (&"b1".into(), None));
    let (_, one) = get_json(&state, "/api/v1/baselines/b1").await;
    assert_eq!(one["facts"].as_array().unwrap().len(), 1);
    state.remove_baseline("b1");
    let (status, error) = get_json(&state, "/api/v1/baselines/b1").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(error["error"].as_str().unwrap().contains("\"b1\""));
}

#[tokio::test]
async fn a_finding_is_explained_by_the_beginning_of_its_id() {
    let state = state();
    for sequence in 1..=2 {
        state.add_finding(FindingView {
            id: format!("01J{sequence}"),
            ..finding(sequence, "high")
        });
    }
    let (status, explained) = get_json(&state, "/api/v1/explain/01j2").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(explained["type"], "finding");
    assert_eq!(explained["finding"]["sequence"], 2);
    for (id, expected) in [("01J", StatusCode::CONFLICT), ("02", StatusCode::NOT_FOUND)] {
        let (status, error) = get_json(&state, &format!("/api/v1/explain/{id}")).await;
        assert_eq!(status, expected);
        assert!(error["error"].as_str().unwrap().contains(id), "{error}");
    }
}

#[tokio::test]
async fn findings_are_filtered_and_bounded() {
    let state = state();
    for sequence in 1..=1003 {
        let severity = if sequence % 2 == 0 { "high" } else { "low" };
        state.add_finding(finding(sequence, severity));
    }
    let sequences = |json: Value| -> Vec<u64> {
        let findings = json.as_array().unwrap().iter();
        findings.map(|f| f["sequence"].as_u64().unwrap()).collect()
    };
    let all = sequences(get_json(&state, "/api/v1/findings").await.1);
    assert_eq!(all, (4..=1003).collect::<Vec<_>>());
    let path = "/api/v1/findings?min_severity=high&limit=2";
    assert_eq!(sequences(get_json(&state, path).await.1), [1000, 1002]);
    let path = "/api/v1/findings?after=1001";
    assert_eq!(sequences(get_json(&state, path).await.1), [1002, 1003]);
    for bad in ["min_severity=dire", "severity=high", "limit=x"] {
        let (status, error) = get_json(&state, &format!("/api/v1/findings?{bad}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{bad}");
        assert!(error["error"].is_string());
    }
}

#[tokio::test]
async fn the_stream_tells_what_is_remembered_and_then_what_comes() {
    let state = state();
    state.add_finding(finding(1, "low"));
    state.add_finding(finding(2, "high"));
    let path = "/api/v1/findings/stream?after=0&min_severity=high";
    let response = request(full_router(Arc::clone(&state)), path, &[]).await;
    let content_type = &response.headers()[header::CONTENT_TYPE];
    assert_eq!(content_type, "application/x-ndjson");
    let mut body = response.into_body();
    for expected in [2, 4] {
        let line = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(line.ends_with(b"\n"));
        let view: FindingView = serde_json::from_slice(&line).unwrap();
        assert_eq!(view.sequence, expected);
        if expected == 2 {
            state.add_finding(finding(3, "low"));
            state.add_finding(finding(4, "critical"));
        }
    }
}

#[tokio::test]
async fn without_after_the_stream_begins_with_the_next_finding() {
    let state = state();
    state.add_finding(finding(1, "high"));
    let path = "/api/v1/findings/stream";
    let response = request(full_router(Arc::clone(&state)), path, &[]).await;
    // The stream's position must not depend on when its task first runs.
    state.add_finding(finding(2, "high"));
    let line = response.into_body().frame().await.unwrap().unwrap();
    let view: FindingView = serde_json::from_slice(&line.into_data().unwrap()).unwrap();
    assert_eq!(view.sequence, 2);
}

fn facts(events: &Value) -> Vec<&str> {
    let events = events.as_array().unwrap().iter();
    events
        .map(|event| event["fact"].as_str().or(event["id"].as_str()).unwrap())
        .collect()
}

#[tokio::test]
async fn events_are_evidence_and_findings_by_time() {
    let state = state();
    let at = |path, at_ms: u64| {
        let mut evidence = sample::evidence(path);
        evidence.sighting.at.0 = at_ms * 1_000_000;
        evidence
    };
    state.history().add(at("/a", 1));
    state.history().add(at("/b", 2));
    state.add_finding(FindingView {
        time_ms: 1_700_000_000_002,
        ..finding(1, "high")
    });
    state.history().add(at("/c", 3));
    for (query, expected) in [
        ("", &["/a", "/b", "id-1", "/c"][..]),
        ("?limit=2", &["id-1", "/c"]),
        ("?family=file_read", &["/a", "/b", "/c"]),
        ("?since_ms=1700000000002", &["/b", "id-1", "/c"]),
        ("?container=web", &["/a", "/b", "/c"]),
    ] {
        let (status, events) = get_json(&state, &format!("/api/v1/events{query}")).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(facts(&events), expected, "{query}");
    }
    let (status, _) = get_json(&state, "/api/v1/events?class=dns").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

async fn next_lines(body: &mut Body) -> Value {
    let chunk = body.frame().await.unwrap().unwrap().into_data().unwrap();
    let lines = String::from_utf8(chunk.to_vec()).unwrap();
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    Value::Array(lines.collect())
}

#[tokio::test]
async fn the_stream_of_events_goes_on_from_the_remembered_ones() {
    let state = state();
    state.history().add(sample::evidence("/a"));
    state.history().add(sample::evidence("/b"));
    let path = "/api/v1/events/stream";
    let from_now = request(full_router(Arc::clone(&state)), path, &[]).await;
    let path = "/api/v1/events/stream?since_ms=0&limit=1";
    let from_then = request(full_router(Arc::clone(&state)), path, &[]).await;
    let (mut from_now, mut from_then) = (from_now.into_body(), from_then.into_body());
    assert_eq!(facts(&next_lines(&mut from_then).await), ["/b"]);
    state.history().add(sample::evidence("/c"));
    for body in [&mut from_now, &mut from_then] {
        assert_eq!(facts(&next_lines(body).await), ["/c"]);
    }
    state.add_finding(finding(1, "low"));
    for body in [&mut from_now, &mut from_then] {
        assert_eq!(facts(&next_lines(body).await), ["id-1"]);
    }
}

#[tokio::test]
async fn a_slow_reader_is_told_what_it_missed() {
    let state = state();
    let path = "/api/v1/events/stream";
    let mut body = request(full_router(Arc::clone(&state)), path, &[])
        .await
        .into_body();
    let forgotten = 100;
    for n in 0..CAPACITY + forgotten {
        state.history().add(sample::evidence(&format!("/{n}")));
    }
    let lines = next_lines(&mut body).await;
    assert_eq!(lines[0], json!({"type": "missed", "missed": forgotten}));
    assert_eq!(lines[1]["fact"], format!("/{forgotten}"));
}

#[tokio::test]
async fn only_metrics_and_health_are_public() {
    for (path, public) in [
        ("/metrics", true),
        ("/livez", true),
        ("/readyz", true),
        ("/", false),
        ("/api/v1/status", false),
        ("/api/v1/findings", false),
        ("/api/v1/events", false),
    ] {
        let response = request(public_router(state()), path, &[]).await;
        assert_eq!(response.status() != StatusCode::NOT_FOUND, public, "{path}");
        let response = request(full_router(state()), path, &[]).await;
        assert_ne!(response.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_foreign_host_name_is_refused_on_loopback() {
    for (host, served) in [
        ("localhost", true),
        ("LOCALHOST:9477", true),
        ("127.0.0.1:9477", true),
        ("[::1]:9477", true),
        ("evil.example", false),
        ("evil.example:9477", false),
        ("127.0.0.1.evil.example:9477", false),
        ("localhost@evil.example", false),
    ] {
        let headers = [("host", host)];
        for path in ["/", "/api/v1/findings"] {
            let response = request(loopback_router(state()), path, &headers).await;
            assert_eq!(response.status() == StatusCode::OK, served, "{host} {path}");
        }
        let response = request(loopback_router(state()), "/metrics", &headers).await;
        assert_eq!(response.status(), StatusCode::OK, "{host}");
    }
}

#[tokio::test]
async fn errors_are_json_and_responses_are_guarded() {
    let (status, error) = get_json(&state(), "/nowhere").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(error["error"], "nothing at /nowhere");

    let post = Request::post("/api/v1/status").body(Body::empty()).unwrap();
    let response = full_router(state()).oneshot(post).await.unwrap();
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);

    let response = request(full_router(state()), "/", &[]).await;
    assert_eq!(
        response.headers()[header::CONTENT_SECURITY_POLICY],
        page::CONTENT_SECURITY_POLICY
    );
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
}

async fn post(router: Router, path: &str, body: &str) -> (StatusCode, Value) {
    let request = Request::post(path).header("content-type", "application/json");
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let response = router.oneshot(request).await.unwrap();
    let status = response.status();
    let json = serde_json::from_str(&text(response).await).unwrap_or_default();
    (status, json)
}

/// A pipeline that answers every order alike and returns the first one.
fn answering(state: &ApiState, answer: Result<Answer, Refusal>) -> tokio::task::JoinHandle<Deed> {
    let (sender, mut orders) = operator::orders();
    state.take_orders(sender);
    tokio::spawn(async move {
        let order = orders.recv().await.unwrap();
        let _ = order.answer.send(answer);
        order.deed
    })
}

#[tokio::test]
async fn orders_are_taken_on_the_socket_alone() {
    let path = "/api/v1/baselines/ab/freeze";
    for router in [loopback_router(state()), public_router(state())] {
        assert_eq!(post(router, path, "{}").await.0, StatusCode::NOT_FOUND);
    }
    let (status, json) = post(full_router(state()), path, "{}").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{json}");
    let state = state();
    let done = Done {
        id: "ab".to_owned(),
        state: "frozen".to_owned(),
        ..Done::default()
    };
    let taken = answering(&state, Ok(Answer::Done(done)));
    let (status, json) = post(full_router(state), path, r#"{"by":"ops"}"#).await;
    assert_eq!((status, &json["state"]), (StatusCode::OK, &"frozen".into()));
    let by = |by: &str| Word {
        by: by.to_owned(),
        reason: String::new(),
    };
    let frozen = Deed::Freeze {
        id: "ab".to_owned(),
        frozen: true,
        word: by("ops"),
    };
    assert_eq!(taken.await.unwrap(), frozen);
}

#[tokio::test]
async fn a_refusal_says_why() {
    for (refusal, want) in [
        (
            Refusal::Unknown("no baseline".into()),
            StatusCode::NOT_FOUND,
        ),
        (
            Refusal::Wrong("full".into()),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (
            Refusal::Failed("disk".into()),
            StatusCode::INTERNAL_SERVER_ERROR,
        ),
    ] {
        let state = state();
        let taken = answering(&state, Err(refusal.clone()));
        let (status, json) = post(full_router(state), "/api/v1/baselines/ab/reset", "{}").await;
        assert_eq!(status, want);
        let (Refusal::Unknown(why) | Refusal::Wrong(why) | Refusal::Failed(why)) = refusal;
        assert_eq!(json["error"], why);
        taken.await.unwrap();
    }
}

#[tokio::test]
async fn an_approval_names_facts_or_all_of_them_or_a_finding_that_has_one() {
    let path = "/api/v1/baselines/ab/approve";
    for body in ["{}", r#"{"facts":["1"],"all_pending":true}"#] {
        let (status, json) = post(full_router(state()), path, body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{json}");
    }
    let state = state();
    let mut about = finding(1, "high");
    about.fact_id = "00aa".to_owned();
    about.baseline.id = "ab".to_owned();
    state.add_finding(about);
    state.add_finding(finding(2, "high"));
    let taken = answering(&state, Ok(Answer::Done(Done::default())));
    let router = || full_router(Arc::clone(&state));
    let missing = post(router(), "/api/v1/findings/id-9/approve", "{}")
        .await
        .0;
    assert_eq!(missing, StatusCode::NOT_FOUND);
    let factless = post(router(), "/api/v1/findings/id-2/approve", "{}")
        .await
        .0;
    assert_eq!(factless, StatusCode::UNPROCESSABLE_ENTITY);
    let approved = post(router(), "/api/v1/findings/id-1/approve", "{}")
        .await
        .0;
    assert_eq!(approved, StatusCode::OK);
    let want = Deed::Approve {
        id: "ab".to_owned(),
        facts: vec!["00aa".to_owned()],
        word: Word::default(),
    };
    assert_eq!(taken.await.unwrap(), want);
}
