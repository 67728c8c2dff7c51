//! What a baseline knows about what was seen, here and in other phases.

use std::collections::BTreeSet;

use super::model::Baseline;
use super::neighbours::excuses;
use super::support::{ENOUGH, command_of, name_of};
use crate::observe::fact::{Phase, Sighting};

/// What a baseline knows about a fact in a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knowledge {
    /// Learned in this phase.
    Here,
    /// Not learned here, but in this other phase, and ordinary here for that: see [`excuses`].
    Neighbour(Phase),
    /// Not learned yet, but the image before did it in this phase.
    Inherited,
    /// Not learned here, but in this other phase.
    Elsewhere(Phase),
    /// Not learned anywhere.
    Unknown,
}

impl Baseline {
    /// What is known about what was seen, in the phase it was seen in.
    #[must_use]
    pub fn knows(&self, sighting: &Sighting) -> Knowledge {
        let (phase, fact, marks) = (sighting.phase, &sighting.fact, sighting.marks);
        let name = name_of(sighting);
        let learned = |phase: Phase| self.family(phase, fact.family)?.facts.get(fact);
        // Which phase a name came up in depends on how busy the machine was, so the names of all phases count.
        let varies = name.is_some() && {
            let names = Phase::ALL.into_iter().filter_map(learned);
            let names: BTreeSet<u64> = names.flat_map(|seen| seen.names.iter().copied()).collect();
            names.len() >= ENOUGH
        };
        let holds =
            |phase: Phase| learned(phase).is_some_and(|seen| varies || seen.vouches_for(name));
        if holds(phase) {
            return Knowledge::Here;
        }
        if self.inherits(sighting) {
            return Knowledge::Inherited;
        }
        // A start that is slow, or is asked early, tells its shells the same after the first connection as before it.
        let told_alike = |other: Phase| {
            let before = matches!(other, Phase::Start | Phase::Load);
            let seen = learned(other).filter(|_| before && phase == Phase::WarmUp);
            let commands = seen.map(|seen| &seen.commands);
            let command = commands.and_then(|_| command_of(sighting));
            command.is_some_and(|told| commands.is_some_and(|known| known.contains(&told)))
        };
        let mut others = Phase::ALL.into_iter().filter(|other| holds(*other));
        let Some(first) = others.next() else {
            return Knowledge::Unknown;
        };
        std::iter::once(first)
            .chain(others)
            .find(|other| excuses(*other, phase, marks) || told_alike(*other))
            .map_or(Knowledge::Elsewhere(first), Knowledge::Neighbour)
    }
}
