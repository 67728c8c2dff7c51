//! What tests ask a running agent.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Agent;
use crate::docker::docker;
use crate::wait;

/// A fact of a baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Family: `executable`, `file_read`, …
    pub family: String,
    /// `server` or `runtime`.
    pub origin: String,
    /// The generalised value.
    pub value: String,
}

/// A piece of evidence: something that a container's baseline did not hold when it was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Family: `executable`, `file_read`, …
    pub family: String,
    /// The generalised value.
    pub fact: String,
    /// What was seen, before it was generalised.
    pub raw: String,
    /// All of it, as the API shows it.
    pub json: Value,
}

impl Evidence {
    /// Whether the fact, the raw value or the process tells of `part`.
    #[must_use]
    pub fn tells_of(&self, part: &str) -> bool {
        self.fact.contains(part)
            || self.raw.contains(part)
            || self.json["process"].to_string().contains(part)
    }
}

impl Agent {
    /// The remembered evidence about a container, oldest first.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn evidence(&self, container: &str) -> Result<Vec<Evidence>> {
        let events = self.api(&format!("events?container={container}"))?;
        let evidence = items(&events).iter().filter(|it| it["type"] == "evidence");
        Ok(evidence
            .map(|it| Evidence {
                family: text(it, "family"),
                fact: text(it, "fact"),
                raw: text(it, "raw"),
                json: it.clone(),
            })
            .collect())
    }

    /// Waits until there is evidence of a family about a container.
    ///
    /// # Errors
    /// When that does not happen in time: with the evidence there is.
    pub fn await_evidence(
        &self,
        container: &str,
        family: &str,
        is_it: impl Fn(&Evidence) -> bool,
    ) -> Result<Evidence> {
        let what = format!("evidence of {family} about {container}");
        wait::until(&what, Duration::from_secs(20), || {
            let evidence = self.evidence(container)?.into_iter();
            Ok(evidence
                .filter(|it| it.family == family)
                .find(|it| is_it(it)))
        })
        .with_context(|| {
            let evidence = self.evidence(container).unwrap_or_default().into_iter();
            let lines = evidence.map(|it| format!("{} {} ({})", it.family, it.fact, it.raw));
            format!("evidence:\n{}", lines.collect::<Vec<_>>().join("\n"))
        })
    }

    /// Whether the container's baseline is in a state (`blind`, `learning`, `active`, `frozen`).
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn is_in_state(&self, container: &str, state: &str) -> Result<bool> {
        let labels = [("container", container), ("state", state)];
        Ok(self.metrics()?.sum("picket_baseline_state", &labels) == Some(1.0))
    }

    /// Waits until the container's baseline is in a state.
    ///
    /// # Errors
    /// When that does not happen in time: with what the agent says about the container.
    pub fn await_state(&self, container: &str, state: &str, limit: Duration) -> Result<()> {
        let what = format!("state {state} of {container}");
        wait::until(&what, limit, || {
            Ok(self.is_in_state(container, state)?.then_some(()))
        })
        .with_context(|| format!("{:#}", self.container(container).unwrap_or_default()))
    }

    /// Waits until the container is in a phase of its life.
    ///
    /// # Errors
    /// When that does not happen in time: with what the agent says about the container.
    pub fn await_phase(&self, container: &str, phase: &str, limit: Duration) -> Result<()> {
        let what = format!("phase {phase} of {container}");
        wait::until(&what, limit, || {
            Ok((self.container(container)?["phase"] == phase).then_some(()))
        })
        .with_context(|| format!("{:#}", self.container(container).unwrap_or_default()))
    }

    /// What the agent says about a container; null for one that it does not know.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn container(&self, name: &str) -> Result<Value> {
        let containers = self.api("containers")?;
        let known = items(&containers).iter().find(|it| it["container"] == name);
        Ok(known.cloned().unwrap_or_default())
    }

    /// Anomalies of a container in a class, as `/metrics` counts them; `None` before it has the series.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn anomalies(&self, container: &str, class: &str) -> Result<Option<f64>> {
        let labels = [("container", container), ("class", class)];
        Ok(self.metrics()?.sum("picket_anomalies_total", &labels))
    }

    /// Anomalies of a container in every class.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn all_anomalies(&self, container: &str) -> Result<Option<f64>> {
        let labels = [("container", container)];
        Ok(self.metrics()?.sum("picket_anomalies_total", &labels))
    }

    /// Waits until the agent has judged this many more windows, of a second each.
    ///
    /// # Errors
    /// When it stops judging.
    pub fn await_windows(&self, windows: u32) -> Result<()> {
        let last = || -> Result<Option<f64>> {
            Ok(self
                .metrics()?
                .sum("picket_last_scored_timestamp_seconds", &[]))
        };
        let before = last()?;
        let target = before.context("no time of the last pass")? + f64::from(windows);
        let limit = Duration::from_secs(10) + Duration::from_secs(windows.into()) * 3;
        wait::until("the next windows", limit, || {
            Ok(last()?.filter(|now| *now >= target).map(drop))
        })
    }

    /// What was learned about an image: every fact of its baseline; none where there is no baseline yet.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn facts(&self, image: &str) -> Result<Vec<Fact>> {
        let id = docker(&["image", "inspect", "--format", "{{.Id}}", image])?;
        self.facts_where(|baseline| baseline["image_digest"] == id.as_str())
    }

    /// Every fact of the baselines that the API lists so.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn facts_where(&self, is_it: impl Fn(&Value) -> bool) -> Result<Vec<Fact>> {
        let baselines = self.api("baselines")?;
        let mut facts = Vec::new();
        for baseline in items(&baselines).iter().filter(|it| is_it(it)) {
            let path = format!("baselines/{}", text(baseline, "id"));
            let full = self.api(&path)?;
            facts.extend(items(&full["facts"]).iter().map(|fact| Fact {
                family: text(fact, "family"),
                origin: text(fact, "origin"),
                value: text(fact, "value"),
            }));
        }
        Ok(facts)
    }

    /// Waits until a fact about an image was learned.
    ///
    /// # Errors
    /// When that does not happen in time: with what was.
    pub fn await_fact(&self, image: &str, family: &str, part: &str) -> Result<Fact> {
        let what = format!("learning of {family} {part:?}");
        let is_it = |fact: &Fact| fact.family == family && fact.value.contains(part);
        wait::until(&what, Duration::from_secs(20), || {
            Ok(self.facts(image)?.into_iter().find(is_it))
        })
        .with_context(|| format!("learned: {}", list(&self.facts(image).unwrap_or_default())))
    }
}

/// The facts on a line each, but for system calls, which are many and tell little.
fn list(facts: &[Fact]) -> String {
    let lines: Vec<String> = facts
        .iter()
        .filter(|fact| fact.family != "syscall")
        .map(|fact| format!("{} {} {}", fact.origin, fact.family, fact.value))
        .collect();
    lines.join("\n")
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

fn text(object: &Value, field: &str) -> String {
    object[field].as_str().unwrap_or_default().to_owned()
}
