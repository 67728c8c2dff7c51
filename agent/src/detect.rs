//! From facts and features to findings: novelty, rates, never-learnable facts, severity, budget, explanation.
//!
//! Pure: no I/O, no clock, no async.

pub mod account;
pub mod allow;
pub mod budget;
pub mod calls;
pub mod claim;
mod contact;
pub mod corroboration;
pub mod danger;
pub mod deployment;
pub mod detector;
pub mod drift;
pub mod evidence;
pub mod finding;
pub mod gamma;
pub mod growth;
pub mod levels;
pub mod loss;
pub mod mixture;
pub mod never_learn;
pub mod news;
pub mod novelty;
pub mod order;
pub mod outcome;
pub mod outlook;
pub mod rates;
pub mod reporting;
pub mod sequence;
pub mod signals;
pub mod technique;
pub mod time;
pub mod verdict;
pub mod volume;
pub mod wording;
