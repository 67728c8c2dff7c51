//! How much a fact counts that a matured baseline does not hold: surprise plus danger, in nats.

use super::danger::{Category, ceiling};
use super::finding::Contribution;
use crate::baseline::model::Baseline;
use crate::baseline::quantity::counted;
use crate::observe::fact::{Fact, Phase};

/// Most that surprise adds.
pub(super) const MOST_SURPRISE: f64 = 3.0;

/// What a fact loses that the workload is known to do in another phase of its life.
const KNOWN_ELSEWHERE: f64 = -2.0;

/// The score of a novelty with its parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessment {
    /// Sum of the contributions, nats.
    pub score: f64,
    /// Its parts.
    pub contributions: Vec<Contribution>,
}

/// Scores a fact that is not known in `phase`; `elsewhere` is another phase that knows it.
#[must_use]
pub fn assess(
    baseline: &Baseline,
    phase: Phase,
    fact: &Fact,
    category: Category,
    elsewhere: Option<Phase>,
) -> Assessment {
    let quiet = quiet_windows(baseline, phase, fact);
    let profile = category.profile();
    let mut contributions = vec![
        Contribution {
            name: "danger".to_owned(),
            value: profile.danger,
            reason: profile.why.to_owned(),
        },
        Contribution {
            name: "surprise".to_owned(),
            value: surprise(quiet),
            reason: format!(
                "nothing new of its kind in the last {}",
                counted(quiet as u64, "window")
            ),
        },
    ];
    if let Some(other) = elsewhere {
        contributions.push(Contribution {
            name: "known_elsewhere".to_owned(),
            value: KNOWN_ELSEWHERE,
            reason: format!("the workload does this in its {} phase", other.name()),
        });
    }
    let sum: f64 = contributions.iter().map(|c| c.value).sum();
    let most = ceiling(category, fact.origin);
    if sum > most {
        contributions.push(Contribution {
            name: "operator".to_owned(),
            value: most - sum,
            reason: "it came through the container runtime, as an operator's exec does".to_owned(),
        });
    }
    Assessment {
        score: sum.min(most),
        contributions,
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
        let fact = sight(Family::Executable, "/bin/x <- /bin/y").0.fact;
        assess(baseline, Phase::Serve, &fact, category, elsewhere).score
    }

    #[test]
    fn the_score_is_the_sum_of_its_parts_and_grows_with_quiet() {
        let fact = sight(Family::Executable, "/bin/x <- /bin/y").0.fact;
        for windows in [0, 1, 50, 100_000] {
            let all = assess(
                &observed(windows.min(500), false),
                Phase::Serve,
                &fact,
                Category::Shell,
                None,
            );
            let sum: f64 = all.contributions.iter().map(|c| c.value).sum();
            assert!((all.score - sum).abs() < 1e-9);
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
        let mut fact = sight(Family::Executable, "/bin/x <- /bin/y").0.fact;
        fact.origin = Origin::Runtime;
        let operator = assess(&old, Phase::Serve, &fact, Category::Shell, None);
        assert_eq!(severity(operator.score), Some(Severity::Low));
        assert!(operator.contributions.iter().any(|c| c.name == "operator"));
    }
}
