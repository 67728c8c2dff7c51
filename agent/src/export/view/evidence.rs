//! Evidence as the API shows it, and the events: evidence and findings in one stream.

use serde::{Deserialize, Serialize};

use super::finding::{FindingView, ProcessView};
use crate::detect::news::News;
use crate::export::history::Evidence;
use crate::export::text;
use crate::observe::fact::{Family, ProcessInfo};

/// One thing that the container's baseline did not hold when it was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EvidenceView {
    /// When it happened, RFC 3339.
    pub time: String,
    /// The same in Unix milliseconds.
    pub time_ms: i64,
    /// Kubernetes namespace, or the runtime's name.
    pub namespace: String,
    /// Pod name, or the container's name.
    pub pod: String,
    /// Container name.
    pub container: String,
    /// Full container id.
    pub container_id: String,
    /// Phase of the container.
    pub phase: String,
    /// Family of the fact.
    pub family: String,
    /// The generalised fact.
    pub fact: String,
    /// What was seen, before it was generalised.
    pub raw: String,
    /// `server` or `runtime`.
    pub origin: String,
    /// The process that did it, where that is known.
    pub process: Option<ProcessView>,
    /// Its ancestors in the container, nearest first.
    pub ancestry: Vec<ProcessView>,
    /// Properties that change how dangerous it is.
    pub marks: Vec<String>,
    /// In what way it was new: `learned`, `refused`, `new`, `pending` or `never_learn`.
    pub status: String,
}

impl EvidenceView {
    /// The view of a piece of evidence.
    #[must_use]
    pub fn new(evidence: &Evidence) -> Self {
        let Evidence {
            container,
            news,
            sighting,
            boot_ms,
        } = evidence;
        let process = |process: &ProcessInfo| ProcessView::new(process, *boot_ms);
        let time_ms = evidence.time_ms();
        Self {
            time: text::time(time_ms),
            time_ms,
            namespace: container.namespace.clone(),
            pod: container.pod.clone(),
            container: container.name.clone(),
            container_id: container.id.clone(),
            phase: sighting.phase.name().to_owned(),
            family: sighting.fact.family.name().to_owned(),
            fact: sighting.fact.value.clone(),
            raw: sighting.raw.clone(),
            origin: sighting.fact.origin.name().to_owned(),
            process: (sighting.process.pid != 0).then(|| process(&sighting.process)),
            ancestry: sighting.ancestry.iter().map(process).collect(),
            marks: sighting.marks.names().map(str::to_owned).collect(),
            status: news.name().to_owned(),
        }
    }
}

/// One event: an item of `/api/v1/events`, a line of `/api/v1/events/stream`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum EventView {
    /// Something new about a container.
    Evidence(Box<EvidenceView>),
    /// A finding.
    Finding(Box<FindingView>),
    /// In a stream: its reader was too slow for this many events, which are no longer remembered.
    Missed {
        /// How many, whatever the reader's filter.
        missed: u64,
    },
}

/// Which events a reader wants; the query of `/api/v1/events` and `/api/v1/events/stream`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventFilter {
    /// Evidence of this family, and no findings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// In this namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Of the container with this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Not before this time, Unix milliseconds. A stream begins with the remembered events from then on; without it,
    /// with the next event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<i64>,
    /// At most this many remembered events, the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// No call sequences that were learned, of which every server makes a thousand.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_learned_sequences: bool,
}

impl EventFilter {
    /// Whether a piece of evidence passes; `limit` is not looked at.
    #[must_use]
    pub fn lets_evidence(&self, evidence: &Evidence) -> bool {
        let Evidence {
            container,
            news,
            sighting,
            ..
        } = evidence;
        let family = sighting.fact.family;
        let is_learned_sequence = family == Family::Sequence && *news == News::Learned;
        self.family
            .as_ref()
            .is_none_or(|wanted| wanted == family.name())
            && !(self.without_learned_sequences && is_learned_sequence)
            && self.lets(&container.namespace, &container.name)
            && self
                .since_ms
                .is_none_or(|since| evidence.time_ms() >= since)
    }

