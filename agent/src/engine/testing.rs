//! A container's life for tests: it starts, loads, serves until it is learned, and is broken into.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Birth, Engine, Input, Reported, Settings, Time, Watch};
use crate::baseline::key::Key;
use crate::baseline::model::Baseline;
use crate::config::Config;
use crate::observe::event::{
    Access, Action, CgroupId, Event, Exec, FileId, Moment, Place, Protocol,
};
use crate::observe::window::{CallCount, Counters, Window};
use crate::workload::container::{Container, Role, Runtime};

/// Unix milliseconds of `Moment(0)`.
pub(crate) const BOOT_MS: i64 = 1_700_000_000_000;

const SECOND: u64 = 1_000_000_000;

pub(crate) type MemoryEngine = Engine<BTreeMap<Key, Baseline>>;

pub(crate) fn settings() -> Settings {
    let mut config = Config::default();
    config.learning.min_duration = "20s".parse().unwrap();
    config.learning.min_requests = 50;
    Settings::from(&config)
}

pub(crate) fn engine() -> MemoryEngine {
    Engine::new(&settings(), BOOT_MS, BTreeMap::new()).unwrap()
}

pub(crate) fn time(second: u64) -> Time {
    Time {
        wall_ms: BOOT_MS + i64::try_from(second * 1000).unwrap(),
        boot_ms: BOOT_MS,
    }
}

pub(crate) fn container(number: u64) -> Arc<Container> {
    Arc::new(Container {
        cgroup: CgroupId(number),
        id: format!("{number:064x}"),
        runtime: Runtime::Docker,
        namespace: "docker".to_owned(),
        pod: format!("server-{number}"),
        pod_uid: String::new(),
        name: format!("server-{number}"),
        workload: format!("server-{number}"),
        workload_kind: "Container".to_owned(),
        image: "model".to_owned(),
        image_digest: "sha256:1".to_owned(),
        labels: BTreeMap::new(),
        devices: Vec::new(),
        source: "docker".to_owned(),
        discovered_ms: BOOT_MS,
        role: Role::Unknown,
        serving_stack: String::new(),
        resources: Vec::new(),
        reported_digest: String::new(),
    })
}

pub(crate) fn key(workload: &str) -> Key {
    Key {
        namespace: "docker".to_owned(),
        workload: workload.to_owned(),
        container: workload.to_owned(),
        image_digest: "sha256:1".to_owned(),
    }
}

/// Seconds after its birth at which a container is broken into.
pub(crate) const BREAK_IN: u64 = 60;

/// The life of one container, born at this second: one that serves ten requests a second, and is broken into.
pub(crate) fn life(number: u64, workload: &str, born: u64) -> Vec<Input> {
    let at = |second: u64| Moment((born + second) * SECOND);
    let cgroup = CgroupId(number);
    let event = |second: u64, pid: u32, action: Action| {
        Input::Event(Event {
            at: at(second),
            cgroup,
            pid,
            comm: "python3".into(),
            action,
        })
    };
    let mut inputs = vec![
        Input::Time(time(born)),
        Input::Watch(Box::new(Watch {
            container: container(number),
            key: key(workload),
            birth: Birth::Seen(at(0)),
            lossy: false,
        })),
        event(
            0,
            100,
            exec("/usr/bin/python3.11", &["python3", "app.py"], 1, true),
        ),
        event(1, 100, open("/models/classifier.onnx", Access::Read)),
        event(
            2,
            100,
            Action::Listen {
                local: "0.0.0.0:8000".parse().unwrap(),
            },
        ),
    ];
    for second in 1..=BREAK_IN + 10 {
        inputs.push(Input::Time(time(born + second)));
        inputs.push(event(second, 100, open("/etc/resolv.conf", Access::Read)));
        if second == BREAK_IN {
            inputs.extend([
                event(second, 100, Action::Fork { child: 101 }),
                event(
                    second,
                    101,
                    exec("/bin/sh", &["sh", "-c", "id"], 100, false),
                ),
                event(second, 101, open("/models/classifier.onnx", Access::Write)),
                event(
                    second,
                    101,
                    Action::Connect {
                        protocol: Protocol::Tcp,
                        peer: "203.0.113.7:4444".parse().unwrap(),
                    },
                ),
            ]);
        }
        inputs.push(Input::Window {
            cgroup,
            window: Box::new(window(at(second), second)),
        });
    }
    inputs.push(Input::End { cgroup });
    inputs
}

pub(crate) fn window(end: Moment, number: u64) -> Window {
    let wobble = number * 7 % 5;
    Window {
        end,
        length_ns: SECOND,
        counters: Counters {
            calls: vec![CallCount {
                call: 0,
                calls: 1000 + wobble,
                errors: 0,
            }],
            rx_bytes: 10_000 + wobble * 10,
            tx_bytes: 50_000 + wobble * 30,
            rx_packets: 20,
            tx_packets: 20,
            accepted: 1,
            requests: 10,
            ..Counters::default()
        },
    }
}

pub(crate) fn exec(path: &str, argv: &[&str], parent: u32, parent_outside: bool) -> Action {
    Action::Exec(Exec {
        filename: path.to_owned(),
        interpreter: path.to_owned(),
        argv: argv.iter().map(|&argument| argument.to_owned()).collect(),
        parent,
        parent_outside,
        ..Exec::default()
    })
}

pub(crate) fn open(path: &str, access: Access) -> Action {
    Action::Open {
        path: path.to_owned(),
        access,
        truncated: false,
        flags: 0,
        place: Place::default(),
        file: FileId::default(),
    }
}

/// Feeds inputs and gathers the findings.
pub(crate) fn feed(engine: &mut MemoryEngine, inputs: &[Input]) -> Vec<Reported> {
    inputs
        .iter()
        .flat_map(|input| engine.take(input.clone()).findings)
        .collect()
}

/// Two lives in one stream, in the order of their times.
pub(crate) fn together(one: Vec<Input>, other: Vec<Input>) -> Vec<Input> {
    let mut timed: Vec<(i64, Input)> = Vec::new();
    for life in [one, other] {
        let mut now = 0;
        for input in life {
            if let Input::Time(time) = &input {
                now = time.wall_ms;
            }
            timed.push((now, input));
        }
    }
    timed.sort_by_key(|(now, _)| *now);
    timed.into_iter().map(|(_, input)| input).collect()
}
