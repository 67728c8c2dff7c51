//! Patterns over absolute paths: `*` is any run of characters within one component, `**` any number of components.

use std::str::Split;

/// Does the pattern match the whole path?
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    components_match(pattern.split('/'), path.split('/'))
}

fn components_match(mut pattern: Split<'_, char>, mut path: Split<'_, char>) -> bool {
    loop {
        match pattern.next() {
            None => return path.next().is_none(),
            Some("**") => loop {
                if components_match(pattern.clone(), path.clone()) {
                    return true;
                }
                if path.next().is_none() {
                    return false;
                }
            },
            Some(expected) => match path.next() {
                Some(name) if component_matches(expected, name) => {}
                _ => return false,
            },
        }
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
