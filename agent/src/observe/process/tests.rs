#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use proptest::prelude::*;

use super::*;

const AT: Moment = Moment(1);
const RUNTIME: u32 = 1;

/// An exec by a process whose parent lies inside (`parent`) or is the runtime.
fn exec(filename: &str, parent: u32) -> Exec {
    Exec {
        filename: filename.to_owned(),
        argv: vec![filename.to_owned()],
        parent,
        parent_outside: parent == RUNTIME,
        ..Exec::default()
    }
}

/// Origin, caller and label of what an exec started; `None` for set-up.
fn started(table: &mut ProcessTable, pid: u32, exec: &Exec) -> Option<(Origin, String, String)> {
    match table.exec(pid, "x", exec, AT) {
        Started::Setup => None,
        Started::Program {
            origin,
            caller,
            program,
            ..
        } => Some((origin, caller, program.label.clone())),
    }
}

fn program(origin: Origin, caller: &str, label: &str) -> Option<(Origin, String, String)> {
    Some((origin, caller.to_owned(), label.to_owned()))
}

/// A container whose entrypoint `/server` runs as pid 12 after runc's three stages.
fn served() -> ProcessTable {
    let mut table = ProcessTable::born();
    assert_eq!(table.origin(10, "runc:[0:PARENT]", AT), None);
    assert_eq!(table.fork(10, "runc:[0:PARENT]", 11, AT), None);
    assert_eq!(table.fork(11, "runc:[1:CHILD]", 12, AT), None);
    assert_eq!(
        (table.exit(11), table.exit(10)),
        (Ended::Other, Ended::Other)
    );
    assert_eq!(table.origin(12, "runc:[2:INIT]", AT), None);
    assert_eq!(
        started(&mut table, 12, &exec("/server", RUNTIME)),
        program(Origin::Server, "entrypoint", "/server")
    );
    table
}

#[test]
fn the_first_exec_of_the_set_up_is_the_entrypoint() {
    let mut table = served();
    assert_eq!(table.origin(12, "server", AT), Some(Origin::Server));
    assert_eq!(table.exit(12), Ended::Entrypoint);
    assert!(table.is_empty());
}

#[test]
fn the_runtime_running_itself_again_is_still_set_up() {
    for filename in ["/proc/self/exe", "/proc/self/fd/7"] {
        let mut table = ProcessTable::born();
        assert_eq!(started(&mut table, 10, &exec(filename, RUNTIME)), None);
        assert_eq!(table.origin(10, "runc", AT), None);
        assert!(started(&mut table, 10, &exec("/server", RUNTIME)).is_some());
    }
    let mut table = ProcessTable::born();
    let mut memfd = exec("/anything", RUNTIME);
    memfd.place.memfd = true;
    assert_eq!(started(&mut table, 10, &memfd), None);
}

#[test]
fn the_server_cannot_pass_for_the_runtime_running_itself() {
    let mut table = served();
    table.fork(12, "server", 13, AT);
    let mut fileless = exec("/proc/self/fd/3", RUNTIME);
    fileless.place.memfd = true;
    assert_eq!(
        started(&mut table, 13, &fileless),
        program(Origin::Server, "/server", "memfd")
    );
}

#[test]
fn hooks_of_the_set_up_are_not_the_entrypoint() {
    let mut table = ProcessTable::born();
    table.origin(10, "runc:[2:INIT]", AT);
    table.fork(10, "runc:[2:INIT]", 11, AT);
    assert_eq!(
        started(&mut table, 11, &exec("/usr/bin/nvidia-ctk", 10)),
        None
    );
    assert_eq!(table.origin(11, "nvidia-ctk", AT), None);
    table.exit(11);
    assert_eq!(
        started(&mut table, 10, &exec("/server", RUNTIME)),
        program(Origin::Server, "entrypoint", "/server")
    );
}

