//! The self-test: the agent does something harmless and must see it through its own probe, from the hooks through the ring
//! to the decoded event.
//!
//! For the moment of the canary the agent's own cgroup is watched under a mark of its own. What comes out under that mark
//! ends here: it reaches no container, no baseline, no recording and no counter of events.

mod attempt;
mod canary;
mod evidence;

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use self::attempt::{Attempt, Stage};
use super::clock;
use super::pipeline::Pipeline;
use crate::export::api::selftest::Asked;
use crate::observe::event::{CgroupId, Event};
use crate::probe::Probe;
use crate::workload::own_cgroup;

/// How soon after the agent is ready the first self-test comes.
pub const FIRST: Duration = Duration::from_secs(1);
/// How often it comes from then on.
pub const PERIOD: Duration = Duration::from_secs(300);

/// The hooks must have answered within this time.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same where system calls are sampled: up to eight seconds may pass in which they are not watched.
const SAMPLED_PATIENCE: Duration = Duration::from_secs(10);
/// What has not answered after this time is tried again: others in the agent's cgroup may have used up its share of a ring.
const ROUND: Duration = Duration::from_millis(400);
/// Records are handed on when they are so old that no earlier one can still be on its way.
const SETTLING: Duration = Duration::from_millis(5);

/// A canary has done what it could.
pub struct Acted {
    nonce: String,
    /// What it could not do, with the reason, by hook.
    failed: BTreeMap<&'static str, String>,
}

/// The self-test's state.
pub struct SelfTest {
    acted: mpsc::UnboundedSender<Acted>,
    running: Option<Attempt>,
    /// Where the agent's own cgroup was when it was last looked for.
    path: Option<String>,
}

impl SelfTest {
    /// None yet. Canaries say through `acted` that they have done what they could.
    pub const fn new(acted: mpsc::UnboundedSender<Acted>) -> Self {
        Self {
            acted,
            running: None,
            path: None,
        }
    }

    /// Takes up an event of the agent's own cgroup.
    pub fn saw(&mut self, event: &Event) {
        if let Some(running) = &mut self.running {
            running.evidence.saw(event, running.began.elapsed());
        }
    }
}

impl Pipeline {
    /// Begins a self-test, or joins the one that runs.
    pub fn self_test(&mut self, answer: Option<Asked>) {
        if let Some(running) = &mut self.self_test.running {
            running.answers.extend(answer);
            return;
        }
        match Attempt::new(testable(&self.parts.probe)) {
            Ok(running) => {
                let running = self.self_test.running.insert(running);
                running.answers.extend(answer);
                self.act();
            }
            Err(error) => {
                self.parts.metrics.self_test_failed();
                tracing::error!(%error, "The self-test cannot begin: /dev/urandom cannot be read.");
            }
        }
    }

    /// A canary has done what it could: its cgroup is what it was before.
    pub fn canary_acted(&mut self, acted: Acted) {
        let Some(running) = &mut self.self_test.running else {
            return;
        };
        if running.evidence.nonce() != acted.nonce {
            return;
        }
        if let Stage::Acting((received, sent)) = running.stage
            && let Ok((now_received, now_sent)) = self.parts.probe.canary_packets()
        {
            let packets = (
                now_received.saturating_sub(received),
                now_sent.saturating_sub(sent),
            );
            running.evidence.counted(packets, running.began.elapsed());
        }
        running.failed = acted.failed;
        running.stage = Stage::Acted(Instant::now());
        self.parts.probe.unwatch_canary();
    }

    /// Goes on with the self-test, if one runs. To be called after the rings were drained.
    pub fn follow_self_test(&mut self) {
        let patience = match self.parts.probe.sampled() {
            Some(_) => SAMPLED_PATIENCE,
            None => PATIENCE,
        };
        let Some(running) = &self.self_test.running else {
            return;
        };
        let is_late = running.began.elapsed() >= patience;
        match running.stage {
            Stage::Acting(_) if is_late => {
                self.end_self_test(Some("the canary does not end".to_owned()));
            }
            Stage::Acting(_) => {}
            Stage::Acted(at) if at.elapsed() < SETTLING => {}
            Stage::Acted(at) => match running.complaint() {
                None => self.end_self_test(None),
                complaint if is_late => self.end_self_test(complaint),
                Some(_) if at.elapsed() >= ROUND => self.act(),
                Some(_) => {}
            },
        }
    }

    /// Puts the agent's own cgroup back as it was, whatever runs.
    pub fn abandon_self_test(&mut self) {
        self.self_test.running = None;
        self.parts.probe.unwatch_canary();
    }

    /// Has a canary do what the hooks that have not answered yet must see.
    fn act(&mut self) {
        if let Err(reason) = self.try_to_act() {
            self.end_self_test(Some(reason));
        }
    }

    fn try_to_act(&mut self) -> Result<(), String> {
        let cgroup = self.agents_cgroup()?;
        let Some(running) = &mut self.self_test.running else {
            return Ok(());
        };
        let probe = &mut self.parts.probe;
        probe
            .watch_canary(cgroup)
            .map_err(|error| format!("the agent's own cgroup cannot be watched: {error}"))?;
        let packets = probe
            .canary_packets()
            .map_err(|error| format!("the probe's counters cannot be read: {error}"))?;
        running.stage = Stage::Acting(packets);
        let wanted: BTreeSet<&'static str> = running
            .wanted
            .iter()
            .copied()
            .filter(|hook| !running.seen(hook))
            .collect();
        let (nonce, done) = (
            running.evidence.nonce().to_owned(),
            self.self_test.acted.clone(),
        );
        thread::Builder::new()
            .name(nonce.clone())
            .spawn(move || {
                let failed = canary::act(&nonce, |hook| wanted.contains(hook));
                // The receiver is gone only when the agent stops.
                let _ = done.send(Acted { nonce, failed });
            })
            .map(drop)
            .map_err(|error| format!("no thread can be started: {error}"))
    }

    /// The cgroup that the agent is in.
    fn agents_cgroup(&mut self) -> Result<CgroupId, String> {
        let hierarchy = &self.parts.hierarchy;
        let known = self.self_test.path.take();
        let path = known
            .filter(|path| own_cgroup::is_at(hierarchy, path))
            .or_else(|| own_cgroup::path(hierarchy))
            .ok_or_else(|| {
                format!(
                    "no cgroup below {} has the agent in it",
                    hierarchy.root().display()
                )
            })?;
        let id = hierarchy
            .id_of(&path)
            .map_err(|error| format!("the agent's own cgroup {path} cannot be read: {error}"));
        self.self_test.path = Some(path);
        id
    }

    fn end_self_test(&mut self, complaint: Option<String>) {
        self.parts.probe.unwatch_canary();
        let Some(mut running) = self.self_test.running.take() else {
            return;
        };
        let view = running.view(complaint);
        if view.passed {
            self.parts.metrics.self_test_passed(clock::wall_ms());
            tracing::debug!(took_ms = view.took_ms, "The self-test has passed.");
        } else {
            self.parts.metrics.self_test_failed();
            tracing::error!(reason = %view.reason, "The self-test failed: what containers do may not be seen either.");
        }
        for answer in running.answers.drain(..) {
            // Whoever asked may have gone.
            let _ = answer.send(view.clone());
        }
    }
}

/// The attached hooks that a canary passes.
fn testable(probe: &Probe) -> BTreeSet<&'static str> {
    let attached = probe.attachments().iter().filter(|it| it.error.is_none());
    attached
        .map(|it| it.probe)
        .filter(|name| canary::HOOKS.contains(name))
        .collect()
}
