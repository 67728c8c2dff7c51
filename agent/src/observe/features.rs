//! A window's counters as numbers that do not grow with the load.
//!
//! Every feature is the logarithm of an amount per request. Ten times the traffic of the same kind gives the same numbers,
//! other work for the same requests gives others. Calls whose number depends on how busy the machine and how parallel the
//! load is (waiting, scheduling, time) count nowhere, nor do those that come with each connection of a client: clients
//! choose how many requests they send over one. Connections that the server begins come by ones and twos, so that their
//! number per request jumps; the layer of time counts them in bursts.
//!
//! What a server does once in a while (at its start, when it reads a model) is not done per request, so that a window of few
//! requests tells less. How many there were goes with the features, for who compares them to take into account.
//!
//! Of what leaves, only answers are counted here: an answer belongs to a request. What goes to peers is an amount of each
//! peer's own (see `detect::volume`), and a product that asks them for more is no other proportion of the server's work.
//!
//! A window in which hardly anything was asked has no features: what is done then has nothing to be divided by, and
//! other layers judge it (see `detect::time`).

#[cfg(test)]
mod tests;

use super::window::{CallCount, Window};

/// Number of features that are proportions.
pub const COUNT: usize = 12;

/// The features' names, in the order of [`features`].
pub const NAMES: [&str; COUNT] = [
    "bytes_answered_per_request",
    "bytes_received_per_request",
    "cpu_per_request",
    "calls_per_request",
    "new_tasks_per_request",
    "failed_calls_per_request",
    "read_calls_per_request",
    "write_calls_per_request",
    "network_calls_per_request",
    "memory_calls_per_request",
    "file_open_calls_per_request",
    "file_metadata_calls_per_request",
];

/// Whether more of a feature is what somebody else may be after: what clients are given, processor time, tasks.
#[must_use]
pub const fn is_gain(feature: usize) -> bool {
    matches!(feature, 0 | 2 | 4)
}

/// Whether a feature counts what writing a file takes: calls in general, and those that read, write, open and look at files,
/// fail as nothing is there yet, or make room for what is written.
#[must_use]
pub const fn is_of_files(feature: usize) -> bool {
    matches!(feature, 3 | 5 | 6 | 7 | 9 | 10 | 11)
}

/// So few calls of a kind a request are as good as none: keeps the logarithm of small numbers calm.
const FEW_CALLS: f64 = 0.5;

/// Fewer new tasks than requests are as good as none: servers whose work takes tasks start one for each request, others
/// some when more clients come at once than before, for a pool of threads.
const FEW_TASKS: f64 = 1.0;

/// Calls on memory that starting a thread takes at most: its stack and its guard, and an arena of its own.
const MEMORY_CALLS_PER_TASK: u64 = 6;

/// Calls that fail when a thread is started: where a container may not use `clone3`, the C library tries that first.
const FAILED_CALLS_PER_TASK: u64 = 1;

/// From so many requests on a window says something about requests.
pub const ENOUGH_REQUESTS: u64 = 3;

/// Without requests that are counted: from so many bytes in both directions on, a window says something about bytes.
const ENOUGH_BYTES: u64 = 64 * 1024;

/// So many bytes then stand for one request.
const BYTES_AS_REQUEST: u64 = 16 * 1024;

/// What a system call is for, as far as features tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
    Network,
    Memory,
    Open,
    Metadata,
    /// Other calls that do work.
    Other,
    /// What each connection of a client brings: follows how clients share out their requests.
    Connection,
    /// Waiting, scheduling, time and identity: follows the machine's load, not the server's work.
    Idle,
}

/// The features of a window, and behind them the logarithm of its requests; `None` when it is too empty to have any.
#[must_use]
pub fn features(window: &Window) -> Option<Vec<f64>> {
    let counters = &window.counters;
    let calls = Calls::of(&counters.calls);
    let bytes = counters.rx_bytes.saturating_add(counters.tx_bytes);
    let cpu = real(counters.resources.cpu_ns.unwrap_or(0));
    let idle = counters.requests < ENOUGH_REQUESTS && bytes < ENOUGH_BYTES;
    if idle || counters.barely_sampled(window.length_ns) {
        return None;
    }

    let requests = real(if counters.requests < ENOUGH_REQUESTS {
        bytes / BYTES_AS_REQUEST
    } else {
        counters.requests
    });
    // Amounts that are never a fraction of one: the unit (byte, microsecond, call) is small enough to add.
    let amount = |amount: f64| (1.0 + amount / requests).ln();
    let events = |few: f64, events: u64| (few + real(events) / requests).ln();
    let calls_of = |number: u64| events(FEW_CALLS, number);
    // What starting tasks took is told by their number.
    let besides_tasks =
        |calls: u64, per_task: u64| calls.saturating_sub(per_task.saturating_mul(counters.clones));
    let values: [f64; COUNT + 1] = [
        amount(real(counters.answered_bytes())),
        amount(real(counters.rx_bytes)),
        amount(cpu / 1000.0),
        amount(real(calls.all)),
        events(FEW_TASKS, counters.clones),
        calls_of(besides_tasks(calls.failed, FAILED_CALLS_PER_TASK)),
        calls_of(calls.read),
        calls_of(calls.write),
        calls_of(calls.network),
        calls_of(besides_tasks(calls.memory, MEMORY_CALLS_PER_TASK)),
        calls_of(calls.open),
        calls_of(calls.metadata),
        requests.ln(),
    ];
    Some(values.to_vec())
}