#[test]
fn later_set_up_leads_to_commands_of_the_runtime_and_their_children() {
    let mut table = served();
    assert!(!table.take_runtime_activity());
    assert_eq!(table.origin(20, "runc:[2:INIT]", AT), None);
    assert_eq!(
        started(&mut table, 20, &exec("/bin/sh", RUNTIME)),
        program(Origin::Runtime, "runtime", "/bin/sh")
    );
    table.fork(20, "sh", 21, AT);
    assert_eq!(
        started(&mut table, 21, &exec("/usr/bin/curl", 20)),
        program(Origin::Runtime, "/bin/sh", "/usr/bin/curl")
    );
    assert_eq!(
        (table.exit(21), table.exit(20)),
        (Ended::Runtime, Ended::Runtime)
    );
    assert!(table.take_runtime_activity());
    assert!(!table.take_runtime_activity());
}

#[test]
fn children_of_the_server_are_the_servers_with_and_without_exec() {
    let mut table = served();
    table.fork(12, "server", 13, AT);
    assert_eq!(table.origin(13, "worker", AT), Some(Origin::Server));
    assert_eq!(
        started(&mut table, 13, &exec("/bin/sh", 12)),
        program(Origin::Server, "/server", "/bin/sh")
    );
    // A second exec of one process: what it ran before is what started it.
    assert_eq!(
        started(&mut table, 13, &exec("/bin/id", 12)),
        program(Origin::Server, "/bin/sh", "/bin/id")
    );
    // Its fork was not reported, but its parent is known.
    assert_eq!(
        started(&mut table, 14, &exec("/bin/ls", 13)),
        program(Origin::Server, "/bin/id", "/bin/ls")
    );
}

#[test]
fn a_child_made_into_the_container_from_outside_is_set_up_and_its_maker_stays_out() {
    let mut table = served();
    assert_eq!(table.fork(500, "crun", 20, AT), None);
    assert_eq!(table.len(), 2);
    assert_eq!(
        started(&mut table, 20, &exec("/bin/sh", RUNTIME)),
        program(Origin::Runtime, "runtime", "/bin/sh")
    );
    table.exit(20);
    table.take_runtime_activity();
    assert!(!table.take_runtime_activity());
}

#[test]
fn after_a_loss_unknown_processes_are_the_servers() {
    let mut table = served();
    assert_eq!(table.origin(30, "x", AT), None);
    table.note_loss();
    assert_eq!(table.origin(30, "x", AT), Some(Origin::Server));
    assert_eq!(table.origin(31, "x", AT), Some(Origin::Server));
    assert_eq!(
        started(&mut table, 31, &exec("/bin/sh", 999)),
        program(Origin::Server, "unknown", "/bin/sh")
    );
    // The runtime as parent is evidence enough.
    assert_eq!(
        started(&mut table, 32, &exec("/bin/sh", RUNTIME)),
        program(Origin::Runtime, "runtime", "/bin/sh")
    );
}

#[test]
fn after_a_resync_unknown_processes_are_set_up_again() {
    let mut table = served();
    table.fork(12, "server", 13, AT);
    table.note_loss();
    let known = |pid, parent| Known {
        pid,
        parent,
        exe: "/server".to_owned(),
        ..Known::default()
    };
    table.resync(&[known(12, RUNTIME), known(14, 12)]);
    assert_eq!(table.len(), 2);
    assert_eq!(table.origin(14, "worker", AT), Some(Origin::Server));
    assert_eq!(table.origin(20, "runc:[2:INIT]", AT), None);
    assert_eq!(table.exit(12), Ended::Entrypoint);
}

#[test]
fn a_fork_is_a_copy_until_it_executes_something() {
    let mut table = served();
    table.fork(12, "server", 13, AT);
    table.fork(13, "server", 14, AT);
    assert!(!table.is_copy(12) && table.is_copy(13) && table.is_copy(14));
    started(&mut table, 13, &exec("/usr/bin/git", 12));
    assert!(!table.is_copy(13) && table.is_copy(14));
    assert!(!table.is_copy(99), "nothing is known of it");
}

#[test]
fn a_reused_pid_is_a_new_process() {
    let mut table = served();
    table.fork(12, "server", 13, AT);
    table.exit(13);
    assert_eq!(table.origin(13, "runc:[2:INIT]", AT), None);
}

