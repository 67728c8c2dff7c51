//! Runs of what starts containers and agents: nothing of theirs is left behind, whatever ends them.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use picket_tests::ctr;
use picket_tests::docker::{RUN_VARIABLE, engine_answers, run_name, sweep};
use picket_tests::wait;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

const POLL: Duration = Duration::from_millis(50);

/// How long an interrupted command may take to end by itself.
const END_LIMIT: Duration = Duration::from_secs(20);

/// Notices that the user wants this program to end.
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Takes over Ctrl-C, hang-up and the request to terminate.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn install() -> Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&flag))
                .with_context(|| format!("cannot handle signal {signal}"))?;
        }
        Ok(Self(flag))
    }

    /// Whether it was asked for.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// # Errors
    /// When the user asked this program to end.
    pub fn check(&self) -> Result<()> {
        if self.requested() {
            bail!("interrupted");
        }
        Ok(())
    }
}

/// Runs a command in a process group of its own. Each line of its standard output, where that is piped, goes to `line`.
/// When this program is interrupted, the whole group is ended. Afterwards no container, network or temporary file of
/// this run is left.
///
/// # Errors
/// When the command cannot be run, or was interrupted.
pub fn run(
    command: &mut Command,
    interrupt: &Interrupt,
    mut line: impl FnMut(&str) + Send,
) -> Result<ExitStatus> {
    let _sweeper = Sweeper;
    let temporary = tempfile::Builder::new().prefix("picket-").tempdir()?;
    let mut child = command
        .env(RUN_VARIABLE, run_name())
        .env("TMPDIR", temporary.path())
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    let stdout = child.stdout.take();
    let status = thread::scope(|scope| {
        scope.spawn(move || {
            let lines = stdout.map(|stdout| BufReader::new(stdout).lines());
            let lines = lines.into_iter().flatten();
            lines.map_while(Result::ok).for_each(|text| line(&text));
        });
        wait_for(&mut child, interrupt)
    })?;
    interrupt.check()?;
    Ok(status)
}

fn wait_for(child: &mut Child, interrupt: &Interrupt) -> Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if interrupt.requested() {
            eprintln!("interrupted; cleaning up");
            signal_group(child, libc::SIGTERM);
            let ended = wait::until("its end", END_LIMIT, || Ok(child.try_wait()?));
            if ended.is_err() {
                signal_group(child, libc::SIGKILL);
            }
            return Ok(child.wait()?);
        }
        thread::sleep(POLL);
    }
}

fn signal_group(child: &Child, signal: i32) {
    if let Ok(group) = i32::try_from(child.id()) {
        // SAFETY: kill has no memory preconditions; the child leads this group and has not been waited for, so that
        // the group is its own.
        unsafe { libc::kill(-group, signal) };
    }
}

struct Sweeper;

impl Drop for Sweeper {
    fn drop(&mut self) {
        if !engine_answers() {
            return;
        }
        ctr::sweep(run_name());
        if let Err(error) = sweep(run_name()) {
            eprintln!("cannot remove what this run started: {error:#}");
        }
    }
}
