//! Ways in which a peer is contacted: a matter of their own only where the peer itself is known.

use crate::baseline::knowledge::Knowledge;
use crate::baseline::model::Baseline;
use crate::observe::container::{BY, CONTACTED_BY};
use crate::observe::fact::{Fact, Family, Phase, Sighting};

/// What becomes of a sighting of [`Family::Contact`] where its family judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// It is held against what was learned.
    Judge,
    /// It is learned: how the peer is contacted is not known yet, as in a baseline from before that was looked at.
    Learn,
    /// It says nothing: the peer itself is news, or is contacted so in another phase.
    Ignore,
}

/// What becomes of a contact.
pub(super) fn compare(baseline: &Baseline, sighting: &Sighting) -> Comparison {
    let peer = peer_of(sighting);
    let is_news = |knowledge| matches!(knowledge, Knowledge::Unknown | Knowledge::Elsewhere(_));
    if is_news(baseline.knows(&peer)) {
        return Comparison::Ignore;
    }
    let is_of_peer = |fact: &Fact| fact.value.split(CONTACTED_BY).next() == Some(&peer.fact.value);
    let is_compared = Phase::ALL
        .into_iter()
        .filter_map(|phase| baseline.family(phase, Family::Contact))
        .any(|family| family.facts.iter().any(|(fact, _)| is_of_peer(fact)));
    match baseline.knows(sighting) {
        _ if !is_compared => Comparison::Learn,
        Knowledge::Elsewhere(_) => Comparison::Ignore,
        _ => Comparison::Judge,
    }
}

/// The peer of a contact as a sighting of its own.
fn peer_of(sighting: &Sighting) -> Sighting {
    let before = |text: &str, mark: &str| text.split(mark).next().unwrap_or_default().to_owned();
    Sighting {
        fact: Fact {
            family: Family::Endpoint,
            value: before(&sighting.fact.value, CONTACTED_BY),
            ..sighting.fact.clone()
        },
        raw: before(&sighting.raw, BY),
        ..sighting.clone()
    }
}
