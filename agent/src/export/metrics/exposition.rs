//! Families to text: Prometheus 0.0.4 and OpenMetrics 1.0.
//!
//! The `prometheus` crate writes the former; it knows neither the latter nor exemplars.

use std::collections::BTreeMap;
use std::fmt::Write;

use prometheus::TextEncoder;
use prometheus::proto::{LabelPair, MetricFamily, MetricType};

use super::group::Exemplar;
use super::names;

/// Everything that one scrape shows.
pub(super) struct Exposition {
    /// In order of their names.
    pub families: Vec<MetricFamily>,
    /// Events behind the anomaly counters, by the series' labels as written.
    pub exemplars: BTreeMap<String, Exemplar>,
}

impl Exposition {
    /// Text format 0.0.4.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.families)
    }

    /// OpenMetrics 1.0, see <https://prometheus.io/docs/specs/om/open_metrics_spec/>.
    pub fn openmetrics(&self) -> String {
        let mut out = String::new();
        for family in &self.families {
            self.family(&mut out, family);
        }
        out.push_str("# EOF\n");
        out
    }

    fn family(&self, out: &mut String, family: &MetricFamily) {
        let is_counter = family.get_field_type() == MetricType::COUNTER;
        let (name, kind) = if is_counter {
            let name = family.name().strip_suffix("_total");
            (name.unwrap_or(family.name()), "counter")
        } else {
            (family.name(), "gauge")
        };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "# TYPE {name} {kind}");
        let _ = writeln!(out, "# HELP {name} {}", escape(family.help()));
        for metric in family.get_metric() {
            let labels = label_text(metric.get_label());
            if is_counter {
                let value = number(metric.get_counter().get_value());
                let _ = write!(out, "{name}_total{labels} {value}");
                if family.name() == names::ANOMALIES.name
                    && let Some(exemplar) = self.exemplars.get(&labels)
                {
                    let seconds = exemplar.unix_ms as f64 / 1000.0;
                    let id = escape(&exemplar.event_id);
                    let _ = write!(out, " # {{event_id=\"{id}\"}} 1 {seconds}");
                }
                out.push('\n');
            } else {
                let value = number(metric.get_gauge().get_value());
                let _ = writeln!(out, "{name}{labels} {value}");
            }
        }
    }
}

/// Labels in braces; empty without labels.
pub(super) fn label_text(labels: &[LabelPair]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let pairs: Vec<String> = labels
        .iter()
        .map(|pair| format!("{}=\"{}\"", pair.name(), escape(pair.value())))
        .collect();
    format!("{{{}}}", pairs.join(","))
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\\\"),
            '"' => escaped.push_str("\\\""),
            '\n' => escaped.push_str("\\n"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn number(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => value.to_string(),
    }
}
