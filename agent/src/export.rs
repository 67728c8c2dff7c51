//! Metrics, OCSF log, HTTP API and page.
