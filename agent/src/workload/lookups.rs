//! How often each source of container metadata was asked, and how often it had no answer.

use std::sync::atomic::{AtomicU64, Ordering};

/// Where metadata comes from; a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The API server of Kubernetes: whether it had told of a container by the time it was found.
    Api,
    /// The container's OCI bundle.
    Bundle,
    /// The node's container runtime, through its Container Runtime Interface.
    Cri,
    /// The Docker engine: its records on disk, or its API.
    Docker,
    /// `/proc`.
    Proc,
}

impl Source {
    /// All sources, in metric order.
    pub const ALL: [Self; 5] = [Self::Api, Self::Bundle, Self::Cri, Self::Docker, Self::Proc];

    /// The metric label value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Bundle => "bundle",
            Self::Cri => "cri",
            Self::Docker => "docker",
            Self::Proc => "proc",
        }
    }
}

/// Counters by source, since the agent started.
#[derive(Debug, Default)]
pub struct Lookups {
    api: Tally,
    bundle: Tally,
    cri: Tally,
    docker: Tally,
    proc: Tally,
}

#[derive(Debug, Default)]
struct Tally {
    lookups: AtomicU64,
    failures: AtomicU64,
}

impl Lookups {
    /// Lookups made, failed ones included.
    #[must_use]
    pub fn made(&self, source: Source) -> u64 {
        self.tally(source).lookups.load(Ordering::Relaxed)
    }

    /// Lookups that should have had an answer and did not.
    #[must_use]
    pub fn failed(&self, source: Source) -> u64 {
        self.tally(source).failures.load(Ordering::Relaxed)
    }

    /// Counts one lookup.
    pub fn count(&self, source: Source, success: bool) {
        let tally = self.tally(source);
        tally.lookups.fetch_add(1, Ordering::Relaxed);
        if !success {
            tally.failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    const fn tally(&self, source: Source) -> &Tally {
        match source {
            Source::Api => &self.api,
            Source::Bundle => &self.bundle,
            Source::Cri => &self.cri,
            Source::Docker => &self.docker,
            Source::Proc => &self.proc,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_counted_apart() {
        let lookups = Lookups::default();
        lookups.count(Source::Bundle, true);
        lookups.count(Source::Bundle, false);
        lookups.count(Source::Proc, true);
        let counted = Source::ALL.map(|source| (lookups.made(source), lookups.failed(source)));
        assert_eq!(counted, [(0, 0), (2, 1), (0, 0), (0, 0), (1, 0)]);
    }
}
