//! Rare privileged system calls in comparable form.

mod arguments;
#[cfg(test)]
mod tests;

use super::{errno, syscall};

/// A privileged call, generalised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Privileged {
    /// Canonical form: `mount denied EPERM`, `unshare CLONE_NEWUSER ok`.
    pub value: String,
    /// The call with its arguments and result.
    pub raw: String,
    /// The kernel or a seccomp filter refused it.
    pub denied: bool,
}

/// The comparable form of a call; `None` for the ordinary uses of calls that have privileged ones, such as a `clone`
/// without new namespaces. `result` is 0 or positive, or a negative errno; `texts` are the arguments that are texts.
#[must_use]
pub fn call(call: u16, result: i64, args: [u64; 3], texts: &[String; 3]) -> Option<Privileged> {
    let name = syscall::name(call);
    let shapes = arguments::of(&name);
    let mut asked = None;
    let mut shown = Vec::new();
    for ((shape, value), text) in shapes.iter().zip(args).zip(texts) {
        if matches!(shape, arguments::Shape::Absent) {
            continue;
        }
        let words = shape.words(value, text);
        if shape.tells() {
            if words.is_empty() {
                return None;
            }
            asked = Some(words.clone());
        }
        shown.push(if words.is_empty() {
            format!("{value:#x}")
        } else {
            words
        });
    }
    let error = error_of(result);
    let denied = error.is_some_and(is_refusal);
    let outcome = match error {
        None => "ok".to_owned(),
        Some(error) if denied => format!("denied {}", errno::name(error)),
        Some(error) => format!("failed {}", errno::name(error)),
    };
    let returned = error.map_or_else(
        || result.to_string(),
        |error| format!("-1 {}", errno::name(error)),
    );
    let asked = asked.map(|asked| format!(" {asked}")).unwrap_or_default();
    Some(Privileged {
        value: format!("{name}{asked} {outcome}"),
        raw: format!("{name}({}) = {returned}", shown.join(", ")),
        denied,
    })
}

/// The comparable form of a socket put in the place of standard input, output or error.
#[must_use]
pub fn socket_to_stdio(fd: u32) -> Privileged {
    let name = match fd {
        0 => "standard input",
        1 => "standard output",
        2 => "standard error",
        _ => "a descriptor",
    };
    Privileged {
        value: format!("socket on fd {fd}"),
        raw: format!("a socket was duplicated onto {name} (fd {fd})"),
        denied: false,
    }
}

/// The kernel's error of a result: -1 to -4095 (include/linux/err.h, `MAX_ERRNO`).
fn error_of(result: i64) -> Option<i32> {
    (-4095..0)
        .contains(&result)
        .then(|| i32::try_from(-result).ok())
        .flatten()
}

/// Seccomp profiles answer with EPERM, or with ENOSYS where a program shall fall back on an older call.
fn is_refusal(errno: i32) -> bool {
    matches!(errno, libc::EPERM | libc::EACCES | libc::ENOSYS)
}
