//! Many runs, several at a time.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};

use super::Schedule;
use super::learned::Learned;
use super::learning::learn;
use super::outcome::Outcome;
use super::parallel;
use super::peers::Peers;
use super::rejudge;
use super::run::run;
use super::scenario::{Class, Kind, Scenario, Set};
use crate::image;

/// Runs begin so far apart, so that their servers do not all start at once.
const STAGGER: Duration = Duration::from_secs(4);

/// A scenario on a server with a seed.
#[derive(Clone, Debug)]
pub struct Case {
    /// The scenario.
    pub scenario: Scenario,
    /// The server.
    pub server: Kind,
    /// The seed.
    pub seed: u64,
}

impl fmt::Display for Case {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            scenario,
            server,
            seed,
        } = self;
        write!(
            to,
            "{} {} on {}, seed {seed}",
            scenario.id,
            scenario.name,
            server.name()
        )
    }
}

/// Which cases are wanted. Of ids, classes, sets and servers, none named stands for all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Choice<'a> {
    /// Ids of scenarios.
    pub ids: &'a [String],
    /// Their classes.
    pub classes: &'a [Class],
    /// Their sets.
    pub sets: &'a [Set],
    /// Servers.
    pub servers: &'a [Kind],
    /// Seeds; without one there is no case.
    pub seeds: &'a [u64],
}

/// The cases of the scenarios that are wanted: each on each of its servers that is, with each seed.
///
/// # Errors
/// When no scenario has one of the ids.
pub fn cases(scenarios: &[Scenario], choice: Choice<'_>) -> Result<Vec<Case>> {
    let Choice {
        ids,
        classes,
        sets,
        servers,
        seeds,
    } = choice;
    for id in ids {
        ensure!(
            scenarios.iter().any(|it| it.id.eq_ignore_ascii_case(id)),
            "no scenario is called {id}; there are {}",
            scenarios
                .iter()
                .map(|it| it.id.as_str())
                .collect::<Vec<_>>()
                .join(" ")
        );
    }
    let wanted = |it: &&Scenario| {
        (ids.is_empty() || ids.iter().any(|id| it.id.eq_ignore_ascii_case(id)))
            && (classes.is_empty() || classes.contains(&it.class))
            && (sets.is_empty() || sets.contains(&it.set))
    };
    let mut cases = Vec::new();
    for seed in seeds {
        for scenario in scenarios.iter().filter(wanted) {
            for server in &scenario.servers {
                if servers.is_empty() || servers.contains(server) {
                    cases.push(Case {
                        scenario: scenario.clone(),
                        server: *server,
                        seed: *seed,
                    });
                }
            }
        }
    }
    Ok(cases)
}

/// How a campaign is run.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// How long things take.
    pub schedule: Schedule,
    /// How many runs at a time.
    pub jobs: usize,
    /// Learn again, also where that was done.
    pub relearn: bool,
    /// Where recordings go, if they are kept.
    pub record: Option<PathBuf>,
}

impl Campaign {
    /// Learns what is not learned yet, and runs every case. `tell` is told of each outcome as it comes; outcomes are in the
    /// cases' order.
    ///
    /// # Errors
    /// When peers do not start, or learning does not end.
    pub fn run(&self, cases: &[Case], tell: impl Fn(&Outcome) + Sync) -> Result<Vec<Outcome>> {
        let kinds: BTreeSet<Kind> = cases.iter().map(|case| case.server).collect();
        for kind in &kinds {
            image::provide(kind.image())?;
        }
        image::provide(image::BUSYBOX)?;
        let peers = Peers::start()?;
        self.learn(&kinds, &peers)?;
        if let Some(folder) = &self.record {
            for kind in &kinds {
                let learned = Learned::of(*kind, self.schedule);
                learned.copy_recording(&rejudge::lesson(folder, *kind))?;
            }
        }
        let runnable: Vec<&Case> = cases
            .iter()
            .filter(|case| case.scenario.skipped.is_none())
            .collect();
        Ok(parallel::map(&runnable, self.jobs, STAGGER, |case| {
            let outcome = self.one(case, &peers);
            tell(&outcome);
            outcome
        }))
    }

    fn one(&self, case: &Case, peers: &Peers) -> Outcome {
        let record = self.record.as_deref();
        let ran = if case.scenario.own_peers {
            Peers::start().and_then(|own| run(case, self.schedule, &own, record))
        } else {
            run(case, self.schedule, peers, record)
        };
        let outcome = ran.unwrap_or_else(|error| {
            Outcome::broken(&case.scenario, case.server, case.seed, &error)
        });
        if let Some(folder) = record
            && let Err(error) = rejudge::keep(folder, case, &outcome)
        {
            eprintln!("{case}: {error:#}");
        }
        outcome
    }

    fn learn(&self, kinds: &BTreeSet<Kind>, peers: &Peers) -> Result<()> {
        let wanted = kinds.iter().filter(|kind| {
            self.relearn || !Learned::of(**kind, self.schedule).is_current(**kind, self.schedule)
        });
        let wanted: Vec<Kind> = wanted.copied().collect();
        if !wanted.is_empty() {
            let names: Vec<&str> = wanted.iter().map(|kind| kind.name()).collect();
            eprintln!("corpus: learning {}", names.join(", "));
        }
        let peers = Arc::new(peers);
        thread::scope(|scope| {
            let lessons: Vec<_> = wanted
                .into_iter()
                .map(|kind| {
                    let peers = Arc::clone(&peers);
                    scope.spawn(move || learn(kind, self.schedule, &peers))
                })
                .collect();
            lessons
                .into_iter()
                .try_for_each(|lesson| lesson.join().map_err(|_| anyhow!("a thread panicked"))?)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_set_is_chosen_apart_from_class_and_id() {
        let scenario = |id: &str, class, set| Scenario {
            id: id.to_owned(),
            set,
            ..Scenario::example(class)
        };
        let scenarios = [
            scenario("S14", Class::Quiet, Set::Listed),
            scenario("V04", Class::Quiet, Set::HeldOut),
            scenario("W01", Class::Benign, Set::HeldOut),
        ];
        let chosen = |choice: Choice<'_>| {
            let choice = Choice {
                seeds: &[1],
                ..choice
            };
            let cases = cases(&scenarios, choice).unwrap();
            let ids: Vec<String> = cases.into_iter().map(|case| case.scenario.id).collect();
            ids.join(" ")
        };
        let held_out = Choice {
            sets: &[Set::HeldOut],
            ..Choice::default()
        };
        assert_eq!(chosen(Choice::default()), "S14 V04 W01");
        assert_eq!(chosen(held_out), "V04 W01");
        let quiet = Choice {
            classes: &[Class::Quiet],
            ..held_out
        };
        assert_eq!(chosen(quiet), "V04");
    }
}
