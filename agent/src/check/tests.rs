#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;

use caps::Capability;
use tempfile::TempDir;

use super::*;
use crate::probe::Attachment;
use crate::probe::programs::PROGRAMS;

const MOUNTS: &str = "\
25 30 0:23 / /proc rw,relatime shared:14 - proc proc rw
35 25 0:31 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw
36 25 0:32 / /sys/fs/bpf rw,relatime shared:9 - bpf bpf rw
";

fn write(root: &Path, path: &str, content: impl AsRef<[u8]>) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// A machine with everything, the socket of an answering Docker excepted.
fn machine() -> (TempDir, Host) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    write(root, "sys/kernel/btf/vmlinux", [0x9f, 0xeb, 1, 0]);
    write(
        root,
        "sys/kernel/security/lockdown",
        "none [integrity] confidentiality\n",
    );
    write(root, "proc/sys/kernel/unprivileged_bpf_disabled", "2\n");
    write(root, "proc/self/mountinfo", MOUNTS);
    write(root, "proc/self/cgroup", "1:cpu:/\n0::/picket\n");
    write(
        root,
        "sys/fs/cgroup/unified/picket/memory.max",
        "268435456\n",
    );
    fs::create_dir_all(root.join("run/containerd/io.containerd.runtime.v2.task/k8s.io")).unwrap();
    fs::create_dir_all(root.join("var/lib/picket")).unwrap();
    let host = Host {
        root: root.to_owned(),
        kernel: "6.1.0-13-amd64".to_owned(),
        architecture: "x86_64".to_owned(),
        uid: 0,
        capabilities: caps::all(),
        memlock: Some(8 << 20),
    };
    (dir, host)
}

fn config() -> Config {
    Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        ..Config::default()
    }
}

fn report(host: &Host) -> Report {
    check(host, &config(), None)
}

fn line<'r>(report: &'r Report, what: &str) -> &'r Line {
    let found = report.checks.iter().find(|line| line.what == what);
    found.unwrap_or_else(|| panic!("no line {what:?} in {report:#?}"))
}

/// The level of `what` and its whole text.
fn said(host: &Host, what: &str) -> (Level, String) {
    let report = report(host);
    let line = line(&report, what);
    assert_eq!(report.can_run, line.level != Level::Fail);
    assert_eq!(line.advice.is_empty(), line.level == Level::Ok, "{line:?}");
    (line.level, format!("{} -> {}", line.finding, line.advice))
}

#[test]
fn a_machine_with_everything_is_ok_throughout() {
    let (_dir, host) = machine();
    let report = report(&host);
    assert!(report.can_run);
    for line in &report.checks {
        assert_eq!(line.level, Level::Ok, "{line:?}");
    }
}

#[test]
fn an_old_kernel_fails() {
    let (_dir, mut host) = machine();
    host.kernel = "5.4.0-150-generic".to_owned();
    let (level, text) = said(&host, "kernel");
    assert_eq!(level, Level::Fail);
    assert_eq!(
        text,
        "5.4.0-150-generic is older than 5.8 -> run a kernel from 5.8 on"
    );
    for good in ["5.8.0", "5.15-rc1", "10.0"] {
        host.kernel = good.to_owned();
        assert_eq!(said(&host, "kernel").0, Level::Ok, "{good}");
    }
    host.kernel = "custom".to_owned();
    assert_eq!(said(&host, "kernel").0, Level::Warn);
}

#[test]
fn another_architecture_fails() {
    let (_dir, mut host) = machine();
    host.architecture = "riscv64".to_owned();
    assert_eq!(said(&host, "architecture").0, Level::Fail);
}

#[test]
fn no_or_broken_btf_fails() {
    let (dir, host) = machine();
    write(dir.path(), "sys/kernel/btf/vmlinux", "ELF");
    let (level, text) = said(&host, "btf");
    assert_eq!(level, Level::Fail);
    assert!(text.contains("does not begin like BTF"), "{text}");

    fs::remove_file(dir.path().join("sys/kernel/btf/vmlinux")).unwrap();
    let (level, text) = said(&host, "btf");
    assert_eq!(level, Level::Fail);
    assert!(text.contains("CONFIG_DEBUG_INFO_BTF=y"), "{text}");
}

#[test]
fn lockdown_is_reported() {
    let (dir, host) = machine();
    assert_eq!(said(&host, "lockdown").1, "integrity -> ");
    write(
        dir.path(),
        "sys/kernel/security/lockdown",
        "none integrity [confidentiality]",
    );
    assert_eq!(said(&host, "lockdown").0, Level::Warn);
    fs::remove_file(dir.path().join("sys/kernel/security/lockdown")).unwrap();
    let (level, text) = said(&host, "lockdown");
    assert_eq!(level, Level::Ok);
    assert!(text.starts_with("unknown"), "{text}");
}

