//! How fast the core is on one processor, and how much memory a container takes: `cargo xtask bench core` runs this and
//! shows what it prints, one JSON object with the values of each round.
//!
//! 250 containers, each with a baseline of its own, have learned files, peers and 60 system calls, and go on with them:
//! repeated events of known facts are what the core sees most of, as the kernel reports everything anew in each epoch.
//! They come from all containers in turn, which is hard on the processor's caches. Every baseline judges, and every
//! layer that compares windows has its model.
#![allow(clippy::unwrap_used, reason = "a benchmark that fails says where")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use picket::baseline::key::Key;
use picket::baseline::learning::State;
use picket::baseline::model::Baseline;
use picket::config::Config;
use picket::engine::{Birth, Engine, Input, Settings, Time, Watch};
use picket::observe::event::{
    Access, Action, CgroupId, Event, Exec, FileId, Moment, Place, Protocol,
};
use picket::observe::window::{CallCount, Counters, PeerTraffic, Window};
use picket::workload::container::{Container, Role, Runtime};

const CONTAINERS: u64 = 250;
const SECOND: u64 = 1_000_000_000;
const WINDOW: u64 = 5 * SECOND;
const BOOT_MS: i64 = 1_700_000_000_000;
/// Windows of ordinary life before anything is measured: the rates have models by then.
const LEARNED: u64 = 150;
const ROUNDS: u64 = 15;
/// Events in a round.
const EVENTS: usize = 500_000;
/// Different things that a container does.
const DEEDS: usize = 100;
/// Where events bring news, one in so many does.
const NEWS: usize = 100;

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
    assert_judging(&engine);
    let mut passes = Vec::new();
    let mut events = Vec::new();
    let mut with_news = Vec::new();
    for round in 0..ROUNDS {
        let number = LEARNED + 1 + round;
        let windows: Vec<Input> = (1..=CONTAINERS).map(|it| window(it, number)).collect();
        engine.take(Input::Time(time(number * WINDOW)));
        let start = cpu_seconds();
        for window in windows {
            black_box(engine.take(window));
        }
        passes.push(cpu_seconds() - start);
        let at = number * WINDOW + 1;
        events.push(per_second(&mut engine, known_events(at)));
        let mut some_new = known_events(at);
        for (place, event) in some_new.iter_mut().enumerate().step_by(NEWS) {
            event.action = new_file(place + EVENTS * usize::try_from(round).unwrap());
        }
        with_news.push(per_second(&mut engine, some_new));
    }
    assert_judging(&engine);
    let milliseconds: Vec<f64> = passes.iter().map(|seconds| seconds * 1e3).collect();
    let windows: Vec<f64> = passes
        .iter()
        .map(|seconds| CONTAINERS as f64 / seconds)
        .collect();
    println!(
        "{}",
        serde_json::json!({
            "core_events_per_second": events,
            "core_events_with_news_per_second": with_news,
            "core_windows_per_second": windows,
            "core_pass_250_containers_ms": milliseconds,
            "core_container_bytes": [bytes],
        })
    );
}

/// Takes events, and says how many a second of processor time.
fn per_second(engine: &mut MemoryEngine, events: Vec<Event>) -> f64 {
    let inputs: Vec<Input> = events.into_iter().map(Input::Event).collect();
    let number = inputs.len() as f64;
    let start = cpu_seconds();
    for event in inputs {
        black_box(engine.take(event));
    }
    number / (cpu_seconds() - start)
}

/// Figures of an engine that still learns would be those of another one.
fn assert_judging(engine: &MemoryEngine) {
    let active = |key: &Key| engine.baselines()[key].state() == State::Active;
    assert!(engine.watched().all(|(_, key)| active(key)));
    let has_rates = |number: u64| {
        let scores = engine.scores(CgroupId(number));
        scores.iter().any(|(model, _, _)| *model == "rates")
    };
    assert!((1..=CONTAINERS).all(has_rates), "no model of rates");
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
        role: Role::Unknown,
        serving_stack: String::new(),
        resources: Vec::new(),
        reported_digest: String::new(),
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
        for place in 0..DEEDS {
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

/// Events that every baseline knows, of all containers in turn. Each container does all its deeds, one after the other.
fn known_events(at: u64) -> Vec<Event> {
    let containers = usize::try_from(CONTAINERS).unwrap();
    (0..EVENTS)
        .map(|number| {
            let (turn, container) = (number / containers, number % containers);
            // 37 and 100 have no common divisor, so all places come up.
            let place = (turn * 37 + container) % DEEDS;
            let cgroup = 1 + u64::try_from(container).unwrap();
            event(cgroup, at, worker(place), deed(place))
        })
        .collect()
}

/// A file that was never read before, of a name that is compared as it is.
fn new_file(mut number: usize) -> Action {
    let mut name = String::new();
    for _ in 0..6 {
        name.push(char::from(b'a' + u8::try_from(number % 26).unwrap()));
        number /= 26;
    }
    open(format!("/srv/data/{name}"), Access::Read)
}

fn open(path: String, access: Access) -> Action {
    let inode = path.bytes().map(u64::from).sum();
    Action::Open {
        path,
        access,
        truncated: false,
        flags: 0,
        place: Place::default(),
        file: FileId { device: 1, inode },
    }
}

/// What a server does again and again: mostly it opens files.
fn deed(place: usize) -> Action {
    match place % 10 {
        0 | 1 => Action::Connect {
            protocol: Protocol::Tcp,
            peer: ([10, 0, 0, u8::try_from(place % 20).unwrap()], 5432).into(),
        },
        2 => open("/var/log/server.log".to_owned(), Access::Write),
        3 => Action::OpenFailed {
            path: format!("/etc/missing-{}.conf", place % 30),
            errno: 2,
            access: Access::Read,
        },
        4 => open(format!("/srv/app/template_{place}.html"), Access::Read),
        _ => open(
            format!(
                "/usr/lib/python3.11/site-packages/server/part_{}.py",
                place % 60
            ),
            Access::Read,
        ),
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
        comm: "uvicorn".into(),
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
