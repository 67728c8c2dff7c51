//! Packets of watched containers: bytes by container and peer, request turns.
//!
//! Counted is what carries something: TCP handshakes and bare acknowledgements are not.

use aya_ebpf::{bindings::__sk_buff, macros::cgroup_skb, programs::SkBuffContext};

use super::{
    clients, dns,
    flows::{self, Carrier, Turn},
    maps::ROW,
    packet::Packet,
    payload::Payload,
    protocols::{PASS, TCP},
    tls,
};

/// Flags of a TCP header (RFC 9293, 3.1).
const FIN_SYN_RST: u8 = 0b0111;

#[cgroup_skb(ingress)]
pub fn skb_ingress(ctx: SkBuffContext) -> i32 {
    carried(ctx.skb.skb, true);
    PASS
}

#[cgroup_skb(egress)]
pub fn skb_egress(ctx: SkBuffContext) -> i32 {
    carried(ctx.skb.skb, false);
    PASS
}

#[inline(always)]
fn carried(skb: *mut __sk_buff, inbound: bool) {
    let Some(packet) = Packet::parse(skb, inbound) else {
        return;
    };
    if packet.protocol == TCP && packet.payload_bytes() == 0 {
        // A connection that only receives sends nothing but acknowledgements.
        if !inbound && packet.flags & FIN_SYN_RST == 0 {
            flows::acknowledged(skb);
        }
        return;
    }
    let Some(carrier) = flows::carrier(&packet) else {
        return;
    };
    let Some(row) = ROW.get_ptr_mut(carrier.slot.row) else {
        return;
    };
    // SAFETY: this CPU's own value; the context's field is checked by the verifier.
    unsafe {
        let length = u64::from((*skb).len);
        if inbound {
            (*row).rx_bytes = (*row).rx_bytes.wrapping_add(length);
            (*row).rx_packets = (*row).rx_packets.wrapping_add(1);
        } else {
            (*row).tx_bytes = (*row).tx_bytes.wrapping_add(length);
            (*row).tx_packets = (*row).tx_packets.wrapping_add(1);
        }
        if packet.protocol != TCP {
            carrier.count_datagram(&packet);
            dns::datagram(&packet, &carrier);
        } else if inbound {
            carrier.hears();
            if carrier.takes_answer() {
                dns::segment(&Payload::of(&packet, carrier.slot), None);
            }
        } else {
            if carrier.is_first {
                first_sent(&packet, &carrier);
            }
            match carrier.turn() {
                Turn::Answer => (*row).requests = (*row).requests.wrapping_add(1),
                Turn::Question { heard } => clients::asks(&packet, &carrier, heard),
                Turn::None => {}
            }
        }
    }
}

/// The first payload that a connection carries, and the container sent it: a client's.
#[inline(always)]
fn first_sent(packet: &Packet, carrier: &Carrier) {
    let Some((peer, port)) = carrier.connected_to(packet.version) else {
        return;
    };
    let payload = Payload::of(packet, carrier.slot);
    if port == dns::PORT {
        carrier.asked();
        dns::segment(&payload, Some(peer));
    } else {
        tls::hello(&payload, peer, port);
    }
}
