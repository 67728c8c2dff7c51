//! The build for arm64. Nothing here runs it: that it compiles is what is known.

use std::path::PathBuf;

use anyhow::{Context, Result};
use ebpf_build::compile::Compile;
use ebpf_build::toolchain::{self, Candidate};
use ebpf_build::{TOOLS_DIR, linker};

use crate::cargo::complete;

const TARGET: &str = "aarch64-unknown-linux-gnu";

/// How a step ended that did not fail.
pub enum Outcome {
    /// It did what it should.
    Passed,
    /// It cannot run here, for this reason.
    Skipped(String),
}

/// A step of the tests.
type Step = fn() -> Result<Outcome>;

/// The steps by name.
pub const STEPS: [(&str, Step); 2] = [
    ("the_agent_compiles_for_aarch64", agent),
    ("the_probe_compiles_for_aarch64", probe),
];

/// Checks the agent's types against arm64's. With the sources of the standard library no target needs to be installed.
fn agent() -> Result<Outcome> {
    let toolchain = match toolchain() {
        Ok(toolchain) => toolchain,
        Err(reason) => return Ok(Outcome::Skipped(reason)),
    };
    let sources = "lib/rustlib/src/rust/library/std/Cargo.toml";
    if !toolchain.sysroot.join(sources).exists() {
        return Ok(Outcome::Skipped(format!(
            "{} has no sources of the standard library beyond its core",
            toolchain.name
        )));
    }
    let mut command = toolchain.cargo();
    command
        .current_dir(ebpf_build::workspace_root())
        .args(["check", "--quiet", "--package", "picket", "--lib"])
        .args(["-Z", "build-std=std,panic_abort", "--target", TARGET])
        .arg("--target-dir")
        .arg(directory())
        .env("AYA_BUILD_SKIP", "1");
    complete(&mut command)?;
    Ok(Outcome::Passed)
}

/// Builds the probe as it reads arm64's registers.
fn probe() -> Result<Outcome> {
    let toolchain = match toolchain() {
        Ok(toolchain) => toolchain,
        Err(reason) => return Ok(Outcome::Skipped(reason)),
    };
    let workspace = ebpf_build::workspace_root();
    let linker = match linker::find(&workspace.join(TOOLS_DIR)) {
        Ok(linker) => linker,
        Err(error) => return Ok(Outcome::Skipped(one_line(&error.to_string()))),
    };
    let out = directory().join("probe");
    std::fs::create_dir_all(&out).with_context(|| format!("cannot create {}", out.display()))?;
    Compile {
        workspace: &workspace,
        out: &out,
        toolchain: &toolchain,
        linker: &linker,
        arch: "aarch64",
        target: "bpfel-unknown-none",
        remapped: &[],
    }
    .run()?;
    Ok(Outcome::Passed)
}

fn toolchain() -> Result<Candidate, String> {
    toolchain::choose(toolchain::candidates()).map_err(|error| one_line(&error.to_string()))
}

/// Kept from run to run, so that only the first takes minutes.
fn directory() -> PathBuf {
    ebpf_build::workspace_root().join("target/aarch64")
}

/// The first line, as the names of skipped tests have one line each.
fn one_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.trim_end_matches(':').to_owned()
}
