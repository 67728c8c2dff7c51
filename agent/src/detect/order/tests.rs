#![allow(clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::baseline::decision::Decision;
use crate::baseline::key::Key;
use crate::detect::detector::testing::{Sight, sight};
use crate::detect::finding::Class;
use crate::observe::activity::{Activity, EndpointTraffic};
use crate::observe::event::CgroupId;
use crate::observe::window::FileBytes;

struct Bench {
    watch: Watch,
    baseline: Baseline,
    now: Moment,
}

fn secret() -> Sight {
    sight(Family::FileRead, "/run/secrets/token").mark(|m| m.secret_file = true)
}

fn connect(value: &str) -> Sight {
    sight(Family::Endpoint, value)
}

fn model(family: Family) -> Sight {
    sight(family, "/models/m.onnx").mark(|m| m.model_file = true)
}

fn by(pid: u32, parents: &[u32], mut sight: Sight) -> Sight {
    sight.0.process.pid = pid;
    sight.0.ancestry = parents
        .iter()
        .map(|parent| crate::observe::fact::ProcessInfo {
            pid: *parent,
            ..Default::default()
        })
        .collect();
    sight
}

impl Bench {
    fn new() -> Self {
        let key = Key {
            namespace: "docker".into(),
            workload: "w".into(),
            container: "w".into(),
            image_digest: "sha256:0".into(),
        };
        Self {
            watch: Watch::default(),
            baseline: Baseline::new(key, 0),
            now: Moment(1_000_000_000_000),
        }
    }

    /// A workload that was learned to do these things, one after the other, and nothing else.
    fn learned(steps: &[Sight]) -> Self {
        let mut bench = Self::new();
        bench.serve(1, 100);
        assert_eq!(bench.take(steps), []);
        bench.wait(3600);
        bench.baseline.set_frozen(true, Decision::default());
        bench
    }

    fn take(&mut self, steps: &[Sight]) -> Vec<Claim> {
        for step in steps {
            self.now.0 += 1_000_000;
            let mut sighting = step.0.clone();
            sighting.at = self.now;
            self.watch.sighting(&sighting);
        }
        self.window(0, 0, 0)
    }

    /// The same, and what is claimed within the minute after.
    fn take_and_wait(&mut self, steps: &[Sight]) -> Vec<Claim> {
        let mut found = self.take(steps);
        for _ in 0..=REASON_COMES_NS / 5_000_000_000 {
            found.extend(self.window(0, 0, 0));
        }
        found
    }

    fn wait(&mut self, seconds: u64) {
        self.now.0 += seconds * 1_000_000_000;
    }

    fn serve(&mut self, windows: u64, bytes: u64) {
        for _ in 0..windows {
            assert_eq!(self.window(10, 10 * bytes, 0), []);
        }
    }

    fn window(&mut self, requests: u64, served: u64, fetched: u64) -> Vec<Claim> {
        self.window_with(requests, served, fetched, 0)
    }

    fn window_with(
        &mut self,
        requests: u64,
        served: u64,
        fetched: u64,
        written: u64,
    ) -> Vec<Claim> {
        self.now.0 += 5_000_000_000;
        let traffic = |served, rx_bytes| EndpointTraffic {
            served,
            rx_bytes,
            ..EndpointTraffic::default()
        };
        let report = WindowReport {
            end: self.now,
            length_ns: 5_000_000_000,
            phase: Some(Phase::Serve),
            requests,
            activity: Activity {
                file_written: FileBytes([0, written, 0, 0, 0, 0]),
                endpoints: vec![traffic(true, served), traffic(false, fetched)],
                ..Activity::default()
            },
            ..WindowReport::default()
        };
        let at = At {
            cgroup: CgroupId(1),
            replica: "r",
            now_s: 0,
        };
        self.watch.window(&mut self.baseline, at, &report)
    }
}

#[test]
fn a_file_written_again_is_taken_as_if_it_were_seen_anew() {
    let write = by(7, &[3, 0, 1], sight(Family::FileWrite, "/srv/a"));
    assert!(leaves_no_trace(&write.0));
    let (mut one, mut other) = (Watch::default(), Watch::default());
    for number in 0..100 {
        let mut sighting = write.0.clone();
        sighting.at = Moment(number);
        one.sighting(&sighting);
        other.written_again(sighting.at, line(&sighting).into_iter(), &sighting.raw);
    }
    assert_eq!(one, other);
    assert_eq!(one.written.len(), MOST);
    assert!(!leaves_no_trace(&model(Family::FileWrite).0));
}

#[test]
fn a_secret_read_before_a_contact_is_told_once() {
    let mut bench = Bench::learned(&[]);
    let found = bench.take(&[secret(), connect("tcp 203.0.113.9:443")]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].class, Class::Network);
    assert!(found[0].observed.contains("/run/secrets/token"));
    assert_eq!(bench.take(&[connect("tcp 203.0.113.9:443")]), []);
    let asked = bench.take(&[sight(Family::DnsName, "x.example")]);
    assert_eq!(asked[0].class, Class::Dns);
}

