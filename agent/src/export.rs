//! Metrics, OCSF log, HTTP API and page: how findings and the agent's own state leave the agent.

pub mod metrics;
#[cfg(test)]
mod sample;
pub mod view;
