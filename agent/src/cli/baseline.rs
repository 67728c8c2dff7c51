//! `picket baseline …`.

mod decide;
mod diff;
mod exchange;
mod look;

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use super::Global;
use super::client::{Client, converse};
use crate::baseline::file;
use crate::baseline::model::Baseline as Learned;

/// Look at what was learned, decide about it, and carry it elsewhere
#[derive(Subcommand)]
#[command(
    after_help = "Exit codes: 0 done, 1 not possible, no such baseline or the agent is not running, \
                        2 wrong command line or configuration. `diff` exits with 0 whether or not there are differences."
)]
pub(super) enum Baseline {
    /// List the baselines
    List,
    /// Show one baseline with everything it holds
    Show {
        /// Id of the baseline, as `picket baseline list` shows it
        #[arg(value_parser = id)]
        id: String,
    },
    Diff(diff::Diff),
    Export(exchange::Export),
    Import(exchange::Import),
    Merge(exchange::Merge),
    Freeze(decide::Freeze),
    Unfreeze(decide::Unfreeze),
    Approve(decide::Approve),
    Reset(decide::Reset),
}

impl Baseline {
    pub(super) fn run(&self, global: &Global) -> anyhow::Result<ExitCode> {
        match self {
            Self::List => look::list(global)?,
            Self::Show { id } => look::show(global, id)?,
            Self::Diff(verb) => verb.run(global)?,
            Self::Export(verb) => verb.run(global)?,
            Self::Import(verb) => verb.run(global)?,
            Self::Merge(verb) => verb.run(global)?,
            Self::Freeze(verb) => verb.run(global)?,
            Self::Unfreeze(verb) => verb.run(global)?,
            Self::Approve(verb) => verb.run(global)?,
            Self::Reset(verb) => verb.run(global)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The id becomes part of a URL's path.
fn id(text: &str) -> Result<String, String> {
    match !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err("an id consists of hexadecimal digits".to_owned()),
    }
}

/// The baseline in a file, or, where there is no such file, the running agent's with this id.
fn learned(global: &Global, name: &str) -> anyhow::Result<Learned> {
    let path = Path::new(name);
    match id(name) {
        Ok(id) if !path.exists() => fetch(global, &id),
        _ => Ok(file::read(path)?),
    }
}

/// The running agent's baseline with this id.
fn fetch(global: &Global, id: &str) -> anyhow::Result<Learned> {
    let client = Client::new(global)?;
    let path = format!("/api/v1/baselines/{id}/file");
    let content = converse(async { Ok(client.get_bytes(&path).await?) })?;
    Ok(file::decode(path.as_ref(), &content)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_cannot_leave_their_place_in_the_url() {
        assert_eq!(id("0123456789abcDEF"), Ok("0123456789abcdef".to_owned()));
        for wrong in ["", "../status", "a?b", "a b"] {
            assert!(id(wrong).is_err(), "{wrong}");
        }
    }
}
