//! What this machine offers the agent: `picket check`.
//!
//! Nothing here changes the machine. Each check yields a [`Line`] that says what was found and what to do about it.

mod host;
mod kernel;
mod mounts;
mod place;
mod privileges;
mod probe;
mod runtimes;

use serde::Serialize;

use crate::config::Config;
use crate::probe::{MapSize, ProbeError, Trial};

pub use host::Host;
pub use probe::ProgramReport;

/// Tries to load the probe for so many containers; [`crate::probe::trial`] but in tests.
pub type ProbeTrial = fn(u32) -> Result<Trial, ProbeError>;

/// How a check ended. Ordered by how bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be, or only worth knowing.
    Ok,
    /// The agent runs, with something missing.
    Warn,
    /// The agent cannot see anything.
    Fail,
}

impl Level {
    /// The level's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// How it ended.
    pub level: Level,
    /// What was checked.
    pub what: String,
    /// What was found.
    pub finding: String,
    /// What to do; empty when all is well.
    pub advice: String,
}

impl Line {
    fn ok(what: &str, finding: impl Into<String>) -> Self {
        Self::new(Level::Ok, what, finding, "")
    }

    fn warn(what: &str, finding: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(Level::Warn, what, finding, advice)
    }

    fn fail(what: &str, finding: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(Level::Fail, what, finding, advice)
    }

    fn new(
        level: Level,
        what: &str,
        finding: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            level,
            what: what.to_owned(),
            finding: finding.into(),
            advice: advice.into(),
        }
    }
}

/// All that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The probe can run; something may still be missing.
    pub can_run: bool,
    /// Every check, in a fixed order.
    pub checks: Vec<Line>,
    /// The probe's programs; empty where they were not tried.
    pub programs: Vec<ProgramReport>,
    /// The probe's maps; empty where they were not made.
    pub maps: Vec<MapSize>,
}

/// Checks `host` for an agent with this configuration. `trial` is left out where nothing shall be loaded.
#[must_use]
pub fn check(host: &Host, config: &Config, trial: Option<ProbeTrial>) -> Report {
    let mut checks = kernel::check(host);
    checks.extend(privileges::check(host));
    checks.extend(mounts::check(host));
    let (mut programs, mut maps) = (Vec::new(), Vec::new());
    if let Some(trial) = trial {
        let trial = trial(config.max_containers);
        checks.extend(probe::check(&trial));
        if let Ok(trial) = trial {
            programs = probe::programs(&trial);
            maps = trial.maps;
        }
    }
    checks.extend(runtimes::check(host, config));
    checks.extend(place::check(host, config));
    Report {
        can_run: checks.iter().all(|line| line.level < Level::Fail),
        checks,
        programs,
        maps,
    }
}

#[cfg(test)]
mod tests;
