//! What a process uses.

use std::fs;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::supervise::Interrupt;

/// How often a pause looks at whether the user wants to end.
const NAP: Duration = Duration::from_millis(100);

/// CPU time of all threads of a process, those that have ended included, in seconds.
///
/// # Errors
/// When there is no such process.
pub fn cpu_seconds(pid: u32) -> Result<f64> {
    clock(pid).with_context(|| format!("cannot read the CPU time of process {pid}"))
}

fn clock(pid: u32) -> io::Result<f64> {
    let pid = i32::try_from(pid).map_err(io::Error::other)?;
    let mut clock = 0;
    // SAFETY: it writes one clock id.
    let error = unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) };
    if error != 0 {
        return Err(io::Error::from_raw_os_error(error));
    }
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: it writes one time.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
}

/// Resident memory of a process.
///
/// # Errors
/// When there is no such process.
pub fn resident_bytes(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    resident(&status).with_context(|| format!("{path} has no VmRSS"))
}

fn resident(status: &str) -> Option<u64> {
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"))?;
    kilobytes.parse::<u64>().ok()?.checked_mul(1024)
}

/// What a process used in some samples, one after another.
#[derive(Debug, Default)]
pub struct Use {
    /// CPU time, in percent of one core.
    pub cpu_percent: Vec<f64>,
    /// Resident memory at the end of each sample.
    pub resident_bytes: Vec<f64>,
}

impl Use {
    /// Takes the samples.
    ///
    /// # Errors
    /// When the process ends, or the user wants to.
    pub fn sample(pid: u32, samples: u32, length: Duration, interrupt: &Interrupt) -> Result<Self> {
        let mut used = Self::default();
        for _ in 0..samples {
            let (start, before) = (Instant::now(), cpu_seconds(pid)?);
            pause(length, interrupt)?;
            let cpu = cpu_seconds(pid)? - before;
            used.cpu_percent
                .push(100.0 * cpu / start.elapsed().as_secs_f64());
            used.resident_bytes.push(resident_bytes(pid)? as f64);
        }
        Ok(used)
    }
}

/// Lets time pass.
///
/// # Errors
/// When the user wants to end.
pub fn pause(length: Duration, interrupt: &Interrupt) -> Result<()> {
    let end = Instant::now() + length;
    while Instant::now() < end {
        interrupt.check()?;
        thread::sleep(NAP);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_busy_process_uses_cpu_time_and_memory() {
        let own = std::process::id();
        let before = cpu_seconds(own).unwrap();
        while cpu_seconds(own).unwrap() < before + 0.001 {}
        assert!(resident_bytes(own).unwrap() > 65_536);
        assert!(cpu_seconds(u32::MAX).is_err());
    }

    #[test]
    fn reads_resident_memory() {
        let status = "Name:\tpicket\nVmHWM:\t   40000 kB\nVmRSS:\t   20480 kB\nRssAnon:\t 1 kB\n";
        assert_eq!(resident(status), Some(20 << 20));
        assert_eq!(resident("Name:\tkthreadd\n"), None);
    }
}
