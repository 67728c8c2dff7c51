//! What the build of the probe needs on this machine. Everything here may run again at any time.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use ebpf_build::toolchain::{self, OLDEST_RUST};
use ebpf_build::{TOOLS_DIR, linker};
use picket_tests::{image, tools};

use crate::apt;
use crate::cargo::{cargo, complete, is_root};
use crate::engine::Engine;

const BPF_FILE_SYSTEM: &str = "/sys/fs/bpf";

type Packages = [&'static str; 3];

/// A set of packages, and the version of its compiler that can be had.
type Offer = (Packages, Option<(u32, u32)>);

/// Debian's names for a compiler, a cargo and the sources that belong together, the likelier first: stable releases
/// carry a newer compiler beside the ordinary one for building web browsers.
const DEBIAN_TOOLCHAINS: [Packages; 2] = [
    ["rustc-web", "cargo-web", "rust-web-src"],
    ["rustc", "cargo", "rust-src"],
];

/// Provides all that the probe's build needs.
///
/// # Errors
/// When a part is missing and cannot be provided; the message says how to.
pub fn probe() -> Result<()> {
    provide_toolchain()?;
    provide_linker()?;
    mount_bpf_file_system();
    Ok(())
}

/// Provides an engine to run containers in, and what making their images needs.
///
/// # Errors
/// When a part is missing and cannot be provided; the message says how to.
pub fn containers() -> Result<Engine> {
    let missing: Vec<&str> = image::BUILD_COMMANDS
        .iter()
        .filter(|(command, _)| !apt::on_path(command))
        .map(|(_, package)| *package)
        .collect();
    if !missing.is_empty() {
        apt::install(&missing, "to make the images of the tests' containers")?;
    }
    Engine::provide()
}

/// Provides what makes pods. Tests of pods skip themselves where something is missing.
///
/// # Errors
/// When something is missing and cannot be provided.
pub fn pods() -> Result<()> {
    for (program, package) in tools::POD_PROGRAMS {
        if tools::find(program).is_none() {
            apt::unpack(package, "for the tests of pods")?;
        }
    }
    Ok(())
}

/// Makes the images that the engine does not have yet.
///
/// # Errors
/// When one cannot be made.
pub fn images(names: &[&str]) -> Result<()> {
    for name in names {
        image::provide(name)?;
    }
    Ok(())
}

fn provide_toolchain() -> Result<()> {
    let Err(missing) = toolchain::choose(toolchain::candidates()) else {
        return Ok(());
    };
    let asked_for = env::var_os(toolchain::TOOLCHAIN_VARIABLE).is_some();
    let way = if asked_for {
        None
    } else {
        choose_way(&Facts::gather()?)
    };
    match way {
        None => return Err(missing.into()),
        Some(Way::Debian(packages)) => apt::install(
            &packages,
            "a Rust compiler with the sources of its standard library, to build the eBPF probe",
        )?,
        Some(Way::Rustup) => {
            eprintln!(
                "setup: installing rust-src with rustup: sources of the standard library, to build the eBPF probe"
            );
            complete(Command::new("rustup").args(["component", "add", "rust-src"]))?;
        }
    }
    toolchain::choose(toolchain::candidates())?;
    Ok(())
}

/// What decides how a toolchain is come by.
struct Facts {
    /// What Debian offers; empty where apt cannot be used.
    debian: Vec<Offer>,
    /// `rustup` is there.
    rustup: bool,
}

impl Facts {
    fn gather() -> Result<Self> {
        let mut facts = Self {
            debian: Vec::new(),
            rustup: apt::on_path("rustup"),
        };
        if apt::usable() {
            facts.debian = Self::debian();
            // A fresh system may know no packages at all.
            if !matches!(choose_way(&facts), Some(Way::Debian(_))) {
                apt::update()?;
                facts.debian = Self::debian();
            }
        }
        Ok(facts)
    }

    fn debian() -> Vec<Offer> {
        DEBIAN_TOOLCHAINS
            .into_iter()
            .map(|packages| {
                (
                    packages,
                    packages.first().and_then(|rustc| apt::candidate(rustc)),
                )
            })
            .collect()
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Way {
    Debian(Packages),
    Rustup,
}

/// Debian's packages come before rustup: they stay on a version whose LLVM is known to suit.
fn choose_way(facts: &Facts) -> Option<Way> {
    let new_enough = |version: &Option<(u32, u32)>| version.is_some_and(|it| it >= OLDEST_RUST);
    let debian = facts
        .debian
        .iter()
        .find(|(_, version)| new_enough(version))
        .map(|(packages, _)| Way::Debian(*packages));
    debian.or_else(|| facts.rustup.then_some(Way::Rustup))
}

fn provide_linker() -> Result<()> {
    let tools = tools_dir();
    if linker::find(&tools).is_ok() {
        return Ok(());
    }
    eprintln!(
        "setup: building bpf-linker {} into {} (a minute or two)",
        linker::VERSION,
        tools.display()
    );
    let install = ["install", "bpf-linker", "--version", linker::VERSION];
    complete(
        cargo(&install)
            .args(["--locked", "--quiet", "--root"])
            .arg(&tools)
            .env_remove("RUSTFLAGS"),
    )?;
    linker::find(&tools)?;
    Ok(())
}

fn tools_dir() -> PathBuf {
    ebpf_build::workspace_root().join(TOOLS_DIR)
}

/// The agent goes on without this file system, so that failing to mount it is no error.
fn mount_bpf_file_system() {
    let mounted =
        fs::read_to_string("/proc/mounts").is_ok_and(|mounts| is_mounted(&mounts, BPF_FILE_SYSTEM));
    if mounted || !is_root() {
        return;
    }
    eprintln!("setup: mounting the BPF file system on {BPF_FILE_SYSTEM}");
    let mount = Command::new("mount")
        .args(["-t", "bpf", "bpf", BPF_FILE_SYSTEM])
        .status()
        .context("cannot run mount");
    match mount {
        Ok(status) if status.success() => {}
        Ok(status) => eprintln!("setup: mount failed ({status}); going on without"),
        Err(error) => eprintln!("setup: {error:#}; going on without"),
    }
}

fn is_mounted(mounts: &str, path: &str) -> bool {
    mounts.lines().any(|line| {
        let mut fields = line.split(' ').skip(1);
        fields.next() == Some(path) && fields.next() == Some("bpf")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: Packages = DEBIAN_TOOLCHAINS[0];
    const PLAIN: Packages = DEBIAN_TOOLCHAINS[1];

    fn way(debian: &[Offer], rustup: bool) -> Option<Way> {
        let debian = debian.to_vec();
        choose_way(&Facts { debian, rustup })
    }

    #[test]
    fn debian_12_has_a_compiler_for_browsers_that_is_new_enough() {
        let debian = [(WEB, Some((1, 96))), (PLAIN, Some((1, 63)))];
        assert_eq!(way(&debian, true), Some(Way::Debian(WEB)));
    }

    #[test]
    fn a_later_debian_may_have_it_under_the_plain_name() {
        let debian = [(WEB, None), (PLAIN, Some((1, 98)))];
        assert_eq!(way(&debian, false), Some(Way::Debian(PLAIN)));
    }

    #[test]
    fn an_old_debian_leaves_it_to_rustup() {
        let debian = [(WEB, Some((1, 78))), (PLAIN, Some((1, 63)))];
        assert_eq!(way(&debian, true), Some(Way::Rustup));
        assert_eq!(way(&debian, false), None);
    }

    #[test]
    fn without_apt_rustup_adds_the_sources() {
        assert_eq!(way(&[], true), Some(Way::Rustup));
        assert_eq!(way(&[], false), None);
    }

    #[test]
    fn sees_the_bpf_file_system_among_the_mounts() {
        let mounts = "sysfs /sys sysfs rw 0 0\nbpf /sys/fs/bpf bpf rw,nosuid 0 0\n";
        assert!(is_mounted(mounts, BPF_FILE_SYSTEM));
        assert!(!is_mounted(
            "tmpfs /sys/fs/bpf tmpfs rw 0 0\n",
            BPF_FILE_SYSTEM
        ));
        assert!(!is_mounted("bpf /elsewhere bpf rw 0 0\n", BPF_FILE_SYSTEM));
    }
}
