#![allow(clippy::indexing_slicing, reason = "tests")]

use super::*;
use crate::baseline::key::Key;
use crate::observe::event::Moment;

fn baseline(digest: &str) -> Baseline {
    let key = Key {
        namespace: "models".into(),
        workload: "iris".into(),
        container: "server".into(),
        image_digest: digest.into(),
    };
    Baseline::new(key, 0)
}

fn fact(family: Family, value: &str) -> Fact {
    Fact {
        family,
        origin: Origin::Server,
        value: value.into(),
    }
}

#[test]
fn equal_baselines_differ_in_nothing() {
    let mut one = baseline("sha256:1");
    one.learn(Phase::Serve, &fact(Family::Endpoint, "tcp a:1"), "r", 1);
    let diff = diff(&one, &one, &["a"]);
    assert!(diff.facts.is_empty() && diff.rates.is_empty());
}

#[test]
fn gained_and_lost_facts_come_with_their_evidence() {
    let (mut before, mut after) = (baseline("sha256:1"), baseline("sha256:2"));
    let kept = fact(Family::Endpoint, "tcp a:1");
    let gone = fact(Family::Endpoint, "tcp b:1");
    let new = fact(Family::Executable, "/bin/sh <- /bin/py");
    before.learn(Phase::Serve, &kept, "r", 1);
    before.learn(Phase::Serve, &gone, "r", 1);
    before.learn(Phase::Load, &new, "r", 1);
    after.learn(Phase::Serve, &kept, "s", 5);
    after.learn(Phase::Serve, &new, "s", 5);
    after.learn(Phase::Serve, &new, "t", 9);
    let diff = diff(&before, &after, &[]);
    let told: Vec<_> = diff
        .facts
        .iter()
        .map(|c| {
            (
                c.gained,
                c.value.as_str(),
                c.phase,
                c.seen,
                c.replicas,
                c.elsewhere,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (true, "/bin/sh <- /bin/py", Phase::Serve, 2, 2, true),
            (false, "/bin/sh <- /bin/py", Phase::Load, 1, 1, true),
            (false, "tcp b:1", Phase::Serve, 1, 1, false),
        ]
    );
    assert_eq!((diff.facts[0].first_s, diff.facts[0].last_s), (5, 9));
    assert_eq!(diff.after.image_digest, "sha256:2");
}

#[test]
fn only_what_moved_beyond_its_spread_is_a_shift() {
    let rows = |digest: &str, moved: f64| {
        let mut it = baseline(digest);
        let sample = &mut it.phases.entry(Phase::Serve).or_default().sample;
        for n in 0..100_u64 {
            let wobble = (n % 7) as f64 / 10.0;
            sample.offer("r", Moment(n), &[wobble, moved + wobble, wobble]);
        }
        it
    };
    let diff = diff(
        &rows("sha256:1", 0.0),
        &rows("sha256:2", 2.0),
        &["a", "b", "c"],
    );
    let moved: Vec<_> = diff.rates.iter().map(|s| s.feature.as_str()).collect();
    assert_eq!(moved, ["b"]);
    assert!((diff.rates[0].times - 2.0_f64.exp()).abs() < 0.1);
}
