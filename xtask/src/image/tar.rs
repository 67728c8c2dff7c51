//! Archives in the ustar format of POSIX.1-1988: as the OCI wants layers, and the same bytes for the same content.

use anyhow::{Result, ensure};

const BLOCK: usize = 512;

/// An archive of files that belong to root and are as old as the epoch.
#[derive(Default)]
pub struct Archive {
    bytes: Vec<u8>,
}

impl Archive {
    /// Adds a folder.
    ///
    /// # Errors
    /// When its name is too long for the format.
    pub fn folder(&mut self, name: &str) -> Result<()> {
        self.header(&format!("{name}/"), 0o755, 0, b'5')
    }

    /// Adds a file.
    ///
    /// # Errors
    /// When its name is too long for the format.
    pub fn file(&mut self, name: &str, mode: u32, content: &[u8]) -> Result<()> {
        self.header(name, mode, content.len(), b'0')?;
        self.bytes.extend_from_slice(content);
        let padding = self.bytes.len().next_multiple_of(BLOCK);
        self.bytes.resize(padding, 0);
        Ok(())
    }

    /// The whole archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.resize(self.bytes.len() + 2 * BLOCK, 0);
        self.bytes
    }

    fn header(&mut self, name: &str, mode: u32, size: usize, kind: u8) -> Result<()> {
        ensure!(
            name.len() <= 100,
            "{name} is too long a name for an archive"
        );
        ensure!(size < 1 << 33, "{name} is too large for an archive");
        let text = |width: usize, text: &str| format!("{text:\0<width$}");
        let octal = |width: usize, number: usize| format!("{number:0width$o}\0", width = width - 1);
        let start = [
            text(100, name),
            octal(8, mode as usize),
            octal(8, 0),
            octal(8, 0),
            octal(12, size),
            octal(12, 0),
        ]
        .concat();
        let end = [
            char::from(kind).to_string(),
            text(100, ""),
            text(6, "ustar"),
            "00".to_owned(),
            text(32, "root"),
            text(32, "root"),
            octal(8, 0),
            octal(8, 0),
            text(155 + 12, ""),
        ]
        .concat();
        // The sum is taken with blanks in its own place.
        let sum = start
            .bytes()
            .chain(end.bytes())
            .map(usize::from)
            .sum::<usize>()
            + 8 * 0x20;
        self.bytes.extend_from_slice(start.as_bytes());
        self.bytes
            .extend_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.bytes.extend_from_slice(end.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;

    /// What tar makes of an archive.
    fn tar(arguments: &[&str], archive: &[u8]) -> Result<String> {
        let mut child = Command::new("tar")
            .args(arguments)
            .env("TZ", "UTC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(archive)?;
        }
        let output = child.wait_with_output()?;
        ensure!(output.status.success(), "tar failed");
        Ok(String::from_utf8(output.stdout)?)
    }

    #[test]
    fn tar_reads_what_was_put_in() -> Result<()> {
        let mut archive = Archive::default();
        archive.folder("usr")?;
        archive.file("usr/a", 0o755, b"content")?;
        archive.file("usr/empty", 0o644, b"")?;
        let archive = archive.finish();
        assert_eq!(archive.len() % BLOCK, 0);
        let listed = tar(&["--list", "--verbose", "--file=-"], &archive)?;
        let lines: Vec<Vec<&str>> = listed
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(
            lines,
            [
                [
                    "drwxr-xr-x",
                    "root/root",
                    "0",
                    "1970-01-01",
                    "00:00",
                    "usr/"
                ],
                [
                    "-rwxr-xr-x",
                    "root/root",
                    "7",
                    "1970-01-01",
                    "00:00",
                    "usr/a"
                ],
                [
                    "-rw-r--r--",
                    "root/root",
                    "0",
                    "1970-01-01",
                    "00:00",
                    "usr/empty"
                ],
            ]
        );
        let content = tar(&["--extract", "--to-stdout", "--file=-", "usr/a"], &archive)?;
        assert_eq!(content, "content");
        Ok(())
    }

    #[test]
    fn names_beyond_the_format_are_refused() {
        assert!(
            Archive::default()
                .file(&"a".repeat(101), 0o644, b"")
                .is_err()
        );
    }
}
