//! How much a fact counts that a matured baseline does not hold: the rarer such news is expected to be, the more.

use super::claim::{Claim, rarity};
use super::danger::{Category, TAKEOVER_FROM, ceiling};
use super::finding::{Contribution, Method};
use super::growth::Expectation;
use super::{outlook, wording};
use crate::baseline::facts::Seen;
use crate::baseline::model::Baseline;
use crate::baseline::neighbours::judge_of;
use crate::observe::fact::{Origin, Phase, Sighting};

/// Most that surprise adds: a change that no data foretell, a release or a new habit of operation, comes to a workload
/// at least once in twenty months.
pub(super) const MOST_SURPRISE: f64 = 3.0;

/// Most that it takes away from what may be a takeover: where such news are expected often, one of them may still be
/// the intruder's.
const LEAST_SURPRISE: f64 = -2.5;

/// What a fact loses that the workload is known to do in another phase of its life.
const KNOWN_ELSEWHERE: f64 = -2.0;

/// What it loses when other containers of the workload did it before: as after a release, or an intrusion that spreads.
const ON_OTHERS: f64 = -1.0;

/// The claim that a sighting's fact is not known in its phase; `elsewhere` is another phase that knows it, `before` what
/// is known of the fact since the family matured, this sighting not included.
#[must_use]
pub fn claim(
    baseline: &Baseline,
    sighting: &Sighting,
    category: Category,
    elsewhere: Option<Phase>,
    before: Option<&Seen>,
    replica: u64,
) -> Claim {
    let fact = &sighting.fact;
    let phase = judge_of(sighting.phase);
    let profile = category.profile();
    let Expectation { mean, upper } =
        outlook::of_category(baseline, phase, fact.family, fact.origin, category);
    let mut adjustments = Vec::new();
    let mut adjust = |name: &str, value: f64, reason: String| {
        adjustments.push(Contribution {
            name: name.to_owned(),
            value,
            reason,
        });
    };
    let bound = surprise(mean, category) - rarity(mean);
    if bound < 0.0 {
        let reason = "no data foretell what a release or another hand brings, once in twenty months at least";
        adjust("unforeseen", bound, reason.to_owned());
    } else if bound > 0.0 {
        let reason = "however often such news come, one of them may be an intruder's";
        adjust("takeover", bound, reason.to_owned());
    }
    if let Some(other) = elsewhere {
        let reason = format!("the workload does this in its {} phase", other.name());
        adjust("known_elsewhere", KNOWN_ELSEWHERE, reason);
    }
    let others = before.map_or(0, |seen| {
        let others = seen.replicas.keys().filter(|other| **other != replica);
        others.count()
    });
    if others > 0 {
        let reason = "other containers of the workload did it before, as after a release";
        adjust("on_other_replicas", ON_OTHERS, reason.to_owned());
    }
    let most = ceiling(category, fact.origin);
    Claim {
        danger: (profile.danger, profile.why.to_owned()),
        false_per_month: (
            mean,
            format!(
                "in ordinary operation {} a container-month are expected, {} at most (95 %)",
                amount(mean),
                amount(upper)
            ),
        ),
        adjustments,
        most: most.is_finite().then(|| {
            let why = match fact.origin {
                Origin::Runtime => {
                    "it came through the container runtime, as an operator's exec does"
                }
                Origin::Server if category == Category::Entrypoint => {
                    "who deploys the container decides it"
                }
                Origin::Server => "alone it is no more than a note",
            };
            (most, why.to_owned())
        }),
        title: wording::novelty_title(category, sighting),
        observed: wording::observed(sighting),
        expected: wording::novelty_expected(baseline, sighting, elsewhere),
        techniques: profile.techniques,
        next_step: profile.next_step,
        ..Claim::about(sighting, Method::Novelty, profile.class)
    }
}

/// What the rarity of news of a category adds to its danger, nats.
#[must_use]
pub fn surprise(per_month: f64, category: Category) -> f64 {
    let least = if category.profile().danger >= TAKEOVER_FROM {
        LEAST_SURPRISE
    } else {
        f64::NEG_INFINITY
    };
    rarity(per_month).clamp(least, MOST_SURPRISE)
}

