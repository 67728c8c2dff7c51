#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod contacts;
mod names;
mod outcomes;
mod scripts;

use super::*;
use crate::observe::event::{Access, CgroupId, Exec, FileId, Mapping, Place, Protocol};
use crate::observe::window::{CallCount, Counters};

const SECOND: u64 = 1_000_000_000;
const RUNTIME: u32 = 1;

/// Feeds an observer with events at ever later times.
struct Feed {
    observer: Observer,
    now: u64,
}

impl Feed {
    fn born() -> Self {
        Self {
            observer: Observer::born(Moment(0)),
            now: 0,
        }
    }

    /// A container whose entrypoint, Python, runs as pid 10.
    fn served() -> Self {
        let mut feed = Self::born();
        feed.act(10, open("/proc/self/attr/exec", Access::Write));
        feed.act(
            10,
            exec(
                "/usr/bin/python3.11",
                RUNTIME,
                &["python3", "-m", "uvicorn", "app:app"],
            ),
        );
        feed
    }

    fn act(&mut self, pid: u32, action: Action) -> Option<Sighting> {
        self.now += 1000;
        self.observer.event(&Event {
            at: Moment(self.now),
            cgroup: CgroupId(7),
            pid,
            comm: "python3".into(),
            action,
        })
    }

    /// Asks for a program where it is not.
    fn not_started(&mut self, pid: u32, path: &str) -> Option<Sighting> {
        let action = Action::ExecFailed {
            path: path.to_owned(),
            errno: libc::ENOENT,
        };
        self.act(pid, action)
    }

    fn window(&mut self, counters: Counters) -> WindowReport {
        self.now += 5 * SECOND;
        self.observer.window(&Window {
            end: Moment(self.now),
            length_ns: 5 * SECOND,
            counters,
        })
    }
}

fn exec(filename: &str, parent: u32, argv: &[&str]) -> Action {
    Action::Exec(Exec {
        filename: filename.to_owned(),
        argv: argv.iter().map(|&argument| argument.to_owned()).collect(),
        parent,
        parent_outside: parent == RUNTIME,
        ..Exec::default()
    })
}

pub(super) fn open(path: &str, access: Access) -> Action {
    Action::Open {
        path: path.to_owned(),
        access,
        truncated: false,
        flags: 0,
        place: Place::default(),
        file: FileId::default(),
    }
}

fn map(path: &str) -> Action {
    Action::Map {
        path: path.to_owned(),
        mapping: Mapping::Code,
        truncated: false,
        place: Place::default(),
        file: FileId::default(),
    }
}

fn calls(numbers: &[i64]) -> Counters {
    Counters {
        calls: numbers
            .iter()
            .map(|&call| CallCount {
                call: u16::try_from(call).unwrap(),
                calls: 3,
                errors: 1,
            })
            .collect(),
        ..Counters::default()
    }
}

fn served(mut counters: Counters) -> Counters {
    counters.requests = 1;
    counters
}

fn names(report: &WindowReport) -> Vec<&str> {
    report
        .sightings
        .iter()
        .map(|sighting| sighting.fact.value.as_str())
        .collect()
}

#[test]
fn set_up_is_dropped_and_counted_and_the_entrypoint_is_the_first_sighting() {
    let mut feed = Feed::born();
    let mount = Action::Privileged {
        call: u16::try_from(libc::SYS_mount).unwrap(),
        result: 0,
        args: [0; 3],
        texts: Default::default(),
    };
    assert_eq!(feed.act(10, mount), None);
    assert_eq!(feed.act(10, Action::Fork { child: 11 }), None);
    assert_eq!(feed.act(11, open("/etc/passwd", Access::Read)), None);
    assert_eq!(
        feed.act(11, exec("/proc/self/exe", RUNTIME, &["runc", "init"])),
        None
    );
    assert_eq!(feed.observer.setup_events(), 4);

    let entrypoint = feed
        .act(
            11,
            exec(
                "/usr/bin/python3.11",
                RUNTIME,
                &["python3", "-m", "uvicorn", "--api-key=x"],
            ),
        )
        .unwrap();
    assert_eq!(entrypoint.fact.family, Family::Executable);
    assert_eq!(entrypoint.fact.origin, Origin::Server);
    assert_eq!(
        entrypoint.fact.value,
        "/usr/bin/python3.11 -m uvicorn <- entrypoint"
    );
    assert_eq!(entrypoint.raw, "python3 -m uvicorn --api-key=[redacted]");
    assert_eq!(entrypoint.phase, Phase::Start);
    assert_eq!(feed.observer.setup_events(), 4);
}

