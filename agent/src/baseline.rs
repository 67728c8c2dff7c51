//! Learned state: what is normal for a workload, how much evidence stands behind it, and its form on disk.
//!
//! Everything here merges: joining the baselines of several agents or replicas is commutative, associative and
//! idempotent, so any order of merging gives the same bytes and nothing is counted twice.

pub mod adoption;
pub mod arrivals;
pub mod bags;
pub mod bouts;
pub mod calls;
pub mod claims;
pub mod decision;
pub mod diff;
pub mod exposure;
pub mod facts;
pub mod file;
pub mod hash;
pub mod key;
pub mod knowledge;
pub mod learning;
pub mod levels;
pub mod model;
pub mod neighbours;
pub mod orders;
pub mod quantity;
mod renamed;
pub mod rhythms;
pub mod rollout;
pub mod sample;
pub mod starts;
pub mod support;
pub mod surprises;
