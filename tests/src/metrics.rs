//! Prometheus' text format, as far as asserting on it needs.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

/// One line: a series and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Metric name.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Value.
    pub value: f64,
}

/// One scrape.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Its samples, in order.
    pub samples: Vec<Sample>,
}

impl Metrics {
    /// Reads a scrape.
    ///
    /// # Errors
    /// With the first line that is neither a comment nor a sample.
    pub fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().map(str::trim);
        let samples = lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| parse_sample(line).with_context(|| format!("not a sample: {line:?}")))
            .collect::<Result<_>>()?;
        Ok(Self { samples })
    }

    /// The samples of a metric whose labels include these.
    pub fn select<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |sample| {
            let has = |(name, value): &(&str, &str)| {
                sample.labels.get(*name).is_some_and(|found| found == value)
            };
            sample.name == name && labels.iter().all(has)
        })
    }

    /// Sum over the samples of a metric whose labels include these; `None` when there are none.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.select(name, labels)
            .map(|sample| sample.value)
            .reduce(|left, right| left + right)
    }
}

fn parse_sample(line: &str) -> Option<Sample> {
    let name_end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(name_end);
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = parse_labels(inside, &mut labels)?;
    }
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample {
        name: name.to_owned(),
        labels,
        value,
    })
}

/// Reads up to the closing brace and returns what follows.
fn parse_labels<'a>(text: &'a str, labels: &mut BTreeMap<String, String>) -> Option<&'a str> {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(after) = rest.strip_prefix('}') {
            return Some(after);
        }
        let (name, after) = rest.split_once("=\"")?;
        let (value, after) = parse_quoted(after)?;
        labels.insert(name.to_owned(), value);
        rest = after;
    }
}

/// Reads up to the closing quote, undoing escapes, and returns what follows.
fn parse_quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => return Some((value, characters.as_str())),
            '\\' => match characters.next()? {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
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

    #[test]
    fn reads_a_scrape() {
        let text = "# HELP a_total Help.\n# TYPE a_total counter\na_total{x=\"1\",y=\"b \\\"}\\\\\"} 3\n\
                    a_total{x=\"2\",y=\"c\",} 4.5 1700000000000\nplain 1e3\n";
        let metrics = Metrics::parse(text).unwrap();
        assert_eq!(metrics.sum("a_total", &[]), Some(7.5));
        assert_eq!(metrics.sum("a_total", &[("x", "2")]), Some(4.5));
        assert_eq!(metrics.sum("a_total", &[("y", "b \"}\\")]), Some(3.0));
        assert_eq!(metrics.sum("plain", &[]), Some(1000.0));
        assert_eq!(metrics.sum("absent", &[]), None);
        assert_eq!(metrics.sum("a_total", &[("x", "3")]), None);
    }

    #[test]
    fn names_the_line_it_cannot_read() {
        for line in ["name", "name{x=\"1\" 2", "name x"] {
            let error = Metrics::parse(line).unwrap_err().to_string();
            assert!(error.contains("not a sample"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = Metrics::parse(&text);
        }

        #[test]
        fn any_label_value_is_read_back(value in "(?s).*", number in -1e9..1e9f64) {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let metrics = Metrics::parse(&format!("m{{l=\"{escaped}\"}} {number}")).unwrap();
            prop_assert_eq!(&metrics.samples[0].labels["l"], &value);
            prop_assert_eq!(metrics.samples[0].value, number);
        }
    }
}
