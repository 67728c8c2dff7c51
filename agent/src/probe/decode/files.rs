//! Records about files.

use picket_ebpf::{
    ACCESS_CHANGE, ACCESS_MAP_CODE, ACCESS_MAP_WRITE, ACCESS_READ, ACCESS_WRITE, NAME_BYTES,
    PLACE_DEVICE, PLACE_MEMFD, PLACE_TMPFS, PLACE_UNLINKED, PLACE_UPPER, kind,
};

use super::DecodeError;
use super::cursor::{Cursor, text};
use crate::observe::event::{Access, Action, FileId, Mapping, Place};
use crate::probe::calls;

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
            call: flags as u16,
            result: 0,
            path,
            other: None,
            detail: u64::from(flags >> 16),
        },
        other => return Err(DecodeError::Field("access", other)),
    })
}

fn named(from: &mut Cursor<'_>) -> Result<Action, DecodeError> {
    let number = from.u32()?;
    let result = from.i32()?;
    let detail = from.u64()?;
    let length = from.u32()?;
    let other_length = from.u32()?;
    let other_base = from.u32()?;
    let _pad = from.u32()?;
    let name = name(from.field(NAME_BYTES, length)?);
    let other = name_or_none(from.field(NAME_BYTES, other_length)?);
    let (base, other_base) = from.two_paths(other_base as usize)?;
    let path = absolute(&base, &name);
    let call = u16::try_from(number).unwrap_or(u16::MAX);
    let number = libc::c_long::from(call);
    Ok(if number == libc::SYS_memfd_create && result >= 0 {
        Action::Memfd { name }
    } else if result < 0 && calls::opens(number) {
        Action::OpenFailed {
            path,
            errno: -result,
            access: asked_for(number, detail),
        }
    } else if result < 0 && calls::execs(number) {
        Action::ExecFailed {
            path,
            errno: -result,
        }
    } else {
        let other = other.map(|other| {
            if calls::makes_symlink(number) {
                // What a link says is read from where it lies.
                let (directory, _) = path.rsplit_once('/').unwrap_or_default();
                absolute(directory, &other)
            } else {
                absolute(&other_base, &other)
            }
        });
        Action::Change {
            call,
            result,
            path,
            other,
            detail,
        }
    })
}

/// A name as far as it was carried.
fn name(bytes: &[u8]) -> String {
    let mut name = text(bytes);
    if bytes.len() == NAME_BYTES - 1 {
        name.push('…');
    }
    name
}

fn name_or_none(bytes: &[u8]) -> Option<String> {
    (!bytes.is_empty()).then(|| name(bytes))
}

/// What a file was to be opened for, from the flags of the call.
fn asked_for(number: libc::c_long, flags: u64) -> Access {
    #[cfg(target_arch = "x86_64")]
    if number == libc::SYS_creat {
        return Access::Write;
    }
    let _ = number;
    let writing = libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC;
    // The flags are an `int`, the upper half of the register may be anything.
    if flags as i32 & writing == 0 {
        Access::Read
    } else {
        Access::Write
    }
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
