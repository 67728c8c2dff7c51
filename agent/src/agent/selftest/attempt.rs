//! One self-test: what must answer, what has, what could not be tried.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::time::{Duration, Instant};

use super::canary;
use super::evidence::Evidence;
use crate::export::api::selftest::Asked;
use crate::export::view::selftest::{HookView, SelfTestView};
use crate::probe::programs::PROGRAMS;

/// A self-test under way.
pub struct Attempt {
    /// When it began.
    pub began: Instant,
    /// What came out of the probe.
    pub evidence: Evidence,
    /// The hooks that must answer.
    pub wanted: BTreeSet<&'static str>,
    /// What the canary could not do, with the reason, by hook.
    pub failed: BTreeMap<&'static str, String>,
    /// How far it is.
    pub stage: Stage,
    /// Where the answer goes.
    pub answers: Vec<Asked>,
}

/// How far it is.
pub enum Stage {
    /// The canary is at it; so many packets had been received and sent before.
    Acting((u64, u64)),
    /// It has done what it could.
    Acted(Instant),
}

impl Attempt {
    /// One that begins now.
    ///
    /// # Errors
    ///
    /// When there are no random numbers for its name.
    pub fn new(wanted: BTreeSet<&'static str>) -> io::Result<Self> {
        let mut bytes = [0; 3];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        let [a, b, c] = bytes;
        let now = Instant::now();
        Ok(Self {
            began: now,
            // As long as the name of a thread may be.
            evidence: Evidence::of(format!("selftest-{a:02x}{b:02x}{c:02x}")),
            wanted,
            failed: BTreeMap::new(),
            stage: Stage::Acted(now),
            answers: Vec::new(),
        })
    }

    /// Whether a hook has answered.
    pub fn seen(&self, hook: &str) -> bool {
        self.evidence.of_hook(hook).is_some()
    }

    /// Hooks that were tried and have not answered.
    fn missed(&self) -> Vec<&'static str> {
        let waited_for = self.wanted.iter().copied();
        waited_for
            .filter(|hook| !self.seen(hook) && !self.failed.contains_key(hook))
            .collect()
    }

    /// Why it has not passed; `None` where it has.
    pub fn complaint(&self) -> Option<String> {
        let missed = self.missed();
        if !missed.is_empty() {
            return Some(format!("no answer from {}", missed.join(", ")));
        }
        if self.wanted.iter().any(|hook| self.seen(hook)) {
            return None;
        }
        Some(match self.failed.values().next() {
            Some(reason) => format!("nothing could be tried: {reason}"),
            None => "no hook that could be tried is attached".to_owned(),
        })
    }

    /// What is told of it; with a reason where it has failed.
    pub fn view(&self, reason: Option<String>) -> SelfTestView {
        let hooks = PROGRAMS.iter().map(|program| {
            let name = program.name;
            let after = self.evidence.of_hook(name);
            let untried = if !canary::HOOKS.contains(&name) {
                Some("nothing harmless that the agent could do passes it")
            } else if !self.wanted.contains(name) {
                Some("not attached")
            } else {
                self.failed.get(name).map(String::as_str)
            };
            let outcome = match (after, untried) {
                (Some(_), _) => "seen",
                (None, Some(_)) => "untried",
                (None, None) => "missed",
            };
            HookView {
                name: name.to_owned(),
                outcome: outcome.to_owned(),
                after_ms: after.map(milliseconds),
                reason: untried
                    .filter(|_| after.is_none())
                    .unwrap_or_default()
                    .to_owned(),
            }
        });
        SelfTestView {
            passed: reason.is_none(),
            reason: reason.unwrap_or_default(),
            took_ms: milliseconds(self.began.elapsed()),
            hooks: hooks.collect(),
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const AT: Duration = Duration::from_millis(3);

    fn attempt(wanted: &[&'static str]) -> Attempt {
        Attempt::new(wanted.iter().copied().collect()).unwrap()
    }

    fn outcome(view: &SelfTestView, hook: &str) -> (String, Option<u64>, String) {
        let hook = view.hooks.iter().find(|it| it.name == hook).unwrap();
        (hook.outcome.clone(), hook.after_ms, hook.reason.clone())
    }

    #[test]
    fn every_wanted_hook_must_answer() {
        let mut attempt = attempt(&["skb_ingress", "skb_egress", "sys_exit"]);
        attempt.evidence.counted((1, 0), AT);
        assert_eq!(
            attempt.complaint().as_deref(),
            Some("no answer from skb_egress, sys_exit")
        );
        let view = attempt.view(attempt.complaint());
        assert!(!view.passed);
        assert_eq!(
            outcome(&view, "sys_exit"),
            ("missed".into(), None, String::new())
        );
        assert_eq!(
            outcome(&view, "skb_ingress"),
            ("seen".into(), Some(3), String::new())
        );
        assert_eq!(
            outcome(&view, "connect4"),
            ("untried".into(), None, "not attached".into())
        );
        assert_eq!(outcome(&view, "cgroup_mkdir").0, "untried");
        assert_eq!(view.hooks.len(), PROGRAMS.len());
    }

    #[test]
    fn what_could_not_be_tried_is_told_and_not_missed() {
        let mut attempt = attempt(&["skb_egress", "sendmsg6"]);
        attempt.evidence.counted((0, 1), AT);
        attempt.failed.insert("sendmsg6", "no IPv6".to_owned());
        assert_eq!(attempt.complaint(), None);
        let view = attempt.view(None);
        assert!(view.passed);
        assert_eq!(
            outcome(&view, "sendmsg6"),
            ("untried".into(), None, "no IPv6".into())
        );
    }

    #[test]
    fn a_test_of_nothing_does_not_pass() {
        let mut one = attempt(&["sys_exit"]);
        one.failed.insert("sys_exit", "no".to_owned());
        assert_eq!(
            one.complaint().as_deref(),
            Some("nothing could be tried: no")
        );
        let none = attempt(&[]).complaint();
        assert_eq!(
            none.as_deref(),
            Some("no hook that could be tried is attached")
        );
    }

    #[test]
    fn the_nonce_fits_the_name_of_a_thread() {
        assert_eq!(attempt(&[]).evidence.nonce().len(), 15);
    }
}
