//! Records about system calls.

use picket_ebpf::{TEXT_BYTES, TEXTS, history, kind};

use super::DecodeError;
use super::cursor::{Cursor, text, until_nul};
use crate::observe::event::Action;

const CODE: u32 = (1 << history::BITS) - 1;

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
            let sequence = from.u32()?;
            let codes = [2, 1, 0].map(|back| sequence >> (back * history::BITS) & CODE);
            Action::Sequence {
                thread,
                calls: codes
                    .into_iter()
                    .filter_map(|code| u16::try_from(code).ok()?.checked_sub(1))
                    .collect(),
            }
        }
        other => return Err(DecodeError::Kind(other)),
    })
}
