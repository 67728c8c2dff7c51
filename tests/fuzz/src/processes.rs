//! Command lines and what `/proc` and cgroup files say about processes.

use picket::fuzzing;
use picket::observe::command::Program;
use picket::observe::event::Exec;
use picket::observe::path::MAX_LENGTH;
use picket::observe::redact::{self, REDACTED};

/// Longest redacted command line: 1 KiB, a sign for each cut argument, a word for each secret.
const LONGEST_COMMAND_LINE: usize = 2048;

/// The executable's path, then the arguments, each ended by NUL.
pub(crate) fn command(input: &[u8]) {
    let mut words = words(input).into_iter();
    let filename = words.next().unwrap_or_default();
    let exec = Exec {
        filename,
        argv: words.collect(),
        ..Exec::default()
    };
    let program = Program::started(&exec);
    assert!(program.label.len() <= MAX_LENGTH + " (deleted)".len());
    assert!(program.shape.len() <= MAX_LENGTH + 256, "{}", program.shape);
    bounded(&program.argv);
}

/// A secret, then the arguments that stand before it.
pub(crate) fn redact(input: &[u8]) {
    let mut words = words(input).into_iter();
    let mut secret = words.next().unwrap_or_default();
    secret.retain(|c| c.is_ascii_alphanumeric());
    if secret.len() < 8 || REDACTED.contains(&secret) {
        return;
    }
    let before: Vec<String> = words
        .take(8)
        .filter(|word| !word.contains(&secret))
        .collect();
    for (last, is_two) in [("--api-key", true), ("HF_TOKEN=", false)] {
        let mut arguments = before.clone();
        if is_two {
            arguments.extend([last.to_owned(), secret.clone()]);
        } else {
            arguments.push(format!("{last}{secret}"));
        }
        let shown = redact::argv(&arguments);
        bounded(&shown);
        assert!(
            !shown.join(" ").contains(&secret),
            "{arguments:?} shows {shown:?}"
        );
    }
}

/// `/proc/<pid>/cmdline` or `cgroup.procs`.
pub(crate) fn proc(input: &[u8]) {
    let arguments = fuzzing::arguments(input);
    if input.last() == Some(&0) && std::str::from_utf8(input).is_ok() {
        let back: String = arguments.iter().map(|it| format!("{it}\0")).collect();
        assert_eq!(back.as_bytes(), input);
    }
    let list = String::from_utf8_lossy(input);
    let pids = fuzzing::pids(&list);
    assert!(pids.iter().all(|pid| *pid != 0));
    assert!(pids.len() <= list.lines().count());
}

fn words(input: &[u8]) -> Vec<String> {
    fuzzing::arguments(input)
}

fn bounded(argv: &[String]) {
    let bytes: usize = argv.iter().map(String::len).sum();
    assert!(argv.len() <= 33, "{argv:?}");
    assert!(bytes <= LONGEST_COMMAND_LINE, "{bytes} bytes: {argv:?}");
}
