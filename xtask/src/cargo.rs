//! Runs of cargo, and of what it built.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Error, Result, anyhow, ensure};

/// What the agent that is installed, shipped and tested has beyond a plain `cargo build`.
pub const FEATURES: &str = "picket/cri,picket/kubernetes";

/// Cargo, in the workspace's root.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .current_dir(ebpf_build::workspace_root())
        .args(arguments);
    command
}

/// Runs a command to its end.
///
/// # Errors
/// When it cannot be run, or fails.
pub fn complete(command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}").replace('"', "");
    let status = command
        .status()
        .with_context(|| format!("cannot run {shown}"))?;
    ensure!(status.success(), "{shown} failed: {status}");
    Ok(())
}

/// Cargo's own folder, in which the sources of crates lie.
pub fn cargo_home() -> PathBuf {
    let home = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cargo");
    env::var_os("CARGO_HOME").map_or_else(home, PathBuf::from)
}

/// The release agent's place.
pub fn agent() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    ebpf_build::workspace_root()
        .join(target)
        .join("release/picket")
}

/// Builds the probe and the release agent.
pub fn build_agent() -> Result<()> {
    complete(
        cargo(&["build", "--release", "--package", "picket"])
            .args(["--features", FEATURES])
            .env_remove("AYA_BUILD_SKIP"),
    )
}

/// Runs a benchmark program of the agent's, built for release, and returns what it prints.
///
/// # Errors
/// When it cannot be built, or fails.
pub fn bench_agent(name: &str) -> Result<String> {
    let output = cargo(&["bench", "--package", "picket", "--bench", name])
        .args(["--features", FEATURES])
        .env_remove("AYA_BUILD_SKIP")
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo bench")?;
    ensure!(
        output.status.success(),
        "cargo bench failed: {}",
        output.status
    );
    String::from_utf8(output.stdout).context("the benchmark printed no text")
}

/// Becomes the agent; returns only when that fails.
pub fn exec_agent(arguments: &[OsString]) -> Error {
    if !is_root() {
        return anyhow!(
            "the agent loads eBPF programs and needs root: run `cargo xtask run` as root, or start {} run with the capabilities that `{} check` names",
            agent().display(),
            agent().display()
        );
    }
    eprintln!("run: {} run", agent().display());
    // Nobody stops the probe of a trial run later; who wants it to outlive the agent says so with --config.
    let failure = Command::new(agent())
        .arg("run")
        .args(arguments)
        .env("PICKET_PIN", "false")
        .exec();
    Error::new(failure).context(format!("cannot start {}", agent().display()))
}

/// Whether this process may do everything.
pub fn is_root() -> bool {
    // SAFETY: geteuid has no preconditions and cannot fail.
    unsafe { libc::geteuid() == 0 }
}
