//! The configuration: one YAML file, `PICKET_…` environment variables and command line flags over built-in defaults.
//!
//! What is said later in this list wins: default, file, environment, flag.

mod choice;
mod defaults;
mod environment;
mod error;
mod keys;
pub mod limits;
mod period;
mod schema;
mod yaml;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::workload::selection::Rule;

pub use choice::{FindingsLog, NeverLearn};
pub use error::{ConfigError, Place};
pub use keys::{KEYS, Key, Kind};
pub use period::Period;
pub use schema::schema;

/// Where the configuration is read from when no `--config` is given.
pub const DEFAULT_PATH: &str = "/etc/picket/picket.yaml";

/// The whole configuration. [`KEYS`] describes each setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address of metrics, health, API and page.
    #[serde(deserialize_with = "limits::address")]
    pub listen: SocketAddr,
    /// Directory of baselines and incidents.
    #[serde(deserialize_with = "limits::absolute")]
    pub state_dir: PathBuf,
    /// Unix socket on which the agent answers the command line.
    #[serde(deserialize_with = "limits::absolute")]
    pub socket: PathBuf,
    /// Length of one observation window.
    #[serde(deserialize_with = "limits::window")]
    pub window: Period,
    /// Most containers watched at the same time.
    #[serde(deserialize_with = "limits::max_containers")]
    pub max_containers: u32,
    /// Whether maps and programs outlive the agent, so that the next one takes over without a gap.
    pub pin: bool,
    /// Directory in a BPF file system where they have their names.
    #[serde(deserialize_with = "limits::absolute")]
    pub pin_dir: PathBuf,
    /// For how much of the time system calls are watched.
    pub syscalls: Syscalls,
    /// Whether short sequences of system calls are watched.
    pub sequences: bool,
    /// Which containers are model servers; the first rule that matches decides.
    #[serde(deserialize_with = "limits::rules")]
    pub watch: Vec<Rule>,
    /// When learning ends.
    pub learning: Learning,
    /// How many findings are acceptable.
    pub budget: Budget,
    /// Endpoints, paths and executables that are always normal; globs.
    pub allow: Vec<String>,
    /// Devices whose opens are evidence of their own, for each process; globs of paths.
    #[serde(deserialize_with = "limits::globs")]
    pub devices: Vec<String>,
    /// Facts that alert even when they were seen in learning.
    pub never_learn: NeverLearn,
    /// Bounds of the exported metrics.
    pub metrics: Metrics,
    /// Findings log and the agent's own messages.
    pub log: Log,
    /// Docker's API socket; asked for container names where it exists.
    #[serde(deserialize_with = "limits::absolute")]
    pub docker_socket: PathBuf,
    /// Sockets of container runtimes that are asked for image digests and pods' labels. Whoever may use such a socket
    /// is as good as root on the node.
    #[serde(deserialize_with = "limits::absolute_list")]
    pub cri_sockets: Vec<PathBuf>,
    /// Directories with OCI bundles, besides the well-known ones.
    #[serde(deserialize_with = "limits::absolute_list")]
    pub runtime_dirs: Vec<PathBuf>,
    /// What is asked of Kubernetes.
    pub kubernetes: Kubernetes,
}

/// What is asked of Kubernetes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Kubernetes {
    /// Whether the API server is asked for the node's pods, where there is one.
    pub api: bool,
    /// The node's name; empty for that in the variable `NODE_NAME`.
    pub node: String,
}

/// When learning may end; the maturity rule of each feature family comes on top.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Learning {
    /// Shortest observed time, summed over a workload's containers.
    #[serde(deserialize_with = "limits::min_duration")]
    pub min_duration: Period,
    /// Fewest requests served.
    #[serde(deserialize_with = "limits::min_requests")]
    pub min_requests: u64,
}

/// The false-alarm budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// Findings a container may raise in a month of normal behaviour.
    #[serde(deserialize_with = "limits::findings")]
    pub findings_per_container_month: f64,
}

/// Bounds of the exported metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Most series exported; containers beyond it are counted without labels of their own.
    #[serde(deserialize_with = "limits::max_series")]
    pub max_series: u64,
    /// What a series stands for.
    pub granularity: Granularity,
}

