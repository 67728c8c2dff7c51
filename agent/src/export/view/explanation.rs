//! What stands behind an id that somebody read in an alert: a finding, or an incident with its findings.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::IncidentView;
use super::finding::FindingView;
use crate::export::api::state::Snapshot;

/// Ids shown where more than one fits.
const SHOWN: usize = 8;

/// The answer of `/api/v1/explain/{id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Explanation {
    /// One finding.
    Finding {
        /// It.
        finding: Arc<FindingView>,
        /// The incident that it belongs to.
        incident: Option<IncidentView>,
    },
    /// An incident.
    Incident {
        /// It.
        incident: IncidentView,
        /// Those of its findings that are remembered, oldest first.
        findings: Vec<Arc<FindingView>>,
    },
}

/// Why there is no explanation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unexplained {
    /// Nothing has such an id.
    #[error(
        "no finding and no incident has an id that begins with {0:?}; `picket events --findings` lists the findings that \
         the agent remembers, older ones are in the log of findings"
    )]
    Unknown(String),
    /// Several have.
    #[error("{count} ids begin with {prefix:?}, write more of it: {}", .first.join(", "))]
    Ambiguous {
        /// What was asked for.
        prefix: String,
        /// How many fit.
        count: usize,
        /// The first of them.
        first: Vec<String>,
    },
}

impl Explanation {
    /// What the id, or its beginning where no other has the same, stands for. Letter case does not matter.
    ///
    /// # Errors
    /// Nothing, or more than one thing, is called so.
    pub fn of(snapshot: &Snapshot, id: &str) -> Result<Self, Unexplained> {
        let fits = |candidate: &str| {
            !id.is_empty()
                && candidate
                    .get(..id.len())
                    .is_some_and(|beginning| beginning.eq_ignore_ascii_case(id))
        };
        let findings: Vec<_> = snapshot.findings.iter().filter(|f| fits(&f.id)).collect();
        let incidents: Vec<_> = snapshot.incidents.iter().filter(|i| fits(&i.id)).collect();
        match (findings.as_slice(), incidents.as_slice()) {
            ([], []) => Err(Unexplained::Unknown(id.to_owned())),
            ([finding], []) => Ok(Self::Finding {
                incident: snapshot
                    .incidents
                    .iter()
                    .find(|incident| incident.findings.contains(&finding.id))
                    .cloned(),
                finding: Arc::clone(finding),
            }),
            ([], [incident]) => {
                let of_incident =
                    |finding: &&Arc<FindingView>| incident.findings.contains(&finding.id);
                Ok(Self::Incident {
                    findings: snapshot
                        .findings
                        .iter()
                        .filter(of_incident)
                        .cloned()
                        .collect(),
                    incident: (*incident).clone(),
                })
            }
            _ => {
                let ids = findings.iter().map(|finding| &finding.id);
                let ids = ids.chain(incidents.iter().map(|incident| &incident.id));
                Err(Unexplained::Ambiguous {
                    prefix: id.to_owned(),
                    count: findings.len() + incidents.len(),
                    first: ids.take(SHOWN).cloned().collect(),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::time::Instant;

    use super::*;
    use crate::export::api::state::ApiState;
    use crate::export::sample;

    fn snapshot() -> Snapshot {
        let state = ApiState::new(Arc::new(sample::metrics()), Instant::now());
        for (sequence, id) in (1..).zip(["01JA", "01JB", "01JBX"]) {
            state.add_finding(FindingView {
                id: id.to_owned(),
                sequence,
                ..FindingView::default()
            });
        }
        state.set_incidents(vec![IncidentView {
            id: "01KA".to_owned(),
            findings: vec!["01JA".to_owned(), "forgotten".to_owned()],
            ..IncidentView::default()
        }]);
        state.snapshot()
    }

    #[test]
    fn an_id_or_its_beginning_is_enough() {
        for id in ["01JA", "01ja"] {
            let Ok(Explanation::Finding { finding, incident }) = Explanation::of(&snapshot(), id)
            else {
                unreachable!("{id} is a finding");
            };
            assert_eq!(
                (finding.id.as_str(), incident.unwrap().id),
                ("01JA", "01KA".to_owned())
            );
        }
        let Ok(Explanation::Incident { incident, findings }) = Explanation::of(&snapshot(), "01K")
        else {
            unreachable!("01K is an incident");
        };
        assert_eq!((incident.id.as_str(), findings.len()), ("01KA", 1));
    }

    #[test]
    fn an_unknown_and_an_unclear_id_say_so() {
        for id in ["", "02", "01JAA", "é"] {
            let unknown = Explanation::of(&snapshot(), id).unwrap_err();
            assert_eq!(unknown, Unexplained::Unknown(id.to_owned()));
        }
        let error = Explanation::of(&snapshot(), "01").unwrap_err().to_string();
        assert_eq!(
            error,
            "4 ids begin with \"01\", write more of it: 01JA, 01JB, 01JBX, 01KA"
        );
    }
}