    /// Whether a finding passes; `limit` is not looked at.
    #[must_use]
    pub fn lets_finding(&self, finding: &FindingView) -> bool {
        self.family.is_none()
            && self.lets(&finding.namespace, &finding.container)
            && self.since_ms.is_none_or(|since| finding.time_ms >= since)
    }

    fn lets(&self, namespace: &str, container: &str) -> bool {
        let is = |wanted: &Option<String>, name| wanted.as_deref().is_none_or(|it| it == name);
        is(&self.namespace, namespace) && is(&self.container, container)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use serde_json::{Value, json};

    use super::*;
    use crate::export::sample;

    #[test]
    fn a_line_says_what_it_is() {
        let mut evidence = sample::evidence("/data/new");
        evidence.sighting.marks.scratch = true;
        let line =
            serde_json::to_value(EventView::Evidence(Box::new(EvidenceView::new(&evidence))))
                .unwrap();
        for (field, expected) in [
            ("type", json!("evidence")),
            ("time", json!("2023-11-14T22:14:20.000Z")),
            ("time_ms", json!(1_700_000_060_000_i64)),
            ("namespace", json!("docker")),
            ("container", json!("web")),
            ("phase", json!("serve")),
            ("family", json!("file_read")),
            ("fact", json!("/data/new")),
            ("origin", json!("server")),
            ("marks", json!(["scratch"])),
            ("status", json!("learned")),
        ] {
            assert_eq!(line[field], expected, "{field}");
        }
        assert_eq!(line["process"]["pid"], 4242);
        evidence.sighting.process.pid = 0;
        assert_eq!(EvidenceView::new(&evidence).process, None);
    }

    #[test]
    fn a_finding_keeps_its_shape() {
        let finding = sample::finding();
        let view = FindingView::new(&finding, &sample::container(1, "web"), "id", 1, 0);
        let mut line = serde_json::to_value(EventView::Finding(Box::new(view.clone()))).unwrap();
        assert_eq!(line["type"].take(), "finding");
        line.as_object_mut().unwrap().remove("type");
        assert_eq!(line, serde_json::to_value(&view).unwrap());
        let back: EventView = serde_json::from_value(
            json!({"type": "finding", "id": "id", "severity": "high", "tomorrow": 1}),
        )
        .unwrap();
        assert!(matches!(back, EventView::Finding(finding) if finding.id == "id"));
    }

    #[test]
    fn only_learned_sequences_can_be_left_out() {
        let filter: EventFilter =
            serde_json::from_value(json!({"without_learned_sequences": true})).unwrap();
        for (family, news, passes) in [
            (Family::Sequence, News::Learned, false),
            (Family::Sequence, News::New, true),
            (Family::FileRead, News::Learned, true),
        ] {
            let mut evidence = sample::evidence("/x");
            (evidence.sighting.fact.family, evidence.news) = (family, news);
            assert_eq!(filter.lets_evidence(&evidence), passes, "{family:?}");
            assert!(EventFilter::default().lets_evidence(&evidence));
        }
    }

    #[test]
    fn the_filter_lets_only_matching_events_pass() {
        let evidence = sample::evidence("/data/new");
        let finding = FindingView {
            namespace: "docker".to_owned(),
            container: "web".to_owned(),
            time_ms: 1_700_000_060_000,
            ..FindingView::default()
        };
        for (query, expected) in [
            (json!({}), [true, true]),
            (
                json!({"namespace": "docker", "container": "web"}),
                [true, true],
            ),
            (json!({"namespace": "ml"}), [false, false]),
            (json!({"container": "db"}), [false, false]),
            (json!({"family": "file_read"}), [true, false]),
            (json!({"family": "endpoint"}), [false, false]),
            (json!({"since_ms": 1_700_000_060_000_i64}), [true, true]),
            (json!({"since_ms": 1_700_000_060_001_i64}), [false, false]),
        ] {
            let filter: EventFilter = serde_json::from_value(query.clone()).unwrap();
            let lets = [
                filter.lets_evidence(&evidence),
                filter.lets_finding(&finding),
            ];
            assert_eq!(lets, expected, "{query}");
        }
        serde_json::from_value::<EventFilter>(Value::from_iter([("class", "dns")])).unwrap_err();
    }
}
