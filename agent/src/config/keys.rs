//! The table of all settings: names, kinds and what they mean. Environment names, the JSON Schema and the suggestions
//! in errors are made from it.

use serde_json::Value;

use super::limits;
use super::yaml::{self, Fault};
use super::{Config, Period};

/// One setting.
#[derive(Debug)]
pub struct Key {
    /// Its place in the file, sections separated by dots: `learning.min_duration`.
    pub name: &'static str,
    /// What its value looks like.
    pub kind: Kind,
    /// What it means.
    pub doc: &'static str,
}

/// What a setting's value looks like.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// IP address and port.
    Address,
    /// Absolute path.
    Path,
    /// Absolute paths.
    Paths,
    /// Length of time, with its bounds.
    Period(Period, Period),
    /// Whole number, with its bounds.
    Whole(u64, u64),
    /// Number, with its bounds.
    Number(f64, f64),
    /// `true` or `false`.
    Switch,
    /// Any text.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Texts.
    Texts,
    /// `builtin`, `none` or a list of names.
    NeverLearn,
    /// `stdout`, `none` or an absolute path.
    FindingsLog,
    /// Rules that choose containers.
    Rules,
}

/// All settings, in the order in which they are shown.
pub static KEYS: &[Key] = &[
    Key {
        name: "listen",
        kind: Kind::Address,
        doc: "Address of metrics, health, API and page. Beyond loopback only metrics and health are served.",
    },
    Key {
        name: "state_dir",
        kind: Kind::Path,
        doc: "Directory of baselines and incidents.",
    },
    Key {
        name: "socket",
        kind: Kind::Path,
        doc: "Unix socket on which the agent answers the command line.",
    },
    Key {
        name: "window",
        kind: Kind::Period(*limits::WINDOW.start(), *limits::WINDOW.end()),
        doc: "Length of one observation window.",
    },
    Key {
        name: "max_containers",
        kind: Kind::Whole(
            *limits::MAX_CONTAINERS.start(),
            *limits::MAX_CONTAINERS.end(),
        ),
        doc: "Most containers watched at the same time.",
    },
    Key {
        name: "pin",
        kind: Kind::Switch,
        doc: "Whether maps and programs outlive the agent, so that the next one takes over without a gap.",
    },
    Key {
        name: "pin_dir",
        kind: Kind::Path,
        doc: "Directory in a BPF file system where they have their names; names there have no dots.",
    },
    Key {
        name: "syscalls",
        kind: Kind::Word(&["all", "sampled"]),
        doc: "Whether system calls are watched always, or for a second of every five, which costs and sees less.",
    },
    Key {
        name: "sequences",
        kind: Kind::Switch,
        doc: "Whether short sequences of system calls are watched.",
    },
    Key {
        name: "watch",
        kind: Kind::Rules,
        doc: "Which containers are model servers; the first rule that matches decides.",
    },
    Key {
        name: "learning.min_duration",
        kind: Kind::Period(*limits::MIN_DURATION.start(), *limits::MIN_DURATION.end()),
        doc: "Shortest observed time before learning may end.",
    },
    Key {
        name: "learning.min_requests",
        kind: Kind::Whole(*limits::MIN_REQUESTS.start(), *limits::MIN_REQUESTS.end()),
        doc: "Fewest requests served before learning may end.",
    },
    Key {
        name: "budget.findings_per_container_month",
        kind: Kind::Number(*limits::FINDINGS.start(), *limits::FINDINGS.end()),
        doc: "Findings a container may raise in a month of normal behaviour.",
    },
    Key {
        name: "allow",
        kind: Kind::Texts,
        doc: "Endpoints, paths and executables that are always normal; globs.",
    },
    Key {
        name: "devices",
        kind: Kind::Paths,
        doc: "Devices whose opens are evidence of their own, for each process; globs.",
    },
    Key {
        name: "never_learn",
        kind: Kind::NeverLearn,
        doc: "Facts that alert even when they were seen in learning.",
    },
    Key {
        name: "metrics.max_series",
        kind: Kind::Whole(*limits::MAX_SERIES.start(), *limits::MAX_SERIES.end()),
        doc: "Most metric series exported.",
    },
    Key {
        name: "metrics.granularity",
        kind: Kind::Word(&["container", "pod", "workload", "node"]),
        doc: "What a metric series stands for.",
    },
    Key {
        name: "log.findings",
        kind: Kind::FindingsLog,
        doc: "Where findings are written as OCSF JSON lines.",
    },
    Key {
        name: "log.level",
        kind: Kind::Word(&["error", "warn", "info", "debug", "trace"]),
        doc: "The least severe of the agent's own messages that are written to standard error.",
    },
    Key {
        name: "docker_socket",
        kind: Kind::Path,
        doc: "Docker's API socket; asked for container names where it exists.",
    },
    Key {
        name: "cri_sockets",
        kind: Kind::Paths,
        doc: "Sockets of container runtimes (CRI) that are asked for image digests and pods' labels.",
    },
    Key {
        name: "runtime_dirs",
        kind: Kind::Paths,
        doc: "Directories with OCI bundles, besides the well-known ones.",
    },
    Key {
        name: "kubernetes.api",
        kind: Kind::Switch,
        doc: "Whether the API server is asked for the labels and owners of the node's pods, where there is one.",
    },
    Key {
        name: "kubernetes.node",
        kind: Kind::Text,
        doc: "The node's name in Kubernetes; when empty, that in the environment variable NODE_NAME.",
    },
];

