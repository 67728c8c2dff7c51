//! Records about sockets.

use picket_ebpf::{UNIX_PATH_BYTES, kind};

use super::DecodeError;
use super::cursor::{Cursor, socket_address, text};
use crate::observe::event::{Action, Protocol};

pub(super) fn action(kind: u32, from: &mut Cursor<'_>) -> Result<Action, DecodeError> {
    Ok(match kind {
        kind::CONNECT | kind::CLIENTS => {
            let address = from.take(16)?;
            let port = from.u16()?;
            let protocol = Protocol::of(from.u8()?);
            let peer = socket_address(address, from.u8()?, port);
            match kind {
                kind::CLIENTS => Action::Clients { protocol, peer },
                _ => Action::Connect { protocol, peer },
            }
        }
        kind::LISTEN | kind::ACCEPT => {
            let address = from.take(16)?;
            let port = from.u16()?;
            let local = socket_address(address, from.u8()?, port);
            match kind {
                kind::ACCEPT => Action::Accept { local },
                _ => Action::Listen { local },
            }
        }
        kind::OUTCOME => {
            let address = from.take(16)?;
            let port = from.u16()?;
            let peer = socket_address(address, from.u8()?, port);
            let protocol = Protocol::of(from.u8()?);
            Action::Connected {
                protocol,
                peer,
                errno: from.i32()?,
                duration_us: from.u64()?,
            }
        }
        kind::BIND => {
            let address = from.take(16)?;
            let port = from.u16()?;
            let local = socket_address(address, from.u8()?, port);
            let protocol = Protocol::of(from.u8()?);
            Action::Bind { protocol, local }
        }
        kind::SOCKET => Action::Socket {
            domain: from.u32()?,
            kind: from.u32()?,
            protocol: from.u32()?,
            result: from.i32()?,
        },
        kind::UNIX => {
            let call = u16::try_from(from.u32()?).unwrap_or(u16::MAX);
            let result = from.i32()?;
            let length = from.u32()?;
            from.take(4)?;
            let name = from.field(UNIX_PATH_BYTES, length)?;
            let path = match name.strip_prefix(&[0]) {
                Some(abstract_name) => format!("@{}", text(abstract_name)),
                None => text(name),
            };
            Action::Unix { call, path, result }
        }
        kind::STDIO => Action::SocketToStdio { fd: from.u32()? },
        other => return Err(DecodeError::Kind(other)),
    })
}
