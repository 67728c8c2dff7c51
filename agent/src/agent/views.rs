//! The pipeline's state as the API shows it.

use std::collections::{BTreeMap, BTreeSet};

use picket_ebpf::file_class;

use super::clock;
use super::pipeline::Pipeline;
use super::watched::Watched;
use crate::baseline::decision::Decision;
use crate::baseline::facts::{Seen, fact_id};
use crate::baseline::key::Key;
use crate::baseline::learning::{FamilyState, State as LearningState};
use crate::baseline::model::Baseline;
use crate::baseline::starts::Lives;
use crate::detect::finding::Severity;
use crate::detect::growth::Expectation;
use crate::detect::outlook;
use crate::engine::Store as _;
use crate::export::metrics::State;
use crate::export::view::finding;
use crate::export::view::{
    BaselineView, ContainerView, DecisionView, FactView, FamilyView, FileBytesView, IncidentView,
};
use crate::incident::Status;
use crate::observe::event::{CgroupId, FileClass, Moment};
use crate::observe::fact::{Fact, Family, Origin, Phase};

impl Pipeline {
    /// Every container: watched, blind, and those just ended.
    pub(super) fn container_views(&self) -> Vec<ContainerView> {
        let watched = self
            .watched
            .keys()
            .filter_map(|cgroup| self.container_view(*cgroup, None));
        let blind = self.blind.values().map(|container| ContainerView {
            state: State::Blind.name().to_owned(),
            state_reason: "no free row of counters; raise max_containers".to_owned(),
            ..ContainerView::new(container)
        });
        watched
            .chain(blind)
            .chain(self.ended.iter().cloned())
            .collect()
    }

    /// One watched container.
    pub(super) fn container_view(
        &self,
        cgroup: CgroupId,
        ended: Option<Moment>,
    ) -> Option<ContainerView> {
        let watched = self.watched.get(&cgroup)?;
        let baseline = self.parts.engine.baselines().get(&watched.key)?;
        let (state_reason, progress) = self.progress(baseline);
        Some(ContainerView {
            state: state(baseline).name().to_owned(),
            state_reason,
            progress,
            phase: self
                .parts
                .engine
                .observer(cgroup)?
                .phase()
                .name()
                .to_owned(),
            baseline_id: baseline.id(),
            requests: watched.requests,
            file_bytes: file_bytes(watched),
            findings: watched.findings,
            events_lost: watched.events_lost,
            lost: watched
                .lost
                .iter()
                .map(|(reason, count)| ((*reason).to_owned(), *count))
                .collect(),
            events: watched
                .events
                .iter()
                .map(|(kind, count)| ((*kind).to_owned(), *count))
                .collect(),
            threads: watched.threads.clone(),
            network: watched.traffic.view(),
            resources: watched.used.0.clone(),
            window_ns: watched.used.1,
            ended_ms: ended.map_or(0, wall_ms),
            ..ContainerView::new(&watched.container)
        })
    }

    /// What a learning baseline still waits for, and how far it is.
    fn progress(&self, baseline: &Baseline) -> (String, f64) {
        let now_s = self.parts.engine.seconds(clock::now());
        let slowest = baseline
            .progress(self.parts.learning, now_s)
            .into_iter()
            .filter(|family| family.phase == Phase::Serve && family.state != FamilyState::Active)
            .min_by(|one, other| one.fraction.total_cmp(&other.fraction));
        match slowest {
            Some(family) if baseline.state() == LearningState::Learning => (
                format!("{}: {}", family.family.name(), family.reason),
                family.fraction,
            ),
            _ => (String::new(), 1.0),
        }
    }

    /// Baselines in use whose learning does not end by itself, each with the reason and what to do.
    pub(super) fn stuck(&self) -> Vec<String> {
        let now_s = self.parts.engine.seconds(clock::now());
        let used: BTreeSet<&Key> = self.watched.values().map(|watched| &watched.key).collect();
        let baselines = used
            .into_iter()
            .filter_map(|key| self.parts.engine.baselines().get(key));
        baselines
            .filter_map(|baseline| {
                let family = baseline.stuck(self.parts.learning, now_s)?;
                let id = baseline.id();
                Some(format!(
                    "baseline {id} of {}/{} does not end learning: {}: {}; look at `picket baseline show {id}`, then end it with `picket baseline freeze {id}` or allow in the configuration what changes all the time (`allow`)",
                    baseline.key.namespace,
                    baseline.key.workload,
                    family.family.name(),
                    family.reason
                ))
            })
            .collect()
    }

    /// Every baseline with its facts.
    pub(super) fn baseline_views(&self) -> Vec<BaselineView> {
        let now_s = self.parts.engine.seconds(clock::now());
        self.parts
            .engine
            .baselines()
            .iter()
            .map(|baseline| self.baseline_view(baseline, now_s))
            .collect()
    }

