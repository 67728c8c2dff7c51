//! What a container uses of the machine, from its cgroup's files and its processes' times.
//!
//! On a host with both cgroup versions each figure comes from the version that has its controller; CPU time and pressure
//! come from version 2 wherever they are.

mod busiest;
pub mod files;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use self::busiest::Busiest;
use super::hierarchy::{Controller, Hierarchy};
use crate::observe::event::Moment;
use crate::observe::resources::{Reading, Resources};

/// Bytes of a file that are read; the longest, `memory.stat`, has some 3 KiB.
const LARGEST: usize = 16 << 10;

/// Windows in which the directories under version 1 controllers are looked for.
const MOST_LOOKS: u8 = 5;

/// Follows what one container uses.
#[derive(Debug)]
pub struct Account {
    path: String,
    /// Its directories under version 1 controllers, once they are known.
    legacy: BTreeMap<Controller, PathBuf>,
    looks: u8,
    last: Reading,
    busiest: Busiest,
}

impl Account {
    /// The container at this path of the version 2 hierarchy, watched from this moment on.
    #[must_use]
    pub fn open(path: &str, from: Moment) -> Self {
        Self {
            path: path.to_owned(),
            legacy: BTreeMap::new(),
            looks: 0,
            last: Reading::default(),
            busiest: Busiest::since(from),
        }
    }

    /// What was used since the last call, which was `length_ns` ago.
    pub fn window(&mut self, hierarchy: &Hierarchy, at: Moment, length_ns: u64) -> Resources {
        let now = self.read(hierarchy);
        let mut resources = now.since(&self.last);
        self.last = now;
        if self.busiest.is_worth_reading(resources.cpu_ns, length_ns) {
            let pids = hierarchy.processes(&self.path);
            (resources.busiest, resources.processes_cut) = self.busiest.read(&pids, at);
        }
        resources
    }

    fn read(&mut self, hierarchy: &Hierarchy) -> Reading {
        self.find_legacy(hierarchy);
        let unified = hierarchy.directory(&self.path);
        let mut files = Files::default();
        let mut reading = Reading::default();
        files.of(&unified, "cpu.stat", |it| files::cpu(it, &mut reading));
        for (name, stalled) in [
            ("cpu.pressure", &mut reading.cpu_stalled_ns),
            ("memory.pressure", &mut reading.memory_stalled_ns),
            ("io.pressure", &mut reading.io_stalled_ns),
        ] {
            files.of(&unified, name, |it| *stalled = files::stalled_ns(it));
        }
        if let Some(cpu) = self.legacy.get(&Controller::Cpu) {
            files.of(cpu, "cpu.stat", |it| {
                reading.throttled_ns = files::field(it, "throttled_time");
            });
        }
        let pids = self.legacy.get(&Controller::Pids).unwrap_or(&unified);
        files.of(pids, "pids.current", |it| reading.tasks = files::number(it));
        match self.legacy.get(&Controller::Memory) {
            Some(memory) => legacy_memory(&mut files, memory, &mut reading),
            None => memory(&mut files, &unified, &mut reading),
        }
        match self.legacy.get(&Controller::Io) {
            Some(io) => files.of(io, "blkio.throttle.io_service_bytes_recursive", |it| {
                files::legacy_io(it, &mut reading);
            }),
            None => files.of(&unified, "io.stat", |it| files::io(it, &mut reading)),
        }
        reading
    }

    /// A runtime makes a container's version 1 cgroups after the version 2 one, so that they may still be missing.
    fn find_legacy(&mut self, hierarchy: &Hierarchy) {
        if self.looks == MOST_LOOKS || self.legacy.len() == hierarchy.legacy().len() {
            return;
        }
        self.looks += 1;
        for (controller, mount) in hierarchy.legacy() {
            let same = mount.join(self.path.trim_start_matches('/'));
            if same.is_dir() {
                self.legacy.insert(*controller, same);
            }
        }
        if self.legacy.len() == hierarchy.legacy().len() {
            return;
        }
        // Where the paths differ between the hierarchies, a process of the container knows its own.
        let first = hierarchy.processes(&self.path).into_iter().next();
        let cgroups = first.and_then(|pid| fs::read_to_string(format!("/proc/{pid}/cgroup")).ok());
        for (controller, directory) in legacy_of(&cgroups.unwrap_or_default(), hierarchy) {
            self.legacy.entry(controller).or_insert(directory);
        }
    }
}

/// The directories under version 1 controllers of a process with this `/proc/<pid>/cgroup`. A controller's root is
/// everybody's, and says nothing of a container.
fn legacy_of(cgroups: &str, hierarchy: &Hierarchy) -> BTreeMap<Controller, PathBuf> {
    let directory = |(controller, mount): (&Controller, &PathBuf)| {
        let path = files::legacy_path(cgroups, controller.name())?;
        let below = path.trim_start_matches('/');
        (!below.is_empty()).then(|| (*controller, mount.join(below)))
    };
    hierarchy.legacy().iter().filter_map(directory).collect()
}

fn memory(files: &mut Files, directory: &Path, reading: &mut Reading) {
    files.of(directory, "memory.current", |it| {
        reading.memory_bytes = files::number(it);
    });
    files.of(directory, "memory.peak", |it| {
        reading.memory_peak_bytes = files::number(it);
    });
    files.of(directory, "memory.stat", |it| {
        reading.memory_anon_bytes = files::field(it, "anon");
        reading.memory_file_bytes = files::field(it, "file");
        reading.faults = files::field(it, "pgfault");
        reading.major_faults = files::field(it, "pgmajfault");
    });
    files.of(directory, "memory.events", |it| {
        reading.oom_kills = files::field(it, "oom_kill");
    });
}

fn legacy_memory(files: &mut Files, directory: &Path, reading: &mut Reading) {
    files.of(directory, "memory.usage_in_bytes", |it| {
        reading.memory_bytes = files::number(it);
    });
    files.of(directory, "memory.max_usage_in_bytes", |it| {
        reading.memory_peak_bytes = files::number(it);
    });
    files.of(directory, "memory.stat", |it| {
        reading.memory_anon_bytes = files::field(it, "total_rss");
        reading.memory_file_bytes = files::field(it, "total_cache");
        reading.faults = files::field(it, "total_pgfault");
        reading.major_faults = files::field(it, "total_pgmajfault");
    });
    files.of(directory, "memory.oom_control", |it| {
        reading.oom_kills = files::field(it, "oom_kill");
    });
}

/// Reads small files into one buffer.
#[derive(Default)]
struct Files(Vec<u8>);

impl Files {
    /// Hands over the content of a file; nothing where there is none.
    fn of(&mut self, directory: &Path, name: &str, take: impl FnOnce(&str)) {
        self.0.resize(LARGEST, 0);
        let Ok(mut file) = File::open(directory.join(name)) else {
            return;
        };
        let mut length = 0;
        while let Some(rest) = self.0.get_mut(length..) {
            match file.read(rest) {
                Ok(0) => break,
                Ok(read) => length += read,
                Err(_) => return,
            }
        }
        if let Some(Ok(text)) = self.0.get(..length).map(str::from_utf8) {
            take(text);
        }
    }
}
