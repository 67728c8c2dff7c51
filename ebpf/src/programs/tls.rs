//! The server name in the first record of a TLS client (RFC 8446, section 4.1.2; RFC 6066, section 3).

use picket_ebpf::{HOST_BYTES, HOST_TLS, NAME_BYTES, TlsEvent, kind};

use super::{
    emit::{self, Ring},
    hosts,
    payload::{self, Payload},
};

const RECORD_HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const EXTENSION_SERVER_NAME: u16 = 0;
/// Record header, handshake header, version and random stand before the session id.
const SESSION_ID: u32 = 5 + 4 + 2 + 32;
/// Extensions looked at.
const MAX_EXTENSIONS: u32 = 32;

/// Reports the server name in a payload to this peer, if the payload is a client's first and the name is new.
#[inline(always)]
pub fn hello(payload: &Payload, peer: [u64; 2], port: u16) {
    let head: [u8; 6] = payload.load(payload.at);
    if head[0] != RECORD_HANDSHAKE || head[1] != 3 || head[5] != CLIENT_HELLO {
        return;
    }
    let mut at = payload.at + SESSION_ID;
    at += 1 + u32::from(payload.load::<u8>(at));
    // Cipher suites, compression methods, length of the extensions.
    at += 2 + u32::from(payload.load_be16(at));
    at += 1 + u32::from(payload.load::<u8>(at));
    at += 2;
    for _ in 0..MAX_EXTENSIONS {
        let [kind, size] = payload.load::<[u16; 2]>(at).map(u16::from_be);
        if kind == EXTENSION_SERVER_NAME {
            // The length of the list and the type of its one name, which is always that of a host.
            let length = payload.load_be16(at + 7);
            if size >= 5 {
                named(payload, peer, port, at + 9, u32::from(length));
            }
            return;
        }
        at += 4 + u32::from(size);
    }
}

#[inline(always)]
fn named(payload: &Payload, peer: [u64; 2], port: u16, at: u32, length: u32) {
    let what = HOST_TLS | u64::from(port) << 16 | u64::from(length) << 32;
    let Some(mut key) = hosts::key(payload.slot, what) else {
        return;
    };
    if length <= HOST_BYTES as u32 {
        // A name cut by the segment's end.
        if !hosts::read_name(&mut key, payload, at, length) || hosts::is_known(&key) {
            return;
        }
        hosts::remember(&key);
    }
    let Some(mut entry) = emit::reserve::<TlsEvent>(payload.slot.row, Ring::Events) else {
        hosts::forget(&key);
        return;
    };
    let event = entry.as_mut_ptr();
    let length = if length > NAME_BYTES as u32 {
        NAME_BYTES as u32
    } else {
        length
    };
    // SAFETY: reserved ring memory; every field is written.
    unsafe {
        payload::write_header(&raw mut (*event).header, kind::TLS, payload);
        let to = (&raw mut (*event).address).cast::<u64>();
        to.write(peer[0]);
        to.add(1).write(peer[1]);
        (&raw mut (*event).port).write(port);
        (&raw mut (*event).version).write(payload.version);
        (&raw mut (*event)._pad).write(0);
        (&raw mut (*event).len).write(length);
        let name = (&raw mut (*event).name).cast::<u8>();
        payload.load_into::<{ NAME_BYTES as u32 }>(at, name, length);
    }
    entry.submit(emit::wake_flags(false));
}
