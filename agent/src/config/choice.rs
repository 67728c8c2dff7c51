//! Settings that are a word or something longer: `never_learn` and `log.findings`.

use std::fmt;
use std::path::PathBuf;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::{Serialize, Serializer};

/// Which facts alert even when they were seen in learning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NeverLearn {
    /// Picket's own list.
    Builtin,
    /// None: everything can be learned.
    None,
    /// These entries of Picket's list, by name.
    Names(Vec<String>),
}

impl Serialize for NeverLearn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Builtin => serializer.serialize_str("builtin"),
            Self::None => serializer.serialize_str("none"),
            Self::Names(names) => names.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for NeverLearn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Choice;

        impl<'de> Visitor<'de> for Choice {
            type Value = NeverLearn;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`builtin`, `none` or a list of names")
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<NeverLearn, E> {
                match value {
                    "builtin" => Ok(NeverLearn::Builtin),
                    "none" => Ok(NeverLearn::None),
                    other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<NeverLearn, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(NeverLearn::Names)
            }
        }

        deserializer.deserialize_any(Choice)
    }
}

/// Where findings are written as OCSF JSON lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FindingsLog {
    /// Standard output.
    Stdout,
    /// Nowhere.
    None,
    /// Appended to this file.
    File(PathBuf),
}

impl Serialize for FindingsLog {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Stdout => serializer.serialize_str("stdout"),
            Self::None => serializer.serialize_str("none"),
            Self::File(path) => path.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for FindingsLog {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "stdout" => Ok(Self::Stdout),
            "none" => Ok(Self::None),
            path if path.starts_with('/') => Ok(Self::File(PathBuf::from(path))),
            other => Err(D::Error::custom(format_args!(
                "{other:?} is neither `stdout`, `none` nor an absolute path"
            ))),
        }
    }
}
