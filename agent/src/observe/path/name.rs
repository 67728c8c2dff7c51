//! Which parts of a file name machines make up anew each time.

use std::borrow::Cow;

/// Long numbers that belong to a name: the curve of `id_ed25519`.
const FIXED_NUMBERS: &[&str] = &["25519"];

/// Endings of names that carry process ids and counters.
///
/// Prometheus' client for Python keeps a `.db` file a process.
const VOLATILE_ENDINGS: &[&str] = &[".log", ".pid", ".sock", ".lock", ".tmp", ".db"];

/// A word has so many consonants in a row at most.
const MOST_CONSONANTS: usize = 3;

/// The component with its machine-made parts replaced by `*`. `volatile` says that it lies in a directory where such
/// parts are the rule.
pub(super) fn generalise(name: &str, volatile: bool) -> Cow<'_, str> {
    let numbered = volatile || VOLATILE_ENDINGS.iter().any(|ending| name.ends_with(ending));
    let mut current = Cow::Borrowed(name);
    // Replacing one part can lay open another. Each round turns at least one character into a star or drops a star,
    // so this ends.
    loop {
        let next = match temporary(&current, volatile) {
            Some(next) => next,
            None if is_plain(&current) => return current,
            None => numbers(&hashes(&current, volatile), numbered),
        };
        if next == current {
            return current;
        }
        current = Cow::Owned(next);
    }
}

/// Whether a name has neither numbers nor stars, nor enough hyphens for a UUID of letters alone.
fn is_plain(name: &str) -> bool {
    let mut hyphens = 0;
    name.bytes().all(|byte| {
        hyphens += usize::from(byte == b'-');
        !byte.is_ascii_digit() && byte != b'*' && hyphens < 4
    })
}

/// What made [`generalise`] replace a part of this name, in words; `None` where it replaced nothing.
pub(super) fn why(name: &str, volatile: bool) -> Option<&'static str> {
    if generalise(name, volatile) == name {
        None
    } else if temporary(name, volatile).is_some() {
        Some("a temporary name")
    } else if hashes(name, volatile) != name {
        Some("a digest or random identifier")
    } else {
        Some("a number that changes")
    }
}

/// Whether a maker of temporary files gave this name, and no person: `llama.int8q4` has the form of such names too.
pub(super) fn is_temporary(name: &str, volatile: bool) -> bool {
    (name.starts_with('.') || name.starts_with("tmp")) && temporary(name, volatile).is_some()
}

/// Names that temporary-file makers give: a fixed form with a random part of known length and alphabet.
fn temporary(name: &str, volatile: bool) -> Option<String> {
    let with_random = |prefix: &str, length: usize, is_random: fn(&str) -> bool| {
        let (random, after) = name.strip_prefix(prefix)?.split_at_checked(length)?;
        (is_random(random) && (after.is_empty() || after.starts_with('.')))
            .then(|| format!("{prefix}*{after}"))
    };
    // Python's tempfile.
    if let Some(found) = with_random("tmp", 8, is_python_random) {
        return Some(found);
    }
    // mkstemp and mktemp: the random part ends the name.
    if let Some((stem, random)) = name.rsplit_once('.')
        && matches!(random.len(), 6 | 10)
        && is_mixed(random)
    {
        return Some(format!("{stem}.*"));
    }
    if !volatile {
        return None;
    }
    // Python's tempfile tries the folder out with a bare random name, once a process.
    if name.len() == 8 && is_python_random(name) && !is_of_words(name) {
        return Some("*".to_owned());
    }
    // Compilers' intermediate files.
    if let Some(found) = with_random("cc", 6, is_mixed) {
        return Some(found);
    }
    // mkdtemp after a word: `folderBpO1bl`.
    if let Some((word, random)) = name
        .len()
        .checked_sub(6)
        .and_then(|at| name.split_at_checked(at))
        && word.len() >= 3
        && word.bytes().all(|b| b.is_ascii_lowercase())
        && is_mixed(random)
    {
        return Some(format!("{word}*"));
    }
    // Python's multiprocessing directories and shared memory, and POSIX semaphores. They have no ending; whoever calls a
    // program so shows it by its own.
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    for prefix in ["pymp-", "psm_", "sem."] {
        if let Some(rest) = name.strip_prefix(prefix)
            && !rest.is_empty()
            && rest.bytes().all(is_plain)
        {
            return Some(format!("{prefix}*"));
        }
    }
    // A random part of a library's choice after the program's own prefix: `workspace_k2_x81ab.d`.
    let dot = name.get(1..)?.find('.').map_or(name.len(), |at| at + 1);
    let (stem, after) = name.split_at_checked(dot)?;
    for (length, is_random) in [(8, is_python_random as fn(&str) -> bool), (6, is_mixed)] {
        let Some((prefix, random)) = stem
            .len()
            .checked_sub(length)
            .and_then(|at| stem.split_at_checked(at))
        else {
            continue;
        };
        // After a hyphen words are common (`model-download`), so a digit has to prove the randomness there.
        let separated = prefix.ends_with('_')
            || (prefix.ends_with('-') && random.bytes().any(|b| b.is_ascii_digit()));
        if prefix.len() > 1 && separated && is_random(random) {
            return Some(format!("{prefix}*{after}"));
        }
    }
    None
}

/// Could Python's tempfile have made this? Its alphabet is `[a-z0-9_]`; without any letter it is a number.
fn is_python_random(part: &str) -> bool {
    part.bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && part.bytes().any(|b| b.is_ascii_lowercase())
}

