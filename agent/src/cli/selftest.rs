//! `picket selftest`.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::client::{Client, converse};
use super::{Format, Global, output};
use crate::export::text::printable;
use crate::export::view::selftest::SelfTestView;

/// The agent gives up after 10 seconds at most, where system calls are sampled.
const PATIENCE: Duration = Duration::from_secs(15);

/// Have the running agent do something harmless and see it through its own probe
///
/// The agent does so by itself every five minutes. For the moment of the test its own cgroup is watched, and it looks for a
/// file that does not exist, starts its own program, and uses ports of loopback: each attached hook that this passes must
/// answer. Nothing of it counts for a container.
#[derive(Args)]
#[command(
    after_help = "Exit codes: 0 every hook that could be tried answered, 1 some did not or the agent does not run, 2 wrong command line or configuration"
)]
pub(super) struct SelfTest {}

impl SelfTest {
    pub(super) fn run(&self, global: &Global) -> anyhow::Result<ExitCode> {
        let client = Client::new(global)?.with_patience(PATIENCE);
        let view: SelfTestView =
            converse(async { Ok(client.post("/api/v1/selftest", &()).await?) })?;
        match global.output {
            Format::Json => output::json(&view)?,
            Format::Text => output::text(&to_text(&view))?,
        }
        Ok(match view.passed {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }
}

fn to_text(view: &SelfTestView) -> String {
    let mut text = match view.passed {
        true => format!("passed in {} ms\n", view.took_ms),
        false => format!(
            "failed after {} ms: {}\n",
            view.took_ms,
            printable(&view.reason)
        ),
    };
    for hook in &view.hooks {
        let detail = match hook.after_ms {
            Some(after) => format!("after {after} ms"),
            None => printable(&hook.reason),
        };
        let line = format!("  {:8}  {:20}  {detail}", hook.outcome, hook.name);
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::view::selftest::HookView;

    #[test]
    fn what_did_not_answer_is_named() {
        let hook = |name: &str, outcome: &str, after_ms, reason: &str| HookView {
            name: name.to_owned(),
            outcome: outcome.to_owned(),
            after_ms,
            reason: reason.to_owned(),
        };
        let view = SelfTestView {
            passed: false,
            reason: "no answer from connect4".to_owned(),
            took_ms: 5010,
            hooks: vec![
                hook("sys_exit", "seen", Some(12), ""),
                hook("connect4", "missed", None, ""),
                hook("connect6", "untried", None, "not attached"),
            ],
        };
        assert_eq!(
            to_text(&view),
            "failed after 5010 ms: no answer from connect4\n  \
             seen      sys_exit              after 12 ms\n  \
             missed    connect4\n  \
             untried   connect6              not attached\n"
        );
        let passed = SelfTestView {
            passed: true,
            took_ms: 50,
            ..SelfTestView::default()
        };
        assert_eq!(to_text(&passed), "passed in 50 ms\n");
    }
}
