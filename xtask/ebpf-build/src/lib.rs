//! Builds the probe. The agent's build script and `cargo xtask` share this crate, so that both look for the
//! toolchain and the linker in the same places; neither function here installs anything.
//!
//! The probe's target (`bpfel-unknown-none`) has no prebuilt standard library. It needs a toolchain whose sources
//! are at hand (`-Z build-std=core`) and `bpf-linker`, which must read the bitcode of that toolchain's LLVM.

pub mod compile;
pub mod linker;
pub mod toolchain;

use std::path::{Path, PathBuf};

/// Where `cargo xtask setup` puts tools it builds itself, below the workspace's root.
pub const TOOLS_DIR: &str = "target/tools";

/// The workspace this crate was built in.
#[must_use]
pub fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}
