//! Which Rust toolchain builds the probe.

#[cfg(test)]
mod tests;

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names a toolchain for the probe: a rustup toolchain, or a directory with `bin/rustc` and `bin/cargo`.
pub const TOOLCHAIN_VARIABLE: &str = "PICKET_EBPF_TOOLCHAIN";

/// The oldest compiler that builds this workspace.
pub const OLDEST_RUST: (u32, u32) = (1, 95);

/// The LLVM that the `bpf-linker` release used here reads.
pub const LLVM: u32 = 22;

/// A compiler's own account of itself (`rustc -vV`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compiler {
    /// Major and minor version.
    pub release: (u32, u32),
    /// Major version of its LLVM; 0 when it has another code generator.
    pub llvm: u32,
}

impl Compiler {
    /// Reads the output of `rustc -vV`; `None` when it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        let mut release = field("release: ")?.split('.');
        let major = release.next()?.parse().ok()?;
        let minor = release.next()?.parse().ok()?;
        let llvm = field("LLVM version: ")
            .and_then(|version| version.split('.').next()?.parse().ok())
            .unwrap_or(0);
        Some(Self {
            release: (major, minor),
            llvm,
        })
    }
}

/// A toolchain that may be able to build the probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What it is called in messages.
    pub name: String,
    /// The user asked for this one by name.
    pub asked_for: bool,
    /// The directory that holds `bin/cargo` and `bin/rustc`.
    pub root: PathBuf,
    /// `rustc --print sysroot`; differs from `root` for a linked toolchain.
    pub sysroot: PathBuf,
    /// What `bin/rustc` says it is; `None` when it does not run.
    pub compiler: Option<Compiler>,
    /// `bin/cargo` is there.
    pub has_cargo: bool,
    /// The sources of the standard library are there.
    pub has_source: bool,
}

impl Candidate {
    /// Looks at the toolchain in `root`.
    #[must_use]
    pub fn inspect(name: &str, root: &Path) -> Self {
        let rustc = root.join("bin/rustc");
        let sysroot = output(Command::new(&rustc).args(["--print", "sysroot"]))
            .map_or_else(|| root.to_path_buf(), |line| PathBuf::from(line.trim()));
        Self {
            name: name.to_owned(),
            asked_for: false,
            root: root.to_path_buf(),
            compiler: output(Command::new(&rustc).arg("-vV"))
                .and_then(|text| Compiler::parse(&text)),
            has_cargo: root.join("bin/cargo").exists(),
            has_source: sysroot
                .join("lib/rustlib/src/rust/library/core/Cargo.toml")
                .exists(),
            sysroot,
        }
    }

    /// Its cargo with its compiler, allowed to build the standard library from its sources. The surrounding cargo's own
    /// compiler, wrappers and flags do not reach it.
    #[must_use]
    pub fn cargo(&self) -> Command {
        let bin = self.root.join("bin");
        let mut command = Command::new(bin.join("cargo"));
        for name in [
            "CARGO",
            "RUSTC",
            "RUSTC_LINKER",
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTDOC",
            "RUSTFLAGS",
            "RUSTUP_TOOLCHAIN",
        ] {
            command.env_remove(name);
        }
        command
            .env("RUSTC", bin.join("rustc"))
            .env("RUSTC_BOOTSTRAP", "1");
        command
    }

    /// Why this toolchain cannot build the probe; `None` when it can.
    #[must_use]
    pub fn obstacle(&self) -> Option<Obstacle> {
        let Some(compiler) = self.compiler else {
            return Some(Obstacle::DoesNotRun);
        };
        if !self.has_cargo {
            Some(Obstacle::NoCargo)
        } else if !self.has_source {
            Some(Obstacle::NoSource)
        } else if compiler.release < OLDEST_RUST {
            Some(Obstacle::TooOld(compiler.release))
        } else if compiler.llvm != LLVM && !self.asked_for {
            Some(Obstacle::OtherLlvm(compiler.llvm))
        } else {
            None
        }
    }
}

/// Why a toolchain cannot build the probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// There is no `bin/rustc` that runs.
    DoesNotRun,
    /// There is no `bin/cargo`.
    NoCargo,
    /// The standard library's sources are missing.
    NoSource,
    /// The compiler is older than this workspace asks for.
    TooOld((u32, u32)),
    /// `bpf-linker` does not read the bitcode of this LLVM.
    OtherLlvm(u32),
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DoesNotRun => f.write_str("its bin/rustc does not run"),
            Self::NoCargo => f.write_str("it has no bin/cargo"),
            Self::NoSource => {
                f.write_str("it lacks the sources of the standard library (rust-src)")
            }
            Self::TooOld((major, minor)) => write!(
                f,
                "it is {major}.{minor}, older than {}.{}",
                OLDEST_RUST.0, OLDEST_RUST.1
            ),
            Self::OtherLlvm(llvm) => {
                write!(f, "its LLVM is {llvm}, bpf-linker reads LLVM {LLVM}")
            }
        }
    }
}

