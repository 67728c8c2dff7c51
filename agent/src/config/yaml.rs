//! YAML to settings, and the parser's errors in Picket's words.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_saphyr::Error;

use super::Config;
use super::error::{ConfigError, Place};
use super::keys::{KEYS, nearest};

/// Far above any real configuration; keeps a wrong path (a log, a device) from being read into memory.
const MAX_BYTES: u64 = 1 << 20;

/// What is wrong in a text, and where in it.
#[derive(Debug)]
pub(super) struct Fault {
    position: Option<(u64, u64)>,
    problem: String,
}

impl Fault {
    pub(super) fn in_file(self, path: &Path) -> ConfigError {
        let place = Place::File {
            path: path.to_owned(),
            position: self.position,
        };
        self.at(place)
    }

    pub(super) fn at(self, place: Place) -> ConfigError {
        ConfigError::Invalid {
            place,
            problem: self.problem,
        }
    }
}

/// The text of the file.
pub(super) fn read(path: &Path) -> Result<String, ConfigError> {
    let text = || -> io::Result<String> {
        let mut text = String::new();
        File::open(path)?
            .take(MAX_BYTES + 1)
            .read_to_string(&mut text)?;
        if text.len() as u64 > MAX_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(text)
    };
    text().map_err(|cause| ConfigError::Unreadable {
        path: path.to_owned(),
        cause,
    })
}

/// The configuration in `text`, and the same text untyped, which shows what was set in it.
pub(super) fn config(text: &str) -> Result<(Config, Value), Fault> {
    let untyped = value(text)?;
    if untyped.is_null() {
        return Ok((Config::default(), untyped));
    }
    Ok((parse(text)?, untyped))
}

/// Any YAML value.
pub(super) fn value(text: &str) -> Result<Value, Fault> {
    parse(text)
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    let options = serde_saphyr::options! { with_snippet: false };
    let mut track = serde_path_to_error::Track::new();
    serde_saphyr::with_deserializer_from_str_with_options(text, options, |deserializer| {
        T::deserialize(serde_path_to_error::Deserializer::new(
            deserializer,
            &mut track,
        ))
    })
    .map_err(|error| fault(&error, &track.path().to_string()))
}

fn fault(error: &Error, path: &str) -> Fault {
    let text = match error {
        Error::SerdeUnknownField {
            field, expected, ..
        } => return at(error, unknown_key(field, expected, path)),
        Error::SerdeInvalidType {
            unexpected,
            expected,
            ..
        }
        | Error::SerdeInvalidValue {
            unexpected,
            expected,
            ..
        } => format!("expected {expected}, found {unexpected}"),
        Error::SerdeUnknownVariant {
            variant, expected, ..
        } => format!("{variant:?} is none of {}", expected.join(", ")),
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            return at(error, format!("key {key:?} is given twice; keep one"));
        }
        Error::MultipleDocuments { .. } => {
            let problem = "a second YAML document begins here; keep one (remove `---`)";
            return at(error, problem.to_owned());
        }
        Error::NullIntoString { .. } => {
            "no value is given; leave the key out to get its default".to_owned()
        }
        Error::Unexpected { expected, .. } => format!("expected {}", in_words(expected)),
        other => without_position(other),
    };
    // The parser's own errors come without a path, which prints as `.`, or as `?` inside a map.
    match path {
        "." | "?" => at(error, text),
        path => at(error, format!("{path}: {text}")),
    }
}

fn at(error: &Error, problem: String) -> Fault {
    Fault {
        position: error
            .location()
            .map(|location| (location.line(), location.column())),
        problem,
    }
}

fn without_position(error: &Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text.get(..end).unwrap_or_default().to_owned(),
        None => text,
    }
}

fn in_words(expected: &str) -> &str {
    match expected {
        "mapping start" => "a section of `key: value` lines",
        "sequence start" => "a list",
        "string scalar" => "text",
        other => other,
    }
}

/// `path` ends with the unknown `field`; `siblings` are the keys known in its place.
fn unknown_key(field: &str, siblings: &[&str], path: &str) -> String {
    let section = path.strip_suffix(field).unwrap_or_default();
    // A key that exists in another section was most likely only indented wrongly.
    let elsewhere = KEYS
        .iter()
        .map(|key| key.name)
        .find(|name| name.rsplit('.').next() == Some(field));
    let advice = match nearest(field, siblings.iter().copied()) {
        Some(near) => format!("did you mean \"{section}{near}\"?"),
        None => match elsewhere {
            Some(name) => format!("did you mean {name:?}?"),
            None => format!("known here: {}", siblings.join(", ")),
        },
    };
    format!("unknown key \"{section}{field}\"; {advice}")
}
