#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

fn env(pairs: &[(&str, &str)]) -> impl Iterator<Item = (OsString, OsString)> {
    let owned: Vec<_> = pairs
        .iter()
        .map(|(name, text)| (OsString::from(name), OsString::from(text)))
        .collect();
    owned.into_iter()
}

fn file(text: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("picket.yaml");
    fs::write(&path, text).unwrap();
    (dir, path)
}

fn load(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let (_dir, path) = file(text);
    Config::load(Some(&path), env(variables))
}

/// The error of `text`, with the temporary directory taken out.
fn file_error(text: &str) -> String {
    let (dir, path) = file(text);
    let error = Config::load(Some(&path), env(&[])).expect_err(text);
    error
        .to_string()
        .replace(dir.path().to_str().unwrap(), "/etc/picket")
}

fn env_error(name: &str, text: &str) -> String {
    load("", &[(name, text)]).expect_err(name).to_string()
}

#[test]
fn an_empty_file_and_empty_sections_give_the_defaults() {
    for text in [
        "",
        "# nothing\n",
        "---\n",
        "learning:\nmetrics: {}\nlog:\n  # level: debug\n",
    ] {
        assert_eq!(
            load(text, &[]).unwrap().config,
            Config::default(),
            "{text:?}"
        );
    }
}

