//! `cargo xtask dashboards --draw`: pictures of the dashboards for the documentation, from a Prometheus that has scraped the
//! real agent through learning, attacks and a restart.

use std::env;
use std::fs;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use picket_tests::agent::AGENT_VARIABLE;
use picket_tests::monitoring::{Story, unix_seconds};
use picket_tests::{image, tools};

use super::folder;
use crate::cargo::{self, complete};
use crate::supervise::{self, Interrupt};
use crate::{monitoring, setup};

/// Draws with matplotlib: Grafana itself is in no package of Debian's.
const SCRIPT: &str = "xtask/src/dashboards/draw.py";

/// Where the pictures go.
const PICTURES: &str = "docs/images";

/// Model servers of which the pictures tell.
const SERVERS: u32 = 3;

/// Windows of a second between what happens in them.
const PAUSE: u32 = 60;

/// Sets up, has the story happen, draws, and cleans up.
///
/// # Errors
/// When something is missing, or the story goes another way.
pub fn draw() -> Result<ExitCode> {
    let interrupt = Interrupt::install()?;
    ensure!(
        cargo::is_root(),
        "the story loads eBPF programs and starts containers: run `cargo xtask dashboards --draw` as root"
    );
    setup::probe()?;
    if env::var_os(AGENT_VARIABLE).is_none() {
        cargo::build_agent()?;
    }
    interrupt.check()?;
    let _engine = setup::containers()?;
    setup::images(&[image::BUSYBOX, image::MODEL_SERVER])?;
    monitoring::programs()?;
    monitoring::plots()?;
    interrupt.check()?;
    let mut story = Command::new(env::current_exe().context("cannot find this program")?);
    story.arg("dashboards-story");
    if env::var_os(AGENT_VARIABLE).is_none() {
        story.env(AGENT_VARIABLE, cargo::agent());
    }
    let status = supervise::run(&mut story, &interrupt, |_| ())?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The story and its pictures. What it starts is gone when it returns.
///
/// # Errors
/// When the story goes another way, or cannot be drawn.
pub fn story() -> Result<()> {
    let story = Story::tell(SERVERS, PAUSE)?;
    let root = ebpf_build::workspace_root();
    let pictures = root.join(PICTURES);
    fs::create_dir_all(&pictures)?;
    let findings = tempfile::NamedTempFile::new()?;
    fs::write(findings.path(), story.scene.home.logged().join("\n"))?;
    let python = tools::plots_python().context("matplotlib is gone")?;
    complete(
        Command::new(python)
            .arg(root.join(SCRIPT))
            .arg(folder())
            .arg(story.prometheus.address.to_string())
            .args([story.begin, unix_seconds()].map(|time| time.to_string()))
            .args([findings.path(), &pictures]),
    )?;
    println!("{}", pictures.display());
    Ok(())
}
