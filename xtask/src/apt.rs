//! Debian packages: what can be had, and its installation.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use picket_tests::tools::UNPACKED;

use crate::cargo::{complete, is_root};

/// Whether packages can be installed here at all.
pub fn usable() -> bool {
    is_root() && Command::new("apt-get").arg("--version").output().is_ok()
}

/// Installs the packages, saying first which and why.
///
/// # Errors
/// When that is not possible here, or apt fails.
pub fn install(packages: &[&str], purpose: &str) -> Result<()> {
    let list = packages.join(" ");
    if !usable() {
        bail!(
            "{purpose} needs the packages {list} (their Debian names), and this is not root on a system with apt; install them and run this again"
        );
    }
    eprintln!("setup: installing the Debian packages {list}: {purpose}");
    let install = || {
        Command::new("apt-get")
            .args(["install", "-y", "--no-install-recommends"])
            .args(packages)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdout(Stdio::null())
            .status()
            .context("cannot run apt-get")
    };
    if install()?.success() {
        return Ok(());
    }
    update()?;
    ensure!(
        install()?.success(),
        "apt-get install {list} failed; its messages are above"
    );
    Ok(())
}

/// Unpacks a package beside the build, where tests look for its programs, and does not install it: some would start
/// services.
///
/// # Errors
/// When it cannot be downloaded.
pub fn unpack(package: &str, purpose: &str) -> Result<()> {
    let target = ebpf_build::workspace_root().join(UNPACKED);
    fs::create_dir_all(&target)?;
    let archives = tempfile::tempdir()?;
    eprintln!(
        "setup: unpacking the Debian package {package} into {}, {purpose}",
        target.display()
    );
    let download = || {
        complete(
            Command::new("apt-get")
                .args(["--quiet", "--quiet", "download", package])
                .current_dir(archives.path()),
        )
    };
    if download().is_err() {
        update()?;
        download()?;
    }
    for archive in fs::read_dir(archives.path())? {
        let archive = archive?.path();
        complete(
            Command::new("dpkg-deb")
                .arg("--extract")
                .args([&archive, &target]),
        )?;
    }
    Ok(())
}

/// Refreshes the lists of packages.
///
/// # Errors
/// When apt fails.
pub fn update() -> Result<()> {
    eprintln!("setup: refreshing the lists of Debian packages");
    let status = Command::new("apt-get")
        .arg("update")
        .stdout(Stdio::null())
        .status()
        .context("cannot run apt-get")?;
    ensure!(
        status.success(),
        "apt-get update failed; its messages are above"
    );
    Ok(())
}

/// The version of a package that would be installed, as its major and minor number.
pub fn candidate(package: &str) -> Option<(u32, u32)> {
    let output = Command::new("apt-cache")
        .args(["policy", package])
        .env("LC_ALL", "C")
        .output()
        .ok()?;
    parse_candidate(&String::from_utf8_lossy(&output.stdout))
}

fn parse_candidate(policy: &str) -> Option<(u32, u32)> {
    let version = policy
        .lines()
        .find_map(|line| line.trim().strip_prefix("Candidate: "))?;
    let upstream = version.split_once(':').map_or(version, |(_, rest)| rest);
    let mut numbers = upstream.split(['.', '+', '-', '~']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Whether a command can be found.
pub fn on_path(command: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // A login shell of an ordinary user may lack the administrator's directories.
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|dir| dir.join(command).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_candidate_version() {
        let policy = |version: &str| {
            format!("rustc-web:\n  Installed: (none)\n  Candidate: {version}\n  Version table:\n")
        };
        assert_eq!(
            parse_candidate(&policy("1.96.0+dfsg1-1~deb12u2")),
            Some((1, 96))
        );
        assert_eq!(
            parse_candidate(&policy("1:1.35.0-4+deb12u1+b1")),
            Some((1, 35))
        );
        assert_eq!(parse_candidate(&policy("(none)")), None);
        assert_eq!(parse_candidate(""), None);
    }
}
