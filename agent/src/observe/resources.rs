//! What a container used of the machine: readings of counters that grow, and what lies between two of them.

use serde::{Deserialize, Serialize};

/// The state of a container's resource counters at one moment. `None` is what the host does not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// CPU time used so far, in nanoseconds.
    pub cpu_ns: Option<u64>,
    /// Of it, in user mode.
    pub cpu_user_ns: Option<u64>,
    /// Of it, in the kernel.
    pub cpu_system_ns: Option<u64>,
    /// Time in which the CPU limit held it back, in nanoseconds.
    pub throttled_ns: Option<u64>,
    /// Memory charged to it now, in bytes.
    pub memory_bytes: Option<u64>,
    /// The most that was ever charged, in bytes.
    pub memory_peak_bytes: Option<u64>,
    /// Anonymous memory now, in bytes.
    pub memory_anon_bytes: Option<u64>,
    /// Memory of files, shared memory included, in bytes.
    pub memory_file_bytes: Option<u64>,
    /// Page faults so far, major ones included.
    pub faults: Option<u64>,
    /// Page faults so far that had to wait for a disk.
    pub major_faults: Option<u64>,
    /// Bytes read from disks so far.
    pub io_read_bytes: Option<u64>,
    /// Bytes written to disks so far.
    pub io_written_bytes: Option<u64>,
    /// Processes and threads now.
    pub tasks: Option<u64>,
    /// Time in which something of it waited for a CPU, in nanoseconds.
    pub cpu_stalled_ns: Option<u64>,
    /// Time in which something of it waited for memory, in nanoseconds.
    pub memory_stalled_ns: Option<u64>,
    /// Time in which something of it waited for a disk, in nanoseconds.
    pub io_stalled_ns: Option<u64>,
    /// Processes killed so far because memory ran out.
    pub oom_kills: Option<u64>,
}

/// What a container used in one window. Amounts are of the window alone; memory and tasks are as of its end. `None` is
/// what the host does not tell, or what was not read at both ends of the window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// CPU time, in nanoseconds.
    pub cpu_ns: Option<u64>,
    /// Of it, in user mode.
    pub cpu_user_ns: Option<u64>,
    /// Of it, in the kernel.
    pub cpu_system_ns: Option<u64>,
    /// Time in which the CPU limit held it back, in nanoseconds.
    pub throttled_ns: Option<u64>,
    /// Memory charged at the end, in bytes.
    pub memory_bytes: Option<u64>,
    /// The most that was ever charged, in bytes.
    pub memory_peak_bytes: Option<u64>,
    /// Anonymous memory at the end, in bytes.
    pub memory_anon_bytes: Option<u64>,
    /// Memory of files at the end, shared memory included, in bytes.
    pub memory_file_bytes: Option<u64>,
    /// Page faults that found their page in memory.
    pub minor_faults: Option<u64>,
    /// Page faults that had to wait for a disk.
    pub major_faults: Option<u64>,
    /// Bytes read from disks.
    pub io_read_bytes: Option<u64>,
    /// Bytes written to disks.
    pub io_written_bytes: Option<u64>,
    /// Processes and threads at the end.
    pub tasks: Option<u64>,
    /// Time in which something of it waited for a CPU, in nanoseconds.
    pub cpu_stalled_ns: Option<u64>,
    /// Time in which something of it waited for memory, in nanoseconds.
    pub memory_stalled_ns: Option<u64>,
    /// Time in which something of it waited for a disk, in nanoseconds.
    pub io_stalled_ns: Option<u64>,
    /// Processes killed because memory ran out.
    pub oom_kills: Option<u64>,
    /// The processes that used most CPU time, the busiest first.
    pub busiest: Vec<ProcessCpu>,
    /// There were more processes than are looked at, so that a busy one may be missing in `busiest`.
    pub processes_cut: bool,
}

/// CPU time of one process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessCpu {
    /// Host pid.
    pub pid: u32,
    /// Name of its main thread.
    pub name: String,
    /// CPU time of all its threads, in nanoseconds.
    pub cpu_ns: u64,
}

impl Reading {
    /// What was used between an earlier reading and this one. A counter that has gone backwards was started anew, and
    /// says nothing.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Resources {
        let used = |count: fn(&Self) -> Option<u64>| count(self)?.checked_sub(count(earlier)?);
        let major_faults = used(|it| it.major_faults);
        Resources {
            cpu_ns: used(|it| it.cpu_ns),
            cpu_user_ns: used(|it| it.cpu_user_ns),
            cpu_system_ns: used(|it| it.cpu_system_ns),
            throttled_ns: used(|it| it.throttled_ns),
            memory_bytes: self.memory_bytes,
            memory_peak_bytes: self.memory_peak_bytes,
            memory_anon_bytes: self.memory_anon_bytes,
            memory_file_bytes: self.memory_file_bytes,
            minor_faults: used(|it| it.faults)
                .zip(major_faults)
                .and_then(|(all, major)| all.checked_sub(major)),
            major_faults,
            io_read_bytes: used(|it| it.io_read_bytes),
            io_written_bytes: used(|it| it.io_written_bytes),
            tasks: self.tasks,
            cpu_stalled_ns: used(|it| it.cpu_stalled_ns),
            memory_stalled_ns: used(|it| it.memory_stalled_ns),
            io_stalled_ns: used(|it| it.io_stalled_ns),
            oom_kills: used(|it| it.oom_kills),
            busiest: Vec::new(),
            processes_cut: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_grows_is_a_difference_and_what_stands_is_taken_as_it_is() {
        let before = Reading {
            cpu_ns: Some(5),
            memory_bytes: Some(100),
            faults: Some(10),
            major_faults: Some(1),
            oom_kills: Some(0),
            ..Reading::default()
        };
        let after = Reading {
            cpu_ns: Some(12),
            memory_bytes: Some(40),
            faults: Some(20),
            major_faults: Some(3),
            oom_kills: Some(1),
            tasks: Some(2),
            ..Reading::default()
        };
        let expected = Resources {
            cpu_ns: Some(7),
            memory_bytes: Some(40),
            minor_faults: Some(8),
            major_faults: Some(2),
            oom_kills: Some(1),
            tasks: Some(2),
            ..Resources::default()
        };
        assert_eq!(after.since(&before), expected);
    }

    #[test]
    fn a_counter_that_began_anew_says_nothing() {
        let reading = |cpu_ns| Reading {
            cpu_ns,
            io_read_bytes: Some(1),
            ..Reading::default()
        };
        let resources = reading(Some(3)).since(&reading(Some(4)));
        assert_eq!(resources.cpu_ns, None);
        assert_eq!(resources.io_read_bytes, Some(0));
        assert_eq!(reading(Some(3)).since(&reading(None)).cpu_ns, None);
        assert_eq!(reading(None).since(&reading(Some(3))).cpu_ns, None);
    }

    proptest! {
        #[test]
        fn no_two_readings_overflow(before: [u64; 3], after: [u64; 3]) {
            let reading = |[cpu, faults, major]: [u64; 3]| Reading {
                cpu_ns: Some(cpu),
                faults: Some(faults),
                major_faults: Some(major),
                ..Reading::default()
            };
            let resources = reading(after).since(&reading(before));
            prop_assert_eq!(resources.cpu_ns.is_some(), after[0] >= before[0]);
            prop_assert!(resources.minor_faults.is_none_or(|minor| minor <= after[1]));
        }
    }
}
