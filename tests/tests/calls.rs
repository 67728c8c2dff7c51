//! Evidence of system calls.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use picket_tests::agent::{Agent, Home};
use picket_tests::docker::{Container, Run};
use picket_tests::image;
use picket_tests::suite::{Fixture, Suite};

fn main() -> ExitCode {
    Suite::<Post>::default()
        .test("refused_privileged_calls_are_told_in_words", privileged)
        .test("texts_tell_calls_apart", texts)
        .run()
}

/// A running agent and an image with Python.
struct Post {
    agent: Agent,
    python: String,
    home: Home,
}

impl Fixture for Post {
    fn create() -> Result<Self> {
        let python = image::provide(image::MODEL_SERVER)?;
        let home = Home::create()?;
        Ok(Self {
            agent: Agent::start(&home)?,
            python,
            home,
        })
    }

    fn evidence(&self) -> String {
        self.home.evidence()
    }
}

/// What the programs below begin with: system calls by number (x86-64's, arm64's) without a wrapper.
const PREAMBLE: &str = "
import ctypes, os, platform, time
libc = ctypes.CDLL(None, use_errno=True)
x86 = platform.machine() == 'x86_64'
def call(numbers, *arguments):
    words = [a if isinstance(a, bytes) else ctypes.c_long(a) for a in arguments]
    return libc.syscall(ctypes.c_long(numbers[0 if x86 else 1]), *words)
";

impl Post {
    fn python(&self, name: &str, program: &str) -> Result<Container> {
        let program = format!("{PREAMBLE}{program}\ntime.sleep(300)\n");
        Container::start(&Run {
            image: &self.python,
            name,
            network: None,
            environment: &[],
            command: &["python3", "-c", &program],
        })
    }
}

fn privileged(post: &mut Post) -> Result<()> {
    let program = "
call((272, 97), 0x10000000)            # unshare(CLONE_NEWUSER)
call((308, 268), 0, 0x20000)           # setns(0, CLONE_NEWNS)
call((165, 40), b'proc', b'/mnt', b'proc', 0, 0)
call((155, 41), b'/new', b'/old')      # pivot_root
call((321, 280), 5, 0, 0)              # bpf(PROG_LOAD)
call((101, 117), 16, 999999999, 0, 0)  # ptrace(ATTACH)
call((250, 219), 0, 0, 0)              # keyctl(GET_KEYRING_ID)
call((298, 241), 0, 0, -1, -1, 0)      # perf_event_open
call((323, 282), 0)                    # userfaultfd
call((175, 105), 0, 0, b'evil=1')      # init_module
call((310, 270), 999999999, 0, 0, 0, 0, 0)  # process_vm_readv
call((56, 220), 0x10000011, 0, 0, 0, 0)     # clone(CLONE_NEWUSER|SIGCHLD)
call((135, 92), 0x0040000)             # personality(ADDR_NO_RANDOMIZE)
call((135, 92), 0xffffffff)";
    let container = post.python("privileged", program)?;
    for (fact, raw) in [
        ("unshare CLONE_NEWUSER denied EPERM", "unshare("),
        ("setns CLONE_NEWNS denied EPERM", "setns(0, "),
        ("mount denied EPERM", r#"mount("proc", "/mnt", "proc")"#),
        (
            "pivot_root denied EPERM",
            r#"pivot_root("/new", "/old", 0x"#,
        ),
        ("bpf PROG_LOAD denied EPERM", "bpf(PROG_LOAD, "),
        ("ptrace ATTACH failed ESRCH", "ptrace(ATTACH, 999999999, "),
        ("keyctl GET_KEYRING_ID denied EPERM", "keyctl("),
        (
            "perf_event_open denied EPERM",
            "perf_event_open(0x0, 0, -1)",
        ),
        ("userfaultfd denied EPERM", "userfaultfd("),
        ("init_module denied EPERM", r#""evil=1""#),
        (
            "process_vm_readv denied EPERM",
            "process_vm_readv(999999999, ",
        ),
        ("clone CLONE_NEWUSER denied EPERM", "clone(CLONE_NEWUSER, "),
        ("personality ADDR_NO_RANDOMIZE", "personality("),
    ] {
        post.agent
            .await_evidence(&container.name, "privileged", |it| {
                it.fact.starts_with(fact) && it.raw.contains(raw)
            })?;
    }
    let evidence = post.agent.evidence(&container.name)?;
    let asked = evidence.iter().filter(|it| it.fact == "personality ok");
    ensure!(asked.count() == 0, "{evidence:#?}");
    Ok(())
}

/// A buffer used twice is one address, but what it holds is not one thing.
fn texts(post: &mut Post) -> Result<()> {
    let program = "
target = ctypes.create_string_buffer(64)
for name in (b'/first', b'/second', b'/first'):
    target.value = name
    libc.umount2(target, 2)";
    let container = post.python("texts", program)?;
    let of = |name: &str| format!(r#"umount2("{name}", MNT_DETACH, "#);
    for name in ["/first", "/second"] {
        let raw = of(name);
        post.agent
            .await_evidence(&container.name, "privileged", |it| it.raw.starts_with(&raw))?;
    }
    let evidence = post.agent.evidence(&container.name)?;
    let first = evidence
        .iter()
        .filter(|it| it.raw.starts_with(&of("/first")));
    ensure!(first.count() == 1, "{evidence:#?}");
    Ok(())
}
