//! `picket replay`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;

use super::{Format, Global, output};
use crate::baseline::key::Key as BaselineKey;
use crate::baseline::model::Baseline;
use crate::config::{Config, Key, Loaded};
use crate::detect::finding::Severity;
use crate::engine::{Reported, Settings, Time};
use crate::export::ocsf;
use crate::export::text::block;
use crate::export::view::finding::FindingView;
use crate::record::{End, Ending, Passed, Reader, Replay as Replaying};

/// The settings that a replay may change.
const SETTABLE: [&str; 6] = [
    "learning.min_duration",
    "learning.min_requests",
    "budget.findings_per_container_month",
    "allow",
    "never_learn",
    "devices",
];

/// Feed a recording through the same detection as live, and print its findings
#[derive(Args)]
#[command(
    after_help = "With -o json each finding is the line that the agent's log of findings had, to the byte. \
                  What was replayed, and how fast, is said on standard error.\n\n\
                  Exit codes: 0 replayed, as far as the recording goes, 1 the recording is damaged or cannot be read, \
                  2 wrong command line"
)]
pub(super) struct Replay {
    /// The recording
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How fast: `max`, or times the speed of the clock: 1x, 60x
    #[arg(long, value_name = "SPEED", default_value = "max", value_parser = speed)]
    speed: Speed,
    /// Judge by what this version learns from another recording, which began before anything was learned
    #[arg(long, value_name = "FILE")]
    learned_by: Option<PathBuf>,
    /// Judge by another setting than the agent did: learning.min_duration=10m, budget.findings_per_container_month=5,
    /// allow, never_learn, devices
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Times the speed of the clock; `None` for as fast as can be.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Speed(Option<f64>);

fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed(None));
    }
    let times = text.strip_suffix('x').and_then(|times| times.parse().ok());
    times
        .filter(|times: &f64| times.is_finite() && *times > 0.0)
        .map(|times| Speed(Some(times)))
        .ok_or_else(|| "write `max`, or times the speed of the clock: 1x, 60x".to_owned())
}

impl Replay {
    pub(super) fn run(&self, global: &Global) -> anyhow::Result<ExitCode> {
        let reader = Reader::open(&self.file)?;
        let settings = self.settings(&reader.header().settings)?;
        let host = reader.header().host.clone();
        let mut replay = Replaying::new(reader, Some(&settings))?;
        if let Some(lesson) = &self.learned_by {
            replay = replay.judging_by(learn(lesson)?);
        }
        let mut findings: BTreeMap<Severity, u64> = BTreeMap::new();
        let begun = Instant::now();
        let mut pace = Pace::new(self.speed);
        // What was read before the damage is good, so it is summed up too.
        let mut outcome = Ok(());
        loop {
            let step = match replay.step() {
                Ok(Some(step)) => step,
                Ok(None) => break,
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            };
            pace.wait(step.time);
            for reported in &step.effects.findings {
                *findings.entry(reported.finding.severity).or_default() += 1;
                match global.output {
                    Format::Json => output::line(&ocsf::line(reported, &host)?)?,
                    Format::Text => output::text(&block(&view(reported)))?,
                }
            }
        }
        output::complain(&summary(replay.passed(), &findings, begun.elapsed()));
        if let Some(note) = replay.reader().ending().and_then(note) {
            output::complain(&note);
        }
        outcome?;
        Ok(ExitCode::SUCCESS)
    }

    fn settings(&self, recorded: &Settings) -> anyhow::Result<Settings> {
        let mut loaded = Loaded::of(Config::from(recorded));
        for setting in &self.set {
            let (name, value) = setting
                .split_once('=')
                .with_context(|| format!("--set {setting:?}: write KEY=VALUE"))?;
            let key = Key::named(name).filter(|key| SETTABLE.contains(&key.name));
            let Some(key) = key else {
                bail!(
                    "--set {name}: a replay cannot change this; it can change {}",
                    SETTABLE.join(", ")
                );
            };
            loaded.set_from_flag(key, "--set", value)?;
        }
        Ok(Settings::from(&loaded.config))
    }
}

/// What a recording teaches.
fn learn(lesson: &Path) -> anyhow::Result<BTreeMap<BaselineKey, Baseline>> {
    let mut replay = Replaying::new(Reader::open(lesson)?, None)?;
    while replay.step()?.is_some() {}
    Ok(replay.into_baselines())
}

/// Keeps to the recording's own time.
struct Pace {
    speed: Option<f64>,
    begun: Option<(Instant, Time)>,
}

impl Pace {
    fn new(speed: Speed) -> Self {
        Self {
            speed: speed.0,
            begun: None,
        }
    }

    fn wait(&mut self, now: Time) {
        let Some(speed) = self.speed else {
            return;
        };
        let (begun, first) = *self.begun.get_or_insert((Instant::now(), now));
        let passed = now.since_boot().since(first.since_boot());
        let due = begun + Duration::from_secs_f64(passed as f64 / 1e9 / speed);
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

fn view(reported: &Reported) -> FindingView {
    FindingView::new(
        &reported.finding,
        &reported.container,
        &reported.uid,
        reported.sequence,
        reported.time.boot_ms,
    )
}

fn summary(passed: Passed, findings: &BTreeMap<Severity, u64>, took: Duration) -> String {
    let span = passed.span.map_or(0, |(first, last)| {
        last.since_boot().since(first.since_boot())
    });
    let by_severity: Vec<String> = findings
        .iter()
        .rev()
        .map(|(severity, count)| format!("{count} {}", severity.name()))
        .collect();
    let by_severity = match by_severity.is_empty() {
        true => "none".to_owned(),
        false => by_severity.join(", "),
    };
    let seconds = span as f64 / 1e9;
    format!(
        "replayed {} inputs ({} events, {} windows) of {seconds:.0} s, {:.2} container-hours, in {:.2} s: {:.0} times \
         as fast as it happened; findings: {by_severity}",
        passed.inputs,
        passed.events,
        passed.windows,
        passed.observed_ns as f64 / 3.6e12,
        took.as_secs_f64(),
        seconds / took.as_secs_f64().max(1e-9),
    )
}

/// What is to be said of how a recording ends.
fn note(ending: &Ending) -> Option<String> {
    match ending {
        Ending::Ended(End { dropped: 0 }) => None,
        Ending::Ended(End { dropped }) => Some(format!(
            "the recording is incomplete: whoever took it did not keep up, and {dropped} inputs after its last one are \
             missing"
        )),
        Ending::CutShort => Some(
            "the recording was cut short: it was replayed up to its last whole frame".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_max_or_times() {
        assert_eq!(speed("max"), Ok(Speed(None)));
        assert_eq!(speed("60x"), Ok(Speed(Some(60.0))));
        for wrong in ["60", "0x", "-1x", "x", "infx"] {
            assert!(speed(wrong).is_err(), "{wrong}");
        }
    }
}
