//! Where lines go: standard output, or a file that may be rotated away.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Takes lines.
pub(super) trait Output: Send {
    /// Writes `line` and a newline. After an error the next line starts on a fresh line.
    fn write_line(&mut self, line: &str) -> io::Result<()>;
}

/// Standard output, without the buffer of [`io::stdout`], which would keep a failed line and write it later.
pub(super) fn stdout() -> io::Result<Lines<File>> {
    let descriptor = io::stdout().as_fd().try_clone_to_owned()?;
    Ok(Lines::new(File::from(descriptor)))
}

/// A stream that remembers whether its last line was cut off.
pub(super) struct Lines<W> {
    stream: W,
    torn: bool,
}

impl<W> Lines<W> {
    pub fn new(stream: W) -> Self {
        Self {
            stream,
            torn: false,
        }
    }
}

impl<W: Write + Send> Output for Lines<W> {
    fn write_line(&mut self, line: &str) -> io::Result<()> {
        let start = if self.torn { "\n" } else { "" };
        let text = format!("{start}{line}\n");
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    rest = rest.get(written..).unwrap_or_default();
                    self.torn = !rest.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// A file, opened anew when its path no longer leads to it.
pub(super) struct AppendedFile {
    path: PathBuf,
    open: Option<OpenFile>,
}

struct OpenFile {
    lines: Lines<File>,
    identity: (u64, u64),
}

impl AppendedFile {
    /// The file is opened by the first line.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            open: None,
        }
    }

    fn current(&mut self) -> io::Result<&mut OpenFile> {
        let at_path = self.path.metadata().ok().map(|m| (m.dev(), m.ino()));
        let open = match self.open.take() {
            Some(open) if Some(open.identity) == at_path => open,
            _ => {
                let file = OpenOptions::new()
                    .append(true)
                    .create(true)
                    .mode(0o600)
                    .open(&self.path)?;
                let metadata = file.metadata()?;
                OpenFile {
                    lines: Lines::new(file),
                    identity: (metadata.dev(), metadata.ino()),
                }
            }
        };
        Ok(self.open.insert(open))
    }
}

impl Output for AppendedFile {
    fn write_line(&mut self, line: &str) -> io::Result<()> {
        self.current()?.lines.write_line(line)
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        reason = "tests"
    )]

    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_private_and_appended_to() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("findings.log");
        AppendedFile::new(&path).write_line("first").unwrap();
        AppendedFile::new(&path).write_line("second").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "first\nsecond\n");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_rotated_or_removed_file_is_opened_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("findings.log");
        let rotated = dir.path().join("findings.log.1");
        let mut file = AppendedFile::new(&path);
        file.write_line("first").unwrap();
        fs::rename(&path, &rotated).unwrap();
        file.write_line("second").unwrap();
        assert_eq!(fs::read_to_string(&rotated).unwrap(), "first\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "second\n");
        fs::remove_file(&path).unwrap();
        file.write_line("third").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "third\n");
    }

    #[test]
    fn a_full_disk_is_an_error_that_can_pass() {
        let mut file = AppendedFile::new(Path::new("/dev/full"));
        let error = file.write_line("line").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }

    /// Has room for a few bytes, then none, then is emptied.
    struct Small(Vec<u8>, usize);

    impl Write for Small {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let fits = bytes.len().min(self.1);
            if fits == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.1 -= fits;
            self.0.extend_from_slice(&bytes[..fits]);
            Ok(fits)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_after_a_torn_one_starts_afresh() {
        let mut lines = Lines::new(Small(Vec::new(), 8));
        lines.write_line("first").unwrap();
        lines.write_line("second").unwrap_err();
        lines.stream.1 = 100;
        lines.write_line("third").unwrap();
        lines.write_line("fourth").unwrap();
        assert_eq!(lines.stream.0, b"first\nse\nthird\nfourth\n");
    }
}
