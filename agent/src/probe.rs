//! The probe's user side: loads and attaches the programs, reads their events and counters.
//!
//! It yields typed events and counters by cgroup id, and knows nothing of containers' names or baselines.

mod batch;
pub mod btf;
mod calls;
mod canary;
mod carried;
mod counters;
pub(crate) mod decode;
mod load;
mod loaded;
mod memory;
mod merge;
mod offsets;
mod peers;
pub mod pin;
pub mod programs;
mod sampling;
mod threads;
mod watching;

pub use canary::CANARY;
pub use carried::Counted;
pub use counters::Totals;
pub use decode::{CgroupChange, DecodeError, Record};
pub use load::{Attachment, ProbeError, Settings, Trial, trial};
pub use loaded::{Probe, Row};
pub use memory::MapSize;
