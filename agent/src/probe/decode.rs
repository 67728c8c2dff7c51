//! From the ring's bytes to events. The bytes are checked, though the kernel wrote them: a reader of another version
//! must say so and not misread.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use picket_ebpf::{
    ACCESS_WRITE, CGROUP_PATH_BYTES, EXEC_ARGV_CUT, EXEC_MEMFD, EXEC_PARENT_OUTSIDE, EXEC_UNLINKED,
    NAME_BYTES, PATH_BYTES, PATH_CUT, PATH_UNREADABLE, kind,
};
use thiserror::Error;

use crate::observe::event::{Access, Action, CgroupId, Event, Exec, Moment, Protocol};

/// One record of the ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A cgroup of the v2 hierarchy was made.
    CgroupMade(CgroupChange),
    /// A cgroup of the v2 hierarchy was removed.
    CgroupRemoved(CgroupChange),
    /// A process of a watched container did something.
    Event(Event),
}

/// Birth or death of a cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupChange {
    /// When.
    pub at: Moment,
    /// The cgroup.
    pub cgroup: CgroupId,
    /// The row that counts for it, if it is watched.
    pub row: Option<super::Row>,
    /// Its path within the hierarchy.
    pub path: String,
}

/// A record that could not be read.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// The record ends too early.
    #[error(
        "event record of {0} bytes is too short for its kind; agent and probe do not match, rebuild both"
    )]
    Short(usize),
    /// The record is of a kind this agent does not know.
    #[error("event kind {0} is unknown; agent and probe do not match, rebuild both")]
    Kind(u32),
}

/// Reads one record.
pub(super) fn decode(bytes: &[u8]) -> Result<Record, DecodeError> {
    let mut from = Cursor { bytes, at: 0 };
    let kind = from.u32()?;
    let pid = from.u32()?;
    let at = Moment(from.u64()?);
    let cgroup = CgroupId(from.u64()?);
    let comm = text(until_nul(from.take(16)?));
    let action = match kind {
        kind::CGROUP_MKDIR | kind::CGROUP_RMDIR => {
            let row = from.u32()?;
            let length = from.u32()? as usize;
            let path = from.take(CGROUP_PATH_BYTES)?;
            let change = CgroupChange {
                at,
                cgroup,
                row: (row != u32::MAX).then_some(super::Row(row)),
                path: text(path.get(..length).unwrap_or(path)),
            };
            return Ok(if kind == kind::CGROUP_MKDIR {
                Record::CgroupMade(change)
            } else {
                Record::CgroupRemoved(change)
            });
        }
        kind::FORK => Action::Fork { child: from.u32()? },
        kind::EXEC => Action::Exec(exec(&mut from)?),
        kind::EXIT => Action::Exit {
            status: from.u32()?,
        },
        kind::OPEN => {
            let access = if from.u32()? == ACCESS_WRITE {
                Access::Write
            } else {
                Access::Read
            };
            from.take(4)?;
            let (path, truncated) = from.path(None)?;
            Action::Open {
                path,
                access,
                truncated,
            }
        }
        kind::CONNECT => {
            let address = from.take(16)?;
            let port = from.u16()?;
            let protocol = match from.u8()? {
                6 => Protocol::Tcp,
                17 => Protocol::Udp,
                _ => Protocol::Other,
            };
            let peer = socket_address(address, from.u8()?, port);
            Action::Connect { protocol, peer }
        }
        kind::LISTEN => {
            let address = from.take(16)?;
            let port = from.u16()?;
            let local = socket_address(address, from.u8()?, port);
            Action::Listen { local }
        }
        kind::PRIVILEGED => {
            let call = u16::try_from(from.u64()?).unwrap_or(u16::MAX);
            let result = from.u64()?.cast_signed();
            Action::Privileged {
                call,
                result,
                args: [from.u64()?, from.u64()?, from.u64()?],
            }
        }
        kind::STDIO => Action::SocketToStdio { fd: from.u32()? },
        other => return Err(DecodeError::Kind(other)),
    };
    Ok(Record::Event(Event {
        at,
        cgroup,
        pid,
        comm,
        action,
    }))
}

