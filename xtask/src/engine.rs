//! A Docker engine for the demo and the tests: the one that runs, else one of our own.

use std::env;
use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use picket_tests::docker::{docker, engine_answers};
use picket_tests::wait;

use crate::apt;

const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// Short, because the engine puts sockets below it and their paths are limited to 108 bytes.
const RUN_DIR: &str = "/run/picket-docker";

const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// A running engine. One of our own is stopped when the last of its users drops it, unless containers still run in it.
pub struct Engine {
    own: Option<u32>,
    /// Held shared by every user of our engine, in this checkout or another.
    use_lock: File,
}

impl Engine {
    /// The engine that answers, else our own, installed first where need be. Later `docker` commands of this process
    /// and its children talk to it.
    ///
    /// # Errors
    /// When there is none and none can be started.
    pub fn provide() -> Result<Self> {
        if !apt::on_path("docker") || !(engine_answers() || apt::on_path("dockerd")) {
            apt::install(
                &["docker.io"],
                "a Docker engine to run real containers in; it gets its own data folder",
            )?;
        }
        let use_lock = use_lock()?;
        if engine_answers() {
            let own = running_pid();
            return Ok(Self { own, use_lock });
        }
        clear_stale_pid()?;
        // Where the usual socket is taken by an engine that does not answer us, ours gets another one.
        if UnixStream::connect(DEFAULT_SOCKET).is_ok() {
            let socket = Path::new(RUN_DIR).join("docker.sock");
            // SAFETY: the program has no other threads yet that could read the environment.
            unsafe { env::set_var("DOCKER_HOST", format!("unix://{}", socket.display())) };
            if engine_answers() {
                let own = running_pid();
                return Ok(Self { own, use_lock });
            }
        }
        let pid = start(&[]).or_else(|error| {
            eprintln!("setup: {error:#}; trying again with the plainest storage driver");
            start(&["--storage-driver", "vfs"])
        })?;
        let own = Some(pid);
        Ok(Self { own, use_lock })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let Some(pid) = self.own else { return };
        if self.use_lock.try_lock().is_err() {
            eprintln!("leaving our Docker engine (pid {pid}) running: another run uses it");
            return;
        }
        let running = docker(&["ps", "--quiet"]).unwrap_or_default();
        if !running.is_empty() {
            eprintln!("leaving our Docker engine (pid {pid}) running: it still has containers");
            return;
        }
        if let Err(error) = stop(pid) {
            eprintln!("cannot stop our Docker engine (pid {pid}): {error:#}");
        }
    }
}

fn socket() -> String {
    env::var("DOCKER_HOST").unwrap_or_else(|_| format!("unix://{DEFAULT_SOCKET}"))
}

/// Declares this program a user of our engine for as long as the file is open.
fn use_lock() -> Result<File> {
    let path = Path::new(RUN_DIR).join("users.lock");
    let lock = fs::create_dir_all(RUN_DIR).and_then(|()| File::create(&path));
    let lock = lock.with_context(|| format!("cannot create {}", path.display()))?;
    lock.lock_shared()
        .with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(lock)
}

/// Starts our engine, and returns its pid once it answers.
fn start(options: &[&str]) -> Result<u32> {
    let data = ebpf_build::workspace_root().join("target/docker");
    fs::create_dir_all(&data).with_context(|| format!("cannot create {}", data.display()))?;
    let log_path = data.join("dockerd.log");
    let log =
        File::create(&log_path).with_context(|| format!("cannot write {}", log_path.display()))?;
    eprintln!(
        "setup: starting a Docker engine of our own on {} (data and log in {})",
        socket(),
        data.display()
    );
    let mut engine = Command::new("dockerd")
        .arg("--data-root")
        .arg(data.join("data"))
        .args(["--exec-root", RUN_DIR, "--host", &socket()])
        .arg("--pidfile")
        .arg(pid_file())
        .args(options)
        .env("PATH", path_with_administration())
        .stdout(log.try_clone()?)
        .stderr(log)
        // Ctrl-C reaches the whole foreground group; the engine must outlive it to be cleaned up with.
        .process_group(0)
        .spawn()
        .context("cannot run dockerd")?;
    let outcome = wait::until("the Docker engine's start", START_LIMIT, || {
        if let Some(status) = engine.try_wait()? {
            return Ok(Some(Err(status)));
        }
        Ok(engine_answers().then_some(Ok(())))
    });
    match outcome {
        Ok(Ok(())) => Ok(engine.id()),
        Ok(Err(status)) => bail!("dockerd ended ({status}): {}", last_lines(&log_path)),
        Err(error) => {
            kill(&mut engine);
            Err(error.context(last_lines(&log_path)))
        }
    }
}

fn kill(engine: &mut Child) {
    if engine.kill().and_then(|()| engine.wait()).is_err() {
        eprintln!("cannot stop dockerd (pid {})", engine.id());
    }
}

fn stop(pid: u32) -> Result<()> {
    signal(pid, libc::SIGTERM);
    wait::until("its end", STOP_LIMIT, || Ok((!is_ours(pid)).then_some(())))
}

fn signal(pid: u32, number: i32) {
    if let Ok(pid) = i32::try_from(pid) {
        // SAFETY: kill has no memory preconditions; the pid was checked to be our engine's.
        unsafe { libc::kill(pid, number) };
    }
}

fn pid_file() -> PathBuf {
    Path::new(RUN_DIR).join("docker.pid")
}

fn recorded_pid() -> Option<u32> {
    fs::read_to_string(pid_file()).ok()?.trim().parse().ok()
}

/// The pid of an engine that an earlier run of ours started and that still lives.
fn running_pid() -> Option<u32> {
    recorded_pid().filter(|pid| is_ours(*pid))
}

/// Whether a process is an engine of ours, and not another that got the pid of a dead one. A zombie counts as gone.
fn is_ours(pid: u32) -> bool {
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let mut arguments = arguments.split(|byte| *byte == 0);
    let is_engine = arguments
        .next()
        .is_some_and(|name| name.ends_with(b"dockerd"));
    is_engine && arguments.any(|argument| argument == RUN_DIR.as_bytes())
}

/// The engine refuses to start while the pid in its file belongs to any process at all. One of ours that lives and
/// does not answer is ended.
fn clear_stale_pid() -> Result<()> {
    if let Some(pid) = running_pid() {
        eprintln!("setup: our Docker engine (pid {pid}) does not answer; ending it");
        if stop(pid).is_err() {
            signal(pid, libc::SIGKILL);
        }
    }
    match fs::remove_file(pid_file()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", pid_file().display()))
        }
        _ => Ok(()),
    }
}

/// The engine runs iptables and containerd, which may lie where ordinary users do not look.
fn path_with_administration() -> String {
    let path = env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/local/sbin:/usr/sbin:/sbin")
}

fn last_lines(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines
        .get(lines.len().saturating_sub(5)..)
        .unwrap_or_default();
    format!("the end of {}:\n{}", log.display(), tail.join("\n"))
}
