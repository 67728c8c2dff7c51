//! What a container carries, as the API shows it.

use serde::{Deserialize, Serialize};

use crate::observe::endpoint;
use crate::observe::window::PeerTraffic;

/// Traffic of a container since its discovery.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkView {
    /// Bytes received, IP headers included.
    pub rx_bytes: u64,
    /// Bytes sent, IP headers included.
    pub tx_bytes: u64,
    /// TCP connections accepted.
    pub accepted: u64,
    /// Connects and datagrams to a named peer.
    pub connects: u64,
    /// Connects that failed.
    pub connects_failed: u64,
    /// The peers with the most bytes, these first.
    pub peers: Vec<PeerView>,
}

/// Traffic with one peer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PeerView {
    /// Protocol and address, for example `tcp 10.0.0.7:443`. For a served peer the port is the container's own.
    pub peer: String,
    /// The peer came to the container; otherwise the container went to the peer.
    pub served: bool,
    /// Bytes received: payload for TCP, whole packets for other protocols.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets received; for TCP those with payload.
    pub rx_packets: u64,
    /// Packets sent.
    pub tx_packets: u64,
}

impl From<PeerTraffic> for PeerView {
    fn from(traffic: PeerTraffic) -> Self {
        Self {
            peer: endpoint::peer(traffic.protocol, traffic.peer, None).raw,
            served: traffic.served,
            rx_bytes: traffic.rx_bytes,
            tx_bytes: traffic.tx_bytes,
            rx_packets: traffic.rx_packets,
            tx_packets: traffic.tx_packets,
        }
    }
}
