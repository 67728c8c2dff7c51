//! The families of single containers, made anew at each scrape so that what has ended disappears as a whole.

use std::collections::BTreeMap;

use prometheus::proto::MetricFamily;

use super::State;
use super::containers::Containers;
use super::exposition::label_text;
use super::families::{Builder, Kind, labels, single};
use super::group::{Detail, Exemplar, Group, Labels};
use super::names;

/// What the containers contribute to a scrape.
pub(super) struct ContainerFamilies {
    pub families: Vec<MetricFamily>,
    pub exemplars: BTreeMap<String, Exemplar>,
}

/// Shows all containers and then counts their series as shown; `containers` should have settled before.
pub(super) fn scrape(containers: &mut Containers) -> ContainerFamilies {
    let mut builders = Builders::new();
    for (labels, group) in &containers.groups {
        builders.group(labels, group);
    }
    let series = builders.len();
    for (labels, group) in &containers.overflow {
        builders.group(labels, group);
    }
    let Builders {
        anomalies,
        last_anomaly,
        score,
        threshold,
        info,
        first_seen,
        state,
        samples,
        lost,
        exemplars,
    } = builders;
    let mut by_state = Builder::new(&names::CONTAINERS, Kind::Gauge);
    for state in State::ALL {
        by_state.add(&[state.name()], containers.count(state) as f64);
    }
    let builders = [
        anomalies,
        last_anomaly,
        score,
        threshold,
        info,
        first_seen,
        state,
        samples,
        lost,
        by_state,
    ];
    let mut families: Vec<MetricFamily> = builders.into_iter().filter_map(Builder::build).collect();
    families.push(single(&names::SERIES, Kind::Gauge, series as f64));
    containers.shown();
    ContainerFamilies {
        families,
        exemplars,
    }
}

struct Builders {
    anomalies: Builder,
    last_anomaly: Builder,
    score: Builder,
    threshold: Builder,
    info: Builder,
    first_seen: Builder,
    state: Builder,
    samples: Builder,
    lost: Builder,
    exemplars: BTreeMap<String, Exemplar>,
}

impl Builders {
    fn new() -> Self {
        Self {
            anomalies: Builder::new(&names::ANOMALIES, Kind::Counter),
            last_anomaly: Builder::new(&names::LAST_ANOMALY, Kind::Gauge),
            score: Builder::new(&names::SCORE, Kind::Gauge),
            threshold: Builder::new(&names::THRESHOLD, Kind::Gauge),
            info: Builder::new(&names::CONTAINER_INFO, Kind::Gauge),
            first_seen: Builder::new(&names::FIRST_SEEN, Kind::Gauge),
            state: Builder::new(&names::BASELINE_STATE, Kind::Gauge),
            samples: Builder::new(&names::BASELINE_SAMPLES, Kind::Gauge),
            lost: Builder::new(&names::CONTAINER_EVENTS_LOST, Kind::Counter),
            exemplars: BTreeMap::new(),
        }
    }

    fn len(&self) -> usize {
        let builders = [
            &self.anomalies,
            &self.last_anomaly,
            &self.score,
            &self.threshold,
            &self.info,
            &self.first_seen,
            &self.state,
            &self.samples,
            &self.lost,
        ];
        builders.into_iter().map(Builder::len).sum()
    }

    fn group(&mut self, labels: &Labels, group: &Group) {
        let Labels {
            namespace,
            pod,
            container,
        } = labels;
        for ((class, severity), count) in &group.counts {
            let values = [namespace, pod, container, class.name(), severity.name()];
            self.anomalies.add(&values, count.value as f64);
            if let Some(exemplar) = &count.exemplar {
                let text = label_text(&self::labels(&names::ANOMALIES, &values));
                self.exemplars.insert(text, exemplar.clone());
            }
        }
        for (severity, unix_ms) in &group.last_anomaly {
            let values = [namespace, pod, container, severity.name()];
            self.last_anomaly.add(&values, seconds(*unix_ms));
        }
        for (reason, count) in &group.lost {
            self.lost
                .add(&[namespace, pod, container, reason], *count as f64);
        }
        if let Some(detail) = &group.detail {
            self.detail([namespace, pod, container], detail);
        }
    }

    fn detail(&mut self, id: [&str; 3], detail: &Detail) {
        let [namespace, pod, name] = id;
        let container = &detail.container;
        self.info.add(
            &[
                namespace,
                pod,
                name,
                &container.pod_uid,
                &container.id,
                &container.image,
                &container.image_digest,
                &container.workload_kind,
                &container.workload,
                container.runtime.name(),
            ],
            1.0,
        );
        self.first_seen.add(&id, seconds(container.discovered_ms));
        for state in State::ALL {
            let present = f64::from(u8::from(state == detail.state));
            self.state
                .add(&[namespace, pod, name, state.name()], present);
        }
        self.samples.add(&id, detail.samples as f64);
        for (model, verdict) in detail.scores() {
            let values = [namespace, pod, name, model];
            self.score.add(&values, verdict.score);
            self.threshold.add(&values, verdict.threshold);
        }
    }
}

fn seconds(unix_ms: i64) -> f64 {
    unix_ms as f64 / 1000.0
}
