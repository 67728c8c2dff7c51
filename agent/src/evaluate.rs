//! Public data sets, scored by the same layers that run live.
//!
//! Nothing here decides anything that the core does not: a protocol cuts a data set into what is learned and what is
//! judged, and counts. Thresholds come from what was learned alone.

pub mod adfa_ld;
pub mod calibration;
pub mod interval;
pub mod material;
pub mod ncsu;
pub mod resample;
pub mod roc;
pub mod soak;
pub mod walk;
