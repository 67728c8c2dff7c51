//! What a container does on the network.

use std::borrow::Cow;
use std::net::SocketAddr;

use super::{Deed, IsTold, Observer};
use crate::observe::endpoint::{self, Endpoint};
use crate::observe::errno;
use crate::observe::event::{Action, Event, Protocol};
use crate::observe::fact::{Family, Marks, Origin, Sighting};
use crate::observe::socket::{self, Socket};

/// Peers of which it is remembered who contacted them last.
pub(super) const MAX_CONTACTS: usize = 256;

impl Observer {
    pub(super) fn network(
        &mut self,
        event: &Event,
        origin: Origin,
        is_told: IsTold<'_>,
    ) -> Option<Sighting> {
        match &event.action {
            Action::Connect { protocol, peer } => {
                self.note_contact(event, origin, (*protocol, *peer));
                self.connect(event, origin, (*protocol, *peer), is_told)
            }
            Action::Clients { protocol, peer } => {
                self.note_clients(event, origin, (*protocol, *peer));
                None
            }
            Action::Connected {
                protocol,
                peer,
                errno,
                duration_us,
            } => {
                let attempt = Attempt {
                    protocol: *protocol,
                    peer: *peer,
                    errno: *errno,
                    duration_us: *duration_us,
                };
                Some(self.connected(event, origin, &attempt))
            }
            Action::Listen { local } => Some(self.listen(event, origin, *local)),
            Action::Accept { local } => {
                self.note_acceptance(event, origin, *local);
                None
            }
            Action::Bind { protocol, local } => {
                let endpoint = endpoint::bound(*protocol, *local);
                Some(self.local(event, origin, endpoint))
            }
            Action::Socket {
                domain,
                kind,
                protocol,
                result,
            } => {
                let socket = socket::kind(*domain, *kind, *protocol, *result);
                Some(self.socket(event, Family::Socket, origin, socket))
            }
            Action::Unix { call, path, result } => {
                let socket = socket::unix(*call, path, *result);
                Some(self.socket(event, Family::UnixSocket, origin, socket))
            }
            _ => None,
        }
    }

    fn connect(
        &mut self,
        event: &Event,
        origin: Origin,
        (protocol, peer): (Protocol, SocketAddr),
        is_told: IsTold<'_>,
    ) -> Option<Sighting> {
        self.contacts.set((protocol, peer), (event.pid, origin));
        let phase = self.phase.phase();
        let name = self.resolutions.name_of(protocol, peer, event.at);
        let action = &event.action;
        if is_told(&Deed {
            phase,
            origin,
            action,
            name,
        }) {
            return None;
        }
        let endpoint = endpoint::peer(protocol, peer, name);
        let marks = Marks {
            metadata_address: endpoint.metadata,
            loopback: endpoint.loopback,
            ..Marks::default()
        };
        Some(self.sighting(
            event,
            Family::Endpoint,
            origin,
            endpoint.value,
            endpoint.raw,
            marks,
        ))
    }

    fn connected(&mut self, event: &Event, origin: Origin, attempt: &Attempt) -> Sighting {
        let Attempt { protocol, peer, .. } = *attempt;
        // What ends a connect is often a packet, for which no process stands: it is laid to the one that was last reported
        // for contacting the peer.
        let mut laid = event.clone();
        let mut origin = origin;
        if event.pid == 0
            && let Some(&(pid, contacts)) = self.contacts.get(&(protocol, peer))
        {
            (laid.pid, origin) = (pid, contacts);
        }
        let name = self.resolutions.name_of(protocol, peer, event.at);
        let endpoint = endpoint::peer(protocol, peer, name);
        let outcome = outcome(attempt.errno);
        let after = if attempt.duration_us == 0 {
            String::new()
        } else {
            format!(" after {} us", attempt.duration_us)
        };
        let marks = Marks {
            metadata_address: endpoint.metadata,
            loopback: endpoint.loopback,
            denied: matches!(attempt.errno, libc::EPERM | libc::EACCES),
            ..Marks::default()
        };
        self.sighting(
            &laid,
            Family::Outcome,
            origin,
            format!("{} {outcome}", endpoint.value),
            format!("{} {outcome}{after}", endpoint.raw),
            marks,
        )
    }

    fn socket(&self, event: &Event, family: Family, origin: Origin, socket: Socket) -> Sighting {
        let marks = Marks {
            raw_socket: socket.raw_socket,
            escape_path: socket.escape,
            denied: socket.denied,
            scratch: socket.scratch,
            unanswered: socket.unanswered,
            ..Marks::default()
        };
        self.sighting(event, family, origin, socket.value, socket.raw, marks)
    }

    fn listen(&mut self, event: &Event, origin: Origin, local: SocketAddr) -> Sighting {
        if origin == Origin::Server {
            self.phase.listens(event.at);
        }
        self.local(event, origin, endpoint::listener(local))
    }

    fn local(&self, event: &Event, origin: Origin, endpoint: Endpoint) -> Sighting {
        let marks = Marks {
            loopback: endpoint.loopback,
            ..Marks::default()
        };
        self.sighting(
            event,
            Family::Listener,
            origin,
            endpoint.value,
            endpoint.raw,
            marks,
        )
    }
}

/// How an attempt to connect ended.
struct Attempt {
    protocol: Protocol,
    peer: SocketAddr,
    errno: i32,
    duration_us: u64,
}

fn outcome(error: i32) -> Cow<'static, str> {
    match error {
        0 => "ok".into(),
        libc::ECONNREFUSED => "refused".into(),
        libc::ETIMEDOUT => "timed out".into(),
        libc::ENETUNREACH | libc::EHOSTUNREACH => "unreachable".into(),
        libc::ECONNRESET => "reset".into(),
        // What the probe says of a socket that was closed while it was connecting.
        libc::ECANCELED => "given up".into(),
        libc::EPERM | libc::EACCES => format!("denied {}", errno::name(error)).into(),
        error => format!("failed {}", errno::name(error)).into(),
    }
}
