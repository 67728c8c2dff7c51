//! What a container does with files.

use super::Observer;
use crate::observe::event::{Access, Action, Event, Mapping, Place};
use crate::observe::fact::{Family, Marks, Origin, Sighting};
use crate::observe::file_change::{self, Change};
use crate::observe::phase::Reader;
use crate::observe::{errno, path};

/// What a change begins with that may write over what is in a file.
const OVERWRITE: &str = "overwrite ";

impl Observer {
    /// Code that the server maps tells of its phase.
    pub(super) fn note_code(&mut self, event: &Event, origin: Origin) {
        let is_code = matches!(
            event.action,
            Action::Map {
                mapping: Mapping::Code,
                ..
            }
        );
        if is_code && origin == Origin::Server {
            self.phase.code_mapped(event.at);
        }
    }

    pub(super) fn file(&mut self, event: &Event, origin: Origin) -> Option<Sighting> {
        Some(match &event.action {
            Action::Open {
                path,
                access,
                truncated,
                place,
                ..
            } => {
                let raw = whole(path, *truncated);
                self.open(event, origin, raw, *access, *place)
            }
            Action::Map {
                path,
                mapping,
                truncated,
                place,
                ..
            } => {
                let raw = whole(path, *truncated);
                match mapping {
                    Mapping::Code => self.code(event, origin, raw, *place),
                    // Stores to the mapping change the file without any further call.
                    Mapping::SharedWrite => self.open(event, origin, raw, Access::Write, *place),
                }
            }
            Action::OpenFailed {
                path,
                errno,
                access,
            } => {
                let (value, marks) = file_change::failed_open(path, *errno, *access);
                let raw = format!("open {path} {}", errno::name(*errno));
                self.sighting(event, Family::FileAttempt, origin, value, raw, marks)
            }
            Action::Change {
                call,
                result,
                path,
                other,
                detail,
            } => {
                let change = file_change::describe(Change {
                    call: *call,
                    result: *result,
                    path,
                    other: other.as_deref(),
                    detail: *detail,
                });
                let family = if change.done {
                    Family::FileChange
                } else {
                    Family::FileAttempt
                };
                self.sighting(
                    event,
                    family,
                    origin,
                    change.value,
                    change.raw,
                    change.marks,
                )
            }
            Action::Memfd { name } => {
                let marks = Marks {
                    scratch: true,
                    not_from_image: true,
                    ..Marks::default()
                };
                let value = format!("memfd_create {}", path::generalise(name, Access::Write));
                let raw = format!("memfd_create {name}");
                self.sighting(event, Family::FileChange, origin, value, raw, marks)
            }
            _ => return None,
        })
    }

    /// A file that is only added to was opened so that what is in it may be written over.
    pub(super) fn overwritten(&self, event: &Event, origin: Origin) -> Sighting {
        let (path, is_cut) = match &event.action {
            Action::Open {
                path, truncated, ..
            } => (path.as_str(), *truncated),
            _ => ("", false),
        };
        let raw = whole(path, is_cut);
        let marks = path::marks(&raw, Access::Write);
        let value = format!("{OVERWRITE}{}", path::generalise(&raw, Access::Write));
        let raw = format!("{OVERWRITE}{raw}");
        self.sighting(event, Family::FileChange, origin, value, raw, marks)
    }

    fn open(
        &mut self,
        event: &Event,
        origin: Origin,
        raw: String,
        access: Access,
        place: Place,
    ) -> Sighting {
        let mut marks = path::marks(&raw, access);
        marks.not_from_image = is_foreign(place);
        if let Some(device) = path::device(&raw, &self.devices) {
            let exe = self.processes.info(event.pid).exe;
            let value = format!("{device} <- {}", path::generalise(&exe, Access::Write));
            return self.sighting(event, Family::Device, origin, value, raw, marks);
        }
        if marks.model_file && access == Access::Read && origin == Origin::Server {
            let process = self.processes.info(event.pid);
            let reader = Reader {
                exe: &process.exe,
                started: process.started,
            };
            self.phase.model_read(event.at, reader);
        }
        let family = match access {
            Access::Read => Family::FileRead,
            Access::Write => Family::FileWrite,
        };
        let value = path::generalise_marked(&raw, access, marks);
        self.sighting(event, family, origin, value, raw, marks)
    }

    fn code(&self, event: &Event, origin: Origin, raw: String, place: Place) -> Sighting {
        let mut marks = path::marks(&raw, Access::Read);
        marks.not_from_image = is_foreign(place);
        marks.fileless = place.memfd || place.unlinked;
        // What came with the image is one fact a directory tree, as where it is read; the rest keeps its name.
        let access = if marks.not_from_image || marks.fileless {
            Access::Write
        } else {
            Access::Read
        };
        let value = path::generalise_marked(&raw, access, marks);
        self.sighting(event, Family::CodeMap, origin, value, raw, marks)
    }
}

/// The path as a finding shows it.
fn whole(path: &str, truncated: bool) -> String {
    if truncated {
        format!("…{path}")
    } else {
        path.to_owned()
    }
}

/// Did the file come into being after the container?
fn is_foreign(place: Place) -> bool {
    place.tmpfs || place.upper_layer || place.unlinked || place.memfd
}
