//! Builds the probe beside the agent and tells the agent what it was built from.
//!
//! `AYA_BUILD_SKIP=1` leaves the probe out: the agent then compiles anywhere, and says at run time that it has none.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use ebpf_build::compile::{self, Compile};
use ebpf_build::{TOOLS_DIR, linker, toolchain};

const SKIP_VARIABLE: &str = "AYA_BUILD_SKIP";

fn main() {
    if let Err(error) = run() {
        for line in format!("{error:#}").lines() {
            println!("cargo::error={line}");
        }
    }
}

fn run() -> Result<()> {
    let workspace = ebpf_build::workspace_root();
    describe_build(&workspace)?;
    for input in ["ebpf/src", "ebpf/Cargo.toml", "Cargo.lock"] {
        watch(&workspace.join(input));
    }
    for name in [SKIP_VARIABLE, toolchain::TOOLCHAIN_VARIABLE] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").context("cargo sets OUT_DIR")?);
    if env::var(SKIP_VARIABLE).is_ok_and(|value| value == "1" || value == "true") {
        return leave_out(&workspace, &out);
    }
    let toolchain = toolchain::choose(toolchain::candidates())?;
    let linker = linker::find(&workspace.join(TOOLS_DIR))?;
    let endian =
        env::var("CARGO_CFG_TARGET_ENDIAN").context("cargo sets the target's endianness")?;
    let arch = env::var("CARGO_CFG_TARGET_ARCH").context("cargo sets the target's architecture")?;
    Compile {
        workspace: &workspace,
        out: &out,
        toolchain: &toolchain,
        linker: &linker,
        arch: &arch,
        target: if endian == "big" {
            "bpfeb-unknown-none"
        } else {
            "bpfel-unknown-none"
        },
        remapped: &remapped(),
    }
    .run()
}

/// The flags by which the agent's own paths are replaced: the probe, which names its sources too, is built with the same.
fn remapped() -> Vec<String> {
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let flags = flags.split('\x1f');
    flags
        .filter(|flag| flag.starts_with("--remap-path-prefix="))
        .map(str::to_owned)
        .collect()
}

/// Writes an empty file for each program, which the agent recognises as no program.
fn leave_out(workspace: &Path, out: &Path) -> Result<()> {
    for name in compile::programs(workspace)? {
        let path = out.join(name);
        fs::write(&path, []).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn describe_build(workspace: &Path) -> Result<()> {
    let git = |args: &[&str]| {
        let git = Command::new("git")
            .arg("-C")
            .arg(workspace)
            .args(args)
            .output();
        git.ok().and_then(|output| first_line(&output))
    };
    let revision = git(&["rev-parse", "--short=12", "HEAD"]);
    println!(
        "cargo:rustc-env=PICKET_REVISION={}",
        revision.as_deref().unwrap_or("unknown")
    );
    // This log grows with every commit and checkout.
    if let Some(log) = git(&[
        "rev-parse",
        "--path-format=absolute",
        "--git-path",
        "logs/HEAD",
    ]) {
        watch(Path::new(&log));
    }
    let rustc = env::var_os("RUSTC").context("cargo sets RUSTC")?;
    let rustc = Command::new(rustc).arg("--version").output()?;
    println!(
        "cargo:rustc-env=PICKET_RUSTC={}",
        first_line(&rustc).as_deref().unwrap_or("unknown")
    );
    let target = env::var("TARGET").context("cargo sets TARGET")?;
    println!("cargo:rustc-env=PICKET_TARGET={target}");
    Ok(())
}

fn first_line(output: &std::process::Output) -> Option<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next()?.trim();
    (output.status.success() && !line.is_empty()).then(|| line.to_owned())
}

/// A path that does not exist would make cargo run this script at every build.
fn watch(path: &Path) {
    if path.exists() {
        println!("cargo:rerun-if-changed={}", path.display());
    }
}
