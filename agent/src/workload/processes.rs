//! The processes of containers that are older than the agent, from `/proc`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use procfs::net::TcpState;
use procfs::process::{FDTarget, Process};
use procfs::{ProcError, ProcResult};

use super::lookups::{Lookups, Source};
use crate::observe::event::Moment;

/// Bytes of a command line that are read. The process chooses its length, up to megabytes.
const LONGEST_COMMAND_LINE: u64 = 16 << 10;

/// A process that was running when the agent came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownProcess {
    /// Host pid.
    pub pid: u32,
    /// Host pid of its parent.
    pub parent: u32,
    /// Path of its executable in its container; empty when it may not be read.
    pub exe: String,
    /// Thread name of its main thread.
    pub comm: String,
    /// Arguments.
    pub argv: Vec<String>,
    /// When it was started.
    pub started: Moment,
    /// It has executed nothing since its parent forked it.
    pub is_copy: bool,
}

/// `include/linux/sched.h`: forked, and did not execute anything since.
const PF_FORKNOEXEC: u32 = 0x40;

/// Describes the processes among `pids` that still run, oldest first, and counts the lookups.
#[must_use]
pub fn known(pids: &[u32], lookups: &Lookups) -> Vec<KnownProcess> {
    let mut processes = Vec::new();
    for pid in pids {
        match describe(*pid) {
            Ok(process) => {
                lookups.count(Source::Proc, true);
                processes.push(process);
            }
            Err(error) if is_gone(&error) => lookups.count(Source::Proc, true),
            Err(error) => {
                tracing::warn!(pid, %error, "Cannot look at a process that is older than the agent");
                lookups.count(Source::Proc, false);
            }
        }
    }
    processes.sort_by_key(|process| (process.started, process.pid));
    processes
}

/// A thread's name; empty when it has ended.
#[must_use]
pub fn thread_name(thread: u32) -> String {
    let name = std::fs::read_to_string(format!("/proc/{thread}/comm")).unwrap_or_default();
    name.trim_end_matches('\n').to_owned()
}

/// Ports on which one of the processes listens for TCP connections. Sockets of others that share their network (the
/// host's, or a pod's) do not count.
#[must_use]
pub fn listening_ports(pids: &[u32]) -> BTreeSet<u16> {
    let processes = || pids.iter().filter_map(|pid| open(*pid).ok());
    // All processes of a container share its network, so the first that can be read speaks for all.
    let Some(listening) = processes().find_map(|process| listening_sockets(&process).ok()) else {
        return BTreeSet::new();
    };
    processes()
        .filter_map(|process| process.fd().ok())
        .flatten()
        .flatten()
        .filter_map(|descriptor| match descriptor.target {
            FDTarget::Socket(inode) => listening.get(&inode).copied(),
            _ => None,
        })
        .collect()
}

/// Ports listened on in the network namespace of `process`, by their socket's inode.
fn listening_sockets(process: &Process) -> ProcResult<BTreeMap<u64, u16>> {
    let mut sockets = process.tcp()?;
    // Absent where IPv6 is switched off.
    sockets.extend(process.tcp6().unwrap_or_default());
    let listening = sockets
        .iter()
        .filter(|socket| socket.state == TcpState::Listen);
    Ok(listening
        .map(|socket| (socket.inode, socket.local_address.port()))
        .collect())
}

fn open(pid: u32) -> ProcResult<Process> {
    let pid = i32::try_from(pid).map_err(|_| ProcError::NotFound(None))?;
    Process::new(pid)
}

fn describe(pid: u32) -> ProcResult<KnownProcess> {
    let process = open(pid)?;
    let stat = process.stat()?;
    let exe = process.exe().unwrap_or_default();
    Ok(KnownProcess {
        pid,
        parent: u32::try_from(stat.ppid).unwrap_or_default(),
        exe: executable(&exe.to_string_lossy()),
        comm: stat.comm,
        argv: command_line(&process)?,
        started: started(stat.starttime, procfs::ticks_per_second()),
        is_copy: stat.flags & PF_FORKNOEXEC != 0,
    })
}

/// The link's text without the mark of an executable that was replaced or removed since.
fn executable(link: &str) -> String {
    link.strip_suffix(" (deleted)").unwrap_or(link).to_owned()
}

