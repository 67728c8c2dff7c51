//! What the core takes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Time;
use crate::baseline::key::Key;
use crate::baseline::learning::LearningSettings;
use crate::baseline::model::Baseline;
use crate::config::{Budget, Config, Learning, NeverLearn as NeverLearnChoice, Period};
use crate::detect::allow::{Allow, BadEntry};
use crate::detect::detector::{Detection, Settings as DetectSettings};
use crate::detect::never_learn::{NeverLearn, UnknownName};
use crate::incident::Incident;
use crate::observe::container::Observer;
use crate::observe::event::{CgroupId, Event, Moment};
use crate::observe::process::Known;
use crate::observe::window::Window;
use crate::observe::{features, syscall};
use crate::workload::container::Container;

/// One step of the agent's life, as far as it matters to findings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// It is so late now; what follows is handled at that time.
    Time(Time),
    /// A baseline takes the place of the one with its key: as it was found on disk, or as somebody left it.
    Baseline(Box<Baseline>),
    /// A container is watched from now on.
    Watch(Box<Watch>),
    /// A container is watched on from where a checkpoint left it, or under another name or key than before.
    Resume(Box<Resume>),
    /// A watched container did something. Its arguments are redacted.
    Event(Event),
    /// A window of a watched container ended.
    Window {
        /// The container.
        cgroup: CgroupId,
        /// What was counted in it.
        window: Box<Window>,
    },
    /// The processes that really run in a watched container, looked up because events were lost.
    Resync {
        /// The container.
        cgroup: CgroupId,
        /// All its processes.
        processes: Vec<Known>,
    },
    /// A watched container ended.
    End {
        /// The container.
        cgroup: CgroupId,
    },
    /// What was derived from this baseline, such as fitted models, is derived anew from here on: a checkpoint was taken,
    /// and whoever goes on from that has none of it.
    Anew {
        /// The baseline.
        key: Key,
    },
    /// So many findings were reported about containers that are not in this stream.
    Elsewhere {
        /// How many.
        findings: u64,
    },
}

/// A container that comes under watch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// Its identity.
    pub container: Arc<Container>,
    /// The baseline it is compared with.
    pub key: Key,
    /// How it came under watch.
    pub birth: Birth,
    /// Something of what comes next was lost, so that unknown processes count as the server's until a resync.
    pub lossy: bool,
}

/// How a container came under watch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Birth {
    /// From its first instruction.
    Seen(Moment),
    /// It was running.
    Found {
        /// Since when it is watched.
        at: Moment,
        /// Its processes then, their arguments redacted.
        processes: Vec<Known>,
        /// Whether it had a listening socket.
        listening: bool,
    },
}

/// A container as a checkpoint holds it; a new baseline comes before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resume {
    /// Its identity.
    pub container: Arc<Container>,
    /// The baseline it is compared with.
    pub key: Key,
    /// What was observed of it.
    pub observer: Observer,
    /// What the detector remembers of it.
    pub detection: Detection,
    /// Its incident that still grows.
    pub incident: Option<Incident>,
}

/// The settings that findings depend on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Length of one window.
    pub window: Period,
    /// When learning may end.
    pub learning: Learning,
    /// How many findings are acceptable.
    pub budget: Budget,
    /// What the operator declared normal.
    pub allow: Vec<String>,
    /// Facts that alert even while learning.
    pub never_learn: NeverLearnChoice,
    /// Globs of the devices whose opens are facts of their own.
    pub devices: Vec<String>,
}

/// Settings that name something that does not exist.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// An entry of `allow`.
    #[error(transparent)]
    Allow(#[from] BadEntry),
    /// An entry of `never_learn`.
    #[error(transparent)]
    NeverLearn(#[from] UnknownName),
}

impl From<&Config> for Settings {
    fn from(config: &Config) -> Self {
        Self {
            window: config.window,
            learning: config.learning.clone(),
            budget: config.budget.clone(),
            allow: config.allow.clone(),
            never_learn: config.never_learn.clone(),
            devices: config.devices.clone(),
        }
    }
}

/// With the defaults for everything else.
impl From<&Settings> for Config {
    fn from(settings: &Settings) -> Self {
        let Settings {
            window,
            learning,
            budget,
            allow,
            never_learn,
            devices,
        } = settings.clone();
        Self {
            window,
            learning,
            budget,
            allow,
            never_learn,
            devices,
            ..Self::default()
        }
    }
}

impl Settings {
    /// When learning ends.
    #[must_use]
    pub fn learning(&self) -> LearningSettings {
        LearningSettings {
            min_duration_s: self.learning.min_duration.as_secs(),
            min_requests: self.learning.min_requests,
        }
    }

    /// Whether an engine can be made by these.
    ///
    /// # Errors
    /// When they name something that does not exist.
    pub fn check(&self) -> Result<(), SettingsError> {
        self.detector().map(drop)
    }

    /// What the detector is told.
    pub(super) fn detector(&self) -> Result<DetectSettings, SettingsError> {
        let never_learn = match &self.never_learn {
            NeverLearnChoice::Builtin => NeverLearn::Builtin,
            NeverLearnChoice::None => NeverLearn::None,
            NeverLearnChoice::Names(names) => NeverLearn::only(names)?,
        };
        Ok(DetectSettings {
            learning: self.learning(),
            findings_per_month: self.budget.findings_per_container_month,
            never_learn,
            allow: Allow::parse(&self.allow)?,
            feature_names: &features::NAMES,
            is_common_syscall: syscall::is_common_runtime,
        })
    }
}