/// Words joined by `_`, each with a number behind it or none: letters that nobody can pronounce are no word. One in 25
/// random names passes for words.
fn is_of_words(part: &str) -> bool {
    part.split('_').all(|word| {
        let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
        let consonants: Vec<&str> = letters.split(|c: char| "aeiouy".contains(c)).collect();
        letters.len() > 1
            && letters.bytes().all(|b| b.is_ascii_lowercase())
            && consonants.len() > 1
            && consonants.iter().all(|it| it.len() <= MOST_CONSONANTS)
    })
}

/// Letters and digits mixed as words are not: capitals within, or digits before letters. `config`, `README` and
/// `sha256` are words.
fn is_mixed(part: &str) -> bool {
    let lower = part.bytes().any(|b| b.is_ascii_lowercase());
    let capital_within = part.bytes().skip(1).any(|b| b.is_ascii_uppercase());
    let digit_before_letter = part
        .trim_end_matches(|c: char| c.is_ascii_digit())
        .bytes()
        .any(|b| b.is_ascii_digit());
    part.bytes().all(|b| b.is_ascii_alphanumeric())
        && ((lower && capital_within) || digit_before_letter)
}

/// Replaces UUIDs, hexadecimal digests and long random words.
fn hashes(name: &str, volatile: bool) -> String {
    let words = split(name, |c| c.is_alphanumeric());
    let mut out = String::with_capacity(name.len());
    let mut rest = words.as_slice();
    while let Some((word, tail)) = rest.split_first() {
        if let [a, "-", b, "-", c, "-", d, "-", e, after @ ..] = rest
            // Where a program has put hexadecimal digits of its own before, the first part is longer.
            && a.len() >= 8
            && [b, c, d, e].map(|part| part.len()) == [4, 4, 4, 12]
            && [a, b, c, d, e].iter().all(|part| is_hex(part))
        {
            push_star(&mut out);
            rest = after;
            continue;
        }
        if *word == "*" || is_hash(word, volatile) {
            push_star(&mut out);
        } else {
            out.push_str(word);
        }
        rest = tail;
    }
    out
}

fn is_hex(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Is this whole word a digest or a random identifier?
fn is_hash(word: &str, volatile: bool) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
    if digits + letters != word.len() || digits == 0 {
        return false;
    }
    if is_hex(word) {
        return (letters > 0 && word.len() >= 8) || word.len() >= 16;
    }
    let (length, least_digits) = if volatile { (12, 2) } else { (24, 3) };
    letters > 0 && word.len() >= length && digits >= least_digits
}

/// Replaces counters, process ids, dates and times; versions stay.
fn numbers(name: &str, volatile: bool) -> String {
    let parts = split(name, |c| c.is_ascii_digit());
    let mut out = String::with_capacity(name.len());
    let mut rest = parts.as_slice();
    while let Some((part, mut tail)) = rest.split_first() {
        if !is_number(part) {
            if *part == "*" {
                push_star(&mut out);
            } else {
                out.push_str(part);
            }
            rest = tail;
            continue;
        }
        let mut number = Number {
            text: (*part).to_owned(),
            longest: part.len(),
            groups: 1,
            dotted: false,
        };
        while let [joint @ ("-" | "_" | "." | ":" | "T"), group, after @ ..] = tail
            && is_number(group)
        {
            number.join(joint, group);
            tail = after;
        }
        let followed_by_letter = tail
            .first()
            .is_some_and(|next| next.starts_with(char::is_alphabetic));
        if number.stays(&out, followed_by_letter, volatile) {
            out.push_str(&number.text);
        } else {
            push_star(&mut out);
        }
        rest = tail;
    }
    out
}

fn is_number(part: &str) -> bool {
    part.starts_with(|c: char| c.is_ascii_digit())
}

/// Digit groups joined by single separators: `3.11`, `2026-11-20T19-47-00`, `17`.
struct Number {
    text: String,
    longest: usize,
    groups: usize,
    dotted: bool,
}

impl Number {
    fn join(&mut self, joint: &str, group: &str) {
        self.text.push_str(joint);
        self.text.push_str(group);
        self.longest = self.longest.max(group.len());
        self.groups += 1;
        self.dotted |= joint == ".";
    }

    /// Is this a version or a size, part of the name itself, rather than something counted?
    fn stays(&self, before: &str, followed_by_letter: bool, volatile: bool) -> bool {
        let previous = before.chars().next_back();
        let after_letter = previous.is_some_and(char::is_alphabetic);
        if after_letter && FIXED_NUMBERS.contains(&self.text.as_str()) {
            return true;
        }
        if volatile {
            return after_letter && self.longest <= 2;
        }
        if self.longest > 3 {
            return false;
        }
        if after_letter || self.dotted {
            return true;
        }
        self.groups == 1
            && match previous {
                None => followed_by_letter,
                Some('-' | '_') => true,
                Some('.') => followed_by_letter || before.ends_with(".so."),
                Some(_) => false,
            }
    }
}

/// Splits a name into runs of characters of the class and single characters between them.
fn split(name: &str, in_class: fn(char) -> bool) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let length = if in_class(first) {
            rest.find(|c| !in_class(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (part, tail) = rest.split_at(length);
        parts.push(part);
        rest = tail;
    }
    parts
}

/// Adds a star unless one stands there already.
fn push_star(out: &mut String) {
    if !out.ends_with('*') {
        out.push('*');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn in_a_plain_name_nothing_is_replaced(name in "[a-zA-Z.*_:é0-9-]{0,12}(-[a-f]{2,12}){0,4}", volatile: bool) {
            let slowly = numbers(&hashes(&name, volatile), volatile);
            prop_assert!(!is_plain(&name) || slowly == name);
        }
    }
}
