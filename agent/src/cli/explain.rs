//! `picket explain`.

use std::process::ExitCode;

use anyhow::anyhow;
use clap::Args;

use super::client::{Client, ClientError, converse};
use super::{Format, Global, output};
use crate::export::text::explain::explanation;
use crate::export::view::explanation::Explanation;

/// Explain a finding or an incident: what was seen, what was expected, and where to look first
#[derive(Args)]
#[command(
    after_help = "With -o json it is one object, whose \"type\" is \"finding\" or \"incident\".\n\n\
                        Exit codes: 0 explained, 1 no such id, more than one, or the agent is not running, \
                        2 wrong command line or configuration"
)]
pub(super) struct Explain {
    /// Id of the finding or incident, or its beginning where no other has the same
    #[arg(value_parser = id)]
    id: String,
}

/// The id becomes part of a URL's path.
fn id(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    match !text.is_empty() && text.bytes().all(plain) {
        true => Ok(text.to_owned()),
        false => Err("an id consists of letters and digits".to_owned()),
    }
}

impl Explain {
    pub(super) fn run(&self, global: &Global) -> anyhow::Result<ExitCode> {
        let client = Client::new(global)?;
        let path = format!("/api/v1/explain/{}", self.id);
        let answer: Explanation = converse(async {
            let answer = client.get(&path).await;
            answer.map_err(|error| match error {
                ClientError::Status { text, .. } => anyhow!(reason(text)),
                error => error.into(),
            })
        })?;
        match global.output {
            Format::Json => output::json(&answer)?,
            Format::Text => output::text(&explanation(&answer))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The reason in the agent's refusal.
fn reason(body: String) -> String {
    let json: Option<serde_json::Value> = serde_json::from_str(&body).ok();
    let error = json.and_then(|json| Some(json.get("error")?.as_str()?.to_owned()));
    error.unwrap_or(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_cannot_leave_their_place_in_the_url() {
        assert_eq!(id("01JD3T"), Ok("01JD3T".to_owned()));
        for wrong in ["", "../status", "a/b", "a?b", "a b"] {
            assert!(id(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_refusal_is_told_in_its_own_words() {
        assert_eq!(reason(r#"{"error":"no such id"}"#.to_owned()), "no such id");
        assert_eq!(reason("gateway".to_owned()), "gateway");
    }
}
