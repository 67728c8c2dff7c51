//! Counters of one container over one window, and the load-normalised features made of them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::activity::Activity;
use super::event::{FileClass, Moment, Protocol};
use super::fact::{Phase, Sighting};
use super::resources::Resources;

/// How often one system call was made in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallCount {
    /// System call number of this architecture.
    pub call: u16,
    /// Calls that returned, refused ones included.
    pub calls: u64,
    /// Of these, calls that returned an error.
    pub errors: u64,
}

/// What one thread did in a window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadCalls {
    /// Thread id, host numbering.
    pub thread: u32,
    /// Its name, empty when it has ended.
    pub comm: String,
    /// System calls that returned to it.
    pub calls: u64,
    /// Of these, calls that returned an error.
    pub errors: u64,
}

/// Bytes by class of file, in the order of [`FileClass::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileBytes(pub [u64; FileClass::ALL.len()]);

impl FileBytes {
    /// Adds to one class.
    pub fn add_to(&mut self, class: FileClass, bytes: u64) {
        if let Some(sum) = self.0.get_mut(class as usize) {
            *sum = sum.saturating_add(bytes);
        }
    }

    /// Adds others to these.
    pub fn add(&mut self, others: &Self) {
        for (sum, other) in self.0.iter_mut().zip(others.0) {
            *sum = sum.saturating_add(other);
        }
    }

    /// Bytes of one class.
    #[must_use]
    pub fn of(&self, class: FileClass) -> u64 {
        self.0.get(class as usize).copied().unwrap_or(0)
    }
}

/// What went to and came from one peer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PeerTraffic {
    /// The peer came to the container; otherwise the container went to the peer.
    pub served: bool,
    /// Transport protocol.
    pub protocol: Protocol,
    /// The peer. For a served one the port is the container's own, as clients choose theirs at random.
    pub peer: SocketAddr,
    /// Bytes received: payload for TCP, whole packets for other protocols.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets received; for TCP those with payload.
    pub rx_packets: u64,
    /// Packets sent.
    pub tx_packets: u64,
}

/// What the probe counted for one container over one window (differences, not totals).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// System calls made, sparse, in order of their number.
    pub calls: Vec<CallCount>,
    /// Bytes received, IP headers and loopback included. TCP packets without payload do not count, here and below.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets received.
    pub rx_packets: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Of the traffic, what went to and came from each peer, in order. Peers beyond the probe's room are missing. Of a
    /// living TCP connection up to 64 KiB may be told only with a later window, when it sends again or ends.
    #[serde(default)]
    pub peers: Vec<PeerTraffic>,
    /// TCP connections accepted.
    pub accepted: u64,
    /// Request turns: outbound payload after inbound on a connection to a listening port, which for HTTP/1.1 is
    /// one request and its answer.
    pub requests: u64,
    /// Outgoing connects and first datagrams.
    pub connects: u64,
    /// Attempts to connect that failed.
    #[serde(default)]
    pub connects_failed: u64,
    /// Threads and processes created.
    pub clones: u64,
    /// Bytes read from files.
    #[serde(default)]
    pub file_read: FileBytes,
    /// Bytes written to files.
    #[serde(default)]
    pub file_written: FileBytes,
    /// io_uring operations by opcode, those that were submitted.
    #[serde(default)]
    pub io_uring: BTreeMap<u8, u64>,
    /// For how much of the window system calls were watched, nanoseconds; `None` when for all of it. What is counted in
    /// them was scaled up to the whole window then.
    #[serde(default)]
    pub sampled_ns: Option<u64>,
    /// The threads that made most calls, most first.
    #[serde(default)]
    pub threads: Vec<ThreadCalls>,
    /// What it used of the machine. Not the probe's to count: from the cgroup's files.
    #[serde(default)]
    pub resources: Resources,
    /// Events of this container that the kernel could not deliver.
    pub lost_events: u64,
    /// Of these, events beyond the container's own share: it made more than one container may.
    #[serde(default)]
    pub lost_to_quota: u64,
}

impl Counters {
    /// Whether all clients were the container's own processes, over loopback: Triton's Python side asks its server so
    /// whether it is ready yet. A container of whose clients nothing is known was asked by others.
    #[must_use]
    pub fn asked_by_itself(&self) -> bool {
        let mut clients = self.peers.iter().filter(|peer| peer.served).peekable();
        let own = |client: &PeerTraffic| client.peer.ip().to_canonical().is_loopback();
        clients.peek().is_some() && clients.all(own)
    }

    /// Bytes sent to those who came to the container.
    #[must_use]
    pub fn answered_bytes(&self) -> u64 {
        let clients = self.peers.iter().filter(|peer| peer.served);
        clients.fold(0, |sum, client| sum.saturating_add(client.tx_bytes))
    }

