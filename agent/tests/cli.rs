//! The program from outside: exit codes, messages, and what it asks a running agent.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

/// A place of its own for one test: configuration file and socket.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("picket.yaml"), config).unwrap();
        Self { dir }
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("picket.sock")
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_picket"));
        command
            .args(line.split_whitespace())
            .env_clear()
            .env("PICKET_CONFIG", self.dir.path().join("picket.yaml"))
            .env("PICKET_SOCKET", self.socket());
        command
    }

    fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    /// An agent that gives these answers, each a status and a body, then ends. Yields what it was asked.
    fn agent(&self, answers: &[(&'static str, u16, &'static str)]) -> Receiver<String> {
        let answers: BTreeMap<_, _> = answers
            .iter()
            .map(|(path, status, body)| (*path, (*status, *body)))
            .collect();
        let listener = UnixListener::bind(self.socket()).unwrap();
        let (asked, questions) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let request = lines.next().unwrap().unwrap();
                while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
                let target = request.split(' ').nth(1).unwrap().to_owned();
                let path = target.split('?').next().unwrap();
                let (status, body) = answers.get(path).copied().unwrap_or((404, "{}"));
                asked.send(target).unwrap();
                write!(
                    stream,
                    "HTTP/1.1 {status} x\r\nconnection: close\r\n\r\n{body}"
                )
                .unwrap();
            }
        });
        questions
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[track_caller]
fn assert_code(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
}

#[test]
fn a_wrong_command_line_is_code_2() {
    let place = Place::new("");
    for line in [
        "",
        "rnu",
        "events --class weather",
        "events --min-severity loud",
        "events --since yesterday",
        "events --family weather",
        "events --family endpoint --findings",
        "baseline show ../status",
        "explain ../status",
        "explain",
        "status -o xml",
    ] {
        let output = place.run(line);
        assert_code(&output, 2);
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{line}"
        );
    }
}

#[test]
fn a_wrong_configuration_is_code_2_for_every_verb() {
    let place = Place::new("\nlearnig: {}\n");
    for line in ["run", "check", "config check", "config print"] {
        let output = place.run(line);
        assert_code(&output, 2);
        let message = stderr(&output);
        assert!(message.starts_with("picket: /"), "{message}");
        assert!(
            message.ends_with(
                "picket.yaml:2:1: unknown key \"learnig\"; did you mean \"learning\"?\n"
            ),
            "{message}"
        );
    }
}

#[test]
fn a_named_file_that_is_missing_is_code_2() {
    let place = Place::new("");
    let output = place.run("config check --config /nonexistent/picket.yaml");
    assert_code(&output, 2);
    assert!(stderr(&output).contains("/nonexistent/picket.yaml: No such file"));
}

#[test]
fn flags_are_checked_like_the_file() {
    let place = Place::new("");
    for (line, message) in [
        (
            "run --window 1h",
            "picket: flag --window: window: 1h is outside 100ms..=5m\n",
        ),
        (
            "run --listen 9477",
            "picket: flag --listen: listen: \"9477\" is not an IP address and port; write for example 127.0.0.1:9477\n",
        ),
    ] {
        let output = place.run(line);
        assert_code(&output, 2);
        assert_eq!(stderr(&output), message);
    }
}

#[test]
fn without_an_agent_the_message_says_how_to_start_one() {
    let place = Place::new("");
    for line in [
        "status",
        "selftest",
        "containers",
        "events",
        "events -f",
        "baseline list",
        "baseline show ab",
    ] {
        let output = place.run(line);
        assert_code(&output, 1);
        let message = stderr(&output);
        assert!(
            message.starts_with("picket: the agent is not running: "),
            "{message}"
        );
        assert!(
            message.contains(place.socket().to_str().unwrap()),
            "{message}"
        );
        assert!(message.contains("`picket run`"), "{message}");
    }
    // The socket of an agent that was killed.
    drop(UnixListener::bind(place.socket()).unwrap());
    let output = place.run("status");
    assert_code(&output, 1);
    assert!(stderr(&output).contains("the agent is not running"));
}

