//! What went to and came from each peer, as the kernel side counts it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use aya::maps::{Array, MapData};
use picket_ebpf::{PeerBytes, PeerKey};

use super::batch::Table;
use super::loaded::Row;
use crate::observe::event::Protocol;
use crate::observe::window::PeerTraffic;

/// Windows after which a silent peer makes room. Only then: a program may still hold the entry of one that is not silent,
/// and would add to whatever took its place.
const PATIENCE: u32 = 12;

/// Counts of one container's peers up to one moment.
pub(super) type PeerTotals = BTreeMap<PeerKey, PeerBytes>;

/// The table of peers.
pub(super) struct Peers {
    table: Table<PeerKey, PeerBytes>,
    held: Array<MapData, u32>,
    known: BTreeMap<PeerKey, Known>,
    /// Rows with peers in the table.
    rows: BTreeMap<u32, u32>,
}

#[derive(Default)]
struct Known {
    bytes: PeerBytes,
    /// `bytes` at the end of the last window.
    at_window: PeerBytes,
    /// What an agent before this one may have counted.
    before: PeerBytes,
    /// Windows in which nothing came or went.
    silent: u32,
}

impl Known {
    fn window_ended(&mut self) {
        self.silent = if self.bytes == self.at_window {
            self.silent.saturating_add(1)
        } else {
            0
        };
        self.at_window = self.bytes;
    }
}

impl Peers {
    /// The table with what an agent before this one left in it, which does not count again.
    pub(super) fn new(table: Table<PeerKey, PeerBytes>, held: Array<MapData, u32>) -> Self {
        let mut peers = Self {
            table,
            held,
            known: BTreeMap::new(),
            rows: BTreeMap::new(),
        };
        peers.read();
        for known in peers.known.values_mut() {
            known.before = known.bytes;
        }
        peers
    }

    /// Reads the table, and tells the kernel side how many peers each row holds; false where it cannot be read.
    pub(super) fn read(&mut self) -> bool {
        let entries = match self.table.entries() {
            Ok(entries) => entries,
            Err(error) => {
                tracing::warn!(%error, "Traffic by peer could not be read; it is tried again with the next window.");
                return false;
            }
        };
        for (key, bytes) in entries {
            self.known.entry(key).or_default().bytes = bytes;
        }
        self.tell_held();
        true
    }

    /// Lets silent peers go, as the windows of all containers end. To be called between the reading and what it is for:
    /// what has no part in this window's end has none in the next one's beginning.
    pub(super) fn windows_end(&mut self) {
        self.known.values_mut().for_each(Known::window_ended);
        self.remove(|_, known| known.silent >= PATIENCE);
    }

    /// Forgets the peers of a container that is no longer watched.
    pub(super) fn release(&mut self, row: Row) {
        // With those that came since the table was last read, which would pass for the next container's.
        if let Err(error) = self.table.remove_all(|key, _| key.row == row.0) {
            tracing::warn!(%error, "The traffic of a container that is no longer watched could not be removed; some of it may count for the next.");
        }
        self.rows.insert(row.0, 0);
        self.remove(|key, _| key.row == row.0);
    }

    /// The counts of a row's peers when the table was last read.
    pub(super) fn of(&self, row: Row) -> PeerTotals {
        let first = PeerKey {
            row: row.0,
            port: 0,
            protocol: 0,
            served: 0,
            address: [0; 2],
        };
        self.known
            .range(first..)
            .take_while(|(key, _)| key.row == row.0)
            .map(|(key, known)| (*key, difference(&known.bytes, &known.before)))
            .collect()
    }

    fn remove(&mut self, goes: impl Fn(&PeerKey, &Known) -> bool) {
        let Self { table, known, .. } = self;
        known.retain(|key, known| {
            let goes = goes(key, known);
            if goes {
                // Gone already is as good.
                let _ = table.map.remove(key);
            }
            !goes
        });
        self.tell_held();
    }

    fn tell_held(&mut self) {
        let Self { known, held, .. } = self;
        let mut rows: BTreeMap<u32, u32> = self.rows.keys().map(|row| (*row, 0)).collect();
        for key in known.keys() {
            *rows.entry(key.row).or_insert(0) += 1;
        }
        for (row, count) in &rows {
            if let Err(error) = held.set(*row, count, 0) {
                tracing::warn!(row, %error, "The number of a container's peers could not be told to the probe; it may count fewer of them apart.");
            }
        }
        rows.retain(|_, count| *count > 0);
        self.rows = rows;
    }
}

