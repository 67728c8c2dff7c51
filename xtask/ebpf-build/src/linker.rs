//! Which `bpf-linker` links the probe, and which LLVM library it opens.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::toolchain::Candidate;

/// The `bpf-linker` release that `cargo xtask setup` builds: the last that opens the toolchain's own LLVM at run time
/// instead of needing LLVM's development files.
pub const VERSION: &str = "0.10.4";

/// No `bpf-linker` runs here.
#[derive(Debug, thiserror::Error)]
#[error(
    "no bpf-linker was found in {} or on PATH; run `cargo xtask setup`, or: cargo install bpf-linker --version {VERSION} --locked --root {}",
    .tools.display(), .tools.display()
)]
pub struct NoLinker {
    tools: PathBuf,
}

/// The linker in `tools/bin`, else the first on `PATH` that runs.
///
/// # Errors
/// When there is none.
pub fn find(tools: &Path) -> Result<PathBuf, NoLinker> {
    let path = env::var_os("PATH").unwrap_or_default();
    std::iter::once(tools.join("bin"))
        .chain(env::split_paths(&path))
        .map(|dir| dir.join("bpf-linker"))
        .find(|linker| runs(linker))
        .ok_or_else(|| NoLinker {
            tools: tools.to_path_buf(),
        })
}

fn runs(linker: &Path) -> bool {
    let version = Command::new(linker).arg("--version").output();
    version.is_ok_and(|output| output.status.success())
}

/// Makes `dir` a library path in which `bpf-linker` finds no LLVM but the toolchain's own. It opens the first library
/// named `libLLVM*` that it comes across, and a distribution's library directory may hold several.
///
/// # Errors
/// When the toolchain has no LLVM library, or `dir` cannot be written.
pub fn expose_llvm(toolchain: &Candidate, dir: &Path) -> Result<()> {
    let llvm = toolchain.compiler.map_or(0, |compiler| compiler.llvm);
    let library = llvm_library(&toolchain.sysroot, llvm).with_context(|| {
        format!(
            "{} has no libLLVM {llvm} below {}; use a toolchain that links LLVM as a shared library",
            toolchain.name,
            toolchain.sysroot.join("lib").display()
        )
    })?;
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("cannot empty {}", dir.display()))?;
    }
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let name = library.file_name().unwrap_or_default();
    symlink(&library, dir.join(name))
        .with_context(|| format!("cannot link {} into {}", library.display(), dir.display()))
}

fn llvm_library(sysroot: &Path, llvm: u32) -> Option<PathBuf> {
    let lib = sysroot.join("lib");
    let multiarch = lib.join(format!("{}-linux-gnu", env::consts::ARCH));
    let mut names: Vec<PathBuf> = [lib, multiarch]
        .iter()
        .filter_map(|dir| dir.read_dir().ok())
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            is_llvm(&name, llvm) && path.exists()
        })
        .collect();
    names.sort();
    names.pop()
}

/// Whether a file's name is that of LLVM's shared library of this major version: `libLLVM.so.22.1`,
/// `libLLVM-22.so.1`, `libLLVM.so.22.1-rust-1.95.0-stable`.
fn is_llvm(name: &str, major: u32) -> bool {
    name.strip_prefix("libLLVM").is_some_and(|rest| {
        rest.contains(".so") && {
            let version = rest
                .split(['-', '.'])
                .find_map(|part| part.parse::<u32>().ok());
            version == Some(major)
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        reason = "tests"
    )]

    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::toolchain::Compiler;

    #[test]
    fn tells_llvm_libraries_apart() {
        for name in [
            "libLLVM.so.22.1",
            "libLLVM-22.so",
            "libLLVM-22.so.1",
            "libLLVM.so.22.1-rust-1.95.0-stable",
            "libLLVM-22-rust-1.95.0-stable.so",
        ] {
            assert!(is_llvm(name, 22), "{name}");
        }
        for name in [
            "libLLVM-14.so.1",
            "libLLVM.so.21.1",
            "libLLVM-22.a",
            "libLLVM.so",
            "libclang-22.so.1",
        ] {
            assert!(!is_llvm(name, 22), "{name}");
        }
    }

    #[test]
    fn exposes_only_the_toolchains_own_llvm() {
        let dir = tempfile::tempdir().unwrap();
        let lib = dir.path().join("lib");
        fs::create_dir_all(&lib).unwrap();
        for name in ["libLLVM-14.so.1", "libLLVM.so.22.1", "libother.so"] {
            fs::write(lib.join(name), name).unwrap();
        }
        let mut toolchain = Candidate::inspect("it", dir.path());
        toolchain.compiler = Some(Compiler {
            release: (1, 97),
            llvm: 22,
        });
        let exposed = dir.path().join("exposed");
        for _ in 0..2 {
            expose_llvm(&toolchain, &exposed).unwrap();
            let names: Vec<_> = exposed
                .read_dir()
                .unwrap()
                .map(|entry| entry.unwrap().file_name())
                .collect();
            assert_eq!(names, ["libLLVM.so.22.1"]);
        }
        toolchain.compiler = Some(Compiler {
            release: (1, 97),
            llvm: 23,
        });
        let message = expose_llvm(&toolchain, &exposed).unwrap_err().to_string();
        assert!(message.contains("no libLLVM 23"), "{message}");
    }

    #[test]
    fn prefers_the_linker_that_set_up_built() {
        let tools = tempfile::tempdir().unwrap();
        let bin = tools.path().join("bin");
        fs::create_dir(&bin).unwrap();
        let linker = bin.join("bpf-linker");
        fs::write(&linker, "#!/bin/sh\nexit 0\n").unwrap();
        fs::set_permissions(&linker, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find(tools.path()).unwrap(), linker);
    }
}
