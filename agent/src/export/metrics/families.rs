//! Building metric families by hand, for series that are made anew at each scrape.

use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

use super::names::Family;

/// Type of a family.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Counter,
    Gauge,
}

/// Collects the samples of one family.
pub(super) struct Builder {
    family: &'static Family,
    kind: Kind,
    /// Names of the labels before the family's own.
    owner: &'static [&'static str],
    samples: Vec<Metric>,
}

impl Builder {
    pub fn new(family: &'static Family, kind: Kind, owner: &'static [&'static str]) -> Self {
        Self {
            family,
            kind,
            owner,
            samples: Vec::new(),
        }
    }

    /// Adds a sample; `owner` are the values of the labels before the family's own, `values` of the latter.
    pub fn add(&mut self, owner: &[String], values: &[&str], value: f64) {
        let labels = self.labels(owner, values);
        self.samples.push(sample(labels, self.kind, value));
    }

    /// The labels of a sample.
    pub fn labels(&self, owner: &[String], values: &[&str]) -> Vec<LabelPair> {
        debug_assert_eq!(owner.len(), self.owner.len(), "{}", self.family.name);
        debug_assert_eq!(
            values.len(),
            self.family.labels.len(),
            "{}",
            self.family.name
        );
        let own = self.family.labels.iter().zip(values.iter().copied());
        let before = self.owner.iter().zip(owner.iter().map(String::as_str));
        before
            .chain(own)
            .map(|(name, value)| {
                let mut pair = LabelPair::default();
                pair.set_name((*name).to_owned());
                pair.set_value(value.to_owned());
                pair
            })
            .collect()
    }

    /// Number of samples added.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// The family; `None` when it has no samples, as the text format has no use for one.
    pub fn build(self) -> Option<MetricFamily> {
        (!self.samples.is_empty()).then(|| assemble(self.family, self.kind, self.samples))
    }
}

/// A family of one sample without labels.
pub(super) fn single(family: &Family, kind: Kind, value: f64) -> MetricFamily {
    assemble(family, kind, vec![sample(Vec::new(), kind, value)])
}

fn sample(labels: Vec<LabelPair>, kind: Kind, value: f64) -> Metric {
    let mut metric = Metric::from_label(labels);
    match kind {
        Kind::Counter => {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        }
        Kind::Gauge => {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
    }
    metric
}

fn assemble(family: &Family, kind: Kind, samples: Vec<Metric>) -> MetricFamily {
    let mut built = MetricFamily::default();
    built.set_name(family.name.to_owned());
    built.set_help(family.help.to_owned());
    built.set_field_type(match kind {
        Kind::Counter => MetricType::COUNTER,
        Kind::Gauge => MetricType::GAUGE,
    });
    built.set_metric(samples);
    built
}