#[test]
fn the_documented_example_is_valid() {
    let text = "
listen: 127.0.0.1:9999
state_dir: /tmp/state
socket: /tmp/picket.sock
window: 1s
watch:
  - {image: 'registry/*', watch: false}
  - {all: true}
learning:
  min_duration: 20s
  min_requests: 50
budget: {findings_per_container_month: 0.5}
allow: ['tcp 10.0.0.0/8:443', /tmp/cache/*]
devices: [/dev/nvidia*, /dev/tpu*]
never_learn: builtin
metrics: {max_series: 600, granularity: container}
log: {findings: /var/log/picket.jsonl, level: debug}
";
    let config = load(text, &[]).unwrap().config;
    assert_eq!(config.listen.port(), 9999);
    assert_eq!(config.window, Period::from_secs(1));
    assert_eq!(config.watch.len(), 2);
    assert_eq!(config.learning.min_duration, Period::from_secs(20));
    assert_eq!(config.learning.min_requests, 50);
    assert!((config.budget.findings_per_container_month - 0.5).abs() < f64::EPSILON);
    assert_eq!(config.allow.len(), 2);
    assert_eq!(config.devices, ["/dev/nvidia*", "/dev/tpu*"]);
    assert_eq!(
        config.log.findings,
        FindingsLog::File(PathBuf::from("/var/log/picket.jsonl"))
    );
    assert_eq!(config.log.level, Level::Debug);
}

#[test]
fn each_source_overrides_the_one_before() {
    let text = "window: 1s\nlisten: 127.0.0.1:1\nstate_dir: /file\n";
    let variables = [
        ("PICKET_LISTEN", "127.0.0.1:2"),
        ("PICKET_STATE_DIR", "/env"),
    ];
    let mut loaded = load(text, &variables).unwrap();
    let key = Key::named("state_dir").unwrap();
    loaded.set_from_flag(key, "--state-dir", "/flag").unwrap();

    assert_eq!(loaded.config.window, Period::from_secs(1));
    assert_eq!(loaded.config.listen.port(), 2);
    assert_eq!(loaded.config.state_dir, PathBuf::from("/flag"));
    assert!(matches!(loaded.sources["window"], Source::File(_)));
    let variable = Source::Environment("PICKET_LISTEN".to_owned());
    assert_eq!(loaded.sources["listen"], variable);
    let flag = Source::Flag("--state-dir".to_owned());
    assert_eq!(loaded.sources["state_dir"], flag);
    assert_eq!(loaded.sources["socket"], Source::Default);
}

#[test]
fn every_setting_can_come_from_the_environment() {
    for key in KEYS {
        let value = key.default_value();
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        // An empty variable counts as none.
        if text.is_empty() {
            continue;
        }
        let loaded = load("", &[(&key.variable(), &text)]).unwrap();
        assert_eq!(loaded.config, Config::default(), "{}", key.name);
        let source = Source::Environment(key.variable());
        assert_eq!(loaded.sources[key.name], source);
    }
}

#[test]
fn the_digest_depends_on_the_settings_alone() {
    let plain = load("", &[]).unwrap().sha256;
    assert_eq!(plain.len(), 64);
    assert_eq!(
        plain,
        load("window: 5000ms # as ever\n", &[]).unwrap().sha256
    );
    let in_file = load("window: 2s", &[]).unwrap().sha256;
    assert_ne!(plain, in_file);
    assert_eq!(
        in_file,
        load("", &[("PICKET_WINDOW", "2s")]).unwrap().sha256
    );
}

#[test]
fn errors_in_a_file_name_place_key_cause_and_way_out() {
    for (text, message) in [
        (
            "\n\nlearnig: 1\n",
            ":3:1: unknown key \"learnig\"; did you mean \"learning\"?",
        ),
        (
            "learning:\n  min_durtion: 5s\n",
            ":2:3: unknown key \"learning.min_durtion\"; did you mean \"learning.min_duration\"?",
        ),
        (
            "min_duration: 5s\n",
            ":1:1: unknown key \"min_duration\"; did you mean \"learning.min_duration\"?",
        ),
        (
            "budget: {colour: red}\n",
            ":1:10: unknown key \"budget.colour\"; known here: findings_per_container_month",
        ),
        (
            "watch:\n- {all: true}\n- {imge: x}\n",
            ":3:4: unknown key \"watch[1].imge\"; did you mean \"watch[1].image\"?",
        ),
        ("window: 10ms\n", ":1:9: window: 10ms is outside 100ms..=5m"),
        (
            "window: 5\n",
            ":1:9: window: \"5\" is not a length of time; write a whole number and one of the units ms, s, m, h, d, for example 5s",
        ),
        (
            "learning: {min_requests: many}\n",
            ":1:12: learning.min_requests: expected a whole number from 0 to 1000000000, found string \"many\"",
        ),
        (
            "max_containers: 5000\n",
            ":1:1: max_containers: expected a whole number from 1 to 4096, found integer `5000`",
        ),
        (
            "max_containers: -1\n",
            ":1:1: max_containers: expected a whole number from 1 to 4096, found integer `-1`",
        ),
        (
            "budget: {findings_per_container_month: 0}\n",
            ":1:10: budget.findings_per_container_month: expected a number from 0.001 to 10000, found floating point `0.0`",
        ),
        (
            "listen: here\n",
            ":1:9: listen: \"here\" is not an IP address and port; write for example 127.0.0.1:9477",
        ),
        (
            "listen:\n",
            ":1:7: listen: no value is given; leave the key out to get its default",
        ),
        (
            "state_dir: var/lib\n",
            ":1:12: state_dir: \"var/lib\" is not an absolute path",
        ),
        (
            "devices: [dev/kfd]\n",
            ":1:10: devices: \"dev/kfd\" is not an absolute path",
        ),
        (
            "runtime_dirs: [/a, b]\n",
            ":1:15: runtime_dirs: \"b\" is not an absolute path",
        ),
        (
            "log: {level: loud}\n",
            ":1:14: log.level: \"loud\" is none of error, warn, info, debug, trace",
        ),
        (
            "log: {findings: stdot}\n",
            ":1:17: log.findings: \"stdot\" is neither `stdout`, `none` nor an absolute path",
        ),
        (
            "never_learn: nothing\n",
            ":1:1: never_learn: expected `builtin`, `none` or a list of names, found string \"nothing\"",
        ),
        (
            "metrics: {granularity: image}\n",
            ":1:24: metrics.granularity: \"image\" is none of container, pod, workload, node",
        ),
        (
            "watch: []\n",
            ":1:8: watch: the list is empty, so nothing would be watched; leave the key out to get the built-in rules",
        ),
        (
            "watch: [{all: true, name: x}]\n",
            ":1:8: watch: watch rule 1 has all: true and name; remove one of them",
        ),
        ("watch: all\n", ":1:8: watch: expected a list"),
        (
            "learning: 5s\n",
            ":1:11: learning: expected a section of `key: value` lines",
        ),
        (
            "- listen\n",
            ":1:1: expected a section of `key: value` lines",
        ),
        (
            "window: 5s\nwindow: 6s\n",
            ":2:1: key \"window\" is given twice; keep one",
        ),
        (
            "window: 5s\n---\nwindow: 6s\n",
            ":3:1: a second YAML document begins here; keep one (remove `---`)",
        ),
        ("allow: [\n", ":1:8: allow: unclosed bracket '['"),
        (
            "listen: a: b\n",
            ":1:10: mapping values are not allowed in this context",
        ),
        (
            "learning:\n\tmin_requests: 5\n",
            ":2:2: tabs disallowed within this context (block indentation)",
        ),
    ] {
        assert_eq!(
            file_error(text),
            format!("/etc/picket/picket.yaml{message}")
        );
    }
}

#[test]
fn errors_in_the_environment_name_the_variable() {
    assert_eq!(
        env_error("PICKET_LERNING_MIN_DURATION", "1h"),
        "environment variable PICKET_LERNING_MIN_DURATION sets nothing; did you mean PICKET_LEARNING_MIN_DURATION?"
    );
    assert_eq!(
        env_error("PICKET_COLOUR_OF_THE_SKY", "blue"),
        "environment variable PICKET_COLOUR_OF_THE_SKY sets nothing; unset it, or see `picket config schema` for the settings"
    );
    assert_eq!(
        env_error("PICKET_WINDOW", "1h"),
        "environment variable PICKET_WINDOW: window: 1h is outside 100ms..=5m"
    );
    assert_eq!(
        env_error("PICKET_WATCH", "[{imge: x}]"),
        "environment variable PICKET_WATCH: unknown key \"watch[0].imge\"; did you mean \"watch[0].image\"?"
    );
}

#[test]
fn a_flag_error_names_the_flag() {
    let mut loaded = load("", &[]).unwrap();
    let key = Key::named("listen").unwrap();
    let error = loaded.set_from_flag(key, "--listen", "9477").unwrap_err();
    assert_eq!(
        error.to_string(),
        "flag --listen: listen: \"9477\" is not an IP address and port; write for example 127.0.0.1:9477"
    );
    assert_eq!(loaded.sources["listen"], Source::Default);
}

#[test]
fn variables_that_are_no_settings_are_let_through() {
    let variables = [
        ("PICKET_LOG", "debug"),
        ("PICKET_CONFIG", "/x"),
        ("PICKET_REVISION", "abc"),
        ("PICKET_PROBE_TRACE", "1"),
        ("PICKET_SERVICE_HOST", "10.0.0.1"),
        ("PICKET_SERVICE_PORT_METRICS", "9477"),
        ("PICKET_PORT", "tcp://10.0.0.1:9477"),
        ("PICKET_METRICS_PORT_9477_TCP_ADDR", "10.0.0.1"),
        ("PICKET_LISTEN", ""),
        ("PICKETS", "1"),
        ("picket_window", "1"),
    ];
    assert_eq!(load("", &variables).unwrap().config, Config::default());
}

#[test]
fn a_named_file_must_exist() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("absent.yaml");
    let error = Config::load(Some(&path), env(&[])).unwrap_err().to_string();
    assert!(
        error.starts_with("cannot read the configuration file"),
        "{error}"
    );
    assert!(
        error.contains("absent.yaml: No such file or directory"),
        "{error}"
    );
    assert!(
        error.ends_with("leave --config out to run on defaults"),
        "{error}"
    );
}

#[test]
fn what_is_no_text_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("binary");
    fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
    for path in [dir.path(), &path, Path::new("/dev/zero")] {
        assert!(Config::load(Some(path), env(&[])).is_err(), "{path:?}");
    }
}

#[test]
fn what_print_writes_can_be_read_again() {
    let written = serde_saphyr::to_string(&Config::default()).unwrap();
    assert_eq!(load(&written, &[]).unwrap().config, Config::default());
}

proptest! {
    #[test]
    fn no_text_panics(text in ".*") {
        let _ = yaml::config(&text);
    }

    #[test]
    fn no_yaml_like_text_panics(
        lines in proptest::collection::vec("( |- |\\[|\\{){0,3}(window|watch|learning|allow|x|all|&a|\\*a|<<)(: |:|, )(5s|\\[|\\]|\\{|\\}|\"|'|\\||-1|\\*a|~){0,2}", 0..12)
    ) {
        let _ = yaml::config(&lines.join("\n"));
    }

    #[test]
    fn no_variable_panics(index in 0..KEYS.len(), text in ".*") {
        let _ = load("", &[(&KEYS[index].variable(), &text)]);
    }
}

#[test]
fn the_annotated_configuration_is_the_default_and_names_every_setting() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/picket.yaml");
    let loaded = Config::load(Some(&path), env(&[])).unwrap();
    assert_eq!(loaded.config, Config::default());
    let text = fs::read_to_string(&path).unwrap();
    for key in KEYS {
        let name = key.name.rsplit('.').next().unwrap();
        assert!(text.contains(&format!("{name}:")), "{}", key.name);
    }
}
