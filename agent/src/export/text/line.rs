//! Events on one line each: time, container, kind, status or severity, what happened, process.

use super::{place, printable, time};
use crate::export::view::evidence::{EventView, EvidenceView};
use crate::export::view::finding::{FindingView, ProcessView};

/// Width of the container's column; longer names push the rest of their line to the right.
const PLACE: usize = 28;
/// Width of the longest family.
const KIND: usize = 12;
/// Width of the longest status.
const STATUS: usize = 11;

/// An event on one line, ended by a newline.
#[must_use]
pub fn event(event: &EventView) -> String {
    match event {
        EventView::Evidence(evidence) => of_evidence(evidence),
        EventView::Finding(finding) => of_finding(finding),
        EventView::Missed { missed } => {
            format!("{missed} events came faster than they could be shown and are left out\n")
        }
    }
}

fn of_evidence(evidence: &EvidenceView) -> String {
    line(
        evidence.time_ms,
        &place(&evidence.namespace, &evidence.pod, &evidence.container),
        [&evidence.family, &evidence.status],
        &evidence.fact,
        evidence.process.as_ref(),
    )
}

fn of_finding(finding: &FindingView) -> String {
    line(
        finding.time_ms,
        &place(&finding.namespace, &finding.pod, &finding.container),
        ["FINDING", &finding.severity],
        &format!("{}: {}", finding.class, finding.title),
        finding.process.as_ref(),
    )
}

fn line(
    time_ms: i64,
    place: &str,
    [kind, status]: [&str; 2],
    what: &str,
    process: Option<&ProcessView>,
) -> String {
    let process = process.map(|it| format!("  ({} {})", printable(it.name()), it.pid));
    format!(
        "{}  {place:PLACE$}  {:KIND$}  {:STATUS$}  {}{}\n",
        time(time_ms),
        printable(kind),
        printable(status),
        printable(what),
        process.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::detect::news::News;
    use crate::export::sample;
    use crate::observe::fact::Family;

    #[test]
    fn events_read_well_one_below_the_other() {
        let evidence = EvidenceView::new(&sample::evidence("/data/new file"));
        let container = sample::container(1, "web");
        let finding = FindingView::new(&sample::finding(), &container, "id", 1, 1_700_000_000_000);
        let text: String = [
            EventView::Evidence(Box::new(evidence)),
            EventView::Finding(Box::new(finding)),
            EventView::Missed { missed: 3 },
        ]
        .iter()
        .map(event)
        .collect();
        let expected = "\
2023-11-14T22:14:20.000Z  docker/web                    file_read     learned      /data/new file  (sh 4242)
2023-11-14T22:14:20.000Z  docker/web                    FINDING       high         process: python3.11 started a shell: sh -c 'id; uname -a'  (sh 4242)
3 events came faster than they could be shown and are left out
";
        assert_eq!(text, expected);
    }

    #[test]
    fn every_name_fits_its_column() {
        assert_eq!(
            Family::ALL.map(|it| it.name().len()).iter().max(),
            Some(&KIND)
        );
        assert_eq!(
            News::ALL.map(|it| it.name().len()).iter().max(),
            Some(&STATUS)
        );
    }

    proptest! {
        #[test]
        fn an_event_is_one_line_whatever_the_container_does(path in any::<String>()) {
            let mut evidence = EvidenceView::new(&sample::evidence(&path));
            evidence.process = Some(ProcessView { exe: path, ..ProcessView::default() });
            let line = event(&EventView::Evidence(Box::new(evidence)));
            prop_assert_eq!(line.lines().count(), 1);
            prop_assert!(line.trim_end_matches('\n').chars().all(|c| !c.is_control()));
        }
    }
}
