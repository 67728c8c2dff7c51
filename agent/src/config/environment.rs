//! Settings from `PICKET_…` environment variables.
//!
//! The variable of a setting is `PICKET_`, then its name in upper case with `_` for each dot. Lists are YAML text
//! (`PICKET_ALLOW='["tcp 10.0.0.7:443"]'`). An empty variable counts as not set.

use std::ffi::OsString;

use super::error::{ConfigError, Place};
use super::keys::{KEYS, Key, nearest};

const PREFIX: &str = "PICKET_";

/// Variables with our prefix that are no settings: the configuration file's path, the filter of the agent's own
/// messages, and what the build leaves in the environment of `cargo run`.
const EXEMPT: [&str; 5] = [
    "PICKET_CONFIG",
    "PICKET_LOG",
    "PICKET_REVISION",
    "PICKET_RUSTC",
    "PICKET_TARGET",
];
/// Switches of the probe and of its build.
const EXEMPT_PREFIXES: [&str; 2] = ["PICKET_PROBE_", "PICKET_EBPF_"];

/// The settings that `env` holds, with the name of their variable and their text, in the order of the table.
pub(super) fn settings(
    env: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Vec<(&'static Key, String, String)>, ConfigError> {
    let mut found = Vec::new();
    for (name, text) in env {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
            continue;
        };
        if is_exempt(name) || text.is_empty() {
            continue;
        }
        let position = KEYS.iter().position(|key| key.variable() == name);
        let key = position.and_then(|position| KEYS.get(position));
        let (Some(position), Some(key)) = (position, key) else {
            return Err(unknown(name));
        };
        let text = text.into_string().map_err(|_| ConfigError::Invalid {
            place: Place::Environment(name.to_owned()),
            problem: format!("{}: the value is not UTF-8", key.name),
        })?;
        found.push((position, key, name.to_owned(), text));
    }
    found.sort_by_key(|(position, ..)| *position);
    Ok(found
        .into_iter()
        .map(|(_, key, name, text)| (key, name, text))
        .collect())
}

fn unknown(name: &str) -> ConfigError {
    let known: Vec<String> = KEYS.iter().map(Key::variable).collect();
    let advice = match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {near}?"),
        None => "unset it, or see `picket config schema` for the settings".to_owned(),
    };
    ConfigError::UnknownVariable {
        name: name.to_owned(),
        advice,
    }
}

fn is_exempt(name: &str) -> bool {
    EXEMPT.contains(&name)
        || EXEMPT_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
        || is_service_link(name)
}

/// Kubernetes puts `<SERVICE>_SERVICE_HOST`, `<SERVICE>_PORT_9477_TCP_ADDR` and the like into every container of a
/// namespace, so a service named `picket` must not stop the agent.
fn is_service_link(name: &str) -> bool {
    let numbered_port = name
        .split("_PORT_")
        .skip(1)
        .any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.ends_with("_PORT")
        || numbered_port
}
