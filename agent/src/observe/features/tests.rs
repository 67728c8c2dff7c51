#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::observe::event::{Moment, Protocol};
use crate::observe::resources::Resources;
use crate::observe::window::{Counters, PeerTraffic};

fn call(call: i64, calls: u64, errors: u64) -> CallCount {
    CallCount {
        call: u16::try_from(call).unwrap(),
        calls,
        errors,
    }
}

fn window(counters: Counters) -> Window {
    Window {
        end: Moment(1),
        length_ns: 5_000_000_000,
        counters,
    }
}

fn cpu(cpu_ns: Option<u64>) -> Resources {
    Resources {
        cpu_ns,
        ..Resources::default()
    }
}

fn traffic(served: bool, tx_bytes: u64) -> PeerTraffic {
    PeerTraffic {
        served,
        protocol: Protocol::Tcp,
        peer: "10.0.0.7:8000".parse().unwrap(),
        rx_bytes: 0,
        tx_bytes,
        rx_packets: 0,
        tx_packets: 0,
    }
}

/// What a server does for so many requests.
fn served(requests: u64) -> Counters {
    Counters {
        calls: vec![
            call(libc::SYS_read, 2 * requests, 0),
            call(libc::SYS_write, 4 * requests, 0),
            call(libc::SYS_recvfrom, requests, requests / 2),
            call(libc::SYS_futex, 7 * requests, 0),
        ],
        rx_bytes: 900 * requests,
        tx_bytes: 700 * requests,
        peers: vec![traffic(true, 600 * requests)],
        requests,
        accepted: requests,
        resources: cpu(Some(3_000_000 * requests)),
        ..Counters::default()
    }
}

fn of(counters: Counters) -> Vec<f64> {
    features(&window(counters)).unwrap()
}

fn feature(values: &[f64], name: &str) -> f64 {
    values[NAMES.iter().position(|&known| known == name).unwrap()]
}

#[test]
fn idle_windows_have_none() {
    assert_eq!(features(&window(Counters::default())), None);
    assert_eq!(features(&window(served(2))), None);
    let waiting = Counters {
        calls: vec![
            call(libc::SYS_futex, 100_000, 0),
            call(libc::SYS_read, 100_000, 0),
        ],
        resources: cpu(Some(2_000_000_000)),
        ..Counters::default()
    };
    assert_eq!(features(&window(waiting)), None);
}

#[test]
fn much_traffic_without_counted_requests_has_some() {
    let sending = Counters {
        tx_bytes: 1 << 20,
        ..Counters::default()
    };
    assert!(features(&window(sending)).is_some());
}

#[test]
fn how_clients_share_out_their_requests_over_connections_counts_nowhere() {
    let mut reconnecting = served(100);
    for each in [libc::SYS_accept4, libc::SYS_setsockopt, libc::SYS_shutdown] {
        reconnecting.calls.push(call(each, 100, 0));
    }
    assert_eq!(of(reconnecting), of(served(100)));
}

/// As [`served`], while a pool of threads grows by so many.
fn growing(requests: u64, threads: u64) -> Counters {
    let mut counters = served(requests);
    counters.calls.extend([
        call(libc::SYS_mmap, 3 * threads, 0),
        call(libc::SYS_mprotect, 2 * threads, 0),
        call(libc::SYS_munmap, threads, 0),
        call(libc::SYS_clone3, threads, threads),
        call(libc::SYS_clone, threads, 0),
    ]);
    counters.clones = threads;
    counters
}

#[test]
fn a_pool_of_threads_that_grows_is_no_other_behaviour() {
    // What was counted when sixteen clients came to a server that had had four.
    let change = |requests, threads| {
        let (with, without) = (of(growing(requests, threads)), of(served(requests)));
        let most = with.iter().zip(&without).map(|(a, b)| (a - b).abs());
        most.fold(0.0, f64::max)
    };
    assert!(change(46, 4) < 0.1, "{}", change(46, 4));
    assert!(change(46, 46) > 0.6, "a thread for each request is one");
    let mut mapping = growing(46, 4);
    mapping.calls.push(call(libc::SYS_mmap, 200, 0));
    let memory = |counters| feature(&of(counters), "memory_calls_per_request");
    assert!(memory(mapping) > memory(growing(46, 4)) + 2.0);
}

