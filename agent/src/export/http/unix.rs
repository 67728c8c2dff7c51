//! The Unix socket's file: made privately, replaced only when nobody answers on it, removed at the end.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use super::HttpError;

/// The file of a socket this agent listens on; removed when dropped, unless another has taken its place.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let now = fs::symlink_metadata(&self.path);
        if now.is_ok_and(|m| (m.dev(), m.ino()) == self.identity) {
            // A file that stays behind is recognised as stale at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Listens on `path` with mode 0600.
pub(super) async fn bind(path: &Path) -> Result<(UnixListener, SocketFile), HttpError> {
    let failed = |action: &'static str| {
        move |source: io::Error| HttpError::Socket {
            path: path.to_owned(),
            action,
            source,
        }
    };
    if let Some(directory) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(failed("create its directory"))?;
    }
    refuse_occupied(path).await?;

    // The socket appears under its name only once its mode is set, and in one step.
    let mut new = path.as_os_str().to_owned();
    new.push(format!(".{}", std::process::id()));
    let new = PathBuf::from(new);
    let _ = fs::remove_file(&new);
    let listener = UnixListener::bind(&new).map_err(failed("create the socket"))?;
    let placed = fs::set_permissions(&new, Permissions::from_mode(0o600))
        .and_then(|()| fs::symlink_metadata(&new))
        .and_then(|metadata| fs::rename(&new, path).map(|()| metadata));
    match placed {
        Ok(metadata) => Ok((
            listener,
            SocketFile {
                path: path.to_owned(),
                identity: (metadata.dev(), metadata.ino()),
            },
        )),
        Err(source) => {
            let _ = fs::remove_file(&new);
            Err(failed("put the socket in place")(source))
        }
    }
}

async fn refuse_occupied(path: &Path) -> Result<(), HttpError> {
    match fs::symlink_metadata(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(HttpError::Socket {
            path: path.to_owned(),
            action: "look at what is there",
            source,
        }),
        Ok(metadata) if !metadata.file_type().is_socket() => Err(HttpError::NotASocket {
            path: path.to_owned(),
        }),
        Ok(_) => match UnixStream::connect(path).await {
            Err(cause) if cause.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
            // Whatever else happens, somebody holds it.
            _ => Err(HttpError::SocketInUse {
                path: path.to_owned(),
            }),
        },
    }
}
