//! Findings as text for a person.
//!
//! Paths, arguments and names come from the watched container, so everything that could steer a terminal is shown
//! as an escape sequence instead ([`printable`]).

pub mod explain;
pub mod line;

use std::fmt::Write;

use crate::detect::finding::{BaselineRef, Technique};

use super::view::finding::{FindingView, ProcessView};

/// Column in which the values of a block begin.
const INDENT: usize = 14;

/// A finding as a block of lines, each ended by a newline: severity, class, container and time; what happened; then
/// the evidence.
#[must_use]
pub fn block(finding: &FindingView) -> String {
    let mut block = format!(
        "{}  {}  {}  {}  {}\n  {}\n",
        finding.severity.to_uppercase(),
        printable(&finding.class),
        place(&finding.namespace, &finding.pod, &finding.container),
        time(finding.time_ms),
        printable(&finding.id),
        printable(&finding.title)
    );
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            // Writing to a string cannot fail.
            let _ = writeln!(block, "  {name:<width$}{value}", width = INDENT - 2);
        }
    };
    line("observed", printable(&finding.observed));
    line("expected", printable(&finding.expected));
    line("score", score(finding));
    for contribution in &finding.contributions {
        let reason = printable(&contribution.reason);
        line(
            "",
            format!(
                "{:+.1} {}: {reason}",
                contribution.value,
                printable(&contribution.name)
            ),
        );
    }
    line("baseline", baseline(&finding.baseline));
    for (depth, process) in tree(finding).into_iter().enumerate() {
        let name = if depth == 0 { "process" } else { "" };
        let branch = if depth == 0 { "" } else { "└─ " };
        let indent = "   ".repeat(depth.saturating_sub(1));
        line(name, format!("{indent}{branch}{}", process_line(process)));
    }
    for technique in &finding.techniques {
        line("technique", technique_line(technique));
    }
    line("caution", caution(finding).unwrap_or_default());
    line("next", printable(&finding.next_step));
    block
}

/// Namespace, pod and container; outside Kubernetes the latter two are the same and told once.
#[must_use]
pub fn place(namespace: &str, pod: &str, container: &str) -> String {
    printable(&if pod == container {
        format!("{namespace}/{pod}")
    } else {
        format!("{namespace}/{pod}/{container}")
    })
}

/// What lies behind the baseline, in words; empty when the finding needed none.
#[must_use]
pub fn baseline(baseline: &BaselineRef) -> String {
    if baseline.id.is_empty() {
        return String::new();
    }
    format!(
        "{} version {}: {}, {}, {}",
        printable(&baseline.id),
        baseline.version,
        duration(baseline.container_seconds),
        count(baseline.requests, "request"),
        count(baseline.replicas, "replica")
    )
}

/// What lessens the trust in a finding, or hides behind it.
#[must_use]
pub fn caution(finding: &FindingView) -> Option<String> {
    let mut cautions = Vec::new();
    if finding.lost_events > 0 {
        cautions.push(format!(
            "{} of this container lost around that time",
            count(finding.lost_events, "event")
        ));
    }
    if finding.baseline.events_lost > 0 {
        cautions.push(format!(
            "{} lost while learning",
            count(finding.baseline.events_lost, "event")
        ));
    }
    if finding.suppressed > 0 {
        cautions.push(format!(
            "{} suppressed since the last one",
            count(finding.suppressed, "finding")
        ));
    }
    (!cautions.is_empty()).then(|| cautions.join("; "))
}

/// The processes behind a finding, the outermost first.
#[must_use]
pub fn tree(finding: &FindingView) -> Vec<&ProcessView> {
    let ancestors = finding.ancestry.iter().rev();
    ancestors.chain(&finding.process).collect()
}

/// A process on one line: command line, or its executable, and pid.
#[must_use]
pub fn process_line(process: &ProcessView) -> String {
    let command = command_line(&process.argv);
    let shown = if command.is_empty() {
        if process.exe.is_empty() {
            process.comm.clone()
        } else {
            process.exe.clone()
        }
    } else {
        command
    };
    format!("{} ({})", printable(&shown), process.pid)
}

/// A technique on one line.
#[must_use]
pub fn technique_line(technique: &Technique) -> String {
    let Technique {
        id,
        name,
        tactic,
        version,
        ..
    } = technique;
    let mut line = format!("{id} {name}");
    if !tactic.is_empty() {
        line += &format!(" ({tactic})");
    }
    if !version.is_empty() {
        line += &format!(", {} {version}", technique.catalogue());
    }
    printable(&line)
}

