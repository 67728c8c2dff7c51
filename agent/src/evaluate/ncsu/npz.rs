//! Arrays of numpy's npz files: a zip archive of npy files (numpy.lib.format).

use std::io::{Read, Seek};

use zip::ZipArchive;
use zip::result::ZipError;

/// Largest array accepted, bytes: far beyond the data set's, and what a damaged header cannot exceed.
const LARGEST: u64 = 256 << 20;

/// Why an array cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum NpzError {
    /// The archive cannot be read, or lacks the array.
    #[error("{array}: {source}")]
    Archive {
        /// The array's name.
        array: String,
        /// The cause.
        source: ZipError,
    },
    /// The array cannot be read.
    #[error("{array}: {source}")]
    Read {
        /// The array's name.
        array: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The array is not of a form that this data set has.
    #[error("{array}: {reason}")]
    Form {
        /// The array's name.
        array: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The elements of an array in the order of its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Elements {
    /// Integers that are not negative; negative ones are read as 0.
    Numbers(Vec<u64>),
    /// Texts.
    Texts(Vec<String>),
}

/// An array with its shape, `[n]` or `[rows, columns]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Array {
    /// Length in each dimension.
    pub shape: Vec<usize>,
    /// Its elements.
    pub elements: Elements,
}

/// Reads one array of an archive.
///
/// # Errors
/// When it is not there, cannot be read, or has another form than integers and texts of one or two dimensions.
pub fn array(archive: &mut ZipArchive<impl Read + Seek>, name: &str) -> Result<Array, NpzError> {
    let file = archive
        .by_name(&format!("{name}.npy"))
        .map_err(|source| NpzError::Archive {
            array: name.to_owned(),
            source,
        })?;
    let mut bytes = Vec::new();
    file.take(LARGEST)
        .read_to_end(&mut bytes)
        .map_err(|source| NpzError::Read {
            array: name.to_owned(),
            source,
        })?;
    parse(&bytes).map_err(|reason| NpzError::Form {
        array: name.to_owned(),
        reason,
    })
}

fn parse(bytes: &[u8]) -> Result<Array, String> {
    let (header, data) = split(bytes).ok_or("it does not begin as an npy file does")?;
    let header = std::str::from_utf8(header).map_err(|error| format!("its header: {error}"))?;
    let kind = quoted(header, "'descr'").ok_or("its header names no type")?;
    let shape = shape(header).ok_or("its header gives no shape of one or two dimensions")?;
    let count = shape
        .iter()
        .try_fold(1_usize, |product, n| product.checked_mul(*n))
        .ok_or("its shape is too large")?;
    let (letter, size) = element(kind).ok_or_else(|| format!("type {kind} is not supported"))?;
    let wanted = count.checked_mul(size).ok_or("its shape is too large")?;
    let data = data
        .get(..wanted)
        .ok_or_else(|| format!("{} bytes of {wanted} are there", data.len()))?;
    let order = order(&shape, header.contains("'fortran_order': True"));
    let cell = |index: usize| data.get(index * size..(index + 1) * size).unwrap_or(&[]);
    let elements = match letter {
        'U' => Elements::Texts(order.map(|index| text(cell(index))).collect()),
        _ => Elements::Numbers(order.map(|i| number(cell(i), letter == 'i')).collect()),
    };
    Ok(Array { shape, elements })
}

/// Header and data of an npy file of format 1, 2 or 3.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = bytes.strip_prefix(b"\x93NUMPY")?;
    let (version, rest) = rest.split_first_chunk::<2>()?;
    match version {
        [1, _] => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))
        }
        [2 | 3, _] => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
        }
        _ => None,
    }
}

/// The quoted value of a key in the header, which is a Python dictionary.
fn quoted<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = header.split_once(key)?;
    let (_, rest) = rest.split_once('\'')?;
    rest.split_once('\'').map(|(value, _)| value)
}

fn shape(header: &str) -> Option<Vec<usize>> {
    let (_, rest) = header.split_once("'shape'")?;
    let (_, rest) = rest.split_once('(')?;
    let (inside, _) = rest.split_once(')')?;
    let lengths = inside.split(',').map(str::trim).filter(|n| !n.is_empty());
    let shape: Vec<usize> = lengths.map(|n| n.parse().ok()).collect::<Option<_>>()?;
    (1..=2).contains(&shape.len()).then_some(shape)
}

