//! What becomes of a sighting, a claim or a window.

use super::budget::Reason;
use super::finding::Finding;
use super::news::News;

/// What became of a sighting or a window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// A finding to report.
    pub finding: Option<Finding>,
    /// Why something that could have been a finding was not reported.
    pub suppressed: Option<Reason>,
    /// In what way the sighting was new; `None` for what the baseline held or the operator allowed, and for windows.
    pub news: Option<News>,
}

impl Outcome {
    /// A finding to report.
    #[must_use]
    pub fn found(finding: Finding) -> Self {
        Self {
            finding: Some(finding),
            ..Self::default()
        }
    }

    /// Nothing to report, and why.
    #[must_use]
    pub fn suppressed(reason: Reason) -> Self {
        Self {
            suppressed: Some(reason),
            ..Self::default()
        }
    }

    /// The same of a sighting that was new in this way.
    #[must_use]
    pub fn news(self, news: News) -> Self {
        Self {
            news: Some(news),
            ..self
        }
    }
}
