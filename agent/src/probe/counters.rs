//! A container's counters, summed over CPUs, and their differences between two readings.

use picket_ebpf::{CALLS, Row, URING_OPS, file_class, lost};

use super::peers::{self, PeerTotals};
use crate::observe::resources::Resources;
use crate::observe::window::{CallCount, Counters, FileBytes};

/// Everything counted for one container up to one moment.
#[derive(Clone)]
pub struct Totals {
    row: Row,
    peers: PeerTotals,
}

impl Totals {
    /// Totals of a row nothing was counted in yet.
    #[must_use]
    pub const fn zero() -> Self {
        Self {
            row: zero_row(),
            peers: PeerTotals::new(),
        }
    }

    /// The counters themselves.
    pub(super) const fn row(&self) -> &Row {
        &self.row
    }

    /// Sums the copies of all CPUs. The 32-bit counters wrap, so do their sums: differences stay right as long as a
    /// window holds fewer than 2^32 of anything.
    pub(super) fn sum<'a>(copies: impl Iterator<Item = &'a Row>, peers: PeerTotals) -> Self {
        let mut sum = zero_row();
        for copy in copies {
            sum.rx_bytes = sum.rx_bytes.wrapping_add(copy.rx_bytes);
            sum.tx_bytes = sum.tx_bytes.wrapping_add(copy.tx_bytes);
            sum.rx_packets = sum.rx_packets.wrapping_add(copy.rx_packets);
            sum.tx_packets = sum.tx_packets.wrapping_add(copy.tx_packets);
            sum.accepted = sum.accepted.wrapping_add(copy.accepted);
            sum.requests = sum.requests.wrapping_add(copy.requests);
            sum.connects = sum.connects.wrapping_add(copy.connects);
            sum.clones = sum.clones.wrapping_add(copy.clones);
            sum.connects_failed = sum.connects_failed.wrapping_add(copy.connects_failed);
            add_u32(&mut sum.lost, &copy.lost);
            add_u64(&mut sum.file_read, &copy.file_read);
            add_u64(&mut sum.file_written, &copy.file_written);
            add_u32(&mut sum.uring, &copy.uring);
            add_u32(&mut sum.calls, &copy.calls);
            add_u32(&mut sum.errors, &copy.errors);
        }
        Self { row: sum, peers }
    }

    /// What was counted since `earlier`. What else was used is not the probe's to know.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Counters {
        let (now, then) = (&self.row, &earlier.row);
        let difference = |now: u32, then: u32| u64::from(now.wrapping_sub(then));
        let calls = (0..CALLS)
            .zip(now.calls.iter().zip(&then.calls))
            .zip(now.errors.iter().zip(&then.errors))
            .filter_map(|((call, (now, then)), (errors_now, errors_then))| {
                let calls = difference(*now, *then);
                (calls > 0).then(|| CallCount {
                    call: u16::try_from(call).unwrap_or(u16::MAX),
                    calls,
                    errors: difference(*errors_now, *errors_then),
                })
            })
            .collect();
        Counters {
            calls,
            rx_bytes: now.rx_bytes.wrapping_sub(then.rx_bytes),
            tx_bytes: now.tx_bytes.wrapping_sub(then.tx_bytes),
            rx_packets: now.rx_packets.wrapping_sub(then.rx_packets),
            tx_packets: now.tx_packets.wrapping_sub(then.tx_packets),
            accepted: difference(now.accepted, then.accepted),
            peers: peers::traffic(&self.peers, &earlier.peers),
            requests: difference(now.requests, then.requests),
            connects: difference(now.connects, then.connects),
            clones: difference(now.clones, then.clones),
            connects_failed: difference(now.connects_failed, then.connects_failed),
            file_read: grown(&now.file_read, &then.file_read),
            file_written: grown(&now.file_written, &then.file_written),
            io_uring: (0..)
                .zip(now.uring.iter().zip(&then.uring))
                .filter(|(_, (now, then))| now != then)
                .map(|(opcode, (now, then))| (opcode, difference(*now, *then)))
                .collect(),
            sampled_ns: None,
            threads: Vec::new(),
            resources: Resources::default(),
            lost_events: self.lost_of(&lost::UNDELIVERED, earlier),
            lost_to_quota: self.lost_of(&[lost::QUOTA], earlier),
        }
    }

    /// What was lost since `earlier`, by reason; only reasons that occurred.
    pub fn losses_since(&self, earlier: &Self) -> Vec<(&'static str, u64)> {
        (0..lost::COUNT)
            .zip(lost::NAMES)
            .map(|(reason, name)| (name, self.lost_of(&[reason], earlier)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    fn lost_of(&self, reasons: &[u32], earlier: &Self) -> u64 {
        (0..lost::COUNT)
            .zip(self.row.lost.iter().zip(&earlier.row.lost))
            .filter(|(reason, _)| reasons.contains(reason))
            .map(|(_, (now, then))| u64::from(now.wrapping_sub(*then)))
            .sum()
    }
}

impl From<Row> for Totals {
    fn from(row: Row) -> Self {
        Self {
            row,
            peers: PeerTotals::new(),
        }
    }
}

fn add_u32(sum: &mut [u32], copy: &[u32]) {
    for (sum, copy) in sum.iter_mut().zip(copy) {
        *sum = sum.wrapping_add(*copy);
    }
}

fn add_u64(sum: &mut [u64], copy: &[u64]) {
    for (sum, copy) in sum.iter_mut().zip(copy) {
        *sum = sum.wrapping_add(*copy);
    }
}

fn grown(now: &[u64; file_class::COUNT], then: &[u64; file_class::COUNT]) -> FileBytes {
    let mut grown = FileBytes::default();
    for (to, (now, then)) in grown.0.iter_mut().zip(now.iter().zip(then)) {
        *to = now.wrapping_sub(*then);
    }
    grown
}

pub(super) const fn zero_row() -> Row {
    Row {
        rx_bytes: 0,
        tx_bytes: 0,
        rx_packets: 0,
        tx_packets: 0,
        accepted: 0,
        requests: 0,
        connects: 0,
        clones: 0,
        connects_failed: 0,
        _pad: 0,
        lost: [0; lost::ROOM],
        file_read: [0; file_class::COUNT],
        file_written: [0; file_class::COUNT],
        uring: [0; URING_OPS],
        calls: [0; CALLS],
        errors: [0; CALLS],
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "tests")]

    use super::*;

    #[test]
    fn differences_survive_wrapping_and_spread_over_cpus() {
        let mut one = zero_row();
        one.calls[0] = u32::MAX - 1;
        one.requests = u32::MAX;
        let before = Totals::sum([&one].into_iter(), PeerTotals::new());
        let mut two = zero_row();
        two.calls[0] = 4;
        two.errors[0] = 1;
        two.requests = 2;
        two.rx_bytes = 10;
        let after = Totals::sum([&one, &two].into_iter(), PeerTotals::new());
        let counters = after.since(&before);
        assert_eq!(
            counters.calls,
            vec![CallCount {
                call: 0,
                calls: 4,
                errors: 1
            }]
        );
        assert_eq!(counters.requests, 2);
        assert_eq!(counters.rx_bytes, 10);
    }

    #[test]
    fn only_whole_events_count_as_lost_events() {
        let before = Totals::zero();
        let mut row = zero_row();
        row.lost[lost::RING_FULL as usize] = 1;
        row.lost[lost::QUOTA as usize] = 2;
        row.lost[lost::PATH_UNREADABLE as usize] = 4;
        let after = Totals::sum([&row].into_iter(), PeerTotals::new());
        let counters = after.since(&before);
        assert_eq!((counters.lost_events, counters.lost_to_quota), (3, 2));
        assert_eq!(
            after.losses_since(&before),
            [("ring_full", 1), ("path_unreadable", 4), ("quota", 2)]
        );
    }
}
