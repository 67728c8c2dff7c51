//! Loading, attaching and reading the probe.
