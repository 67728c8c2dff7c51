#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod accounts;
mod contacts;
mod deployments;
mod explained;
mod losses;
mod phases;
mod rollouts;
mod starts;

use proptest::prelude::*;

use super::testing::{Bench, CONTAINER, Sight, settings, sight};
use super::*;
use crate::baseline::decision::Decision;
use crate::baseline::exposure::Share;
use crate::detect::finding::{Class, Method, Severity};
use crate::detect::never_learn::Kind;
use crate::observe::activity::Activity;
use crate::observe::event::Moment;
use crate::observe::fact::Family;

fn repeated(news: News) -> Outcome {
    Outcome::suppressed(Reason::Repeat).news(news)
}

fn shell() -> Sight {
    let mut sight = sight(
        Family::Executable,
        "/usr/bin/dash -c <- /usr/bin/python3.11",
    )
    .mark(|m| m.shell = true);
    sight.0.raw = "sh -c id".into();
    sight
}

/// A service of the machine that the workload never talked to, by a process of its own: of medium severity.
fn other_socket(pid: u32) -> Sight {
    let mut socket = sight(Family::UnixSocket, &format!("connect /run/{pid}.sock"));
    socket.0.process.pid = pid;
    socket
}

#[test]
fn a_credential_is_told_of_though_new_files_are_read_all_the_time() {
    let mut bench = Bench::new();
    for sight in Bench::routine() {
        bench.see(sight);
    }
    for number in 0..40 {
        let other = sight(Family::FileRead, &format!("/srv/{number}/x"));
        assert_eq!(bench.see(other).finding, None);
        bench.quiet(1);
    }
    assert_eq!(bench.baseline.state(), State::Active);
    assert!(!bench.baseline.judges(Phase::Serve, Family::FileRead));
    let secret = sight(Family::FileRead, "/home/a/.aws/credentials").mark(|m| m.secret_file = true);
    let finding = bench.see(secret).finding.unwrap();
    assert!(finding.severity >= Severity::Medium, "{finding:?}");
}

#[test]
fn routine_and_ten_times_the_traffic_are_no_findings() {
    let mut bench = Bench::learned();
    for _ in 0..3 {
        for sight in Bench::routine() {
            assert_eq!(bench.see(sight), Outcome::default());
        }
        for _ in 0..50 {
            assert_eq!(bench.window(10, [0.0; 4]), Vec::new());
        }
    }
}

#[test]
fn a_shell_is_explained_from_title_to_next_step() {
    let mut bench = Bench::learned();
    let finding = bench.see(shell()).finding.unwrap();
    assert_eq!(finding.title, "python3.11 started a shell: sh -c id");
    assert_eq!(
        finding.expected,
        "the one executable seen was another in the serve phase in 40 windows (3 min 20 s, 400 requests) on \
         1 replica; last new executable 3 min 20 s of observation earlier; by these windows alone, at most 7 % \
         bring a new one (95 % confidence)"
    );
    assert_eq!(
        (finding.class, finding.method),
        (Class::Process, Method::Novelty)
    );
    assert!(finding.severity >= Severity::High && finding.score >= finding.threshold);
    let sum: f64 = finding.contributions.iter().map(|c| c.value).sum();
    assert!((sum - finding.score).abs() < 1e-9);
    assert!(finding.techniques.iter().any(|t| t.id == "T1059.004"));
    assert!(finding.techniques.iter().any(|t| t.id.starts_with("AML.")));
    assert!(!finding.next_step.is_empty());
    assert_eq!(finding.baseline.id, bench.baseline.id());
    assert_eq!(finding.baseline.requests, 400);
}

