//! Baselines as files: `picket baseline export`, `import` and `merge`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::{id, learned};
use crate::baseline::file;
use crate::baseline::model::Baseline as Learned;
use crate::cli::client::{Client, converse};
use crate::cli::{Format, Global, output};
use crate::export::api::operator::Done;
use crate::export::enforce::network_policy::{self, Selector};
use crate::export::enforce::seccomp::{self, Otherwise};

/// Write a baseline to a file, or what others can enforce of it
#[derive(Args)]
#[command(
    after_help = "A seccomp profile or NetworkPolicy allows what was seen and nothing else, so it is as complete as the \
                  learning behind it. How much that was stands in it, and a warning goes to standard error while it \
                  is not mature."
)]
pub(in crate::cli) struct Export {
    /// Id of a baseline of the running agent, or a file that was exported before
    #[arg(value_name = "ID|FILE")]
    baseline: String,
    /// What to write
    #[arg(long, value_enum, default_value_t = Form::Baseline)]
    format: Form,
    /// Where to [default: standard output]
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    file: Option<PathBuf>,
    /// For seccomp: what happens to a call that was never seen
    #[arg(long, value_enum, default_value_t = OtherwiseChoice::Errno)]
    otherwise: OtherwiseChoice,
    /// For network-policy: label of the pods it is for; may be given several times [default: app=WORKLOAD]
    #[arg(long = "selector", value_name = "KEY=VALUE", value_parser = Selector::parse)]
    selectors: Vec<Selector>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// The baseline itself, for `import`, `merge` and `diff`
    Baseline,
    /// A seccomp profile for the container runtime
    Seccomp,
    /// A Kubernetes NetworkPolicy
    NetworkPolicy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OtherwiseChoice {
    /// It fails with EPERM
    Errno,
    /// It is logged and let through
    Log,
}

impl Export {
    pub(super) fn run(&self, global: &Global) -> anyhow::Result<()> {
        let baseline = learned(global, &self.baseline)?;
        let content = match self.format {
            Form::Baseline => file::encode(&baseline)?,
            Form::Seccomp => {
                let otherwise = match self.otherwise {
                    OtherwiseChoice::Errno => Otherwise::Refuse,
                    OtherwiseChoice::Log => Otherwise::Log,
                };
                let profile = seccomp::profile(&baseline, otherwise);
                (serde_json::to_string_pretty(&profile)? + "\n").into_bytes()
            }
            Form::NetworkPolicy => network_policy::policy(&baseline, &self.selectors).into_bytes(),
        };
        if self.format != Form::Baseline
            && let Some(warning) = crate::export::enforce::warning(&baseline)
        {
            output::complain(&format!("picket: warning: {warning}"));
        }
        match &self.file {
            Some(path) => {
                fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
            }
            None => output::bytes(&content),
        }
    }
}

/// Take a baseline in that was exported elsewhere: joined with what the agent has learned
#[derive(Args)]
#[command(
    after_help = "The file's checksum and format are verified. It belongs to the workload, container and image that it \
                  was learned from. Joining counts nothing twice."
)]
pub(in crate::cli) struct Import {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Refuse the file unless it is this baseline's
    #[arg(long, value_name = "ID", value_parser = id)]
    into: Option<String>,
    /// Put it in the place of what the agent has learned, which is kept beside it
    #[arg(long)]
    replace: bool,
}

impl Import {
    pub(super) fn run(&self, global: &Global) -> anyhow::Result<()> {
        let baseline = file::read(&self.file)?;
        let own = baseline.id();
        if let Some(into) = &self.into
            && *into != own
        {
            bail!(
                "{} holds baseline {own} of {}, not {into}",
                self.file.display(),
                name(&baseline)
            );
        }
        let client = Client::new(global)?;
        let path = format!("/api/v1/baselines/import?replace={}", self.replace);
        let content = file::encode(&baseline)?;
        let done: Done = converse(async { Ok(client.post_bytes(&path, content).await?) })?;
        match global.output {
            Format::Json => output::json(&done),
            Format::Text => {
                let of = name(&baseline);
                let mut text = format!(
                    "imported baseline {} of {of}: {}, version {}\n",
                    done.id, done.state, done.version
                );
                if let Some(kept) = &done.kept {
                    text += &format!("what was there before is kept in {kept}\n");
                }
                output::text(&text)
            }
        }
    }
}

/// Join the baselines of one workload from several agents, without an agent
#[derive(Args)]
#[command(
    after_help = "Any order of the files gives the same bytes, and a file given twice counts once."
)]
pub(in crate::cli) struct Merge {
    /// The files
    #[arg(value_name = "FILE", required = true, num_args = 1..)]
    files: Vec<PathBuf>,
    /// Where to write the result
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    file: PathBuf,
}

impl Merge {
    pub(super) fn run(&self, global: &Global) -> anyhow::Result<()> {
        let mut joined: Option<Learned> = None;
        for path in &self.files {
            let next = file::read(path)?;
            match &mut joined {
                None => joined = Some(next),
                Some(joined) => joined
                    .merge(&next)
                    .with_context(|| format!("cannot take in {}", path.display()))?,
            }
        }
        let joined = joined.context("no file to merge")?;
        let path = file::write(absolute(&self.file)?, &joined)?;
        let exposure = joined.exposure();
        match global.output {
            Format::Json => output::json(&json!({
                "id": joined.id(),
                "version": joined.version(),
                "files": self.files.len(),
                "replicas": exposure.replicas,
                "container_seconds": exposure.seconds,
                "file": path,
            })),
            Format::Text => output::text(&format!(
                "{} holds baseline {} of {} from {} replicas, version {}\n",
                path.display(),
                joined.id(),
                name(&joined),
                exposure.replicas,
                joined.version()
            )),
        }
    }
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("{} is no path", path.display()))
}

fn name(baseline: &Learned) -> String {
    let key = &baseline.key;
    format!("{}/{}/{}", key.namespace, key.workload, key.container)
}