/// Exact up to 2^53, far beyond what one window counts.
#[expect(clippy::cast_precision_loss, reason = "counts of one window are small")]
fn real(count: u64) -> f64 {
    count as f64
}

/// Calls that do work, by kind.
#[derive(Default)]
struct Calls {
    all: u64,
    failed: u64,
    read: u64,
    write: u64,
    network: u64,
    memory: u64,
    open: u64,
    metadata: u64,
}

impl Calls {
    fn of(counts: &[CallCount]) -> Self {
        let mut sums = Self::default();
        for count in counts {
            let sum = match kind(count.call) {
                Kind::Connection | Kind::Idle => continue,
                Kind::Read => Some(&mut sums.read),
                Kind::Write => Some(&mut sums.write),
                Kind::Network => Some(&mut sums.network),
                Kind::Memory => Some(&mut sums.memory),
                Kind::Open => Some(&mut sums.open),
                Kind::Metadata => Some(&mut sums.metadata),
                Kind::Other => None,
            };
            if let Some(sum) = sum {
                *sum = sum.saturating_add(count.calls);
            }
            sums.all = sums.all.saturating_add(count.calls);
            sums.failed = sums.failed.saturating_add(count.errors);
        }
        sums
    }
}

/// Whether a system call does work. Waiting, scheduling, time and identity do not: how often they are called follows the
/// machine's load.
#[must_use]
pub fn is_work(call: u16) -> bool {
    kind(call) != Kind::Idle
}

fn kind(call: u16) -> Kind {
    let call = i64::from(call);
    #[cfg(target_arch = "x86_64")]
    match call {
        libc::SYS_open | libc::SYS_creat => return Kind::Open,
        libc::SYS_stat
        | libc::SYS_lstat
        | libc::SYS_access
        | libc::SYS_readlink
        | libc::SYS_getdents => {
            return Kind::Metadata;
        }
        libc::SYS_epoll_wait
        | libc::SYS_poll
        | libc::SYS_select
        | libc::SYS_pause
        | libc::SYS_alarm
        | libc::SYS_time
        | libc::SYS_getpgrp => return Kind::Idle,
        _ => {}
    }
    match call {
        libc::SYS_read
        | libc::SYS_pread64
        | libc::SYS_readv
        | libc::SYS_preadv
        | libc::SYS_preadv2 => Kind::Read,
        libc::SYS_write
        | libc::SYS_pwrite64
        | libc::SYS_writev
        | libc::SYS_pwritev
        | libc::SYS_pwritev2
        | libc::SYS_sendfile
        | libc::SYS_splice
        | libc::SYS_tee
        | libc::SYS_vmsplice
        | libc::SYS_copy_file_range => Kind::Write,
        libc::SYS_sendto
        | libc::SYS_sendmsg
        | libc::SYS_sendmmsg
        | libc::SYS_recvfrom
        | libc::SYS_recvmsg
        | libc::SYS_recvmmsg
        | libc::SYS_socket
        | libc::SYS_socketpair
        | libc::SYS_connect
        | libc::SYS_bind
        | libc::SYS_listen => Kind::Network,
        libc::SYS_accept
        | libc::SYS_accept4
        | libc::SYS_shutdown
        | libc::SYS_setsockopt
        | libc::SYS_getsockopt
        | libc::SYS_getsockname
        | libc::SYS_getpeername => Kind::Connection,
        libc::SYS_mmap
        | libc::SYS_munmap
        | libc::SYS_mremap
        | libc::SYS_mprotect
        | libc::SYS_madvise
        | libc::SYS_brk
        | libc::SYS_msync => Kind::Memory,
        libc::SYS_openat | libc::SYS_openat2 => Kind::Open,
        libc::SYS_newfstatat
        | libc::SYS_fstat
        | libc::SYS_statx
        | libc::SYS_faccessat
        | libc::SYS_faccessat2
        | libc::SYS_readlinkat
        | libc::SYS_getdents64
        | libc::SYS_statfs
        | libc::SYS_fstatfs
        | libc::SYS_getcwd => Kind::Metadata,
        libc::SYS_futex
        | libc::SYS_futex_waitv
        | libc::SYS_sched_yield
        | libc::SYS_sched_getaffinity
        | libc::SYS_sched_setaffinity
        | libc::SYS_epoll_pwait
        | libc::SYS_epoll_pwait2
        | libc::SYS_epoll_ctl
        | libc::SYS_ppoll
        | libc::SYS_pselect6
        | libc::SYS_io_uring_enter
        | libc::SYS_nanosleep
        | libc::SYS_clock_nanosleep
        | libc::SYS_clock_gettime
        | libc::SYS_gettimeofday
        | libc::SYS_timer_settime
        | libc::SYS_timerfd_settime
        | libc::SYS_getitimer
        | libc::SYS_setitimer
        | libc::SYS_getpid
        | libc::SYS_gettid
        | libc::SYS_getppid
        | libc::SYS_getuid
        | libc::SYS_getcpu
        | libc::SYS_getrusage
        | libc::SYS_times
        | libc::SYS_restart_syscall
        | libc::SYS_rt_sigprocmask
        | libc::SYS_rt_sigreturn
        | libc::SYS_rt_sigtimedwait
        | libc::SYS_wait4
        | libc::SYS_waitid
        | libc::SYS_membarrier => Kind::Idle,
        _ => Kind::Other,
    }
}
