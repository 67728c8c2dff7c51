//! Writing to the terminal or the pipe behind it.

use std::io::{self, Write};

use anyhow::Context;
use serde::Serialize;

/// Prints text as it is.
pub(super) fn text(text: &str) -> anyhow::Result<()> {
    bytes(text.as_bytes())
}

/// Prints bytes as they are.
pub(super) fn bytes(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .context("cannot write to standard output")
}

/// Prints text on one line.
pub(super) fn line(line: &str) -> anyhow::Result<()> {
    text(&format!("{line}\n"))
}

/// Prints one value as indented JSON.
pub(super) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    text(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// Prints one value as JSON on one line.
pub(super) fn json_line(value: &impl Serialize) -> anyhow::Result<()> {
    line(&serde_json::to_string(value)?)
}

/// Prints a message to standard error; one that cannot be printed is lost.
pub(super) fn complain(message: &str) {
    let _ = writeln!(io::stderr(), "{message}");
}
