//! Sockets as system calls ask for them: their kinds, UNIX names, failed connects, and the standard streams.

use aya_ebpf::{
    helpers::generated::{bpf_probe_read_user, bpf_probe_read_user_str},
    macros::map,
    maps::PerCpuArray,
};
use picket_ebpf::{
    CALL_COMMANDS, CALL_CONNECTS, CALL_SENDS, CALL_SOCKET, NAME_KEY_BYTES, NameKey, SEEN_SOCKET,
    Slot, SocketEvent, UNIX_PATH_BYTES, UnixEvent, kind, lost,
};

use super::{
    descriptors,
    emit::{self, Ring},
    fields::{self, direct, peek},
    files,
    maps::EPOCH,
    names,
    outcomes::{self, Outcome},
    protocols::{AF_INET, AF_INET6, TCP, UDP},
};

/// Where a UNIX socket's name and event are put together. Only `sys_exit` uses it, which never interrupts itself.
#[map]
static SOCKET_SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(1, 0);

#[repr(C)]
struct Scratch {
    key: NameKey,
    event: UnixEvent,
}

/// `include/linux/socket.h`.
const AF_UNIX: u16 = 1;
/// `include/linux/net.h`: what is not flags in a socket's type, and two types.
const TYPE_MASK: u32 = 0xf;
const SOCK_STREAM: u32 = 1;
const SOCK_DGRAM: u32 = 2;
/// `include/uapi/linux/fcntl.h`.
const F_DUPFD: u32 = 0;
const F_DUPFD_CLOEXEC: u32 = 1030;
/// `include/uapi/asm-generic/errno.h`: the attempt goes on, or there was none.
const EINTR: i64 = 4;
const EISCONN: i64 = 106;
const EALREADY: i64 = 114;
const EINPROGRESS: i64 = 115;
/// `include/uapi/asm-generic/errno-base.h`.
const EFAULT: i64 = 14;

/// Bytes of a `sockaddr` before what the family defines.
const FAMILY_BYTES: u64 = 2;

/// A call about sockets has returned.
///
/// # Safety
///
/// `registers` is the tracepoint's argument.
#[inline(always)]
pub unsafe fn called(slot: Slot, flags: u32, number: u64, result: i64, registers: *const u8) {
    // SAFETY: typed argument and offsets from BTF.
    unsafe {
        let first: u64 = direct(registers, &fields::REGS_ARG0);
        let second: u64 = direct(registers, &fields::REGS_ARG1);
        let third: u64 = direct(registers, &fields::REGS_ARG2);
        if flags & CALL_SOCKET != 0 {
            asked(slot, [first as u32, second as u32, third as u32], result);
            if (0..=2).contains(&result) {
                files::duplicated(slot, result as u64);
            }
        } else if flags & CALL_COMMANDS != 0 {
            let duplicates = matches!(second as u32, F_DUPFD | F_DUPFD_CLOEXEC);
            if duplicates && (0..=2).contains(&result) {
                files::duplicated(slot, result as u64);
            }
        } else {
            let (address, length) = if flags & CALL_SENDS != 0 {
                (
                    direct::<u64>(registers, &fields::REGS_ARG4),
                    direct::<u64>(registers, &fields::REGS_ARG5),
                )
            } else {
                (second, third)
            };
            // An `int` to the kernel, whatever the register's upper half holds.
            let length = u64::from(length as u32);
            if address == 0 || length <= FAMILY_BYTES {
                return;
            }
            match read::<u16>(address) {
                AF_UNIX => named(
                    slot,
                    number,
                    result,
                    address + FAMILY_BYTES,
                    length - FAMILY_BYTES,
                ),
                family @ (AF_INET | AF_INET6) if flags & CALL_CONNECTS != 0 && result < 0 => {
                    failed(slot, first, -result, family, address);
                }
                _ => {}
            }
        }
    }
}

/// A socket was asked for. Those for TCP and UDP that were made are told by what they are used for.
#[inline(always)]
fn asked(slot: Slot, [domain, kind, protocol]: [u32; 3], result: i64) {
    let kind = kind & TYPE_MASK;
    let internet = domain == u32::from(AF_INET) || domain == u32::from(AF_INET6);
    let usual = match kind {
        SOCK_STREAM => protocol == 0 || protocol == u32::from(TCP),
        SOCK_DGRAM => protocol == 0 || protocol == u32::from(UDP),
        _ => false,
    };
    if internet && usual && result >= 0 {
        return;
    }
    let result = if result > 0 { 0 } else { result as i32 };
    let what = [
        u64::from(domain) | u64::from(kind) << 32,
        u64::from(protocol),
        u64::from(result as u32),
    ];
    let Some(key) = emit::first_time(slot, SEEN_SOCKET, what) else {
        return;
    };
    let Some(mut entry) = emit::reserve::<SocketEvent>(slot.row, Ring::Alerts) else {
        emit::forget(&key);
        return;
    };
    let event = entry.as_mut_ptr();
    // SAFETY: reserved ring memory; every field is written.
    unsafe {
        emit::write_header(&raw mut (*event).header, kind::SOCKET, slot.container);
        (&raw mut (*event).domain).write(domain);
        (&raw mut (*event).kind).write(kind);
        (&raw mut (*event).protocol).write(protocol);
        (&raw mut (*event).result).write(result);
    }
    entry.submit(emit::wake_flags(true));
}

