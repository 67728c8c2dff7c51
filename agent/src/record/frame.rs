//! Frames: `length, length before compression, CRC-32 of both and the compressed bytes` (little-endian, 4 bytes each),
//! then the bytes, compressed with DEFLATE (RFC 1951).

use std::io::{self, Read, Write as _};

use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// What a recording's first line begins with; the format's version follows.
pub const MAGIC: &str = "picket-recording ";

/// Bytes before a frame's compressed bytes.
pub(super) const HEAD: usize = 12;

/// Longest frame, before compression as after it. A baseline with every set full is the largest entry, below a tenth.
pub(super) const MAX_FRAME: usize = 64 << 20;

/// Why a frame could not be made.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// There is more in it than may be.
    #[error("an entry of {0} bytes is longer than a recording's frame may be ({MAX_FRAME})")]
    TooLong(usize),
    /// It could not be expressed.
    #[error("an entry cannot be written: {0}")]
    Encode(#[from] rmp_serde::encode::Error),
    /// It could not be compressed.
    #[error("a frame cannot be compressed: {0}")]
    Compress(#[from] io::Error),
}

/// A frame with this content.
///
/// # Errors
/// When it is too long.
pub fn seal(payload: &[u8]) -> Result<Vec<u8>, FrameError> {
    let raw = length(payload.len())?;
    let mut encoder = DeflateEncoder::new(vec![0; HEAD], Compression::fast());
    encoder.write_all(payload)?;
    let mut frame = encoder.finish()?;
    let packed = length(frame.len().saturating_sub(HEAD))?;
    let (head, bytes) = frame.split_at_mut(HEAD);
    let mut lengths = [0; 8];
    let (first, second) = lengths.split_at_mut(4);
    first.copy_from_slice(&packed.to_le_bytes());
    second.copy_from_slice(&raw.to_le_bytes());
    let sum = checksum(&lengths, bytes);
    let (to_lengths, to_sum) = head.split_at_mut(8);
    to_lengths.copy_from_slice(&lengths);
    to_sum.copy_from_slice(&sum.to_le_bytes());
    Ok(frame)
}

fn length(bytes: usize) -> Result<u32, FrameError> {
    let fits = u32::try_from(bytes).ok().filter(|_| bytes <= MAX_FRAME);
    fits.ok_or(FrameError::TooLong(bytes))
}

fn checksum(lengths: &[u8], bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(lengths);
    crc.update(bytes);
    crc.sum()
}

/// A frame's head.
struct Head {
    packed: usize,
    raw: usize,
    sum: u32,
    lengths: [u8; 8],
}

impl Head {
    /// The head, unless its lengths are beyond what a frame may have.
    fn parse(bytes: [u8; HEAD]) -> Option<Self> {
        let [a, b, c, d, e, f, g, h, sum @ ..] = bytes;
        let head = Self {
            packed: usize::try_from(u32::from_le_bytes([a, b, c, d])).ok()?,
            raw: usize::try_from(u32::from_le_bytes([e, f, g, h])).ok()?,
            sum: u32::from_le_bytes(sum),
            lengths: [a, b, c, d, e, f, g, h],
        };
        (head.packed <= MAX_FRAME && head.raw <= MAX_FRAME).then_some(head)
    }
}

/// What a reader of frames came to.
#[derive(Debug)]
pub(super) enum Found {
    /// The content of a whole frame.
    Frame(Vec<u8>),
    /// The file's end, where a frame would begin.
    End,
    /// The file's end within a frame.
    CutShort,
    /// A frame that is not what was written.
    Damaged(&'static str),
}

/// Reads the next frame; it holds no more than that frame in memory.
pub(super) fn next(from: &mut impl Read) -> io::Result<Found> {
    let mut head = Vec::with_capacity(HEAD);
    from.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    if head.is_empty() {
        return Ok(Found::End);
    }
    let Ok(head) = <[u8; HEAD]>::try_from(head) else {
        return Ok(Found::CutShort);
    };
    let Some(head) = Head::parse(head) else {
        return Ok(Found::Damaged("a frame's length cannot be"));
    };
    let mut bytes = Vec::new();
    from.by_ref()
        .take(head.packed as u64)
        .read_to_end(&mut bytes)?;
    if bytes.len() < head.packed {
        return Ok(Found::CutShort);
    }
    if checksum(&head.lengths, &bytes) != head.sum {
        return Ok(Found::Damaged("a frame's checksum does not match"));
    }
    let mut payload = Vec::new();
    let unpacked = DeflateDecoder::new(bytes.as_slice())
        .take(head.raw as u64 + 1)
        .read_to_end(&mut payload);
    Ok(match unpacked {
        Ok(length) if length == head.raw => Found::Frame(payload),
        _ => Found::Damaged("a frame cannot be unpacked"),
    })
}

/// Splits a stream of bytes into whole frames, for whoever copies a recording.
#[derive(Debug, Default)]
pub struct Frames {
    pending: Vec<u8>,
    begun: bool,
}

impl Frames {
    /// Takes more bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// The next whole piece: first the recording's beginning up to its header, then frame by frame. `None` when there
    /// is none yet.
    ///
    /// # Errors
    /// When the bytes are no recording.
    pub fn next_piece(&mut self) -> Result<Option<Vec<u8>>, NoRecording> {
        let mut length = 0;
        if !self.begun {
            let Some(line) = self.pending.iter().position(|byte| *byte == b'\n') else {
                return Ok(None);
            };
            if !self.pending.starts_with(MAGIC.as_bytes()) {
                return Err(NoRecording);
            }
            length = line + 1;
        }
        let rest = self.pending.get(length..).unwrap_or_default();
        let Some(head) = rest.first_chunk::<HEAD>() else {
            return Ok(None);
        };
        length += HEAD + Head::parse(*head).ok_or(NoRecording)?.packed;
        if self.pending.len() < length {
            return Ok(None);
        }
        self.begun = true;
        Ok(Some(self.pending.drain(..length).collect()))
    }
}

/// What was read is no recording.
#[derive(Debug, thiserror::Error)]
#[error("what came is no recording; is the agent another version?")]
pub struct NoRecording;
