//! Peers to which a container has several clients.
//!
//! A client makes another connection while all that it keeps are in use. So one that was idle when a later one to the same
//! peer was made, and that is used again, belongs to another client than that one: a library, a thread with connections of
//! its own, or something that was never meant to be there.

use aya_ebpf::{helpers::generated::bpf_ktime_get_ns, macros::map, maps::LruHashMap};
use picket_ebpf::{CONNECTED, PeerKey, SEEN_CLIENTS, Slot, kind};

use super::{
    emit,
    flows::Carrier,
    network::{self, Address},
    outcomes::Outcome,
    packet::Packet,
    payload::{self, Payload},
    protocols::{TCP, mapped},
};

/// When the latest connection to a peer was made, nanoseconds of the kernel's clock. When full, the least recently used
/// give way, and that they have several clients is missed.
#[map]
static CONNECTED_AT: LruHashMap<PeerKey, u64> = LruHashMap::with_max_entries(CONNECTED, 0);

/// A connection on which nothing came for so long was idle, nanoseconds: whoever had the answer has given it back.
const IDLE_NS: u64 = 250_000_000;

/// Notes that a connection was made.
#[inline(always)]
pub fn connected(slot: Slot, outcome: &Outcome) {
    let key = key(slot, outcome.address, outcome.port, outcome.version);
    // SAFETY: no arguments.
    let now = unsafe { bpf_ktime_get_ns() };
    let _ = CONNECTED_AT.insert(&key, &now, 0);
}

/// A packet begins a question on a connection on which the container last heard something at this time: reports the peer
/// where a later connection to it was made while this one was idle.
#[inline(always)]
pub fn asks(packet: &Packet, carrier: &Carrier, heard: u64) {
    let version = packet.version;
    let Some((address, port)) = carrier.connected_to(version) else {
        return;
    };
    let slot = carrier.slot;
    let Some(later) = CONNECTED_AT.get_ptr(key(slot, address, port, version)) else {
        return;
    };
    // SAFETY: a map value, which lives as long as the program runs; written at once.
    let later = unsafe { later.read_volatile() };
    if heard == 0 || later < heard.saturating_add(IDLE_NS) {
        return;
    }
    let peer = Address {
        address,
        port,
        protocol: TCP,
        version,
    };
    if let Some(key) = emit::first_time(slot, SEEN_CLIENTS, peer.key()) {
        network::report(slot, &key, &peer, |header| {
            // SAFETY: reserved ring memory.
            unsafe { payload::write_header(header, kind::CLIENTS, &Payload::of(packet, slot)) };
        });
    }
}

#[inline(always)]
fn key(slot: Slot, address: [u64; 2], port: u16, version: u8) -> PeerKey {
    // A socket of IPv6 may carry IPv4.
    let address = match version {
        4 => mapped(address[0] as u32),
        _ => address,
    };
    PeerKey {
        row: slot.row,
        port,
        protocol: TCP,
        served: 0,
        address,
    }
}