#[test]
fn missing_capabilities_fail_or_warn() {
    let (_dir, mut host) = machine();
    for (capability, level) in [
        (Capability::CAP_BPF, Level::Fail),
        (Capability::CAP_PERFMON, Level::Fail),
        (Capability::CAP_NET_ADMIN, Level::Warn),
        (Capability::CAP_SYS_PTRACE, Level::Warn),
        (Capability::CAP_DAC_READ_SEARCH, Level::Warn),
    ] {
        host.capabilities = caps::all();
        host.capabilities.remove(&Capability::CAP_SYS_ADMIN);
        host.capabilities.remove(&capability);
        assert_eq!(
            said(&host, &capability.to_string()).0,
            level,
            "{capability}"
        );
    }
}

#[test]
fn sys_admin_stands_in_for_bpf_perfmon_and_net_admin() {
    let (_dir, mut host) = machine();
    host.capabilities = [Capability::CAP_SYS_ADMIN].into_iter().collect();
    for what in ["CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"] {
        assert_eq!(said(&host, what).0, Level::Ok, "{what}");
    }
    assert_eq!(said(&host, "CAP_SYS_PTRACE").0, Level::Warn);
}

#[test]
fn another_user_is_warned() {
    let (_dir, mut host) = machine();
    host.uid = 65534;
    assert_eq!(said(&host, "user").0, Level::Warn);
}

#[test]
fn no_cgroup_v2_fails() {
    let (dir, host) = machine();
    let v1 = "35 25 0:31 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n";
    write(dir.path(), "proc/self/mountinfo", v1);
    let (level, text) = said(&host, "cgroup v2");
    assert_eq!(level, Level::Fail);
    assert!(text.contains("mount -t cgroup2"), "{text}");
    assert!(
        line(&report(&host), "bpffs")
            .finding
            .starts_with("not mounted")
    );

    fs::remove_file(dir.path().join("proc/self/mountinfo")).unwrap();
    assert_eq!(said(&host, "cgroup v2").0, Level::Fail);
}

#[test]
fn a_tight_memory_limit_is_warned() {
    let (dir, host) = machine();
    assert_eq!(said(&host, "memory limit").1, "256 MiB -> ");
    write(
        dir.path(),
        "sys/fs/cgroup/unified/picket/memory.max",
        "33554432\n",
    );
    assert_eq!(said(&host, "memory limit").0, Level::Warn);
    write(
        dir.path(),
        "sys/fs/cgroup/unified/picket/memory.max",
        "max\n",
    );
    assert_eq!(said(&host, "memory limit").1, "none found -> ");
}

#[test]
fn old_kernels_count_maps_as_locked_memory() {
    let (_dir, mut host) = machine();
    host.kernel = "5.10.0".to_owned();
    assert_eq!(said(&host, "bpf memory").0, Level::Ok);
    host.capabilities.remove(&Capability::CAP_SYS_RESOURCE);
    let (level, text) = said(&host, "bpf memory");
    assert_eq!(level, Level::Warn);
    assert!(text.contains("8192 KiB"), "{text}");
}

#[test]
fn no_runtime_is_warned() {
    let (dir, host) = machine();
    fs::remove_dir_all(dir.path().join("run/containerd")).unwrap();
    let (level, text) = said(&host, "runtime");
    assert_eq!(level, Level::Warn);
    assert!(text.contains("runtime_dirs"), "{text}");
}

#[test]
fn a_wrong_runtime_dir_is_named() {
    let (_dir, host) = machine();
    let config = Config {
        runtime_dirs: vec!["/run/elsewhere".into()],
        ..config()
    };
    let report = check(&host, &config, None);
    let wrong = report.checks.iter().find(|line| line.level == Level::Warn);
    assert!(wrong.unwrap().finding.contains("/run/elsewhere"));
}

#[test]
fn docker_is_asked() {
    let (dir, host) = machine();
    let config = Config {
        docker_socket: "/run/docker.sock".into(),
        ..config()
    };
    for (answer, level) in [
        ("HTTP/1.1 200 OK\r\n\r\nOK", Level::Ok),
        ("HTTP/1.1 500 no", Level::Warn),
    ] {
        let path = dir.path().join("run/docker.sock");
        let _ = fs::remove_file(&path);
        let listener = UnixListener::bind(path).unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 256];
            let length = stream.read(&mut request).unwrap();
            assert!(request[..length].starts_with(b"GET /_ping "));
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let report = check(&host, &config, None);
        server.join().unwrap();
        assert_eq!(line(&report, "docker").level, level, "{answer}");
    }
    // The socket is still there, but nobody listens any more.
    let report = check(&host, &config, None);
    assert_eq!(line(&report, "docker").level, Level::Warn);
}

