//! Changes to files other than writing, in comparable form.

use super::errno;
use super::event::Access;
use super::fact::Marks;
use super::{path, syscall};

/// `include/uapi/linux/fcntl.h`, for `unlinkat`.
const AT_REMOVEDIR: u64 = 0x200;
/// `include/uapi/linux/stat.h`.
const SET_UID: u64 = 0o4000;
const SET_GID: u64 = 0o2000;
const ANY_MAY_RUN: u64 = 0o111;

/// One change.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// System call number.
    pub call: u16,
    /// 0, or a negative errno.
    pub result: i32,
    /// The file.
    pub path: &'a str,
    /// The second name of a rename or link.
    pub other: Option<&'a str>,
    /// The call's flags or mode.
    pub detail: u64,
}

/// What a baseline and a finding know of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The comparable form: `rename /a -> /b`, `chmod +x /x`, `unlink /x EACCES`.
    pub value: String,
    /// As it was.
    pub raw: String,
    /// What follows from the paths.
    pub marks: Marks,
    /// Whether the file changed.
    pub done: bool,
}

/// Describes a change. The first word is the operation; the system calls that do the same have one.
#[must_use]
pub fn describe(change: Change<'_>) -> Described {
    let operation = operation(change);
    let with = |path: &dyn Fn(&str) -> String| {
        let mut text = format!("{operation} {}", path(change.path));
        if let Some(other) = change.other {
            text.push_str(" -> ");
            text.push_str(&path(other));
        }
        if change.result < 0 {
            text.push(' ');
            text.push_str(&errno::name(-change.result));
        }
        text
    };
    let mut marks = path::marks(change.path, Access::Write);
    if let Some(other) = change.other {
        let others = path::marks(other, Access::Write);
        marks.model_file |= others.model_file;
        marks.secret_file |= others.secret_file;
        marks.code_path |= others.code_path;
        marks.escape_path |= others.escape_path;
        // Only what stays in scratch places is of no consequence.
        marks.scratch &= others.scratch;
    }
    marks.denied = is_refusal(-change.result);
    Described {
        value: with(&|path| path::generalise(path, Access::Write)),
        raw: with(&str::to_owned),
        marks,
        done: change.result >= 0,
    }
}

/// Was the caller refused? Models lie on file systems that are mounted for reading only.
fn is_refusal(errno: i32) -> bool {
    matches!(errno, libc::EPERM | libc::EACCES | libc::EROFS)
}

/// Was there only nothing, or already something, where the caller looked?
fn is_absence(errno: i32) -> bool {
    matches!(errno, libc::ENOENT | libc::ENOTDIR | libc::EEXIST)
}

fn operation(change: Change<'_>) -> String {
    let call = syscall::name(change.call);
    let name = match call.as_ref() {
        "unlinkat" if change.detail & AT_REMOVEDIR != 0 => "rmdir",
        call => operation_of(call),
    };
    if name != "chmod" {
        return name.to_owned();
    }
    let mut text = name.to_owned();
    for (bits, sign) in [(ANY_MAY_RUN, " +x"), (SET_UID, " u+s"), (SET_GID, " g+s")] {
        if change.detail & bits != 0 {
            text.push_str(sign);
        }
    }
    text
}

/// The operation that a system call does; those that do the same have one.
#[must_use]
pub fn operation_of(call: &str) -> &str {
    match call {
        "renameat" | "renameat2" => "rename",
        "unlinkat" => "unlink",
        "ftruncate" => "truncate",
        "fchmod" | "fchmodat" | "fchmodat2" | "syscall_452" => "chmod",
        "lchown" | "fchown" | "fchownat" => "chown",
        "linkat" => "link",
        "symlinkat" => "symlink",
        "utime" | "utimes" | "futimesat" | "utimensat" => "utimes",
        "mkdirat" => "mkdir",
        "mknodat" => "mknod",
        "lsetxattr" | "fsetxattr" | "setxattrat" | "syscall_463" => "setxattr",
        "lremovexattr" | "fremovexattr" | "removexattrat" | "syscall_466" => "removexattr",
        other => other,
    }
}

