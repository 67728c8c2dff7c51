//! From facts and features to findings: novelty, rates, never-learnable facts, severity, budget, explanation.
//!
//! Pure: no I/O, no clock, no async.

pub mod finding;
