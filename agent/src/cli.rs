//! The command line: one file a verb.
//!
//! Exit codes of every verb: 0 for success, 1 for "found" or "failed" as the verb's help says, 2 for a wrong command
//! line or configuration.

mod baseline;
mod check;
mod client;
mod completion;
mod config;
mod containers;
mod evaluate;
mod events;
mod explain;
mod output;
mod record;
mod replay;
mod rules;
mod run;
mod selftest;
mod status;
mod table;
mod unpin;
mod version;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, io};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{Config, ConfigError, Loaded};

/// Variable that names the configuration file where `--config` does not.
const CONFIG_VARIABLE: &str = "PICKET_CONFIG";

#[derive(Parser)]
#[command(name = "picket", version, about, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Args)]
struct Global {
    /// Configuration file [default: $PICKET_CONFIG, or /etc/picket/picket.yaml where it exists]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Socket of the running agent [default: the setting `socket`]
    #[arg(long, global = true, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// How to print: `text` for people, `json` for programs
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Subcommand)]
enum Verb {
    Run(run::Run),
    Check(check::Check),
    Unpin(unpin::Unpin),
    Status(status::StatusQuery),
    Selftest(selftest::SelfTest),
    Containers(containers::Containers),
    Events(events::Events),
    Explain(explain::Explain),
    Record(record::Record),
    Replay(replay::Replay),
    #[command(subcommand)]
    Baseline(baseline::Baseline),
    #[command(subcommand)]
    Evaluate(evaluate::Evaluate),
    #[command(subcommand)]
    Config(config::ConfigVerb),
    #[command(subcommand)]
    Rules(rules::RulesVerb),
    Version(version::Version),
    Completion(completion::Completion),
}

/// Runs the program with these arguments, the program's name first.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // With nobody left to read the message, the exit code says it all.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    cli.run().unwrap_or_else(|error| failure(&error))
}

impl Cli {
    fn run(&self) -> anyhow::Result<ExitCode> {
        let global = &self.global;
        match &self.verb {
            Verb::Run(verb) => verb.run(global),
            Verb::Check(verb) => verb.run(global),
            Verb::Unpin(verb) => verb.run(global),
            Verb::Status(verb) => verb.run(global),
            Verb::Selftest(verb) => verb.run(global),
            Verb::Containers(verb) => verb.run(global),
            Verb::Events(verb) => verb.run(global),
            Verb::Explain(verb) => verb.run(global),
            Verb::Record(verb) => verb.run(global),
            Verb::Replay(verb) => verb.run(global),
            Verb::Baseline(verb) => verb.run(global),
            Verb::Evaluate(verb) => verb.run(global),
            Verb::Config(verb) => verb.run(global),
            Verb::Rules(verb) => verb.run(global),
            Verb::Version(verb) => verb.run(global),
            Verb::Completion(verb) => verb.run(global),
        }
    }
}

impl Global {
    fn load(&self) -> Result<Loaded, ConfigError> {
        let named = env::var_os(CONFIG_VARIABLE).filter(|path| !path.is_empty());
        let path = self.config.clone().or(named.map(PathBuf::from));
        Config::load(path.as_deref(), env::vars_os())
    }
}

fn failure(error: &anyhow::Error) -> ExitCode {
    // The reader of a pipe (`head`, a pager) had enough: that is success.
    let closed = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe);
    if closed {
        return ExitCode::SUCCESS;
    }
    output::complain(&format!("picket: {error:#}"));
    match error.downcast_ref::<ConfigError>() {
        Some(_) => ExitCode::from(2),
        None => ExitCode::FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
