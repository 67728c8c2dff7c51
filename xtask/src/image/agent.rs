//! The agent as one static program, the same bytes wherever the same sources are built with the same tools.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::TARGET;
use crate::cargo::{FEATURES, cargo, cargo_home, complete};

/// Where [`build`] leaves the agent, below the workspace.
const PLACE: &str = "target/image/build";

/// Builds the agent in a workspace, without debugging information.
///
/// # Errors
/// When it does not compile, or still asks for libraries.
pub fn build(workspace: &Path) -> Result<PathBuf> {
    let target_dir = workspace.join(PLACE);
    // For this target alone: neither build scripts nor the probe are to be linked so. No path of this machine gets in.
    let flags = [
        "-Ctarget-feature=+crt-static".to_owned(),
        format!("--remap-path-prefix={}=/cargo", cargo_home().display()),
        format!("--remap-path-prefix={}=/picket", workspace.display()),
    ];
    complete(
        cargo(&["build", "--release", "--locked"])
            .args(["--package", "picket", "--bin", "picket"])
            .args(["--features", FEATURES, "--target", TARGET])
            .arg("--target-dir")
            .arg(&target_dir)
            .current_dir(workspace)
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
            .env_remove("AYA_BUILD_SKIP"),
    )?;
    let built = target_dir.join(TARGET).join("release/picket");
    let stripped = target_dir.join("picket");
    complete(
        Command::new("strip")
            .arg("--strip-debug")
            .arg("-o")
            .args([&stripped, &built]),
    )?;
    let program = fs::read(&stripped)
        .with_context(|| format!("strip did not write {}", stripped.display()))?;
    ensure!(
        is_static(&program),
        "{} asks for a dynamic linker, which the image does not have",
        built.display()
    );
    Ok(stripped)
}

/// Whether no program header names an interpreter (`PT_INTERP`, elf(5)).
fn is_static(elf: &[u8]) -> bool {
    const PT_INTERP: usize = 3;
    let number = |at: usize, bytes: usize| -> Option<usize> {
        let field = elf.get(at..at.checked_add(bytes)?)?;
        let value = field.iter().rev();
        Some(value.fold(0, |value, byte| value << 8 | usize::from(*byte)))
    };
    let headers = || {
        let (start, size, count) = (number(0x20, 8)?, number(0x36, 2)?, number(0x38, 2)?);
        let kinds = (0..count).map(|index| number(start + index * size, 4));
        kinds.collect::<Option<Vec<usize>>>()
    };
    elf.starts_with(b"\x7fELF\x02\x01")
        && headers().is_some_and(|kinds| !kinds.contains(&PT_INTERP))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dynamic_program_is_told_from_a_static_one() -> Result<()> {
        let own = fs::read(std::env::current_exe()?)?;
        assert!(!is_static(&own), "test programs are linked dynamically");
        let mut changed = own.clone();
        // Every header of a kind that asks for nothing: PT_NULL.
        let start = changed.get(0x20).copied().map(usize::from);
        let count = changed.get(0x38).copied().map(usize::from);
        if let (Some(start), Some(count)) = (start, count) {
            for index in 0..count {
                if let Some(kind) = changed.get_mut(start + index * 56) {
                    *kind = 0;
                }
            }
        }
        assert!(is_static(&changed));
        assert!(!is_static(b"#!/bin/sh"));
        Ok(())
    }
}
