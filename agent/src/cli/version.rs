//! `picket version`.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::{Format, Global, output};

/// Show the version, and what this binary was built from
#[derive(Args)]
pub(super) struct Version {}

#[derive(Serialize)]
struct Build {
    version: &'static str,
    revision: &'static str,
    rustc: &'static str,
    target: &'static str,
}

const BUILD: Build = Build {
    version: env!("CARGO_PKG_VERSION"),
    revision: env!("PICKET_REVISION"),
    rustc: env!("PICKET_RUSTC"),
    target: env!("PICKET_TARGET"),
};

impl Version {
    pub(super) fn run(&self, global: &Global) -> anyhow::Result<ExitCode> {
        match global.output {
            Format::Json => output::json(&BUILD)?,
            Format::Text => output::text(&format!(
                "picket {}\nrevision {}\nbuilt by {} for {}\n",
                BUILD.version, BUILD.revision, BUILD.rustc, BUILD.target
            ))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
