//! Foreign programs that tests run: those that `cargo xtask test` has unpacked for them, else those of the machine.

use std::env;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// Where `cargo xtask test` unpacks Debian packages for the tests, below the workspace. They are not installed, as some
/// would start services.
pub const UNPACKED: &str = "target/tools/debian";

/// The Python environment with the schemas of Kubernetes and CycloneDX, below the workspace.
pub const KUBERNETES: &str = "target/tools/schemas";

/// What makes pods, and the Debian packages that have it.
pub const POD_PROGRAMS: [(&str, &str); 5] = [
    ("containerd", "containerd"),
    ("ctr", "containerd"),
    ("runc", "runc"),
    ("bridge", "containernetworking-plugins"),
    ("host-local", "containernetworking-plugins"),
];

/// The Python environment with matplotlib, below the workspace.
pub const PLOTS: &str = "target/tools/plots";

/// The workspace's root.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A program by its name, if it is there.
#[must_use]
pub fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let unpacked = ["usr/bin", "usr/lib/cni"].map(|dir| workspace().join(UNPACKED).join(dir));
    let mut places = unpacked.into_iter().chain(env::split_paths(&path));
    places.find_map(|dir| Some(dir.join(name)).filter(|program| program.is_file()))
}

/// Python with the schemas of Kubernetes, if it is there.
#[must_use]
pub fn kubernetes_python() -> Option<PathBuf> {
    Some(workspace().join(KUBERNETES).join("bin/python")).filter(|program| program.exists())
}

/// Python with matplotlib, if it is there.
#[must_use]
pub fn plots_python() -> Option<PathBuf> {
    Some(workspace().join(PLOTS).join("bin/python")).filter(|program| program.exists())
}

/// Runs a program in the workspace with `input` on its standard input.
///
/// # Errors
/// When it cannot be run.
pub fn feed(program: &Path, arguments: &[&str], input: &str) -> Result<Output> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(workspace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let Some(mut stdin) = child.stdin.take() else {
        bail!("{} has no standard input", program.display());
    };
    // It may have had enough before it read everything; its exit code tells.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().context("cannot wait for it")
}

/// As [`feed`], for a program that must succeed; returns what it prints.
///
/// # Errors
/// When it cannot be run, or fails: with what it says.
pub fn succeed(program: &Path, arguments: &[&str], input: &str) -> Result<String> {
    let output = feed(program, arguments, input)?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success(),
        "{} {arguments:?} failed: {printed}{}",
        program.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(printed)
}