#[test]
fn containers_older_than_the_agent_start_from_a_list() {
    let known = |pid, parent, exe: &str, started| Known {
        pid,
        parent,
        exe: exe.to_owned(),
        comm: "x".to_owned(),
        argv: vec![exe.to_owned()],
        started: Moment(started),
        is_copy: started == 5,
    };
    let mut table = ProcessTable::existing(&[
        known(32, 31, "/bin/ls", 9),
        known(31, RUNTIME, "/bin/sh", 8),
        known(11, 10, "/worker", 5),
        known(10, RUNTIME, "/server", 5),
    ]);
    for (pid, origin) in [
        (10, Origin::Server),
        (11, Origin::Server),
        (31, Origin::Runtime),
        (32, Origin::Runtime),
    ] {
        assert_eq!(table.origin(pid, "x", AT), Some(origin), "{pid}");
    }
    assert!(table.is_copy(11) && !table.is_copy(32));
    assert_eq!(
        started(&mut table, 40, &exec("/bin/sh", RUNTIME)),
        program(Origin::Runtime, "runtime", "/bin/sh")
    );
    assert_eq!(
        started(&mut table, 11, &exec("/bin/sh", 10)),
        program(Origin::Server, "/worker", "/bin/sh")
    );
    assert_eq!(table.exit(10), Ended::Entrypoint);
}

#[test]
fn ancestry_is_short_and_outlives_its_processes() {
    let mut table = served();
    for pid in 12..40 {
        table.fork(pid, "server", pid + 1, AT);
    }
    let pids: Vec<u32> = table
        .ancestry(40)
        .iter()
        .map(|process| process.pid)
        .collect();
    assert_eq!(pids, (32..40).rev().collect::<Vec<_>>());
    assert_eq!(table.info(40).exe, "/server");
    table.exit(39);
    assert_eq!(table.ancestry(40)[0].pid, 39);
}

#[test]
fn the_table_is_bounded_and_counts_what_it_forgets() {
    let mut table = served();
    let more = 50;
    for pid in 0..u32::try_from(CAPACITY).unwrap() + more {
        table.fork(12, "server", 1000 + pid, AT);
    }
    assert!(table.processes.len() <= CAPACITY);
    assert!(table.evicted() >= u64::from(more));
    assert_eq!(table.origin(12, "server", AT), Some(Origin::Server));
    // A forgotten child of the server's does not become set-up.
    assert_eq!(table.origin(1000, "server", AT), Some(Origin::Server));
}

#[derive(Clone, Debug)]
enum Step {
    Fork(u32, u32),
    Exec(u32, u32),
    Exit(u32),
    Act(u32),
    Loss,
    Resync(Vec<(u32, u32)>),
}

fn step() -> impl Strategy<Value = Step> {
    let pid = 2..20_u32;
    prop_oneof![
        (pid.clone(), pid.clone()).prop_map(|(a, b)| Step::Fork(a, b)),
        (pid.clone(), 1..20_u32).prop_map(|(a, b)| Step::Exec(a, b)),
        pid.clone().prop_map(Step::Exit),
        pid.clone().prop_map(Step::Act),
        Just(Step::Loss),
        prop::collection::vec((pid.clone(), pid), 0..6).prop_map(Step::Resync),
    ]
}

proptest! {
    #[test]
    fn any_sequence_keeps_the_table_sound(steps in prop::collection::vec(step(), 0..80)) {
        let mut table = ProcessTable::born();
        for step in steps {
            match step {
                Step::Fork(a, b) => { table.fork(a, "x", b, AT); }
                Step::Exec(a, b) => { table.exec(a, "x", &exec("/x", b), AT); }
                Step::Exit(a) => { table.exit(a); }
                Step::Act(a) => { table.origin(a, "x", AT); }
                Step::Loss => table.note_loss(),
                Step::Resync(known) => table.resync(&known.into_iter().map(|(pid, parent)| Known {
                    pid, parent, ..Known::default()
                }).collect::<Vec<_>>()),
            }
            for (pid, serial) in &table.live {
                prop_assert_eq!(table.processes[serial].pid, *pid);
            }
            prop_assert_eq!(table.processes.len(), table.live.len() + table.ended.len());
            for (serial, process) in &table.processes {
                prop_assert!(process.parent.is_none_or(|parent| parent < *serial));
                prop_assert!(table.ancestry(process.pid).len() <= MAX_ANCESTRY);
            }
        }
    }
}
