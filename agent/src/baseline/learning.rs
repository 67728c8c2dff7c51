//! When learning ends: on evidence, per phase and family, and not on a clock.
//!
//! A family of the serve phase matures when enough time and requests were observed and the family then stayed quiet:
//! no new fact for a quarter of the minimum and for a tenth of everything observed. By the rule of three, a quiet
//! tenth bounds the rate of further novelties to about 3 per such tenth, so the bar rises with the experience that
//! the workload still surprises. Quiet time is counted in observed container-seconds: a stopped container or agent
//! proves nothing.
//!
//! Start, load and stop give little time but repeat: they mature after two complete passes. Warm-up and reload judge
//! together with serving (see [`super::neighbours`]), whose evidence the time and requests of warm-up are.

use super::exposure::Totals;
use super::facts::cap;
use super::model::{Baseline, FamilyBaseline, PhaseBaseline};
use super::neighbours::judge_of;
use super::quantity::{counted, duration, grouped};
use crate::observe::fact::{Family, Phase};

/// Complete passes through a short phase that make it mature.
const PASSES: usize = 2;

/// A stop is complete when nothing more was seen of it for this long: beyond the usual termination grace periods.
const STOP_OVER_S: i64 = 300;

/// Families that must mature before the baseline counts as active. Ordinary reads and system call numbers grow with
/// every rare code path and are findings only in special cases, so they mature on their own.
const DECIDING: [Family; 5] = [
    Family::Executable,
    Family::FileWrite,
    Family::Endpoint,
    Family::Listener,
    Family::Privileged,
];

/// How much evidence ends learning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LearningSettings {
    /// Container-seconds to observe in warm-up and serving.
    pub min_duration_s: u64,
    /// Requests to observe in warm-up and serving.
    pub min_requests: u64,
}

impl Default for LearningSettings {
    fn default() -> Self {
        Self {
            min_duration_s: 3600,
            min_requests: 1000,
        }
    }
}

impl LearningSettings {
    /// A part of the evidence, for what does not begin from nothing.
    fn scaled(self, part: f64) -> Self {
        let of = |whole: u64| (whole as f64 * part).ceil() as u64;
        Self {
            min_duration_s: of(self.min_duration_s),
            min_requests: of(self.min_requests),
        }
    }

    fn quiet_needed_s(self, observed_s: u64) -> u64 {
        (self.min_duration_s / 4).max(observed_s / 10)
    }
}

/// State of a whole baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Some deciding family of the serve phase still learns.
    Learning,
    /// Every deciding family of the serve phase judges.
    Active,
    /// The operator ended learning.
    Frozen,
}

/// State of one family in one phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FamilyState {
    /// Gathers evidence.
    Learning,
    /// Judges.
    Active,
    /// Will not mature by itself: the set is full, or new facts keep coming far beyond the minimum.
    Stuck,
}

impl FamilyState {
    /// The state's name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Learning => "learning",
            Self::Active => "active",
            Self::Stuck => "stuck",
        }
    }
}

/// How far learning got.
#[derive(Clone, Debug, PartialEq)]
pub struct FamilyProgress {
    /// Phase.
    pub phase: Phase,
    /// Family.
    pub family: Family,
    /// State.
    pub state: FamilyState,
    /// Share of the evidence that is there, 0 to 1; 1 only when the family judges.
    pub fraction: f64,
    /// What is missing, in words; empty when nothing is.
    pub reason: String,
    /// Facts learned.
    pub facts: usize,
    /// Facts that wait for approval.
    pub pending: usize,
}

/// What a family still lacks.
struct Lack {
    fraction: f64,
    missing: Missing,
    stuck: bool,
}

/// What is missing. It is put into words only where somebody reads them.
enum Missing {
    Room { cap: usize },
    Time { seconds: u64, needed: u64 },
    Requests { requests: u64, needed: u64 },
    Quiet { seconds: u64, needed: u64 },
    Passes { passes: usize, needed: usize },
    Serving,
}

