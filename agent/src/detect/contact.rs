//! Ways in which a peer is contacted: a matter of their own only where the peer itself is known.

use crate::baseline::knowledge::Knowledge;
use crate::baseline::model::Baseline;
use crate::observe::container::{ACCEPTED_AT, BY, SEVERAL_CLIENTS, contacted};
use crate::observe::fact::{Fact, Family, Phase, Sighting};
use crate::observe::window::WindowReport;

/// From so many times the usual requests on, a window's load is beyond the usual.
const MUCH_LOAD: f64 = 2.0;

/// So many requests beyond that come by chance where few are usual.
const BY_CHANCE: f64 = 10.0;

/// Whether a window brought clearly more requests than windows of serving usually do.
pub(super) fn is_busy(baseline: &Baseline, report: &WindowReport) -> bool {
    let learned = baseline.phases.get(&Phase::Serve);
    let usual = learned.map(|phase| phase.exposure.totals().requests_per_window());
    usual.is_some_and(|usual| report.requests as f64 > MUCH_LOAD * usual + BY_CHANCE)
}

/// What becomes of a sighting of [`Family::Contact`] where its family judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// It is held against what was learned.
    Judge,
    /// It is learned: how the peer is contacted is not known yet, as in a baseline from before that was looked at, or
    /// there is more to do than usual, so that a pool of connections grows (Little's law).
    Learn,
    /// It says nothing: the peer itself is news, or is contacted so in another phase.
    Ignore,
}

/// What becomes of a contact, under more load than usual or not.
pub(super) fn compare(baseline: &Baseline, sighting: &Sighting, is_busy: bool) -> Comparison {
    let peer = peer_of(sighting);
    let is_news = |knowledge| matches!(knowledge, Knowledge::Unknown | Knowledge::Elsewhere(_));
    // A port is news when it is opened, before anybody takes a connection there.
    let is_port = sighting.fact.value.starts_with(ACCEPTED_AT);
    if !is_port && is_news(baseline.knows(&peer)) {
        return Comparison::Ignore;
    }
    let is_of_peer = |fact: &Fact| contacted(&fact.value) == peer.fact.value;
    let is_compared = Phase::ALL
        .into_iter()
        .filter_map(|phase| baseline.family(phase, Family::Contact))
        .any(|family| family.facts.iter().any(|(fact, _)| is_of_peer(fact)));
    match baseline.knows(sighting) {
        _ if !is_compared => Comparison::Learn,
        Knowledge::Elsewhere(_) => Comparison::Ignore,
        Knowledge::Unknown if is_busy && sighting.fact.value.ends_with(SEVERAL_CLIENTS) => {
            Comparison::Learn
        }
        _ => Comparison::Judge,
    }
}

/// The peer of a contact as a sighting of its own.
fn peer_of(sighting: &Sighting) -> Sighting {
    Sighting {
        fact: Fact {
            family: Family::Endpoint,
            value: contacted(&sighting.fact.value).to_owned(),
            ..sighting.fact.clone()
        },
        raw: sighting.raw.split(BY).next().unwrap_or_default().to_owned(),
        ..sighting.clone()
    }
}
