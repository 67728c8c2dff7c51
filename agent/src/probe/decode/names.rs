//! Records about names: DNS messages, TLS server names.

use picket_ebpf::{DNS_BYTES, NAME_BYTES, kind};

use super::DecodeError;
use super::cursor::{Cursor, socket_address, text};
use crate::observe::event::Action;

pub(super) fn action(kind: u32, from: &mut Cursor<'_>) -> Result<Action, DecodeError> {
    let address = from.take(16)?;
    let port = from.u16()?;
    let peer = socket_address(address, from.u8()?, port);
    let outbound = from.u8()? != 0;
    let length = from.u32()?;
    Ok(match kind {
        kind::DNS => Action::Dns {
            server: peer,
            outbound,
            message: from.field(DNS_BYTES, length)?.to_vec(),
        },
        kind::TLS => Action::TlsName {
            peer,
            name: text(from.field(NAME_BYTES, length)?),
        },
        other => return Err(DecodeError::Kind(other)),
    })
}
