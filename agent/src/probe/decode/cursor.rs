//! Reading a record's fields in their order.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use picket_ebpf::{PATH_CUT, PATH_UNREADABLE};

use super::DecodeError;

pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let end = self.at.saturating_add(count);
        let part = self
            .bytes
            .get(self.at..end)
            .ok_or(DecodeError::Short(self.bytes.len()))?;
        self.at = end;
        Ok(part)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        <[u8; N]>::try_from(self.take(N)?).map_err(|_| DecodeError::Short(self.bytes.len()))
    }

    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_ne_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_ne_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, DecodeError> {
        self.array().map(i32::from_ne_bytes)
    }

    /// The first `used` bytes of a field of `room` bytes.
    pub(super) fn field(&mut self, room: usize, used: u32) -> Result<&'a [u8], DecodeError> {
        let field = self.take(room)?;
        Ok(field.get(..used as usize).unwrap_or(field))
    }

    pub(super) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_ne_bytes)
    }

    /// A path from its components, which stand from the file upwards. `room` is the field's fixed size, or the record's
    /// rest. The second value is true when the upper directories are missing.
    pub(super) fn path(&mut self, room: Option<usize>) -> Result<(String, bool), DecodeError> {
        let (used, is_cut) = self.parts(room)?;
        Ok((path(used), is_cut))
    }

    /// Two paths in the place of one at the record's end, the second from byte `at` on; with 0 it is the first again.
    pub(super) fn two_paths(&mut self, at: usize) -> Result<(String, String), DecodeError> {
        let (used, _) = self.parts(None)?;
        Ok(match used.split_at_checked(at) {
            Some((first, second)) if at > 0 => (path(first), path(second)),
            _ => (path(used), path(used)),
        })
    }

    /// The bytes of a path's components, and whether some are missing.
    fn parts(&mut self, room: Option<usize>) -> Result<(&'a [u8], bool), DecodeError> {
        let used = self.u32()? as usize;
        let flags = self.u32()?;
        let field = self.take(room.unwrap_or(used))?;
        let used = field.get(..used).unwrap_or(field);
        Ok((used, flags & (PATH_CUT | PATH_UNREADABLE) != 0))
    }
}

fn path(parts: &[u8]) -> String {
    let parts = parts.strip_suffix(&[0]).unwrap_or(parts);
    let mut path = String::with_capacity(parts.len() + 1);
    if !parts.is_empty() {
        for part in parts.split(|&byte| byte == 0).rev() {
            path.push('/');
            path.push_str(&String::from_utf8_lossy(part));
        }
    }
    if path.is_empty() {
        path.push('/');
    }
    path
}

pub(super) fn socket_address(bytes: &[u8], version: u8, port: u16) -> SocketAddr {
    let mut address = [0; 16];
    for (to, from) in address.iter_mut().zip(bytes) {
        *to = *from;
    }
    let [a, b, c, d, ..] = address;
    let ip = if version == 4 {
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    } else {
        IpAddr::V6(Ipv6Addr::from(address))
    };
    SocketAddr::new(ip, port)
}

pub(super) fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// Names in the kernel are bytes; what is not UTF-8 is shown as such, never dropped.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
