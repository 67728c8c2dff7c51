//! The images that containers are started from: made once, kept by the engine under a tag of their ingredients.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::docker::docker;

/// FastAPI, uvicorn and onnxruntime with a classifier, and a trigger for harmless stand-ins of attacks.
pub const MODEL_SERVER: &str = "model-server";

/// A static busybox.
pub const BUSYBOX: &str = "busybox";

/// Commands that making an image needs, with the Debian packages that have them.
pub const BUILD_COMMANDS: [(&str, &str); 2] = [("mmdebstrap", "mmdebstrap"), ("tar", "tar")];

/// The tag of an image; makes the image when the engine does not have it.
///
/// # Errors
/// When it cannot be made.
pub fn provide(name: &str) -> Result<String> {
    let recipe = recipes().join(name);
    let tag = format!("picket/{name}:{}", fingerprint(&recipe)?);
    if docker(&["image", "inspect", "--format", "{{.Id}}", &tag]).is_ok() {
        return Ok(tag);
    }
    eprintln!("setup: making the image {tag} from Debian packages and Python wheels");
    let build = recipe.join("build.sh");
    let status = Command::new(&build)
        .arg(&tag)
        .arg(cache()?)
        .status()
        .with_context(|| format!("cannot run {}", build.display()))?;
    ensure!(
        status.success(),
        "{} failed ({status}); its messages are above",
        build.display()
    );
    remove_older(name, &tag)?;
    Ok(tag)
}

/// Removes the images that earlier recipes made. One that a container still uses stays.
fn remove_older(name: &str, tag: &str) -> Result<()> {
    let repository = format!("picket/{name}");
    let format = "{{.Repository}}:{{.Tag}}";
    let tags = docker(&["image", "ls", "--format", format, &repository])?;
    for older in tags.lines().filter(|older| *older != tag) {
        let _ = docker(&["image", "rm", older]);
    }
    Ok(())
}

/// An image of the same content as another but with an id of its own, as a new build of a workload has; removed when
/// dropped.
pub struct Variant {
    /// Its tag.
    pub tag: String,
}

impl Variant {
    /// Makes one.
    ///
    /// # Errors
    /// When the engine refuses.
    pub fn create(image: &str, name: &str) -> Result<Self> {
        let tag = format!("picket/{name}:1");
        let container = docker(&["create", image])?;
        let label = format!("LABEL variant={name}");
        let committed = docker(&["commit", "--change", &label, &container, &tag]);
        docker(&["rm", &container])?;
        committed.map(|_| Self { tag })
    }
}

impl Drop for Variant {
    fn drop(&mut self) {
        if let Err(error) = docker(&["image", "rm", "--force", &self.tag]) {
            eprintln!("cannot clean up: {error:#}");
        }
    }
}

fn recipes() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("images")
}

fn cache() -> Result<PathBuf> {
    let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/images");
    fs::create_dir_all(&cache).with_context(|| format!("cannot create {}", cache.display()))?;
    Ok(cache.canonicalize()?)
}

/// Twelve hex digits that change with any file below `folder`.
fn fingerprint(folder: &Path) -> Result<String> {
    let mut files = Vec::new();
    list(folder, &mut files)?;
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        let name = file.strip_prefix(folder)?.to_string_lossy().into_owned();
        let content = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        hash.update(format!("{name}\0{}\0", content.len()));
        hash.update(content);
    }
    let digest = hash.finalize();
    Ok(digest
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        reason = "tests"
    )]

    use super::*;

    #[test]
    fn a_fingerprint_follows_names_and_contents() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("srv/app.py");
        fs::create_dir(dir.path().join("srv")).unwrap();
        fs::write(&file, "a = 1").unwrap();
        let first = fingerprint(dir.path()).unwrap();
        assert_eq!(first.len(), 12);
        assert_eq!(fingerprint(dir.path()).unwrap(), first);
        fs::write(&file, "a = 2").unwrap();
        let changed = fingerprint(dir.path()).unwrap();
        assert_ne!(changed, first);
        fs::rename(&file, dir.path().join("srv/other.py")).unwrap();
        assert_ne!(fingerprint(dir.path()).unwrap(), changed);
    }

    #[test]
    fn every_image_has_a_recipe() {
        for name in [MODEL_SERVER, BUSYBOX] {
            assert!(recipes().join(name).join("build.sh").is_file(), "{name}");
        }
    }
}
