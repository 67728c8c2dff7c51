//! Writing HTML in which text stays text.

use crate::export::text::printable;

/// A document under construction.
pub(super) struct Html(String);

impl Html {
    pub fn new() -> Self {
        Self(String::new())
    }

    /// Appends markup, which must not contain anything that was not written here.
    pub fn raw(&mut self, markup: &str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Appends text, escaped for element content and quoted attributes.
    pub fn text(&mut self, text: &str) -> &mut Self {
        for character in printable(text).chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                other => self.0.push(other),
            }
        }
        self
    }

    pub fn into_string(self) -> String {
        self.0
    }
}