#[test]
fn a_self_test_that_did_not_pass_is_code_1() {
    for (body, code) in [
        (r#"{"passed":true,"took_ms":5}"#, 0),
        (r#"{"passed":false,"reason":"no answer from sys_exit"}"#, 1),
    ] {
        let place = Place::new("");
        let asked = place.agent(&[("/api/v1/selftest", 200, body)]);
        for line in ["selftest", "selftest -o json"] {
            assert_code(&place.run(line), code);
            assert_eq!(asked.recv().unwrap(), "/api/v1/selftest");
        }
    }
}

#[test]
fn the_configuration_can_be_looked_at() {
    let place = Place::new("window: 2s\n");
    let checked = place.run("config check");
    assert_code(&checked, 0);
    assert!(stdout(&checked).starts_with("valid, sha256 "));
    assert!(stdout(&checked).contains("window = \"2s\" (file "));

    let printed = place.run("config print");
    assert_code(&printed, 0);
    fs::write(place.dir.path().join("picket.yaml"), &printed.stdout).unwrap();
    assert_eq!(stdout(&place.run("config print")), stdout(&printed));

    for line in [
        "config check -o json",
        "config print -o json",
        "config schema",
    ] {
        let output = place.run(line);
        assert_code(&output, 0);
        serde_json::from_slice::<Value>(&output.stdout).unwrap();
    }
}

#[test]
fn version_and_completion() {
    let place = Place::new("");
    let version: Value = serde_json::from_slice(&place.run("version -o json").stdout).unwrap();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    for shell in ["bash", "zsh", "fish"] {
        let output = place.run(&format!("completion {shell}"));
        assert_code(&output, 0);
        assert!(stdout(&output).contains("min-severity"));
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let place = Place::new("");
    let mut child = place
        .command("completion bash")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_code(&output, 0);
    assert_eq!(stderr(&output), "");
}

#[test]
fn check_says_what_it_found() {
    let place = Place::new("");
    let output = place.run("check -o json");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let can_run = report["can_run"].as_bool().unwrap();
    assert_code(&output, i32::from(!can_run));
    assert!(report["checks"].as_array().unwrap().len() > 10);
}

#[test]
fn status_and_containers_show_the_answer() {
    let place = Place::new("");
    let _questions = place.agent(&[
        (
            "/api/v1/status",
            200,
            r#"{"version":"9.9.9","findings":7,"new_field":1}"#,
        ),
        (
            "/api/v1/containers",
            200,
            r#"[{"namespace":"docker","container":"llm","state":"active"}]"#,
        ),
    ]);
    let status = place.run("status");
    assert_code(&status, 0);
    assert!(stdout(&status).contains("9.9.9"), "{status:?}");
    let json: Value = serde_json::from_slice(&place.run("status -o json").stdout).unwrap();
    assert_eq!(json["findings"], 7);
    let containers = place.run("containers");
    assert_code(&containers, 0);
    assert!(stdout(&containers).contains("llm"), "{containers:?}");
}

#[test]
fn an_answer_that_is_no_success_is_shown() {
    let place = Place::new("");
    let _questions = place.agent(&[
        ("/api/v1/containers", 200, "<html>"),
        ("/api/v1/status", 503, r#"{"error":"starting"}"#),
    ]);
    for (line, text) in [
        ("baseline show abcd", "/api/v1/baselines/abcd with 404"),
        ("status", "starting"),
        ("containers", "cannot be read"),
    ] {
        let output = place.run(line);
        assert_code(&output, 1);
        assert!(stderr(&output).contains(text), "{output:?}");
    }
}

const EXPLAINED: &str = r#"{"type":"finding","incident":null,"finding":{
    "id":"01JA","severity":"high","class":"process","title":"a shell","expected":"none","new_field":1
}}"#;

#[test]
fn a_finding_is_explained_or_said_to_be_unknown() {
    let place = Place::new("");
    let questions = place.agent(&[
        ("/api/v1/explain/01ja", 200, EXPLAINED),
        (
            "/api/v1/explain/02",
            404,
            r#"{"error":"no finding begins with 02"}"#,
        ),
    ]);
    let text = place.run("explain 01ja");
    assert_code(&text, 0);
    assert!(stdout(&text).contains("EXPECTED\n  none"), "{text:?}");
    assert_eq!(questions.recv().unwrap(), "/api/v1/explain/01ja");
    let json = place.run("explain 01ja -o json");
    let json: Value = serde_json::from_str(&stdout(&json)).unwrap();
    assert_eq!(
        (&json["type"], &json["finding"]["id"]),
        (&"finding".into(), &"01JA".into())
    );
    let unknown = place.run("explain 02");
    assert_code(&unknown, 1);
    assert_eq!(stderr(&unknown), "picket: no finding begins with 02\n");
}

const PAST: &str = r#"[
    {"id":"B","time_ms":1700000002000,"severity":"high","class":"network","title":"second"},
    {"id":"A","time_ms":1700000001000,"severity":"low","class":"file","title":"first"}
]"#;
const STREAM: &str =
    "{\"id\":\"B\",\"title\":\"second\"}\n\n{\"id\":\"C\",\"title\":\"third\\u001b[2J\"}\n";

const EVENTS: &str = r#"[
    {"type":"evidence","time_ms":1700000001000,"family":"file_read","fact":"/data/new"},
    {"type":"finding","time_ms":1700000002000,"severity":"high","class":"process","title":"a shell"}
]"#;
const EVENT_LINES: &str =
    "{\"type\":\"evidence\",\"fact\":\"/data/new\"}\n{\"type\":\"missed\",\"missed\":7}\n";

