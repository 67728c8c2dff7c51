//! What a container has carried since its discovery, by peer.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::export::view::{NetworkView, PeerView};
use crate::observe::event::Protocol;
use crate::observe::window::{Counters, PeerTraffic};

/// Peers remembered. Of more, those with the least traffic give way.
const MAX_PEERS: usize = 512;
/// Of a full memory, how many give way at a time.
const GIVE_WAY: usize = 128;
/// Peers shown.
const SHOWN: usize = 10;

/// Sums over all windows.
#[derive(Debug, Default)]
pub struct Traffic {
    sums: NetworkView,
    peers: BTreeMap<(bool, Protocol, SocketAddr), PeerTraffic>,
}

impl Traffic {
    /// Adds a window.
    pub fn add(&mut self, counters: &Counters) {
        let sums = &mut self.sums;
        sums.rx_bytes += counters.rx_bytes;
        sums.tx_bytes += counters.tx_bytes;
        sums.accepted += counters.accepted;
        sums.connects += counters.connects;
        sums.connects_failed += counters.connects_failed;
        for traffic in &counters.peers {
            let key = (traffic.served, traffic.protocol, traffic.peer);
            match self.peers.get_mut(&key) {
                Some(sum) => {
                    sum.rx_bytes += traffic.rx_bytes;
                    sum.tx_bytes += traffic.tx_bytes;
                    sum.rx_packets += traffic.rx_packets;
                    sum.tx_packets += traffic.tx_packets;
                }
                None => {
                    self.peers.insert(key, traffic.clone());
                }
            }
        }
        if self.peers.len() > MAX_PEERS {
            for peer in self.by_bytes().split_off(MAX_PEERS - GIVE_WAY) {
                self.peers.remove(&(peer.served, peer.protocol, peer.peer));
            }
        }
    }

    /// The sums, with the peers that carried most.
    pub fn view(&self) -> NetworkView {
        let peers = self.by_bytes().into_iter().take(SHOWN);
        NetworkView {
            peers: peers.map(PeerView::from).collect(),
            ..self.sums.clone()
        }
    }

    /// The one with the most bytes first.
    fn by_bytes(&self) -> Vec<PeerTraffic> {
        let mut peers: Vec<PeerTraffic> = self.peers.values().cloned().collect();
        peers.sort_by_key(|peer| std::cmp::Reverse(peer.rx_bytes + peer.tx_bytes));
        peers
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    fn window(peers: impl IntoIterator<Item = (u32, u64)>) -> Counters {
        Counters {
            tx_bytes: 1,
            peers: peers
                .into_iter()
                .map(|(address, sent)| PeerTraffic {
                    served: false,
                    protocol: Protocol::Tcp,
                    peer: SocketAddr::new(std::net::Ipv4Addr::from(address).into(), 443),
                    rx_bytes: 0,
                    tx_bytes: sent,
                    rx_packets: 0,
                    tx_packets: 1,
                })
                .collect(),
            ..Counters::default()
        }
    }

    #[test]
    fn the_peers_with_most_traffic_are_shown_first() {
        let mut traffic = Traffic::default();
        traffic.add(&window([(1, 10), (2, 30)]));
        traffic.add(&window([(1, 40)]));
        let view = traffic.view();
        assert_eq!(view.tx_bytes, 2);
        assert_eq!(view.peers[0].peer, "tcp 0.0.0.1:443");
        assert_eq!((view.peers[0].tx_bytes, view.peers[0].tx_packets), (50, 2));
        assert_eq!(view.peers[1].tx_bytes, 30);
    }

    #[test]
    fn a_sweep_of_peers_is_bounded_and_keeps_the_great_ones() {
        let mut traffic = Traffic::default();
        traffic.add(&window([(7, 1_000_000)]));
        for round in 0..20 {
            traffic.add(&window((0..100).map(|peer| (1000 + round * 100 + peer, 1))));
        }
        assert!(traffic.peers.len() <= MAX_PEERS);
        assert_eq!(traffic.view().peers.len(), SHOWN);
        assert_eq!(traffic.view().peers[0].tx_bytes, 1_000_000);
    }
}