#[test]
fn each_kind_of_novelty_has_its_class() {
    let mut bench = Bench::learned();
    let model = |s: Sight| s.mark(|m| m.model_file = true);
    for (sight, class) in [
        (shell(), Class::Process),
        (
            sight(Family::Endpoint, "tcp 203.0.113.9:443"),
            Class::Network,
        ),
        (sight(Family::Listener, "tcp *:4444"), Class::Network),
        (
            model(sight(Family::FileWrite, "/models/iris.onnx")),
            Class::Model,
        ),
        (
            sight(Family::FileWrite, "/opt/site-packages/x.pth").mark(|m| m.code_path = true),
            Class::File,
        ),
        (
            sight(Family::FileRead, "/root/.ssh/id_rsa").mark(|m| m.secret_file = true),
            Class::File,
        ),
    ] {
        let finding = bench.see(sight).finding.expect("a finding");
        assert_eq!(finding.class, class, "{}", finding.title);
        assert!(finding.severity >= Severity::High, "{}", finding.title);
    }
}

#[test]
fn ordinary_reads_and_common_calls_are_never_findings() {
    let mut bench = Bench::learned();
    for sight in [
        sight(Family::FileRead, "/etc/hostname"),
        sight(Family::FileRead, "/models/other.onnx")
            .mark(|m| m.model_file = true)
            .in_phase(Phase::Load),
        sight(Family::Syscall, "futex"),
    ] {
        assert_eq!(bench.see(sight).finding, None);
    }
}

#[test]
fn a_novelty_is_reported_once_and_repeats_are_counted() {
    let mut bench = Bench::learned();
    assert!(bench.see(other_socket(1)).finding.is_some());
    for _ in 0..3 {
        bench.quiet(1000);
        assert_eq!(bench.see(other_socket(1)), repeated(News::Pending));
    }
    let finding = bench.see(shell()).finding.unwrap();
    assert_eq!(finding.suppressed, 3);
    assert_eq!(bench.see(shell()), repeated(News::Pending));
    bench.quiet(720);
    assert!(
        bench.see(shell()).finding.is_some(),
        "a page repeats after an hour"
    );
    let other = CgroupId(8);
    assert!(
        bench.see_in(other, shell()).finding.is_some(),
        "another container is news"
    );
}

#[test]
fn news_is_what_the_baseline_did_not_hold() {
    let mut bench = Bench::new();
    let read = |path: &str| sight(Family::FileRead, path);
    let news = |bench: &mut Bench, sight| bench.see(sight).news;
    assert_eq!(news(&mut bench, read("/etc/hosts")), Some(News::Learned));
    assert_eq!(news(&mut bench, read("/etc/hosts")), None);
    let elsewhere = read("/etc/hosts").in_phase(Phase::Load);
    assert_eq!(news(&mut bench, elsewhere), Some(News::Learned));
    for n in 0..crate::baseline::facts::cap(Family::Listener) {
        news(&mut bench, sight(Family::Listener, &format!("tcp *:{n}")));
    }
    let surplus = || sight(Family::Listener, "tcp *:9999");
    assert_eq!(news(&mut bench, surplus()), Some(News::Refused));
    assert_eq!(news(&mut bench, surplus()), Some(News::Refused));

    bench.baseline.set_frozen(true, Decision::default());
    assert_eq!(news(&mut bench, read("/etc/hosts")), None);
    // A read is no finding, and so does not wait for approval.
    assert_eq!(news(&mut bench, read("/etc/passwd")), Some(News::New));
    assert_eq!(news(&mut bench, read("/etc/passwd")), Some(News::New));
    assert_eq!(news(&mut bench, shell()), Some(News::New));
    assert_eq!(news(&mut bench, shell()), Some(News::Pending));
    let token = || sight(Family::Privileged, "socket on fd 0");
    assert_eq!(news(&mut bench, token()), Some(News::NeverLearn));
    assert_eq!(news(&mut bench, token()), Some(News::NeverLearn));
}