    /// Takes what was counted in system calls for a sample: `observed_ns` of a window of `length_ns`.
    pub fn scale_calls(&mut self, observed_ns: u64, length_ns: u64) {
        let observed_ns = observed_ns.min(length_ns);
        self.sampled_ns = Some(observed_ns);
        let scaled = |count: &mut u64| {
            let whole = u128::from(*count) * u128::from(length_ns);
            if let Some(whole) = whole.checked_div(u128::from(observed_ns)) {
                *count = u64::try_from(whole).unwrap_or(u64::MAX);
            }
        };
        for call in &mut self.calls {
            scaled(&mut call.calls);
            scaled(&mut call.errors);
        }
        for thread in &mut self.threads {
            scaled(&mut thread.calls);
            scaled(&mut thread.errors);
        }
        self.file_read.0.iter_mut().for_each(scaled);
        self.file_written.0.iter_mut().for_each(scaled);
    }

    /// Whether so little of the window was watched that its calls say nothing of its shape: less than a twentieth.
    #[must_use]
    pub fn barely_sampled(&self, length_ns: u64) -> bool {
        self.sampled_ns
            .is_some_and(|observed| observed < length_ns / 20)
    }
}

/// One window of one container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Its end.
    pub end: Moment,
    /// Its length in nanoseconds, never 0.
    pub length_ns: u64,
    /// What was counted.
    pub counters: Counters,
}

/// What observation made of one window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WindowReport {
    /// End of the window.
    pub end: Moment,
    /// Its length in nanoseconds.
    pub length_ns: u64,
    /// The phase the whole window was in; `None` when the phase changed within it (such windows are not scored).
    pub phase: Option<Phase>,
    /// System calls used in this window for the first time in this container and phase.
    pub sightings: Vec<Sighting>,
    /// Load-normalised features, in the order of `features::NAMES`, and the logarithm of the requests; `None` for a window too empty to have any.
    pub features: Option<Vec<f64>>,
    /// System calls made; `None` when they are not known well enough, or were in part those of a command that the runtime
    /// ran in the container.
    #[serde(default)]
    pub calls: Option<Vec<CallCount>>,
    /// Requests served in this window.
    pub requests: u64,
    /// What was done, in amounts.
    #[serde(default)]
    pub activity: Activity,
    /// Events lost in this window.
    pub lost_events: u64,
    /// Of these, events beyond the container's own share.
    #[serde(default)]
    pub lost_to_quota: u64,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "tests")]

    use super::*;

    #[test]
    fn who_asks_itself_over_loopback_was_not_asked_by_others() {
        let peer = |served, peer: &str| PeerTraffic {
            served,
            protocol: Protocol::Tcp,
            peer: peer.parse().expect("an address"),
            rx_bytes: 1,
            tx_bytes: 1,
            rx_packets: 1,
            tx_packets: 1,
        };
        let asked_by_itself = |peers: &[PeerTraffic]| {
            let peers = peers.to_vec();
            Counters {
                peers,
                ..Counters::default()
            }
            .asked_by_itself()
        };
        let own = peer(true, "127.0.0.1:8000");
        let mapped = peer(true, "[::ffff:127.0.0.1]:8000");
        let client = peer(true, "172.18.0.1:8000");
        assert!(asked_by_itself(&[own.clone(), mapped]));
        assert!(!asked_by_itself(&[own, client]));
        assert!(!asked_by_itself(&[peer(false, "127.0.0.1:9000")]));
        assert!(!asked_by_itself(&[]));
    }

    #[test]
    fn calls_of_a_sample_are_scaled_to_the_whole_window() {
        let sample = Counters {
            calls: vec![CallCount {
                call: 0,
                calls: 10,
                errors: 1,
            }],
            rx_bytes: 100,
            ..Counters::default()
        };
        let mut fifth = sample.clone();
        fifth.scale_calls(1_000, 5_000);
        assert_eq!(
            fifth.calls,
            [CallCount {
                call: 0,
                calls: 50,
                errors: 5
            }]
        );
        assert_eq!((fifth.rx_bytes, fifth.sampled_ns), (100, Some(1_000)));
        assert!(!fifth.barely_sampled(5_000));
        // The clocks of both may differ a little.
        let mut all = sample.clone();
        all.scale_calls(5_001, 5_000);
        assert_eq!((&all.calls, all.sampled_ns), (&sample.calls, Some(5_000)));
        let mut none = sample.clone();
        none.scale_calls(0, 5_000);
        assert_eq!(none.calls, sample.calls);
        assert!(none.barely_sampled(5_000) && !sample.barely_sampled(5_000));
    }
}
