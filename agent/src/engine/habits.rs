//! What a container does again and again: deeds that its baseline knows, so that doing them once more is only counted.
//!
//! The kernel reports everything again in each epoch, so most events say nothing new. Putting each into words, and
//! weighing it, would cost a hundred times what counting does. The counts reach the baseline before anything is judged by
//! it, so that the findings are those of a core that weighs every event.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

use crate::baseline::facts::Again;
use crate::baseline::hash::hash64;
use crate::baseline::model::Baseline;
use crate::observe::container::Deed;
use crate::observe::endpoint::NAMED;
use crate::observe::event::{Access, Action, Mapping};
use crate::observe::fact::{Fact, Family, Origin, Phase, Sighting};

/// Deeds remembered of one container. Each takes some 400 bytes and its path, at most 1.5 KiB.
const MOST: usize = 1024;

/// Longest raw form of a deed that is remembered, bytes.
const LONGEST: usize = 512;

/// The deeds of one container in its present phase.
#[derive(Debug)]
pub(super) struct Habits {
    phase: Phase,
    /// Position of each deed in `habits`. The hash is not keyed, as equal input shall cost the same; what collides is
    /// bounded by [`MOST`].
    deeds: HashMap<Action, usize, BuildHasherDefault<DefaultHasher>>,
    habits: Vec<Habit>,
    /// Positions of those that were counted since the last settlement.
    counted: Vec<usize>,
}

#[derive(Debug)]
struct Habit {
    fact: Fact,
    /// The name by which the peer was reached.
    name: Option<String>,
    counted: Option<Again>,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            phase: Phase::Start,
            deeds: HashMap::default(),
            habits: Vec::new(),
            counted: Vec::new(),
        }
    }
}

impl Habits {
    /// Whether the deed is a habit, which is counted then.
    pub(super) fn count(&mut self, deed: &Deed<'_>, now_s: i64) -> bool {
        if deed.phase != self.phase || deed.origin != Origin::Server {
            return false;
        }
        let Some(&position) = self.deeds.get(deed.action) else {
            return false;
        };
        let Some(habit) = self.habits.get_mut(position) else {
            return false;
        };
        if habit.name.as_deref() != deed.name {
            return false;
        }
        match &mut habit.counted {
            Some(again) => again.more(now_s),
            None => {
                habit.counted = Some(Again::once(now_s));
                self.counted.push(position);
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
        self.habits.len() < MOST
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
    pub(super) fn remember(&mut self, action: &Action, sighting: &Sighting) {
        if sighting.phase != self.phase {
            if self.has_counted() {
                return;
            }
            self.deeds.clear();
            self.habits.clear();
            self.phase = sighting.phase;
        }
        let name = sighting.raw.split_once(NAMED);
        let name = name.filter(|_| sighting.fact.family == Family::Endpoint);
        let habit = Habit {
            fact: sighting.fact.clone(),
            name: name.map(|(_, name)| name.to_owned()),
            counted: None,
        };
        match self.deeds.get(action) {
            // A peer that is reached by another name now.
            Some(&position) => {
                if let Some(before) = self.habits.get_mut(position)
                    && before.counted.is_none()
                {
                    *before = habit;
                }
            }
            None if self.has_room() => {
                self.deeds.insert(action.clone(), self.habits.len());
                self.habits.push(habit);
            }
            None => {}
        }
    }

    /// Brings what was counted to the baseline of this replica.
    pub(super) fn settle(&mut self, baseline: &mut Baseline, replica: &str) {
        let replica = hash64(&[replica.as_bytes()]);
        for position in self.counted.drain(..) {
            if let Some(habit) = self.habits.get_mut(position)
                && let Some(again) = habit.counted.take()
            {
                baseline.learn_again(self.phase, &habit.fact, replica, again);
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