#[test]
fn a_window_has_an_outcome_for_each_of_its_sightings() {
    let mut bench = Bench::learned();
    let calls = ["futex", "socket", "getrandom"].map(|name| sight(Family::Syscall, name).0);
    let report = WindowReport {
        end: Moment(1),
        length_ns: 5_000_000_000,
        phase: None,
        sightings: calls.to_vec(),
        features: None,
        calls: None,
        requests: 0,
        activity: Activity::default(),
        lost_events: 0,
        lost_to_quota: 0,
    };
    let now_s = bench.now_s;
    let outcomes = bench
        .detector
        .window(&mut bench.baseline, CONTAINER, "7", &report, now_s);
    let news: Vec<_> = outcomes.iter().map(|outcome| outcome.news).collect();
    assert_eq!(news, [None, Some(News::New), None]);
}

#[test]
fn the_budget_holds_back_what_does_not_page() {
    let mut bench = Bench::learned();
    let mut found = 0;
    let mut held = 0;
    for i in 0..20 {
        let outcome = bench.see(other_socket(i));
        found += u32::from(outcome.finding.is_some());
        held += u32::from(outcome.suppressed == Some(Reason::Budget));
    }
    assert_eq!((found, held), (1, 19));
    assert!(bench.see(shell()).finding.is_some());
}

#[test]
fn what_was_poisoned_into_learning_still_alerts() {
    let poison = || {
        [
            sight(Family::FileWrite, "/etc/ld.so.preload"),
            sight(Family::Endpoint, "tcp 169.254.169.254:80").mark(|m| m.metadata_address = true),
            sight(Family::Privileged, "socket on fd 0"),
            sight(Family::Privileged, "unshare denied EPERM"),
        ]
    };
    let mut bench = Bench::new();
    for sight in poison() {
        let finding = bench.see(sight).finding.expect("alerts while learning");
        assert_eq!(finding.method, Method::NeverLearnable);
    }
    assert_eq!(bench.baseline.version(), 0, "nothing of it was learned");
    bench.quiet(40);
    bench.now_s += 3600;
    for sight in poison() {
        assert!(bench.see(sight).finding.is_some(), "alerts ever after");
    }
    for sight in poison() {
        assert_eq!(bench.see(sight), repeated(News::NeverLearn));
    }
}

#[test]
fn the_operators_word_ends_it() {
    let mut settings = settings();
    settings.allow = Allow::parse(["169.254.169.254:80", "/usr/bin/dash"]).unwrap();
    let mut bench = Bench::with(settings);
    bench.quiet(40);
    let metadata =
        sight(Family::Endpoint, "tcp 169.254.169.254:80").mark(|m| m.metadata_address = true);
    assert_eq!(bench.see(metadata), Outcome::suppressed(Reason::Allow));
    assert_eq!(bench.see(shell()), Outcome::suppressed(Reason::Allow));
}

#[test]
fn an_operators_shell_is_reported_and_does_not_page() {
    let mut bench = Bench::learned();
    let finding = bench.see(shell().by_runtime()).finding.unwrap();
    assert_eq!(finding.severity, Severity::Low);
    assert!(finding.contributions.iter().any(|c| c.name == "limit"));
}

#[test]
fn a_second_container_inherits_and_its_start_is_learned() {
    let mut bench = Bench::learned();
    let second = CgroupId(8);
    for sight in Bench::routine() {
        assert_eq!(bench.see_in(second, sight), Outcome::default());
    }
    let gcc =
        sight(Family::Executable, "/usr/bin/gcc <- /usr/bin/python3.11").in_phase(Phase::Start);
    assert_eq!(
        bench.see_in(second, gcc),
        Outcome::suppressed(Reason::Learning).news(News::Learned)
    );
}

#[test]
fn a_lasting_change_of_proportions_is_one_finding() {
    let mut bench = Bench::learned();
    bench.quiet(300);
    let mut findings = Vec::new();
    for _ in 0..200 {
        let outcomes = bench.window(1, [3.0, 0.0, 0.0, 0.0]);
        findings.extend(outcomes.into_iter().filter_map(|o| o.finding));
    }
    assert_eq!(findings.len(), 1);
    let finding = &findings[0];
    assert_eq!(
        (finding.class, finding.method),
        (Class::Resource, Method::Rates)
    );
    assert!(finding.title.contains("tx_per_rx"), "{}", finding.title);
    assert!(finding.score >= finding.threshold - 1e-6);
    let features = finding.contributions.iter();
    let features = features.filter(|part| settings().feature_names.contains(&part.name.as_str()));
    assert_eq!(features.count(), 4);
}

