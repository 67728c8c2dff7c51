//! Which containers are watched. (The rules' home is the workload module; see there.)

use serde::{Deserialize, Serialize};

/// A rule that chooses containers. All given fields must match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Matches every container.
    pub all: bool,
    /// Image.
    pub image: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Namespace.
    pub namespace: Option<String>,
    /// Pod.
    pub pod: Option<String>,
    /// Label.
    pub label: Option<String>,
    /// Annotation.
    pub annotation: Option<String>,
    /// Device.
    pub device: Option<String>,
    /// Watch.
    pub watch: Option<bool>,
}
pub fn builtin() -> Vec<Rule> {
    vec![Rule {
        all: true,
        ..Rule::default()
    }]
}