/// What was counted between two readings, of the peers of which anything was, in a fixed order.
pub(super) fn traffic(now: &PeerTotals, then: &PeerTotals) -> Vec<PeerTraffic> {
    let nothing = PeerBytes::default();
    let mut traffic: Vec<PeerTraffic> = now
        .iter()
        .map(|(key, bytes)| {
            // One that was let go and came back starts from nothing.
            let then = then.get(key).filter(|then| !has_shrunk(bytes, then));
            (key, difference(bytes, then.unwrap_or(&nothing)))
        })
        .filter(|(_, grown)| grown.rx_packets > 0 || grown.tx_packets > 0)
        .map(|(key, grown)| PeerTraffic {
            served: key.served != 0,
            protocol: Protocol::of(key.protocol),
            peer: address(key),
            rx_bytes: grown.rx_bytes,
            tx_bytes: grown.tx_bytes,
            rx_packets: grown.rx_packets,
            tx_packets: grown.tx_packets,
        })
        .collect();
    traffic.sort_unstable();
    traffic
}

fn has_shrunk(now: &PeerBytes, then: &PeerBytes) -> bool {
    now.rx_packets < then.rx_packets || now.tx_packets < then.tx_packets
}

fn difference(now: &PeerBytes, then: &PeerBytes) -> PeerBytes {
    PeerBytes {
        rx_bytes: now.rx_bytes.wrapping_sub(then.rx_bytes),
        tx_bytes: now.tx_bytes.wrapping_sub(then.tx_bytes),
        rx_packets: now.rx_packets.wrapping_sub(then.rx_packets),
        tx_packets: now.tx_packets.wrapping_sub(then.tx_packets),
    }
}

fn address(key: &PeerKey) -> SocketAddr {
    let mut bytes = [0; 16];
    for (to, from) in bytes
        .iter_mut()
        .zip(key.address.iter().flat_map(|word| word.to_ne_bytes()))
    {
        *to = from;
    }
    SocketAddr::new(IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical(), key.port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(served: u8, address: [u8; 16], port: u16) -> PeerKey {
        let [low, high] = [0, 8].map(|start| {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(address.iter().skip(start)) {
                *to = *from;
            }
            u64::from_ne_bytes(word)
        });
        PeerKey {
            row: 3,
            port,
            protocol: 6,
            served,
            address: [low, high],
        }
    }

    const MAPPED: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 7];

    fn bytes(sent: u64) -> PeerBytes {
        PeerBytes {
            tx_bytes: sent,
            tx_packets: sent / 100,
            ..PeerBytes::default()
        }
    }

    #[test]
    fn only_windows_make_a_peer_old() {
        let mut known = Known {
            bytes: bytes(500),
            ..Known::default()
        };
        known.window_ended();
        assert_eq!(known.silent, 0);
        for silent in 1..=PATIENCE {
            known.window_ended();
            assert_eq!(known.silent, silent);
        }
        // Any number of readings in between.
        for sent in [600, 700, 700] {
            known.bytes = bytes(sent);
        }
        known.window_ended();
        assert_eq!(known.silent, 0);
    }

    #[test]
    fn a_peer_that_came_back_within_a_window_starts_from_nothing() {
        let peer = key(0, MAPPED, 443);
        let (then, now) = (
            PeerTotals::from([(peer, bytes(1000))]),
            PeerTotals::from([(peer, bytes(300))]),
        );
        let grown = traffic(&now, &then);
        assert_eq!(
            grown.first().map(|it| (it.tx_bytes, it.tx_packets)),
            Some((300, 3))
        );
    }

    #[test]
    fn a_window_holds_what_grew_since_the_last() {
        let outgoing = key(0, MAPPED, 443);
        let served = key(1, [0xfd; 16], 8000);
        let then = PeerTotals::from([(outgoing, bytes(1000)), (served, bytes(500))]);
        let now = PeerTotals::from([(outgoing, bytes(1700)), (served, bytes(500))]);
        let peers = traffic(&now, &then);
        assert_eq!(peers.len(), 1);
        assert_eq!(
            peers.first().map(|it| (it.tx_bytes, it.tx_packets)),
            Some((700, 7))
        );
        assert_eq!(
            peers.first().map(|it| it.peer.to_string()),
            Some("10.0.0.7:443".to_owned())
        );
        // One that was let go and came back starts from nothing.
        let all = traffic(&now, &PeerTotals::new());
        assert_eq!(all.len(), 2);
        assert!(all.is_sorted());
    }
}
