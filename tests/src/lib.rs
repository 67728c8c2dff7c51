//! Harness of the end-to-end tests and the demo: real containers, the real agent, real traffic.
//!
//! Everything it starts carries the label [`docker::RUN_LABEL`] of its run and is gone when its value is dropped.

pub mod agent;
pub mod agent_pod;
pub mod api_server;
pub mod cgroup;
#[cfg(feature = "pods")]
pub mod containerd;
pub mod corpus;
#[cfg(feature = "pods")]
pub mod cri;
pub mod ctr;
pub mod daemon_set;
pub mod dashboards;
pub mod docker;
pub mod flood;
pub mod http;
pub mod image;
pub mod load;
pub mod metrics;
pub mod model_server;
pub mod monitoring;
pub mod peer;
#[cfg(feature = "pods")]
pub mod pod;
pub mod servers;
pub mod suite;
pub mod tools;
pub mod wait;