impl Missing {
    fn words(&self) -> String {
        match *self {
            Self::Room { cap } => format!(
                "more than {} different values: the set is full, so what is missing from it means nothing",
                grouped(cap as u64)
            ),
            Self::Time { seconds, needed } => {
                format!("observed {} of {}", duration(seconds), duration(needed))
            }
            Self::Requests { requests, needed } => format!(
                "observed {} of {}",
                grouped(requests),
                counted(needed, "request")
            ),
            Self::Quiet { seconds, needed } => format!(
                "new values keep coming: the last one {} of observation ago, {} needed",
                duration(seconds),
                duration(needed)
            ),
            Self::Passes { passes, needed } => {
                format!("observed {passes} of {needed} complete passes")
            }
            Self::Serving => "waits for the serve phase".to_owned(),
        }
    }
}

impl Baseline {
    /// The overall state.
    #[must_use]
    pub fn state(&self) -> State {
        if self.is_frozen() {
            return State::Frozen;
        }
        let active = |family: &Family| self.judges(Phase::Serve, *family);
        if DECIDING.iter().all(active) {
            State::Active
        } else {
            State::Learning
        }
    }

    /// Since when it judges, Unix seconds; `None` while a deciding family learns, and where the operator ended learning.
    #[must_use]
    pub fn active_since(&self) -> Option<i64> {
        if self.state() != State::Active {
            return None;
        }
        let since = |family: &Family| self.family(Phase::Serve, *family)?.active_since_s;
        DECIDING.iter().filter_map(since).max()
    }

    /// Lets every family mature whose evidence suffices. To be called after each window. A matured family stays so.
    pub fn mature(&mut self, settings: LearningSettings, now_s: i64) {
        if self.is_frozen() {
            return;
        }
        for phase in Phase::ALL {
            if judge_of(phase) != phase {
                continue;
            }
            for family in Family::ALL {
                let matured = self.family(phase, family);
                if matured.is_some_and(|it| it.active_since_s.is_some()) {
                    continue;
                }
                if self.lack(phase, family, settings, now_s).is_none() {
                    let here = self.phases.entry(phase).or_default();
                    let family = here.families.entry(family).or_default();
                    family.active_since_s.get_or_insert(now_s);
                }
            }
        }
    }

    /// How far every family got, in phases that were observed and always in the serve phase.
    #[must_use]
    pub fn progress(&self, settings: LearningSettings, now_s: i64) -> Vec<FamilyProgress> {
        let mut all = Vec::new();
        for phase in Phase::ALL {
            if phase != Phase::Serve && !self.phases.contains_key(&phase) {
                continue;
            }
            for family in Family::ALL {
                let learned = self.family(phase, family);
                let lack = (!self.judges(phase, family))
                    .then(|| self.lack(phase, family, settings, now_s))
                    .flatten();
                all.push(FamilyProgress {
                    phase,
                    family,
                    state: match &lack {
                        None => FamilyState::Active,
                        Some(lack) if lack.stuck => FamilyState::Stuck,
                        Some(_) => FamilyState::Learning,
                    },
                    fraction: lack.as_ref().map_or(1.0, |lack| lack.fraction),
                    reason: lack.map(|lack| lack.missing.words()).unwrap_or_default(),
                    facts: learned.map_or(0, |f| f.facts.len()),
                    pending: learned.map_or(0, |f| f.waiting().count()),
                });
            }
        }
        all
    }

    /// The first deciding family whose learning does not end by itself, while the baseline learns.
    #[must_use]
    pub fn stuck(&self, settings: LearningSettings, now_s: i64) -> Option<FamilyProgress> {
        if self.state() != State::Learning {
            return None;
        }
        let deciding = |it: &FamilyProgress| {
            it.phase == Phase::Serve
                && DECIDING.contains(&it.family)
                && it.state == FamilyState::Stuck
        };
        let progress = self.progress(settings, now_s);
        progress.into_iter().find(deciding)
    }

