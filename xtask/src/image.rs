//! `cargo xtask image`: a container image of the agent alone, made without a registry and without a base image.
//!
//! The agent is linked statically, so that nothing else is in the image: no shell, no libraries. The same sources and the
//! same tools make the same bytes in any folder: no paths, no time but the commit's, files in order, nothing compressed.

mod agent;
mod oci;
mod sbom;
mod tar;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::cargo::complete;
use oci::Image;
use tar::Archive;

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Where the agent lies in the image.
const AGENT: &str = "usr/bin/picket";

/// Where its bill of materials lies in the image.
const SBOM: &str = "usr/share/doc/picket/sbom.cdx.json";

/// Builds the agent and its image. Returns the agent that is in it.
///
/// # Errors
/// When it cannot be built, or the image not be written.
pub fn image() -> Result<PathBuf> {
    let Made {
        agent,
        materials,
        image,
    } = make(&ebpf_build::workspace_root())?;
    let layout = layout();
    image.write_layout(&layout)?;
    fs::write(archive(), image.archive()?)?;
    fs::write(layout.with_extension("sbom.cdx.json"), materials)?;
    println!("{} ({})", layout.display(), image.digest());
    println!("{}", archive().display());
    Ok(agent)
}

/// Loads the image into the Docker engine.
///
/// # Errors
/// When there is no engine, or it refuses.
pub fn load() -> Result<()> {
    let file = fs::File::open(archive())?;
    complete(Command::new("docker").arg("load").stdin(Stdio::from(file)))
        .context("the image is made, and was not loaded; without --load it is not")
}

/// Makes the image of the committed sources once more, in another folder, and compares.
///
/// # Errors
/// When the two differ, or sources are not committed.
pub fn verify() -> Result<()> {
    let workspace = ebpf_build::workspace_root();
    let changed = git(&workspace, &["status", "--porcelain"]).context("git status failed")?;
    ensure!(
        changed.is_empty(),
        "only what is committed can be made elsewhere too; commit or remove these first:\n{changed}"
    );
    let place = tempfile::tempdir()?;
    let clone = place.path().join("picket");
    complete(
        Command::new("git")
            .args(["clone", "--quiet"])
            .args([&workspace, &clone]),
    )?;
    // The linker of the probe is a tool, not a source.
    fs::create_dir(clone.join("target"))?;
    let tools = ebpf_build::TOOLS_DIR;
    symlink(workspace.join(tools), clone.join(tools))?;
    let index = fs::read(layout().join("index.json"))?;
    let again = make(&clone)?.image;
    ensure!(
        again.index() == index,
        "the sources in {} make another image: {}",
        clone.display(),
        again.digest()
    );
    println!("made again in {}: the same", clone.display());
    Ok(())
}

/// What is made of sources.
struct Made {
    agent: PathBuf,
    materials: String,
    image: Image,
}

fn make(workspace: &Path) -> Result<Made> {
    let agent = agent::build(workspace)?;
    let materials = sbom::of_agent(workspace)?;
    let git = |arguments: &[&str]| git(workspace, arguments).unwrap_or_default();
    let date = "--date=format-local:%Y-%m-%dT%H:%M:%SZ";
    let image = assemble(
        &fs::read(&agent)?,
        materials.as_bytes(),
        &git(&["rev-parse", "HEAD"]),
        &git(&["log", "-1", "--format=%cd", date]),
    )?;
    Ok(Made {
        agent,
        materials,
        image,
    })
}

/// The image's layout; beside it lie the same as one archive, and the bill of materials.
fn layout() -> PathBuf {
    ebpf_build::workspace_root().join("target/image/picket")
}

fn archive() -> PathBuf {
    layout().with_extension("tar")
}

/// The image of an agent that was built from a commit of this time.
fn assemble(agent: &[u8], materials: &[u8], revision: &str, created: &str) -> Result<Image> {
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
    Ok(Image::new(
        files.finish(),
        &oci::About {
            version: env!("CARGO_PKG_VERSION"),
            revision,
            created,
            entrypoint: &format!("/{AGENT}"),
        },
    ))
}

fn git(workspace: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(workspace)
        .args(arguments)
        .env("TZ", "UTC")
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_input_makes_equal_bytes() -> Result<()> {
        let of = |agent: &[u8], created: &str| assemble(agent, b"{}", "abc", created);
        let first = of(b"agent", "2026-11-30T00:00:00Z")?;
        let second = of(b"agent", "2026-11-30T00:00:00Z")?;
        assert_eq!(first.archive()?, second.archive()?);
        assert_eq!(first.index(), second.index());
        for other in [of(b"another", "2026-11-30T00:00:00Z")?, of(b"agent", "")?] {
            assert_ne!(other.index(), first.index());
        }
        Ok(())
    }
}
