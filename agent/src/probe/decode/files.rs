//! Records about files.

use picket_ebpf::{
    ACCESS_CHANGE, ACCESS_MAP_CODE, ACCESS_MAP_WRITE, ACCESS_READ, ACCESS_WRITE, NAME_BYTES,
    PLACE_DEVICE, PLACE_MEMFD, PLACE_TMPFS, PLACE_UNLINKED, PLACE_UPPER, kind,
};

use super::DecodeError;
use super::cursor::{Cursor, text};
use crate::observe::event::{Access, Action, FileId, Mapping, Place};

pub(super) fn action(kind: u32, from: &mut Cursor<'_>) -> Result<Action, DecodeError> {
    match kind {
        kind::NAME => named(from),
        _ => used(from),
    }
}

/// Flags of a place, as a value.
pub(super) fn place(flags: u32) -> Place {
    Place {
        tmpfs: flags & PLACE_TMPFS != 0,
        upper_layer: flags & PLACE_UPPER != 0,
        unlinked: flags & PLACE_UNLINKED != 0,
        memfd: flags & PLACE_MEMFD != 0,
        device: flags & PLACE_DEVICE != 0,
    }
}

fn used(from: &mut Cursor<'_>) -> Result<Action, DecodeError> {
    let access = from.u32()?;
    let flags = from.u32()?;
    let place = place(from.u32()?);
    let device = from.u32()?;
    let file = FileId {
        device,
        inode: from.u64()?,
    };
    let (path, truncated) = from.path(None)?;
    let open = |access, path| Action::Open {
        path,
        access,
        truncated,
        flags,
        place,
        file,
    };
    let map = |mapping, path| Action::Map {
        path,
        mapping,
        truncated,
        place,
        file,
    };
    Ok(match access {
        ACCESS_READ => open(Access::Read, path),
        ACCESS_WRITE => open(Access::Write, path),
        ACCESS_MAP_CODE => map(Mapping::Code, path),
        ACCESS_MAP_WRITE => map(Mapping::SharedWrite, path),
        ACCESS_CHANGE => Action::Change {
            call: u16::try_from(flags).unwrap_or(u16::MAX),
            result: 0,
            path,
            other: None,
            detail: 0,
        },
        other => return Err(DecodeError::Field("access", other)),
    })
}

fn named(from: &mut Cursor<'_>) -> Result<Action, DecodeError> {
    let call = u16::try_from(from.u32()?).unwrap_or(u16::MAX);
    let result = from.i32()?;
    let detail = from.u64()?;
    let length = from.u32()?;
    let other_length = from.u32()?;
    let name = text(from.field(NAME_BYTES, length)?);
    let other = text(from.field(NAME_BYTES, other_length)?);
    let (base, _) = from.path(None)?;
    if [libc::SYS_execve, libc::SYS_execveat].contains(&libc::c_long::from(call)) {
        return Ok(Action::ExecFailed {
            path: absolute(&base, &name),
            errno: result.saturating_neg(),
        });
    }
    Ok(Action::Change {
        call,
        result,
        path: absolute(&base, &name),
        other: (other_length > 0).then(|| absolute(&base, &other)),
        detail,
    })
}

/// A name as its caller meant it: `.` and `..` are resolved by their spelling, since links cannot be followed here.
fn absolute(base: &str, name: &str) -> String {
    let start = if name.starts_with('/') { "" } else { base };
    let mut parts: Vec<&str> = Vec::new();
    for part in start.split('/').chain(name.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
