//! Network: peers contacted, ports listened on, connections accepted, bytes and request turns.

use aya_ebpf::{
    bindings::{__sk_buff, BPF_SK_STORAGE_GET_F_CREATE, bpf_sock, bpf_sock_addr},
    helpers::generated::{bpf_sk_fullsock, bpf_sk_storage_get, bpf_skb_cgroup_id},
    macros::{btf_tracepoint, cgroup_skb, cgroup_sock_addr},
    programs::{BtfTracePointContext, SkBuffContext, SockAddrContext},
};
use picket_ebpf::{ConnectEvent, ListenEvent, ListenerKey, SEEN_PEER, Slot, kind, lost};

use super::{
    emit::{self, Ring},
    fields,
    fields::{direct, peek},
    maps::{LISTENER, ROW, TURN},
    watch,
};

/// A cgroup program's "let it pass". Picket never blocks.
const PASS: i32 = 1;

const IPPROTO_TCP: u32 = 6;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
/// `include/net/tcp_states.h`.
const TCP_ESTABLISHED: i32 = 1;
const TCP_SYN_RECV: i32 = 3;
const TCP_LISTEN: i32 = 10;

#[cgroup_sock_addr(connect4)]
pub fn connect4(ctx: SockAddrContext) -> i32 {
    contacted_v4(ctx.sock_addr);
    PASS
}

#[cgroup_sock_addr(connect6)]
pub fn connect6(ctx: SockAddrContext) -> i32 {
    contacted_v6(ctx.sock_addr);
    PASS
}

/// Datagrams of unconnected sockets never pass `connect`.
#[cgroup_sock_addr(sendmsg4)]
pub fn sendmsg4(ctx: SockAddrContext) -> i32 {
    contacted_v4(ctx.sock_addr);
    PASS
}

#[cgroup_sock_addr(sendmsg6)]
pub fn sendmsg6(ctx: SockAddrContext) -> i32 {
    contacted_v6(ctx.sock_addr);
    PASS
}

#[inline(always)]
fn contacted_v4(ctx: *mut bpf_sock_addr) {
    // SAFETY: the program's context; the verifier checks each field.
    let (address, port, protocol) = unsafe { ((*ctx).user_ip4, (*ctx).user_port, (*ctx).protocol) };
    contacted([address, 0, 0, 0], port, protocol, 4);
}

#[inline(always)]
fn contacted_v6(ctx: *mut bpf_sock_addr) {
    // SAFETY: as above; word by word, as the verifier wants it.
    let (address, port, protocol) = unsafe {
        let from = &raw const (*ctx).user_ip6;
        let word = |index: usize| from.cast::<u32>().add(index).read_volatile();
        (
            [word(0), word(1), word(2), word(3)],
            (*ctx).user_port,
            (*ctx).protocol,
        )
    };
    contacted(address, port, protocol, 6);
}

#[inline(always)]
fn contacted(address: [u32; 4], port_be: u32, protocol: u32, version: u8) {
    let Some(slot) = watch::of_current() else {
        return;
    };
    if let Some(row) = ROW.get_ptr_mut(slot.row) {
        // SAFETY: this CPU's own value.
        unsafe { (*row).connects = (*row).connects.wrapping_add(1) };
    }
    let port = u16::from_be(port_be as u16);
    let low = u64::from(address[0]) | u64::from(address[1]) << 32;
    let high = u64::from(address[2]) | u64::from(address[3]) << 32;
    let rest = u64::from(port) | u64::from(protocol as u8) << 16 | u64::from(version) << 24;
    let Some(key) = emit::first_time(slot, SEEN_PEER, [low, high, rest]) else {
        return;
    };
    let Some(mut entry) = emit::reserve::<ConnectEvent>(slot.row, Ring::Alerts) else {
        emit::forget(&key);
        return;
    };
    // SAFETY: reserved ring memory; every field is written.
    unsafe {
        let event = entry.as_mut_ptr();
        emit::write_header(&raw mut (*event).header, kind::CONNECT, slot.container);
        let to = (&raw mut (*event).address).cast::<u64>();
        to.write(low);
        to.add(1).write(high);
        (&raw mut (*event).port).write(port);
        (&raw mut (*event).protocol).write(protocol as u8);
        (&raw mut (*event).version).write(version);
        (&raw mut (*event)._pad).write(0);
    }
    entry.submit(emit::wake_flags(true));
}

/// `include/trace/events/sock.h`: `TP_PROTO(const struct sock *sk, const int oldstate, const int newstate)`.
#[btf_tracepoint(function = "inet_sock_set_state")]
pub fn inet_sock_set_state(ctx: BtfTracePointContext) -> i32 {
    let sock: *const u8 = ctx.arg(0);
    let from: i32 = ctx.arg(1);
    let to: i32 = ctx.arg(2);
    if to == TCP_LISTEN {
        if let Some(slot) = watch::of_current() {
            listening(slot, sock);
        }
    } else if from == TCP_SYN_RECV && to == TCP_ESTABLISHED {
        // In the softirq that completes the handshake no task stands for the container: ask the socket.
        if let Some(row) = owner(sock).and_then(|slot| ROW.get_ptr_mut(slot.row)) {
            // SAFETY: this CPU's own value.
            unsafe { (*row).accepted = (*row).accepted.wrapping_add(1) };
        }
    }
    0
}

