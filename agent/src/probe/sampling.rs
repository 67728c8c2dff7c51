//! Watching system calls for a part of the time only: the tracepoint, which every process of the machine pays for, is on
//! for a second of every five.
//!
//! When in its five seconds that second comes is drawn at random, so that nobody can keep still for it.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use caps::{CapSet, Capability, CapsHashSet};

/// How often the tracepoint is on.
pub const PERIOD: Duration = Duration::from_secs(5);
/// For how long.
pub const ON: Duration = Duration::from_secs(1);

/// `include/uapi/linux/bpf.h`, `BPF_RAW_TRACEPOINT_OPEN`.
const RAW_TRACEPOINT_OPEN: libc::c_long = 17;

/// Switches the tracepoint on and off until it is dropped. It does so in a thread of its own, which alone keeps the
/// capabilities that takes, and does nothing else.
pub struct Sampler {
    observed: Arc<Mutex<Observed>>,
    /// The thread ends when this is gone.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Observed {
    before: Duration,
    since: Option<Instant>,
}

impl Observed {
    fn total(&self, now: Instant) -> Duration {
        let current = self.since.map(|since| now.saturating_duration_since(since));
        self.before + current.unwrap_or_default()
    }
}

impl Sampler {
    /// Begins, with a loaded program. To be called while the capabilities for it are held.
    ///
    /// # Errors
    ///
    /// When the tracepoint cannot be switched on, the capabilities not limited, or the thread not started.
    pub fn start(program: OwnedFd) -> io::Result<Self> {
        let chance = File::open("/dev/urandom")?;
        drop(attach(&program)?);
        let observed = Arc::<Mutex<Observed>>::default();
        let (stop, stopped) = channel();
        let shared = Arc::clone(&observed);
        let thread = thread::Builder::new()
            .name("sampler".to_owned())
            .spawn(move || {
                if let Err(error) = keep_only_what_attaching_takes() {
                    tracing::warn!(%error, "The sampler keeps capabilities that it does not need.");
                }
                if let Err(error) = sample(&program, chance, &shared, &stopped) {
                    tracing::error!(%error, "System calls are no longer watched: their tracepoint cannot be switched on. Restart the agent.");
                }
            })?;
        Ok(Self {
            observed,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// For how long the tracepoint was on so far.
    #[must_use]
    pub fn observed(&self) -> Duration {
        let observed = self.observed.lock().unwrap_or_else(PoisonError::into_inner);
        observed.total(Instant::now())
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn sample(
    program: &OwnedFd,
    mut chance: File,
    observed: &Mutex<Observed>,
    stopped: &Receiver<()>,
) -> io::Result<()> {
    let lock = || observed.lock().unwrap_or_else(PoisonError::into_inner);
    let wait = |time| stopped.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
    loop {
        let mut drawn = [0; 4];
        chance.read_exact(&mut drawn)?;
        let off = (PERIOD - ON).mul_f64(f64::from(u32::from_ne_bytes(drawn)) / f64::from(u32::MAX));
        if !wait(off) {
            return Ok(());
        }
        let link = attach(program)?;
        lock().since = Some(Instant::now());
        let goes_on = wait(ON);
        drop(link);
        let mut observed = lock();
        observed.before = observed.total(Instant::now());
        observed.since = None;
        drop(observed);
        if !goes_on || !wait(PERIOD.saturating_sub(ON + off)) {
            return Ok(());
        }
    }
}

/// Switches a program on for as long as the answer lives.
fn attach(program: &OwnedFd) -> io::Result<OwnedFd> {
    /// `union bpf_attr`, the part named `raw_tracepoint`. A program of this type knows its tracepoint: no name.
    #[repr(C)]
    struct Attributes {
        name: u64,
        program: i32,
        _pad: u32,
        cookie: u64,
    }
    let attributes = Attributes {
        name: 0,
        program: program.as_raw_fd(),
        _pad: 0,
        cookie: 0,
    };
    // SAFETY: the attributes live through the call, which reads as much of them as it is told.
    let link = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            RAW_TRACEPOINT_OPEN,
            &raw const attributes,
            // Without the cookie, which kernels before 6.10 do not know.
            16,
        )
    };
    let link = i32::try_from(link).ok().filter(|link| *link >= 0);
    let link = link.ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the call has just made it, and nothing else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(link) })
}

/// CAP_SYS_ADMIN stands for both others on kernels before 5.8, and where only it was given.
fn keep_only_what_attaching_takes() -> Result<(), caps::errors::CapsError> {
    let held = caps::read(None, CapSet::Permitted)?;
    let exact = CapsHashSet::from([Capability::CAP_BPF, Capability::CAP_PERFMON]);
    let keep = if exact.is_subset(&held) {
        exact
    } else {
        let enough = CapsHashSet::from([Capability::CAP_SYS_ADMIN]);
        enough.intersection(&held).copied().collect()
    };
    caps::set(None, CapSet::Effective, &keep)?;
    caps::set(None, CapSet::Inheritable, &CapsHashSet::new())?;
    caps::set(None, CapSet::Permitted, &keep)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_observed_time_grows_only_while_it_is_on() {
        let start = Instant::now();
        let mut observed = Observed::default();
        let later = start + Duration::from_secs(3);
        assert_eq!(observed.total(later), Duration::ZERO);
        observed.since = Some(start);
        assert_eq!(observed.total(later), Duration::from_secs(3));
        observed.before = observed.total(later);
        observed.since = None;
        let much_later = later + Duration::from_secs(9);
        assert_eq!(observed.total(much_later), Duration::from_secs(3));
    }
}
