//! Reading files that others write, without letting them decide how much memory that takes.

use std::path::{Path, PathBuf};

use tokio::io::AsyncReadExt as _;

/// Largest metadata file or answer that is read, in bytes. Real ones have some tens of kilobytes.
pub const LARGEST: usize = 4 << 20;

/// Why a file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file has more than [`LARGEST`] bytes.
    #[error("{} is larger than {LARGEST} bytes, which no real container record is; it is ignored", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The content is not what it should be.
    #[error("{} is not a valid container record: {source}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Where it is wrong.
        source: serde_json::Error,
    },
}

/// Reads and decodes a JSON file; `None` when there is none.
///
/// # Errors
/// When the file exists but cannot be read, is too large or does not decode.
pub async fn json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    let read = async {
        let file = tokio::fs::File::open(path).await?;
        let mut content = Vec::new();
        file.take(LARGEST as u64 + 1)
            .read_to_end(&mut content)
            .await?;
        Ok(content)
    };
    let path = || path.to_owned();
    let content = match read.await {
        Ok(content) => content,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(source) => {
            return Err(Error::Read {
                path: path(),
                source,
            });
        }
    };
    if content.len() > LARGEST {
        return Err(Error::TooLarge { path: path() });
    }
    serde_json::from_slice(&content)
        .map(Some)
        .map_err(|source| Error::Invalid {
            path: path(),
            source,
        })
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[tokio::test]
    async fn reads_what_is_there_and_names_what_is_wrong() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.json");
        assert_eq!(json::<u32>(&path).await.unwrap(), None);
        assert_eq!(json::<u32>(&path.join("below")).await.unwrap(), None);

        std::fs::write(&path, "42").unwrap();
        assert_eq!(json(&path).await.unwrap(), Some(42));
        assert_eq!(json::<u32>(&path.join("below")).await.unwrap(), None);

        std::fs::write(&path, "[4").unwrap();
        let message = json::<u32>(&path).await.unwrap_err().to_string();
        assert!(message.contains(path.to_str().unwrap()), "{message}");

        let directory_error = json::<u32>(directory.path()).await;
        assert!(matches!(directory_error, Err(Error::Read { .. })));
    }

    #[tokio::test]
    async fn stops_at_the_limit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.json");
        let text = |size: usize| format!("\"{}\"", "x".repeat(size - 2));
        std::fs::write(&path, text(LARGEST)).unwrap();
        assert!(json::<String>(&path).await.unwrap().is_some());
        std::fs::write(&path, text(LARGEST + 1)).unwrap();
        let refused = json::<String>(&path).await;
        assert!(matches!(refused, Err(Error::TooLarge { .. })));
    }
}
