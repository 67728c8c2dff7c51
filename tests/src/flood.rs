//! A container that floods the probe, and one whose deeds must be reported all the same.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::agent::Agent;
use crate::docker::{Container, Run, docker};
use crate::wait;

/// A container that makes system calls and opens new files, with paths as long as the probe carries them, as fast as
/// told.
pub struct Flood {
    /// Its container.
    pub container: Container,
}

/// What a flood made, a second.
#[derive(Clone, Copy, Debug)]
pub struct Made {
    /// System calls that nothing is to be reported of.
    pub calls: f64,
    /// Opens of files that never were before.
    pub opens: f64,
}

impl Flood {
    /// Starts one from the model server's image: for so many seconds, `rates` a second if the machine can.
    ///
    /// # Errors
    /// When the engine refuses.
    pub fn start(image: &str, seconds: u32, rates: Made) -> Result<Self> {
        let seconds = seconds.to_string();
        let (calls, opens) = (rates.calls.to_string(), rates.opens.to_string());
        let script = include_str!("flood.py");
        let container = Container::start(&Run {
            image,
            name: "flood",
            network: None,
            environment: &[],
            command: &["python3", "-c", script, &seconds, &calls, &opens],
        })?;
        // It must not be the engine's limit that holds it back.
        let cpus = thread::available_parallelism()?.to_string();
        docker(&["update", "--cpus", &cpus, &container.id])?;
        Ok(Self { container })
    }

    /// Waits for its end and returns what it made.
    ///
    /// # Errors
    /// When it failed.
    pub fn made(&self) -> Result<Made> {
        let code = self.container.wait()?;
        let printed = self.container.logs()?;
        ensure!(code == 0, "the flood failed ({code}): {printed}");
        let count = |name: &str| {
            let lines = printed
                .lines()
                .filter_map(|it| serde_json::from_str::<Value>(it).ok());
            let mut counts = lines.filter_map(|line| line.get(name)?.as_f64());
            counts
                .next()
                .with_context(|| format!("the flood printed no {name}: {printed}"))
        };
        Ok(Made {
            calls: count("calls")?,
            opens: count("opens")?,
        })
    }
}

/// Copies a program to a place that never was, says so, and executes it, once a second.
const SONG: &str = "\
for a in ba ke lo mi nu ra se to; do for b in ba ke lo mi nu ra se to; do for c in ba ke lo mi nu ra se to; do
mkdir -p /opt/$a$b$c; cp /bin/busybox /opt/$a$b$c/true; echo $a$b$c; /opt/$a$b$c/true; sleep 1
done; done; done";

/// A container that executes a new program every second.
pub struct Canary {
    /// Its container.
    pub container: Container,
    /// Seconds from an exec to its being known, by the program's directory; `None` where that does not count.
    seen: BTreeMap<String, Option<f64>>,
}

impl Canary {
    /// Starts one from the busybox image.
    ///
    /// # Errors
    /// When the engine refuses.
    pub fn start(busybox: &str) -> Result<Self> {
        let container = Container::start(&Run {
            image: busybox,
            name: "canary",
            network: None,
            environment: &[],
            command: &["sh", "-c", SONG],
        })?;
        Ok(Self {
            container,
            seen: BTreeMap::new(),
        })
    }

    /// Notes what the agent reports by now.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn look(&mut self, agent: &Agent) -> Result<()> {
        for evidence in agent.evidence(&self.container.name)? {
            let word = evidence
                .raw
                .strip_prefix("/opt/")
                .and_then(|rest| rest.strip_suffix("/true"));
            let time_ms = evidence.json.get("time_ms").and_then(Value::as_f64);
            if let (Some(word), Some(time_ms), "executable") =
                (word, time_ms, evidence.family.as_str())
            {
                let now_ms = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64() * 1e3;
                let delay = (now_ms - time_ms) / 1e3;
                self.seen.entry(word.to_owned()).or_insert(Some(delay));
            }
        }
        Ok(())
    }

    /// Waits until the agent knows it, and every exec that it made so far. How long those took does not count.
    ///
    /// # Errors
    /// When one is not reported within the limit.
    pub fn await_known(&mut self, agent: &Agent, limit: Duration) -> Result<()> {
        wait::until("the first report of the canary", limit, || {
            self.look(agent)?;
            Ok((!self.seen.is_empty()).then_some(()))
        })?;
        self.all_seen(agent, limit)?;
        self.seen.values_mut().for_each(|delay| *delay = None);
        Ok(())
    }

    /// Programs executed so far.
    ///
    /// # Errors
    /// When the container is gone.
    pub fn executed(&self) -> Result<usize> {
        Ok(self.container.logs()?.lines().count())
    }

    /// Waits until every exec that it made so far is reported, and returns how many seconds each took. A figure is
    /// only as exact as [`Canary::look`] was called often.
    ///
    /// # Errors
    /// When one is not reported within the limit.
    pub fn all_seen(&mut self, agent: &Agent, limit: Duration) -> Result<Vec<f64>> {
        let printed = self.container.logs()?;
        let mut missing = Vec::new();
        let outcome = wait::until("the report of every exec", limit, || {
            self.look(agent)?;
            let words = printed
                .lines()
                .filter(|word| !self.seen.contains_key(*word));
            missing = words.map(str::to_owned).collect();
            Ok(missing.is_empty().then_some(()))
        });
        outcome.with_context(|| format!("not reported: {missing:?}"))?;
        Ok(self.seen.values().copied().flatten().collect())
    }
}