#[cfg(feature = "cri")]
#[test]
fn container_runtimes_are_tried() {
    let (dir, host) = machine();
    let config = Config {
        cri_sockets: vec!["/run/cri.sock".into()],
        ..config()
    };
    let report = check(&host, &config, None);
    let absent = line(&report, "cri");
    assert_eq!(absent.level, Level::Warn);
    assert!(absent.finding.contains("/run/cri.sock"), "{absent:?}");
    let _listener = UnixListener::bind(dir.path().join("run/cri.sock")).unwrap();
    let report = check(&host, &config, None);
    assert_eq!(line(&report, "cri").level, Level::Ok);
}

#[cfg(not(feature = "cri"))]
#[test]
fn a_build_that_asks_no_container_runtimes_says_so() {
    let (_dir, host) = machine();
    let config = Config {
        cri_sockets: vec!["/run/cri.sock".into()],
        ..config()
    };
    let report = check(&host, &config, None);
    let line = line(&report, "cri");
    assert_eq!(line.level, Level::Warn);
    assert!(line.finding.contains("this build"), "{line:?}");
}

#[test]
fn a_state_dir_that_is_a_file_is_warned() {
    let (dir, host) = machine();
    fs::remove_dir(dir.path().join("var/lib/picket")).unwrap();
    assert!(said(&host, "state_dir").1.contains("will be created"));
    write(dir.path(), "var/lib/picket", "a file");
    assert_eq!(said(&host, "state_dir").0, Level::Warn);
}

#[test]
fn an_address_in_use_is_warned_unless_an_agent_runs() {
    let (dir, host) = machine();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = Config {
        listen: taken.local_addr().unwrap(),
        socket: "/run/picket.sock".into(),
        ..config()
    };
    let alone = check(&host, &config, None);
    assert_eq!(line(&alone, "listen").level, Level::Warn);
    assert_eq!(line(&alone, "agent").finding, "not running");

    let _agent = UnixListener::bind(dir.path().join("run/picket.sock")).unwrap();
    let beside_an_agent = check(&host, &config, None);
    assert_eq!(line(&beside_an_agent, "listen").level, Level::Ok);
    assert!(
        line(&beside_an_agent, "agent")
            .finding
            .starts_with("running")
    );
}

/// A trial in which only these programs are refused.
fn refusing(refused: &[&str]) -> Result<Trial, ProbeError> {
    let programs = PROGRAMS.iter().map(|program| Attachment {
        probe: program.name,
        error: refused
            .contains(&program.name)
            .then(|| "no such hook".to_owned()),
    });
    Ok(Trial {
        programs: programs.collect(),
        idle: Vec::new(),
        maps: vec![MapSize {
            name: "ROW".to_owned(),
            kind: "percpu_array",
            entries: 128,
            entry_bytes: 4,
            per_cpu: true,
            kernel_bytes: 3 << 20,
        }],
    })
}

#[test]
fn each_program_says_what_it_serves_and_what_is_lost_without_it() {
    let (_dir, host) = machine();
    let report = check(&host, &config(), Some(|_| refusing(&["connect6"])));
    assert!(report.can_run);
    for program in PROGRAMS {
        let line = line(&report, &format!("probe {}", program.name));
        let refused = program.name == "connect6";
        assert_eq!(line.level == Level::Warn, refused);
        assert!(line.finding.contains(program.serves), "{line:?}");
        assert!(line.finding.contains(program.without), "{line:?}");
        assert_eq!(line.finding.contains("no such hook"), refused);
    }
    let names: Vec<_> = report.programs.iter().map(|it| it.name).collect();
    let all: Vec<_> = PROGRAMS.iter().map(|it| it.name).collect();
    assert_eq!(names, all);
    let refused = report.programs.iter().filter(|it| !it.loads);
    assert_eq!(refused.map(|it| it.name).collect::<Vec<_>>(), ["connect6"]);
    assert!(line(&report, "probe maps").finding.contains("3 MiB"));
}

#[test]
fn without_an_essential_program_the_probe_cannot_run() {
    let (_dir, host) = machine();
    let report = check(&host, &config(), Some(|_| refusing(&["sys_exit"])));
    assert_eq!(line(&report, "probe sys_exit").level, Level::Fail);
    assert!(!report.can_run);

    let report = check(&host, &config(), Some(|_| Err(ProbeError::NotBuilt)));
    assert_eq!(line(&report, "probe").level, Level::Fail);
    assert!(!report.can_run && report.programs.is_empty());
}

#[test]
fn a_program_that_nothing_attaches_is_named() {
    let (_dir, host) = machine();
    let trial: ProbeTrial = |_| {
        refusing(&[]).map(|trial| Trial {
            idle: vec!["forgotten".to_owned()],
            ..trial
        })
    };
    let report = check(&host, &config(), Some(trial));
    assert_eq!(line(&report, "probe forgotten").level, Level::Warn);
}
