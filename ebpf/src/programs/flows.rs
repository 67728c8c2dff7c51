//! What is remembered of a socket that carries something: whose it is, and what was counted of it.

use aya_ebpf::{
    bindings::{BPF_SK_STORAGE_GET_F_CREATE, bpf_sock},
    btf_maps::SkStorage,
    helpers::generated::{
        bpf_jiffies64, bpf_ktime_get_ns, bpf_sk_fullsock, bpf_sk_storage_get, bpf_skb_cgroup_id,
        bpf_skc_to_tcp_sock,
    },
    macros::btf_map,
};
use picket_ebpf::{Flow, ListenerKey, PeerBytes, PeerKey, Slot};

use super::{
    fields::{self, direct, peek},
    maps::LISTENER,
    packet::Packet,
    peers,
    protocols::{AF_INET, TCP, mapped},
    watch,
};

/// Sockets that carried something. Freed with the socket; without memory for one, its bytes count for its container
/// alone and its requests not at all.
#[btf_map]
static FLOW: SkStorage<Flow> = SkStorage::new();

/// What has waited longer than this is added to its peer's when the connection next sends a packet, in ticks of the
/// kernel's clock: a quarter of a second at 1000 a second, 2.6 seconds at 100. A brief connection is added once, as it ends.
const SETTLE_TICKS: u64 = 256;
/// So many bytes do not wait.
const SETTLE_BYTES: u64 = 64 << 10;

/// `include/net/sock.h`, enum `sock_flags`: the other side has ended the connection, which counts as a byte received.
const SOCK_DONE: u64 = 1 << 1;

/// What a sent payload begins.
pub enum Turn {
    /// It goes on with what was sent before, or nothing was received yet.
    None,
    /// A server's answer: it follows on something received. For HTTP/1.1 without pipelining that is one request.
    Answer,
    /// A client's next question on a connection on which it last heard something at this time.
    Question {
        /// [`Flow::heard`].
        heard: u64,
    },
}

/// The socket that carries a packet of a watched container.
pub struct Carrier {
    /// The container.
    pub slot: Slot,
    /// This is the first payload that the socket carries, as far as the probe knows.
    pub is_first: bool,
    sock: *mut bpf_sock,
    /// Null where there was no memory for it.
    flow: *mut Flow,
}

/// The socket that carries the packet, if it is a watched container's.
#[inline(always)]
pub fn carrier(packet: &Packet) -> Option<Carrier> {
    // SAFETY: the context's field; the helpers take what the verifier has checked for null.
    unsafe {
        let sock = (*packet.skb).__bindgen_anon_2.sk;
        if sock.is_null() {
            return None;
        }
        // Read before `WATCHED`, so that a change in between shows at the next packet.
        let changes = watch::control()?.changes;
        let flow = remembered(sock, 0);
        if !flow.is_null() && (*flow).changes == changes {
            let slot = Slot {
                row: (*flow).row,
                _pad: 0,
                container: (*flow).container,
            };
            return Some(Carrier {
                slot,
                is_first: false,
                sock,
                flow,
            });
        }
        // In softirq the owner is the socket's cgroup, never the current task's.
        let slot = watch::by_cgroup(bpf_skb_cgroup_id(packet.skb))?;
        let known = !flow.is_null();
        let flow = if known {
            flow
        } else {
            begun(packet, sock, slot)
        };
        if !flow.is_null() {
            (*flow).container = slot.container;
            (*flow).row = slot.row;
            (*flow).changes = changes;
        }
        Some(Carrier {
            slot,
            is_first: !known && !flow.is_null(),
            sock,
            flow,
        })
    }
}

/// The flow of a socket whose first payload this is as far as the probe knows. What it carried before is not the probe's.
#[inline(always)]
unsafe fn begun(packet: &Packet, sock: *mut bpf_sock, slot: Slot) -> *mut Flow {
    // SAFETY: as in the caller.
    unsafe {
        let flow = remembered(sock, u64::from(BPF_SK_STORAGE_GET_F_CREATE));
        if flow.is_null() {
            return flow;
        }
        (*flow).settled = bpf_jiffies64();
        let whole = bpf_sk_fullsock(sock);
        if whole.is_null() {
            return core::ptr::null_mut();
        }
        let local = (*whole).src_port;
        (*flow).local = local as u16;
        if packet.protocol != TCP {
            (*flow).served = u16::from(packet.inbound);
            return flow;
        }
        let key = ListenerKey {
            row: slot.row,
            port: local,
        };
        (*flow).served = u16::from(LISTENER.get_ptr(&key).is_some());
        let tcp = bpf_skc_to_tcp_sock(sock.cast()).cast::<u8>();
        if !tcp.is_null() {
            let mut counted = carried(tcp);
            // A packet is counted by the kernel before it is sent, but after it is received.
            if !packet.inbound {
                let bytes = packet.payload_bytes() as u64;
                counted.tx_bytes = counted.tx_bytes.saturating_sub(bytes);
                let packets = u64::from((*packet.skb).gso_segs).max(1);
                counted.tx_packets = counted.tx_packets.saturating_sub(packets);
            }
            (*flow).counted = counted;
            if packet.inbound {
                (*flow).answered = direct(tcp, &fields::TCP_BYTES_RECEIVED);
            }
        }
        flow
    }
}

