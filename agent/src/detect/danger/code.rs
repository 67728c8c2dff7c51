//! Files that hold code, by name.

/// Folders in which everybody may leave files, and which a server's image holds nothing of.
const TEMPORARY: [&str; 4] = ["/tmp/", "/var/tmp/", "/dev/shm/", "/run/shm/"];

/// Endings of what interpreters run and import, alone or as an archive, and of libraries.
const ENDINGS: [&str; 16] = [
    "bash", "egg", "jar", "js", "lua", "mjs", "php", "pl", "py", "pyc", "pyz", "rb", "sh", "so",
    "whl", "zsh",
];

/// Whether a file by this path in a temporary folder is code by its name. No bit tells: what an interpreter reads need not
/// be executable.
pub(super) fn is_temporary_code(path: &str) -> bool {
    let is_temporary = TEMPORARY.iter().any(|folder| path.starts_with(folder));
    let name = path.rsplit('/').next().unwrap_or_default();
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    is_temporary
        && ending.is_some_and(|it| ENDINGS.iter().any(|code| it.eq_ignore_ascii_case(code)))
}

/// Whether a change gives a file such a place and name: a path in front of `->` is where it was before.
pub(super) fn becomes_temporary_code(change: &str) -> bool {
    let Some(paths) = change.strip_prefix("rename ") else {
        return false;
    };
    let to = paths.rsplit_once(" -> ").map_or(paths, |(_, to)| to);
    is_temporary_code(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_in_a_temporary_folder_is_told_by_its_name() {
        for path in ["/tmp/a.py", "/dev/shm/.x/stage2.PYZ", "/var/tmp/libz.so"] {
            assert!(is_temporary_code(path), "{path}");
        }
        for path in [
            "/tmp/tmp3kq2",
            "/tmp/a.py/weights.bin",
            "/tmp/py",
            "/srv/tmp/a.py",
            "/usr/lib/python3/__pycache__/a.pyc",
            "/tmp/upload.json",
        ] {
            assert!(!is_temporary_code(path), "{path}");
        }
    }

    #[test]
    fn a_change_counts_by_where_it_leads() {
        assert!(becomes_temporary_code("rename /tmp/part -> /tmp/a.py"));
        assert!(!becomes_temporary_code("rename /tmp/a.py -> /tmp/part"));
        assert!(!becomes_temporary_code("unlink /tmp/a.py"));
    }
}