#[test]
fn a_learned_order_is_silent_and_another_place_is_not() {
    let usual = [secret(), connect("tcp 10.0.0.1:443")];
    let mut bench = Bench::learned(&usual);
    assert_eq!(bench.take(&usual), []);
    let found = bench.take(&[connect("tcp 203.0.113.9:443")]);
    assert_eq!(found.len(), 1);
}

#[test]
fn the_other_way_round_long_after_or_by_another_line_it_is_nothing() {
    let mut bench = Bench::learned(&[]);
    assert_eq!(bench.take(&[connect("tcp 203.0.113.9:443"), secret()]), []);
    bench.wait(600);
    assert_eq!(bench.take(&[connect("tcp 203.0.113.8:443")]), []);
    let found = bench.take(&[
        by(50, &[1], secret()),
        by(60, &[1], connect("tcp 203.0.113.7:443")),
    ]);
    assert_eq!(found, []);
    let found = bench.take(&[by(70, &[50, 1], connect("tcp 203.0.113.7:443"))]);
    assert_eq!(found.len(), 1, "a child of the reader");
}

#[test]
fn what_is_written_and_then_run_or_loaded_is_told() {
    let write = sight(Family::FileWrite, "/opt/x");
    let mut exec = sight(Family::Executable, "/opt/x <- /usr/bin/python3");
    exec.0.process.exe = "/opt/x".to_owned();
    let map = sight(Family::CodeMap, "/opt/x").mark(|m| m.not_from_image = true);
    let mut bench = Bench::learned(&[]);
    let found = bench.take(&[write.clone(), by(90, &[42], exec.clone()), map.clone()]);
    let classes: Vec<_> = found.iter().map(|claim| claim.class).collect();
    assert_eq!(classes, [Class::Process, Class::File]);
    // As pytriton does at each start.
    let usual = [write, by(90, &[42], exec), map];
    let mut bench = Bench::learned(&usual);
    assert_eq!(bench.take(&usual), []);
}

#[test]
fn a_model_that_comes_from_nowhere_weighs_more_than_one_that_was_fetched() {
    let mut bench = Bench::learned(&[]);
    let from_nowhere = bench.take(&[model(Family::FileWrite)]);
    bench.window(0, 0, 200 << 20);
    let fetched = bench.take(&[model(Family::FileWrite)]);
    assert!(from_nowhere[0].score().0 > fetched[0].score().0 + 1.0);
}

#[test]
fn what_was_fetched_explains_no_more_than_it_unpacks_to() {
    let update = [model(Family::FileWrite)];
    let mut bench = Bench::new();
    bench.window(10, 1000, 8 << 20);
    assert_eq!(bench.take(&update), []);
    bench.baseline.set_frozen(true, Decision::default());
    bench.wait(3600);
    assert_eq!(bench.window_with(10, 1000, 8 << 20, 10 << 20), []);
    assert_eq!(bench.take(&update), []);
    assert_eq!(bench.window_with(10, 1000, 0, 20 << 20), []);
    let found = bench.take(&update);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].feature, "request_then_model_write");
}

#[test]
fn a_model_is_fetched_written_and_read_again_where_that_was_learned() {
    let mut bench = Bench::new();
    let update = [model(Family::FileWrite), model(Family::FileRead)];
    bench.window(10, 1000, 200 << 20);
    assert_eq!(bench.take_and_wait(&update), []);
    bench.baseline.set_frozen(true, Decision::default());
    bench.wait(3600);
    bench.window(10, 1000, 200 << 20);
    assert_eq!(bench.take_and_wait(&update), []);
    bench.wait(3600);
    let found = bench.take_and_wait(&update);
    assert_eq!(found.len(), 1, "{found:?}");
    bench.wait(3600);
    let read_only = bench.take_and_wait(&[model(Family::FileRead)]);
    assert_eq!(read_only.len(), 1, "{read_only:?}");
}

#[test]
fn what_was_fetched_explains_one_reading_by_each_process() {
    let read = |pid| by(pid, &[], model(Family::FileRead));
    let mut bench = Bench::learned(&[]);
    assert_eq!(bench.window(10, 1000, 200 << 20), []);
    assert_eq!(bench.take_and_wait(&[read(7)]), []);
    assert_eq!(bench.take_and_wait(&[read(8)]), [], "another worker");
    assert_eq!(bench.window(10, 1000, 200 << 20), []);
    assert_eq!(bench.take_and_wait(&[read(7)]), [], "something new came");
    assert_eq!(bench.take_and_wait(&[read(7)]).len(), 1);
}

#[test]
fn what_is_fetched_next_explains_a_reading_too() {
    let read = || by(7, &[], model(Family::FileRead));
    let mut bench = Bench::learned(&[]);
    assert_eq!(bench.take_and_wait(&[read()]).len(), 1);
    let mut bench = Bench::learned(&[]);
    assert_eq!(bench.take(&[read()]), []);
    assert_eq!(bench.window(10, 1000, 200 << 20), []);
    assert_eq!(bench.take_and_wait(&[]), []);
}

