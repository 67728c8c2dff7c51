//! From the ring's bytes to events. The bytes are checked, though the kernel wrote them: a reader of another version
//! must say so and not misread.

mod calls;
mod cursor;
mod files;
mod names;
mod network;

use picket_ebpf::{
    CGROUP_PATH_BYTES, EXEC_ARGV_CUT, EXEC_PARENT_OUTSIDE, EXEC_SCRIPT, EXEC_STDIO_SOCKET,
    NAME_BYTES, NO_ROW, PATH_BYTES, kind,
};
use thiserror::Error;

use self::cursor::{Cursor, text, until_nul};
use crate::observe::event::{Action, CgroupId, Event, Exec, Moment};

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

impl Record {
    /// When it was made.
    #[must_use]
    pub const fn at(&self) -> Moment {
        match self {
            Self::CgroupMade(change) | Self::CgroupRemoved(change) => change.at,
            Self::Event(event) => event.at,
        }
    }
}

/// Birth or death of a cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupChange {
    /// When.
    pub at: Moment,
    /// The cgroup.
    pub cgroup: CgroupId,
    /// The watched container that it is or is a part of, with the row that counts for that, if there is one.
    pub container: Option<(CgroupId, super::Row)>,
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
    /// A field holds what this agent does not know.
    #[error(
        "event field {0} holds {1}, which is unknown; agent and probe do not match, rebuild both"
    )]
    Field(&'static str, u32),
}

/// Reads one record.
pub(crate) fn decode(bytes: &[u8]) -> Result<Record, DecodeError> {
    let mut from = Cursor::new(bytes);
    let kind = from.u32()?;
    let pid = from.u32()?;
    let at = Moment(from.u64()?);
    let cgroup = CgroupId(from.u64()?);
    let comm = String::from_utf8_lossy(until_nul(from.take(16)?)).into();
    let action = match kind {
        kind::CGROUP_MKDIR | kind::CGROUP_RMDIR => {
            let container = CgroupId(from.u64()?);
            let row = from.u32()?;
            let length = from.u32()? as usize;
            let path = from.take(CGROUP_PATH_BYTES)?;
            let change = CgroupChange {
                at,
                cgroup,
                container: (row != NO_ROW).then_some((container, super::Row(row))),
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
        kind::SIGNAL => Action::AskedToEnd {
            signal: from.u32()?,
        },
        kind::OPEN | kind::NAME => files::action(kind, &mut from)?,
        kind::CONNECT
        | kind::CLIENTS
        | kind::LISTEN
        | kind::ACCEPT
        | kind::OUTCOME
        | kind::BIND
        | kind::SOCKET
        | kind::UNIX
        | kind::STDIO => network::action(kind, &mut from)?,
        kind::DNS | kind::TLS => names::action(kind, &mut from)?,
        kind::PRIVILEGED | kind::SEQUENCE => calls::action(kind, &mut from)?,
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
    let place = files::place(from.u32()?);
    let (interpreter, _) = from.path(Some(PATH_BYTES))?;
    let (mut cwd, cut) = from.path(Some(PATH_BYTES))?;
    if cut {
        cwd.insert(0, '…');
    }
    let filename = from.take(NAME_BYTES)?;
    let argv = from.take(picket_ebpf::ARGV_BYTES)?;
    let argv = argv.get(..argv_length).unwrap_or(argv);
    let argv = argv.strip_suffix(&[0]).unwrap_or(argv);
    Ok(Exec {
        filename: text(filename.get(..filename_length).unwrap_or(filename)),
        interpreter,
        script: flags & EXEC_SCRIPT != 0,
        argv: if argv.is_empty() {
            Vec::new()
        } else {
            argv.split(|&byte| byte == 0).map(text).collect()
        },
        argv_truncated: flags & EXEC_ARGV_CUT != 0,
        parent,
        parent_outside: flags & EXEC_PARENT_OUTSIDE != 0,
        place,
        cwd,
        socket_on_stdio: flags & EXEC_STDIO_SOCKET != 0,
        uid,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use picket_ebpf::{ACCESS_WRITE, PLACE_UPPER};

    use super::*;
    use crate::observe::event::{Access, FileId, Place, Protocol};

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
        bytes.extend(0x241u32.to_ne_bytes());
        bytes.extend(PLACE_UPPER.to_ne_bytes());
        bytes.extend(8u32.to_ne_bytes());
        bytes.extend(77u64.to_ne_bytes());
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
                flags: 0x241,
                place: Place {
                    upper_layer: true,
                    ..Place::default()
                },
                file: FileId {
                    device: 8,
                    inode: 77,
                },
            },
        };
        assert_eq!(decode(&bytes), Ok(Record::Event(expected)));
    }

    #[test]
    fn a_nested_cgroup_names_its_container() {
        for (row, expected) in [
            (3, Some((CgroupId(5), crate::probe::Row(3)))),
            (NO_ROW, None),
        ] {
            let mut bytes = header(kind::CGROUP_MKDIR);
            bytes.extend(5u64.to_ne_bytes());
            bytes.extend(row.to_ne_bytes());
            bytes.extend(4u32.to_ne_bytes());
            bytes.extend(b"/a/b\0");
            bytes.resize(size_of::<picket_ebpf::CgroupEvent>(), 0);
            let Ok(Record::CgroupMade(change)) = decode(&bytes) else {
                panic!("no birth")
            };
            assert_eq!((change.cgroup, change.container), (CgroupId(7), expected));
            assert_eq!(change.path, "/a/b");
        }
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

    #[test]
    fn a_relative_name_starts_from_its_directory() {
        for (name, expected) in [
            ("a/./b/../c", "/srv/app/a/c"),
            ("/abs//x", "/abs/x"),
            ("../../../../x", "/x"),
            ("", "/srv/app"),
        ] {
            let mut bytes = header(kind::NAME);
            bytes.extend(82u32.to_ne_bytes());
            bytes.extend((-2i32).to_ne_bytes());
            bytes.extend(0u64.to_ne_bytes());
            bytes.extend(u32::try_from(name.len()).unwrap().to_ne_bytes());
            bytes.extend([0; 12]);
            let mut field = name.as_bytes().to_vec();
            field.resize(2 * NAME_BYTES, 0);
            bytes.extend(field);
            let parts = b"app\0srv\0";
            bytes.extend(u32::try_from(parts.len()).unwrap().to_ne_bytes());
            bytes.extend(0u32.to_ne_bytes());
            bytes.extend(parts);
            let Ok(Record::Event(event)) = decode(&bytes) else {
                panic!("no event")
            };
            assert_eq!(
                event.action,
                Action::Change {
                    call: 82,
                    result: -2,
                    path: expected.to_owned(),
                    other: None,
                    detail: 0
                }
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(kind in 0u32..20, rest in proptest::collection::vec(any::<u8>(), 0..3000)) {
            let mut bytes = header(kind);
            bytes.extend(rest);
            let _ = decode(&bytes);
        }
    }
}