/// Arguments, empty ones included; none for a zombie.
fn command_line(process: &Process) -> ProcResult<Vec<String>> {
    let mut text = Vec::new();
    process
        .open_relative("cmdline")?
        .take(LONGEST_COMMAND_LINE)
        .read_to_end(&mut text)?;
    Ok(arguments(&text))
}

pub(crate) fn arguments(command_line: &[u8]) -> Vec<String> {
    if command_line.is_empty() {
        return Vec::new();
    }
    let text = command_line.strip_suffix(b"\0").unwrap_or(command_line);
    text.split(|byte| *byte == 0)
        .map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect()
}

/// The start time in `/proc/<pid>/stat`, which is in clock ticks since boot.
pub(super) fn started(ticks: u64, ticks_per_second: u64) -> Moment {
    let nanoseconds = u128::from(ticks) * 1_000_000_000 / u128::from(ticks_per_second.max(1));
    Moment(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

/// Processes may end at any time; the kernel says ESRCH when it happens while reading.
fn is_gone(error: &ProcError) -> bool {
    match error {
        ProcError::NotFound(_) => true,
        ProcError::Io(error, _) => error.raw_os_error() == Some(libc::ESRCH),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use std::io::Write as _;
    use std::net::TcpListener;
    use std::process::{Child, Command, Stdio};

    use proptest::prelude::*;

    use super::*;

    /// A child that is known to have finished its exec: before that it has no arguments, and may still hold
    /// descriptors of ours. Ends when dropped.
    struct Cat(Child);

    impl Cat {
        fn start() -> Self {
            let mut child = Command::new("cat")
                .arg("-")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
            let echo = &mut [0];
            child.stdout.as_mut().unwrap().read_exact(echo).unwrap();
            Self(child)
        }
    }

    impl Drop for Cat {
        fn drop(&mut self) {
            drop(self.0.stdin.take());
            self.0.wait().unwrap();
        }
    }

    #[test]
    fn describes_running_processes_oldest_first() {
        let child = Cat::start();
        let own = std::process::id();
        let lookups = Lookups::default();
        let found = known(&[child.0.id(), own, u32::MAX], &lookups);

        let pids: Vec<u32> = found.iter().map(|process| process.pid).collect();
        assert_eq!(pids, [own, child.0.id()]);
        assert_eq!(found[1].parent, own);
        assert_eq!(found[1].comm, "cat");
        assert_eq!(found[1].argv, ["cat", "-"]);
        assert!(!found[1].is_copy, "it was executed");
        let own_exe = std::env::current_exe().unwrap();
        assert_eq!(found[0].exe, own_exe.to_str().unwrap());
        assert!(found[0].started <= found[1].started);
        assert_eq!(
            (lookups.made(Source::Proc), lookups.failed(Source::Proc)),
            (3, 0)
        );
    }

    #[test]
    fn only_sockets_of_the_processes_count() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(listening_ports(&[u32::MAX, std::process::id()]).contains(&port));
        // The same network, but not its socket.
        let child = Cat::start();
        assert!(listening_ports(&[child.0.id()]).is_empty());
        drop(listener);
        assert!(listening_ports(&[]).is_empty());
    }

    #[test]
    fn start_times_are_nanoseconds_since_boot() {
        assert_eq!(started(250, 100), Moment(2_500_000_000));
        assert_eq!(started(u64::MAX, 100), Moment(u64::MAX));
        assert_eq!(started(1, 0), Moment(1_000_000_000));
    }

    #[test]
    fn command_lines_keep_empty_arguments() {
        assert_eq!(arguments(b"python3\0-c\0\0"), ["python3", "-c", ""]);
        assert_eq!(arguments(b"cut sho"), ["cut sho"]);
        assert_eq!(arguments(b"\xff\0"), ["\u{fffd}"]);
        assert!(arguments(b"").is_empty());
    }

    #[test]
    fn a_replaced_executable_keeps_its_name() {
        assert_eq!(executable("/usr/bin/python3 (deleted)"), "/usr/bin/python3");
        assert_eq!(executable("/usr/bin/python3"), "/usr/bin/python3");
    }

    proptest! {
        #[test]
        fn arguments_come_back_as_they_went_in(arguments in prop::collection::vec("[a-z ]{0,6}", 1..6)) {
            let line: Vec<u8> = arguments.iter().flat_map(|argument| format!("{argument}\0").into_bytes()).collect();
            prop_assert_eq!(super::arguments(&line), arguments);
        }
    }
}
