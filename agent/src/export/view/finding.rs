//! Findings as the API shows them.

use serde::{Deserialize, Serialize};

use crate::detect::finding::{BaselineRef, Contribution, Finding, Severity, Technique};
use crate::observe::event::Moment;
use crate::observe::fact::ProcessInfo;
use crate::workload::container::Container;

/// One finding: `/api/v1/findings` and, one a line, `/api/v1/findings/stream`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FindingView {
    /// ULID; the same as `metadata.uid` of the OCSF line and the exemplar's `event_id`.
    pub id: String,
    /// Number of the finding since the agent's start, from 1; a gap is a loss.
    pub sequence: u64,
    /// When it happened, Unix milliseconds.
    pub time_ms: i64,
    /// Severity.
    pub severity: String,
    /// Class.
    pub class: String,
    /// How it was reached.
    pub method: String,
    /// Kubernetes namespace, or the runtime's name.
    pub namespace: String,
    /// Pod name, or the container's name.
    pub pod: String,
    /// Container name.
    pub container: String,
    /// Full container id.
    pub container_id: String,
    /// Kind of the workload.
    pub workload_kind: String,
    /// Workload.
    pub workload: String,
    /// Image reference.
    pub image: String,
    /// Phase of the container.
    pub phase: String,
    /// One sentence for a person.
    pub title: String,
    /// The fact it is about, by its id in the baseline; empty for what is computed over a window.
    pub fact_id: String,
    /// What was judged.
    pub feature: String,
    /// What was observed.
    pub observed: String,
    /// What was expected, with its evidence.
    pub expected: String,
    /// Score in nats.
    pub score: f64,
    /// Score from which a finding is reported.
    pub threshold: f64,
    /// Parts of the score.
    pub contributions: Vec<Contribution>,
    /// The baseline it was judged against.
    pub baseline: BaselineRef,
    /// The process behind it.
    pub process: Option<ProcessView>,
    /// Its ancestors in the container, nearest first.
    pub ancestry: Vec<ProcessView>,
    /// Techniques.
    pub techniques: Vec<Technique>,
    /// First look to take.
    pub next_step: String,
    /// Events of this container lost around that time.
    pub lost_events: u64,
    /// Findings of this container suppressed since the last one reported.
    pub suppressed: u64,
}

impl FindingView {
    /// The view of `finding` in `container`; `boot_ms` is the wall-clock time of `Moment(0)` in Unix milliseconds.
    #[must_use]
    pub fn new(
        finding: &Finding,
        container: &Container,
        id: &str,
        sequence: u64,
        boot_ms: i64,
    ) -> Self {
        let process = |p: &ProcessInfo| ProcessView::new(p, boot_ms);
        Self {
            id: id.to_owned(),
            sequence,
            time_ms: wall_ms(finding.at, boot_ms),
            severity: finding.severity.name().to_owned(),
            class: finding.class.name().to_owned(),
            method: finding.method.name().to_owned(),
            namespace: container.namespace.clone(),
            pod: container.pod.clone(),
            container: container.name.clone(),
            container_id: container.id.clone(),
            workload_kind: container.workload_kind.clone(),
            workload: container.workload.clone(),
            image: container.image.clone(),
            phase: finding.phase.name().to_owned(),
            title: finding.title.clone(),
            fact_id: finding.fact_id.clone(),
            feature: finding.feature.clone(),
            observed: finding.observed.clone(),
            expected: finding.expected.clone(),
            score: finding.score,
            threshold: finding.threshold,
            contributions: finding.contributions.clone(),
            baseline: finding.baseline.clone(),
            process: finding.process.as_ref().map(process),
            ancestry: finding.ancestry.iter().map(process).collect(),
            techniques: finding.techniques.clone(),
            next_step: finding.next_step.clone(),
            lost_events: finding.lost_events,
            suppressed: finding.suppressed,
        }
    }

    /// The severity, when this version knows it.
    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        Severity::ALL
            .into_iter()
            .find(|severity| severity.name() == self.severity)
    }
}

/// Which findings a reader wants; the query of `/api/v1/findings` and `/api/v1/findings/stream`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FindingFilter {
    /// At least this severe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_severity: Option<Severity>,
    /// Of this class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// In this namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Of the container with this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Not before this time, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<i64>,
    /// With a greater [`FindingView::sequence`]; 0 means from the first remembered one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// At most this many, the newest; the stream ignores it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

