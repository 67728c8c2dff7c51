//! What came of a self-test: `/api/v1/selftest`.

use serde::{Deserialize, Serialize};

/// A self-test of the probe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SelfTestView {
    /// Every hook that could be tried answered.
    pub passed: bool,
    /// Why it did not pass; empty where it did.
    pub reason: String,
    /// How long it took, milliseconds.
    pub took_ms: u64,
    /// The probe's hooks.
    pub hooks: Vec<HookView>,
}

/// A hook in a self-test.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HookView {
    /// Its program's name.
    pub name: String,
    /// `seen`, `missed` or `untried`.
    pub outcome: String,
    /// From the beginning until it was seen, milliseconds.
    pub after_ms: Option<u64>,
    /// Why it was not tried.
    pub reason: String,
}
