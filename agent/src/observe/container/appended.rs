//! Files that are only ever added to, such as logs: what writes over one takes back what was said.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::observe::event::{Access, Action, FileId};
use crate::observe::recent::Recent;

/// Files remembered of one container: some 40 KiB. Beyond that, those added to longest ago give way.
const MOST: usize = 256;

/// The files that were opened to be added to, with the path that each had then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Appended(Recent<FileId, String>);

impl Default for Appended {
    fn default() -> Self {
        Self(Recent::new(MOST))
    }
}

impl Appended {
    /// Takes an open file and tells whether it is one that is only added to, opened so that what is in it may be written
    /// over. Emptying one is no such thing: that begins it anew.
    pub(super) fn is_overwritten(&mut self, action: &Action) -> bool {
        let Action::Open {
            path,
            access: Access::Write,
            flags,
            file,
            ..
        } = action
        else {
            return false;
        };
        let is_set = |flag: i32| flags & flag.cast_unsigned() != 0;
        if is_set(libc::O_APPEND) {
            self.0.set(*file, path.clone());
            return false;
        }
        if is_set(libc::O_TRUNC) || is_set(libc::O_EXCL) {
            self.0.remove(file);
            return false;
        }
        let before = self.0.get(file);
        before.is_some_and(|before| is_kept_name(before, path))
    }
}

/// Whether a file may have got one name after the other by being put aside: `access.log`, `access.log.1`. File systems give
/// a number out again when the file is gone that had it.
fn is_kept_name(before: &str, now: &str) -> bool {
    let parts = |path| {
        let path = Path::new(path);
        let name = path.file_name()?.to_str()?;
        Some((path.parent()?, name.split(['.', '-']).next()?))
    };
    let before = parts(before);
    before.is_some() && before == parts(now)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::observe::event::Place;

    fn opened(path: &str, flags: i32, inode: u64) -> Action {
        Action::Open {
            path: path.to_owned(),
            access: Access::Write,
            truncated: false,
            flags: u32::try_from(flags).unwrap(),
            place: Place::default(),
            file: FileId { device: 1, inode },
        }
    }

    fn appended() -> Appended {
        let mut files = Appended::default();
        let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT;
        assert!(!files.is_overwritten(&opened("/var/log/access.log", flags, 7)));
        files
    }

    #[test]
    fn a_log_that_may_be_written_over_is_noticed_under_its_next_name_too() {
        for path in ["/var/log/access.log", "/var/log/access.log.1"] {
            for flags in [libc::O_RDWR, libc::O_WRONLY | libc::O_CREAT] {
                assert!(appended().is_overwritten(&opened(path, flags, 7)), "{path}");
            }
        }
    }

    #[test]
    fn what_is_added_to_begun_anew_or_another_file_is_none() {
        let read = Action::Open {
            path: "/var/log/access.log".to_owned(),
            access: Access::Read,
            truncated: false,
            flags: 0,
            place: Place::default(),
            file: FileId {
                device: 1,
                inode: 7,
            },
        };
        assert!(!appended().is_overwritten(&read));
        for (path, flags, inode) in [
            ("/var/log/access.log", libc::O_WRONLY | libc::O_APPEND, 7),
            ("/var/log/access.log", libc::O_WRONLY | libc::O_TRUNC, 7),
            ("/var/log/access.log", libc::O_RDWR, 8),
            ("/var/log/index.db", libc::O_RDWR | libc::O_CREAT, 7),
            ("/srv/access.log", libc::O_RDWR, 7),
        ] {
            assert!(
                !appended().is_overwritten(&opened(path, flags, inode)),
                "{path} {flags}"
            );
        }
        for begun in [libc::O_TRUNC, libc::O_CREAT | libc::O_EXCL] {
            let mut files = appended();
            let path = "/var/log/access.log";
            assert!(!files.is_overwritten(&opened(path, libc::O_WRONLY | begun, 7)));
            assert!(!files.is_overwritten(&opened(path, libc::O_RDWR, 7)));
        }
    }
}
