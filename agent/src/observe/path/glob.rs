//! Patterns over absolute paths: `*` is any run of characters within one component, `**` any number of components.

/// A pattern, taken apart once so that many can be held against a path quickly.
#[derive(Clone, Debug)]
pub(super) struct Glob<'a> {
    parts: Vec<Part<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'a> {
    /// This component.
    Is(&'a str),
    /// A component with `*` in it.
    Like(&'a str),
    /// Any number of components.
    Any,
}

impl<'a> Glob<'a> {
    pub(super) fn new(pattern: &'a str) -> Self {
        let part = |part: &'a str| match part {
            "**" => Part::Any,
            part if part.contains('*') => Part::Like(part),
            part => Part::Is(part),
        };
        Self {
            parts: pattern.split('/').map(part).collect(),
        }
    }

    /// Does the pattern match the whole path, given by its components?
    pub(super) fn matches(&self, path: &[&str]) -> bool {
        parts_match(&self.parts, path)
    }
}

/// Does the pattern match the whole path?
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    let literal = pattern.split('*').next().unwrap_or_default();
    if !path.starts_with(literal) {
        return false;
    }
    let path: Vec<&str> = path.split('/').collect();
    Glob::new(pattern).matches(&path)
}

fn parts_match(pattern: &[Part<'_>], path: &[&str]) -> bool {
    let Some((first, rest)) = pattern.split_first() else {
        return path.is_empty();
    };
    match first {
        Part::Any if rest.is_empty() => true,
        // Where no other `**` follows, the rest can only be the end.
        Part::Any if !rest.contains(&Part::Any) => path
            .len()
            .checked_sub(rest.len())
            .and_then(|from| path.get(from..))
            .is_some_and(|end| parts_match(rest, end)),
        Part::Any => (0..=path.len())
            .filter_map(|from| path.get(from..))
            .any(|end| parts_match(rest, end)),
        part => path.split_first().is_some_and(|(name, path)| {
            let fits = match part {
                Part::Is(expected) => expected == name,
                Part::Like(pattern) => component_matches(pattern, name),
                Part::Any => false,
            };
            fits && parts_match(rest, path)
        }),
    }
}

fn component_matches(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(head) else {
        return false;
    };
    let mut rest = rest;
    while let Some((literal, after)) = rest.split_once('*') {
        let Some(position) = name.find(literal) else {
            return false;
        };
        name = name.get(position + literal.len()..).unwrap_or_default();
        rest = after;
    }
    name.ends_with(rest)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_stay_within_a_component_and_double_stars_cross_them() {
        for (pattern, path, expected) in [
            ("/etc/shadow", "/etc/shadow", true),
            ("/etc/shadow", "/etc/shadow/x", false),
            ("/etc/cron*/**", "/etc/cron.d/job", true),
            ("/etc/cron*/**", "/etc/other/cron", false),
            ("/etc/cron*/**", "/etc/cron.d", true),
            ("**/a/**/b", "/x/a/y/a/z/b", true),
            ("**/a/**/b", "/x/b/a", false),
            ("**/a/b/c", "/b/c", false),
            ("**/.ssh/*", "/root/.ssh/id_rsa", true),
            ("**/.ssh/*", "/root/.ssh/a/b", false),
            ("**/.aws/**", "/home/u/.aws/sso/cache/x.json", true),
            ("/usr/lib/**/*.so.*", "/usr/lib/x86_64/libc.so.6", true),
            ("/usr/lib/**/*.so.*", "/usr/lib/libc.so.6", true),
            ("/usr/lib/**/*.so.*", "/usr/lib/libc.sox", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXcYb", false),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} on {path}");
        }
    }
}
