//! What a container does on the network.

use std::net::SocketAddr;

use super::Observer;
use crate::observe::endpoint;
use crate::observe::event::{Action, Event, Protocol};
use crate::observe::fact::{Family, Marks, Origin, Sighting};

impl Observer {
    pub(super) fn network(&mut self, event: &Event, origin: Origin) -> Option<Sighting> {
        match &event.action {
            Action::Connect { protocol, peer } => {
                Some(self.connect(event, origin, *protocol, *peer))
            }
            Action::Listen { local } => Some(self.listen(event, origin, *local)),
            _ => None,
        }
    }

    fn connect(
        &mut self,
        event: &Event,
        origin: Origin,
        protocol: Protocol,
        peer: SocketAddr,
    ) -> Sighting {
        let name = self.resolutions.name_of(protocol, peer, event.at);
        let endpoint = endpoint::peer(protocol, peer, name);
        let marks = Marks {
            metadata_address: endpoint.metadata,
            loopback: endpoint.loopback,
            ..Marks::default()
        };
        self.sighting(
            event,
            Family::Endpoint,
            origin,
            endpoint.value,
            endpoint.raw,
            marks,
        )
    }

    fn listen(&mut self, event: &Event, origin: Origin, local: SocketAddr) -> Sighting {
        if origin == Origin::Server {
            self.phase.listens();
        }
        let endpoint = endpoint::listener(local);
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
