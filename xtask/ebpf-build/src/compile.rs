//! Compiles the probe with a given toolchain and linker.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::linker;
use crate::toolchain::Candidate;

const PACKAGE: &str = "picket-ebpf";

/// Where and with what to compile.
pub struct Compile<'a> {
    /// The workspace.
    pub workspace: &'a Path,
    /// Receives one object file a program, under the program's name, beside the intermediate files.
    pub out: &'a Path,
    /// The toolchain.
    pub toolchain: &'a Candidate,
    /// `bpf-linker`.
    pub linker: &'a Path,
    /// The architecture whose registers the probe reads, as Rust names it.
    pub arch: &'a str,
    /// The target, `bpfel-unknown-none` or its big-endian twin.
    pub target: &'a str,
    /// Flags that replace paths of this machine in the program.
    pub remapped: &'a [String],
}

impl Compile<'_> {
    /// Compiles every program of the probe's package.
    ///
    /// # Errors
    /// When the compiler cannot be run or refuses the program; its own messages go to standard error.
    pub fn run(&self) -> Result<()> {
        let llvm = self.out.join("llvm");
        linker::expose_llvm(self.toolchain, &llvm)?;
        let mut command = self.command(&llvm);
        let output = command
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("cannot run {}", command.get_program().display()))?;
        ensure!(
            output.status.success(),
            "the eBPF probe does not compile with {} and {}: {}",
            self.toolchain.name,
            self.linker.display(),
            output.status
        );
        let built = executables(&output.stdout)?;
        if built.is_empty() {
            bail!("the build of {PACKAGE} yielded no program");
        }
        built.iter().try_for_each(|program| self.publish(program))
    }

    fn command(&self, llvm: &Path) -> Command {
        let mut command = self.toolchain.cargo();
        command
            .current_dir(self.workspace)
            .args(["build", "--package", PACKAGE, "--bins", "--release"])
            .args(["-Z", "build-std=core", "--target", self.target])
            .arg("--message-format=json-render-diagnostics")
            .arg("--target-dir")
            .arg(self.out.join("probe-target"))
            .env("LD_LIBRARY_PATH", llvm)
            .env("CARGO_ENCODED_RUSTFLAGS", self.flags())
            .env(linker_variable(self.target), self.linker);
        command
    }

    /// BTF in the object needs debug information; `bpf_target_arch` tells aya-ebpf whose registers it reads.
    fn flags(&self) -> OsString {
        let arch = format!("--cfg=bpf_target_arch=\"{}\"", self.arch);
        let mut flags = vec![arch.as_str(), "-Cdebuginfo=2", "-Clink-arg=--btf"];
        flags.extend(self.remapped.iter().map(String::as_str));
        flags.join("\x1f").into()
    }

    fn publish(&self, program: &Path) -> Result<()> {
        let target = self.out.join(program.file_name().unwrap_or_default());
        fs::copy(program, &target)
            .with_context(|| format!("cannot copy {} to {}", program.display(), target.display()))
            .map(drop)
    }
}

fn linker_variable(target: &str) -> String {
    let target = target.to_uppercase().replace('-', "_");
    format!("CARGO_TARGET_{target}_LINKER")
}

/// The executables that cargo's messages (one JSON object a line) say it made.
fn executables(messages: &[u8]) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for line in messages.split(|byte| *byte == b'\n') {
        if line.is_empty() {
            continue;
        }
        let message: serde_json::Value =
            serde_json::from_slice(line).context("cargo printed something other than JSON")?;
        if let Some(path) = message.get("executable").and_then(|path| path.as_str()) {
            paths.push(PathBuf::from(path));
        }
    }
    Ok(paths)
}

/// The names of the probe's programs, from its manifest.
///
/// # Errors
/// When the manifest cannot be read.
pub fn programs(workspace: &Path) -> Result<Vec<String>> {
    let manifest = workspace.join("ebpf/Cargo.toml");
    let text = fs::read_to_string(&manifest)
        .with_context(|| format!("cannot read {}", manifest.display()))?;
    Ok(binary_names(&text))
}

fn binary_names(manifest: &str) -> Vec<String> {
    manifest
        .split("\n[")
        .filter(|section| section.trim_start_matches('[').starts_with("bin]]"))
        .filter_map(|section| {
            section.lines().find_map(|line| {
                let (key, value) = line.split_once('=')?;
                (key.trim() == "name").then(|| value.trim().trim_matches('"').to_owned())
            })
        })
        .collect()
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
    fn finds_the_programs_in_a_manifest() {
        let manifest = "[package]\nname = \"picket-ebpf\"\n\n[lib]\nname = \"lib\"\n\n[[bin]]\nname = \"one\"\n\
                        path = \"src/one.rs\"\n\n[[bin]]\npath = \"src/two.rs\"\nname=\"two\"\n\n[dependencies]\n";
        assert_eq!(binary_names(manifest), ["one", "two"]);
    }

    #[test]
    fn finds_the_executables_in_cargos_messages() {
        let messages = br#"{"reason":"compiler-artifact","executable":null}
{"reason":"compiler-artifact","executable":"/out/picket-ebpf"}
{"reason":"build-finished","success":true}
"#;
        let paths = executables(messages).unwrap();
        assert_eq!(paths, [PathBuf::from("/out/picket-ebpf")]);
        assert!(executables(b"warning: no\n").is_err());
    }

    #[test]
    fn names_the_linker_variable_as_cargo_does() {
        assert_eq!(
            linker_variable("bpfel-unknown-none"),
            "CARGO_TARGET_BPFEL_UNKNOWN_NONE_LINKER"
        );
    }
}