#[test]
fn a_shell_of_the_servers_is_told_from_one_of_the_runtimes() {
    let mut feed = Feed::served();
    feed.act(10, Action::Fork { child: 12 });
    let shell = feed
        .act(12, exec("/usr/bin/dash", 10, &["sh", "-c", "id"]))
        .unwrap();
    assert_eq!(shell.fact.value, "/usr/bin/dash -c <- /usr/bin/python3.11");
    assert_eq!(shell.fact.origin, Origin::Server);
    assert!(shell.marks.shell);
    assert_eq!(shell.process.exe, "/usr/bin/dash");
    assert_eq!(shell.process.argv, ["sh", "-c", "id"]);
    assert_eq!(shell.ancestry.len(), 1);
    assert_eq!(shell.ancestry[0].exe, "/usr/bin/python3.11");

    let command = feed
        .act(30, exec("/usr/bin/dash", RUNTIME, &["sh"]))
        .unwrap();
    assert_eq!(command.fact.value, "/usr/bin/dash <- runtime");
    assert_eq!(command.fact.origin, Origin::Runtime);
    let read = feed.act(30, open("/etc/passwd", Access::Read)).unwrap();
    assert_eq!(read.fact.origin, Origin::Runtime);
}

#[test]
fn each_kind_of_event_has_its_family_form_and_marks() {
    let mut feed = Feed::served();
    let peer = |address: &str| Action::Connect {
        protocol: Protocol::Tcp,
        peer: address.parse().unwrap(),
    };
    let denied = Action::Privileged {
        call: u16::try_from(libc::SYS_unshare).unwrap(),
        result: -1,
        args: [0x1000_0000, 0, 0],
        texts: Default::default(),
    };
    let listen = Action::Listen {
        local: "0.0.0.0:8000".parse().unwrap(),
    };
    for (action, family, value) in [
        (
            open("/usr/lib/x/libz.so", Access::Read),
            Family::FileRead,
            "/usr/lib/**",
        ),
        (
            open("/tmp/tmpabcdefgh", Access::Write),
            Family::FileWrite,
            "/tmp/tmp*",
        ),
        (
            peer("169.254.169.254:80"),
            Family::Endpoint,
            "tcp 169.254.169.254:80",
        ),
        (listen, Family::Listener, "tcp *:8000"),
        (
            denied,
            Family::Privileged,
            "unshare CLONE_NEWUSER denied EPERM",
        ),
        (
            Action::SocketToStdio { fd: 1 },
            Family::Privileged,
            "socket on fd 1",
        ),
    ] {
        let sighting = feed.act(10, action).unwrap();
        assert_eq!(
            (sighting.fact.family, sighting.fact.value.as_str()),
            (family, value)
        );
        assert_eq!(sighting.marks.metadata_address, family == Family::Endpoint);
        assert_eq!(sighting.marks.denied, value.contains("denied"));
        assert_eq!(sighting.marks.scratch, family == Family::FileWrite);
    }
    let truncated = feed
        .act(
            10,
            Action::Open {
                path: "x/.ssh/id_rsa".to_owned(),
                access: Access::Read,
                truncated: true,
                flags: 0,
                place: Place::default(),
                file: FileId::default(),
            },
        )
        .unwrap();
    assert_eq!(truncated.raw, "…x/.ssh/id_rsa");
    assert!(truncated.marks.secret_file);
}

