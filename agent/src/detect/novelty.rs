//! How much a fact counts that a matured baseline does not hold.

use super::claim::Claim;
use super::danger::{Category, ceiling};
use super::finding::{Contribution, Method};
use super::wording;
use crate::baseline::model::Baseline;
use crate::baseline::neighbours::judge_of;
use crate::baseline::quantity::counted;
use crate::observe::fact::{Fact, Phase, Sighting};

/// Most that surprise adds.
pub(super) const MOST_SURPRISE: f64 = 3.0;

/// What a fact loses that the workload is known to do in another phase of its life.
const KNOWN_ELSEWHERE: f64 = -2.0;

/// The claim that a sighting's fact is not known in its phase; `elsewhere` is another phase that knows it.
#[must_use]
pub fn claim(
    baseline: &Baseline,
    sighting: &Sighting,
    category: Category,
    elsewhere: Option<Phase>,
) -> Claim {
    let fact = &sighting.fact;
    let phase = judge_of(sighting.phase);
    let quiet = quiet_windows(baseline, phase, fact);
    let profile = category.profile();
    let most = ceiling(category, fact.origin);
    Claim {
        danger: (profile.danger, profile.why.to_owned()),
        false_per_month: (
            (-surprise(quiet)).exp(),
            format!(
                "nothing new of its kind in the last {}",
                counted(quiet as u64, "window")
            ),
        ),
        adjustments: elsewhere
            .map(|other| Contribution {
                name: "known_elsewhere".to_owned(),
                value: KNOWN_ELSEWHERE,
                reason: format!("the workload does this in its {} phase", other.name()),
            })
            .into_iter()
            .collect(),
        most: most.is_finite().then(|| {
            let why = "it came through the container runtime, as an operator's exec does";
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

/// Windows resemble their neighbours, so n quiet ones tell about as much as √n independent ones would: half the
/// logarithm.
fn surprise(quiet_windows: f64) -> f64 {
    (quiet_windows.max(0.0).ln_1p() / 2.0).min(MOST_SURPRISE)
}

/// Loss-free windows since the fact's family last learned something in this phase.
fn quiet_windows(baseline: &Baseline, phase: Phase, fact: &Fact) -> f64 {
    let Some(here) = baseline.phases.get(&phase) else {
        return 0.0;
    };
    let never = Default::default();
    let family = here.families.get(&fact.family);
    let last_new = family.map_or(&never, |family| family.last_new());
    here.exposure.clean_windows_since(last_new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::exposure::Share;
    use crate::baseline::key::Key;
    use crate::detect::danger::severity;
    use crate::detect::detector::testing::sight;
    use crate::detect::finding::Severity;
    use crate::observe::fact::{Family, Origin};

    fn observed(windows: u64, lossy: bool) -> Baseline {
        let key = Key {
            namespace: "docker".into(),
            workload: "w".into(),
            container: "w".into(),
            image_digest: "sha256:0".into(),
        };
        let mut baseline = Baseline::new(key, 0);
        for _ in 0..windows {
            let window = Share {
                ms: 5000,
                windows: 1,
                lossy_windows: u64::from(lossy),
                requests: 10,
                lost: u64::from(lossy),
            };
            baseline.add_window(Phase::Serve, "r", window, 0);
        }
        baseline
    }

    fn score(baseline: &Baseline, category: Category, elsewhere: Option<Phase>) -> f64 {
        let sighting = sight(Family::Executable, "/bin/x <- /bin/y").0;
        claim(baseline, &sighting, category, elsewhere).score().0
    }

    #[test]
    fn the_score_is_the_sum_of_its_parts_and_grows_with_quiet() {
        let sighting = sight(Family::Executable, "/bin/x <- /bin/y").0;
        for windows in [0, 1, 50, 500] {
            let old = observed(windows, false);
            let (score, parts) = claim(&old, &sighting, Category::Shell, None).score();
            let sum: f64 = parts.iter().map(|part| part.value).sum();
            assert!((score - sum).abs() < 1e-9);
        }
        let by_quiet = [1, 10, 100].map(|n| score(&observed(n, false), Category::Shell, None));
        assert!(by_quiet.is_sorted_by(|a, b| a < b), "{by_quiet:?}");
        assert!(score(&observed(100_000, false), Category::Shell, None) <= 8.2 + MOST_SURPRISE);
    }

    #[test]
    fn loss_takes_surprise_away() {
        let with = score(&observed(100, true), Category::Shell, None);
        let without = score(&observed(100, false), Category::Shell, None);
        assert!(with < without - 1.0, "{with} {without}");
    }

    #[test]
    fn takeover_is_severe_as_soon_as_the_family_judges() {
        let young = observed(1, false);
        for category in [
            Category::Shell,
            Category::Executable,
            Category::Endpoint,
            Category::Listener,
            Category::ModelWrite,
            Category::CodeWrite,
            Category::SecretRead,
        ] {
            assert_eq!(
                severity(score(&young, category, None)),
                Some(Severity::High),
                "{category:?}"
            );
        }
        assert_eq!(severity(score(&young, Category::ScratchWrite, None)), None);
    }

    #[test]
    fn other_phases_and_the_runtime_weigh_less() {
        let old = observed(400, false);
        let new = score(&old, Category::Executable, None);
        let known = score(&old, Category::Executable, Some(Phase::Start));
        assert!((new - known - 2.0).abs() < 1e-9);
        let mut sighting = sight(Family::Executable, "/bin/x <- /bin/y").0;
        sighting.fact.origin = Origin::Runtime;
        let (score, parts) = claim(&old, &sighting, Category::Shell, None).score();
        assert_eq!(severity(score), Some(Severity::Low));
        assert!(parts.iter().any(|part| part.name == "limit"));
    }
}
