//! Picket: a runtime anomaly detector for model-serving containers.
//!
//! Data flows one way, and the modules below stand in that order:
//!
//! ```text
//! kernel   programs -> counters (maps), events (ring)                       ebpf/
//! agent    probe -> workload -> observe -> baseline/detect -> incident -> export
//! ```
//!
//! `observe`, `baseline`, `detect` and `incident` are the pure core: no I/O, no clock, no async, no globals. `engine` is
//! that core in one piece; `record` writes down what it takes, and feeds it back.

pub mod agent;
pub mod baseline;
pub mod check;
pub mod cli;
pub mod config;
pub mod detect;
pub mod engine;
pub mod evaluate;
pub mod export;
#[doc(hidden)]
pub mod fuzzing;
pub mod incident;
pub mod observe;
pub mod probe;
pub mod record;
pub mod workload;