/// No toolchain here can build the probe.
#[derive(Debug, thiserror::Error)]
#[error(
    "no Rust toolchain here can build the eBPF probe:\n{}\n{}",
    list(.rejected),
    ways_out()
)]
pub struct NoToolchain {
    /// What was looked at, and why each was no use.
    pub rejected: Vec<(String, Obstacle)>,
}

fn list(rejected: &[(String, Obstacle)]) -> String {
    let mut lines: Vec<String> = rejected
        .iter()
        .map(|(name, obstacle)| format!("  - {name}: {obstacle}"))
        .collect();
    if lines.is_empty() {
        lines.push("  - none was found".to_owned());
    }
    lines.join("\n")
}

fn ways_out() -> String {
    format!(
        "get one in any of these ways, then run `cargo xtask setup` again:
  - with rustup:           rustup component add rust-src
  - with rustup, nightly:  rustup toolchain install nightly --component rust-src
  - on Debian, as root:    apt-get install -y --no-install-recommends rustc-web cargo-web rust-web-src
  - a toolchain elsewhere: {TOOLCHAIN_VARIABLE}=/its/directory cargo xtask setup"
    )
}

/// The first candidate that can build the probe.
///
/// # Errors
/// When none can: each with its obstacle.
pub fn choose(candidates: Vec<Candidate>) -> Result<Candidate, NoToolchain> {
    let mut rejected = Vec::new();
    for candidate in candidates {
        match candidate.obstacle() {
            None => return Ok(candidate),
            Some(obstacle) => rejected.push((candidate.name, obstacle)),
        }
    }
    Err(NoToolchain { rejected })
}

/// The toolchains of this machine, best first: the one asked for and no other; else rustup's, nightlies first; else
/// the current compiler's; else the distribution's.
#[must_use]
pub fn candidates() -> Vec<Candidate> {
    if let Some(wanted) = env::var_os(TOOLCHAIN_VARIABLE).filter(|wanted| !wanted.is_empty()) {
        let name = wanted.to_string_lossy();
        let root = if name.contains('/') {
            PathBuf::from(&wanted)
        } else {
            let of_rustup = rustup_toolchains();
            let named = of_rustup
                .into_iter()
                .find(|(full, _)| is_short_for(&name, full));
            named.map_or_else(|| PathBuf::from(&wanted), |(_, root)| root)
        };
        let mut candidate = Candidate::inspect(&name, &root);
        candidate.asked_for = true;
        return vec![candidate];
    }
    let mut found: Vec<Candidate> = rustup_toolchains()
        .iter()
        .map(|(name, root)| Candidate::inspect(&format!("rustup toolchain {name}"), root))
        .collect();
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let current = output(Command::new(rustc).args(["--print", "sysroot"]));
    let roots = current.map(|line| PathBuf::from(line.trim()));
    for root in roots.into_iter().chain([PathBuf::from("/usr")]) {
        let known = |candidate: &Candidate| candidate.root == root;
        if root.join("bin/rustc").exists() && !found.iter().any(known) {
            found.push(Candidate::inspect(&root.display().to_string(), &root));
        }
    }
    found
}

/// Whether `name` is how rustup's users call the toolchain `full`: `nightly` for `nightly-x86_64-unknown-linux-gnu`.
fn is_short_for(name: &str, full: &str) -> bool {
    full.strip_prefix(name).is_some_and(|rest| {
        rest.is_empty() || rest.starts_with(&format!("-{}-", env::consts::ARCH))
    })
}

fn rustup_toolchains_dir() -> Option<PathBuf> {
    let home = env::var_os("RUSTUP_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".rustup")))?;
    Some(home.join("toolchains"))
}

/// Reads rustup's directory instead of asking `rustup`, which could start to install what it thinks is missing.
fn rustup_toolchains() -> Vec<(String, PathBuf)> {
    let entries = rustup_toolchains_dir().and_then(|dir| dir.read_dir().ok());
    let mut toolchains: Vec<(String, PathBuf)> = entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| {
            (
                entry.file_name().to_string_lossy().into_owned(),
                entry.path(),
            )
        })
        .collect();
    toolchains.sort_by_key(|(name, _)| (!name.starts_with("nightly"), name.clone()));
    toolchains
}

/// Standard output of a command that succeeded. Variables by which an outer cargo or rustup directs its own compiler
/// are removed: they would direct this one too.
fn output(command: &mut Command) -> Option<String> {
    let output = command
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("LD_LIBRARY_PATH")
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then_some(text)
}
