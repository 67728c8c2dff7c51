//! What a container does with files.

use super::Observer;
use crate::observe::event::{Access, Action, Event};
use crate::observe::fact::{Family, Origin, Sighting};
use crate::observe::path;

impl Observer {
    pub(super) fn file(&mut self, event: &Event, origin: Origin) -> Option<Sighting> {
        match &event.action {
            Action::Open {
                path,
                access,
                truncated,
                ..
            } => Some(self.open(event, origin, path, *access, *truncated)),
            _ => None,
        }
    }

    fn open(
        &mut self,
        event: &Event,
        origin: Origin,
        path: &str,
        access: Access,
        truncated: bool,
    ) -> Sighting {
        let raw = if truncated {
            format!("…{path}")
        } else {
            path.to_owned()
        };
        let marks = path::marks(&raw, access);
        if marks.model_file && access == Access::Read && origin == Origin::Server {
            self.phase.model_read(event.at);
        }
        let family = match access {
            Access::Read => Family::FileRead,
            Access::Write => Family::FileWrite,
        };
        let value = path::generalise(&raw, access);
        self.sighting(event, family, origin, value, raw, marks)
    }
}
