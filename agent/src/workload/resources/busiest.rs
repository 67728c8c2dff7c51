//! Which processes of a container use its CPU time.

use std::collections::BTreeMap;
use std::fs::File;

use procfs::FromRead as _;
use procfs::process::Stat;

use crate::observe::event::Moment;
use crate::observe::resources::ProcessCpu;
use crate::workload::processes::started;

/// Processes looked at, at most. A model server has some tens.
const MOST_PROCESSES: usize = 256;

/// Processes named.
const NAMED: usize = 5;

/// From which part of the time on a container's CPU time is worth the question who used it.
const NOTABLE_PART: u64 = 100;

/// The CPU times of a container's processes as they were last read.
///
/// They are read only once the container has used a notable part (a hundredth) of a window since then. What is named so
/// covers at most that much more than the window.
#[derive(Debug)]
pub(super) struct Busiest {
    /// Start and CPU time of each process, in clock ticks.
    last: BTreeMap<u32, (u64, u64)>,
    read: Moment,
    used_since: u64,
}

impl Busiest {
    pub(super) fn since(from: Moment) -> Self {
        Self {
            last: BTreeMap::new(),
            read: from,
            used_since: 0,
        }
    }

    /// Whether the container has used enough of this window, in which it used `cpu_ns`, or in those since the last
    /// reading.
    pub(super) fn is_worth_reading(&mut self, cpu_ns: Option<u64>, length_ns: u64) -> bool {
        let Some(cpu_ns) = cpu_ns else {
            return true;
        };
        self.used_since = self.used_since.saturating_add(cpu_ns);
        self.used_since >= length_ns / NOTABLE_PART
    }

    /// The processes among `pids` that used most since the last reading, and whether not all were looked at.
    pub(super) fn read(&mut self, pids: &[u32], at: Moment) -> (Vec<ProcessCpu>, bool) {
        let stats = pids
            .iter()
            .take(MOST_PROCESSES)
            .filter_map(|pid| Some((*pid, stat(*pid)?)));
        let named = self.take(stats, at);
        (named, pids.len() > MOST_PROCESSES)
    }

    fn take(&mut self, stats: impl Iterator<Item = (u32, Stat)>, at: Moment) -> Vec<ProcessCpu> {
        let per_second = procfs::ticks_per_second().max(1);
        let mut times = BTreeMap::new();
        let mut used = Vec::new();
        for (pid, stat) in stats {
            let ticks = stat.utime.saturating_add(stat.stime);
            times.insert(pid, (stat.starttime, ticks));
            let before = match self.last.get(&pid) {
                Some((start, before)) if *start == stat.starttime => *before,
                _ if is_younger(stat.starttime, self.read, per_second) => 0,
                // Nobody knows how much of its time was before the last reading.
                _ => continue,
            };
            let ticks = ticks.saturating_sub(before);
            if ticks > 0 {
                used.push(ProcessCpu {
                    pid,
                    name: stat.comm,
                    cpu_ns: ticks.saturating_mul(1_000_000_000 / per_second),
                });
            }
        }
        (self.last, self.read, self.used_since) = (times, at, 0);
        used.sort_by(|one, other| (other.cpu_ns, one.pid).cmp(&(one.cpu_ns, other.pid)));
        used.truncate(NAMED);
        used
    }
}

/// Whether a process began after a moment. Start times are cut to the tick.
fn is_younger(start: u64, than: Moment, per_second: u64) -> bool {
    started(start.saturating_add(1), per_second) > than
}

/// The processes may be gone by now.
fn stat(pid: u32) -> Option<Stat> {
    Stat::from_read(File::open(format!("/proc/{pid}/stat")).ok()?).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// A process that has used so many seconds so far.
    fn process(pid: u32, start: u64, seconds: u64) -> (u32, Stat) {
        let per_second = procfs::ticks_per_second();
        let line = format!(
            "{pid} (worker) R 1 1 1 0 -1 0 0 0 0 0 {} 0 0 0 20 0 1 0 {} 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0",
            seconds * per_second,
            start * per_second
        );
        (pid, Stat::from_read(line.as_bytes()).unwrap())
    }

    fn named(busiest: &mut Busiest, at: u64, stats: Vec<(u32, Stat)>) -> Vec<(u32, u64)> {
        let processes = busiest.take(stats.into_iter(), Moment(at * SECOND));
        let times = processes.iter();
        times.map(|it| (it.pid, it.cpu_ns / SECOND)).collect()
    }

    #[test]
    fn time_counts_from_the_last_reading_on() {
        let mut busiest = Busiest::since(Moment(100 * SECOND));
        // The first is older than the watch, the second younger.
        let first = vec![process(1, 50, 40), process(2, 101, 3)];
        assert_eq!(named(&mut busiest, 110, first), [(2, 3)]);
        let second = vec![process(1, 50, 45), process(2, 101, 4)];
        assert_eq!(named(&mut busiest, 120, second), [(1, 5), (2, 1)]);
        // The same pid, another process; and one that has used nothing.
        let third = vec![process(1, 121, 2), process(2, 101, 4)];
        assert_eq!(named(&mut busiest, 130, third), [(1, 2)]);
    }

    #[test]
    fn the_five_busiest_are_named() {
        let mut busiest = Busiest::since(Moment(0));
        let all = (1..=8).map(|pid| process(pid, 1, u64::from(pid) % 7));
        assert_eq!(
            named(&mut busiest, 10, all.collect()),
            [(6, 6), (5, 5), (4, 4), (3, 3), (2, 2)]
        );
    }

    #[test]
    fn idle_containers_are_not_asked() {
        let mut busiest = Busiest::since(Moment(0));
        let window = 5 * SECOND;
        assert!(!busiest.is_worth_reading(Some(0), window));
        assert!(!busiest.is_worth_reading(Some(window / 150), window));
        // Together with what was used before.
        assert!(busiest.is_worth_reading(Some(window / 150), window));
        busiest.take(std::iter::empty(), Moment(1));
        assert!(!busiest.is_worth_reading(Some(window / 150), window));
        assert!(busiest.is_worth_reading(None, window));
    }

    #[test]
    fn real_processes_are_found_and_too_many_are_said() {
        let mut busiest = Busiest::since(Moment(0));
        let own = std::process::id();
        let (_, cut) = busiest.read(&[own, u32::MAX], Moment(1));
        assert!(!cut && busiest.last.contains_key(&own));
        let many: Vec<u32> = (0..300).map(|_| own).collect();
        assert!(busiest.read(&many, Moment(2)).1);
    }
}
