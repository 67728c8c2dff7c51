#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::sync::Arc;
use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::export::api::state::ApiState;
use crate::export::sample;
use crate::export::view::{Degraded, ProbeView};

const BOOT_MS: i64 = 1_700_000_000_000;
const NOW_MS: i64 = BOOT_MS + 180_000;

fn state() -> Arc<ApiState> {
    ApiState::new(Arc::new(sample::metrics()), Instant::now())
}

fn container(state: &str) -> ContainerView {
    ContainerView {
        state: state.to_owned(),
        ..ContainerView::new(&sample::container(1, "web"))
    }
}

fn finding() -> FindingView {
    let container = sample::container(1, "web");
    FindingView::new(&sample::finding(), &container, "01JD", 1, BOOT_MS)
}

#[test]
fn a_finding_is_shown_with_what_was_expected_and_what_to_do() {
    let state = state();
    state.add_finding(finding());
    let page = render(&state.snapshot(), NOW_MS);
    for text in [
        "python3.11 started a shell: sh -c &#39;id; uname -a&#39;",
        "one of 3 executables seen in 840 windows on 2 replicas",
        "Look at what the shell ran",
        "python3 server.py (17) → sh -c &#39;id; uname -a&#39; (4242)",
        "process · docker/web · 2 min ago",
    ] {
        assert!(page.contains(text), "{text:?} is missing:\n{page}");
    }
}

#[test]
fn the_newest_finding_comes_first_and_the_page_is_bounded() {
    let state = state();
    for sequence in 1..=SHOWN as u64 + 3 {
        let title = format!("number {sequence};");
        state.add_finding(FindingView {
            sequence,
            title,
            ..finding()
        });
    }
    let page = render(&state.snapshot(), NOW_MS);
    assert!(page.find("number 53;").unwrap() < page.find("number 52;").unwrap());
    assert!(!page.contains("number 3;"));
    assert!(page.contains("3 findings more"));
}

#[test]
fn learning_blind_and_quiet_look_different() {
    let page = |containers| {
        let state = state();
        state.set_containers(containers);
        render(&state.snapshot(), NOW_MS)
    };
    let learning = page(vec![ContainerView {
        progress: 0.425,
        state_reason: "577 more requests".to_owned(),
        ..container("learning")
    }]);
    assert!(learning.contains("value=\"43\"") && learning.contains("577 more requests"));
    assert!(learning.contains("no container has finished learning"));
    let active = page(vec![container("active")]);
    assert!(active.contains("None since the agent started") && !active.contains("<progress"));
    assert!(page(vec![container("blind")]).contains("badge blind"));
    let ended = page(vec![ContainerView {
        ended_ms: NOW_MS,
        ..container("learning")
    }]);
    assert!(ended.contains(">ended<") && !ended.contains("<progress"));
    assert!(ended.contains("Containers watched</span><b class=\"\">0<"));
    assert!(page(Vec::new()).contains("No container is watched"));
}

#[test]
fn trouble_of_the_sensor_is_told() {
    let state = state();
    let hook = |name: &str, attached, reason: &str| ProbeView {
        name: name.to_owned(),
        attached,
        reason: reason.to_owned(),
    };
    state.set_status(Status {
        probes: vec![
            hook("sys_exit", true, ""),
            hook("cgroup_skb", false, "CAP_NET_ADMIN is missing"),
        ],
        events_lost: [("ring_full".to_owned(), 7), ("queue".to_owned(), 0)].into(),
        degraded: vec![Degraded {
            what: "docker".to_owned(),
            reason: "no socket".to_owned(),
        }],
        ..Status::default()
    });
    let page = render(&state.snapshot(), NOW_MS);
    for text in [
        "1 of 2",
        "Hook cgroup_skb</dt><dd>CAP_NET_ADMIN is missing",
        "Without docker</dt><dd>no socket",
        "Events lost</dt><dd>ring_full 7<",
    ] {
        assert!(page.contains(text), "{text:?} is missing:\n{page}");
    }
}

proptest! {
    #[test]
    fn nothing_from_a_container_becomes_markup(text in ".*") {
        let hostile = format!("{text}<script>alert(1)</script>\"'&<img src=x onerror=y>");
        let state = state();
        state.set_containers(vec![ContainerView {
            namespace: hostile.clone(),
            pod: hostile.clone(),
            image: hostile.clone(),
            state: hostile.clone(),
            state_reason: hostile.clone(),
            ..container("learning")
        }]);
        state.add_finding(FindingView {
            title: hostile.clone(),
            severity: hostile.clone(),
            class: hostile.clone(),
            observed: hostile.clone(),
            ..finding()
        });
        state.set_status(Status { hostname: hostile, ..Status::default() });
        let page = render(&state.snapshot(), NOW_MS);
        prop_assert!(!page.contains("<script") && !page.contains("<img"));
        prop_assert_eq!(page.matches("<article").count(), 1);
    }
}
