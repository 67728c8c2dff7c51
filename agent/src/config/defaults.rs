//! Every default value.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::{
    Budget, Config, FindingsLog, Granularity, Kubernetes, Learning, Level, Log, Metrics,
    NeverLearn, Period, Syscalls,
};
use crate::workload::recognition;

/// Accelerators of every maker whose nodes have names of their own.
const DEVICES: [&str; 7] = [
    "/dev/nvidia*",
    "/dev/nvidia-caps/*",
    "/dev/dri/*",
    "/dev/kfd",
    "/dev/accel*",
    "/dev/davinci*",
    "/dev/neuron*",
];

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9477)),
            state_dir: PathBuf::from("/var/lib/picket"),
            socket: PathBuf::from("/run/picket/picket.sock"),
            window: Period::from_secs(5),
            max_containers: 128,
            pin: true,
            pin_dir: PathBuf::from("/sys/fs/bpf/picket"),
            syscalls: Syscalls::All,
            sequences: true,
            watch: recognition::builtin(),
            learning: Learning::default(),
            budget: Budget::default(),
            allow: Vec::new(),
            devices: DEVICES.map(str::to_owned).to_vec(),
            never_learn: NeverLearn::Builtin,
            metrics: Metrics::default(),
            log: Log::default(),
            docker_socket: PathBuf::from("/var/run/docker.sock"),
            cri_sockets: Vec::new(),
            runtime_dirs: Vec::new(),
            kubernetes: Kubernetes::default(),
        }
    }
}

impl Default for Kubernetes {
    fn default() -> Self {
        Self {
            api: true,
            node: String::new(),
        }
    }
}

impl Default for Learning {
    fn default() -> Self {
        Self {
            min_duration: Period::from_secs(3_600),
            min_requests: 1_000,
        }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            findings_per_container_month: 1.0,
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            max_series: 5_000,
            granularity: Granularity::Container,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            findings: FindingsLog::Stdout,
            level: Level::Info,
        }
    }
}