#[test]
fn other_proportions_give_other_features() {
    let base = of(served(100));
    let mut leaking = served(100);
    leaking.peers[0].tx_bytes *= 20;
    let mut failing = served(100);
    failing.calls[0].errors = 200;
    let mut spawning = served(100);
    spawning.clones = 1000;
    let mut opening = served(100);
    opening.calls.push(call(libc::SYS_openat, 300, 0));
    let mut computing = served(100);
    computing.resources.cpu_ns = Some(30_000_000_000);
    for (counters, name) in [
        (leaking, "bytes_answered_per_request"),
        (failing, "failed_calls_per_request"),
        (spawning, "new_tasks_per_request"),
        (opening, "file_open_calls_per_request"),
        (computing, "cpu_per_request"),
    ] {
        let change = feature(&of(counters), name) - feature(&base, name);
        assert!(change > 1.0, "{name} changed by {change}");
    }
}

#[test]
fn what_peers_are_sent_is_no_part_of_an_answer() {
    let mut asking = served(100);
    asking.tx_bytes += 1 << 20;
    asking.peers.push(traffic(false, 1 << 20));
    assert_eq!(of(asking), of(served(100)));
}

#[test]
fn waiting_counts_nowhere() {
    let mut contended = served(100);
    contended.calls[3].calls *= 50;
    contended
        .calls
        .push(call(libc::SYS_sched_yield, 100_000, 0));
    assert_eq!(of(contended), of(served(100)));
}

#[test]
fn unknown_cpu_time_is_a_constant() {
    let unknown = |requests| Counters {
        resources: cpu(None),
        ..served(requests)
    };
    let value = |requests| feature(&of(unknown(requests)), "cpu_per_request");
    assert!(value(50).abs() < f64::EPSILON && value(5000).abs() < f64::EPSILON);
}

fn counters() -> impl Strategy<Value = Counters> {
    let calls = prop::collection::vec((0..460_u16, 0..2000_u64, 0..2000_u64), 0..40);
    (
        calls,
        0..1_000_000_u64,
        0..1_000_000_u64,
        30..500_u64,
        0..500_u64,
        0..500_u64,
        0..4_000_000_000_u64,
    )
        .prop_map(
            |(calls, rx_bytes, tx_bytes, requests, connects, clones, cpu)| Counters {
                calls: calls
                    .into_iter()
                    .map(|(call, calls, errors)| CallCount {
                        call,
                        calls,
                        errors: errors.min(calls),
                    })
                    .collect(),
                rx_bytes: rx_bytes + 10_000,
                tx_bytes,
                peers: vec![traffic(true, tx_bytes)],
                requests,
                connects,
                clones,
                resources: self::cpu(Some(cpu)),
                ..Counters::default()
            },
        )
}

proptest! {
    #[test]
    fn ten_times_the_traffic_gives_nearly_the_same(mut counters in counters()) {
        counters.calls.push(call(libc::SYS_read, 500, 0));
        let mut tenfold = counters.clone();
        for count in &mut tenfold.calls {
            count.calls *= 10;
            count.errors *= 10;
        }
        tenfold.rx_bytes *= 10;
        tenfold.tx_bytes *= 10;
        tenfold.peers[0].tx_bytes *= 10;
        tenfold.requests *= 10;
        tenfold.connects *= 10;
        tenfold.clones *= 10;
        tenfold.resources.cpu_ns = tenfold.resources.cpu_ns.map(|cpu| cpu * 10);
        for (name, (one, ten)) in NAMES.iter().zip(of(counters).into_iter().zip(of(tenfold))) {
            prop_assert!((one - ten).abs() < 0.05, "{} {} {}", name, one, ten);
        }
    }

    #[test]
    fn features_are_finite(counters in counters(), scale in 1..u64::MAX) {
        let mut huge = counters;
        huge.rx_bytes = scale;
        huge.tx_bytes = u64::MAX - scale;
        huge.peers = vec![traffic(true, huge.tx_bytes), traffic(true, u64::MAX)];
        huge.resources.cpu_ns = Some(scale);
        prop_assert!(of(huge).into_iter().all(f64::is_finite));
    }
}

#[test]
fn what_somebody_else_may_be_after_is_what_leaves_and_what_is_worked() {
    let gains: Vec<_> = (0..COUNT)
        .filter(|it| is_gain(*it))
        .map(|it| NAMES[it])
        .collect();
    assert_eq!(
        gains,
        [
            "bytes_answered_per_request",
            "cpu_per_request",
            "new_tasks_per_request"
        ]
    );
}
