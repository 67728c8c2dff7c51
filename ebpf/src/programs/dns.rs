//! DNS in a container's own packets: each new question, each new answer (RFC 1035).

use aya_ebpf::{
    bindings::{BPF_SK_STORAGE_GET_F_CREATE, bpf_sock, bpf_sock_addr},
    btf_maps::SkStorage,
    helpers::generated::{bpf_ktime_get_boot_ns, bpf_sk_storage_get},
    macros::btf_map,
};
use picket_ebpf::{
    ANSWER_PERIOD_LOG2, DNS_BYTES, DnsEvent, HOST_ANSWERED, HOST_ASKED, HOST_BYTES, HostKey, kind,
};

use super::{
    emit::{self, Ring},
    fields,
    flows::Carrier,
    hosts,
    packet::Packet,
    payload::{self, Payload},
    protocols::UDP,
};

/// The port of name servers.
pub const PORT: u16 = 53;

const HEADER_BYTES: u32 = 12;
/// Labels followed in a question: more do not fit into a key.
const MAX_LABELS: u32 = HOST_BYTES as u32 / 2;
/// Labels and records looked at in an answer. A record takes one step, and one more for each label of a name that is not
/// compressed: enough for 64 addresses, or for ten behind names of five labels.
const MAX_STEPS: u32 = 64;
const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;

/// Name servers on loopback that sockets without a connection send to, by socket, so that a packet is known for a question
/// where the container's own network namespace sends it elsewhere, as Docker's does. Freed with the socket; without memory for
/// one, its questions are seen in their answers alone.
#[btf_map]
static ASKS: SkStorage<[u64; 2]> = SkStorage::new();

/// A socket of a watched container sends a datagram to an IPv4 address.
#[inline(always)]
pub fn asks(ctx: *mut bpf_sock_addr) {
    // Older kernels do not let this kind of program have storage; typed tasks came about the same time.
    if fields::TYPED_TASK.load() == 0 {
        return;
    }
    // SAFETY: the program's context; the verifier checks each field.
    let (address, port, sock) = unsafe {
        (
            (*ctx).user_ip4,
            (*ctx).user_port,
            (*ctx).__bindgen_anon_1.sk,
        )
    };
    if port as u16 != PORT.to_be() || !is_loopback(address) || sock.is_null() {
        return;
    }
    let server = server_of(sock, u64::from(BPF_SK_STORAGE_GET_F_CREATE));
    if !server.is_null() {
        // SAFETY: storage of this socket, not null.
        unsafe { *server = [u64::from(address), 0] };
    }
}

/// Looks at a datagram.
#[inline(always)]
pub fn datagram(packet: &Packet, carrier: &Carrier) {
    if packet.protocol != UDP {
        return;
    }
    let payload = Payload::of(packet, carrier.slot);
    let to = packet.transport as u32 + 2 * u32::from(!packet.inbound);
    if payload.load_be16(to) == PORT {
        message(&payload, payload.peer());
    } else if !packet.inbound && packet.version == 4 && is_loopback(payload.load(16)) {
        match carrier.connected_to(4) {
            Some((server, PORT)) => message(&payload, server),
            _ => {
                let server = server_of(carrier.socket(), 0);
                if !server.is_null() {
                    // SAFETY: as above.
                    message(&payload, unsafe { *server });
                }
            }
        }
    }
}

/// Looks at the first segment to a name server, or from it.
#[inline(always)]
pub fn segment(payload: &Payload, server: Option<[u64; 2]>) {
    // A segment too short for its length and a header is none, or only the beginning of one.
    if u32::from(payload.load_be16(payload.at)) < HEADER_BYTES {
        return;
    }
    let inner = Payload {
        at: payload.at + 2,
        ..*payload
    };
    message(&inner, server.unwrap_or_else(|| payload.peer()));
}

#[inline(always)]
fn is_loopback(address: u32) -> bool {
    u32::from_be(address) >> 24 == 127
}

#[inline(always)]
fn server_of(sock: *mut bpf_sock, flags: u64) -> *mut [u64; 2] {
    // SAFETY: the program's socket, which the verifier checks.
    unsafe {
        bpf_sk_storage_get(
            (&raw const ASKS).cast_mut().cast(),
            sock.cast(),
            core::ptr::null_mut(),
            flags,
        )
        .cast()
    }
}

