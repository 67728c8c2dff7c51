//! Glob patterns: `*` stands for any text, slashes included, and `?` for one character.

/// Whether `pattern` describes the whole of `text`. Takes at most the product of their lengths in steps.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let mut pattern = pattern.chars();
    let mut text = text.chars();
    // After a star: what follows it, and the text from which that was tried last.
    let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let mut after = pattern.clone();
        let mut rest = text.clone();
        match (after.next(), rest.next()) {
            (Some('*'), _) => {
                retry = Some((after.clone(), text.clone()));
                pattern = after;
            }
            (None, None) => return true,
            (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {
                pattern = after;
                text = rest;
            }
            _ => {
                // Let the last star take one character more.
                let Some((after_star, tried)) = &mut retry else {
                    return false;
                };
                if tried.next().is_none() {
                    return false;
                }
                pattern = after_star.clone();
                text = tried.clone();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "any/thing", true),
            ("?", "", false),
            ("?", "é", true),
            ("*vllm*", "registry.example/vllm/vllm-openai:v0.9", true),
            ("*vllm*", "registry.example/vlm", false),
            ("/dev/nvidia*", "/dev/nvidia0", true),
            ("/dev/nvidia?", "/dev/nvidia", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-d", false),
            ("*ab", "aab", true),
            ("**", "a", true),
            ("server", "server", true),
            ("server", "Server", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }

    /// The definition, by recursion.
    fn defined(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', after)), None) => defined(after, text),
            (Some(('*', after)), Some((_, rest))) => defined(after, text) || defined(pattern, rest),
            (Some((wanted, after)), Some((found, rest))) => {
                (*wanted == '?' || wanted == found) && defined(after, rest)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(matches(&pattern, &text), defined(&chars(&pattern), &chars(&text)));
        }
    }
}
