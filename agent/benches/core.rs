//! How fast the core is on one processor, and how much memory a container takes: `cargo xtask bench core` runs this and
//! shows what it prints, one JSON object with the values of each round.
//!
//! 250 containers, each with a baseline of its own, have learned 60 files, 20 peers, 6 programs and 60 system calls, and
//! go on with them: repeated events of known facts are what the core sees most of.
#![allow(clippy::unwrap_used, reason = "a benchmark that fails says where")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use picket::baseline::key::Key;
use picket::baseline::model::Baseline;
use picket::config::Config;
use picket::engine::{Birth, Engine, Input, Settings, Time, Watch};
use picket::observe::event::{
    Access, Action, CgroupId, Event, Exec, FileId, Moment, Place, Protocol,
};
use picket::observe::window::{CallCount, Counters, PeerTraffic, Window};
use picket::workload::container::{Container, Runtime};

const CONTAINERS: u64 = 250;
const SECOND: u64 = 1_000_000_000;
const WINDOW: u64 = 5 * SECOND;
const BOOT_MS: i64 = 1_700_000_000_000;
/// Windows of ordinary life before anything is measured: the rates have models by then.
const LEARNED: u64 = 150;
const ROUNDS: u64 = 15;
/// Events in a round.
const EVENTS: usize = 500_000;

/// Counts the bytes that live.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is the system allocator's; counting touches no memory of the caller.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract of `dealloc`, and `memory` came from the system allocator.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

type MemoryEngine = Engine<BTreeMap<Key, Baseline>>;

fn main() {
    let settings = settings();
    let mut engine: MemoryEngine = Engine::new(&settings, BOOT_MS, BTreeMap::new()).unwrap();
    let before = LIVE.load(Ordering::Relaxed);
    for number in 1..=CONTAINERS {
        begin(&mut engine, number);
    }
    for window in 1..=LEARNED {
        pass(&mut engine, window);
    }
    let bytes = (LIVE.load(Ordering::Relaxed) - before) as f64 / CONTAINERS as f64;
    let mut passes = Vec::new();
    let mut events = Vec::new();
    for round in 0..ROUNDS {
        let number = LEARNED + 1 + round;
        let windows: Vec<Input> = (1..=CONTAINERS).map(|it| window(it, number)).collect();
        engine.take(Input::Time(time(number * WINDOW)));
        let start = cpu_seconds();
        for window in windows {
            black_box(engine.take(window));
        }
        passes.push(cpu_seconds() - start);
        let known: Vec<Input> = known_events(number * WINDOW + 1);
        let start = cpu_seconds();
        for event in known {
            black_box(engine.take(event));
        }
        events.push(EVENTS as f64 / (cpu_seconds() - start));
    }
    let milliseconds: Vec<f64> = passes.iter().map(|seconds| seconds * 1e3).collect();
    let windows: Vec<f64> = passes
        .iter()
        .map(|seconds| CONTAINERS as f64 / seconds)
        .collect();
    println!(
        "{}",
        serde_json::json!({
            "core_events_per_second": events,
            "core_windows_per_second": windows,
            "core_pass_250_containers_ms": milliseconds,
            "core_container_bytes": [bytes],
        })
    );
}

/// What the kernel has charged this thread: other processes of the machine do not count.
fn cpu_seconds() -> f64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: a valid destination; every kernel has this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn settings() -> Settings {
    let mut config = Config::default();
    config.learning.min_duration = "5m".parse().unwrap();
    config.learning.min_requests = 100;
    Settings::from(&config)
}

fn time(since_boot_ns: u64) -> Time {
    Time {
        wall_ms: BOOT_MS.saturating_add_unsigned(since_boot_ns / 1_000_000),
        boot_ms: BOOT_MS,
    }
}

fn begin(engine: &mut MemoryEngine, number: u64) {
    let name = format!("server-{number}");
    let container = Container {
        cgroup: CgroupId(number),
        id: format!("{number:064x}"),
        runtime: Runtime::Docker,
        namespace: "docker".to_owned(),
        pod: name.clone(),
        pod_uid: String::new(),
        name: name.clone(),
        workload: name.clone(),
        workload_kind: "Container".to_owned(),
        image: "model".to_owned(),
        image_digest: format!("sha256:{number}"),
        labels: BTreeMap::new(),
        devices: Vec::new(),
        source: "docker".to_owned(),
        discovered_ms: BOOT_MS,
    };
    let key = Key {
        namespace: "docker".to_owned(),
        workload: name.clone(),
        container: name,
        image_digest: format!("sha256:{number}"),
    };
    engine.take(Input::Time(time(0)));
    engine.take(Input::Watch(Box::new(Watch {
        container: Arc::new(container),
        key,
        birth: Birth::Seen(Moment(0)),
        lossy: false,
    })));
    let event = |pid: u32, action: Action| Input::Event(event(number, 1, pid, action));
    engine.take(event(100, exec("/usr/bin/python3.11", 1, true)));
    let local = "0.0.0.0:8000".parse().unwrap();
    engine.take(event(100, Action::Listen { local }));
    for worker in 101..105 {
        engine.take(event(100, Action::Fork { child: worker }));
    }
}

