//! How much news of each kind a container-month of ordinary behaviour is expected to bring: what false novelties there
//! will be, before they come.

use super::danger::{Category, PAGES_FROM, TAKEOVER_FROM};
use super::growth::{Expectation, Prior, expect};
use super::novelty::surprise;
use crate::baseline::model::Baseline;
use crate::baseline::neighbours::judge_of;
use crate::observe::fact::{Family, Origin, Phase};

/// A month, seconds.
pub const MONTH_S: f64 = 30.0 * 86_400.0;

/// How much is looked ahead.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ahead {
    /// Container-seconds of serving.
    pub seconds: f64,
    /// Starts of a container: the short phases come once with each.
    pub passes: f64,
}

/// A container-month, in which a container is taken to start once a day.
pub const MONTH: Ahead = Ahead {
    seconds: MONTH_S,
    passes: 30.0,
};

/// Where the assumed rates of a phase that lasts hold: after an hour.
const REFERENCE_S: f64 = 3600.0;

/// Where those of a short phase hold: after two passes.
const REFERENCE_PASSES: f64 = 2.0;

/// The kinds of news that a family brings, with how many of each are assumed to come to a workload in general while
/// what was observed of it grows by a factor of e, after an hour of serving (or, in a short phase, after two passes).
/// `None` is what is no finding by itself.
///
/// Of fourteen model servers none started a program, opened a port or contacted a peer for the first time in steady
/// serving, once the habits of the first minutes were known; together they were observed for some forty factors of e,
/// so that about one in a hundred is what remains possible for all these kinds together. Paths were 0 to 2 in 300
/// requests, most of them read or temporary. Models and workers are added by who runs a server, oftener than a server
/// comes to do by itself what it never did.
#[must_use]
pub fn assumed(family: Family) -> &'static [(Option<Category>, f64)] {
    use Category as C;
    match family {
        Family::Executable => &[
            (Some(C::Shell), 0.0004),
            (Some(C::Dropped), 0.0002),
            (Some(C::Executable), 0.003),
            (Some(C::Worker), 0.003),
            (Some(C::Question), 0.003),
            (Some(C::OwnScript), 0.003),
        ],
        Family::Endpoint => &[(Some(C::Endpoint), 0.005), (Some(C::Loopback), 0.01)],
        Family::Contact => &[(Some(C::Contact), 0.001), (Some(C::Acceptance), 0.0002)],
        Family::Listener => &[(Some(C::Listener), 0.001), (Some(C::Loopback), 0.004)],
        Family::FileWrite => &[
            (Some(C::EscapePath), 0.0002),
            (Some(C::FurtherModel), 0.003),
            (Some(C::ModelWrite), 0.0003),
            (Some(C::CodeWrite), 0.001),
            (Some(C::SecretWrite), 0.0002),
            (Some(C::ScratchWrite), 0.1),
            (Some(C::TemporaryCode), 0.0003),
            (Some(C::SettingWrite), 0.0005),
            (Some(C::FileWrite), 0.05),
            (None, 0.01),
        ],
        Family::FileRead => &[
            (Some(C::EscapePath), 0.0004),
            (Some(C::SecretRead), 0.001),
            (Some(C::ModelRead), 0.008),
            (None, 0.3),
        ],
        Family::Privileged => &[(Some(C::Privileged), 0.001)],
        Family::FileChange => &[
            (Some(C::FurtherModel), 0.003),
            (Some(C::OwnersRights), 0.0002),
            (Some(C::ModelWrite), 0.0003),
            (Some(C::CodeWrite), 0.0008),
            (Some(C::SecretWrite), 0.0002),
            (Some(C::ScratchWrite), 0.1),
            (Some(C::TemporaryCode), 0.0001),
            (Some(C::SettingWrite), 0.0005),
            (Some(C::Overwrite), 0.0002),
            (Some(C::FileChange), 0.05),
        ],
        Family::FileAttempt => &[
            (Some(C::EscapeAttempt), 0.0004),
            (Some(C::SecretAttempt), 0.004),
            (Some(C::FailedExec), 0.003),
            (Some(C::Question), 0.003),
            (None, 0.2),
        ],
        Family::CodeMap => &[(Some(C::ForeignCode), 0.002), (None, 0.05)],
        Family::Device => &[(Some(C::Device), 0.001)],
        Family::Socket => &[(Some(C::RawSocket), 0.0004), (None, 0.01)],
        Family::UnixSocket => &[
            (Some(C::EscapePath), 0.0002),
            (Some(C::EscapeAttempt), 0.0002),
            (Some(C::UnixSocket), 0.003),
            (Some(C::OwnSocket), 0.01),
            (None, 0.01),
        ],
        Family::DnsName => &[
            (Some(C::DnsName), 0.005),
            (Some(C::ReverseName), 0.002),
            (Some(C::MissingHost), 0.001),
        ],
        Family::TlsName => &[(Some(C::TlsName), 0.003)],
        Family::IoUring => &[(Some(C::IoUring), 0.02), (None, 0.02)],
        Family::Syscall => &[(Some(C::Syscall), 0.05), (None, 0.05)],
        Family::Outcome => &[(None, 0.02)],
        Family::Exit => &[(None, 0.3)],
        Family::Sequence => &[(None, 4.0)],
    }
}

