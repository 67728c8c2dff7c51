//! What the fuzz targets (`tests/fuzz`) reach of the agent's inside: its parsers without the files, sockets and rings
//! that their input comes from. No part of the agent uses this.

use std::path::Path;

use crate::baseline::file;
use crate::baseline::model::Baseline;
use crate::config::{Config, Loaded};
use crate::engine::Input;
use crate::export::ocsf::Host;
use crate::probe::{DecodeError, Record, decode};
use crate::record::{self, Entry, FrameError, Header, Reader};
use crate::workload::bundle::{self, Bundle};
use crate::workload::container::Runtime;
use crate::workload::docker::{Details, Record as DockerRecord};
use crate::workload::{hierarchy, processes};

/// One record of the probe's rings.
///
/// # Errors
/// When it is not one.
pub fn record(bytes: &[u8]) -> Result<Record, DecodeError> {
    decode::decode(bytes)
}

/// An OCI runtime specification.
#[must_use]
pub fn bundle(json: &[u8]) -> Option<Bundle> {
    let specification = serde_json::from_slice(json).ok()?;
    Some(bundle::bundle(Runtime::Docker, specification))
}

/// The Docker engine's record of container `id`, from its disk or its API.
#[must_use]
pub fn docker_record(json: &[u8], id: &str) -> Option<Details> {
    let record: DockerRecord = serde_json::from_slice(json).ok()?;
    record.details(id)
}

/// `/proc/<pid>/cmdline`.
#[must_use]
pub fn arguments(command_line: &[u8]) -> Vec<String> {
    processes::arguments(command_line)
}

/// `cgroup.procs`.
#[must_use]
pub fn pids(list: &str) -> Vec<u32> {
    hierarchy::parse_pids(list)
}

/// A baseline's file.
#[must_use]
pub fn baseline(content: &[u8]) -> Option<Baseline> {
    file::decode(Path::new("fuzz"), content).ok()
}

/// A file with this body and the right checksum.
#[must_use]
pub fn sealed(body: &[u8]) -> Vec<u8> {
    file::seal(body.to_vec())
}

/// The file of a baseline.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn baseline_file(baseline: &Baseline) -> Result<Vec<u8>, serde_json::Error> {
    file::encode(baseline)
}

/// A configuration file; the error is its message.
///
/// # Errors
/// When it is not valid.
pub fn configuration(yaml: &str) -> Result<Config, String> {
    Loaded::from_file(Path::new("fuzz"), yaml)
        .map(|loaded| loaded.config)
        .map_err(|error| error.to_string())
}

/// A recording, as far as it can be read.
#[must_use]
pub fn recording(bytes: &[u8]) -> Vec<Input> {
    let mut inputs = Vec::new();
    if let Ok(mut reader) = Reader::new(bytes, Path::new("fuzz")) {
        while let Ok(Some(input)) = reader.next_input() {
            inputs.push(input);
        }
    }
    inputs
}

/// A recording whose only frame, besides the header's, has this content.
///
/// # Errors
/// When it is too long.
pub fn recording_of(payload: &[u8]) -> Result<Vec<u8>, FrameError> {
    let header = Header {
        agent: String::new(),
        host: Host::default(),
        boot_ms: 0,
        begun_ms: 0,
        settings: (&Config::default()).into(),
        containers: Vec::new(),
    };
    let mut bytes = record::begin(&header)?;
    bytes.extend(record::seal(payload)?);
    Ok(bytes)
}

/// Inputs as the content of a frame.
///
/// # Errors
/// When one cannot be expressed.
pub fn frame_of(inputs: &[Input]) -> Result<Vec<u8>, FrameError> {
    let mut payload = Vec::new();
    for input in inputs {
        record::encode(&Entry::Input(input.clone()), &mut payload)?;
    }
    Ok(payload)
}
