//! What lies on the agent's own disk: baselines, recordings, and the operator's configuration.

use picket::detect::allow::Allow;
use picket::fuzzing;
use picket::observe::event::Moment;
use picket::observe::fact::{Fact, Family, Marks, Origin, Phase, ProcessInfo, Sighting};

/// The body of a baseline's file.
pub(crate) fn baseline(input: &[u8]) {
    // As it is, the checksum is wrong.
    let _ = fuzzing::baseline(input);
    let Some(baseline) = fuzzing::baseline(&fuzzing::sealed(input)) else {
        return;
    };
    let written = fuzzing::baseline_file(&baseline).unwrap_or_default();
    let read = fuzzing::baseline(&written);
    assert_eq!(read.as_ref(), Some(&baseline), "written and read again");
    let mut once = baseline.clone();
    assert!(once.merge(&baseline).is_ok());
    let mut twice = once.clone();
    assert!(twice.merge(&baseline).is_ok());
    assert_eq!(once, twice, "merging again changes nothing");
}

/// A configuration file.
pub(crate) fn config(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match fuzzing::configuration(&text) {
        Ok(config) => {
            // JSON is YAML.
            let printed = serde_json::to_string(&config).unwrap_or_default();
            assert_eq!(fuzzing::configuration(&printed), Ok(config));
        }
        Err(message) => assert!(!message.is_empty()),
    }
}

/// An entry of the operator's list of what is normal, a line break, and what a container did.
pub(crate) fn allow(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (entry, value) = text.split_once('\n').unwrap_or((&text, ""));
    let Ok(allow) = Allow::parse([entry]) else {
        return;
    };
    for family in Family::ALL {
        let sighting = Sighting {
            at: Moment(0),
            phase: Phase::Serve,
            fact: Fact {
                family,
                origin: Origin::Server,
                value: value.to_owned(),
            },
            raw: value.to_owned(),
            process: ProcessInfo::default(),
            ancestry: Vec::new(),
            marks: Marks::default(),
        };
        let covers = allow.covers(&sighting);
        let is_literal = entry.starts_with('/') && !entry.contains(['*', '?']);
        assert!(!covers || !is_literal || value.contains(entry.trim()));
    }
}

/// A recording, and the content of one of its frames.
pub(crate) fn recording(input: &[u8]) {
    // As it is, it is hardly ever a recording.
    let _ = fuzzing::recording(input);
    let read = |payload: &[u8]| {
        let recording = fuzzing::recording_of(payload).unwrap_or_default();
        fuzzing::recording(&recording)
    };
    let written = fuzzing::frame_of(&read(input)).unwrap_or_default();
    let again = fuzzing::frame_of(&read(&written)).unwrap_or_default();
    assert_eq!(written, again, "read, written and read again");
}
