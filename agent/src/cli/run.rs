//! `picket run`.

use std::io::IsTerminal as _;
use std::path::{self, PathBuf};
use std::process::ExitCode;
use std::{env, io};

use anyhow::Context;
use clap::Args;
use tracing_subscriber::EnvFilter;

use super::Global;
use crate::agent;
use crate::config::{Key, Level, Loaded};

/// Variable with a filter for the agent's own messages (`debug`, `picket::probe=trace`), instead of `log.level`.
const LOG_VARIABLE: &str = "PICKET_LOG";

/// Run the agent
#[derive(Args)]
#[command(
    after_help = "Exit codes: 0 stopped by a signal, 1 cannot run, 2 wrong command line or configuration"
)]
pub(super) struct Run {
    /// Address of metrics, health, API and page
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Directory of baselines and incidents
    #[arg(long, value_name = "DIRECTORY")]
    state_dir: Option<PathBuf>,
    /// Length of one observation window
    #[arg(long, value_name = "TIME")]
    window: Option<String>,
    /// Leave nothing in the kernel when the agent ends; a restart then has a gap
    #[arg(long)]
    no_pin: bool,
    /// Record what is seen from the first moment on, for `picket replay`
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

impl Run {
    pub(super) fn run(&self, global: &Global) -> anyhow::Result<ExitCode> {
        let loaded = self.load(global)?;
        log_to_stderr(loaded.config.log.level)?;
        agent::run(loaded, self.record.clone())
    }

    fn load(&self, global: &Global) -> anyhow::Result<Loaded> {
        let mut loaded = global.load()?;
        let flags = [
            ("listen", "--listen", self.listen.clone()),
            ("window", "--window", self.window.clone()),
            ("pin", "--no-pin", self.no_pin.then(|| "false".to_owned())),
            (
                "state_dir",
                "--state-dir",
                absolute(self.state_dir.as_ref())?,
            ),
            ("socket", "--socket", absolute(global.socket.as_ref())?),
        ];
        for (name, flag, text) in flags {
            if let (Some(key), Some(text)) = (Key::named(name), text) {
                loaded.set_from_flag(key, flag, &text)?;
            }
        }
        Ok(loaded)
    }
}

/// A path on the command line is relative to the caller's directory.
fn absolute(path: Option<&PathBuf>) -> anyhow::Result<Option<String>> {
    let Some(path) = path else { return Ok(None) };
    let absolute = path::absolute(path).with_context(|| format!("cannot resolve {path:?}"))?;
    let text = absolute.into_os_string().into_string();
    text.map(Some)
        .map_err(|path| anyhow::anyhow!("the path {path:?} is not UTF-8"))
}

fn log_to_stderr(level: Level) -> anyhow::Result<()> {
    let directives = match env::var(LOG_VARIABLE) {
        Ok(directives) if !directives.is_empty() => directives,
        // They tell of every refusal and every break anew; the agent says once what is missing.
        _ => format!("{},kube_runtime=error,kube_client=off", level.name()),
    };
    let filter = EnvFilter::try_new(&directives)
        .with_context(|| format!("{LOG_VARIABLE}={directives:?} is not a log filter"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
    Ok(())
}