/// The comparable form of an open that failed. Where nothing was found, the directory that was searched stands for all
/// names tried in it, since programs look for their libraries in many places; names of credentials stay.
#[must_use]
pub fn failed_open(path: &str, errno: i32, access: Access) -> (String, Marks) {
    let mut marks = path::marks(path, access);
    marks.denied = is_refusal(errno);
    let mut value = path::generalise(path, Access::Read);
    let telling = marks.secret_file || marks.escape_path || marks.model_file;
    if !telling
        && is_absence(errno)
        && !value.ends_with("/**")
        && let Some((directory, _)) = value.rsplit_once('/')
    {
        value = format!("{directory}/*");
    }
    (format!("open {value} {}", errno::name(errno)), marks)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn of(call: i64, result: i32, path: &str, other: Option<&str>, detail: u64) -> Described {
        describe(Change {
            call: u16::try_from(call).unwrap(),
            result,
            path,
            other,
            detail,
        })
    }

    #[test]
    fn the_operation_comes_first_and_an_error_last() {
        for (described, value) in [
            (
                of(libc::SYS_renameat2, 0, "/srv/a.tmp", Some("/srv/a"), 0),
                "rename /srv/a.tmp -> /srv/a",
            ),
            (
                of(libc::SYS_unlinkat, 0, "/tmp/tmpk3x9_a2b", None, 0),
                "unlink /tmp/tmp*",
            ),
            (
                of(libc::SYS_unlinkat, 0, "/srv/d", None, 0x200),
                "rmdir /srv/d",
            ),
            (
                of(libc::SYS_fchmodat, 0, "/srv/x", None, 0o755),
                "chmod +x /srv/x",
            ),
            (
                of(libc::SYS_fchmod, 0, "/srv/x", None, 0o6755),
                "chmod +x u+s g+s /srv/x",
            ),
            (
                of(libc::SYS_fchmodat, 0, "/srv/x", None, 0o644),
                "chmod /srv/x",
            ),
            (
                of(libc::SYS_unlinkat, -13, "/srv/x", None, 0),
                "unlink /srv/x EACCES",
            ),
            (
                of(libc::SYS_ftruncate, 0, "/srv/x", None, 0),
                "truncate /srv/x",
            ),
        ] {
            assert_eq!(described.value, value);
        }
    }

    #[test]
    fn what_happens_to_either_name_counts() {
        let onto = of(libc::SYS_renameat2, 0, "/tmp/x", Some("/models/m.onnx"), 0);
        assert!(onto.marks.model_file && !onto.marks.scratch && onto.done);
        let within = of(libc::SYS_renameat2, 0, "/tmp/x", Some("/tmp/y"), 0);
        assert!(within.marks.scratch);
        let refused = of(libc::SYS_unlinkat, -30, "/models/m.onnx", None, 0);
        assert!(refused.marks.model_file && refused.marks.denied && !refused.done);
    }

    #[test]
    fn a_search_that_finds_nothing_is_one_fact_for_each_directory() {
        for (path, errno, expected) in [
            ("/app/lib/libx.so", libc::ENOENT, "open /app/lib/* ENOENT"),
            ("/app/x.conf", libc::EACCES, "open /app/x.conf EACCES"),
            (
                "/usr/lib/x86_64-linux-gnu/glibc-hwcaps/libm.so.6",
                libc::ENOENT,
                "open /usr/lib/** ENOENT",
            ),
            (
                "/home/u/.aws/credentials",
                libc::ENOENT,
                "open /home/u/.aws/credentials ENOENT",
            ),
            ("x", libc::ENOENT, "open x ENOENT"),
        ] {
            let (value, _) = failed_open(path, errno, Access::Read);
            assert_eq!(value, expected);
        }
        let (_, marks) = failed_open("/root/.ssh/id_rsa", libc::EACCES, Access::Read);
        assert!(marks.secret_file && marks.denied);
    }
}
