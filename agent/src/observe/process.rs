//! The processes of one container: who started what, and on whose behalf.
//!
//! The runtime prepares a container from within: its own init process is moved into the container's cgroup, mounts,
//! opens and unshares there, and only then becomes the entrypoint; `docker exec` does the same later. So a process
//! that appeared in the cgroup neither by a fork of a known process nor by an exec of one is *set-up*: what it does is
//! the runtime's doing, and so is what its children do (hooks that put drivers and libraries in place). Its first exec
//! in a container watched from birth is the entrypoint, every later one a command of the runtime's. After events were lost, an unknown process may just as well be the server's child, so it counts
//! as that: doubt must not blind.

mod known;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::command::Program;
use super::event::{Exec, Moment};
use super::fact::{Origin, ProcessInfo};

pub use known::Known;

/// Most processes remembered, ended ones included. A process with a program of its own takes at most 3 KiB (forks
/// share their parent's program), so the table stays below 6 MiB; twenty ordinary processes take some 20 KiB.
pub const CAPACITY: usize = 2048;

/// Most ended processes remembered, for the ancestry of their children.
const MAX_ENDED: usize = 256;

/// Most ancestors shown.
const MAX_ANCESTRY: usize = 8;

/// What an exec turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    /// The runtime's own program, still preparing the container.
    Setup,
    /// A program of the container.
    Program {
        /// On whose behalf it runs.
        origin: Origin,
        /// It takes over from the runtime's set-up: the entrypoint, or a command of the runtime's.
        took_over: bool,
        /// What ran it: the label of the program before it, or `entrypoint`, `runtime`, `unknown`.
        caller: String,
        /// The program itself.
        program: Arc<Program>,
    },
}

/// On whose behalf a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Standing {
    /// The runtime, before it hands over.
    Setup,
    /// The container's own tree.
    Server,
    /// Taken for the container's own because events were lost; an exec with a parent outside refutes it.
    Unsure,
    /// A command of the runtime's: `docker exec`, an exec probe.
    Runtime,
}

impl Standing {
    fn origin(self) -> Option<Origin> {
        match self {
            Self::Setup => None,
            Self::Server | Self::Unsure => Some(Origin::Server),
            Self::Runtime => Some(Origin::Runtime),
        }
    }
}

/// What an ended process was to its container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The entrypoint.
    Entrypoint,
    /// A command of the runtime's, or its descendant.
    Runtime,
    /// Anything else.
    Other,
}

/// Numbers processes in the order they became known. Pids come back; serials do not, and a parent's is always lower
/// than its child's, so ancestry has no cycles.
type Serial = u64;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Process {
    pid: u32,
    parent: Option<Serial>,
    program: Option<Arc<Program>>,
    /// A fork that has executed nothing yet: its program is its parent's.
    #[serde(default)]
    is_copy: bool,
    comm: SmolStr,
    started: Option<Moment>,
    standing: Standing,
}

/// The bounded process table of one container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessTable {
    processes: BTreeMap<Serial, Process>,
    live: BTreeMap<u32, Serial>,
    ended: VecDeque<Serial>,
    next: Serial,
    main: Option<Serial>,
    /// The entrypoint was started, so that further set-up belongs to commands of the runtime's.
    handed_over: bool,
    lossy: bool,
    evicted: u64,
    runtime_active: bool,
}

impl ProcessTable {
    /// The table of a container that is watched from its birth.
    #[must_use]
    pub fn born() -> Self {
        Self::default()
    }

    /// Events were lost: from now on an unknown process may be the server's, and so may one taken for set-up.
    pub fn note_loss(&mut self) {
        self.lossy = true;
        for process in self.processes.values_mut() {
            if process.standing == Standing::Setup {
                process.standing = Standing::Unsure;
            }
        }
    }

    /// A process made another. Says on whose behalf; `None` for the runtime's set-up.
    pub fn fork(&mut self, pid: u32, comm: &str, child: u32, at: Moment) -> Option<Origin> {
        let parent = self
            .live
            .get(&pid)
            .and_then(|serial| Some((*serial, self.processes.get(serial)?.clone())));
        // An unknown parent need not lie in the container: the runtime can make a child right into its cgroup.
        let serial = match parent {
            Some((serial, parent)) => self.insert(Process {
                pid: child,
                parent: Some(serial),
                is_copy: true,
                started: Some(at),
                ..parent
            }),
            None => self.insert_unknown(child, comm, at),
        };
        self.processes.get(&serial)?.standing.origin()
    }