/// Requests come, and nothing new is done: it settles.
fn serves_soon(feed: &mut Feed) {
    let mut windows = (0..10).map(|_| feed.window(served(Counters::default())).phase);
    assert!(windows.any(|phase| phase == Some(Phase::Serve)));
}

#[test]
fn the_phases_follow_what_the_server_does() {
    let mut feed = Feed::served();
    let commanded = feed.act(30, exec("/usr/bin/cat", RUNTIME, &["cat"]));
    assert!(commanded.is_some());
    feed.act(30, open("/models/a.onnx", Access::Read));
    assert_eq!(
        feed.observer.phase(),
        Phase::Start,
        "a command read the model, not the server"
    );
    let model = feed.act(10, open("/models/a.onnx", Access::Read)).unwrap();
    assert_eq!(model.phase, Phase::Load);

    assert_eq!(feed.window(Counters::default()).phase, None);
    assert_eq!(feed.window(Counters::default()).phase, Some(Phase::Load));
    assert_eq!(feed.window(served(Counters::default())).phase, None);
    let report = feed.window(served(Counters::default()));
    assert_eq!((report.phase, report.requests), (Some(Phase::WarmUp), 1));
    let late = feed.act(10, map("/usr/lib/libjit.so")).unwrap();
    assert_eq!(late.phase, Phase::WarmUp);
    serves_soon(&mut feed);

    feed.act(40, exec("/usr/bin/cat", RUNTIME, &["cat"]));
    feed.act(40, open("/models/a.onnx", Access::Read));
    feed.act(40, Action::Exit { status: 0 });
    assert_eq!(feed.observer.phase(), Phase::Serve);
    let again = feed.act(10, open("/models/a.onnx", Access::Read)).unwrap();
    assert_eq!(again.phase, Phase::Reload);
    serves_soon(&mut feed);
    feed.act(30, Action::AskedToEnd { signal: 15 });
    feed.act(30, Action::Exit { status: 0 });
    assert_eq!(
        feed.observer.phase(),
        Phase::Serve,
        "the server's, not its workers', end is the shutdown"
    );
    feed.act(10, Action::AskedToEnd { signal: 15 });
    assert_eq!(feed.observer.phase(), Phase::Stop);
    feed.act(10, Action::Exit { status: 0 });
    assert_eq!(feed.observer.phase(), Phase::Stop);
    assert_eq!(feed.observer.processes.len(), 0);
}

#[test]
fn a_call_is_reported_once_a_phase() {
    let mut feed = Feed::served();
    let report = feed.window(calls(&[libc::SYS_read, libc::SYS_bpf]));
    assert_eq!(names(&report), ["read", "bpf"]);
    assert_eq!(report.sightings[0].raw, "read: 3 calls, 1 errors");
    assert_eq!(report.sightings[0].phase, Phase::Start);
    let report = feed.window(calls(&[libc::SYS_read, libc::SYS_write]));
    assert_eq!(names(&report), ["write"]);
    feed.window(served(Counters::default()));
    let report = feed.window(served(calls(&[libc::SYS_read])));
    assert_eq!(names(&report), ["read"]);
    assert_eq!(report.sightings[0].phase, Phase::WarmUp);
    let mut unused = calls(&[libc::SYS_mount]);
    unused.calls[0].calls = 0;
    assert!(feed.window(unused).sightings.is_empty());
}

#[test]
fn calls_beside_a_command_of_the_runtimes_are_not_laid_to_the_server() {
    let mut feed = Feed::served();
    feed.window(Counters::default());
    feed.act(30, open("/proc/self/fd", Access::Read));
    feed.act(30, exec("/usr/bin/cat", RUNTIME, &["cat"]));
    feed.act(30, Action::Exit { status: 0 });
    let report = feed.window(calls(&[libc::SYS_setns]));
    assert_eq!(report.sightings[0].fact.origin, Origin::Runtime);
    let report = feed.window(calls(&[libc::SYS_setns]));
    assert_eq!(report.sightings[0].fact.origin, Origin::Server);
}

