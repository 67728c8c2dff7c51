//! Which name a container reached an address by.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::{Message, Question};
use crate::observe::event::{Moment, Protocol};
use crate::observe::recent::Recent;

/// Name servers whose answers count: as many as a resolver configuration may list (resolv.conf(5), MAXNS). A server of
/// an intruder's own comes after those.
const MAX_SERVERS: usize = 3;
/// Questions remembered.
const MAX_QUESTIONS: usize = 1024;
/// Addresses remembered.
const MAX_ADDRESSES: usize = 1024;
/// Ports remembered of an address.
const MAX_CONTACTS: usize = 16;
/// Programs and resolvers on the way remember answers longer than they may, and the probe reports an answer that
/// repeats itself only every few minutes.
const LEAST_LIFE_S: u32 = 15 * 60;

/// What a container asked its name servers, and what they said. At most some 600 KiB, for names as long as can be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolutions {
    servers: Vec<IpAddr>,
    asked: Recent<Question, ()>,
    addresses: Recent<IpAddr, Named>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Named {
    name: String,
    until: Moment,
    /// Contacted under this name: what was this name's stays so after its time.
    contacts: Vec<(Protocol, u16)>,
}

impl Default for Resolutions {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            asked: Recent::new(MAX_QUESTIONS),
            addresses: Recent::new(MAX_ADDRESSES),
        }
    }
}

impl Resolutions {
    /// Notes that a question was asked of a name server.
    pub fn asked(&mut self, question: Question, server: IpAddr) {
        if self.servers.len() < MAX_SERVERS && !self.servers.contains(&server) {
            self.servers.push(server);
        }
        self.asked.set(question, ());
    }

    /// Takes an answer: its addresses are known by the name asked for from now on, when that was asked and the server
    /// is one of the container's.
    pub fn answered(&mut self, answer: &Message, server: IpAddr, at: Moment) {
        if self.asked.get(&answer.question).is_none() || !self.servers.contains(&server) {
            return;
        }
        for address in &answer.addresses {
            let life_s = u64::from(address.ttl_s.max(LEAST_LIFE_S));
            let mut named = Named {
                name: answer.question.name.clone(),
                until: Moment(at.0.saturating_add(life_s * 1_000_000_000)),
                contacts: Vec::new(),
            };
            if let Some(before) = self.addresses.get_mut(&address.ip)
                && before.name == named.name
            {
                named.contacts = std::mem::take(&mut before.contacts);
            }
            self.addresses.set(address.ip, named);
        }
    }