/// `0.012`, `3.4`, `120`: a number of findings with two digits that count.
#[must_use]
pub fn amount(number: f64) -> String {
    match number {
        number if number >= 9.95 => format!("{number:.0}"),
        number if number >= 0.995 => format!("{number:.1}"),
        number if number >= 0.0995 => format!("{number:.2}"),
        number if number >= 0.000_95 => format!("{number:.3}"),
        _ => "less than 0.001".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::exposure::Share;
    use crate::baseline::key::Key;
    use crate::detect::danger::severity;
    use crate::detect::detector::testing::sight;
    use crate::detect::finding::Severity;
    use crate::observe::fact::Family;

    fn observed(windows: u32, lossy: bool) -> Baseline {
        let key = Key {
            namespace: "docker".into(),
            workload: "w".into(),
            container: "w".into(),
            image_digest: "sha256:0".into(),
        };
        let mut baseline = Baseline::new(key, 0);
        for n in 0..windows {
            let window = Share {
                ms: 5000,
                windows: 1,
                lossy_windows: u64::from(lossy),
                requests: 10,
                lost: u64::from(lossy),
            };
            baseline.add_window(Phase::Serve, "r", window, 5 * i64::from(n));
        }
        baseline
    }

    fn score(baseline: &Baseline, category: Category, elsewhere: Option<Phase>) -> f64 {
        let sighting = sight(Family::Executable, "/bin/x <- /bin/y").0;
        claim(baseline, &sighting, category, elsewhere, None, 0)
            .score()
            .0
    }

    #[test]
    fn the_score_is_the_sum_of_its_parts_and_grows_with_quiet() {
        let sighting = sight(Family::Executable, "/bin/x <- /bin/y").0;
        for windows in [0, 1, 50, 500] {
            let old = observed(windows, false);
            let claim = claim(&old, &sighting, Category::Shell, None, None, 0);
            let (score, parts) = claim.score();
            let sum: f64 = parts.iter().map(|part| part.value).sum();
            assert!((score - sum).abs() < 1e-9);
        }
        let by_quiet =
            [1, 100, 10_000].map(|n| score(&observed(n, false), Category::Executable, None));
        assert!(by_quiet.is_sorted_by(|a, b| a < b), "{by_quiet:?}");
        let most = score(&observed(100_000, false), Category::Shell, None);
        assert!((most - 8.2 - MOST_SURPRISE).abs() < 1e-9);
    }

    #[test]
    fn loss_takes_surprise_away() {
        let with = score(&observed(5000, true), Category::Executable, None);
        let without = score(&observed(5000, false), Category::Executable, None);
        assert!(with < without - 0.3, "{with} {without}");
    }

    #[test]
    fn news_take_surprise_away() {
        let mut old = observed(5000, false);
        let before = score(&old, Category::Executable, None);
        for n in 0..4_i32 {
            let fact = sight(Family::Executable, &format!("/bin/{n} <- /bin/y"))
                .0
                .fact;
            old.learn(Phase::Serve, &fact, "r", 20_000 + 1000 * i64::from(n));
        }
        let after = score(&old, Category::Executable, None);
        assert!(after < before - 3.0, "{before} {after}");
    }

    #[test]
    fn takeover_is_severe_as_soon_as_the_family_judges() {
        let young = observed(1, false);
        for (family, category) in [
            (Family::Executable, Category::Shell),
            (Family::Executable, Category::Executable),
            (Family::Endpoint, Category::Endpoint),
            (Family::Listener, Category::Listener),
            (Family::FileWrite, Category::ModelWrite),
            (Family::FileWrite, Category::CodeWrite),
            (Family::FileRead, Category::SecretRead),
        ] {
            let sighting = sight(family, "x").0;
            let claim = claim(&young, &sighting, category, None, None, 0);
            let severity = severity(claim.score().0);
            assert!(
                severity >= Some(Severity::High),
                "{category:?} {severity:?}"
            );
        }
        let sighting = sight(Family::FileWrite, "/tmp/x").0;
        let scratch = claim(&young, &sighting, Category::ScratchWrite, None, None, 0);
        assert_eq!(severity(scratch.score().0), None);
    }

    #[test]
    fn other_phases_other_replicas_and_the_runtime_weigh_less() {
        let old = observed(400, false);
        let new = score(&old, Category::Executable, None);
        let known = score(&old, Category::Executable, Some(Phase::Start));
        assert!((new - known - 2.0).abs() < 1e-9);
        let mut sighting = sight(Family::Executable, "/bin/x <- /bin/y").0;
        let before = Seen {
            replicas: [(1, 1), (2, 1)].into(),
            ..Seen::default()
        };
        let shared = |own: u64| {
            claim(
                &old,
                &sighting,
                Category::Executable,
                None,
                Some(&before),
                own,
            )
            .score()
            .0
        };
        assert!((new - shared(2) - 1.0).abs() < 1e-9);
        sighting.fact.origin = Origin::Runtime;
        let (score, parts) = claim(&old, &sighting, Category::Shell, None, None, 0).score();
        assert_eq!(severity(score), Some(Severity::Low));
        assert!(parts.iter().any(|part| part.name == "limit"));
    }

    #[test]
    fn amounts_have_two_digits_that_count() {
        for (number, text) in [
            (0.0, "less than 0.001"),
            (0.0012, "0.001"),
            (0.25, "0.25"),
            (3.44, "3.4"),
            (123.4, "123"),
        ] {
            assert_eq!(amount(number), text);
        }
    }
}
