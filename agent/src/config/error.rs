//! What can be wrong with a configuration.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Where a wrong setting stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file, at a line and column that count from 1.
    File {
        /// The file.
        path: PathBuf,
        /// Line and column, where the parser knows them.
        position: Option<(u64, u64)>,
    },
    /// In this environment variable.
    Environment(String),
    /// In this command line flag.
    Flag(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File {
                path,
                position: Some((line, column)),
            } => write!(f, "{}:{line}:{column}", path.display()),
            Self::File {
                path,
                position: None,
            } => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: {cause}; {}", path.display(), advice(cause))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// A setting, or the YAML around it, is wrong.
    #[error("{place}: {problem}")]
    Invalid {
        /// Where.
        place: Place,
        /// What is wrong, with the setting's name and what to write instead.
        problem: String,
    },
    /// A `PICKET_…` variable that sets nothing.
    #[error("environment variable {name} sets nothing; {advice}")]
    UnknownVariable {
        /// The variable.
        name: String,
        /// What to do about it.
        advice: String,
    },
}

impl ConfigError {
    pub(super) fn is_missing_file(&self) -> bool {
        matches!(self, Self::Unreadable { cause, .. } if cause.kind() == io::ErrorKind::NotFound)
    }
}

fn advice(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::NotFound => "check the path, or leave --config out to run on defaults",
        io::ErrorKind::PermissionDenied => "run as root, or make the file readable",
        _ => "give a readable YAML file of at most 1 MiB in UTF-8",
    }
}
