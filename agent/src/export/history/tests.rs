#![allow(clippy::indexing_slicing, reason = "tests")]

use super::*;
use crate::export::sample;

fn values(batch: &Batch) -> Vec<&str> {
    let evidence = batch.evidence.iter();
    evidence
        .map(|piece| piece.sighting.fact.value.as_str())
        .collect()
}

#[test]
fn a_reader_gets_each_piece_once_and_in_order() {
    let history = History::default();
    let mut position = history.all().position;
    for name in ["/a", "/b", "/c"] {
        history.add(sample::evidence(name));
    }
    assert_eq!(values(&history.all()), ["/a", "/b", "/c"]);
    for (limit, expected) in [(2, &["/a", "/b"][..]), (2, &["/c"]), (2, &[])] {
        let batch = history.after(position, limit);
        assert_eq!(values(&batch), expected);
        assert_eq!(batch.missed, 0);
        position = batch.position;
    }
}

#[test]
fn the_oldest_goes_first_and_slow_readers_learn_what_they_missed() {
    let history = History::default();
    for n in 0..CAPACITY + 10 {
        history.add(sample::evidence(&format!("/{n}")));
    }
    assert_eq!(history.counts(), (CAPACITY as u64 + 10, 10));
    assert_eq!(history.all().evidence.len(), CAPACITY);
    let batch = history.after(3, 1);
    assert_eq!((values(&batch), batch.missed), (vec!["/10"], 7));
    assert_eq!(history.after(batch.position, 1).missed, 0);
}

#[test]
fn large_pieces_do_not_take_more_memory() {
    let history = History::default();
    for n in 0..CAPACITY {
        let mut evidence = sample::evidence(&format!("/{n}"));
        evidence.sighting.process.argv = vec!["x".repeat(2000)];
        evidence.sighting.ancestry = vec![evidence.sighting.process.clone(); 8];
        history.add(evidence);
    }
    let kept = history.all().evidence;
    let bytes: usize = kept.iter().map(|piece| piece.bytes()).sum();
    assert!(bytes <= CAPACITY_BYTES);
    assert!(bytes > CAPACITY_BYTES * 9 / 10, "{bytes}");
    let newest = &kept[kept.len() - 1].sighting.fact.value;
    assert_eq!(*newest, format!("/{}", CAPACITY - 1));
}
