//! What system calls say: those made for the first time, and sequences of them.

use super::Observer;
use crate::observe::event::{Action, Event, Moment};
use crate::observe::fact::{Fact, Family, Marks, Origin, Phase, ProcessInfo, Sighting};
use crate::observe::window::CallCount;
use crate::observe::{syscall, uring};

impl Observer {
    pub(super) fn sequence(&self, event: &Event, origin: Origin) -> Option<Sighting> {
        let Action::Sequence { calls, .. } = &event.action else {
            return None;
        };
        let names: Vec<_> = calls.iter().map(|call| syscall::name(*call)).collect();
        let value = names.join(" > ");
        let raw = value.clone();
        Some(self.sighting(
            event,
            Family::Sequence,
            origin,
            value,
            raw,
            Marks::default(),
        ))
    }
}

pub(super) fn call_sighting(
    count: &CallCount,
    at: Moment,
    phase: Phase,
    origin: Origin,
) -> Sighting {
    let value = syscall::name(count.call).into_owned();
    let raw = format!("{value}: {} calls, {} errors", count.calls, count.errors);
    let fact = Fact {
        family: Family::Syscall,
        origin,
        value,
    };
    counted(fact, raw, at, phase)
}

pub(super) fn operation_sighting(
    opcode: u8,
    count: u64,
    at: Moment,
    phase: Phase,
    origin: Origin,
) -> Sighting {
    let value = uring::name(opcode).into_owned();
    let raw = format!("{value}: {count} operations");
    let fact = Fact {
        family: Family::IoUring,
        origin,
        value,
    };
    counted(fact, raw, at, phase)
}

/// A sighting of what is counted per container, so that no process stands for it.
fn counted(fact: Fact, raw: String, at: Moment, phase: Phase) -> Sighting {
    Sighting {
        at,
        phase,
        raw,
        fact,
        process: ProcessInfo::default(),
        ancestry: Vec::new(),
        marks: Marks::default(),
    }
}
