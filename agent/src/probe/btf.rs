//! A reader of the kernel's type information (BTF), just enough to answer at which byte a field lies.
//!
//! Format: `Documentation/bpf/btf.rst`. aya's own parser keeps its member access private, and the offsets must come
//! from the running kernel because rustc emits no field relocations.

use std::collections::BTreeMap;

use thiserror::Error;

const MAGIC: u16 = 0xeb9f;

mod kind {
    pub const INT: u8 = 1;
    pub const ARRAY: u8 = 3;
    pub const STRUCT: u8 = 4;
    pub const UNION: u8 = 5;
    pub const ENUM: u8 = 6;
    pub const TYPEDEF: u8 = 8;
    pub const VOLATILE: u8 = 9;
    pub const CONST: u8 = 10;
    pub const RESTRICT: u8 = 11;
    pub const FUNC_PROTO: u8 = 13;
    pub const VAR: u8 = 14;
    pub const DATASEC: u8 = 15;
    pub const DECL_TAG: u8 = 17;
    pub const TYPE_TAG: u8 = 18;
    pub const ENUM64: u8 = 19;
}

/// Why a field's place could not be told.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BtfError {
    /// The data are no BTF, or cut short.
    #[error(
        "kernel type information is damaged at byte {0}; expected the contents of /sys/kernel/btf/vmlinux"
    )]
    Damaged(usize),
    /// This kernel has no such structure.
    #[error("this kernel's type information has no struct {0}")]
    NoStruct(String),
    /// The structure has no such field.
    #[error("this kernel's struct {0} has no field {1}")]
    NoField(String, String),
}

/// Parsed type information.
pub struct Btf<'a> {
    data: &'a [u8],
    strings: usize,
    types: Vec<usize>,
    structs: BTreeMap<&'a str, u32>,
}

impl<'a> Btf<'a> {
    /// Parses the contents of `/sys/kernel/btf/vmlinux`.
    ///
    /// # Errors
    ///
    /// [`BtfError::Damaged`] when a header or type lies outside the data.
    pub fn parse(data: &'a [u8]) -> Result<Self, BtfError> {
        if !data.starts_with(&MAGIC.to_le_bytes()) {
            return Err(BtfError::Damaged(0));
        }
        let header = word(data, 4)? as usize;
        let place = |offset: u32| {
            header
                .checked_add(offset as usize)
                .ok_or(BtfError::Damaged(4))
        };
        let first = place(word(data, 8)?)?;
        let end = first
            .checked_add(word(data, 12)? as usize)
            .ok_or(BtfError::Damaged(12))?;
        let strings = place(word(data, 16)?)?;
        let mut parsed = Self {
            data,
            strings,
            types: vec![0],
            structs: BTreeMap::new(),
        };
        let mut at = first;
        while at < end {
            let info = word(data, at + 4)?;
            let (kind, members) = ((info >> 24) as u8 & 0x1f, (info & 0xffff) as usize);
            if kind == kind::STRUCT {
                let name = parsed.text(word(data, at)?)?;
                if !name.is_empty() {
                    let id =
                        u32::try_from(parsed.types.len()).map_err(|_| BtfError::Damaged(at))?;
                    parsed.structs.entry(name).or_insert(id);
                }
            }
            parsed.types.push(at);
            at += 12
                + match kind {
                    kind::INT | kind::VAR | kind::DECL_TAG => 4,
                    kind::ARRAY => 12,
                    kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => 12 * members,
                    kind::ENUM | kind::FUNC_PROTO => 8 * members,
                    _ => 0,
                };
        }
        Ok(parsed)
    }

    /// Byte offset of `path` (fields joined by dots, anonymous members skipped) in `structure`.
    ///
    /// # Errors
    ///
    /// Names the structure or field this kernel lacks.
    pub fn offset(&self, structure: &str, path: &str) -> Result<u64, BtfError> {
        let mut id = *self
            .structs
            .get(structure)
            .ok_or_else(|| BtfError::NoStruct(structure.to_owned()))?;
        let mut bits = 0u64;
        for field in path.split('.') {
            let (offset, member) = self
                .member(id, field, 0)?
                .ok_or_else(|| BtfError::NoField(structure.to_owned(), path.to_owned()))?;
            bits += offset;
            id = member;
        }
        Ok(bits / 8)
    }

    /// Bytes of `structure`.
    ///
    /// # Errors
    ///
    /// When this kernel has no such structure.
    pub fn size(&self, structure: &str) -> Result<u64, BtfError> {
        let id = *self
            .structs
            .get(structure)
            .ok_or_else(|| BtfError::NoStruct(structure.to_owned()))?;
        let at = *self.types.get(id as usize).ok_or(BtfError::Damaged(0))?;
        Ok(u64::from(word(self.data, at + 8)?))
    }

