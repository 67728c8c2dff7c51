//! Finding recordings in a directory.

use std::path::{Path, PathBuf};

use super::material::MaterialError;

/// Deepest directory that is looked into.
const DEPTH: usize = 4;

/// The recordings in a directory and below, in the order of their paths.
///
/// # Errors
/// When a directory cannot be read.
pub fn recordings(directory: &Path) -> Result<Vec<PathBuf>, MaterialError> {
    let mut found = Vec::new();
    look(directory, DEPTH, &mut found)?;
    found.sort();
    Ok(found)
}

fn look(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), MaterialError> {
    let failed = |cause| MaterialError::Directory {
        path: directory.to_owned(),
        cause,
    };
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            if depth > 1 {
                look(&path, depth - 1, found)?;
            }
        } else if path.extension().is_some_and(|ending| ending == "picket") {
            found.push(path);
        }
    }
    Ok(())
}
