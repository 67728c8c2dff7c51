//! Network: peers contacted, addresses bound, ports listened on, connections and their states.

use aya_ebpf::{
    bindings::bpf_sock_addr,
    helpers::bpf_get_current_pid_tgid,
    macros::{btf_tracepoint, cgroup_sock_addr},
    programs::{BtfTracePointContext, SockAddrContext},
};
use picket_ebpf::{
    BindEvent, ConnectEvent, Header, LISTENERS_OF_ROW, ListenEvent, ListenerKey, SEEN_ACCEPT,
    SEEN_BIND, SEEN_PEER, SeenKey, Slot, kind, lost,
};

use super::{
    clients, descriptors, dns,
    emit::{self, Ring},
    fields,
    fields::{direct, peek},
    files, flows, hosts,
    maps::{HELD, LISTENER, ROW},
    outcomes,
    protocols::{AF_INET, AF_INET6, PASS, TCP},
    watch,
};

/// `include/net/tcp_states.h`.
const TCP_ESTABLISHED: i32 = 1;
const TCP_SYN_SENT: i32 = 2;
const TCP_SYN_RECV: i32 = 3;
const TCP_CLOSE: i32 = 7;
const TCP_LISTEN: i32 = 10;

#[cgroup_sock_addr(connect4)]
pub fn connect4(ctx: SockAddrContext) -> i32 {
    connecting(address_v4(ctx.sock_addr));
    PASS
}

#[cgroup_sock_addr(connect6)]
pub fn connect6(ctx: SockAddrContext) -> i32 {
    connecting(address_v6(ctx.sock_addr));
    PASS
}

/// Datagrams of unconnected sockets never pass `connect`.
#[cgroup_sock_addr(sendmsg4)]
pub fn sendmsg4(ctx: SockAddrContext) -> i32 {
    if contacted(address_v4(ctx.sock_addr)).is_some() {
        dns::asks(ctx.sock_addr);
    }
    PASS
}

#[cgroup_sock_addr(sendmsg6)]
pub fn sendmsg6(ctx: SockAddrContext) -> i32 {
    contacted(address_v6(ctx.sock_addr));
    PASS
}

/// What `bind` asks for: the address as the kernel took it from the caller, whether or not it can be had. Port 0 has the
/// kernel choose.
#[cgroup_sock_addr(bind4)]
pub fn bind4(ctx: SockAddrContext) -> i32 {
    bound(address_v4(ctx.sock_addr));
    PASS
}

#[cgroup_sock_addr(bind6)]
pub fn bind6(ctx: SockAddrContext) -> i32 {
    bound(address_v6(ctx.sock_addr));
    PASS
}

/// An address that a socket is, or is to be, connected or bound to.
#[derive(Clone, Copy)]
pub struct Address {
    /// In network byte order; IPv4 in the first four bytes.
    pub address: [u64; 2],
    /// Port.
    pub port: u16,
    /// IP protocol number.
    pub protocol: u8,
    /// 4 or 6.
    pub version: u8,
}

impl Address {
    /// What tells it from others.
    #[inline(always)]
    pub fn key(&self) -> [u64; 3] {
        let [low, high] = self.address;
        let rest =
            u64::from(self.port) | u64::from(self.protocol) << 16 | u64::from(self.version) << 24;
        [low, high, rest]
    }
}

#[inline(always)]
fn address_v4(ctx: *mut bpf_sock_addr) -> Address {
    // SAFETY: the program's context; the verifier checks each field.
    unsafe {
        Address {
            address: [u64::from((*ctx).user_ip4), 0],
            port: u16::from_be((*ctx).user_port as u16),
            protocol: (*ctx).protocol as u8,
            version: 4,
        }
    }
}

#[inline(always)]
fn address_v6(ctx: *mut bpf_sock_addr) -> Address {
    // SAFETY: as above; word by word, as the verifier wants it.
    unsafe {
        let from = &raw const (*ctx).user_ip6;
        let word = |index: usize| u64::from(from.cast::<u32>().add(index).read_volatile());
        Address {
            address: [word(0) | word(1) << 32, word(2) | word(3) << 32],
            port: u16::from_be((*ctx).user_port as u16),
            protocol: (*ctx).protocol as u8,
            version: 6,
        }
    }
}

/// Notes that a process connects a socket to a peer.
#[inline(always)]
fn connecting(peer: Address) {
    if let Some(slot) = contacted(peer) {
        clients::begins(slot, &peer, (bpf_get_current_pid_tgid() >> 32) as u32);
    }
}

/// Notes a contact with a peer; `None` when no watched container made it. Who contacts a peer matters, so that it is reported
/// for each process.
#[inline(always)]
fn contacted(peer: Address) -> Option<Slot> {
    let slot = watch::of_current()?;
    if let Some(row) = ROW.get_ptr_mut(slot.row) {
        // SAFETY: this CPU's own value.
        unsafe { (*row).connects = (*row).connects.wrapping_add(1) };
    }
    let [low, high, rest] = peer.key();
    let named = u64::from(hosts::answers(peer.address)) << 32;
    let process = bpf_get_current_pid_tgid() >> 32;
    let seen = SEEN_PEER | process << 32;
    if let Some(key) = emit::first_time(slot, seen, [low, high, rest | named]) {
        report(slot, &key, &peer, |header| {
            // SAFETY: reserved ring memory.
            unsafe { emit::write_header(header, kind::CONNECT, slot.container) };
        });
    }
    Some(slot)
}

