//! What system calls say: those made for the first time, and sequences of them.

use super::Observer;
use crate::observe::event::{Action, Event, Moment};
use crate::observe::fact::{Fact, Family, Marks, Origin, Phase, ProcessInfo, Sighting};
use crate::observe::syscall;
use crate::observe::window::CallCount;

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
    let name = syscall::name(count.call).into_owned();
    Sighting {
        at,
        phase,
        raw: format!("{name}: {} calls, {} errors", count.calls, count.errors),
        fact: Fact {
            family: Family::Syscall,
            origin,
            value: name,
        },
        process: ProcessInfo::default(),
        ancestry: Vec::new(),
        marks: Marks::default(),
    }
}
