//! Evidence of system calls.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use picket_tests::agent::{Agent, Home};
use picket_tests::docker::{Container, Run};
use picket_tests::image;
use picket_tests::suite::{Fixture, Suite};
use picket_tests::wait;

fn main() -> ExitCode {
    Suite::<Post>::default()
        .test("refused_privileged_calls_are_told_in_words", privileged)
        .test("texts_tell_calls_apart", texts)
        .test("a_new_sequence_of_calls_is_reported_once", sequence)
        .test("threads_do_not_mix_in_sequences", interleaved)
        .test("the_most_active_threads_are_named", threads)
        .test("operations_of_io_uring_are_seen", uring)
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
        self.python_with(name, program, &[])
    }

    fn python_with(&self, name: &str, program: &str, options: &[&str]) -> Result<Container> {
        let program = format!("{PREAMBLE}{program}\ntime.sleep(300)\n");
        let run = Run {
            image: &self.python,
            name,
            network: None,
            environment: &[],
            command: &["python3", "-c", &program],
        };
        Container::start_with(&run, options)
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
        ("pivot_root denied EPERM", r#"pivot_root("/new", "/old") "#),
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
    let of = |name: &str| format!(r#"umount2("{name}", MNT_DETACH) "#);
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

/// Calls that nothing else in the program makes in this order.
fn sequence(post: &mut Post) -> Result<()> {
    let program = "
for _ in range(200):
    call((110, 173))        # getppid
    call((124, 156), 0)     # getsid
    call((140, 141), 0, 0)  # getpriority";
    let container = post.python("sequence", program)?;
    let (two, three) = ("getppid > getsid", "getppid > getsid > getpriority");
    for fact in [two, three, "getpriority > getppid > getsid"] {
        post.agent
            .await_evidence(&container.name, "sequence", |it| it.fact == fact)?;
    }
    post.agent.await_windows(2)?;
    let evidence = post.agent.evidence(&container.name)?;
    let times = evidence.iter().filter(|it| it.fact == three).count();
    ensure!(times == 1, "{three} was reported {times} times");
    Ok(())
}

/// Two threads by turns, each with calls of its own.
fn interleaved(post: &mut Post) -> Result<()> {
    let program = "
import threading
left, right = threading.Semaphore(1), threading.Semaphore(0)
def work(mine, others, numbers):
    for _ in range(200):
        mine.acquire()
        call(numbers)
        others.release()
threads = [threading.Thread(target=work, args=arguments) for arguments in (
    (left, right, (110, 173)),   # getppid
    (right, left, (111, 155)))]  # getpgrp, getpgid
for thread in threads: thread.start()
for thread in threads: thread.join()
call((140, 141), 0, 0)           # getpriority
call((145, 120), 0)              # sched_getscheduler
call((140, 141), 0, 0)";
    let container = post.python("interleaved", program)?;
    for fact in [
        "getppid > getppid > getppid",
        "getpriority > sched_getscheduler > getpriority",
    ] {
        post.agent
            .await_evidence(&container.name, "sequence", |it| it.fact == fact)?;
    }
    let evidence = post.agent.evidence(&container.name)?;
    let mixed = evidence.iter().find(|it| {
        it.family == "sequence" && it.fact.contains("getppid") && it.fact.contains("getpg")
    });
    ensure!(mixed.is_none(), "{mixed:?}");
    Ok(())
}

fn threads(post: &mut Post) -> Result<()> {
    let program = "
import threading
def spin():
    libc.prctl(15, b'spinner', 0, 0, 0)
    while True:
        for _ in range(100): os.getppid()
        call((3, 57), -1)  # close
        time.sleep(0.001)
threading.Thread(target=spin).start()";
    let container = post.python("threads", program)?;
    let busiest = wait::until("the busiest thread", Duration::from_secs(20), || {
        let view = post.agent.container(&container.name)?;
        let first = view["threads"][0].clone();
        Ok((first["comm"] == "spinner").then_some(first))
    })?;
    let (calls, errors) = (busiest["calls"].as_u64(), busiest["errors"].as_u64());
    let (Some(calls), Some(errors)) = (calls, errors) else {
        bail!("{busiest}");
    };
    // A hundred calls that work, one that does not, one to wait.
    ensure!(errors > 0 && calls > 50 * errors, "{busiest}");
    Ok(())
}

/// What is submitted to a ring is no system call of its own.
fn uring(post: &mut Post) -> Result<()> {
    let program = "
import struct
libc.mmap.restype = ctypes.c_void_p
def shared(length, offset):
    return libc.mmap(None, ctypes.c_size_t(length), 3, 0x8001, ring, ctypes.c_long(offset))
parameters = ctypes.create_string_buffer(120)
ring = call((425, 425), 4, ctypes.addressof(parameters))
assert ring >= 0, os.strerror(ctypes.get_errno())
entries, = struct.unpack_from('I', parameters)
tail, mask, array = (struct.unpack_from('I', parameters, at)[0] for at in (44, 48, 64))
queue, requests = shared(array + 4 * entries, 0), shared(64 * entries, 0x10000000)
def word(at): return ctypes.c_uint32.from_address(queue + at)
path = ctypes.create_string_buffer(b'/etc/hostname')
def submit(opcode, fd, address):
    slot = word(tail).value & word(mask).value
    request = struct.pack('BBHiQQIIQ', opcode, 0, 0, fd, 0, address, 0, 0, 0).ljust(64, bytes(1))
    ctypes.memmove(requests + 64 * slot, request, 64)
    word(array + 4 * slot).value = slot
    word(tail).value += 1
    assert call((426, 426), ring, 1, 0, 0, 0, 0) == 1, os.strerror(ctypes.get_errno())
submit(0, -1, 0)                             # IORING_OP_NOP
submit(18, -100, ctypes.addressof(path))     # IORING_OP_OPENAT";
    let unconfined = ["--security-opt", "seccomp=unconfined"];
    let container = post.python_with("uring", program, &unconfined)?;
    for operation in ["nop", "openat"] {
        post.agent
            .await_evidence(&container.name, "io_uring", |it| it.fact == operation)
            .with_context(|| container.logs().unwrap_or_default())?;
    }
    Ok(())
}
