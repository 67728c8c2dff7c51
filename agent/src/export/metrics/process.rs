//! The agent's own `process_*` metrics.
//!
//! The `prometheus` crate's collector counts CPU time in whole seconds, too coarse for an agent that uses a few
//! milliseconds each second; this one keeps the kernel's clock ticks.

use procfs::WithCurrentSystemInfo;
use procfs::process::{LimitValue, Process};
use prometheus::proto::MetricFamily;

use super::families::{Kind, single};
use super::names;

/// Reads `/proc/self`.
pub(super) struct OwnProcess {
    /// Computed once: the boot time that it rests on moves with the wall clock, and a moving start time would look
    /// like restarts.
    start_seconds: Option<f64>,
}

impl OwnProcess {
    pub fn new() -> Self {
        let start_seconds = || {
            let stat = Process::myself().ok()?.stat().ok()?;
            let boot = procfs::boot_time_secs().ok()?;
            Some(boot as f64 + stat.starttime as f64 / procfs::ticks_per_second() as f64)
        };
        Self {
            start_seconds: start_seconds(),
        }
    }

    /// The families whose values can be read now.
    pub fn families(&self) -> Vec<MetricFamily> {
        let mut families = Vec::new();
        let mut gauge = |family, value: f64| families.push(single(&family, Kind::Gauge, value));
        if let Some(start) = self.start_seconds {
            gauge(names::START_TIME, start);
        }
        let Ok(process) = Process::myself() else {
            return families;
        };
        if let Ok(count) = process.fd_count() {
            gauge(names::OPEN_FDS, count as f64);
        }
        if let Ok(limits) = process.limits()
            && let LimitValue::Value(limit) = limits.max_open_files.soft_limit
        {
            gauge(names::MAX_FDS, limit as f64);
        }
        if let Ok(stat) = process.stat() {
            gauge(names::VIRTUAL_MEMORY, stat.vsize as f64);
            gauge(names::RESIDENT_MEMORY, stat.rss_bytes().get() as f64);
            gauge(names::THREADS, stat.num_threads as f64);
            let seconds = (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64;
            families.push(single(&names::CPU, Kind::Counter, seconds));
        }
        families
    }
}