    fn baseline_view(&self, baseline: &Baseline, now_s: i64) -> BaselineView {
        let exposure = baseline.exposure();
        let families = baseline
            .progress(self.parts.learning, now_s)
            .into_iter()
            .map(|family| {
                let Expectation { mean, upper } = outlook::of_family(
                    baseline,
                    family.phase,
                    family.family,
                    Origin::Server,
                    outlook::MONTH,
                );
                (family, mean, upper)
            })
            .map(|(family, mean, upper)| FamilyView {
                expected_per_month: mean,
                at_most_per_month: upper,
                phase: family.phase.name().to_owned(),
                family: family.family.name().to_owned(),
                state: family.state.name().to_owned(),
                facts: family.facts as u64,
                reason: family.reason,
            });
        let mut view = BaselineView {
            id: baseline.id(),
            namespace: baseline.key.namespace.clone(),
            workload: baseline.key.workload.clone(),
            container: baseline.key.container.clone(),
            image_digest: baseline.key.image_digest.clone(),
            state: state(baseline).name().to_owned(),
            version: baseline.version(),
            created_s: baseline.created_s,
            container_seconds: exposure.seconds,
            requests: exposure.requests,
            windows: exposure.windows,
            replicas: exposure.replicas,
            events_lost: exposure.lost,
            frozen: baseline
                .freezing
                .as_ref()
                .filter(|freezing| freezing.frozen)
                .map(|freezing| decision_view(&freezing.decision)),
            predecessor: baseline
                .predecessor
                .as_ref()
                .map(|it| it.id.clone())
                .unwrap_or_default(),
            reset: baseline.reset.as_ref().map(decision_view),
            families: families.collect(),
            facts: Vec::new(),
            pending: Vec::new(),
            inherited: baseline
                .inherited()
                .map(|(phase, fact, seen)| fact_view(phase, fact, seen))
                .collect(),
            starts: baseline
                .starts
                .iter()
                .map(|(id, lives)| start_view(id, lives))
                .collect(),
        };
        for (phase, learned) in &baseline.phases {
            for family in learned.families.values() {
                view.facts.extend(
                    family
                        .facts
                        .iter()
                        .map(|(fact, seen)| fact_view(*phase, fact, seen)),
                );
                view.pending.extend(
                    family
                        .waiting()
                        .map(|(fact, seen)| fact_view(*phase, fact, seen)),
                );
            }
        }
        view
    }

    /// The incidents, newest last.
    pub(super) fn incident_views(&self) -> Vec<IncidentView> {
        let incidents = self.parts.engine.incidents();
        incidents
            .list()
            .map(|incident| IncidentView {
                id: incident.id.as_str().to_owned(),
                state: match incident.status {
                    Status::Open => "open",
                    Status::Closed => "closed",
                }
                .to_owned(),
                severity: incident.severity.name().to_owned(),
                title: incident.title.clone(),
                opened_ms: incident.first_ms,
                updated_ms: incident.last_ms,
                findings: incident.findings.clone(),
            })
            .collect()
    }

    /// The container of each open incident, and the incident's highest severity.
    pub(super) fn open_incidents(&self) -> impl Iterator<Item = (CgroupId, Severity)> {
        let incidents = self.parts.engine.incidents().list();
        incidents
            .filter(|incident| incident.status == Status::Open)
            .map(|incident| (incident.cgroup, incident.severity))
    }

    /// Sets the metrics of one container that follow from its baseline.
    pub(super) fn show_state(&self, cgroup: CgroupId) {
        let Some(watched) = self.watched.get(&cgroup) else {
            return;
        };
        let Watched { container, key, .. } = watched;
        let Some(baseline) = self.parts.engine.baselines().get(key) else {
            return;
        };
        let metrics = &self.parts.metrics;
        metrics.baseline_state(container, state(baseline));
        metrics.baseline_samples(container, baseline.exposure().windows);
        for (model, score, threshold) in self.parts.engine.scores(cgroup) {
            metrics.score(container, model, score, threshold);
        }
    }
}

pub(super) fn state(baseline: &Baseline) -> State {
    match baseline.state() {
        LearningState::Learning => State::Learning,
        LearningState::Active => State::Active,
        LearningState::Frozen => State::Frozen,
    }
}

pub(super) fn fact_view(phase: Phase, fact: &Fact, seen: &Seen) -> FactView {
    FactView {
        phase: phase.name().to_owned(),
        family: fact.family.name().to_owned(),
        origin: fact.origin.name().to_owned(),
        value: fact.value.clone(),
        count: seen.occasions(),
        first_s: seen.first_s,
        last_s: seen.last_s,
        id: fact_id(phase, fact),
        danger: seen.danger.clone().unwrap_or_default(),
        approved: seen.approved.as_ref().map(decision_view),
    }
}

/// A contact at the starts: a fact of theirs that alerts until it is a habit.
fn start_view(id: u64, lives: &Lives) -> FactView {
    FactView {
        phase: Phase::Start.name().to_owned(),
        family: Family::Endpoint.name().to_owned(),
        origin: Origin::Server.name().to_owned(),
        value: lives.contact.clone(),
        count: lives.count() as u64,
        first_s: lives.first_s,
        last_s: lives.last_s,
        id: format!("{id:016x}"),
        danger: match lives.is_habit() {
            true => "no alert at a start",
            false => "alerts",
        }
        .to_owned(),
        approved: None,
    }
}

fn decision_view(decision: &Decision) -> DecisionView {
    DecisionView {
        at_s: decision.at_s,
        by: decision.by.clone(),
        reason: decision.reason.clone(),
    }
}

fn wall_ms(at: Moment) -> i64 {
    finding::wall_ms(at, clock::time().boot_ms)
}

fn file_bytes(watched: &Watched) -> BTreeMap<String, FileBytesView> {
    let (read, written) = &watched.file_bytes;
    FileClass::ALL
        .into_iter()
        .zip(file_class::NAMES)
        .map(|(class, name)| {
            let bytes = FileBytesView {
                read: read.of(class),
                written: written.of(class),
            };
            (name.to_owned(), bytes)
        })
        .filter(|(_, bytes)| *bytes != FileBytesView::default())
        .collect()
}