    /// The name that explains a contact with a peer.
    pub fn name_of(&mut self, protocol: Protocol, peer: SocketAddr, at: Moment) -> Option<&str> {
        let named = self.addresses.get_mut(&peer.ip().to_canonical())?;
        let contact = (protocol, peer.port());
        if !named.contacts.contains(&contact) {
            if at > named.until {
                return None;
            }
            if named.contacts.len() < MAX_CONTACTS {
                named.contacts.push(contact);
            }
        }
        Some(&named.name)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::observe::dns::Address;

    const SECOND: u64 = 1_000_000_000;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn question(name: &str) -> Question {
        Question {
            name: name.to_owned(),
            kind: 1,
        }
    }

    fn answer(name: &str, address: &str, ttl_s: u32) -> Message {
        Message {
            is_answer: true,
            question: question(name),
            outcome: "NOERROR".to_owned(),
            addresses: vec![Address {
                ip: ip(address),
                ttl_s,
            }],
        }
    }

    fn name_at(it: &mut Resolutions, peer: &str, at: u64) -> Option<String> {
        let name = it.name_of(Protocol::Tcp, peer.parse().unwrap(), Moment(at));
        name.map(str::to_owned)
    }

    #[test]
    fn an_answer_names_its_addresses() {
        let mut it = Resolutions::default();
        it.asked(question("a.example"), ip("10.0.0.2"));
        it.answered(
            &answer("a.example", "10.0.0.7", 60),
            ip("10.0.0.2"),
            Moment(6),
        );
        for peer in ["10.0.0.7:443", "[::ffff:10.0.0.7]:443"] {
            assert_eq!(name_at(&mut it, peer, 7).as_deref(), Some("a.example"));
        }
        assert_eq!(name_at(&mut it, "10.0.0.8:443", 7), None);
        it.answered(
            &answer("a.example", "10.0.0.8", 60),
            ip("10.0.0.2"),
            Moment(8),
        );
        assert_eq!(
            name_at(&mut it, "10.0.0.8:443", 9).as_deref(),
            Some("a.example")
        );
    }

    #[test]
    fn what_was_not_asked_or_comes_from_elsewhere_explains_nothing() {
        let mut it = Resolutions::default();
        it.answered(
            &answer("a.example", "10.0.0.7", 60),
            ip("10.0.0.2"),
            Moment(1),
        );
        assert_eq!(name_at(&mut it, "10.0.0.7:443", 2), None);
        for server in ["10.0.0.2", "10.0.0.3", "10.0.0.4", "6.6.6.6"] {
            it.asked(question("a.example"), ip(server));
        }
        it.answered(
            &answer("a.example", "10.0.0.7", 60),
            ip("6.6.6.6"),
            Moment(4),
        );
        assert_eq!(name_at(&mut it, "10.0.0.7:443", 5), None);
        it.answered(
            &answer("a.example", "10.0.0.7", 60),
            ip("10.0.0.4"),
            Moment(6),
        );
        assert!(name_at(&mut it, "10.0.0.7:443", 7).is_some());
    }

    #[test]
    fn a_name_outlives_its_time_only_where_it_was_in_use() {
        let mut it = Resolutions::default();
        it.asked(question("a.example"), ip("10.0.0.2"));
        let server = ip("10.0.0.2");
        it.answered(&answer("a.example", "10.0.0.7", 5), server, Moment(0));
        assert!(name_at(&mut it, "10.0.0.7:443", 899 * SECOND).is_some());
        assert!(name_at(&mut it, "10.0.0.7:443", 9000 * SECOND).is_some());
        assert_eq!(name_at(&mut it, "10.0.0.7:4444", 901 * SECOND), None);
        it.answered(
            &answer("a.example", "10.0.0.7", 3600),
            server,
            Moment(1000 * SECOND),
        );
        assert!(name_at(&mut it, "10.0.0.7:4444", 4599 * SECOND).is_some());
        it.asked(question("b.example"), ip("10.0.0.2"));
        it.answered(
            &answer("b.example", "10.0.0.7", 0),
            server,
            Moment(5000 * SECOND),
        );
        let now = name_at(&mut it, "10.0.0.7:443", 5001 * SECOND);
        assert_eq!(
            now.as_deref(),
            Some("b.example"),
            "the latest answer counts"
        );
        assert_eq!(name_at(&mut it, "10.0.0.7:4444", 6000 * SECOND), None);
    }

    #[test]
    fn the_oldest_give_way() {
        let mut it = Resolutions::default();
        let server = ip("10.0.0.2");
        let name = |n: usize| format!("n{n}.example");
        for n in 0..=MAX_QUESTIONS {
            it.asked(question(&name(n)), server);
        }
        for n in [0, 1] {
            it.answered(
                &answer(&name(n), &format!("10.0.0.{n}"), 60),
                server,
                Moment(1),
            );
        }
        assert_eq!(name_at(&mut it, "10.0.0.0:443", 2), None);
        assert!(name_at(&mut it, "10.0.0.1:443", 2).is_some());
        for n in 0..MAX_ADDRESSES {
            let address = format!("10.1.{}.{}", n / 256, n % 256);
            it.answered(&answer(&name(1), &address, 60), server, Moment(3));
        }
        assert_eq!(name_at(&mut it, "10.0.0.1:443", 4), None);
        assert!(name_at(&mut it, "10.1.0.0:443", 4).is_some());
    }
}
