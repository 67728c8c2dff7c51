//! What is timed: a few system calls, repeated, in a process of its own.

use std::env;
use std::fs::{self, File};
use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use rustix::time::{ClockId, clock_gettime};

use super::cgroup;
use super::cpus::Split;
use super::spread::median;

/// Chunks a measurement is cut into. The first ones warm up: they meet what is new to the probe.
const CHUNKS: usize = 60;
const WARM_UP: usize = 10;
/// More than the 64 descriptors that fit a process's first table (`NR_OPEN_DEFAULT`).
const OTHERS: usize = 100;

/// What is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// The cheapest system call.
    Getppid,
    /// Open, read and close of one file.
    File,
    /// The same in a process with so many open files that its table of descriptors has grown.
    FileAmongMany,
    /// Connect, accept and close of a loopback TCP connection.
    Tcp,
}

impl Kind {
    /// About a millisecond and a half of work: shorter than a time slice, longer than the clock's grain.
    const fn repetitions(self) -> usize {
        match self {
            Self::Getppid => 10_000,
            Self::File | Self::FileAmongMany => 300,
            Self::Tcp => 50,
        }
    }

    fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// Measures in a child process, in the cgroup of this directory if there is one. The answer is in nanoseconds an
/// operation.
///
/// # Errors
/// When the child fails.
pub fn measure(kind: Kind, cgroup: Option<&Path>) -> Result<f64> {
    let program = env::current_exe().context("cannot find this program's file")?;
    let mut child = Command::new(program);
    child.args(["bench", "load", &kind.name()]);
    if let Some(cgroup) = cgroup {
        child.arg("--cgroup").arg(cgroup);
    }
    let output = child
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {child:?}"))?;
    ensure!(
        output.status.success(),
        "the {kind:?} load failed ({})",
        output.status
    );
    let printed = String::from_utf8_lossy(&output.stdout);
    parse(&printed).with_context(|| format!("the {kind:?} load printed {printed:?}, not a time"))
}

fn parse(printed: &str) -> Option<f64> {
    let time: f64 = printed.trim().parse().ok()?;
    (time.is_finite() && time > 0.0).then_some(time)
}

/// The child: joins the cgroup, settles on a CPU, and returns the nanoseconds of one operation.
///
/// It is the median over chunks of the time that the kernel charges this thread for. Charged time leaves out what others do on the CPU;
/// the median leaves out the chunks that an interrupt fell into, and keeps what every chunk suffers, like a colder cache.
///
/// # Errors
/// When the system refuses something.
pub fn run(kind: Kind, cgroup: Option<&Path>) -> Result<f64> {
    if let Some(cgroup) = cgroup {
        cgroup::join(cgroup)?;
    }
    Split::of_this_process()?.stay_on_the_last()?;
    // The table of descriptors keeps the size it once had, also that of the process that started this one; a thread
    // with a table of its own begins with a small one (`dup_fd`, fs/file.c).
    // SAFETY: this process has opened nothing that it still uses.
    unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) };
    let timed = std::thread::spawn(move || {
        // SAFETY: the other thread only waits.
        if unsafe { libc::unshare(libc::CLONE_FILES) } != 0 {
            return Err(io::Error::last_os_error()).context("no table of descriptors of its own");
        }
        repeat(kind)
    });
    let timed = timed.join();
    timed.unwrap_or_else(|_| bail!("the {kind:?} load panicked"))
}

fn repeat(kind: Kind) -> Result<f64> {
    match kind {
        Kind::Getppid => time(kind, || {
            // Straight to the call: a wrapper costs half as much again where it is built without optimisation.
            // SAFETY: this call has no arguments and cannot fail.
            unsafe { libc::syscall(libc::SYS_getppid) };
            Ok(())
        }),
        Kind::File | Kind::FileAmongMany => {
            let others = if kind == Kind::File { 0 } else { OTHERS };
            let _others = (0..others)
                .map(|_| File::open("/dev/null"))
                .collect::<io::Result<Vec<_>>>()?;
            let file = TemporaryFile::create()?;
            let mut content = [0; 64];
            time(kind, || {
                File::open(&file.0)?.read_exact(&mut content)?;
                Ok(())
            })
        }
        Kind::Tcp => {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            let address = listener.local_addr()?;
            time(kind, || {
                let client = TcpStream::connect(address)?;
                let (server, _) = listener.accept()?;
                drop((client, server));
                Ok(())
            })
        }
    }
}

fn time(kind: Kind, mut operation: impl FnMut() -> io::Result<()>) -> Result<f64> {
    let repetitions = kind.repetitions();
    let mut chunks = Vec::with_capacity(CHUNKS);
    for _ in 0..CHUNKS {
        let start = charged_nanoseconds();
        for _ in 0..repetitions {
            operation().with_context(|| format!("the {kind:?} load cannot go on"))?;
        }
        chunks.push((charged_nanoseconds() - start) / repetitions as f64);
    }
    let measured = chunks.get(WARM_UP..).unwrap_or_default();
    median(measured).context("no chunk was measured")
}

/// Time charged to this thread since it began.
fn charged_nanoseconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// A small file, removed when dropped.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn create() -> Result<Self> {
        let path = env::temp_dir().join(format!("picket-bench-{}", std::process::id()));
        fs::write(&path, [b'x'; 64]).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_prints_a_time() {
        assert_eq!(parse("152.25\n"), Some(152.25));
        for nonsense in ["", "fast", "NaN", "inf", "0", "-3", "1 2"] {
            assert_eq!(parse(nonsense), None, "{nonsense:?}");
        }
    }

    #[test]
    fn every_kind_can_be_named_to_the_child() {
        for kind in Kind::value_variants() {
            assert_eq!(Kind::from_str(&kind.name(), false), Ok(*kind));
        }
    }
}