/// One window of every container, with what it does in it.
fn pass(engine: &mut MemoryEngine, number: u64) {
    let at = number * WINDOW;
    engine.take(Input::Time(time(at)));
    for container in 1..=CONTAINERS {
        for place in 0..100 {
            engine.take(Input::Event(event(
                container,
                at - 1,
                worker(place),
                deed(place),
            )));
        }
        engine.take(window(container, number));
    }
}

fn worker(place: usize) -> u32 {
    100 + u32::try_from(place % 5).unwrap()
}

/// Events that every baseline knows, of all containers in turn.
fn known_events(at: u64) -> Vec<Input> {
    let containers = (1..=CONTAINERS).cycle();
    let deeds = (0..100).cycle();
    let both = containers.zip(deeds).take(EVENTS);
    both.map(|(container, place)| Input::Event(event(container, at, worker(place), deed(place))))
        .collect()
}

/// What a server does again and again: mostly it opens files.
fn deed(place: usize) -> Action {
    match place % 10 {
        0 | 1 => Action::Connect {
            protocol: Protocol::Tcp,
            peer: ([10, 0, 0, u8::try_from(place % 20).unwrap()], 5432).into(),
        },
        2 => Action::Open {
            path: "/var/log/server.log".to_owned(),
            access: Access::Write,
            truncated: false,
            flags: 0,
            place: Place::default(),
            file: FileId::default(),
        },
        3 => Action::OpenFailed {
            path: format!("/etc/missing-{}.conf", place % 30),
            errno: 2,
            access: Access::Read,
        },
        _ => Action::Open {
            path: format!(
                "/usr/lib/python3.11/site-packages/server/part_{}.py",
                place % 60
            ),
            access: Access::Read,
            truncated: false,
            flags: 0,
            place: Place::default(),
            file: FileId::default(),
        },
    }
}

fn exec(path: &str, parent: u32, parent_outside: bool) -> Action {
    let argv = ["python3", "-m", "uvicorn", "app:app", "--host", "0.0.0.0"];
    Action::Exec(Exec {
        filename: path.to_owned(),
        interpreter: path.to_owned(),
        argv: argv.map(str::to_owned).to_vec(),
        parent,
        parent_outside,
        cwd: "/srv".to_owned(),
        ..Exec::default()
    })
}

fn event(container: u64, at: u64, pid: u32, action: Action) -> Event {
    Event {
        at: Moment(at),
        cgroup: CgroupId(container),
        pid,
        comm: "uvicorn".to_owned(),
        action,
    }
}

fn window(container: u64, number: u64) -> Input {
    // Ordinary variation, the same in every run.
    let wobble = |step: u64| (container * 31 + number * step) % 17;
    let calls = (0..60).map(|call| CallCount {
        call,
        calls: 1000 + wobble(u64::from(call) + 3) * 10,
        errors: wobble(5),
    });
    let peers = (0..20_u8).map(|peer| PeerTraffic {
        served: false,
        protocol: Protocol::Tcp,
        peer: ([10, 0, 0, peer], 5432).into(),
        rx_bytes: 4000 + wobble(7) * 100,
        tx_bytes: 2000 + wobble(11) * 50,
        rx_packets: 10,
        tx_packets: 10,
    });
    let counters = Counters {
        calls: calls.collect(),
        peers: peers.collect(),
        rx_bytes: 100_000 + wobble(13) * 1000,
        tx_bytes: 400_000 + wobble(2) * 3000,
        rx_packets: 300,
        tx_packets: 300,
        accepted: 10,
        requests: 100 + wobble(9),
        connects: 20,
        ..Counters::default()
    };
    Input::Window {
        cgroup: CgroupId(container),
        window: Box::new(Window {
            end: Moment(number * WINDOW),
            length_ns: WINDOW,
            counters,
        }),
    }
}
