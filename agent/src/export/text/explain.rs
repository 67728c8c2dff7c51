//! A finding or an incident explained: what a responder reads at night, from the deed to the first look to take.

use std::fmt::Write;

use super::{baseline, caution, place, printable, process_line, score, technique_line, time, tree};
use crate::export::view::IncidentView;
use crate::export::view::explanation::Explanation;
use crate::export::view::finding::FindingView;

/// What is shown of a server's log and of events around a finding, in milliseconds before and after.
const AROUND_MS: i64 = 60_000;

/// The explanation, as lines of text.
#[must_use]
pub fn explanation(explanation: &Explanation) -> String {
    match explanation {
        Explanation::Finding {
            finding,
            incident: of,
        } => {
            let mut text = one(finding);
            if let Some(incident) = of {
                section(&mut text, "INCIDENT", [incident_line(incident)]);
            }
            text
        }
        Explanation::Incident { incident, findings } => {
            let mut text = format!("INCIDENT {}\n", incident_line(incident));
            for finding in findings {
                text += "\n";
                text += &one(finding);
            }
            let forgotten = incident.findings.len().saturating_sub(findings.len());
            if forgotten > 0 {
                let _ = writeln!(
                    text,
                    "\n{forgotten} more of its findings are no longer remembered; the log of findings has them."
                );
            }
            text
        }
    }
}

fn incident_line(incident: &IncidentView) -> String {
    let IncidentView {
        id,
        state,
        severity,
        title,
        opened_ms,
        updated_ms,
        findings,
    } = incident;
    format!(
        "{}: {} {} since {}, last {}, {} findings: {}",
        printable(id),
        printable(state),
        printable(severity),
        time(*opened_ms),
        time(*updated_ms),
        findings.len(),
        printable(title)
    )
}

fn one(finding: &FindingView) -> String {
    let mut text = format!(
        "{} {} in {} at {}\n{}\n",
        finding.severity.to_uppercase(),
        printable(&finding.class),
        place(&finding.namespace, &finding.pod, &finding.container),
        time(finding.time_ms),
        printable(&finding.title)
    );
    section(&mut text, "OBSERVED", observed(finding));
    section(
        &mut text,
        "EXPECTED",
        printable(&finding.expected).split("; ").map(str::to_owned),
    );
    section(&mut text, "WHY IT COUNTS", reasons(finding));
    section(
        &mut text,
        "WHAT IT MAY BE",
        finding.techniques.iter().map(technique_line),
    );
    section(&mut text, "HOW FAR TO TRUST IT", trust(finding));
    section(&mut text, "LOOK FIRST", looks(finding));
    section(&mut text, "IF IT IS NORMAL", approval(finding));
    text
}

/// A heading with its lines indented under it; nothing for no lines.
fn section(text: &mut String, heading: &str, lines: impl IntoIterator<Item = String>) {
    let mut lines = lines.into_iter().filter(|line| !line.is_empty()).peekable();
    if lines.peek().is_none() {
        return;
    }
    let _ = writeln!(text, "\n{heading}");
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
}

fn observed(finding: &FindingView) -> Vec<String> {
    let mut lines = vec![printable(&finding.observed)];
    let doing = match finding.phase.as_str() {
        "start" => "while the container started",
        "load" => "while models were loaded, before the first request",
        "warmup" => "during the first requests",
        "serve" => "while it served",
        "reload" => "while models were loaded again",
        "stop" => "after its main process ended",
        _ => "",
    };
    if !doing.is_empty() {
        lines.push(format!("{doing} (phase {})", printable(&finding.phase)));
    }
    for (depth, process) in tree(finding).into_iter().enumerate() {
        let branch = if depth == 0 { "" } else { "└─ " };
        let indent = "   ".repeat(depth.saturating_sub(1));
        lines.push(format!("{indent}{branch}{}", process_line(process)));
    }
    lines
}

fn reasons(finding: &FindingView) -> Vec<String> {
    let parts = finding.contributions.iter().map(|part| {
        let (name, reason) = (printable(&part.name), printable(&part.reason));
        format!("{:+.1} {name}: {reason}", part.value)
    });
    std::iter::once(format!("score {}", score(finding)))
        .chain(parts)
        .collect()
}

fn trust(finding: &FindingView) -> Vec<String> {
    let basis = baseline(&finding.baseline);
    let basis = if basis.is_empty() {
        basis
    } else {
        format!("baseline {basis}")
    };
    let caution = caution(finding);
    let caution = caution.unwrap_or_else(|| "no event was lost around that time".to_owned());
    vec![basis, caution]
}

/// How the operator says so, where the finding is about one fact.
fn approval(finding: &FindingView) -> Option<String> {
    let approvable = !finding.fact_id.is_empty() && is_word(&finding.id);
    approvable.then(|| {
        format!(
            "picket baseline approve --finding {} --reason '…'",
            finding.id
        )
    })
}

