//! Peers to which a process has several clients.
//!
//! A client makes another connection while all that it keeps are in use. So one that was idle when its process began a later
//! one to the same peer, and that is used again, belongs to another client than that one: a library, a thread with
//! connections of its own, or something that was never meant to be there. That each of several processes has a client
//! says nothing: those are told of one by one.

use aya_ebpf::{helpers::generated::bpf_ktime_get_ns, macros::map, maps::LruHashMap};
use picket_ebpf::{CONNECTED, ClientKey, PeerKey, SEEN_CLIENTS, Slot, kind};

use super::{
    emit, fields,
    fields::peek,
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

/// When a process last began a connection to a peer, on the same clock: as one is made, anybody may be running. When full, as
/// above.
#[map]
static BEGUN_AT: LruHashMap<ClientKey, u64> = LruHashMap::with_max_entries(CONNECTED, 0);

/// A connection on which nothing came for so long was idle, nanoseconds: whoever had the answer has given it back.
const IDLE_NS: u64 = 250_000_000;

/// Notes that a process begins a connection to a peer.
#[inline(always)]
pub fn begins(slot: Slot, peer: &Address, process: u32) {
    if peer.protocol != TCP {
        return;
    }
    let key = ClientKey {
        peer: key(slot, peer.address, peer.port, peer.version),
        process,
        _pad: 0,
    };
    // SAFETY: no arguments.
    let now = unsafe { bpf_ktime_get_ns() };
    let _ = BEGUN_AT.insert(&key, &now, 0);
}

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
    let of = key(slot, address, port, version);
    let idle_from = heard.saturating_add(IDLE_NS);
    if heard == 0 || !is_later(CONNECTED_AT.get_ptr(of), idle_from) {
        return;
    }
    // Where it cannot be told who asks, the container counts as one process.
    if fields::TYPED_TASK.load() != 0 {
        let Some(task) = payload::sender(slot, packet.inbound) else {
            return;
        };
        let client = ClientKey {
            peer: of,
            process: peek(task, &fields::TASK_TGID),
            _pad: 0,
        };
        if !is_later(BEGUN_AT.get_ptr(client), idle_from) {
            return;
        }
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
fn is_later(at: Option<*const u64>, than: u64) -> bool {
    // SAFETY: a map value, which lives as long as the program runs; written at once.
    at.is_some_and(|at| unsafe { at.read_volatile() } >= than)
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