#[test]
fn findings_come_in_order_and_filtered_by_the_agent() {
    let place = Place::new("");
    let questions = place.agent(&[("/api/v1/findings", 200, PAST)]);
    let output = place.run(
        "events -o json --min-severity medium --class network -n a&b --since 2023-11-14T22:13:20Z",
    );
    assert_code(&output, 0);
    let ids: Vec<_> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].clone())
        .collect();
    assert_eq!(ids, ["A", "B"]);
    assert_eq!(
        questions.recv().unwrap(),
        "/api/v1/findings?min_severity=medium&class=network&namespace=a%26b&since_ms=1700000000000"
    );
}

#[test]
fn events_are_shown_one_a_line_and_filtered_by_the_agent() {
    let place = Place::new("");
    let questions = place.agent(&[("/api/v1/events", 200, EVENTS)]);
    let filter = "--family file_read -n a&b --container web --since 2023-11-14T22:13:20Z --limit 5";
    let output = place.run(&format!("events {filter}"));
    assert_code(&output, 0);
    let text = stdout(&output);
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("/data/new"), "{text}");
    assert!(text.contains("a shell"), "{text}");
    assert_eq!(
        questions.recv().unwrap(),
        "/api/v1/events?family=file_read&namespace=a%26b&container=web&since_ms=1700000000000&limit=5"
    );
    let output = place.run("events -o json");
    let lines: Vec<Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["type"], "evidence");
    assert_eq!(lines[0]["fact"], "/data/new");
    assert_eq!(lines[1]["type"], "finding");
}

#[test]
fn following_shows_what_is_remembered_and_what_was_missed() {
    let place = Place::new("");
    let questions = place.agent(&[("/api/v1/events/stream", 200, EVENT_LINES)]);
    let output = place.run("events -f --container web");
    assert_code(&output, 1);
    let text = stdout(&output);
    assert!(
        text.contains("/data/new") && text.contains("7 events came faster"),
        "{text}"
    );
    assert!(stderr(&output).contains("the agent ended the stream"));
    assert_eq!(
        questions.recv().unwrap(),
        "/api/v1/events/stream?container=web&since_ms=0&without_learned_sequences=true"
    );
}

#[test]
fn following_shows_each_finding_once_and_reports_the_end() {
    let place = Place::new("");
    let questions = place.agent(&[
        ("/api/v1/findings", 200, PAST),
        ("/api/v1/findings/stream", 200, STREAM),
    ]);
    let output = place.run("events -f --findings");
    assert_code(&output, 1);
    let text = stdout(&output);
    for title in ["first", "second", "third"] {
        assert_eq!(text.matches(title).count(), 1, "{text}");
    }
    assert!(!text.contains('\u{1b}'), "{text}");
    assert!(stderr(&output).contains("the agent ended the stream"));
    assert!(
        questions
            .recv()
            .unwrap()
            .starts_with("/api/v1/findings/stream")
    );
}
