//! What the kernel hands over: records of the rings, counters, type information.

use picket::fuzzing;
use picket::observe::container::Observer;
use picket::observe::event::Moment;
use picket::observe::window::{CallCount, Counters, Window};
use picket::probe::Record;
use picket::probe::btf::Btf;

/// Longest fact that a baseline is asked to hold, in bytes: two bounded paths and the shape of a command, or a name of
/// DNS with every byte escaped, and some words.
const LONGEST_FACT: usize = 4 * 255 + 256;

/// Longest evidence for a fact: two paths of the kernel's longest, each byte shown as one that is not UTF-8.
const LONGEST_RAW: usize = 2 * 3 * 4096 + 256;

/// Room for the longest record.
const RECORD: usize = 8192;

/// In a record's length: zeros follow, up to the longest record. Keeps inputs short.
const PADDED: u16 = 1 << 15;

/// Records one after the other, each behind its length in two bytes, as events of one container.
pub(crate) fn record(mut input: &[u8]) {
    let mut observer = Observer::born(Moment(0));
    while let Some((length, rest)) = input.split_first_chunk() {
        let length = u16::from_le_bytes(*length);
        let bytes = usize::from(length & !PADDED).min(rest.len());
        let (record, rest) = rest.split_at(bytes);
        input = rest;
        let mut record = record.to_vec();
        if length & PADDED != 0 {
            record.resize(record.len().max(RECORD), 0);
        }
        let Ok(Record::Event(event)) = fuzzing::record(&record) else {
            continue;
        };
        let Some(sighting) = observer.event(&event) else {
            continue;
        };
        let (fact, raw) = (&sighting.fact.value, &sighting.raw);
        assert!(fact.len() <= LONGEST_FACT, "{} bytes: {fact}", fact.len());
        assert!(raw.len() <= LONGEST_RAW, "{} bytes: {raw}", raw.len());
        assert!(sighting.ancestry.len() <= 8);
    }
}

/// A window's counters.
pub(crate) fn window(mut input: &[u8]) {
    let mut next = || {
        let (number, rest) = input.split_first_chunk().unwrap_or((&[0; 8], &[]));
        input = rest;
        u64::from_le_bytes(*number)
    };
    let mut observer = Observer::born(Moment(next()));
    for _ in 0..3 {
        let mut counters = Counters {
            rx_bytes: next(),
            tx_bytes: next(),
            accepted: next(),
            requests: next(),
            lost_events: next(),
            ..Counters::default()
        };
        let calls = (0..next() % 8).map(|_| CallCount {
            call: (next() % 512) as u16,
            calls: next(),
            errors: next(),
        });
        counters.calls = calls.collect();
        let window = Window {
            end: Moment(next()),
            length_ns: next(),
            counters,
        };
        let report = observer.window(&window);
        for feature in report.features.into_iter().flatten() {
            assert!(feature.is_finite(), "{window:?}");
        }
    }
}

/// The kernel's type information.
pub(crate) fn btf(input: &[u8]) {
    if let Ok(btf) = Btf::parse(input) {
        let _ = btf.offset("task_struct", "tgid");
        let _ = btf.offset("a", "b.c");
        let _ = btf.knows("task_struct");
    }
}
