//! Who runs on which CPU.

use anyhow::{Context, Result};
use rustix::thread::CpuSet;

/// The CPUs of this process in two parts: the last one for what is timed, the others for what drives it. On a machine
/// with one CPU both are the same.
pub struct Split {
    /// What is timed runs here; the first CPU often serves the devices.
    pub last: usize,
    others: CpuSet,
}

impl Split {
    /// Divides the CPUs that this process may use.
    ///
    /// # Errors
    /// When the kernel does not tell them.
    pub fn of_this_process() -> Result<Self> {
        let allowed = rustix::thread::sched_getaffinity(None).context("cannot ask for the CPUs")?;
        let last = (0..CpuSet::MAX_CPU)
            .rev()
            .find(|cpu| allowed.is_set(*cpu))
            .context("no CPU is allowed")?;
        let mut others = allowed;
        if allowed.count() > 1 {
            others.unset(last);
        }
        Ok(Self { last, others })
    }

    /// Keeps this thread on the last CPU.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn stay_on_the_last(&self) -> Result<()> {
        let mut chosen = CpuSet::new();
        chosen.set(self.last);
        stay_on(&chosen)
    }

    /// Keeps this thread on the others.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn stay_on_the_others(&self) -> Result<()> {
        stay_on(&self.others)
    }
}

fn stay_on(cpus: &CpuSet) -> Result<()> {
    rustix::thread::sched_setaffinity(None, cpus)
        .with_context(|| format!("cannot stay on the CPUs {cpus:?}"))
}
