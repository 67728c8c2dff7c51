//! Families to text: Prometheus 0.0.4 and OpenMetrics 1.0.
//!
//! The `prometheus` crate writes the former; it knows neither the latter nor exemplars.

use std::collections::BTreeMap;
use std::fmt::Write;

use prometheus::TextEncoder;
use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};

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
        let (name, kind) = match family.get_field_type() {
            MetricType::COUNTER => {
                let name = family.name().strip_suffix("_total");
                (name.unwrap_or(family.name()), "counter")
            }
            MetricType::HISTOGRAM => (family.name(), "histogram"),
            _ => (family.name(), "gauge"),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "# TYPE {name} {kind}");
        let _ = writeln!(out, "# HELP {name} {}", escape(family.help()));
        for metric in family.get_metric() {
            match family.get_field_type() {
                MetricType::COUNTER => self.counter(out, family, name, metric),
                MetricType::HISTOGRAM => histogram(out, name, metric),
                _ => {
                    let labels = label_text(metric.get_label());
                    let value = number(metric.get_gauge().get_value());
                    let _ = writeln!(out, "{name}{labels} {value}");
                }
            }
        }
    }

    fn counter(&self, out: &mut String, family: &MetricFamily, name: &str, metric: &Metric) {
        let labels = label_text(metric.get_label());
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
    }
}

/// A histogram without labels, as all of ours are.
fn histogram(out: &mut String, name: &str, metric: &Metric) {
    let histogram = metric.get_histogram();
    for bucket in histogram.get_bucket() {
        let (bound, count) = (bucket.upper_bound(), bucket.cumulative_count());
        let _ = writeln!(out, "{name}_bucket{{le=\"{}\"}} {count}", bound_text(bound));
    }
    let count = histogram.get_sample_count();
    let _ = writeln!(out, "{name}_bucket{{le=\"+Inf\"}} {count}");
    let _ = writeln!(out, "{name}_sum {}", number(histogram.get_sample_sum()));
    let _ = writeln!(out, "{name}_count {count}");
}

/// OpenMetrics wants bounds in the form of floating point numbers: `1.0`.
fn bound_text(bound: f64) -> String {
    format!("{bound:?}")
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
