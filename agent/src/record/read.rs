//! Reading recordings, a frame at a time.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use serde::de::DeserializeOwned;

use super::frame::{self, Found, MAGIC};
use super::{End, Entry, FORMAT, Header};
use crate::engine::Input;

/// Longest first line.
const MAX_LINE: u64 = 64;

/// Why a recording cannot be read, or not any further.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file system refuses.
    #[error("cannot read recording {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// It is another kind of file.
    #[error("{} is no recording; `picket record` makes them", path.display())]
    NotARecording {
        /// The file.
        path: PathBuf,
    },
    /// A newer agent wrote it.
    #[error(
        "recording {} has format version {found}, and this program reads up to {FORMAT}; replay it with the version that \
         wrote it",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format version.
        found: u32,
    },
    /// It is not what was once written.
    #[error("recording {} is damaged in its frame {frame}: {cause}; what comes before is good", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Number of the frame, the header's being 0.
        frame: u64,
        /// What is wrong with it.
        cause: &'static str,
    },
    /// It holds what this program does not understand.
    #[error(
        "recording {} has in its frame {frame} what this program does not understand: {cause}; agent {agent} wrote it, \
         replay it with that version",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Number of the frame.
        frame: u64,
        /// Version of the agent that wrote it.
        agent: String,
        /// What is not understood.
        cause: String,
    },
}

/// How a recording ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// In good order; what is missing after its last input is told.
    Ended(End),
    /// Whoever wrote it was interrupted: it is good up to here.
    CutShort,
}

/// Reads one recording.
#[derive(Debug)]
pub struct Reader<R> {
    path: PathBuf,
    from: R,
    header: Header,
    frame: u64,
    payload: Vec<u8>,
    position: usize,
    ending: Option<Ending>,
}

impl Reader<BufReader<File>> {
    /// Opens a recording.
    ///
    /// # Errors
    /// When it cannot be read, is none, or is a newer agent's.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let file = File::open(path).map_err(|cause| ReadError::Unreadable {
            path: path.to_owned(),
            cause,
        })?;
        Self::new(BufReader::new(file), path)
    }
}

impl<R: BufRead> Reader<R> {
    /// Begins to read a recording; `path` is for errors.
    ///
    /// # Errors
    /// When it cannot be read, is none, or is a newer agent's.
    pub fn new(mut from: R, path: &Path) -> Result<Self, ReadError> {
        let none = || ReadError::NotARecording {
            path: path.to_owned(),
        };
        let mut line = Vec::new();
        from.by_ref()
            .take(MAX_LINE)
            .read_until(b'\n', &mut line)
            .map_err(|cause| ReadError::Unreadable {
                path: path.to_owned(),
                cause,
            })?;
        let version: u32 = std::str::from_utf8(&line)
            .ok()
            .and_then(|line| line.strip_prefix(MAGIC)?.strip_suffix('\n')?.parse().ok())
            .ok_or_else(none)?;
        if version > FORMAT {
            return Err(ReadError::Newer {
                path: path.to_owned(),
                found: version,
            });
        }
        let damaged = |cause| ReadError::Damaged {
            path: path.to_owned(),
            frame: 0,
            cause,
        };
        let payload = match frame::next(&mut from).map_err(|cause| ReadError::Unreadable {
            path: path.to_owned(),
            cause,
        })? {
            Found::Frame(payload) => payload,
            Found::Damaged(cause) => return Err(damaged(cause)),
            Found::End | Found::CutShort => return Err(damaged("it ends before its header does")),
        };
        let header = rmp_serde::from_slice(&payload).map_err(|cause| ReadError::Foreign {
            path: path.to_owned(),
            frame: 0,
            agent: "of an unknown version".to_owned(),
            cause: cause.to_string(),
        })?;
        Ok(Self {
            path: path.to_owned(),
            from,
            header,
            frame: 0,
            payload: Vec::new(),
            position: 0,
            ending: None,
        })
    }

    /// What the recording begins with.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// How the recording ends, once [`Reader::next_input`] gave `None`.
    #[must_use]
    pub fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// The next input; `None` at the end.
    ///
    /// # Errors
    /// When the recording is damaged or not understood here. What was read before is good.
    pub fn next_input(&mut self) -> Result<Option<Input>, ReadError> {
        loop {
            if self.ending.is_some() {
                return Ok(None);
            }
            if self.position >= self.payload.len() {
                self.next_frame()?;
                continue;
            }
            match self.value()? {
                Entry::Input(input) => return Ok(Some(input)),
                Entry::End(end) => self.ending = Some(Ending::Ended(end)),
            }
        }
    }

    fn next_frame(&mut self) -> Result<(), ReadError> {
        let found = frame::next(&mut self.from).map_err(|cause| ReadError::Unreadable {
            path: self.path.clone(),
            cause,
        })?;
        match found {
            Found::Frame(payload) => {
                self.frame += 1;
                self.payload = payload;
                self.position = 0;
                Ok(())
            }
            Found::End | Found::CutShort => {
                self.ending = Some(Ending::CutShort);
                Ok(())
            }
            Found::Damaged(cause) => {
                self.frame += 1;
                Err(self.damaged(cause))
            }
        }
    }

    fn value<T: DeserializeOwned>(&mut self) -> Result<T, ReadError> {
        let mut rest = self.payload.get(self.position..).unwrap_or_default();
        let value = T::deserialize(&mut rmp_serde::Deserializer::new(&mut rest));
        self.position = self.payload.len().saturating_sub(rest.len());
        value.map_err(|cause| ReadError::Foreign {
            path: self.path.clone(),
            frame: self.frame,
            agent: self.header.agent.clone(),
            cause: cause.to_string(),
        })
    }

    fn damaged(&self, cause: &'static str) -> ReadError {
        ReadError::Damaged {
            path: self.path.clone(),
            frame: self.frame,
            cause,
        }
    }
}

/// The end of a recording, where this frame holds it.
#[must_use]
pub fn end_in(mut frame: &[u8]) -> Option<End> {
    let Ok(Found::Frame(payload)) = frame::next(&mut frame) else {
        return None;
    };
    let mut rest = payload.as_slice();
    while !rest.is_empty() {
        match Entry::deserialize(&mut rmp_serde::Deserializer::new(&mut rest)) {
            Ok(Entry::End(end)) => return Some(end),
            Ok(Entry::Input(_)) => {}
            Err(_) => return None,
        }
    }
    None
}
