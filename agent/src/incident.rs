//! Findings of one container that belong together.