#[test]
fn a_change_cannot_teach_the_model_while_it_is_noticed() {
    let mut bench = Bench::learned();
    bench.quiet(300);
    let before = bench.baseline.phases[&Phase::Serve].sample.clone();
    for _ in 0..200 {
        bench.window(1, [3.0, 0.0, 0.0, 0.0]);
    }
    assert_eq!(bench.baseline.phases[&Phase::Serve].sample, before);
}

#[test]
fn scores_are_there_for_the_metrics() {
    let mut bench = Bench::learned();
    assert!(bench.detector.scores(CgroupId(99)).is_empty());
    assert_eq!(
        bench.detector.scores(CONTAINER),
        vec![("novelty", 0.0, 2.0)]
    );
    bench.quiet(60);
    bench.see(shell());
    let scores = bench.detector.scores(CONTAINER);
    assert!(scores[0].1 >= 8.0, "{scores:?}");
    assert_eq!(scores[1].0, "rates");
    assert!(
        scores[1].1 < scores[1].2 && scores[1].2 > 13.0,
        "{scores:?}"
    );
    bench.detector.forget(CONTAINER);
    assert!(bench.detector.scores(CONTAINER).is_empty());
}

#[test]
fn a_frozen_baseline_judges_at_once_and_never_changes() {
    let mut bench = Bench::new();
    bench.baseline.set_frozen(true, Decision::default());
    let before = bench.baseline.version();
    assert!(bench.see(shell()).finding.is_some());
    bench.quiet(50);
    assert_eq!(bench.baseline.version(), before);
}

fn any_sight() -> impl Strategy<Value = Sight> {
    let family = prop::sample::select(Family::ALL.to_vec());
    let phase = prop::sample::select(Phase::ALL.to_vec());
    let marks = (any::<[bool; 6]>(), any::<bool>());
    ("[a-z/ <:0-9.-]{0,24}", family, phase, marks).prop_map(
        |(value, family, phase, (marks, runtime))| {
            let sight = sight(family, &value).in_phase(phase).mark(|m| {
                [
                    m.model_file,
                    m.secret_file,
                    m.code_path,
                    m.scratch,
                    m.loopback,
                    m.shell,
                ] = marks;
            });
            if runtime { sight.by_runtime() } else { sight }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn learning_never_pages(sights in prop::collection::vec(any_sight(), 0..60)) {
        let mut bench = Bench::new();
        for sight in sights {
            let never = Kind::of(&sight.0).is_some();
            let outcome = bench.see(sight);
            prop_assert!(never || outcome.finding.is_none());
        }
    }

    #[test]
    fn what_is_learned_is_known(sights in prop::collection::vec(any_sight(), 0..60)) {
        let mut bench = Bench::new();
        let learnable = |s: &Sight| Kind::of(&s.0).is_none();
        let sights: Vec<_> = sights.into_iter().filter(learnable).collect();
        for sight in &sights {
            bench.see(Sight(sight.0.clone()));
        }
        bench.baseline.set_frozen(true, Decision::default());
        for sight in sights {
            prop_assert_eq!(bench.see(sight), Outcome::default());
        }
    }

    #[test]
    fn equal_input_gives_equal_findings(sights in prop::collection::vec(any_sight(), 0..40)) {
        let run = || {
            let mut bench = Bench::learned();
            let outcomes: Vec<_> = sights.iter().map(|s| bench.see(Sight(s.0.clone()))).collect();
            (outcomes, serde_json::to_vec(&bench.baseline).unwrap())
        };
        prop_assert_eq!(run(), run());
    }
}