    /// A process replaced its program.
    pub fn exec(&mut self, pid: u32, comm: &str, exec: &Exec, at: Moment) -> Started {
        let serial = match self.live.get(&pid) {
            Some(&serial) => serial,
            None => self.adopt(pid, comm, exec, at),
        };
        let still_setup = is_runtime_reexec(exec) || self.is_hook(exec);
        let handed_over = self.handed_over;
        let Some(process) = self.processes.get_mut(&serial) else {
            return Started::Setup;
        };
        process.comm = comm.into();
        let started_outside = match process.standing {
            Standing::Setup => true,
            Standing::Unsure => exec.parent_outside,
            Standing::Server | Standing::Runtime => false,
        };
        if started_outside && still_setup {
            return Started::Setup;
        }
        let caller = if !started_outside {
            process
                .program
                .as_ref()
                .map_or_else(|| "unknown".to_owned(), |program| program.label.clone())
        } else if handed_over {
            process.standing = Standing::Runtime;
            "runtime".to_owned()
        } else {
            process.standing = Standing::Server;
            "entrypoint".to_owned()
        };
        let program = Arc::new(Program::started(exec));
        process.program = Some(Arc::clone(&program));
        process.is_copy = false;
        let origin = process.standing.origin().unwrap_or(Origin::Server);
        if started_outside && !handed_over {
            self.handed_over = true;
            self.main = Some(serial);
        }
        self.runtime_active |= origin == Origin::Runtime;
        Started::Program {
            origin,
            took_over: started_outside,
            caller,
            program,
        }
    }

    /// A process ended. Says what it was to the container.
    pub fn exit(&mut self, pid: u32) -> Ended {
        let Some(serial) = self.live.remove(&pid) else {
            return Ended::Other;
        };
        self.ended.push_back(serial);
        if self.ended.len() > MAX_ENDED
            && let Some(oldest) = self.ended.pop_front()
        {
            self.processes.remove(&oldest);
        }
        let standing = self.processes.get(&serial).map(|process| process.standing);
        match standing {
            _ if self.main == Some(serial) => Ended::Entrypoint,
            Some(Standing::Runtime) => Ended::Runtime,
            _ => Ended::Other,
        }
    }

    /// Whether a process is the entrypoint.
    #[must_use]
    pub fn is_main(&self, pid: u32) -> bool {
        self.main.is_some() && self.live.get(&pid).copied() == self.main
    }

    /// On whose behalf a process acts; `None` for the runtime's set-up.
    pub fn origin(&mut self, pid: u32, comm: &str, at: Moment) -> Option<Origin> {
        let serial = self.lookup(pid, comm, at);
        let origin = self.processes.get(&serial)?.standing.origin();
        self.runtime_active |= self.handed_over && origin != Some(Origin::Server);
        origin
    }

    /// The process as a finding shows it.
    #[must_use]
    pub fn info(&self, pid: u32) -> ProcessInfo {
        self.live
            .get(&pid)
            .and_then(|serial| self.processes.get(serial))
            .map_or_else(
                || ProcessInfo {
                    pid,
                    ..ProcessInfo::default()
                },
                Process::info,
            )
    }

    /// The program of a live process, as far as known.
    #[must_use]
    pub fn program(&self, pid: u32) -> Option<&Program> {
        let serial = self.live.get(&pid)?;
        self.processes.get(serial)?.program.as_deref()
    }

    /// Whether a live process is a fork that has executed nothing.
    #[must_use]
    pub fn is_copy(&self, pid: u32) -> bool {
        let process = self.live.get(&pid).and_then(|it| self.processes.get(it));
        process.is_some_and(|process| process.is_copy)
    }

    /// The ancestors of a process inside the container, nearest first; what prepared the container is not among them.
    #[must_use]
    pub fn ancestry(&self, pid: u32) -> Vec<ProcessInfo> {
        self.ancestors(pid).map(Process::info).collect()
    }

    /// The pid of a process and those of its ancestors, nearest first.
    pub fn line(&self, pid: u32) -> impl Iterator<Item = u32> {
        let ancestors = self.ancestors(pid).map(|ancestor| ancestor.pid);
        let line = std::iter::once(pid).chain(ancestors);
        line.filter(|pid| *pid != 0)
    }

    fn ancestors(&self, pid: u32) -> impl Iterator<Item = &Process> {
        let process = |serial: &Serial| self.processes.get(serial);
        let itself = self.live.get(&pid).and_then(process);
        std::iter::successors(itself, move |child| child.parent.as_ref().and_then(process))
            .skip(1)
            .take_while(|ancestor| ancestor.standing != Standing::Setup)
            .take(MAX_ANCESTRY)
    }