/// What a metric series stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Granularity {
    /// One container.
    Container,
    /// All containers of a pod together.
    Pod,
    /// All containers of a workload together.
    Workload,
    /// Everything on the node together.
    Node,
}

/// Findings log and the agent's own messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Where findings are written as OCSF JSON lines.
    pub findings: FindingsLog,
    /// The least severe of the agent's own messages that are written to standard error.
    pub level: Level,
}

/// For how much of the time system calls are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Syscalls {
    /// Always.
    All,
    /// For a second of every five: every process of the machine pays for it only then, and what is seen in system calls
    /// alone is missed in between.
    Sampled,
}

/// Severity of the agent's own messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Level {
    /// The level's name as the configuration spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Where a setting's value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "from", content = "name")]
pub enum Source {
    /// Built in.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// This environment variable.
    Environment(String),
    /// This command line flag.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// A valid configuration and where it comes from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The effective configuration.
    pub config: Config,
    /// SHA-256 of the effective configuration in lowercase hex: equal settings give equal digests, however they were
    /// set.
    pub sha256: String,
    /// Source of every setting in [`KEYS`], by the setting's name.
    pub sources: BTreeMap<&'static str, Source>,
}

impl Config {
    /// Reads the file, then the `PICKET_…` variables of `env`. Without `path` it reads [`DEFAULT_PATH`], which need
    /// not exist.
    ///
    /// # Errors
    /// Names the file with line and column, or the variable, then the setting, what is wrong and what to write.
    pub fn load(
        path: Option<&Path>,
        env: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Loaded, ConfigError> {
        let mut loaded = match path {
            Some(path) => Loaded::from_file(path, &yaml::read(path)?)?,
            None => match yaml::read(Path::new(DEFAULT_PATH)) {
                Ok(text) => Loaded::from_file(Path::new(DEFAULT_PATH), &text)?,
                Err(error) if error.is_missing_file() => Loaded::defaults(),
                Err(error) => return Err(error),
            },
        };
        for (key, name, text) in environment::settings(env)? {
            let place = Place::Environment(name.clone());
            loaded.set(key, &text, place, Source::Environment(name))?;
        }
        Ok(loaded)
    }

    fn value(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    fn sha256(&self) -> String {
        let digest = Sha256::digest(self.value().to_string());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Loaded {
    fn defaults() -> Self {
        Self::of(Config::default())
    }

    /// A configuration that no file or variable says.
    #[must_use]
    pub fn of(config: Config) -> Self {
        Self {
            sha256: config.sha256(),
            sources: KEYS.iter().map(|key| (key.name, Source::Default)).collect(),
            config,
        }
    }

    pub(crate) fn from_file(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let (config, present) = yaml::config(text).map_err(|fault| fault.in_file(path))?;
        let mut loaded = Self::defaults();
        loaded.sha256 = config.sha256();
        loaded.config = config;
        for key in KEYS.iter().filter(|key| key.value_in(&present).is_some()) {
            loaded
                .sources
                .insert(key.name, Source::File(path.to_owned()));
        }
        Ok(loaded)
    }

    /// Sets a setting from a command line flag.
    ///
    /// # Errors
    /// The text is not a valid value of this setting.
    pub fn set_from_flag(
        &mut self,
        key: &'static Key,
        flag: &str,
        text: &str,
    ) -> Result<(), ConfigError> {
        let place = Place::Flag(flag.to_owned());
        self.set(key, text, place, Source::Flag(flag.to_owned()))
    }

    fn set(
        &mut self,
        key: &'static Key,
        text: &str,
        place: Place,
        source: Source,
    ) -> Result<(), ConfigError> {
        let replaced = || -> Result<Config, yaml::Fault> {
            let mut document = self.config.value();
            key.put(&mut document, key.kind.value_of(text)?);
            let (config, _) = yaml::config(&document.to_string())?;
            Ok(config)
        };
        self.config = replaced().map_err(|fault| fault.at(place))?;
        self.sha256 = self.config.sha256();
        self.sources.insert(key.name, source);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
