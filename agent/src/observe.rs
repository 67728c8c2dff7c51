//! The pure model of behaviour: what a container did (events, window counters), turned into facts and features.
//!
//! No I/O, no clock, no async, no globals: equal input gives equal output.

pub mod activity;
pub mod command;
pub mod container;
pub mod dns;
pub mod ending;
pub mod endpoint;
pub mod errno;
pub mod event;
pub mod fact;
pub mod features;
pub mod file_change;
pub mod path;
pub mod phase;
pub mod privileged;
pub mod process;
pub mod question;
pub mod recent;
pub mod redact;
pub mod resources;
pub mod socket;
pub mod syscall;
pub mod tls;
pub mod uring;
pub mod window;