/// Arguments as one would type them in a shell.
#[must_use]
pub fn command_line(argv: &[String]) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_=+./:,@%^".contains(c);
    let quoted = argv.iter().map(|argument| {
        if !argument.is_empty() && argument.chars().all(plain) {
            argument.clone()
        } else {
            format!("'{}'", argument.replace('\'', r"'\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// `text` without anything that moves a cursor, changes colours, breaks the line or turns the writing direction.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        let turns_direction = matches!(character,
            '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if character.is_control() || turns_direction || matches!(character, '\u{2028}' | '\u{2029}')
        {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Unix milliseconds as RFC 3339 in UTC; the bare number when no calendar has that time.
#[must_use]
pub fn time(unix_ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(unix_ms) {
        Ok(timestamp) => format!("{timestamp:.3}"),
        Err(_) => unix_ms.to_string(),
    }
}

/// Seconds in the two largest fitting units: `1 h 10 min`.
#[must_use]
pub fn duration(seconds: u64) -> String {
    let units = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (unit, length) in units {
        if rest >= length {
            parts.push(format!("{} {unit}", rest / length));
            rest %= length;
        } else if !parts.is_empty() {
            break;
        }
        if parts.len() == 2 {
            break;
        }
    }
    if parts.is_empty() {
        "0 s".to_owned()
    } else {
        parts.join(" ")
    }
}

/// A number and its noun: `1 request`, `5 requests`.
#[must_use]
pub fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

fn score(finding: &FindingView) -> String {
    format!(
        "{:.1}, reported from {:.1}; {} of {} in phase {}",
        finding.score,
        finding.threshold,
        printable(&finding.method).replace('_', " "),
        printable(&finding.feature).replace('_', " "),
        printable(&finding.phase)
    )
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        reason = "tests"
    )]

    use proptest::prelude::*;

    use super::*;
    use crate::export::sample;

    fn view() -> FindingView {
        FindingView::new(
            &sample::finding(),
            &sample::container(1, "web"),
            "01JD3T7Q3Q0V8K2M5N6P7R8S9T",
            1,
            1_700_000_000_000,
        )
    }

    #[test]
    fn a_finding_reads_well() {
        let expected = "\
HIGH  process  docker/web  2023-11-14T22:14:20.000Z  01JD3T7Q3Q0V8K2M5N6P7R8S9T
  python3.11 started a shell: sh -c 'id; uname -a'
  observed    /bin/sh (sh -c 'id; uname -a') started by /usr/bin/python3.11
  expected    one of 3 executables seen in 840 windows on 2 replicas
  score       9.5, reported from 2.0; novelty of executable in phase serve
              +5.5 danger: a server started a command interpreter
  baseline    0123456789abcdef version 7: 1 h 10 min, 5230 requests, 2 replicas
  process     python3 server.py (17)
              └─ sh -c 'id; uname -a' (4242)
  technique   T1059.004 Unix Shell (Execution), ATT&CK 19
  caution     3 findings suppressed since the last one
  next        Look at what the shell ran and which request came in just before.
";
        assert_eq!(block(&view()), expected);
    }

    #[test]
    fn durations_have_two_units() {
        for (seconds, expected) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_600, "1 h"),
            (3_605, "1 h"),
            (4_200, "1 h 10 min"),
            (90_061, "1 d 1 h"),
        ] {
            assert_eq!(duration(seconds), expected);
        }
    }

    #[test]
    fn arguments_are_quoted_where_a_shell_needs_it() {
        let argv = ["sh", "-c", "echo it's", ""].map(str::to_owned);
        assert_eq!(command_line(&argv), r"sh -c 'echo it'\''s' ''");
    }

    proptest! {
        #[test]
        fn a_container_cannot_write_outside_its_line(text in any::<String>()) {
            let mut view = view();
            let lines = block(&view).lines().count();
            view.title.clone_from(&text);
            view.observed = format!("x{text}\u{1b}[2J\u{202e}");
            let block = block(&view);
            prop_assert_eq!(block.lines().count(), lines);
            prop_assert!(block.chars().all(|c| c == '\n' || !c.is_control()));
        }
    }
}
