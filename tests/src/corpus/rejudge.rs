//! Recorded runs, judged again by the agent's present detector: a change of it is checked in a minute.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::campaign::Case;
use super::observer::{Seen, read};
use super::outcome::Outcome;
use super::parallel;
use super::scenario::{Kind, Scenario, Trigger};
use crate::agent;

/// The recording of a case's run.
pub fn recording(folder: &Path, case: &Case) -> PathBuf {
    let Case {
        scenario,
        server,
        seed,
    } = case;
    folder.join(format!("{}-{}-{seed}.picket", scenario.id, server.name()))
}

/// The recording of how a kind of server was learned.
pub fn lesson(folder: &Path, kind: Kind) -> PathBuf {
    folder.join(format!("learning-{}.picket", kind.name()))
}

/// Keeps what came of a run beside its recording.
///
/// # Errors
/// When it cannot be written.
pub fn keep(folder: &Path, case: &Case, outcome: &Outcome) -> Result<()> {
    let path = recording(folder, case).with_extension("json");
    let text = serde_json::to_string(outcome)?;
    fs::write(&path, text).with_context(|| path.display().to_string())
}

/// Judges every recorded run in a folder again, some at a time, and says whether each was judged so when it was live.
///
/// # Errors
/// When the folder cannot be read.
pub fn rejudge(folder: &Path, scenarios: &[Scenario], jobs: usize) -> Result<Vec<Outcome>> {
    let mut kept = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "json") {
            let text = fs::read_to_string(&path)?;
            let before: Outcome =
                serde_json::from_str(&text).with_context(|| path.display().to_string())?;
            if before.error.is_none() {
                kept.push(before);
            }
        }
    }
    kept.sort_by(|one, other| {
        (&one.id, one.server, one.seed).cmp(&(&other.id, other.server, other.seed))
    });
    Ok(parallel::map(&kept, jobs, Duration::ZERO, |before| {
        let mut outcome = again(folder, scenarios, before).unwrap_or_else(|error| {
            let mut outcome = before.clone();
            outcome.error = Some(format!("{error:#}"));
            outcome
        });
        outcome.as_live = Some(outcome.verdict() == before.verdict());
        outcome
    }))
}

fn again(folder: &Path, scenarios: &[Scenario], before: &Outcome) -> Result<Outcome> {
    let scenario = scenarios.iter().find(|it| it.id == before.id);
    let case = Case {
        scenario: scenario
            .context("there is no such scenario any more")?
            .clone(),
        server: before.server,
        seed: before.seed,
    };
    let mut command = Command::new(agent::program());
    command
        .args(["replay", "-o", "json"])
        .arg(recording(folder, &case));
    if case.scenario.trigger != Trigger::Learning {
        command.arg("--learned-by").arg(lesson(folder, case.server));
    }
    let output = command
        .stdin(Stdio::null())
        .output()
        .context("cannot run picket replay")?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = String::from_utf8_lossy(&output.stdout);
    let findings = lines
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let findings: Vec<Seen> = findings
        .map(|finding| {
            let at = finding["time"].as_f64().unwrap_or_default() / 1000.0;
            read(&finding, at)
        })
        .collect();
    Ok(Outcome::judge(
        &case.scenario,
        case.server,
        case.seed,
        &before.acted,
        findings,
    ))
}