    /// Whether any type, member or enumerator has this name.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        let strings = self.data.get(self.strings..).unwrap_or_default();
        strings
            .split(|&byte| byte == 0)
            .any(|known| known == name.as_bytes())
    }

    /// Bit offset and type of a member, looked for in anonymous members too.
    fn member(&self, id: u32, field: &str, depth: u32) -> Result<Option<(u64, u32)>, BtfError> {
        // The kernel nests anonymous members a few levels deep; damaged data could do so for ever.
        if depth > 16 {
            return Ok(None);
        }
        let at = *self.types.get(id as usize).ok_or(BtfError::Damaged(0))?;
        let info = word(self.data, at + 4)?;
        let has_bitfields = info >> 31 == 1;
        for index in 0..(info & 0xffff) as usize {
            let member = at + 12 + 12 * index;
            let raw = word(self.data, member + 8)?;
            let bits = u64::from(if has_bitfields {
                raw & 0x00ff_ffff
            } else {
                raw
            });
            let name = self.text(word(self.data, member)?)?;
            let kind_id = self.unqualified(word(self.data, member + 4)?)?;
            if name == field {
                return Ok(Some((bits, kind_id)));
            }
            if name.is_empty()
                && matches!(self.kind(kind_id)?, kind::STRUCT | kind::UNION)
                && let Some((inner, found)) = self.member(kind_id, field, depth + 1)?
            {
                return Ok(Some((bits + inner, found)));
            }
        }
        Ok(None)
    }

    fn kind(&self, id: u32) -> Result<u8, BtfError> {
        let at = *self.types.get(id as usize).ok_or(BtfError::Damaged(0))?;
        if at == 0 {
            Ok(0)
        } else {
            Ok((word(self.data, at + 4)? >> 24) as u8 & 0x1f)
        }
    }

    /// The type behind typedefs and qualifiers.
    fn unqualified(&self, mut id: u32) -> Result<u32, BtfError> {
        for _ in 0..32 {
            match self.kind(id)? {
                kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                    let at = *self.types.get(id as usize).ok_or(BtfError::Damaged(0))?;
                    id = word(self.data, at + 8)?;
                }
                _ => break,
            }
        }
        Ok(id)
    }

    fn text(&self, offset: u32) -> Result<&'a str, BtfError> {
        let start = self.strings.saturating_add(offset as usize);
        let rest = self.data.get(start..).ok_or(BtfError::Damaged(start))?;
        let end = rest
            .iter()
            .position(|&byte| byte == 0)
            .ok_or(BtfError::Damaged(start))?;
        rest.get(..end)
            .and_then(|name| std::str::from_utf8(name).ok())
            .ok_or(BtfError::Damaged(start))
    }
}

fn word(data: &[u8], at: usize) -> Result<u32, BtfError> {
    let bytes = at
        .checked_add(4)
        .and_then(|end| data.get(at..end))
        .ok_or(BtfError::Damaged(at))?;
    <[u8; 4]>::try_from(bytes)
        .map(u32::from_le_bytes)
        .map_err(|_| BtfError::Damaged(at))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    /// `struct outer { int a; union { struct inner { int pad; int x; } b; }; const inner c; }` by hand.
    fn sample() -> Vec<u8> {
        let strings = b"\0outer\0a\0b\0inner\0pad\0x\0c\0int\0";
        let name = |text: &str| {
            let wanted = [b"\0", text.as_bytes(), b"\0"].concat();
            strings
                .windows(wanted.len())
                .position(|part| part == wanted)
                .unwrap() as u32
                + 1
        };
        let info = |kind: u8, members: u32| u32::from(kind) << 24 | members;
        let types: Vec<u32> = vec![
            name("int"),
            info(kind::INT, 0),
            4,
            32, // 1
            name("inner"),
            info(kind::STRUCT, 2),
            8,
            name("pad"),
            1,
            0,
            name("x"),
            1,
            32, // 2
            0,
            info(kind::UNION, 1),
            8,
            name("b"),
            2,
            0, // 3
            0,
            info(kind::CONST, 0),
            2, // 4
            name("outer"),
            info(kind::STRUCT, 3),
            20,
            name("a"),
            1,
            0,
            0,
            3,
            32,
            name("c"),
            4,
            96, // 5
        ];
        let types: Vec<u8> = types.into_iter().flat_map(u32::to_le_bytes).collect();
        let mut data = vec![0x9f, 0xeb, 1, 0];
        for number in [
            24u32,
            0,
            types.len() as u32,
            types.len() as u32,
            strings.len() as u32,
        ] {
            data.extend(number.to_le_bytes());
        }
        data.extend(types);
        data.extend(strings);
        data
    }

    #[test]
    fn finds_plain_anonymous_and_qualified_members() {
        let data = sample();
        let btf = Btf::parse(&data).unwrap();
        assert!(btf.knows("inner") && !btf.knows("inne") && !btf.knows("inner2"));
        assert_eq!(btf.offset("outer", "a"), Ok(0));
        assert_eq!(btf.offset("outer", "b"), Ok(4));
        assert_eq!(btf.offset("outer", "b.x"), Ok(8));
        assert_eq!(btf.offset("outer", "c.x"), Ok(16));
        assert_eq!(btf.size("outer"), Ok(20));
        assert_eq!(
            btf.offset("outer", "d"),
            Err(BtfError::NoField("outer".into(), "d".into()))
        );
        assert_eq!(
            btf.offset("none", "d"),
            Err(BtfError::NoStruct("none".into()))
        );
    }

    #[test]
    fn reads_the_running_kernel_where_it_has_type_information() {
        let Ok(data) = std::fs::read("/sys/kernel/btf/vmlinux") else {
            return;
        };
        let btf = Btf::parse(&data).unwrap();
        assert!(
            btf.offset("task_struct", "tgid").unwrap()
                > btf.offset("task_struct", "thread_info.flags").unwrap()
        );
        assert_eq!(
            btf.offset("task_struct", "tgid").unwrap(),
            btf.offset("task_struct", "pid").unwrap() + 4
        );
    }

    proptest! {
        #[test]
        fn damaged_data_never_panic(flips in proptest::collection::vec((0usize..400, any::<u8>()), 1..20)) {
            let mut data = sample();
            for (at, value) in flips {
                if let Some(byte) = data.get_mut(at) {
                    *byte = value;
                }
            }
            if let Ok(btf) = Btf::parse(&data) {
                let _ = btf.offset("outer", "b.x");
            }
        }
    }
}
