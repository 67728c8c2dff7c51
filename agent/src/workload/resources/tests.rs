#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use super::*;

const SECOND: u64 = 1_000_000_000;

fn write(root: &Path, path: &str, content: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Version 2 at `unified`, and these controllers of version 1 beside it.
fn host(root: &Path, legacy: &[Controller]) -> Hierarchy {
    let mounts = legacy
        .iter()
        .map(|it| (*it, root.join(it.name())))
        .collect();
    Hierarchy::at(root.join("unified")).with_legacy(mounts)
}

#[test]
fn version_2_alone_tells_everything() {
    let root = tempfile::tempdir().unwrap();
    let hierarchy = host(root.path(), &[]);
    let write = |name: &str, content: &str| {
        write(root.path(), &format!("unified/docker/x/{name}"), content);
    };
    write("cgroup.procs", "");
    write(
        "cpu.stat",
        "usage_usec 10\nuser_usec 6\nsystem_usec 4\nthrottled_usec 1\n",
    );
    write("memory.current", "4096\n");
    write("memory.peak", "8192\n");
    write(
        "memory.stat",
        "anon 1000\nfile 2000\npgfault 7\npgmajfault 2\n",
    );
    write("memory.events", "low 0\noom 1\noom_kill 0\n");
    write("io.stat", "8:0 rbytes=5 wbytes=6 rios=1 wios=1\n");
    write("pids.current", "3\n");
    write("io.pressure", "some avg10=0.00 total=9\n");
    let mut account = Account::open("/docker/x", Moment(0));
    let first = account.window(&hierarchy, Moment(SECOND), SECOND);
    assert_eq!((first.cpu_ns, first.memory_bytes), (None, Some(4096)));

    write(
        "cpu.stat",
        "usage_usec 30\nuser_usec 20\nsystem_usec 10\nthrottled_usec 5\n",
    );
    write(
        "memory.stat",
        "anon 1500\nfile 2500\npgfault 27\npgmajfault 7\n",
    );
    write("memory.events", "low 0\noom 2\noom_kill 1\n");
    write("io.stat", "8:0 rbytes=105 wbytes=206\n");
    write("io.pressure", "some avg10=0.00 total=19\n");
    let second = account.window(&hierarchy, Moment(2 * SECOND), SECOND);
    let expected = Resources {
        cpu_ns: Some(20_000),
        cpu_user_ns: Some(14_000),
        cpu_system_ns: Some(6000),
        throttled_ns: Some(4000),
        memory_bytes: Some(4096),
        memory_peak_bytes: Some(8192),
        memory_anon_bytes: Some(1500),
        memory_file_bytes: Some(2500),
        minor_faults: Some(15),
        major_faults: Some(5),
        io_read_bytes: Some(100),
        io_written_bytes: Some(200),
        tasks: Some(3),
        io_stalled_ns: Some(10_000),
        oom_kills: Some(1),
        ..Resources::default()
    };
    assert_eq!(second, expected);

    fs::remove_dir_all(root.path().join("unified/docker/x")).unwrap();
    let gone = account.window(&hierarchy, Moment(3 * SECOND), SECOND);
    assert_eq!(gone, Resources::default());
}

#[test]
fn controllers_of_version_1_are_read_where_they_are() {
    let root = tempfile::tempdir().unwrap();
    let all = [
        Controller::Cpu,
        Controller::Memory,
        Controller::Io,
        Controller::Pids,
    ];
    let hierarchy = host(root.path(), &all);
    let write = |path: &str, content: &str| write(root.path(), path, content);
    write("unified/docker/x/cpu.stat", "usage_usec 10\n");
    let mut account = Account::open("/docker/x", Moment(0));
    // The runtime has not made them yet.
    let early = account.window(&hierarchy, Moment(SECOND), SECOND);
    assert_eq!(early.memory_bytes, None);

    write(
        "cpu/docker/x/cpu.stat",
        "nr_throttled 0\nthrottled_time 7\n",
    );
    write("memory/docker/x/memory.usage_in_bytes", "4096\n");
    write("memory/docker/x/memory.max_usage_in_bytes", "8192\n");
    write(
        "memory/docker/x/memory.stat",
        "rss 1\ntotal_rss 1000\ntotal_cache 2000\ntotal_pgfault 7\ntotal_pgmajfault 2\n",
    );
    write(
        "memory/docker/x/memory.oom_control",
        "under_oom 0\noom_kill 4\n",
    );
    write(
        "blkio/docker/x/blkio.throttle.io_service_bytes_recursive",
        "8:0 Read 5\n8:0 Write 6\nTotal 11\n",
    );
    write("pids/docker/x/pids.current", "3\n");
    account.window(&hierarchy, Moment(2 * SECOND), SECOND);
    write(
        "cpu/docker/x/cpu.stat",
        "nr_throttled 0\nthrottled_time 9\n",
    );
    write(
        "blkio/docker/x/blkio.throttle.io_service_bytes_recursive",
        "8:0 Read 15\n8:0 Write 26\nTotal 41\n",
    );
    let window = account.window(&hierarchy, Moment(3 * SECOND), SECOND);
    let expected = Resources {
        cpu_ns: Some(0),
        throttled_ns: Some(2),
        memory_bytes: Some(4096),
        memory_peak_bytes: Some(8192),
        memory_anon_bytes: Some(1000),
        memory_file_bytes: Some(2000),
        minor_faults: Some(0),
        major_faults: Some(0),
        io_read_bytes: Some(10),
        io_written_bytes: Some(20),
        tasks: Some(3),
        oom_kills: Some(0),
        ..Resources::default()
    };
    assert_eq!(window, expected);
}

#[test]
fn a_process_knows_where_it_is_under_version_1() {
    let hierarchy = host(Path::new("/cg"), &[Controller::Memory, Controller::Pids]);
    let found = legacy_of("4:memory:/pod/x\n3:pids:/\n0::/docker/x\n", &hierarchy);
    let expected = BTreeMap::from([(Controller::Memory, PathBuf::from("/cg/memory/pod/x"))]);
    assert_eq!(found, expected);
    assert!(legacy_of("", &hierarchy).is_empty());
}
