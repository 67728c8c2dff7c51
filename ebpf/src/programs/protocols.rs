//! Numbers and addresses as protocols have them.

/// A cgroup program's "let it pass". Picket never blocks.
pub const PASS: i32 = 1;

/// `include/linux/socket.h`.
pub const AF_INET: u16 = 2;
pub const AF_INET6: u16 = 10;

/// `include/uapi/linux/in.h`.
pub const TCP: u8 = 6;
pub const UDP: u8 = 17;

/// An IPv4 address, as the packet has it, in the form of an IPv6 one (RFC 4291, 2.5.5.2).
#[inline(always)]
pub fn mapped(address: u32) -> [u64; 2] {
    [0, u64::from(0xffff_u16) << 16 | u64::from(address) << 32]
}
