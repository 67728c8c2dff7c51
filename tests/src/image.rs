//! The images that containers are started from: made once, kept by the engine under a tag of their ingredients.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::docker::docker;

/// FastAPI, uvicorn and onnxruntime with a classifier, and a trigger for harmless stand-ins of attacks.
pub const MODEL_SERVER: &str = "model-server";

/// A static busybox.
pub const BUSYBOX: &str = "busybox";

/// The model server of the corpus, with peers and scenarios.
pub const CORPUS: &str = "corpus-fastapi";

/// Commands that making an image needs, with the Debian packages that have them.
pub const BUILD_COMMANDS: [(&str, &str); 2] = [("mmdebstrap", "mmdebstrap"), ("tar", "tar")];

/// The tag of an image; makes the image when the engine does not have it.
///
/// A recipe is a folder with a program `build.sh`; or with a list of Debian `packages`, or the name of a `base`, and what
/// is done in a container of either: `install.sh`, and settings in `image`. The file `with` names one more folder that it
/// needs.
///
/// # Errors
/// When it cannot be made.
pub fn provide(name: &str) -> Result<String> {
    let recipe = recipes().join(name);
    let base = match fs::read_to_string(recipe.join("base")) {
        Ok(base) => Some(provide(base.trim())?),
        Err(_) => None,
    };
    let tag = format!(
        "picket/{name}:{}",
        fingerprint(&ingredients(&recipe)?, base.as_deref())?
    );
    // One that another process makes just now is worth waiting for.
    let lock = cache()?.join(format!("{name}.lock"));
    let lock = File::create(&lock).with_context(|| format!("cannot write {}", lock.display()))?;
    lock.lock().context("cannot lock the making of an image")?;
    if docker(&["image", "inspect", "--format", "{{.Id}}", &tag]).is_ok() {
        return Ok(tag);
    }
    eprintln!("setup: making the image {tag} from Debian packages and Python wheels");
    if recipe.join("build.sh").is_file() {
        run(&recipe.join("build.sh"), &[&tag], None)?;
    } else if let Some(base) = base {
        run(&recipes().join("derive.sh"), &[&tag, &base], Some(&recipe))?;
    } else {
        let bare = format!("{tag}-bare");
        run(&recipes().join("debian.sh"), &[&bare], Some(&recipe))?;
        let derived = run(&recipes().join("derive.sh"), &[&tag, &bare], Some(&recipe));
        docker(&["image", "rm", &bare])?;
        derived?;
    }
    let _ = remove_older; // local
    Ok(tag)
}

/// Runs a script of the recipes: `SCRIPT IMAGE CACHE [RECIPE [BASE]]`.
fn run(script: &Path, images: &[&str], recipe: Option<&Path>) -> Result<()> {
    let mut command = Command::new(script);
    let mut images = images.iter();
    command.args(images.next()).arg(cache()?);
    let status = command
        .args(recipe)
        .args(images)
        .status()
        .with_context(|| format!("cannot run {}", script.display()))?;
    ensure!(
        status.success(),
        "{} failed ({status}); its messages are above",
        script.display()
    );
    Ok(())
}

/// The files that decide what an image is, each with the name it is known by.
fn ingredients(recipe: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut named = contents(recipe)?;
    if let Ok(folder) = fs::read_to_string(recipe.join("with")) {
        let folder = folder.trim();
        for (name, file) in contents(&recipes().join(folder))? {
            named.push((format!("{folder}/{name}"), file));
        }
    }
    if !recipe.join("build.sh").is_file() {
        for script in ["debian.sh", "derive.sh"] {
            named.push((format!("../{script}"), recipes().join(script)));
        }
    }
    Ok(named)
}

/// The files of a folder in a fixed order, each with its name in there.
fn contents(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    list(folder, &mut files)?;
    files.sort();
    let named = files.into_iter().map(|file| {
        let name = file.strip_prefix(folder)?.to_string_lossy().into_owned();
        Ok((name, file))
    });
    named.collect()
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
        Self::version(image, name, 1)
    }

    /// As [`Variant::create`], as this version of the workload of that name.
    ///
    /// # Errors
    /// When the engine refuses.
    pub fn version(image: &str, name: &str, version: u32) -> Result<Self> {
        let tag = format!("picket/{name}:{version}");
        Self::commit(image, tag, &format!("LABEL variant={name}"))
    }

    /// As [`Variant::create`], with this change, as a line of a Dockerfile.
    ///
    /// # Errors
    /// When the engine refuses.
    pub fn changed(image: &str, name: &str, change: &str) -> Result<Self> {
        Self::commit(image, format!("picket/{name}:1"), change)
    }

    fn commit(image: &str, tag: String, change: &str) -> Result<Self> {
        let container = docker(&["create", image])?;
        let committed = docker(&["commit", "--change", change, &container, &tag]);
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

/// Twelve hex digits that change with any of the files, their names and the base.
fn fingerprint(files: &[(String, PathBuf)], base: Option<&str>) -> Result<String> {
    let mut hash = Sha256::new();
    for (name, file) in files {
        let content = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        hash.update(format!("{name}\0{}\0", content.len()));
        hash.update(content);
    }
    hash.update(base.unwrap_or_default());
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
        if path.ends_with("__pycache__") {
            continue;
        }
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
    fn a_fingerprint_follows_names_contents_and_base() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("srv/app.py");
        fs::create_dir(dir.path().join("srv")).unwrap();
        fs::write(&file, "a = 1").unwrap();
        let of = |base| fingerprint(&ingredients(dir.path()).unwrap(), base).unwrap();
        let first = of(None);
        assert_eq!(first.len(), 12);
        assert_eq!(of(None), first);
        assert_ne!(of(Some("picket/python:1")), first);
        fs::write(&file, "a = 2").unwrap();
        let changed = of(None);
        assert_ne!(changed, first);
        fs::rename(&file, dir.path().join("srv/other.py")).unwrap();
        assert_ne!(of(None), changed);
    }

    #[test]
    fn a_fingerprint_covers_the_folder_that_a_recipe_names() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("recipe")).unwrap();
        fs::create_dir_all(dir.path().join("shared/__pycache__")).unwrap();
        let shared = dir.path().join("shared");
        fs::write(
            dir.path().join("recipe/with"),
            shared.to_string_lossy().as_ref(),
        )
        .unwrap();
        let of = || fingerprint(&ingredients(&dir.path().join("recipe")).unwrap(), None).unwrap();
        let first = of();
        fs::write(shared.join("__pycache__/world.pyc"), "compiled").unwrap();
        assert_eq!(of(), first);
        fs::write(shared.join("world.py"), "a = 1").unwrap();
        assert_ne!(of(), first);
    }

    #[test]
    fn every_recipe_says_how_and_from_what() {
        for recipe in fs::read_dir(recipes()).unwrap() {
            let recipe = recipe.unwrap().path();
            let has = |file| recipe.join(file).is_file();
            assert!(
                !recipe.is_dir()
                    || has("build.sh")
                    || (has("base") != has("packages") && has("install.sh") && has("image")),
                "{}",
                recipe.display()
            );
        }
    }
}