impl FindingFilter {
    /// Whether `finding` passes; `limit` is not looked at. A severity this version does not know passes.
    #[must_use]
    pub fn matches(&self, finding: &FindingView) -> bool {
        let severe = match (self.min_severity, finding.severity()) {
            (Some(least), Some(severity)) => severity >= least,
            _ => true,
        };
        severe
            && self.class.as_ref().is_none_or(|c| *c == finding.class)
            && self
                .namespace
                .as_ref()
                .is_none_or(|n| *n == finding.namespace)
            && self
                .container
                .as_ref()
                .is_none_or(|c| *c == finding.container)
            && self.since_ms.is_none_or(|since| finding.time_ms >= since)
            && self.after.is_none_or(|after| finding.sequence > after)
    }
}

/// A process as a finding shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessView {
    /// Host pid.
    pub pid: u32,
    /// Executable path, empty when it was never seen.
    pub exe: String,
    /// Thread name.
    pub comm: String,
    /// Arguments, secrets redacted.
    pub argv: Vec<String>,
    /// The script that the executable interprets; empty for other programs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub script: String,
    /// The working directory it was started in; empty when unknown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cwd: String,
    /// When it was started, Unix milliseconds, when that is known.
    pub started_ms: Option<i64>,
}

impl ProcessView {
    /// The view of `process`; `boot_ms` as in [`FindingView::new`].
    #[must_use]
    pub fn new(process: &ProcessInfo, boot_ms: i64) -> Self {
        Self {
            pid: process.pid,
            exe: process.exe.clone(),
            comm: process.comm.clone(),
            argv: process.argv.clone(),
            script: process.script.clone(),
            cwd: process.cwd.clone(),
            started_ms: process.started.map(|at| wall_ms(at, boot_ms)),
        }
    }

    /// The executable's file name, or the thread's name when the executable was never seen.
    #[must_use]
    pub fn name(&self) -> &str {
        match self.exe.rsplit('/').next() {
            Some(name) if !name.is_empty() => name,
            _ => &self.comm,
        }
    }
}

/// Wall-clock time of `at` in Unix milliseconds, where `boot_ms` is that of `Moment(0)`.
#[must_use]
pub fn wall_ms(at: Moment, boot_ms: i64) -> i64 {
    boot_ms.saturating_add_unsigned(at.0 / 1_000_000)
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        reason = "tests"
    )]

    use super::*;

    #[test]
    fn what_another_version_sends_is_read() {
        let view: FindingView = serde_json::from_str(
            r#"{"id":"a","severity":"catastrophic","techniques":[{"id":"T1059"}],"tomorrow":1}"#,
        )
        .unwrap();
        assert_eq!(view.id, "a");
        assert_eq!(view.severity(), None);
        assert_eq!(view.techniques[0].id, "T1059");
    }

    #[test]
    fn the_filter_lets_only_matching_findings_pass() {
        let finding = FindingView {
            severity: "medium".to_owned(),
            class: "file".to_owned(),
            namespace: "ml".to_owned(),
            time_ms: 100,
            ..FindingView::default()
        };
        let pass = |filter: FindingFilter| filter.matches(&finding);
        let filter = FindingFilter::default;
        assert!(pass(filter()));
        for (least, expected) in [
            (Severity::Low, true),
            (Severity::Medium, true),
            (Severity::High, false),
        ] {
            let min_severity = Some(least);
            assert_eq!(
                pass(FindingFilter {
                    min_severity,
                    ..filter()
                }),
                expected
            );
        }
        let class = Some("dns".to_owned());
        assert!(!pass(FindingFilter { class, ..filter() }));
        let namespace = Some("other".to_owned());
        assert!(!pass(FindingFilter {
            namespace,
            ..filter()
        }));
        let container = Some("other".to_owned());
        assert!(!pass(FindingFilter {
            container,
            ..filter()
        }));
        for (since, expected) in [(100, true), (101, false)] {
            let since_ms = Some(since);
            assert_eq!(
                pass(FindingFilter {
                    since_ms,
                    ..filter()
                }),
                expected
            );
        }
    }
}