impl Carrier {
    /// For a sent TCP payload: what it begins.
    #[inline(always)]
    pub fn turn(&self) -> Turn {
        if self.flow.is_null() {
            return Turn::None;
        }
        // SAFETY: storage of this socket, not null.
        unsafe {
            let tcp = bpf_skc_to_tcp_sock(self.sock.cast()).cast::<u8>();
            if tcp.is_null() {
                return Turn::None;
            }
            settle_in_time(tcp, self.flow);
            let received: u64 = direct(tcp, &fields::TCP_BYTES_RECEIVED);
            let before = (*self.flow).answered;
            (*self.flow).answered = received;
            if received == before {
                Turn::None
            } else if (*self.flow).served != 0 {
                Turn::Answer
            } else {
                Turn::Question {
                    heard: (*self.flow).heard,
                }
            }
        }
    }

    /// Notes that a TCP payload was received.
    #[inline(always)]
    pub fn hears(&self) {
        // SAFETY: storage of this socket, not null; the helper takes no arguments.
        unsafe {
            if !self.flow.is_null() && (*self.flow).served == 0 {
                (*self.flow).heard = bpf_ktime_get_ns();
            }
        }
    }

    /// Address (IPv4 in the first four bytes) and port that the socket is connected to. In packets they may be others, where
    /// the container's own network namespace translates them.
    #[inline(always)]
    pub fn connected_to(&self, version: u8) -> Option<([u64; 2], u16)> {
        // SAFETY: the helper's result is checked for null; the verifier checks each field.
        unsafe {
            let whole = bpf_sk_fullsock(self.sock);
            if whole.is_null() {
                return None;
            }
            let port = u16::from_be((*whole).dst_port);
            if version == 4 {
                return Some(([u64::from((*whole).dst_ip4), 0], port));
            }
            let from = &raw const (*whole).dst_ip6;
            let word = |index: usize| u64::from(from.cast::<u32>().add(index).read_volatile());
            let address = [word(0) | word(1) << 32, word(2) | word(3) << 32];
            Some((address, port))
        }
    }

    /// Notes that a question went to a name server.
    #[inline(always)]
    pub fn asked(&self) {
        if !self.flow.is_null() {
            // SAFETY: storage of this socket, not null.
            unsafe { (*self.flow).asked = 1 };
        }
    }

    /// Whether this is the first payload since a question went to a name server.
    #[inline(always)]
    pub fn takes_answer(&self) -> bool {
        if self.flow.is_null() {
            return false;
        }
        // SAFETY: as above.
        unsafe {
            let asked = (*self.flow).asked != 0;
            if asked {
                (*self.flow).asked = 0;
            }
            asked
        }
    }

    /// Socket for the storage of others.
    #[inline(always)]
    pub fn socket(&self) -> *mut bpf_sock {
        self.sock
    }

    /// Counts a packet of another protocol than TCP for its peer.
    #[inline(always)]
    pub fn count_datagram(&self, packet: &Packet) {
        if self.flow.is_null() {
            return;
        }
        let Some((address, port)) = packet.peer() else {
            return;
        };
        // SAFETY: storage of this socket, not null; the context's fields are checked by the verifier.
        let (served, local, length) = unsafe {
            let served = (*self.flow).served != 0;
            (served, (*self.flow).local, u64::from((*packet.skb).len))
        };
        let key = PeerKey {
            row: self.slot.row,
            port: if served { local } else { port },
            protocol: packet.protocol,
            served: u8::from(served),
            address,
        };
        let (inbound, outbound) = if packet.inbound { (1, 0) } else { (0, 1) };
        let bytes = PeerBytes {
            rx_bytes: length * inbound,
            tx_bytes: length * outbound,
            rx_packets: inbound,
            tx_packets: outbound,
        };
        peers::add(&key, &bytes);
    }
}

/// A bare acknowledgement was sent: the bytes of a connection that only receives are added to its peer's in time.
#[inline(always)]
pub fn acknowledged(skb: *mut aya_ebpf::bindings::__sk_buff) {
    // SAFETY: as in `carrier`.
    unsafe {
        let sock = (*skb).__bindgen_anon_2.sk;
        if sock.is_null() {
            return;
        }
        let flow = remembered(sock, 0);
        if flow.is_null() || !is_current(flow) {
            return;
        }
        let tcp = bpf_skc_to_tcp_sock(sock.cast()).cast::<u8>();
        if !tcp.is_null() {
            settle_in_time(tcp, flow);
        }
    }
}

