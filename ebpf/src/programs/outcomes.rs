//! How attempts to connect end.

use aya_ebpf::helpers::generated::{bpf_ktime_get_ns, bpf_skc_to_tcp_sock};
use picket_ebpf::{OutcomeEvent, SEEN_OUTCOME, Slot, kind};

use super::{
    clients,
    emit::{self, Ring},
    fields::{self, direct, peek},
    maps::ROW,
    protocols::{AF_INET, TCP},
    watch,
};

/// `include/uapi/asm-generic/errno.h`: what is said of an attempt that the program itself gave up.
const ECANCELED: u32 = 125;

/// How one attempt ended.
pub struct Outcome {
    /// The peer's address in network byte order; IPv4 in the first four bytes.
    pub address: [u64; 2],
    /// The peer's port.
    pub port: u16,
    /// IP protocol number.
    pub protocol: u8,
    /// 4 or 6.
    pub version: u8,
    /// 0, or the errno.
    pub error: u32,
}

/// A TCP socket, given by a typed pointer, is no longer connecting.
#[inline(always)]
pub fn of_socket(sock: *const u8, established: bool) {
    let Some(slot) = watch::of_socket(sock) else {
        return;
    };
    // SAFETY: a typed argument, offsets from BTF; the helper's result is checked for null.
    unsafe {
        let tcp = bpf_skc_to_tcp_sock(sock.cast_mut().cast()).cast::<u8>();
        if tcp.is_null() {
            return;
        }
        let error = if established {
            0
        } else if direct::<u32>(tcp, &fields::TCP_WRITE_SEQ) == 0 {
            // Nothing was sent: the call itself fails, and tells why as it returns.
            return;
        } else {
            match direct::<u32>(tcp, &fields::SOCK_ERR) {
                0 => ECANCELED,
                error => error,
            }
        };
        let (address, version) = if direct::<u16>(tcp, &fields::SOCK_FAMILY) == AF_INET {
            ([u64::from(direct::<u32>(tcp, &fields::SOCK_DADDR)), 0], 4)
        } else {
            (peek(tcp, &fields::SOCK_V6_DADDR), 6)
        };
        let outcome = Outcome {
            address,
            port: u16::from_be(direct::<u16>(tcp, &fields::SOCK_DPORT)),
            protocol: TCP,
            version,
            error,
        };
        if established {
            clients::connected(slot, &outcome);
        }
        report(slot, &outcome, Some(tcp));
    }
}

/// Counts a failure, and reports an outcome that is new for its peer. `tcp` is the connection as a typed pointer, where the
/// report comes from it and not from the caller.
#[inline(always)]
pub fn report(slot: Slot, outcome: &Outcome, tcp: Option<*const u8>) {
    if outcome.error != 0 {
        if let Some(row) = ROW.get_ptr_mut(slot.row) {
            // SAFETY: this CPU's own value.
            unsafe { (*row).connects_failed = (*row).connects_failed.wrapping_add(1) };
        }
    }
    let [low, high] = outcome.address;
    let rest = u64::from(outcome.port)
        | u64::from(outcome.protocol) << 16
        | u64::from(outcome.version) << 24
        | u64::from(outcome.error) << 32;
    let Some(key) = emit::first_time(slot, SEEN_OUTCOME, [low, high, rest]) else {
        return;
    };
    let Some(mut entry) = emit::reserve::<OutcomeEvent>(slot.row, Ring::Alerts) else {
        emit::forget(&key);
        return;
    };
    let event = entry.as_mut_ptr();
    // SAFETY: reserved ring memory, every field is written; a typed pointer and offsets from BTF.
    unsafe {
        emit::write_header(&raw mut (*event).header, kind::OUTCOME, slot.container);
        let to = (&raw mut (*event).address).cast::<u64>();
        to.write(low);
        to.add(1).write(high);
        (&raw mut (*event).port).write(outcome.port);
        (&raw mut (*event).version).write(outcome.version);
        (&raw mut (*event).protocol).write(outcome.protocol);
        (&raw mut (*event).error).write(outcome.error);
        let mut duration = 0;
        if let Some(tcp) = tcp {
            // While a task holds a socket, packets for it wait until that task takes them (include/net/sock.h): who
            // runs then is who uses the socket. Otherwise a packet or timer came, and anyone may have been running.
            if direct::<u32>(tcp, &fields::SOCK_OWNED) == 0 {
                emit::by_nobody(&raw mut (*event).header);
            }
            duration = took(tcp, outcome.error);
        }
        (&raw mut (*event).duration_us).write(duration);
    }
    entry.submit(emit::wake_flags(true));
}

/// Microseconds since the first SYN: the measured round trip, or where that was not to be had the difference of
/// timestamps, in whole milliseconds.
#[inline(always)]
unsafe fn took(tcp: *const u8, error: u32) -> u64 {
    // SAFETY: a typed pointer, offsets from BTF.
    unsafe {
        let again: u32 = direct(tcp, &fields::TCP_TOTAL_RETRANS);
        // Eight times the smoothed value.
        let round_trip = direct::<u32>(tcp, &fields::TCP_SRTT_US) >> 3;
        if error == 0 && again == 0 && round_trip != 0 {
            return u64::from(round_trip);
        }
        let first: u32 = direct(tcp, &fields::TCP_RETRANS_STAMP);
        if first == 0 {
            return u64::from(round_trip);
        }
        // `tcp_clock_ms` (include/net/tcp.h) is this clock's.
        let now = (bpf_ktime_get_ns() / 1_000_000) as u32;
        u64::from(now.wrapping_sub(first)) * 1000
    }
}
