//! Writing to the terminal or the pipe behind it.

use std::io::{self, Write};

use serde::Serialize;

/// Prints text as it is.
pub(super) fn text(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Prints one value as indented JSON.
pub(super) fn json(value: &impl Serialize) -> io::Result<()> {
    text(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// Prints one value as JSON on one line.
pub(super) fn json_line(value: &impl Serialize) -> io::Result<()> {
    text(&format!("{}\n", serde_json::to_string(value)?))
}

/// Prints a message to standard error; one that cannot be printed is lost.
pub(super) fn complain(message: &str) {
    let _ = writeln!(io::stderr(), "{message}");
}

/// `text` without control characters: names, paths and arguments come from watched programs, which must not steer the
/// reader's terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' => c,
            c if c.is_control() || is_direction_override(c) => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}

/// Characters that make text appear in another order than it has.
fn is_direction_override(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        let escaped = printable("a\u{1b}[2Jb\r\tc\u{202e}d\nä");
        assert_eq!(escaped, "a\u{fffd}[2Jb\u{fffd}\u{fffd}c\u{fffd}d\nä");
    }
}
