//! Aligned columns.

use crate::export::text::printable;

/// A header and rows of cells, each column as wide as its widest cell.
pub(super) struct Table<const COLUMNS: usize> {
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    pub(super) fn new(header: [&str; COLUMNS]) -> Self {
        Self {
            rows: vec![header.map(str::to_owned)],
        }
    }

    /// Adds a row; control characters and line breaks are escaped, an empty cell becomes `-`.
    pub(super) fn row(&mut self, cells: [String; COLUMNS]) {
        let cells = cells.map(|cell| match cell.is_empty() {
            true => "-".to_owned(),
            false => printable(&cell),
        });
        self.rows.push(cells);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }

    pub(super) fn to_text(&self) -> String {
        let mut widths = [0; COLUMNS];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        let mut text = String::new();
        for row in &self.rows {
            let cells = row.iter().zip(widths);
            let line: Vec<_> = cells
                .map(|(cell, width)| format!("{cell:width$}"))
                .collect();
            text.push_str(line.join("  ").trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(["NAME", "N", "REST"]);
        assert!(table.is_empty());
        table.row([
            "ä".to_owned(),
            "10".to_owned(),
            "two\n\u{1b}lines".to_owned(),
        ]);
        table.row(["longer".to_owned(), String::new(), String::new()]);
        assert!(!table.is_empty());
        assert_eq!(
            table.to_text(),
            "NAME    N   REST\nä       10  two\\n\\u{1b}lines\nlonger  -   -\n"
        );
    }
}
