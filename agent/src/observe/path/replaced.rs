//! What generalisation did to a path, for people.

use super::{bounded, components, generalise, is_volatile, name};
use crate::observe::event::Access;

/// What was replaced in a path and why, in words, in the path's order: `tmpk3x9_a2b is a temporary name`. Empty when the
/// path is compared as it is.
#[must_use]
pub fn replaced(path: &str, access: Access) -> Vec<String> {
    let general = generalise(path, access);
    if general == path {
        return Vec::new();
    }
    if general != bounded(components(path)) {
        let tree = general.trim_end_matches("/**");
        return vec![format!("all that is read below {tree} counts as one")];
    }
    let whole = components(path);
    let pairs = path.split('/').zip(whole.split('/'));
    let mut reasons: Vec<String> = pairs
        .filter(|(raw, name)| raw != name)
        .map(|(raw, _)| {
            let why = name::why(raw, is_volatile(path));
            // What no rule for names replaced was replaced for where it stands.
            let why = why.unwrap_or(match raw {
                "self" | "thread-self" => "a process",
                _ => "the beginning of a digest",
            });
            format!("{raw} is {why}")
        })
        .collect();
    if general != whole {
        reasons.push("it is longer than is compared, so a digest stands for its end".to_owned());
    }
    reasons
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_replacement_has_its_reason() {
        for (path, access, expected) in [
            ("/srv/app.py", Access::Write, &[][..]),
            (
                "/tmp/tmpk3x9_a2b/x",
                Access::Write,
                &["tmpk3x9_a2b is a temporary name"],
            ),
            (
                "/var/log/app.7.log",
                Access::Write,
                &["app.7.log is a number that changes"],
            ),
            (
                "/data/8b0d5f2c-1c1e-4a44-9d67-0b6f6c8f0a11.json",
                Access::Write,
                &["8b0d5f2c-1c1e-4a44-9d67-0b6f6c8f0a11.json is a digest or random identifier"],
            ),
            ("/proc/self/status", Access::Read, &["self is a process"]),
            (
                "/tmp/ab/9f86d081884c7d659a2feaa0c55ad015",
                Access::Write,
                &[
                    "ab is the beginning of a digest",
                    "9f86d081884c7d659a2feaa0c55ad015 is a digest or random identifier",
                ],
            ),
            (
                "/usr/lib/python3.11/json/decoder.py",
                Access::Read,
                &["all that is read below /usr/lib counts as one"],
            ),
        ] {
            assert_eq!(replaced(path, access), expected, "{path}");
        }
        let long = format!("/srv/{}", "a/".repeat(300));
        assert_eq!(replaced(&long, Access::Write).len(), 1);
    }

    proptest! {
        #[test]
        fn whatever_is_replaced_is_explained(path in "(/(tmp|srv|proc|usr|lib|[a-z0-9_.-]{1,20})){0,6}") {
            for access in [Access::Read, Access::Write] {
                let changed = generalise(&path, access) != path;
                prop_assert_eq!(!replaced(&path, access).is_empty(), changed);
            }
        }
    }
}
