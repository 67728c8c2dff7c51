//! Metrics, OCSF log, HTTP API and page: how findings and the agent's own state leave the agent.

pub mod api;
pub mod enforce;
pub mod history;
pub mod http;
pub mod log;
pub mod metrics;
pub mod ocsf;
pub mod page;
#[cfg(test)]
mod sample;
pub mod text;
pub mod view;