    /// Did processes of the runtime's run since the last call? Set-up before the entrypoint does not count.
    pub fn take_runtime_activity(&mut self) -> bool {
        let running = self.live.values().any(|serial| {
            self.processes
                .get(serial)
                .is_some_and(|process| match process.standing {
                    Standing::Setup => self.handed_over,
                    Standing::Runtime => true,
                    Standing::Server | Standing::Unsure => false,
                })
        });
        std::mem::take(&mut self.runtime_active) || running
    }

    /// Processes now alive, as far as known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live.len()
    }

    /// Is no process known to be alive?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// Live processes forgotten for want of room.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// The process of a pid, made known if need be.
    fn lookup(&mut self, pid: u32, comm: &str, at: Moment) -> Serial {
        if let Some(&serial) = self.live.get(&pid) {
            if let Some(process) = self.processes.get_mut(&serial)
                && process.comm != comm
            {
                process.comm = comm.into();
            }
            return serial;
        }
        self.insert_unknown(pid, comm, at)
    }

    /// Is this the child of a process that still prepares the container? runc's init runs the hooks of a container's
    /// configuration so, while init itself has its parent outside.
    fn is_hook(&self, exec: &Exec) -> bool {
        !exec.parent_outside
            && self
                .live
                .get(&exec.parent)
                .and_then(|serial| self.processes.get(serial))
                .is_some_and(|parent| parent.standing == Standing::Setup)
    }

    /// Makes a process known by its exec, which names the parent.
    fn adopt(&mut self, pid: u32, comm: &str, exec: &Exec, at: Moment) -> Serial {
        let parent = self
            .live
            .get(&exec.parent)
            .copied()
            .filter(|_| !exec.parent_outside);
        match parent.and_then(|serial| Some((serial, self.processes.get(&serial)?.clone()))) {
            Some((serial, parent)) => self.insert(Process {
                pid,
                parent: Some(serial),
                comm: comm.into(),
                started: Some(at),
                ..parent
            }),
            None => self.insert_unknown(pid, comm, at),
        }
    }

    fn insert_unknown(&mut self, pid: u32, comm: &str, at: Moment) -> Serial {
        let (standing, parent) = if self.lossy {
            (Standing::Unsure, self.main)
        } else {
            (Standing::Setup, None)
        };
        self.insert(Process {
            pid,
            parent,
            program: None,
            is_copy: false,
            comm: comm.into(),
            started: Some(at),
            standing,
        })
    }

    fn insert(&mut self, process: Process) -> Serial {
        self.exit(process.pid);
        if self.processes.len() >= CAPACITY {
            self.evict();
        }
        let serial = self.next;
        self.next += 1;
        self.live.insert(process.pid, serial);
        self.processes.insert(serial, process);
        serial
    }

    /// Forgets the process longest ended, or else the oldest one but the entrypoint. The table then no longer knows
    /// all that runs, which is a loss like any other.
    fn evict(&mut self) {
        if let Some(oldest) = self.ended.pop_front() {
            self.processes.remove(&oldest);
            return;
        }
        let victim = self
            .live
            .iter()
            .map(|(pid, serial)| (*serial, *pid))
            .filter(|(serial, _)| Some(*serial) != self.main)
            .min();
        if let Some((serial, pid)) = victim {
            self.live.remove(&pid);
            self.processes.remove(&serial);
            self.evicted += 1;
            self.note_loss();
        }
    }
}

impl Process {
    fn info(&self) -> ProcessInfo {
        let program = self.program.as_deref().cloned().unwrap_or_default();
        ProcessInfo {
            pid: self.pid,
            exe: program.exe,
            comm: self.comm.to_string(),
            argv: program.argv,
            script: program.script,
            cwd: program.cwd,
            started: self.started,
        }
    }
}

/// Is this the runtime running itself again? runc does so to enter namespaces, from a sealed copy of its own file so
/// that the container cannot overwrite it (runc, libcontainer/dmz; CVE-2019-5736).
fn is_runtime_reexec(exec: &Exec) -> bool {
    let name = exec.filename.as_str();
    let by_descriptor = name
        .strip_prefix("/proc/self/fd/")
        .or_else(|| name.strip_prefix("/dev/fd/"))
        .is_some_and(|fd| !fd.is_empty() && fd.bytes().all(|b| b.is_ascii_digit()));
    exec.parent_outside && (name == "/proc/self/exe" || by_descriptor || exec.place.memfd)
}
