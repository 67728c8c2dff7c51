//! Sightings and workloads for tests.

use super::{Detector, Settings};
use crate::baseline::key::Key;
use crate::baseline::learning::{LearningSettings, State};
use crate::baseline::model::Baseline;
use crate::detect::allow::Allow;
use crate::detect::never_learn::NeverLearn;
use crate::detect::outcome::Outcome;
use crate::detect::rates::noise::Noise;
use crate::observe::activity::Activity;
use crate::observe::event::{CgroupId, Moment};
use crate::observe::fact::{Fact, Family, Marks, Origin, Phase, ProcessInfo, Sighting};
use crate::observe::window::WindowReport;

/// A sighting to be adorned.
#[derive(Clone, Debug)]
pub(in crate::detect) struct Sight(pub(in crate::detect) Sighting);

/// A sighting by the server in the serve phase; the raw value is the fact's.
pub(in crate::detect) fn sight(family: Family, value: &str) -> Sight {
    Sight(Sighting {
        at: Moment(1),
        phase: Phase::Serve,
        fact: Fact {
            family,
            origin: Origin::Server,
            value: value.to_owned(),
        },
        raw: value.to_owned(),
        process: ProcessInfo {
            pid: 42,
            exe: "/usr/bin/python3.11".to_owned(),
            comm: "uvicorn".to_owned(),
            ..ProcessInfo::default()
        },
        ancestry: Vec::new(),
        marks: Marks::default(),
    })
}

impl Sight {
    pub(in crate::detect) fn mark(mut self, set: impl FnOnce(&mut Marks)) -> Self {
        set(&mut self.0.marks);
        self
    }

    pub(in crate::detect) fn by_runtime(mut self) -> Self {
        self.0.fact.origin = Origin::Runtime;
        self
    }

    pub(in crate::detect) fn in_phase(mut self, phase: Phase) -> Self {
        self.0.phase = phase;
        self
    }
}

const NAMES: &[&str] = &[
    "tx_per_rx",
    "cpu_per_request",
    "opens_per_request",
    "errors",
];

pub(super) fn settings() -> Settings {
    Settings {
        learning: LearningSettings {
            min_duration_s: 60,
            min_requests: 50,
        },
        findings_per_month: 1.0,
        never_learn: NeverLearn::Builtin,
        allow: Allow::default(),
        feature_names: NAMES,
        is_common_syscall: |name| name == "futex",
    }
}

/// One container of one workload under detection, with windows of 5 s.
pub(super) struct Bench {
    pub(super) detector: Detector,
    pub(super) baseline: Baseline,
    noise: Noise,
    windows: u64,
    pub(super) now_s: i64,
}

pub(super) const CONTAINER: CgroupId = CgroupId(7);

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(settings())
    }

    pub(super) fn with(settings: Settings) -> Self {
        let key = Key {
            namespace: "docker".into(),
            workload: "iris".into(),
            container: "iris".into(),
            image_digest: "sha256:00".into(),
        };
        Self {
            detector: Detector::new(settings),
            baseline: Baseline::new(key, 0),
            noise: Noise::new(1),
            windows: 0,
            now_s: 1_700_000_000,
        }
    }

    pub(super) fn see(&mut self, sight: Sight) -> Outcome {
        self.see_in(CONTAINER, sight)
    }

    pub(super) fn see_in(&mut self, cgroup: CgroupId, sight: Sight) -> Outcome {
        let replica = cgroup.0.to_string();
        self.detector
            .sighting(&mut self.baseline, cgroup, &replica, &sight.0, self.now_s)
    }

    /// One window of ordinary proportions, `load` times the ordinary requests, changed by `shift` nats.
    pub(super) fn window(&mut self, load: u64, shift: [f64; 4]) -> Vec<Outcome> {
        self.window_with(load, shift, |_| ())
    }

    /// The same, with what else the window tells.
    pub(super) fn window_with(
        &mut self,
        load: u64,
        shift: [f64; 4],
        tell: impl FnOnce(&mut WindowReport),
    ) -> Vec<Outcome> {
        self.windows += 1;
        self.now_s += 5;
        let mut features = shift.map(|s| 1.0 + s + 0.2 * self.noise.next()).to_vec();
        // The logarithm of the requests.
        features.push(3.0);
        let mut report = WindowReport {
            end: Moment(self.windows * 5_000_000_000),
            length_ns: 5_000_000_000,
            phase: Some(Phase::Serve),
            sightings: Vec::new(),
            features: Some(features),
            calls: None,
            requests: 10 * load,
            activity: Activity::default(),
            lost_events: 0,
            lost_to_quota: 0,
        };
        tell(&mut report);
        self.detector
            .window(&mut self.baseline, CONTAINER, "7", &report, self.now_s)
    }

    pub(super) fn quiet(&mut self, windows: usize) {
        for _ in 0..windows {
            assert_eq!(self.window(1, [0.0; 4]), Vec::new());
        }
    }

    /// What the workload does day in, day out.
    pub(super) fn routine() -> Vec<Sight> {
        vec![
            sight(Family::Executable, "/usr/bin/uname <- /usr/bin/python3.11"),
            sight(Family::FileRead, "/models/iris.onnx").mark(|m| m.model_file = true),
            sight(Family::FileRead, "/usr/lib/**"),
            sight(Family::FileWrite, "/var/log/app.log"),
            sight(Family::Endpoint, "tcp 10.0.0.7:443"),
            sight(Family::Listener, "tcp *:8000"),
            sight(Family::Syscall, "getrandom"),
            sight(Family::Syscall, "futex"),
        ]
    }

    pub(super) fn learned() -> Self {
        let mut bench = Self::new();
        for sight in Self::routine() {
            assert_eq!(bench.see(sight).finding, None);
        }
        bench.quiet(40);
        assert_eq!(bench.baseline.state(), State::Active);
        bench
    }
}
