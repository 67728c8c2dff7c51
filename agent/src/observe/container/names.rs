//! Names a container asks for: in DNS, in TLS.

use super::Observer;
use crate::observe::event::{Action, Event};
use crate::observe::fact::{Family, Marks, Origin, Sighting};

impl Observer {
    pub(super) fn name(&mut self, event: &Event, origin: Origin) -> Option<Sighting> {
        match &event.action {
            Action::TlsName { peer, name } => Some(self.sighting(
                event,
                Family::TlsName,
                origin,
                name.clone(),
                format!("{name} at {peer}"),
                Marks::default(),
            )),
            _ => None,
        }
    }
}