    fn lack(
        &self,
        phase: Phase,
        family: Family,
        settings: LearningSettings,
        now_s: i64,
    ) -> Option<Lack> {
        if self
            .family(phase, family)
            .is_some_and(|f| f.facts.refused() > 0)
        {
            return Some(Lack {
                fraction: 0.0,
                missing: Missing::Room { cap: cap(family) },
                stuck: true,
            });
        }
        match phase {
            Phase::WarmUp | Phase::Serve | Phase::Reload => self.lack_in_serve(family, settings),
            Phase::Start | Phase::Load | Phase::Stop => self.lack_in_pass(phase, family, now_s),
        }
    }

    fn lack_in_serve(&self, family: Family, settings: LearningSettings) -> Option<Lack> {
        let empty = PhaseBaseline::default();
        let serve = self.phases.get(&Phase::Serve).unwrap_or(&empty);
        let warm_up = self.phases.get(&Phase::WarmUp);
        let warm_up = warm_up.map_or_else(Totals::default, |phase| phase.exposure.totals());
        let served = serve.exposure.totals();
        let seconds = served.seconds.saturating_add(warm_up.seconds);
        let requests = served.requests.saturating_add(warm_up.requests);
        let never = FamilyBaseline::default();
        let learned = serve.families.get(&family).unwrap_or(&never);
        let settings = settings.scaled(learned.evidence_needed());
        let quiet_s = serve.exposure.seconds_since(&learned.last_new);
        let quiet_needed_s = settings.quiet_needed_s(seconds);
        let fraction = share(seconds, settings.min_duration_s)
            .min(share(requests, settings.min_requests))
            .min(share(quiet_s, quiet_needed_s));
        let long = seconds > settings.min_duration_s.saturating_mul(10).max(60);
        let missing = if seconds < settings.min_duration_s {
            let needed = settings.min_duration_s;
            Missing::Time { seconds, needed }
        } else if requests < settings.min_requests {
            let needed = settings.min_requests;
            Missing::Requests { requests, needed }
        } else if quiet_s < quiet_needed_s {
            Missing::Quiet {
                seconds: quiet_s,
                needed: quiet_needed_s,
            }
        } else {
            return None;
        };
        Some(Lack {
            fraction,
            missing,
            stuck: long,
        })
    }

    fn lack_in_pass(&self, phase: Phase, family: Family, now_s: i64) -> Option<Lack> {
        let passes = self.complete_passes(phase, now_s);
        let learned = self.family(phase, family);
        let part = learned.map_or(1.0, FamilyBaseline::evidence_needed);
        let needed = (PASSES as f64 * part).ceil() as usize;
        let missing = if passes < needed {
            Missing::Passes { passes, needed }
        } else if self.state() == State::Learning {
            Missing::Serving
        } else {
            return None;
        };
        Some(Lack {
            fraction: share(passes as u64, needed as u64 + 1),
            missing,
            stuck: false,
        })
    }

    /// Replicas that went through a short phase to its end: on to serving, or, for a stop, to silence.
    fn complete_passes(&self, phase: Phase, now_s: i64) -> usize {
        let Some(here) = self.phases.get(&phase) else {
            return 0;
        };
        let serve = self.phases.get(&Phase::Serve);
        let complete = |replica: &u64, last_s: i64| match phase {
            Phase::Stop => now_s.saturating_sub(last_s) > STOP_OVER_S,
            _ => serve.is_some_and(|serve| serve.visits.contains_key(replica)),
        };
        here.visits
            .iter()
            .filter(|(replica, last_s)| complete(replica, **last_s))
            .count()
    }
}

fn share(have: u64, need: u64) -> f64 {
    if have >= need {
        1.0
    } else {
        have as f64 / need as f64
    }
}

#[cfg(test)]
mod tests;