/// What is expected of a whole family in a phase.
#[must_use]
pub fn of_family(
    baseline: &Baseline,
    phase: Phase,
    family: Family,
    origin: Origin,
    ahead: Ahead,
) -> Expectation {
    let phase = judge_of(phase);
    let per_fold = assumed(family).iter().map(|(_, rate)| rate).sum();
    if phase == Phase::Serve {
        let prior = Prior {
            per_fold,
            reference: REFERENCE_S,
            least: 5.0,
        };
        let arrivals = baseline.arrivals(phase, family, origin);
        return expect(prior, arrivals.observed, &arrivals.at, ahead.seconds);
    }
    let prior = Prior {
        per_fold,
        reference: REFERENCE_PASSES,
        least: 1.0,
    };
    let arrivals = baseline.arrivals_by_pass(phase, family, origin);
    expect(prior, arrivals.observed, &arrivals.at, ahead.passes)
}

/// Which part of a family's news is of a category: as assumed.
#[must_use]
pub fn share(family: Family, category: Category) -> f64 {
    let kinds = assumed(family);
    let all: f64 = kinds.iter().map(|(_, rate)| rate).sum();
    let own = kinds.iter().filter(|(kind, _)| *kind == Some(category));
    let own: f64 = own.map(|(_, rate)| rate).sum();
    // A kind that was not thought of is taken to be as rare as the rarest.
    let least = kinds.iter().fold(all, |least, (_, rate)| least.min(*rate));
    (if own > 0.0 { own } else { least }) / all
}

/// What is expected of one category in a container-month: its part of its family's news.
#[must_use]
pub fn of_category(
    baseline: &Baseline,
    phase: Phase,
    family: Family,
    origin: Origin,
    category: Category,
) -> Expectation {
    let Expectation { mean, upper } = of_family(baseline, phase, family, origin, MONTH);
    let share = share(family, category);
    Expectation {
        mean: mean * share,
        upper: upper * share,
    }
}

/// One kind of finding that ordinary behaviour may bring.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prospect {
    /// Phase.
    pub phase: Phase,
    /// Family.
    pub family: Family,
    /// Category.
    pub category: Category,
    /// The score it would have, nats.
    pub score: f64,
    /// How many of it are expected in a container-month.
    pub per_month: f64,
}

impl Prospect {
    /// Whether it is told whatever the budget.
    #[must_use]
    pub fn is_told_anyway(&self) -> bool {
        self.score >= PAGES_FROM || self.category.profile().danger >= TAKEOVER_FROM
    }
}

/// Every kind of novelty that would be judged now, with its score and how many are expected, the highest score first.
#[must_use]
pub fn prospects(baseline: &Baseline) -> Vec<Prospect> {
    let mut all = Vec::new();
    for phase in Phase::ALL {
        for family in Family::ALL {
            let kinds = assumed(family);
            let is_judge = judge_of(phase) == phase && baseline.judges(phase, family);
            if !is_judge || kinds.iter().all(|(kind, _)| kind.is_none()) {
                continue;
            }
            let expected = of_family(baseline, phase, family, Origin::Server, MONTH).mean;
            for category in kinds.iter().filter_map(|(kind, _)| *kind) {
                let per_month = expected * share(family, category);
                all.push(Prospect {
                    phase,
                    family,
                    category,
                    score: category.profile().danger + surprise(per_month, category),
                    per_month,
                });
            }
        }
    }
    all.sort_by(|a, b| b.score.total_cmp(&a.score));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::decision::Decision;
    use crate::baseline::exposure::Share;
    use crate::baseline::key::Key;

    fn frozen(hours: u64) -> Baseline {
        let key = Key {
            namespace: "docker".into(),
            workload: "w".into(),
            container: "w".into(),
            image_digest: "sha256:0".into(),
        };
        let mut baseline = Baseline::new(key, 0);
        baseline.set_frozen(true, Decision::default());
        let hour = Share {
            ms: 3_600_000,
            windows: 720,
            ..Share::default()
        };
        for n in 0..hours {
            baseline.add_window(Phase::Serve, "r", hour, 3600 * n.cast_signed());
        }
        baseline
    }

    #[test]
    fn every_kind_that_can_be_a_finding_has_an_assumed_rate() {
        for family in Family::ALL {
            assert!(assumed(family).iter().all(|(_, rate)| *rate > 0.0));
        }
        let parts = assumed(Family::Executable).iter();
        let parts = parts.filter_map(|(kind, _)| *kind);
        let sum: f64 = parts.map(|kind| share(Family::Executable, kind)).sum();
        assert!((sum - 1.0).abs() < 1e-9);
        assert!(share(Family::Executable, Category::RawSocket) > 0.0);
    }

    #[test]
    fn a_baseline_of_nothing_expects_what_is_assumed() {
        let all: f64 = prospects(&frozen(0)).iter().map(|it| it.per_month).sum();
        assert!(all.is_finite() && all > 1.0, "{all}");
        let later: f64 = prospects(&frozen(720)).iter().map(|it| it.per_month).sum();
        assert!(later < all / 3.0, "{all} {later}");
    }
}
