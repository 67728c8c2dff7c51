use super::*;
use crate::export::api::selftest;
use crate::export::view::selftest::SelfTestView;

#[tokio::test]
async fn a_self_test_is_asked_for_on_the_socket_alone() {
    let path = "/api/v1/selftest";
    for router in [loopback_router(state()), public_router(state())] {
        assert_eq!(post(router, path, "null").await.0, StatusCode::NOT_FOUND);
    }
    let (status, json) = post(full_router(state()), path, "null").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{json}");
    let state = state();
    let (sender, mut requests) = selftest::requests();
    state.take_self_tests(sender);
    tokio::spawn(async move {
        let answer = requests.recv().await.unwrap();
        answer.send(SelfTestView {
            passed: true,
            took_ms: 7,
            ..SelfTestView::default()
        })
    });
    let (status, json) = post(full_router(state), path, "null").await;
    assert_eq!((status, &json["took_ms"]), (StatusCode::OK, &7.into()));
}
