//! Who contacts a peer: which program, or a copy of it, and whether the peer has several clients in one process. And who
//! takes the connections that come to a port.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::Observer;
use crate::observe::endpoint::{self, Endpoint};
use crate::observe::event::{Event, Protocol};
use crate::observe::fact::{Family, Marks, Origin, Phase, Sighting};

/// Processes with the peers that they contact, remembered of one container: some 60 KiB. Beyond that all are forgotten and
/// told again. As many wait for the end of a window at most.
const MOST: usize = 1024;

/// What stands between a peer and who contacts it, in [`Family::Contact`]'s values.
pub const CONTACTED_BY: &str = " <- ";
/// The peer, or port, in such a value.
#[must_use]
pub fn contacted(value: &str) -> &str {
    value.split(CONTACTED_BY).next().unwrap_or_default()
}

/// What stands between the same in raw values.
pub const BY: &str = " by ";

/// What stands before a port in them: its connections are taken by this process.
pub const ACCEPTED_AT: &str = "accept ";

/// Who contacts a peer that has several clients in one process.
pub const SEVERAL_CLIENTS: &str = "several clients";

/// One process and a peer that it contacts. Its program may change, so that what it executes makes it another one.
type Contact = (u32, Phase, Protocol, SocketAddr);

/// Who was told for contacting what, and what is still to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Contacting {
    told: BTreeSet<Contact>,
    /// With the end of the window, as one event has one sighting of its own.
    waiting: Vec<Sighting>,
}

impl Contacting {
    /// What is to be told.
    pub(super) fn take(&mut self) -> Vec<Sighting> {
        std::mem::take(&mut self.waiting)
    }

    /// Makes all be told again.
    pub(super) fn tell_again(&mut self) {
        self.told.clear();
    }

    /// Forgets what a process contacted, which ended or is another program from now on.
    pub(super) fn forget(&mut self, pid: u32) {
        self.told.retain(|(process, ..)| *process != pid);
    }

    fn is_new(&mut self, contact: Contact) -> bool {
        if self.told.len() >= MOST {
            self.told.clear();
        }
        self.told.insert(contact)
    }
}

impl Observer {
    /// Notes which program contacts a peer, and whether it is a copy of one: a fork that has executed nothing.
    pub(super) fn note_contact(
        &mut self,
        event: &Event,
        origin: Origin,
        (protocol, peer): (Protocol, SocketAddr),
    ) {
        let contact = (event.pid, self.phase.phase(), protocol, peer);
        if origin != Origin::Server || !self.contacting.is_new(contact) {
            return;
        }
        if let Some(who) = self.who(event.pid) {
            self.contact(event, origin, (protocol, peer), &who);
        }
    }

    /// Notes which program takes the connections that come to a port, and whether it is a copy of one.
    pub(super) fn note_acceptance(&mut self, event: &Event, origin: Origin, local: SocketAddr) {
        if origin != Origin::Server {
            return;
        }
        if let Some(who) = self.who(event.pid) {
            let mut endpoint = endpoint::listener(local);
            for text in [&mut endpoint.value, &mut endpoint.raw] {
                text.insert_str(0, ACCEPTED_AT);
            }
            self.tell(event, origin, &endpoint, &who);
        }
    }

    /// A process as its program and what shape its command has, or as a copy of it.
    fn who(&self, pid: u32) -> Option<String> {
        let program = self.processes.program(pid)?;
        let copy = if self.processes.is_copy(pid) {
            "a copy of "
        } else {
            ""
        };
        Some(format!("{copy}{}{}", program.label, program.shape))
    }

    /// Notes that a peer has several clients.
    pub(super) fn note_clients(
        &mut self,
        event: &Event,
        origin: Origin,
        peer: (Protocol, SocketAddr),
    ) {
        self.contact(event, origin, peer, SEVERAL_CLIENTS);
    }

    fn contact(
        &mut self,
        event: &Event,
        origin: Origin,
        (protocol, peer): (Protocol, SocketAddr),
        who: &str,
    ) {
        let name = self.resolutions.name_of(protocol, peer, event.at);
        let endpoint = endpoint::peer(protocol, peer, name);
        self.tell(event, origin, &endpoint, who);
    }

    fn tell(&mut self, event: &Event, origin: Origin, endpoint: &Endpoint, who: &str) {
        // No window has so many; whoever floods it is told of by what was lost.
        let is_full = self.contacting.waiting.len() >= MOST;
        if endpoint.loopback || endpoint.metadata || is_full {
            return;
        }
        let sighting = self.sighting(
            event,
            Family::Contact,
            origin,
            format!("{}{CONTACTED_BY}{who}", endpoint.value),
            format!("{}{BY}{who}", endpoint.raw),
            Marks::default(),
        );
        self.contacting.waiting.push(sighting);
    }
}
