//! What a container does with programs: starts them, asks for ones that it does not get, sees them end.

use super::Observer;
use crate::observe::event::{Access, Event, Exec, Moment};
use crate::observe::fact::{Family, Marks, Origin, Phase, Sighting};
use crate::observe::process::Started;
use crate::observe::{ending, errno, path};

/// Most processes that are known to look for a program.
pub(super) const MAX_SEARCHES: usize = 64;
/// How long a process may look for a program.
const SEARCH_NS: u64 = 1_000_000_000;

impl Observer {
    pub(super) fn exec(&mut self, event: &Event, exec: &Exec) -> Option<Sighting> {
        self.found(event.pid, &exec.filename);
        let started = self.processes.exec(event.pid, &event.comm, exec, event.at);
        let Started::Program {
            origin,
            took_over,
            caller,
            program,
        } = started
        else {
            self.count_setup(None);
            return None;
        };
        if origin == Origin::Server {
            self.phase.program_started(event.at);
        }
        self.epoch += u64::from(took_over);
        self.entrypoints += u64::from(took_over && origin == Origin::Server);
        let value = format!("{}{} <- {caller}", program.label, program.shape);
        let mut raw = program.argv.join(" ");
        if raw.is_empty() {
            program.exe.clone_into(&mut raw);
        }
        let marks = Marks {
            shell: program.shell,
            fileless: program.fileless,
            not_from_image: program.not_from_image,
            scratch: path::marks(&program.exe, Access::Write).scratch,
            socket_on_stdio: exec.socket_on_stdio,
            script_alone: self.written.leaves_alone(&program),
            ..Marks::default()
        };
        Some(self.sighting(event, Family::Executable, origin, value, raw, marks))
    }

    /// A program that was asked for and not started. Whoever looks a name up tries it in one directory after another,
    /// so a name that is nowhere is one fact, without the directories, and one that is found in a later directory is none:
    /// a sighting of what is not there is held until the search is over.
    pub(super) fn exec_failed(
        &mut self,
        event: &Event,
        origin: Origin,
        path: &str,
        error: i32,
    ) -> Option<Sighting> {
        let error_name = errno::name(error);
        let comparable = path::generalise(path, Access::Write);
        let asked = match comparable.rsplit_once('/') {
            Some((_, name)) if error == libc::ENOENT => name,
            _ => &comparable,
        };
        let value = format!("exec {asked} {error_name}");
        let raw = format!("{path}: {error_name}");
        let marks = Marks {
            scratch: path::marks(path, Access::Write).scratch,
            ..Marks::default()
        };
        let sighting = self.sighting(event, Family::FileAttempt, origin, value, raw, marks);
        if error != libc::ENOENT {
            return Some(sighting);
        }
        let earlier = self.searches.remove(&event.pid);
        let gave_way = self.searches.set(event.pid, sighting.clone());
        earlier
            .filter(|earlier| earlier.fact != sighting.fact)
            .or(gave_way)
    }

    /// Ends the search of a process for the program that it started now.
    fn found(&mut self, pid: u32, path: &str) {
        let path = path::generalise(path, Access::Write);
        let name = path.rsplit('/').next().unwrap_or(&path);
        let value = format!("exec {name} {}", errno::name(libc::ENOENT));
        if self
            .searches
            .get(&pid)
            .is_some_and(|search| search.fact.value == value)
        {
            self.searches.remove(&pid);
        }
    }

    /// The programs looked for that were not found in time, which may be all when the container is ending.
    pub(super) fn not_found(&mut self, now: Moment) -> Vec<Sighting> {
        let patience = if self.phase.phase() == Phase::Stop {
            0
        } else {
            SEARCH_NS
        };
        let mut sightings = Vec::new();
        while let Some(oldest) = self.searches.oldest()
            && now.since(oldest.at) >= patience
        {
            sightings.extend(self.searches.pop_oldest());
        }
        sightings
    }

    /// The end of a process, where it ended badly and is not the runtime's set-up.
    pub(super) fn exit(&mut self, event: &Event, status: u32) -> Option<Sighting> {
        let how = ending::abnormal(status)?;
        let program = self.processes.program(event.pid)?;
        let value = format!("{}{}: {how}", program.label, program.shape);
        let raw = format!("{}: {how}", program.exe);
        let origin = self.processes.origin(event.pid, &event.comm, event.at)?;
        Some(self.sighting(event, Family::Exit, origin, value, raw, Marks::default()))
    }
}
