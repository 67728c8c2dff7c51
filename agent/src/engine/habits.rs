//! What a container does again and again: deeds that its baseline knows, so that doing them once more is only counted.
//!
//! The kernel reports everything again in each epoch, so most events say nothing new. Putting each into words, and
//! weighing it, would cost a hundred times what counting does. The counts reach the baseline before anything is judged by
//! it, so that the findings are those of a core that weighs every event.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use foldhash::fast::RandomState;

use super::deed_key::{DeedKey, DeedKeys};
use crate::baseline::facts::Again;
use crate::baseline::hash::hash64;
use crate::baseline::model::Baseline;
use crate::observe::container::Deed;
use crate::observe::endpoint::NAMED;
use crate::observe::event::{Access, Action, Mapping};
use crate::observe::fact::{Fact, Family, Origin, Phase, Sighting};

/// Deeds remembered of one container. Each takes some 200 bytes and what its fact says, at most 1 KiB.
const MOST: usize = 1024;

/// Longest raw form of a deed that is remembered, bytes.
const LONGEST: usize = 512;

/// The deeds of one container in its present phase.
///
/// What an event needs lies in one place, as with many containers none of it is in the processor's cache.
#[derive(Debug)]
pub(super) struct Habits {
    phase: Phase,
    habits: HashMap<DeedKey, Habit, RandomState>,
    facts: Vec<Fact>,
    /// Those that were counted since the last settlement.
    counted: Vec<DeedKey>,
}

#[derive(Debug)]
struct Habit {
    counted: Option<Again>,
    /// Position of its fact in `facts`.
    fact: u32,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            phase: Phase::Start,
            habits: HashMap::default(),
            facts: Vec::new(),
            counted: Vec::new(),
        }
    }
}

impl Habits {
    /// Whether the deed is a habit, which is counted then.
    pub(super) fn count(&mut self, deed: &Deed<'_>, now_s: i64, keys: &mut DeedKeys) -> bool {
        if deed.phase != self.phase || deed.origin != Origin::Server {
            return false;
        }
        let Some(key) = keys.of(deed.action, deed.name) else {
            return false;
        };
        let Some(habit) = self.habits.get_mut(&key) else {
            return false;
        };
        match &mut habit.counted {
            Some(again) => again.more(now_s),
            None => {
                habit.counted = Some(Again::once(now_s));
                self.counted.push(key);
            }
        }
        true
    }

    /// Whether something was counted that the baseline does not know of yet.
    pub(super) fn has_counted(&self) -> bool {
        !self.counted.is_empty()
    }

    /// Whether there is room for more.
    pub(super) fn has_room(&self) -> bool {
        self.facts.len() < MOST
    }

    /// Whether deeds of this kind can be habits at all: those that say the same whenever they are done, and of which no
    /// layer remembers when they were done, except of what [`written`] names.
    pub(super) fn may_be(action: &Action, sighting: &Sighting) -> bool {
        let is_kind = match action {
            Action::Open {
                access: Access::Write,
                ..
            }
            | Action::Map {
                mapping: Mapping::SharedWrite,
                ..
            } => written(action).is_some(),
            Action::Open { .. }
            | Action::OpenFailed { .. }
            | Action::Map { .. }
            | Action::Change { .. }
            | Action::Connect { .. } => true,
            _ => false,
        };
        is_kind
            && !sighting.marks.model_file
            && sighting.fact.family != Family::Device
            && sighting.fact.origin == Origin::Server
            && sighting.raw.len() <= LONGEST
    }

    /// Makes a habit of what was done, as far as there is room.
    pub(super) fn remember(&mut self, action: &Action, sighting: &Sighting, keys: &mut DeedKeys) {
        if sighting.phase != self.phase {
            if self.has_counted() {
                return;
            }
            *self = Self {
                phase: sighting.phase,
                ..Self::default()
            };
        }
        let name = sighting.raw.split_once(NAMED);
        let name = name.filter(|_| sighting.fact.family == Family::Endpoint);
        if self.has_room()
            && let Some(key) = keys.of(action, name.map(|(_, name)| name))
            && let Entry::Vacant(place) = self.habits.entry(key)
            && let Ok(fact) = u32::try_from(self.facts.len())
        {
            let counted = None;
            place.insert(Habit { counted, fact });
            self.facts.push(sighting.fact.clone());
        }
    }

    /// Brings what was counted to the baseline of this replica.
    pub(super) fn settle(&mut self, baseline: &mut Baseline, replica: &str) {
        let replica = hash64(&[replica.as_bytes()]);
        for key in self.counted.drain(..) {
            if let Some(habit) = self.habits.get_mut(&key)
                && let Some(again) = habit.counted.take()
                && let Some(fact) = self.facts.get(habit.fact as usize)
            {
                baseline.learn_again(self.phase, fact, replica, again);
            }
        }
    }
}

/// The file that is written, where its whole name is known.
pub(super) fn written(action: &Action) -> Option<&str> {
    match action {
        Action::Open {
            path,
            access: Access::Write,
            truncated: false,
            ..
        }
        | Action::Map {
            path,
            mapping: Mapping::SharedWrite,
            truncated: false,
            ..
        } => Some(path),
        _ => None,
    }
}
