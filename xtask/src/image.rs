//! `cargo xtask image`: a container image of the agent alone, made without a registry and without a base image.
//!
//! The agent is linked statically, so that nothing else is in the image: no shell, no libraries. The same sources in the
//! same place with the same tools make the same bytes: no time but the commit's, files in order, nothing compressed.

mod oci;
mod sbom;
mod tar;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::cargo::{FEATURES, cargo, complete};
use oci::Image;
use tar::Archive;

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Where the agent lies in the image.
const AGENT: &str = "usr/bin/picket";

/// Where its bill of materials lies in the image.
const SBOM: &str = "usr/share/doc/picket/sbom.cdx.json";

/// Builds the agent and its image.
///
/// # Errors
/// When it cannot be built, or the image not be written.
pub fn image(load: bool) -> Result<()> {
    let agent = build()?;
    let layout = folder();
    let materials = sbom::of_agent()?;
    let image = assemble(&fs::read(&agent)?, materials.as_bytes())?;
    let archive = layout.with_extension("tar");
    image.write_layout(&layout)?;
    fs::write(&archive, image.archive()?)?;
    fs::write(layout.with_extension("sbom.cdx.json"), materials)?;
    println!("{} ({})", layout.display(), image.digest());
    println!("{}", archive.display());
    if load {
        load_into_docker(&archive)?;
    }
    Ok(())
}

/// The image's layout; beside it lie the same as one archive, and the bill of materials.
fn folder() -> PathBuf {
    ebpf_build::workspace_root().join("target/image/picket")
}

/// Builds the agent as one static program without debugging information.
fn build() -> Result<PathBuf> {
    let workspace = ebpf_build::workspace_root();
    let target_dir = workspace.join("target/image/build");
    // For this target alone: neither build scripts nor the probe are to be linked so.
    let flags = format!(
        "-C target-feature=+crt-static --remap-path-prefix={}=/picket",
        workspace.display()
    );
    complete(
        cargo(&[
            "build",
            "--release",
            "--package",
            "picket",
            "--bin",
            "picket",
            "--target",
            TARGET,
            "--features",
            FEATURES,
        ])
        .arg("--target-dir")
        .arg(&target_dir)
        .env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS", flags)
        .env_remove("RUSTFLAGS")
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
    ensure!(
        is_static(&fs::read(&stripped)?),
        "{} asks for a dynamic linker, which the image does not have",
        built.display()
    );
    Ok(stripped)
}

/// Whether no program header names an interpreter (`PT_INTERP`, elf(5)).
fn is_static(elf: &[u8]) -> bool {
    const PT_INTERP: u32 = 3;
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
        && headers().is_some_and(|kinds| !kinds.contains(&(PT_INTERP as usize)))
}

/// The image of an agent.
fn assemble(agent: &[u8], materials: &[u8]) -> Result<Image> {
    let mut files = Archive::default();
    // Mounts need their places, as the root is read-only.
    for folder in [
        "etc",
        "etc/picket",
        "run",
        "run/picket",
        "sys",
        "usr",
        "usr/bin",
        "usr/share",
        "usr/share/doc",
        "usr/share/doc/picket",
        "var",
        "var/lib",
        "var/lib/picket",
    ] {
        files.folder(folder)?;
    }
    files.file(AGENT, 0o755, agent)?;
    for (name, text) in [
        ("LICENSE-APACHE", include_str!("../../LICENSE-APACHE")),
        ("LICENSE-MIT", include_str!("../../LICENSE-MIT")),
    ] {
        files.file(
            &format!("usr/share/doc/picket/{name}"),
            0o644,
            text.as_bytes(),
        )?;
    }
    files.file(SBOM, 0o644, materials)?;
    let git = |arguments: &[&str]| git(arguments).unwrap_or_default();
    Ok(Image::new(
        files.finish(),
        &oci::About {
            version: env!("CARGO_PKG_VERSION"),
            revision: &git(&["rev-parse", "HEAD"]),
            created: &git(&[
                "log",
                "-1",
                "--format=%cd",
                "--date=format-local:%Y-%m-%dT%H:%M:%SZ",
            ]),
            entrypoint: &format!("/{AGENT}"),
        },
    ))
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(ebpf_build::workspace_root())
        .args(arguments)
        .env("TZ", "UTC")
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

fn load_into_docker(archive: &Path) -> Result<()> {
    let file = fs::File::open(archive)?;
    complete(Command::new("docker").arg("load").stdin(Stdio::from(file)))
        .context("the image is made, and was not loaded; without --load it is not")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_input_makes_equal_bytes() -> Result<()> {
        let first = assemble(b"agent", b"{}")?;
        assert_eq!(first.archive()?, assemble(b"agent", b"{}")?.archive()?);
        let other = assemble(b"another", b"{}")?;
        assert_ne!(first.digest(), other.digest());
        Ok(())
    }

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