/// Reports what is said of a peer and was not reported yet.
#[inline(always)]
pub fn report(slot: Slot, key: &SeenKey, peer: &Address, write_header: impl FnOnce(*mut Header)) {
    let Some(mut entry) = emit::reserve::<ConnectEvent>(slot.row, Ring::Alerts) else {
        emit::forget(key);
        return;
    };
    let [low, high] = peer.address;
    // SAFETY: reserved ring memory; every field is written.
    unsafe {
        let event = entry.as_mut_ptr();
        write_header(&raw mut (*event).header);
        let to = (&raw mut (*event).address).cast::<u64>();
        to.write(low);
        to.add(1).write(high);
        (&raw mut (*event).port).write(peer.port);
        (&raw mut (*event).protocol).write(peer.protocol);
        (&raw mut (*event).version).write(peer.version);
        (&raw mut (*event)._pad).write(0);
    }
    entry.submit(emit::wake_flags(true));
}

#[inline(always)]
fn bound(local: Address) {
    let Some(slot) = watch::of_current() else {
        return;
    };
    let [low, high, _] = local.key();
    let Some(key) = emit::first_time(slot, SEEN_BIND, local.key()) else {
        return;
    };
    let Some(mut entry) = emit::reserve::<BindEvent>(slot.row, Ring::Alerts) else {
        emit::forget(&key);
        return;
    };
    // SAFETY: reserved ring memory; every field is written.
    unsafe {
        let event = entry.as_mut_ptr();
        emit::write_header(&raw mut (*event).header, kind::BIND, slot.container);
        let to = (&raw mut (*event).address).cast::<u64>();
        to.write(low);
        to.add(1).write(high);
        (&raw mut (*event).port).write(local.port);
        (&raw mut (*event).version).write(local.version);
        (&raw mut (*event).protocol).write(local.protocol);
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
    match (from, to) {
        (_, TCP_LISTEN) => {
            if let Some(slot) = watch::of_current() {
                listening(slot, sock);
            }
        }
        (TCP_SYN_RECV, TCP_ESTABLISHED) => {
            // In the softirq that completes the handshake no task stands for the container: ask the socket.
            if let Some(row) = watch::of_socket(sock).and_then(|slot| ROW.get_ptr_mut(slot.row)) {
                // SAFETY: this CPU's own value.
                unsafe { (*row).accepted = (*row).accepted.wrapping_add(1) };
            }
        }
        (TCP_SYN_SENT, TCP_ESTABLISHED) => outcomes::of_socket(sock, true),
        (TCP_SYN_SENT, TCP_CLOSE) => outcomes::of_socket(sock, false),
        (_, TCP_CLOSE) => flows::ended(sock),
        _ => {}
    }
    0
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
    if !listens(&key) {
        emit::count_loss(slot.row, lost::LISTENERS_FULL);
    }
    let local = Address {
        address: [low, high],
        port,
        protocol: TCP,
        version,
    };
    served(slot, kind::LISTEN, &local);
}

/// A connection that came to the container was taken as descriptor `fd`. Who answers clients matters, so that an address is
/// reported for each process that takes connections there.
#[inline(never)]
pub fn accepted(slot: &Slot, fd: u64) {
    let file = descriptors::file_of(fd);
    if !files::is_internet_socket(file) {
        return;
    }
    let socket: *const u8 = peek(file, &fields::FILE_PRIVATE);
    let sock: *const u8 = peek(socket, &fields::SOCKET_SK);
    let (address, version) = if peek::<u16>(sock, &fields::SOCK_FAMILY) == AF_INET {
        ([u64::from(peek::<u32>(sock, &fields::SOCK_V4)), 0], 4)
    } else {
        (peek::<[u64; 2]>(sock, &fields::SOCK_V6), 6)
    };
    let local = Address {
        address,
        port: peek(sock, &fields::SOCK_PORT),
        protocol: TCP,
        version,
    };
    let process = bpf_get_current_pid_tgid() >> 32;
    if let Some(key) = emit::first_time(*slot, SEEN_ACCEPT | process << 32, local.key())
        && !served(*slot, kind::ACCEPT, &local)
    {
        emit::forget(&key);
    }
}

/// Reports an address at which the container serves; false where there is no room for it.
#[inline(always)]
fn served(slot: Slot, kind: u32, local: &Address) -> bool {
    let Some(mut entry) = emit::reserve::<ListenEvent>(slot.row, Ring::Alerts) else {
        return false;
    };
    let [low, high] = local.address;
    // SAFETY: reserved ring memory; every field is written.
    unsafe {
        let event = entry.as_mut_ptr();
        emit::write_header(&raw mut (*event).header, kind, slot.container);
        let to = (&raw mut (*event).address).cast::<u64>();
        to.write(low);
        to.add(1).write(high);
        (&raw mut (*event).port).write(local.port);
        (&raw mut (*event).version).write(local.version);
        (&raw mut (*event)._pad).write([0; 5]);
    }
    entry.submit(emit::wake_flags(true));
    true
}

/// Notes a listening port; false where there is no room for it.
#[inline(always)]
fn listens(key: &ListenerKey) -> bool {
    if LISTENER.get_ptr(key).is_some() {
        return true;
    }
    let Some(held) = HELD.get_ptr_mut(key.row) else {
        return false;
    };
    // SAFETY: a map value, which lives as long as the map; the declaration says what other CPUs do.
    unsafe {
        let ports = &raw mut (*held).ports;
        let before = ports.read_volatile();
        if before >= LISTENERS_OF_ROW || LISTENER.insert(key, &1, 0).is_err() {
            return false;
        }
        ports.write_volatile(before + 1);
    }
    true
}