/// The connection behind a typed pointer has ended: what is left of its bytes is added to its peer's.
#[inline(always)]
pub fn ended(sock: *const u8) {
    // Before 5.11 a tracing program cannot reach a socket's storage; typed tasks came with the same version.
    if fields::TYPED_TASK.load() == 0 {
        return;
    }
    // SAFETY: a typed argument; the helpers' results are checked for null.
    unsafe {
        let tcp = bpf_skc_to_tcp_sock(sock.cast_mut().cast()).cast::<u8>();
        if tcp.is_null() {
            return;
        }
        let segments = direct::<u32>(tcp, &fields::TCP_DATA_SEGS_IN)
            | direct::<u32>(tcp, &fields::TCP_DATA_SEGS_OUT);
        if segments == 0 {
            return;
        }
        let flow = remembered(tcp.cast(), 0);
        if flow.is_null() {
            return;
        }
        if !is_current(flow) {
            let Some(slot) = watch::of_socket(sock) else {
                return;
            };
            (*flow).row = slot.row;
        }
        settle(tcp, flow);
    }
}

/// The storage of a socket, or null.
#[inline(always)]
unsafe fn remembered(sock: *mut bpf_sock, flags: u64) -> *mut Flow {
    // SAFETY: the caller's socket, which the verifier checks.
    unsafe {
        bpf_sk_storage_get(
            (&raw const FLOW).cast_mut().cast(),
            sock.cast(),
            core::ptr::null_mut(),
            flags,
        )
        .cast()
    }
}

/// Whether what the flow says of its container still holds.
#[inline(always)]
unsafe fn is_current(flow: *mut Flow) -> bool {
    // SAFETY: storage of a socket, not null.
    watch::control().is_some_and(|control| control.changes == unsafe { (*flow).changes })
}

#[inline(always)]
unsafe fn settle_in_time(tcp: *const u8, flow: *mut Flow) {
    // SAFETY: as in `settle`.
    unsafe {
        let now = bpf_jiffies64();
        let received: u64 = direct(tcp, &fields::TCP_BYTES_RECEIVED);
        let sent: u64 = direct(tcp, &fields::TCP_BYTES_SENT);
        let counted = &raw const (*flow).counted;
        let waits = received
            .wrapping_add(sent)
            .wrapping_sub((*counted).rx_bytes)
            .wrapping_sub((*counted).tx_bytes);
        if now.wrapping_sub((*flow).settled) >= SETTLE_TICKS || waits >= SETTLE_BYTES {
            (*flow).settled = now;
            settle(tcp, flow);
        }
    }
}

/// Adds what a connection carried since the last time to its peer's traffic.
#[inline(always)]
unsafe fn settle(tcp: *const u8, flow: *mut Flow) {
    // SAFETY: a typed pointer, offsets from BTF; storage of the same socket, not null.
    unsafe {
        let now = carried(tcp);
        let before = (*flow).counted;
        let grown = PeerBytes {
            rx_bytes: now.rx_bytes.wrapping_sub(before.rx_bytes),
            tx_bytes: now.tx_bytes.wrapping_sub(before.tx_bytes),
            rx_packets: now.rx_packets.wrapping_sub(before.rx_packets),
            tx_packets: now.tx_packets.wrapping_sub(before.tx_packets),
        };
        if grown.rx_packets | grown.tx_packets == 0 {
            return;
        }
        (*flow).counted = now;
        let served = (*flow).served != 0;
        let port = if served {
            (*flow).local
        } else {
            u16::from_be(direct::<u16>(tcp, &fields::SOCK_DPORT))
        };
        let address = if direct::<u16>(tcp, &fields::SOCK_FAMILY) == AF_INET {
            mapped(direct::<u32>(tcp, &fields::SOCK_DADDR))
        } else {
            peek(tcp, &fields::SOCK_V6_DADDR)
        };
        let key = PeerKey {
            row: (*flow).row,
            port,
            protocol: TCP,
            served: u8::from(served),
            address,
        };
        peers::add(&key, &grown);
    }
}

/// What a connection carried in its life: payload without what was sent again, and the packets with payload.
#[inline(always)]
unsafe fn carried(tcp: *const u8) -> PeerBytes {
    // SAFETY: a typed pointer, offsets from BTF.
    unsafe {
        let received: u64 = direct(tcp, &fields::TCP_BYTES_RECEIVED);
        let done = direct::<u64>(tcp, &fields::SOCK_FLAGS) & SOCK_DONE != 0;
        let sent: u64 = direct(tcp, &fields::TCP_BYTES_SENT);
        let again: u64 = direct(tcp, &fields::TCP_BYTES_RETRANS);
        PeerBytes {
            rx_bytes: received.saturating_sub(u64::from(done)),
            tx_bytes: sent.saturating_sub(again),
            rx_packets: u64::from(direct::<u32>(tcp, &fields::TCP_DATA_SEGS_IN)),
            tx_packets: u64::from(direct::<u32>(tcp, &fields::TCP_DATA_SEGS_OUT)),
        }
    }
}