/// Would a shell take this for one word? Everything else is nothing to paste.
fn is_word(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('-')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// The first look of the finding's kind, then commands that show more.
fn looks(finding: &FindingView) -> Vec<String> {
    let since = time(finding.time_ms.saturating_sub(AROUND_MS));
    let until = time(finding.time_ms.saturating_add(AROUND_MS));
    let mut lines = vec![printable(&finding.next_step)];
    let (namespace, pod, container) = (&finding.namespace, &finding.pod, &finding.container);
    if is_word(container) {
        lines.push(format!(
            "picket events --container {container} --since {since}"
        ));
    }
    if namespace == "docker" && is_word(container) {
        lines.push(format!(
            "docker logs --timestamps --since {since} --until {until} {container}"
        ));
    } else if [namespace, pod, container]
        .into_iter()
        .all(|name| is_word(name))
        && pod != container
    {
        lines.push(format!(
            "kubectl logs --timestamps --namespace {namespace} {pod} --container {container} --since-time {since}"
        ));
    }
    if is_word(&finding.baseline.id) {
        lines.push(format!("picket baseline show {}", finding.baseline.id));
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::export::sample;

    fn finding() -> FindingView {
        FindingView::new(
            &sample::finding(),
            &sample::container(1, "web"),
            "01JD3T7Q3Q0V8K2M5N6P7R8S9T",
            1,
            1_700_000_000_000,
        )
    }

    fn explained(finding: FindingView) -> String {
        explanation(&Explanation::Finding {
            finding: Arc::new(finding),
            incident: None,
        })
    }

    #[test]
    fn a_finding_reads_from_the_deed_to_the_first_look() {
        let expected = "\
HIGH process in docker/web at 2023-11-14T22:14:20.000Z
python3.11 started a shell: sh -c 'id; uname -a'

OBSERVED
  /bin/sh (sh -c 'id; uname -a') started by /usr/bin/python3.11
  while it served (phase serve)
  python3 server.py (17)
  └─ sh -c 'id; uname -a' (4242)

EXPECTED
  one of 3 executables seen in 840 windows on 2 replicas

WHY IT COUNTS
  score 9.5, reported from 2.0; novelty of executable in phase serve
  +5.5 danger: a server started a command interpreter

WHAT IT MAY BE
  T1059.004 Unix Shell (Execution), ATT&CK 19

HOW FAR TO TRUST IT
  baseline 0123456789abcdef version 7: 1 h 10 min, 5230 requests, 2 replicas
  3 findings suppressed since the last one

LOOK FIRST
  Look at what the shell ran and which request came in just before.
  picket events --container web --since 2023-11-14T22:13:20.000Z
  docker logs --timestamps --since 2023-11-14T22:13:20.000Z --until 2023-11-14T22:15:20.000Z web
  picket baseline show 0123456789abcdef
";
        assert_eq!(explained(finding()), expected);
    }

    #[test]
    fn what_can_be_approved_says_how() {
        let text = explained(FindingView {
            fact_id: "00aa".to_owned(),
            ..finding()
        });
        let command = "picket baseline approve --finding 01JD3T7Q3Q0V8K2M5N6P7R8S9T --reason";
        assert!(text.contains(command), "{text}");
    }

    #[test]
    fn an_incident_shows_its_findings_and_counts_the_forgotten() {
        let text = explanation(&Explanation::Incident {
            incident: IncidentView {
                id: "01JX".to_owned(),
                state: "open".to_owned(),
                findings: vec!["a".to_owned(), "b".to_owned()],
                ..IncidentView::default()
            },
            findings: vec![Arc::new(finding())],
        });
        assert!(text.starts_with("INCIDENT 01JX: open"), "{text}");
        assert!(text.contains("\nHIGH process in docker/web"), "{text}");
        assert!(text.contains("1 more of its findings"), "{text}");
    }

    #[test]
    fn in_a_cluster_the_log_is_asked_of_the_pod() {
        let text = explained(FindingView {
            namespace: "shop".to_owned(),
            pod: "web-5d".to_owned(),
            container: "server".to_owned(),
            ..finding()
        });
        let command = "kubectl logs --timestamps --namespace shop web-5d --container server";
        assert!(text.contains(command), "{text}");
        assert!(!text.contains("docker logs"), "{text}");
    }

    proptest! {
        #[test]
        fn a_container_cannot_write_outside_its_lines_or_make_commands(text in any::<String>()) {
            let shown = explained(FindingView {
                title: text.clone(),
                observed: format!("{text}\u{1b}[2J\u{202e}"),
                container: format!("a;{text}"),
                pod: format!("a;{text}"),
                ..finding()
            });
            prop_assert!(shown.chars().all(|c| c == '\n' || !c.is_control()));
            prop_assert!(!shown.contains("docker logs") && !shown.contains("kubectl"));
        }
    }
}
