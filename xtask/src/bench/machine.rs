//! The machine that figures were measured on.

use std::fs;
use std::thread;

use anyhow::{Context, Result};

use super::bpf::loaded_programs;

/// What figures depend on.
#[derive(Debug)]
pub struct Machine {
    /// The processor's name for itself.
    pub cpu: String,
    /// CPUs that may be used.
    pub cpus: usize,
    /// Kernel release.
    pub kernel: String,
    /// Day of the measurement.
    pub date: String,
    /// Mean number of processes that wanted a CPU in the minute before.
    pub load: String,
    /// eBPF programs that were there already.
    pub programs: usize,
}

/// Describes this machine, now.
///
/// # Errors
/// When the kernel does not tell.
pub fn describe() -> Result<Machine> {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").context("cannot read /proc/cpuinfo")?;
    let name = rustix::system::uname();
    let load = fs::read_to_string("/proc/loadavg").context("cannot read /proc/loadavg")?;
    let architecture = name.machine().to_string_lossy();
    Ok(Machine {
        cpu: format!(
            "{} ({architecture})",
            cpu_model(&cpuinfo).unwrap_or("unnamed")
        ),
        cpus: thread::available_parallelism()
            .context("cannot count the CPUs")?
            .get(),
        kernel: name.release().to_string_lossy().into_owned(),
        date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
        load: load.split(' ').next().unwrap_or_default().to_owned(),
        programs: loaded_programs()?.len(),
    })
}

/// Not every architecture names the model.
fn cpu_model(cpuinfo: &str) -> Option<&str> {
    cpuinfo.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_processors_name() {
        let cpuinfo = "processor\t: 0\nmodel\t\t: 1\nmodel name\t: AMD EPYC\n";
        assert_eq!(cpu_model(cpuinfo), Some("AMD EPYC"));
        assert_eq!(cpu_model("processor\t: 0\nBogoMIPS\t: 48.00\n"), None);
    }
}
