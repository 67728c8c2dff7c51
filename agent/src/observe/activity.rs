//! What a container did in one window, in amounts: traffic by endpoint, bytes of files, names asked of DNS.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::dns::Resolutions;
use super::endpoint;
use super::event::Moment;
use super::window::{Counters, FileBytes, PeerTraffic};

/// Domains of one window whose names are counted apart.
const MAX_DOMAINS: usize = 64;

/// Distinct names of one window that are counted under one domain.
const MAX_NAMES: usize = 128;

/// Amounts of one window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Activity {
    /// What went to and came from each endpoint, in order; without what stayed on loopback.
    pub endpoints: Vec<EndpointTraffic>,
    /// Bytes read from files.
    pub file_read: FileBytes,
    /// Bytes written to files.
    pub file_written: FileBytes,
    /// CPU time, nanoseconds; `None` where the host does not tell.
    pub cpu_ns: Option<u64>,
    /// Threads and processes created.
    pub clones: u64,
    /// Connections accepted.
    pub accepted: u64,
    /// Outgoing connects and first datagrams.
    pub connects: u64,
    /// Names asked of DNS for the first time in this window, by domain.
    pub asked: Vec<AskedDomain>,
}

/// What went to and came from one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EndpointTraffic {
    /// Clients came to the container; otherwise the container went to the endpoint.
    pub served: bool,
    /// In the form of endpoint facts, `tcp registry.example:443`; the container's own port where it served, `tcp *:8000`.
    pub value: String,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
}

/// Distinct names under one domain that were asked for in one window.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AskedDomain {
    /// The last two labels.
    pub domain: String,
    /// Distinct names.
    pub names: u64,
    /// Bytes of these names in front of the domain.
    pub bytes: u64,
}

impl Activity {
    /// The amounts of a window.
    #[must_use]
    pub fn of(
        counters: &Counters,
        resolutions: &mut Resolutions,
        asked: Vec<AskedDomain>,
        end: Moment,
    ) -> Self {
        Self {
            endpoints: endpoints(&counters.peers, resolutions, end),
            file_read: counters.file_read,
            file_written: counters.file_written,
            cpu_ns: counters.resources.cpu_ns,
            clones: counters.clones,
            accepted: counters.accepted,
            connects: counters.connects,
            asked,
        }
    }

    /// Whether clients came or were answered.
    #[must_use]
    pub fn served(&self) -> bool {
        let traffic = |e: &EndpointTraffic| e.served && (e.rx_bytes > 0 || e.tx_bytes > 0);
        self.accepted > 0 || self.endpoints.iter().any(traffic)
    }
}

fn endpoints(
    peers: &[PeerTraffic],
    resolutions: &mut Resolutions,
    end: Moment,
) -> Vec<EndpointTraffic> {
    let mut sums: BTreeMap<(bool, String), EndpointTraffic> = BTreeMap::new();
    for traffic in peers {
        let PeerTraffic {
            served,
            protocol,
            peer,
            ..
        } = *traffic;
        let name = resolutions.name_of(protocol, peer, end);
        let named = endpoint::peer(protocol, peer, name);
        if named.loopback {
            continue;
        }
        let value = if served {
            endpoint::served(protocol, peer.port())
        } else {
            named.value
        };
        let sum = sums.entry((served, value)).or_default();
        sum.rx_bytes = sum.rx_bytes.saturating_add(traffic.rx_bytes);
        sum.tx_bytes = sum.tx_bytes.saturating_add(traffic.tx_bytes);
        sum.tx_packets = sum.tx_packets.saturating_add(traffic.tx_packets);
    }
    sums.into_iter()
        .map(|((served, value), sum)| EndpointTraffic {
            served,
            value,
            ..sum
        })
        .collect()
}

/// The names asked of DNS since the last window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedNames {
    domains: BTreeMap<String, BTreeSet<String>>,
}

impl AskedNames {
    /// Notes a question.
    pub fn note(&mut self, name: &str) {
        let (rest, domain) = split(name);
        let full = self.domains.len() >= MAX_DOMAINS;
        if full && !self.domains.contains_key(domain) {
            return;
        }
        let names = self.domains.entry(domain.to_owned()).or_default();
        if names.len() < MAX_NAMES {
            names.insert(rest.to_owned());
        }
    }

    /// What was asked, by domain; the next window begins.
    pub fn take(&mut self) -> Vec<AskedDomain> {
        std::mem::take(&mut self.domains)
            .into_iter()
            .map(|(domain, names)| AskedDomain {
                domain,
                names: names.len() as u64,
                bytes: names.iter().map(|name| name.len() as u64).sum(),
            })
            .collect()
    }
}

/// What stands in front of the last two labels, and these.
fn split(name: &str) -> (&str, &str) {
    match name.rmatch_indices('.').nth(1) {
        Some((at, _)) => {
            let (rest, domain) = name.split_at(at);
            (rest, domain.trim_start_matches('.'))
        }
        None => ("", name),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::observe::event::Protocol;

    fn peer(served: bool, address: &str, tx_bytes: u64) -> PeerTraffic {
        PeerTraffic {
            served,
            protocol: Protocol::Tcp,
            peer: address.parse().unwrap(),
            rx_bytes: 1,
            tx_bytes,
            rx_packets: 1,
            tx_packets: 1,
        }
    }

    #[test]
    fn clients_are_one_by_port_and_loopback_is_left_out() {
        let counters = Counters {
            peers: vec![
                peer(true, "10.0.0.5:8000", 10),
                peer(true, "10.0.0.6:8000", 20),
                peer(false, "127.0.0.1:9", 40),
                peer(false, "10.0.0.7:443", 80),
                peer(true, "127.0.0.1:8000", 160),
            ],
            ..Counters::default()
        };
        let activity = Activity::of(
            &counters,
            &mut Resolutions::default(),
            Vec::new(),
            Moment(1),
        );
        let seen: Vec<_> = activity
            .endpoints
            .iter()
            .map(|e| (e.served, e.value.as_str(), e.tx_bytes))
            .collect();
        assert_eq!(
            seen,
            [(false, "tcp 10.0.0.7:443", 80), (true, "tcp *:8000", 30)]
        );
        assert!(activity.served());
    }

    #[test]
    fn names_count_once_under_their_domain() {
        let mut asked = AskedNames::default();
        for name in [
            "a.x.example",
            "bb.x.example",
            "a.x.example",
            "x.example",
            "host",
        ] {
            asked.note(name);
        }
        let found = asked.take();
        let seen: Vec<_> = found
            .iter()
            .map(|d| (d.domain.as_str(), d.names, d.bytes))
            .collect();
        assert_eq!(seen, [("host", 1, 0), ("x.example", 3, 3)]);
        assert_eq!(asked.take(), []);
    }

    #[test]
    fn a_flood_of_names_is_bounded() {
        let mut asked = AskedNames::default();
        for n in 0..3000 {
            asked.note(&format!("n{n}.one.example"));
            asked.note(&format!("a.d{n}.example"));
        }
        let found = asked.take();
        assert_eq!(found.len(), MAX_DOMAINS);
        assert!(found.iter().all(|d| d.names <= MAX_NAMES as u64));
    }
}
