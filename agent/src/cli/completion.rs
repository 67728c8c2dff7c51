//! `picket completion`.

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Global, output};

/// Write a completion script for a shell
#[derive(Args)]
#[command(after_help = "Example: picket completion bash > /etc/bash_completion.d/picket")]
pub(super) struct Completion {
    /// Shell to write it for
    shell: Shell,
}

impl Completion {
    pub(super) fn run(&self, _global: &Global) -> anyhow::Result<ExitCode> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "picket", &mut script);
        output::text(&String::from_utf8(script)?)?;
        Ok(ExitCode::SUCCESS)
    }
}