fn exec(from: &mut Cursor<'_>) -> Result<Exec, DecodeError> {
    let parent = from.u32()?;
    let flags = from.u32()?;
    let uid = from.u32()?;
    let filename_length = from.u32()? as usize;
    let argv_length = from.u32()? as usize;
    from.take(4)?;
    let (interpreter, _) = from.path(Some(PATH_BYTES))?;
    let filename = from.take(NAME_BYTES)?;
    let argv = from.take(picket_ebpf::ARGV_BYTES)?;
    let argv = argv.get(..argv_length).unwrap_or(argv);
    let argv = argv.strip_suffix(&[0]).unwrap_or(argv);
    Ok(Exec {
        filename: text(filename.get(..filename_length).unwrap_or(filename)),
        interpreter,
        argv: if argv.is_empty() {
            Vec::new()
        } else {
            argv.split(|&byte| byte == 0).map(text).collect()
        },
        argv_truncated: flags & EXEC_ARGV_CUT != 0,
        parent,
        parent_outside: flags & EXEC_PARENT_OUTSIDE != 0,
        unlinked: flags & EXEC_UNLINKED != 0,
        memfd: flags & EXEC_MEMFD != 0,
        uid,
    })
}

fn socket_address(bytes: &[u8], version: u8, port: u16) -> SocketAddr {
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

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// Names in the kernel are bytes; what is not UTF-8 is shown as such, never dropped.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let end = self.at.saturating_add(count);
        let part = self
            .bytes
            .get(self.at..end)
            .ok_or(DecodeError::Short(self.bytes.len()))?;
        self.at = end;
        Ok(part)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        <[u8; N]>::try_from(self.take(N)?).map_err(|_| DecodeError::Short(self.bytes.len()))
    }

    fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_ne_bytes)
    }

    fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_ne_bytes)
    }

    fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_ne_bytes)
    }

    /// A path from its components, which stand from the file upwards. `room` is the field's fixed size, or the record's
    /// rest. The second value is true when the upper directories are missing.
    fn path(&mut self, room: Option<usize>) -> Result<(String, bool), DecodeError> {
        let used = self.u32()? as usize;
        let flags = self.u32()?;
        let field = self.take(room.unwrap_or(used))?;
        let used = field.get(..used).unwrap_or(field);
        let used = used.strip_suffix(&[0]).unwrap_or(used);
        let mut path = String::with_capacity(used.len() + 1);
        if !used.is_empty() {
            for part in used.split(|&byte| byte == 0).rev() {
                path.push('/');
                path.push_str(&String::from_utf8_lossy(part));
            }
        }
        if path.is_empty() {
            path.push('/');
        }
        Ok((path, flags & (PATH_CUT | PATH_UNREADABLE) != 0))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn header(kind: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(42u32.to_ne_bytes());
        bytes.extend(1000u64.to_ne_bytes());
        bytes.extend(7u64.to_ne_bytes());
        bytes.extend(b"python3\0\0\0\0\0\0\0\0\0");
        bytes
    }

    #[test]
    fn an_open_carries_its_path_from_the_root() {
        let mut bytes = header(kind::OPEN);
        bytes.extend(ACCESS_WRITE.to_ne_bytes());
        bytes.extend([0; 4]);
        let parts = b"model.onnx\0models\0";
        bytes.extend(u32::try_from(parts.len()).unwrap().to_ne_bytes());
        bytes.extend(0u32.to_ne_bytes());
        bytes.extend(parts);
        let expected = Event {
            at: Moment(1000),
            cgroup: CgroupId(7),
            pid: 42,
            comm: "python3".into(),
            action: Action::Open {
                path: "/models/model.onnx".into(),
                access: Access::Write,
                truncated: false,
            },
        };
        assert_eq!(decode(&bytes), Ok(Record::Event(expected)));
    }

    #[test]
    fn a_peer_of_either_version_is_read() {
        for (version, address, expected) in [
            (
                4u8,
                [10, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                "10.0.0.7:443",
            ),
            (
                6,
                [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
                "[::1]:443",
            ),
        ] {
            let mut bytes = header(kind::CONNECT);
            bytes.extend(address);
            bytes.extend(443u16.to_ne_bytes());
            bytes.extend([6, version, 0, 0, 0, 0]);
            let Ok(Record::Event(event)) = decode(&bytes) else {
                panic!("no event")
            };
            assert_eq!(
                event.action,
                Action::Connect {
                    protocol: Protocol::Tcp,
                    peer: expected.parse().unwrap()
                }
            );
        }
    }

    #[test]
    fn a_mismatch_is_named() {
        assert_eq!(decode(&header(99)), Err(DecodeError::Kind(99)));
        assert_eq!(decode(&header(kind::FORK)), Err(DecodeError::Short(40)));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(kind in 0u32..12, rest in proptest::collection::vec(any::<u8>(), 0..3000)) {
            let mut bytes = header(kind);
            bytes.extend(rest);
            let _ = decode(&bytes);
        }
    }
}
