//! Recordings: what the core took, on disk, and fed back to it.
//!
//! A `*.picket` file is a line with the format's version and then frames, each compressed and with a checksum of its
//! own, so that a recording cut short is good up to its last whole frame. The first frame holds the [`Header`], the
//! others [`Entry`]s in the order the core took them. The first entries are a checkpoint, from which the core goes on
//! whatever came before. Frames hold MessagePack with named fields, so that fields can be added.

mod file;
mod frame;
mod read;
mod replay;
mod tap;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use file::{FileError, RecordingFile, create};
use frame::MAGIC;
pub(crate) use frame::seal;
pub use frame::{FrameError, Frames};
pub use read::{Ending, ReadError, Reader, end_in};
pub use replay::{Passed, Replay, Step};
pub use tap::{Feed, Tap, Taps};

use crate::engine::{Input, Settings};
use crate::export::ocsf::Host;

/// Version of the format this agent writes, and the newest it reads.
pub const FORMAT: u32 = 1;

/// What a recording begins with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Version of the agent that wrote it.
    pub agent: String,
    /// The machine, as findings name it.
    pub host: Host,
    /// The wall-clock time of `Moment(0)` that learning and budgets count by, Unix milliseconds.
    pub boot_ms: i64,
    /// When it was begun, Unix milliseconds.
    pub begun_ms: i64,
    /// The settings that findings depend on.
    pub settings: Settings,
    /// The containers it was asked for, by name; empty when for all.
    pub containers: Vec<String>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// What the core took.
    Input(Input),
    /// The recording ends in good order.
    End(End),
}

/// The end of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Inputs that came after the last one recorded and are missing, because whoever took the recording did not keep
    /// up.
    pub dropped: u64,
}

/// Writes a value as it stands in a frame.
///
/// # Errors
/// When the value cannot be expressed, which no entry can cause.
pub fn encode<T: Serialize>(value: &T, into: &mut Vec<u8>) -> Result<(), rmp_serde::encode::Error> {
    let mut serializer = rmp_serde::Serializer::new(into).with_struct_map();
    value.serialize(&mut serializer)
}

/// The beginning of a recording: the line with the version, and the header's frame.
///
/// # Errors
/// When the header is longer than a frame may be.
pub fn begin(header: &Header) -> Result<Vec<u8>, FrameError> {
    let mut payload = Vec::new();
    encode(header, &mut payload)?;
    let mut bytes = format!("{MAGIC}{FORMAT}\n").into_bytes();
    bytes.extend(seal(&payload)?);
    Ok(bytes)
}

/// The frame that ends a recording.
///
/// # Errors
/// None in practice; see [`seal`].
pub fn end(end: End) -> Result<Vec<u8>, FrameError> {
    let mut payload = Vec::new();
    encode(&Entry::End(end), &mut payload)?;
    seal(&payload)
}
