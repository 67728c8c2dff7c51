//! Records about system calls.

use picket_ebpf::{TEXT_BYTES, TEXTS, kind};

use super::DecodeError;
use super::cursor::{Cursor, text, until_nul};
use crate::observe::event::Action;

pub(super) fn action(kind: u32, from: &mut Cursor<'_>) -> Result<Action, DecodeError> {
    Ok(match kind {
        kind::PRIVILEGED => {
            let call = u16::try_from(from.u64()?).unwrap_or(u16::MAX);
            let result = from.u64()?.cast_signed();
            let args = [from.u64()?, from.u64()?, from.u64()?];
            let mut texts: [String; TEXTS] = Default::default();
            for to in &mut texts {
                *to = text(until_nul(from.take(TEXT_BYTES)?));
            }
            Action::Privileged {
                call,
                result,
                args,
                texts,
            }
        }
        kind::SEQUENCE => {
            let thread = from.u32()?;
            let length = from.u32()?;
            let calls = [from.u16()?, from.u16()?, from.u16()?, from.u16()?];
            let calls = calls.get(..length as usize);
            let calls = calls.filter(|calls| !calls.is_empty());
            Action::Sequence {
                thread,
                calls: calls.ok_or(DecodeError::Field("calls", length))?.to_vec(),
            }
        }
        other => return Err(DecodeError::Kind(other)),
    })
}
