//! `picket config check|print|schema`.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::{Format, Global, output};
use crate::config::{KEYS, Loaded, Source, schema};

/// Look at the configuration
#[derive(Subcommand)]
#[command(after_help = "Exit codes: 0 the configuration is valid, 2 it is not")]
pub(super) enum ConfigVerb {
    /// Check the configuration, and list what differs from the defaults and why
    Check,
    /// Print the effective configuration as YAML
    Print,
    /// Print the JSON Schema of the configuration file, with all defaults
    Schema,
}

impl ConfigVerb {
    pub(super) fn run(&self, global: &Global) -> anyhow::Result<ExitCode> {
        match (self, global.output) {
            (Self::Check, Format::Text) => output::text(&summary(&global.load()?))?,
            (Self::Check, Format::Json) => {
                let loaded = global.load()?;
                let answer = json!({
                    "valid": true,
                    "sha256": loaded.sha256,
                    "sources": loaded.sources,
                });
                output::json(&answer)?;
            }
            (Self::Print, Format::Text) => {
                output::text(&serde_saphyr::to_string(&global.load()?.config)?)?;
            }
            (Self::Print, Format::Json) => output::json(&global.load()?.config)?,
            (Self::Schema, _) => output::json(&schema())?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn summary(loaded: &Loaded) -> String {
    let mut text = format!("valid, sha256 {}\n", loaded.sha256);
    for key in KEYS {
        match loaded.sources.get(key.name) {
            None | Some(Source::Default) => {}
            Some(source) => {
                let value = key.value_of(&loaded.config);
                let _ = writeln!(text, "{} = {value} ({source})", key.name);
            }
        }
    }
    text
}