impl Key {
    /// The setting called `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// The environment variable that sets it: `PICKET_LEARNING_MIN_DURATION`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("PICKET_{}", self.name.replace('.', "_").to_uppercase())
    }

    /// Its value in `config`.
    #[must_use]
    pub fn value_of(&self, config: &Config) -> Value {
        self.value_in(&config.value()).cloned().unwrap_or_default()
    }

    /// Its built-in value.
    #[must_use]
    pub fn default_value(&self) -> Value {
        self.value_of(&Config::default())
    }

    pub(super) fn value_in<'v>(&self, document: &'v Value) -> Option<&'v Value> {
        document.pointer(&self.pointer())
    }

    pub(super) fn put(&self, document: &mut Value, value: Value) {
        if let Some(place) = document.pointer_mut(&self.pointer()) {
            *place = value;
        }
    }

    fn pointer(&self) -> String {
        format!("/{}", self.name.replace('.', "/"))
    }
}

impl Kind {
    /// The value that `text` of a flag or environment variable stands for. Paths, addresses and words are taken as
    /// they are, everything else is YAML.
    pub(super) fn value_of(self, text: &str) -> Result<Value, Fault> {
        match self {
            Self::Address
            | Self::Path
            | Self::Period(..)
            | Self::Text
            | Self::Word(_)
            | Self::FindingsLog => Ok(Value::from(text)),
            Self::Paths
            | Self::Switch
            | Self::Whole(..)
            | Self::Number(..)
            | Self::Texts
            | Self::NeverLearn
            | Self::Rules => yaml::value(text),
        }
    }
}

/// The name among `known` that `wrong` was most likely meant to be.
pub(super) fn nearest<'k>(wrong: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let wrong = wrong.to_lowercase();
    known
        .map(|name| {
            let distance = strsim::damerau_levenshtein(&wrong, &name.to_lowercase());
            (distance, name)
        })
        .filter(|(distance, name)| *distance <= name.len() / 3)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        reason = "tests"
    )]
    use std::collections::BTreeSet;

    use super::*;

    fn leaves(prefix: &str, value: &Value, into: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let name = if prefix.is_empty() {
                        name.clone()
                    } else {
                        format!("{prefix}.{name}")
                    };
                    leaves(&name, value, into);
                }
            }
            _ => {
                into.insert(prefix.to_owned());
            }
        }
    }

    #[test]
    fn the_table_holds_exactly_the_settings_of_the_config() {
        let mut in_config = BTreeSet::new();
        leaves("", &Config::default().value(), &mut in_config);
        let in_table: BTreeSet<_> = KEYS.iter().map(|key| key.name.to_owned()).collect();
        assert_eq!(in_table, in_config);
    }

    #[test]
    fn variables_are_unambiguous() {
        let variables: BTreeSet<_> = KEYS.iter().map(Key::variable).collect();
        assert_eq!(variables.len(), KEYS.len());
        assert!(variables.contains("PICKET_BUDGET_FINDINGS_PER_CONTAINER_MONTH"));
    }

    #[test]
    fn nearest_name() {
        let known = ["listen", "learning", "state_dir"];
        assert_eq!(nearest("learnig", known.into_iter()), Some("learning"));
        assert_eq!(nearest("Listen", known.into_iter()), Some("listen"));
        assert_eq!(nearest("statedir", known.into_iter()), Some("state_dir"));
        assert_eq!(nearest("xyz", known.into_iter()), None);
    }
}
