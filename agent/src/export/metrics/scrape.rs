//! The families of single containers, made anew at each scrape so that what has ended disappears as a whole.

use std::collections::BTreeMap;

use prometheus::proto::MetricFamily;

use crate::config::Granularity;
use crate::detect::finding::Severity;

use super::State;
use super::containers::Containers;
use super::exposition::label_text;
use super::families::{Builder, Kind, single};
use super::group::{Detail, Exemplar, Group, Labels, Told};
use super::names;

/// What the containers contribute to a scrape.
pub(super) struct ContainerFamilies {
    pub families: Vec<MetricFamily>,
    pub exemplars: BTreeMap<String, Exemplar>,
}

/// Shows all containers and then counts their series as shown; `containers` should have settled before.
pub(super) fn scrape(containers: &mut Containers) -> ContainerFamilies {
    let mut builders = Builders::new(containers.granularity);
    for (labels, group) in &containers.groups {
        builders.group(labels, group);
    }
    let series = builders.len();
    for (labels, group) in &containers.overflow {
        builders.group(labels, group);
    }
    let Builders {
        anomalies,
        gauges,
        lost,
        exemplars,
    } = builders;
    let Gauges {
        last_anomaly,
        reasons,
        incidents,
        score,
        threshold,
        info,
        first_seen,
        state,
        samples,
    } = gauges;
    let mut by_state = Builder::new(&names::CONTAINERS, Kind::Gauge, &[]);
    for state in State::ALL {
        by_state.add(&[], &[state.name()], containers.count(state) as f64);
    }
    let builders = [
        anomalies,
        last_anomaly,
        reasons,
        incidents,
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
    gauges: Gauges,
    lost: Builder,
    exemplars: BTreeMap<String, Exemplar>,
}

struct Gauges {
    last_anomaly: Builder,
    reasons: Builder,
    incidents: Builder,
    score: Builder,
    threshold: Builder,
    info: Builder,
    first_seen: Builder,
    state: Builder,
    samples: Builder,
}

impl Builders {
    fn new(granularity: Granularity) -> Self {
        let owner = names::container(granularity);
        let counter = |family| Builder::new(family, Kind::Counter, owner);
        let gauge = |family| Builder::new(family, Kind::Gauge, owner);
        Self {
            anomalies: counter(&names::ANOMALIES),
            gauges: Gauges {
                last_anomaly: gauge(&names::LAST_ANOMALY),
                reasons: gauge(&names::LAST_ANOMALY_INFO),
                incidents: gauge(&names::INCIDENT_OPEN),
                score: gauge(&names::SCORE),
                threshold: gauge(&names::THRESHOLD),
                info: gauge(&names::CONTAINER_INFO),
                first_seen: gauge(&names::FIRST_SEEN),
                state: gauge(&names::BASELINE_STATE),
                samples: gauge(&names::BASELINE_SAMPLES),
            },
            lost: counter(&names::CONTAINER_EVENTS_LOST),
            exemplars: BTreeMap::new(),
        }
    }

    fn len(&self) -> usize {
        self.anomalies.len() + self.gauges.len() + self.lost.len()
    }

    fn group(&mut self, Labels(owner): &Labels, group: &Group) {
        for ((class, severity), count) in &group.counts {
            let values = [class.name(), severity.name()];
            self.anomalies.add(owner, &values, count.value as f64);
            if let Some(exemplar) = &count.exemplar {
                let text = label_text(&self.anomalies.labels(owner, &values));
                self.exemplars.insert(text, exemplar.clone());
            }
        }
        for (reason, count) in &group.lost {
            self.lost.add(owner, &[reason], *count as f64);
        }
        self.gauges.group(owner, group);
    }
}

impl Gauges {
    fn len(&self) -> usize {
        let builders = [
            &self.last_anomaly,
            &self.reasons,
            &self.incidents,
            &self.score,
            &self.threshold,
            &self.info,
            &self.first_seen,
            &self.state,
            &self.samples,
        ];
        builders.into_iter().map(Builder::len).sum()
    }

    fn group(&mut self, owner: &[String], group: &Group) {
        for (severity, unix_ms) in &group.last_anomaly {
            self.last_anomaly
                .add(owner, &[severity.name()], seconds(*unix_ms));
        }
        for (class, told) in &group.reasons {
            let Told {
                severity,
                event_id,
                reason,
                ..
            } = told;
            self.reasons.add(
                owner,
                &[class.name(), severity.name(), event_id, reason],
                1.0,
            );
        }
        for severity in Severity::ALL {
            let open = group.open_incidents.contains(&severity);
            self.incidents
                .add(owner, &[severity.name()], f64::from(u8::from(open)));
        }
        if let Some(detail) = &group.detail {
            self.detail(owner, detail);
        }
    }

    fn detail(&mut self, owner: &[String], detail: &Detail) {
        let container = &detail.container;
        self.info.add(
            owner,
            &[
                &container.pod_uid,
                &container.id,
                &container.image,
                container.digest(),
                &container.workload_kind,
                &container.workload,
                container.runtime.name(),
                &container.serving_stack,
            ],
            1.0,
        );
        self.first_seen
            .add(owner, &[], seconds(container.discovered_ms));
        for state in State::ALL {
            let present = f64::from(u8::from(state == detail.state));
            self.state.add(owner, &[state.name()], present);
        }
        self.samples.add(owner, &[], detail.samples as f64);
        for (model, verdict) in detail.scores() {
            self.score.add(owner, &[model], verdict.score);
            self.threshold.add(owner, &[model], verdict.threshold);
        }
    }
}

fn seconds(unix_ms: i64) -> f64 {
    unix_ms as f64 / 1000.0
}
