//! The operator's decisions: `picket baseline approve`, `freeze`, `unfreeze` and `reset`.

use std::env;

use anyhow::bail;
use clap::Args;
use serde::Serialize;

use super::id;
use crate::cli::client::{Client, converse};
use crate::cli::{Format, Global, output};
use crate::export::api::operator::{Approval, Done, Word};
use crate::export::text::{count, printable};

/// Who decides, and why: kept with the decision
#[derive(Args)]
struct Signature {
    /// Who decides [default: the name of the user]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

impl Signature {
    fn word(&self) -> Word {
        Word {
            by: self.by.clone().unwrap_or_else(user),
            reason: self.reason.clone(),
        }
    }
}

fn user() -> String {
    ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .filter_map(|name| env::var(name).ok())
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}

/// Make facts normal that were new, or confirm what was learned although it is dangerous
#[derive(Args)]
pub(in crate::cli) struct Approve {
    /// Id of the baseline, as `picket baseline list` shows it
    #[arg(value_parser = id, required_unless_present = "finding")]
    id: Option<String>,
    /// Id of a fact, as `picket baseline show` lists it; may be given several times
    #[arg(long = "fact", value_name = "ID", value_parser = id, conflicts_with = "all_pending")]
    facts: Vec<String>,
    /// Everything that waits for approval
    #[arg(long)]
    all_pending: bool,
    /// Instead of a baseline: what this finding is about
    #[arg(long, value_name = "ID", value_parser = finding, conflicts_with_all = ["id", "facts", "all_pending"])]
    finding: Option<String>,
    #[command(flatten)]
    signature: Signature,
}

/// A ULID becomes part of a URL's path.
fn finding(text: &str) -> Result<String, String> {
    match !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        true => Ok(text.to_owned()),
        false => Err("the id of a finding consists of letters and digits".to_owned()),
    }
}

impl Approve {
    pub(super) fn run(&self, global: &Global) -> anyhow::Result<()> {
        let word = self.signature.word();
        let done = match (&self.finding, &self.id) {
            (Some(finding), _) => order(
                global,
                &format!("/api/v1/findings/{finding}/approve"),
                &word,
            )?,
            (None, Some(id)) => {
                if self.facts.is_empty() && !self.all_pending {
                    bail!(
                        "nothing is named to approve; give --fact ID (`picket baseline show {id}` lists them) or --all-pending"
                    );
                }
                let approval = Approval {
                    facts: self.facts.clone(),
                    all_pending: self.all_pending,
                    by: word.by,
                    reason: word.reason,
                };
                order(
                    global,
                    &format!("/api/v1/baselines/{id}/approve"),
                    &approval,
                )?
            }
            (None, None) => bail!("name a baseline or a finding"),
        };
        let mut text = format!(
            "{} approved in baseline {}\n",
            count(done.approved.len() as u64, "fact"),
            done.id
        );
        for fact in &done.approved {
            let line = format!("{} {} {}", fact.phase, fact.family, fact.value);
            text += &format!("  {}\n", printable(&line));
        }
        print(global, &done, &text)
    }
}

/// End learning: every family is judged, whatever its evidence
#[derive(Args)]
pub(in crate::cli) struct Freeze {
    /// Id of the baseline
    #[arg(value_parser = id)]
    id: String,
    #[command(flatten)]
    signature: Signature,
}

impl Freeze {
    pub(super) fn run(&self, global: &Global) -> anyhow::Result<()> {
        let path = format!("/api/v1/baselines/{}/freeze", self.id);
        let done = order(global, &path, &self.signature.word())?;
        print(
            global,
            &done,
            &format!("baseline {} is {}\n", done.id, done.state),
        )
    }
}

/// Let learning go on
#[derive(Args)]
pub(in crate::cli) struct Unfreeze {
    /// Id of the baseline
    #[arg(value_parser = id)]
    id: String,
    #[command(flatten)]
    signature: Signature,
}

impl Unfreeze {
    pub(super) fn run(&self, global: &Global) -> anyhow::Result<()> {
        let path = format!("/api/v1/baselines/{}/unfreeze", self.id);
        let done = order(global, &path, &self.signature.word())?;
        print(
            global,
            &done,
            &format!("baseline {} is {}\n", done.id, done.state),
        )
    }
}

/// Forget everything learned and begin anew; the old file is kept beside the new one
#[derive(Args)]
pub(in crate::cli) struct Reset {
    /// Id of the baseline
    #[arg(value_parser = id)]
    id: String,
    #[command(flatten)]
    signature: Signature,
}

impl Reset {
    pub(super) fn run(&self, global: &Global) -> anyhow::Result<()> {
        let path = format!("/api/v1/baselines/{}/reset", self.id);
        let done = order(global, &path, &self.signature.word())?;
        let kept = done.kept.clone().unwrap_or_default();
        let text = format!(
            "baseline {} is {}; what it held is kept in {kept}\n",
            done.id, done.state
        );
        print(global, &done, &text)
    }
}

fn order(global: &Global, path: &str, body: &impl Serialize) -> anyhow::Result<Done> {
    let client = Client::new(global)?;
    converse(async { Ok(client.post(path, body).await?) })
}

fn print(global: &Global, done: &Done, text: &str) -> anyhow::Result<()> {
    match global.output {
        Format::Json => output::json(done),
        Format::Text => output::text(text),
    }
}
