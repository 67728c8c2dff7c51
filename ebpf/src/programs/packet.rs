//! Packets, as far as their headers.

use aya_ebpf::bindings::__sk_buff;

use super::protocols::{TCP, UDP, mapped};

const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;
const UDP_HEADER: usize = 8;
/// Up to the flags, the last that is looked at.
const TCP_HEADER_START: usize = 14;

/// A packet as its headers say.
#[derive(Clone, Copy)]
pub struct Packet {
    /// The program's context.
    pub skb: *mut __sk_buff,
    /// Received, not sent.
    pub inbound: bool,
    /// 4 or 6.
    pub version: u8,
    /// IP protocol number. For IPv6 that of the first header after the fixed one.
    pub protocol: u8,
    /// Where the transport header begins, counted from the IP header.
    pub transport: usize,
    /// Where the payload begins; the transport header's place for protocols other than TCP and UDP.
    pub payload: usize,
    /// TCP flags; 0 for others.
    pub flags: u8,
}

impl Packet {
    /// Bytes of payload.
    #[inline(always)]
    pub fn payload_bytes(&self) -> usize {
        // SAFETY: the context's field is checked by the verifier.
        unsafe { (*self.skb).len as usize }.saturating_sub(self.payload)
    }

    /// Address and port of the other side; an IPv4 address mapped into IPv6, port 0 for protocols without.
    #[inline(always)]
    pub fn peer(&self) -> Option<([u64; 2], u16)> {
        // SAFETY: direct packet access; each read stands behind a comparison with the packet's end.
        unsafe {
            let data = (*self.skb).data as usize as *const u8;
            let end = (*self.skb).data_end as usize;
            let address = if self.version == 4 {
                if data as usize + IPV4_HEADER > end {
                    return None;
                }
                let at = if self.inbound { 12 } else { 16 };
                mapped(data.add(at).cast::<u32>().read_unaligned())
            } else {
                if data as usize + IPV6_HEADER > end {
                    return None;
                }
                let at = data.add(if self.inbound { 8 } else { 24 }).cast::<u64>();
                [at.read_unaligned(), at.add(1).read_unaligned()]
            };
            if self.protocol != UDP && self.protocol != TCP {
                return Some((address, 0));
            }
            let ports = data.add(self.transport);
            if ports as usize + 4 > end {
                return None;
            }
            let port = ports.add(if self.inbound { 0 } else { 2 }).cast::<u16>();
            Some((address, u16::from_be(port.read_unaligned())))
        }
    }

    /// The packet behind a program's context; `None` where its headers are not whole.
    #[inline(always)]
    pub fn parse(skb: *mut __sk_buff, inbound: bool) -> Option<Self> {
        // SAFETY: direct packet access; each read stands behind a comparison with the packet's end.
        unsafe {
            let data = (*skb).data as usize as *const u8;
            let end = (*skb).data_end as usize;
            if data as usize + IPV4_HEADER > end {
                return None;
            }
            let first = *data;
            let (version, protocol, transport) = if first >> 4 == 4 {
                (4, *data.add(9), ((first & 15) as usize) * 4)
            } else if data as usize + IPV6_HEADER <= end {
                (6, *data.add(6), IPV6_HEADER)
            } else {
                return None;
            };
            let (payload, flags) = match protocol {
                TCP => {
                    let header = data.add(transport);
                    if header as usize + TCP_HEADER_START > end {
                        return None;
                    }
                    let length = ((*header.add(12) >> 4) as usize) * 4;
                    (transport + length, *header.add(13))
                }
                UDP => (transport + UDP_HEADER, 0),
                _ => (transport, 0),
            };
            Some(Self {
                skb,
                inbound,
                version,
                protocol,
                transport,
                payload,
                flags,
            })
        }
    }
}