#[test]
fn a_reading_while_learning_is_learned_though_its_time_to_wait_ends_later() {
    let read = || by(7, &[], model(Family::FileRead));
    let mut bench = Bench::new();
    bench.serve(1, 100);
    assert_eq!(bench.take(&[read()]), []);
    bench.baseline.set_frozen(true, Decision::default());
    assert_eq!(bench.take_and_wait(&[]), []);
    bench.serve(1, 100);
    assert_eq!(bench.take_and_wait(&[read()]), [], "as was learned");
}

#[test]
fn what_was_read_before_the_server_served_counts_as_read() {
    let mut bench = Bench::learned(&[]);
    let mut read = by(7, &[], model(Family::FileRead));
    read.0.process.started = Some(bench.now);
    let mut loading = read.clone();
    loading.0.phase = Phase::Load;
    assert_eq!(bench.window(0, 0, 200 << 20), []);
    assert!(!leaves_no_trace(&loading.0));
    assert_eq!(bench.take_and_wait(&[loading]), []);
    assert_eq!(bench.take_and_wait(&[read.clone()]).len(), 1);
    let worker = by(8, &[], read);
    assert_eq!(
        bench.take_and_wait(&[worker]),
        [],
        "a young worker reads it once"
    );
}

#[test]
fn a_program_right_after_an_odd_request_is_told() {
    let mut bench = Bench::learned(&[]);
    bench.serve(40, 800);
    let exec = || sight(Family::Executable, "/bin/id <- /usr/bin/python3");
    assert_eq!(bench.take(&[exec()]), []);
    assert_eq!(bench.window(1, 500_000, 0), []);
    assert_eq!(bench.take(&[exec()]).len(), 1);
}

#[test]
fn a_program_that_is_started_anyway_is_told_of_no_request() {
    let mut bench = Bench::learned(&[]);
    let exec = sight(Family::Executable, "/bin/id <- /usr/bin/python3");
    bench.baseline.learn_sighting(&exec.0, "r", 0);
    bench.serve(40, 800);
    assert_eq!(bench.window(1, 500_000, 0), []);
    assert_eq!(bench.take(&[exec]), []);
}

#[test]
fn what_an_operator_does_stands_in_no_order() {
    let mut bench = Bench::learned(&[]);
    let found = bench.take(&[
        secret().by_runtime(),
        connect("tcp 203.0.113.9:443").by_runtime(),
    ]);
    assert_eq!(found, []);
}

fn sights() -> impl Strategy<Value = Vec<Sight>> {
    let one = prop_oneof![
        Just(secret()),
        Just(model(Family::FileWrite)),
        Just(model(Family::FileRead)),
        (0_u8..9).prop_map(|n| connect(&format!("tcp 10.0.0.{n}:443"))),
        (0_u32..4).prop_map(|pid| by(pid, &[1], secret())),
        Just(sight(Family::Executable, "/bin/x <- /bin/y")),
    ];
    prop::collection::vec(one, 0..300)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn memory_is_bounded_and_scores_are_finite(sights in sights(), jump in any::<u32>()) {
        let mut bench = Bench::learned(&[]);
        bench.now = Moment(u64::from(jump));
        for claim in bench.take(&sights) {
            prop_assert!(claim.score().0.is_finite() && claim.false_per_month.0 > 0.0);
        }
        prop_assert!(bench.watch.taken.len() <= MOST && bench.watch.told.len() <= MOST_TOLD);
        prop_assert!(bench.watch.noticed.len() <= MOST && bench.watch.reread.len() <= MOST);
    }
}

#[test]
fn contacts_and_questions_do_not_crowd_out_what_came_before_them() {
    let mut bench = Bench::learned(&[secret(), connect("tcp 10.0.0.7:443")]);
    let mut steps = vec![secret()];
    steps.extend((0..300).map(|_| sight(Family::DnsName, "a.example")));
    let _ = bench.take(&steps);
    assert!(bench.watch.awaits_contact(bench.now));
    let claims = bench.take(&[connect("tcp 203.0.113.7:443")]);
    assert_eq!(claims.len(), 1);
    bench.wait(301);
    assert!(!bench.watch.awaits_contact(bench.now));
}

#[test]
fn what_is_put_into_a_folder_of_its_own_weighs_less_than_a_model_that_is_known() {
    let put = |path: &str| {
        let write = sight(Family::FileWrite, path);
        write.mark(|marks| marks.model_file = true)
    };
    let mut bench = Bench::learned(&[]);
    let known = sight(Family::FileRead, "/models/m.onnx").0;
    bench.baseline.learn_sighting(&known, "r", 1);
    let engine = bench.take(&[put("/models/engines/e.plan")]);
    assert_eq!(engine.len(), 1, "{engine:?}");
    let mut bench = Bench::learned(&[]);
    bench.baseline.learn_sighting(&known, "r", 1);
    let model = bench.take(&[put("/models/m.onnx")]);
    assert_eq!(model.len(), 1, "{model:?}");
    assert!(model[0].danger.0 > engine[0].danger.0 + 1.0);
}
