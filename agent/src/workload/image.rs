//! Parts of an image reference: `registry/repository:tag@sha256:digest`.

/// The reference without tag and digest. An image id (`sha256:…`) is its own name.
#[must_use]
pub fn repository(reference: &str) -> &str {
    let tagged = reference.split('@').next().unwrap_or(reference);
    match tagged.rsplit_once(':') {
        // In `localhost:5000/serve` the colon belongs to the registry.
        Some((repository, tag)) if !tag.contains('/') && repository != "sha256" => repository,
        _ => tagged,
    }
}

/// The digest that the reference is pinned to, or the image id that it is.
#[must_use]
pub fn digest(reference: &str) -> Option<&str> {
    let last = reference.rsplit('@').next()?;
    let hash = last.strip_prefix("sha256:")?;
    is_sha256(hash).then_some(last)
}

/// Whether `text` is a SHA-256 in hex digits.
#[must_use]
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    const ID: &str = "sha256:4d4b49dcf9104400e66aa22582cdf6ecfb6ffefaa942fb18f630207343b39000";

    #[test]
    fn repositories() {
        for (reference, expected) in [
            ("serve", "serve"),
            ("serve:v1", "serve"),
            ("wl/serve:v1", "wl/serve"),
            ("localhost:5000/serve", "localhost:5000/serve"),
            ("localhost:5000/serve:v1", "localhost:5000/serve"),
            ("registry.example/serve@sha256:ab", "registry.example/serve"),
            (
                "registry.example:443/serve:v1@sha256:ab",
                "registry.example:443/serve",
            ),
            (ID, ID),
            ("8febe6f1529a", "8febe6f1529a"),
            ("", ""),
        ] {
            assert_eq!(repository(reference), expected);
        }
    }

    #[test]
    fn digests() {
        assert_eq!(digest(ID), Some(ID));
        assert_eq!(digest(&format!("wl/serve:v1@{ID}")), Some(ID));
        assert_eq!(digest("wl/serve:v1"), None);
        assert_eq!(digest("wl/serve@sha256:ab"), None);
    }

    proptest! {
        #[test]
        fn a_repository_has_no_tag_left(name in "[a-z]{1,8}(:[0-9]{2,5})?/[a-z/]{1,12}[a-z]", tag in "[a-zA-Z0-9_.-]{1,12}") {
            let tagged = format!("{name}:{tag}");
            let pinned = format!("{tagged}@{ID}");
            prop_assert_eq!(repository(&tagged), &name);
            prop_assert_eq!(repository(&pinned), &name);
            prop_assert_eq!(repository(&name), &name);
        }

        #[test]
        fn never_panics(text in "\\PC*") {
            let _ = repository(&text);
            let _ = digest(&text);
        }
    }
}