/// Kind and size in bytes of a little-endian type: `<u4`, `<i8`, `|u1`, `<U15`.
fn element(kind: &str) -> Option<(char, usize)> {
    let rest = kind.strip_prefix(['<', '|'])?;
    let letter = rest.chars().next()?;
    let size: usize = rest.get(1..)?.parse().ok()?;
    match letter {
        'u' | 'i' if (1..=8).contains(&size) => Some((letter, size)),
        'U' => Some((letter, size.checked_mul(4)?)),
        _ => None,
    }
}

/// Positions in the file of the elements in the order of rows.
fn order(shape: &[usize], by_column: bool) -> Box<dyn Iterator<Item = usize>> {
    let rows = shape.first().copied().unwrap_or(0);
    let columns = shape.get(1).copied().unwrap_or(1);
    match by_column {
        true => Box::new((0..rows).flat_map(move |r| (0..columns).map(move |c| c * rows + r))),
        false => Box::new(0..rows * columns),
    }
}

fn number(cell: &[u8], signed: bool) -> u64 {
    let negative = signed && cell.last().is_some_and(|byte| byte & 0x80 != 0);
    if negative {
        return 0;
    }
    cell.iter()
        .rev()
        .fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// Text of four bytes a character, filled up with zeros.
fn text(cell: &[u8]) -> String {
    let (characters, _) = cell.as_chunks::<4>();
    let codes = characters.iter().map(|code| u32::from_le_bytes(*code));
    codes
        .take_while(|code| *code != 0)
        .filter_map(char::from_u32)
        .collect()
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::io::{Cursor, Write};

    use proptest::prelude::*;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// An npy file of format 1.
    pub(in crate::evaluate::ncsu) fn npy(
        kind: &str,
        order: &str,
        shape: &str,
        data: &[u8],
    ) -> Vec<u8> {
        let header =
            format!("{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    /// An npz file of these arrays.
    pub(in crate::evaluate::ncsu) fn npz(arrays: &[(String, Vec<u8>)]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in arrays {
            let options = SimpleFileOptions::default();
            zip.start_file(format!("{name}.npy"), options).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn both_orders_give_the_same_rows() {
        let by_row = npy(
            "<u2",
            "False",
            "(2, 3)",
            &[1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 1],
        );
        let by_column = npy(
            "<u2",
            "True",
            "(2, 3)",
            &[1, 0, 4, 0, 2, 0, 5, 0, 3, 0, 6, 1],
        );
        let array = parse(&by_row).unwrap();
        assert_eq!(array.shape, [2, 3]);
        assert_eq!(array.elements, Elements::Numbers(vec![1, 2, 3, 4, 5, 262]));
        assert_eq!(parse(&by_column), Ok(array));
    }

    #[test]
    fn texts_and_signed_numbers() {
        let texts = npy(
            "<U2",
            "False",
            "(2,)",
            &[97, 0, 0, 0, 98, 0, 0, 0, 99, 0, 0, 0, 0, 0, 0, 0],
        );
        let texts = parse(&texts).unwrap().elements;
        assert_eq!(texts, Elements::Texts(vec!["ab".into(), "c".into()]));
        let signed = npy("|i1", "False", "(2,)", &[5, 0xff]);
        assert_eq!(
            parse(&signed).unwrap().elements,
            Elements::Numbers(vec![5, 0])
        );
    }

    #[test]
    fn what_is_missing_or_odd_is_named() {
        let npz = npz(&[
            ("short".into(), npy("<u4", "False", "(3,)", &[0; 8])),
            ("float".into(), npy("<f8", "False", "(1,)", &[0; 8])),
        ]);
        let mut archive = ZipArchive::new(Cursor::new(npz)).unwrap();
        let mut error = |name: &str| array(&mut archive, name).unwrap_err().to_string();
        assert_eq!(error("short"), "short: 8 bytes of 12 are there");
        assert_eq!(error("float"), "float: type <f8 is not supported");
        assert!(error("none").starts_with("none: "));
    }

    proptest! {
        #[test]
        fn anything_can_be_parsed(bytes in prop::collection::vec(any::<u8>(), 0..200), shape in "[(), 0-9]{0,30}") {
            let _ = parse(&bytes);
            let _ = parse(&npy("<u8", "True", &shape, &bytes));
        }
    }
}