#[test]
fn after_a_loss_nothing_passes_for_set_up_until_a_resync() {
    let mut feed = Feed::served();
    let report = feed.window(Counters {
        lost_events: 2,
        lost_to_quota: 1,
        ..Counters::default()
    });
    assert_eq!((report.lost_events, report.lost_to_quota), (2, 1));
    let sighting = feed
        .act(55, open("/root/.ssh/id_rsa", Access::Read))
        .unwrap();
    assert_eq!(sighting.fact.origin, Origin::Server);
    feed.observer.resync(&[Known {
        pid: 10,
        parent: RUNTIME,
        exe: "/usr/bin/python3.11".to_owned(),
        ..Known::default()
    }]);
    assert_eq!(feed.act(56, open("/x", Access::Read)), None);
}

#[test]
fn a_container_found_running_serves_and_knows_its_server() {
    let known = Known {
        pid: 10,
        parent: RUNTIME,
        exe: "/usr/bin/python3.11".to_owned(),
        comm: "python3".into(),
        argv: vec!["python3".to_owned(), "--token=x".to_owned()],
        started: Moment(3),
        is_copy: false,
    };
    let mut feed = Feed {
        observer: Observer::existing(Moment(9), vec![known], true),
        now: 9,
    };
    assert_eq!(feed.observer.phase(), Phase::Serve);
    let sighting = feed.act(10, exec("/bin/sh", RUNTIME, &["sh"])).unwrap();
    assert_eq!(sighting.fact.value, "/bin/sh <- /usr/bin/python3.11");
    assert_eq!(sighting.fact.origin, Origin::Server);
    let sighting = feed.act(10, open("/x", Access::Read)).unwrap();
    assert_eq!(sighting.process.started, Some(Moment(3)));
    assert_eq!(feed.act(70, open("/x", Access::Read)), None);
}

#[test]
fn whatever_may_be_seen_anew_begins_an_epoch() {
    let mut feed = Feed::born();
    feed.act(10, open("/etc/passwd", Access::Read));
    assert_eq!(feed.observer.epoch(), 0);
    feed.act(10, exec("/usr/bin/python3.11", RUNTIME, &["python3"]));
    assert_eq!(feed.observer.epoch(), 1, "the entrypoint took over");
    feed.act(10, open("/models/net.onnx", Access::Read));
    assert_eq!(feed.observer.epoch(), 2, "the load phase began");
    feed.act(10, open("/etc/passwd", Access::Read));
    feed.act(10, exec("/usr/bin/python3.11", 9, &["python3"]));
    feed.window(served(calls(&[])));
    assert_eq!(feed.observer.epoch(), 3, "the serve phase began");
    feed.act(20, exec("/bin/sh", RUNTIME, &["sh"]));
    feed.act(20, Action::Fork { child: 21 });
    assert_eq!(feed.observer.epoch(), 4, "a command of the runtime's began");
    feed.act(20, Action::Exit { status: 0 });
    assert_eq!(feed.observer.epoch(), 5, "and ended");
}

#[test]
fn where_a_program_comes_from_and_what_it_talks_to_are_marked() {
    let mut feed = Feed::served();
    let started = Action::Exec(Exec {
        filename: "/job/run.sh".to_owned(),
        interpreter: "/job/tool".to_owned(),
        script: true,
        cwd: "/job".to_owned(),
        argv: vec!["/job/tool".to_owned(), "/job/run.sh".to_owned()],
        parent: 10,
        place: Place {
            upper_layer: true,
            ..Place::default()
        },
        socket_on_stdio: true,
        ..Exec::default()
    });
    feed.act(10, Action::Fork { child: 11 });
    let sighting = feed.act(11, started).unwrap();
    assert!(sighting.marks.not_from_image && sighting.marks.socket_on_stdio);
    assert_eq!(
        sighting.fact.value,
        "/job/tool (not in image) <- /usr/bin/python3.11"
    );
    assert_eq!(sighting.process.script, "/job/run.sh");
    assert_eq!(sighting.process.cwd, "/job");
}
