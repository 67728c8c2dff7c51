#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use proptest::prelude::*;

use super::*;
use crate::baseline::decision::Approved;
use crate::baseline::knowledge::Knowledge;
use crate::baseline::starts::StartContact;
use crate::observe::event::Moment;
use crate::observe::fact::Origin;
use crate::observe::window::CallCount;

fn key() -> Key {
    Key {
        namespace: "docker".into(),
        workload: "iris".into(),
        container: "iris".into(),
        image_digest: "sha256:00".into(),
    }
}

fn fact(family: Family, value: &str) -> Fact {
    Fact {
        family,
        origin: Origin::Server,
        value: value.into(),
    }
}

#[test]
fn the_id_depends_on_every_part_of_the_key() {
    let base = Baseline::new(key(), 0);
    assert_eq!(base.id().len(), 16);
    assert_eq!(base.id(), Baseline::new(key(), 99).id());
    for change in 0..4 {
        let mut other = key();
        let part = match change {
            0 => &mut other.namespace,
            1 => &mut other.workload,
            2 => &mut other.container,
            _ => &mut other.image_digest,
        };
        part.push('x');
        assert_ne!(Baseline::new(other, 0).id(), base.id());
    }
}

#[test]
fn a_fact_is_known_by_phase() {
    let mut base = Baseline::new(key(), 0);
    let gcc = fact(Family::Executable, "/usr/bin/gcc <- /usr/bin/python3");
    let seen = |phase| Sighting::plain(phase, &gcc);
    assert_eq!(base.knows(&seen(Phase::Start)), Knowledge::Unknown);
    assert_eq!(base.learn(Phase::Start, &gcc, "r1", 5), Learned::New);
    assert_eq!(base.knows(&seen(Phase::Start)), Knowledge::Here);
    for (phase, known) in [
        (Phase::WarmUp, Knowledge::Neighbour(Phase::Start)),
        (Phase::Serve, Knowledge::Elsewhere(Phase::Start)),
    ] {
        assert_eq!(base.knows(&seen(phase)), known);
    }
    // A phase that excuses it counts, wherever else it was seen.
    base.learn(Phase::WarmUp, &gcc, "r1", 5);
    assert_eq!(
        base.knows(&seen(Phase::Serve)),
        Knowledge::Neighbour(Phase::WarmUp)
    );
}

#[test]
fn the_version_grows_with_what_was_learned_and_with_nothing_else() {
    let mut base = Baseline::new(key(), 0);
    let sh = fact(Family::Executable, "/bin/sh <- /usr/bin/python3");
    base.learn(Phase::Serve, &sh, "r1", 5);
    let version = base.version();
    base.learn(Phase::Serve, &sh, "r2", 6);
    base.add_window(Phase::Serve, "r1", Share::default(), 7);
    assert_eq!(base.version(), version);
    base.learn(Phase::Load, &sh, "r1", 8);
    assert_eq!(base.version(), version + 1);
}

#[test]
fn other_workloads_are_not_merged() {
    let mut base = Baseline::new(key(), 0);
    let mut other = key();
    other.image_digest = "sha256:11".into();
    let error = base.merge(&Baseline::new(other, 0)).unwrap_err();
    assert!(error.to_string().contains("docker/iris/iris"), "{error}");
}