/// The watched container that made a socket.
#[inline(always)]
fn owner(sock: *const u8) -> Option<Slot> {
    if fields::SOCK_CGROUP.load() == 0 {
        return None;
    }
    let group: *const u8 = peek(sock, &fields::SOCK_CGROUP);
    let node: *const u8 = peek(group, &fields::CGROUP_KN);
    let id: u64 = peek(node, &fields::KN_ID);
    watch::by_cgroup(id)
}

#[inline(always)]
fn listening(slot: Slot, sock: *const u8) {
    // SAFETY: typed argument, offsets from BTF.
    let (family, port) = unsafe {
        (
            direct::<u16>(sock, &fields::SOCK_FAMILY),
            direct::<u16>(sock, &fields::SOCK_PORT),
        )
    };
    let (low, high, version) = match family {
        // SAFETY: as above.
        AF_INET => (
            u64::from(unsafe { direct::<u32>(sock, &fields::SOCK_V4) }),
            0,
            4,
        ),
        AF_INET6 => {
            let words: [u64; 2] = peek(sock, &fields::SOCK_V6);
            (words[0], words[1], 6)
        }
        _ => return,
    };
    let key = ListenerKey {
        row: slot.row,
        port: u32::from(port),
    };
    if LISTENER.insert(&key, &1, 0).is_err() {
        emit::count_loss(slot.row, lost::LISTENERS_FULL);
    }
    let Some(mut entry) = emit::reserve::<ListenEvent>(slot.row, Ring::Alerts) else {
        return;
    };
    // SAFETY: reserved ring memory; every field is written.
    unsafe {
        let event = entry.as_mut_ptr();
        emit::write_header(&raw mut (*event).header, kind::LISTEN, slot.container);
        let to = (&raw mut (*event).address).cast::<u64>();
        to.write(low);
        to.add(1).write(high);
        (&raw mut (*event).port).write(port);
        (&raw mut (*event).version).write(version);
        (&raw mut (*event)._pad).write([0; 5]);
    }
    entry.submit(emit::wake_flags(true));
}

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

const INBOUND: u32 = 1;
const OUTBOUND: u32 = 2;

#[inline(always)]
fn carried(skb: *mut __sk_buff, inbound: bool) {
    // SAFETY: the program's context; in softirq the owner is the socket's cgroup, never the current task's.
    let Some(slot) = watch::by_cgroup(unsafe { bpf_skb_cgroup_id(skb) }) else {
        return;
    };
    let Some(row) = ROW.get_ptr_mut(slot.row) else {
        return;
    };
    // SAFETY: this CPU's own value; the context's fields are checked by the verifier.
    unsafe {
        let length = u64::from((*skb).len);
        if inbound {
            (*row).rx_bytes = (*row).rx_bytes.wrapping_add(length);
            (*row).rx_packets = (*row).rx_packets.wrapping_add(1);
        } else {
            (*row).tx_bytes = (*row).tx_bytes.wrapping_add(length);
            (*row).tx_packets = (*row).tx_packets.wrapping_add(1);
        }
        if has_tcp_payload(skb) && turned(skb, slot, inbound) {
            (*row).requests = (*row).requests.wrapping_add(1);
        }
    }
}

/// Whether the packet is TCP and carries more than its headers.
#[inline(always)]
fn has_tcp_payload(skb: *mut __sk_buff) -> bool {
    // SAFETY: direct packet access; each read stands behind a comparison with the packet's end.
    unsafe {
        let data = (*skb).data as usize as *const u8;
        let end = (*skb).data_end as usize;
        let first = data as usize + 20;
        if first > end {
            return false;
        }
        let version = *data >> 4;
        let (header, protocol) = if version == 4 {
            (((*data & 15) as usize) * 4, *data.add(9))
        } else if data as usize + 40 <= end {
            (40, *data.add(6))
        } else {
            return false;
        };
        if u32::from(protocol) != IPPROTO_TCP {
            return false;
        }
        let tcp = data.add(header);
        if tcp as usize + 13 > end {
            return false;
        }
        let offset = ((*tcp.add(12) >> 4) as usize) * 4;
        (*skb).len as usize > header + offset
    }
}

/// Notes the direction of a payload on a served connection; true when it opens a new turn, that is, when it comes in
/// after something went out (or first). For HTTP/1.1 without pipelining that is one request.
#[inline(always)]
unsafe fn turned(skb: *mut __sk_buff, slot: Slot, inbound: bool) -> bool {
    // SAFETY: the verifier checks each pointer after its null test.
    unsafe {
        let partial: *mut bpf_sock = (*skb).__bindgen_anon_2.sk;
        if partial.is_null() {
            return false;
        }
        let sock = bpf_sk_fullsock(partial);
        if sock.is_null() {
            return false;
        }
        let key = ListenerKey {
            row: slot.row,
            port: (*sock).src_port,
        };
        if LISTENER.get_ptr(&key).is_none() {
            return false;
        }
        let last = bpf_sk_storage_get(
            (&raw const TURN).cast_mut().cast(),
            sock.cast(),
            core::ptr::null_mut(),
            u64::from(BPF_SK_STORAGE_GET_F_CREATE),
        )
        .cast::<u32>();
        if last.is_null() {
            return false;
        }
        let now = if inbound { INBOUND } else { OUTBOUND };
        let new_turn = inbound && *last != INBOUND;
        *last = now;
        new_turn
    }
}
