//! `picket unpin`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::{Format, Global, output};
use crate::probe::pin;

/// Remove what a stopped agent left in the kernel
///
/// With the setting `pin`, the probe outlives its agent: it goes on counting, and the next agent takes over without a gap.
/// Until then it costs every process its part of each system call. Where no agent is to follow, this verb detaches the
/// probe and lets go of all that it counted. It refuses while an agent runs.
#[derive(Args)]
#[command(
    after_help = "Exit codes: 0 nothing is left, 1 an agent runs or it cannot be removed, 2 wrong command line or configuration"
)]
pub(super) struct Unpin {}

#[derive(Serialize)]
struct Outcome {
    directory: PathBuf,
    removed: bool,
}

impl Unpin {
    pub(super) fn run(&self, global: &Global) -> anyhow::Result<ExitCode> {
        let directory = global.load()?.config.pin_dir;
        let removed = pin::unpin(&directory)?;
        match global.output {
            Format::Json => output::json(&Outcome { directory, removed })?,
            Format::Text => {
                let place = directory.display();
                output::text(&match removed {
                    true => format!("removed {place}; its programs are detached\n"),
                    false => format!("nothing is pinned in {place}\n"),
                })?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