#[derive(Clone, Debug)]
enum Step {
    Learn(Phase, Family, u8, u8, i64),
    Pending(Phase, Family, u8, u8, i64),
    Window(Phase, u8, u64, i64),
    Row(Phase, u8, u64, i32),
    Danger(Phase, Family, u8),
    Approve(i64),
    Freeze(bool, i64),
    Reset(i64),
    Inherit(u8, i64),
    TellDrift(i64),
    AskAtStart(u8, u64, i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let phase = prop::sample::select(Phase::ALL.to_vec());
    let family = prop::sample::select(Family::ALL.to_vec());
    let learn = (phase.clone(), family.clone(), 0_u8..90, 0_u8..5, 0_i64..100)
        .prop_map(|(p, f, v, r, s)| Step::Learn(p, f, v, r, s));
    let pending = (phase.clone(), family.clone(), 0_u8..9, 0_u8..5, 0_i64..100)
        .prop_map(|(p, f, v, r, s)| Step::Pending(p, f, v, r, s));
    let danger =
        (phase.clone(), family.clone(), 0_u8..90).prop_map(|(p, f, v)| Step::Danger(p, f, v));
    let approve = (0_i64..100).prop_map(Step::Approve);
    let freeze = (any::<bool>(), 0_i64..100).prop_map(|(on, s)| Step::Freeze(on, s));
    let reset = (0_i64..100).prop_map(Step::Reset);
    let inherit = (0_u8..9, 0_i64..100).prop_map(|(v, s)| Step::Inherit(v, s));
    let told = (0_i64..100).prop_map(Step::TellDrift);
    let ask = (0_u8..30, 0_u64..30, 0_i64..100).prop_map(|(v, l, s)| Step::AskAtStart(v, l, s));
    let window = (phase.clone(), 0_u8..5, 0_u64..9000, 0_i64..100)
        .prop_map(|(p, r, ms, s)| Step::Window(p, r, ms, s));
    let row =
        (phase, 0_u8..5, 0_u64..100, -99..99_i32).prop_map(|(p, r, e, v)| Step::Row(p, r, e, v));
    prop::collection::vec(
        prop_oneof![
            40 => learn, 10 => pending, 20 => window, 20 => row,
            5 => danger, 2 => approve, 1 => freeze, 1 => reset, 1 => inherit, 1 => told,
            5 => ask,
        ],
        0..120,
    )
}

fn built(steps: Vec<Step>) -> Baseline {
    let mut base = Baseline::new(key(), 50);
    for step in steps {
        match step {
            Step::Learn(p, f, v, r, s) => {
                base.learn(p, &fact(f, &v.to_string()), &r.to_string(), s);
            }
            Step::Pending(p, f, v, r, s) => {
                let fact = fact(f, &v.to_string());
                base.set_pending(p, &fact, &r.to_string(), s);
                base.set_reported(p, &fact, s);
            }
            Step::Danger(p, f, v) => base.set_danger(p, &fact(f, &v.to_string()), "shell"),
            Step::Approve(s) => {
                let word = Decision::new(s, "ops", "");
                base.approve(&Approved::AllPending, &word).unwrap();
            }
            Step::Freeze(on, s) => base.set_frozen(on, Decision::new(s, "ops", "")),
            Step::Inherit(v, s) => {
                let mut before = Baseline::new(key(), s);
                before.key.image_digest = v.to_string();
                before.learn(
                    Phase::Serve,
                    &fact(Family::Endpoint, &v.to_string()),
                    "0",
                    s,
                );
                base.inherit(&before, s);
            }
            Step::TellDrift(s) => {
                base.tell_drift(s);
            }
            Step::AskAtStart(v, life, s) => {
                let fact = fact(Family::Endpoint, &v.to_string());
                let mut sighting = Sighting::plain(Phase::Start, &fact);
                (sighting.process.pid, sighting.process.exe) = (1, "/bin/x".into());
                let contact = StartContact::of(&sighting).unwrap();
                base.starts.note(&contact, life, s);
            }
            Step::Reset(s) => base = base.reset(Decision::new(s, "ops", "")),
            Step::Window(p, r, ms, s) => {
                let share = Share {
                    ms,
                    windows: 1,
                    requests: ms / 7,
                    ..Share::default()
                };
                base.add_window(p, &r.to_string(), share, s);
            }
            Step::Row(p, r, end, v) => {
                let (here, r) = (base.phases.entry(p).or_default(), r.to_string());
                here.sample.offer(&r, Moment(end), &[f64::from(v)]);
                let calls = [CallCount {
                    call: 1,
                    calls: u64::from(v.unsigned_abs()),
                    errors: 0,
                }];
                here.bags.offer(&r, Moment(end), &calls, v.unsigned_abs());
            }
        }
    }
    base
}

fn bytes_of(order: [&Baseline; 3]) -> Vec<u8> {
    let mut out = order[0].clone();
    out.merge(order[1]).unwrap();
    out.merge(order[2]).unwrap();
    serde_json::to_vec(&out).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_order_of_merging_gives_the_same_bytes(a in steps(), b in steps(), c in steps()) {
        let (a, b, c) = (built(a), built(b), built(c));
        let want = bytes_of([&a, &b, &c]);
        for order in [[&a, &c, &b], [&b, &a, &c], [&b, &c, &a], [&c, &a, &b], [&c, &b, &a]] {
            prop_assert_eq!(&bytes_of(order), &want);
        }
        let mut bc = b.clone();
        bc.merge(&c).unwrap();
        let mut grouped = a.clone();
        grouped.merge(&bc).unwrap();
        prop_assert_eq!(&serde_json::to_vec(&grouped).unwrap(), &want);
        prop_assert_eq!(&bytes_of([&grouped, &a, &b]), &want);
    }
}
