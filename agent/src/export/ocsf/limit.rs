//! Keeping an event within a size that log pipelines accept.

use serde_json::Value;

/// Most bytes of one line.
pub(super) const MAX_BYTES: usize = 16 * 1024;

/// Bytes of a string, as written, below which it is never cut: longer than any id or digest.
const SHORTEST_CUT: usize = 128;

/// Items of an array that are always kept.
const FEWEST_ITEMS: usize = 4;

/// Cuts long strings and arrays, the longest first, until `event` fits, and says so in its metadata.
pub(super) fn fit(event: &mut Value) {
    let size = event.to_string().len();
    if size <= MAX_BYTES {
        return;
    }
    if let Some(metadata) = event.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("is_truncated".to_owned(), true.into());
        metadata.insert("untruncated_size".to_owned(), size.into());
    }
    let (mut bytes, mut items) = (MAX_BYTES / 4, 64);
    while event.to_string().len() > MAX_BYTES && (bytes > SHORTEST_CUT || items > FEWEST_ITEMS) {
        bytes = (bytes / 2).max(SHORTEST_CUT);
        items = (items / 2).max(FEWEST_ITEMS);
        cut(event, bytes, items);
    }
}

fn cut(value: &mut Value, bytes: usize, items: usize) {
    match value {
        Value::String(text) => cut_text(text, bytes),
        Value::Array(array) => {
            array.truncate(items);
            array.iter_mut().for_each(|item| cut(item, bytes, items));
        }
        Value::Object(object) => object.values_mut().for_each(|item| cut(item, bytes, items)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Cuts `text` so that it takes at most `bytes` bytes in JSON, with `…` at its end.
fn cut_text(text: &mut String, bytes: usize) {
    let end_mark = '…';
    let mut written = 0;
    let mut keep = 0;
    for (at, character) in text.char_indices() {
        written += match character {
            '"' | '\\' => 2,
            '\u{0}'..='\u{1f}' => 6,
            other => other.len_utf8(),
        };
        if written > bytes {
            text.truncate(keep);
            text.push(end_mark);
            return;
        }
        if written + end_mark.len_utf8() <= bytes {
            keep = at + character.len_utf8();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        reason = "tests"
    )]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cut_text_fits_and_begins_like_the_whole(text in any::<String>(), bytes in 3_usize..64) {
            let mut cut = text.clone();
            cut_text(&mut cut, bytes);
            let written = Value::from(cut.as_str()).to_string().len() - 2;
            if cut != text {
                prop_assert!(written <= bytes);
                prop_assert!(text.starts_with(cut.strip_suffix('…').unwrap()));
            }
            let whole = Value::from(text.as_str()).to_string().len() - 2;
            if whole <= bytes && !text.contains(|c: char| c.is_control()) {
                prop_assert_eq!(cut, text);
            }
        }
    }

    #[test]
    fn a_small_event_stays_as_it_is() {
        let event = serde_json::json!({"metadata": {}, "text": "x".repeat(10_000)});
        let mut fitted = event.clone();
        fit(&mut fitted);
        assert_eq!(fitted, event);
    }
}