/// A connect to an internet address has failed. What failed after its first packet was reported by the connection's state;
/// the rest is known here alone, by the address that the caller wrote.
#[inline(always)]
fn failed(slot: Slot, fd: u64, error: i64, family: u16, address: u64) {
    if matches!(error, EINTR | EISCONN | EALREADY | EINPROGRESS) {
        return;
    }
    let file = descriptors::file_of(fd);
    if !files::is_internet_socket(file) {
        return;
    }
    let socket: *const u8 = peek(file, &fields::FILE_PRIVATE);
    let sock: *const u8 = peek(socket, &fields::SOCKET_SK);
    let protocol: u8 = peek(sock, &fields::SOCK_PROTOCOL);
    if protocol == TCP && peek::<u32>(sock, &fields::TCP_WRITE_SEQ) != 0 {
        return;
    }
    // `struct sockaddr_in` and `struct sockaddr_in6`.
    let port: u16 = read(address + 2);
    let (to, version) = if family == AF_INET {
        ([u64::from(read::<u32>(address + 4)), 0], 4)
    } else {
        (read::<[u64; 2]>(address + 8), 6)
    };
    let outcome = Outcome {
        address: to,
        port: u16::from_be(port),
        protocol,
        version,
        error: error as u32,
    };
    outcomes::report(slot, &outcome, None);
}

/// A UNIX socket was named: reported once per container, epoch, call, name and result.
#[inline(always)]
unsafe fn named(slot: Slot, number: u64, result: i64, name: u64, length: u64) {
    let (Some(&epoch), Some(scratch)) = (EPOCH.get(slot.row), SOCKET_SCRATCH.get_ptr_mut(0)) else {
        return;
    };
    let outcome = if result > 0 { 0 } else { result as i32 };
    let length = length.min(UNIX_PATH_BYTES as u64);
    // SAFETY: this CPU's own scratch (see its declaration); every field sent is written first. A name's field is longer
    // than the longest name by the NUL that ends it.
    unsafe {
        let key = &raw mut (*scratch).key;
        let event = &raw mut (*scratch).event;
        let to = (&raw mut (*event).name).cast::<u64>();
        for word in 0..NAME_WORDS {
            to.add(word).write(0);
        }
        let written = bpf_probe_read_user_str(to.cast(), length as u32 + 1, name as *const _);
        let used = if written > 1 {
            written as u32 - 1
        } else {
            // Abstract: any bytes, of which the first is NUL.
            if bpf_probe_read_user(to.cast(), length as u32, name as *const _) != 0 {
                // Another thread has unmapped it meanwhile, unless it never was a name.
                if result != -EFAULT {
                    emit::count_loss(slot.row, lost::PATH_UNREADABLE);
                }
                return;
            }
            length as u32
        };
        (&raw mut (*key).row).write(slot.row);
        (&raw mut (*key).epoch).write(epoch);
        (&raw mut (*key).call).write(number as u32);
        (&raw mut (*key).result).write(outcome);
        (&raw mut (*key).detail).write(0);
        (&raw mut (*key).directories).write([u64::from(used), 0]);
        let of_key = (&raw mut (*key).name).cast::<u64>();
        for word in 0..NAME_KEY_BYTES / 8 {
            of_key.add(word).write(if word < NAME_WORDS {
                to.add(word).read()
            } else {
                0
            });
        }
        if !names::first_time(&slot, &*key) {
            return;
        }
        emit::write_header(&raw mut (*event).header, kind::UNIX, slot.container);
        (&raw mut (*event).call).write(number as u32);
        (&raw mut (*event).result).write(outcome);
        (&raw mut (*event).len).write(used);
        (&raw mut (*event)._pad).write(0);
        if !emit::output(
            slot.row,
            Ring::Alerts,
            event.cast(),
            size_of::<UnixEvent>(),
            true,
        ) {
            names::forget(&*key);
        }
    }
}

/// Reads what the caller wrote; zeroes where it cannot be read.
#[inline(always)]
fn read<T: Copy>(address: u64) -> T {
    let mut value = core::mem::MaybeUninit::<T>::uninit();
    // SAFETY: the helper copes with any address, and clears the whole destination when it fails. Every T here is made of
    // integers.
    unsafe {
        bpf_probe_read_user(
            value.as_mut_ptr().cast(),
            size_of::<T>() as u32,
            address as *const _,
        );
        value.assume_init()
    }
}

/// Words of a UNIX socket's name with what follows it in its event.
const NAME_WORDS: usize = (UNIX_PATH_BYTES + 4) / 8;

const _: () = assert!(NAME_WORDS * 8 <= NAME_KEY_BYTES);