/// Reports the message in a payload if it is new.
#[inline(always)]
fn message(payload: &Payload, server: [u64; 2]) {
    let [_, flags, questions, answers, _, _] =
        payload.load::<[u16; 6]>(payload.at).map(u16::from_be);
    let Some(mut key) = hosts::key(payload.slot, 0) else {
        return;
    };
    let (end, whole) = name(payload, &mut key);
    let asked = u64::from(payload.load_be16(end)) << 16;
    let whole = whole && questions == 1;
    if payload.inbound {
        // What is no answer does not come from a name server.
        if flags & 0x8000 == 0 {
            return;
        }
        // SAFETY: no arguments.
        let period = unsafe { bpf_ktime_get_boot_ns() } >> ANSWER_PERIOD_LOG2;
        key.what = HOST_ANSWERED | u64::from(flags & 15) << 8 | asked | period << 32;
        if whole && !is_news(payload, &mut key, end + 4, answers) {
            return;
        }
        report(payload, server);
    } else {
        key.what = HOST_ASKED | asked;
        key.address = server;
        if whole {
            if hosts::is_known(&key) {
                return;
            }
            hosts::remember(&key);
        }
        if !report(payload, server) && whole {
            hosts::forget(&key);
        }
    }
}

/// Reads the name of the first question into the key; says where it ends, and whether it is whole and fits.
#[inline(always)]
fn name(payload: &Payload, key: &mut HostKey) -> (u32, bool) {
    let start = payload.at + HEADER_BYTES;
    let mut at = start;
    let mut length = 1;
    for _ in 0..MAX_LABELS {
        length = payload.load::<u8>(at);
        at += 1;
        if length == 0 || length > 63 {
            break;
        }
        at += u32::from(length);
    }
    let whole =
        length == 0 && at + 4 <= payload.end() && hosts::read_name(key, payload, start, at - start);
    (at, whole)
}

/// Whether the answer holds an address that was no answer to this question yet, or is none and was none yet. All that it
/// holds is remembered.
#[inline(always)]
fn is_news(payload: &Payload, key: &mut HostKey, at: u32, records: u16) -> bool {
    let mut at = at;
    // All counts begin with what only the packet knows. Of numbers that the verifier knew it would follow each
    // combination through every step.
    let mut left = records;
    let start = payload.end();
    let (mut addresses, mut news) = (start, start);
    for _ in 0..MAX_STEPS {
        if left == 0 {
            break;
        }
        let head: [u8; 12] = payload.load(at);
        let first = head[0];
        if first != 0 && first < 64 {
            at += 1 + u32::from(first);
            continue;
        }
        // The root takes one byte, a pointer two.
        let (kind, size, name_bytes) = if first == 0 {
            ([head[1], head[2]], [head[9], head[10]], 1)
        } else {
            ([head[2], head[3]], [head[10], head[11]], 2)
        };
        let (kind, size) = (u16::from_be_bytes(kind), u16::from_be_bytes(size));
        let data = at + name_bytes + 10;
        at = data + u32::from(size);
        left -= 1;
        key.address = if kind == TYPE_A && size == 4 {
            [u64::from(payload.load::<u32>(data)), 0]
        } else if kind == TYPE_AAAA && size == 16 {
            payload.load(data)
        } else {
            continue;
        };
        addresses += 1;
        if is_new_address(key) {
            news += 1;
        }
    }
    if addresses == start {
        key.address = [0; 2];
        return is_new_address(key);
    }
    news != start
}

#[inline(always)]
fn is_new_address(key: &mut HostKey) -> bool {
    if hosts::is_known(key) {
        return false;
    }
    hosts::remember(key);
    key.what -= 1 << 32;
    if !hosts::is_known(key) {
        hosts::answered(key.address);
    }
    key.what += 1 << 32;
    true
}

/// Sends the message to the agent; false when it is lost.
#[inline(always)]
fn report(payload: &Payload, server: [u64; 2]) -> bool {
    let Some(mut entry) = emit::reserve::<DnsEvent>(payload.slot.row, Ring::Events) else {
        return false;
    };
    let event = entry.as_mut_ptr();
    let length = payload.end() - payload.at;
    let length = if length > DNS_BYTES as u32 {
        DNS_BYTES as u32
    } else {
        length
    };
    // SAFETY: reserved ring memory; every field is written.
    unsafe {
        payload::write_header(&raw mut (*event).header, kind::DNS, payload);
        let to = (&raw mut (*event).address).cast::<u64>();
        to.write(server[0]);
        to.add(1).write(server[1]);
        (&raw mut (*event).port).write(PORT);
        (&raw mut (*event).version).write(payload.version);
        (&raw mut (*event).outbound).write(u8::from(!payload.inbound));
        (&raw mut (*event).len).write(length);
        let message = (&raw mut (*event).message).cast::<u8>();
        payload.load_into::<{ DNS_BYTES as u32 }>(payload.at, message, length);
    }
    entry.submit(emit::wake_flags(false));
    true
}
