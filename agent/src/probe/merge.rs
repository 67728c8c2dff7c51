//! One order from two rings.

use crate::observe::event::Moment;

/// Hands on what two rings hold in the order of time.
///
/// Each ring is in order by itself, so only the record at the head of each is taken out and compared; the rest waits in
/// the ring. A record is handed on once it is old enough that no earlier one can still be on its way into the other.
#[derive(Debug)]
pub struct Merge<T> {
    heads: [Option<(Moment, T)>; 2],
}

impl<T> Default for Merge<T> {
    fn default() -> Self {
        Self {
            heads: [None, None],
        }
    }
}

impl<T> Merge<T> {
    /// The earliest record that is not later than `until`. `pull` takes the next record with its time out of the ring
    /// with this number, 0 or 1.
    pub fn next(
        &mut self,
        until: Moment,
        mut pull: impl FnMut(usize) -> Option<(Moment, T)>,
    ) -> Option<T> {
        for (ring, head) in self.heads.iter_mut().enumerate() {
            if head.is_none() {
                *head = pull(ring);
            }
        }
        let earliest = self
            .heads
            .iter_mut()
            .filter(|head| head.as_ref().is_some_and(|(at, _)| *at <= until))
            .min_by_key(|head| head.as_ref().map(|(at, _)| *at))?;
        earliest.take().map(|(_, record)| record)
    }

    /// Whether a record waits until it is old enough.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.heads.iter().any(Option::is_some)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    type Ring = VecDeque<(Moment, u64)>;

    fn ring(times: impl IntoIterator<Item = u64>) -> Ring {
        times.into_iter().map(|at| (Moment(at), at)).collect()
    }

    fn all(merge: &mut Merge<u64>, rings: &mut [Ring; 2], until: u64) -> Vec<u64> {
        std::iter::from_fn(|| merge.next(Moment(until), |ring| rings[ring].pop_front())).collect()
    }

    #[test]
    fn a_young_record_waits_for_what_may_come_before_it() {
        let mut merge = Merge::default();
        let mut rings = [ring([10, 30]), ring([20])];
        assert_eq!(all(&mut merge, &mut rings, 25), [10, 20]);
        assert!(merge.holds());
        rings[1].push_back((Moment(28), 28));
        assert_eq!(all(&mut merge, &mut rings, 40), [28, 30]);
        assert!(!merge.holds());
    }

    proptest! {
        #[test]
        fn everything_comes_once_and_in_order(
            mut left in proptest::collection::vec(0u64..1000, 0..50),
            mut right in proptest::collection::vec(0u64..1000, 0..50),
            mut steps in proptest::collection::vec(0u64..1000, 0..5),
        ) {
            left.sort_unstable();
            right.sort_unstable();
            steps.sort_unstable();
            steps.push(1000);
            let mut expected = [left.clone(), right.clone()].concat();
            expected.sort_unstable();
            let mut rings = [ring(left), ring(right)];
            let mut merge = Merge::default();
            let mut seen = Vec::new();
            for until in steps {
                let part = all(&mut merge, &mut rings, until);
                prop_assert!(part.iter().all(|at| *at <= until));
                seen.extend(part);
            }
            prop_assert_eq!(seen, expected);
        }

        #[test]
        fn it_takes_no_more_than_one_record_of_each_ring_ahead(
            times in proptest::collection::vec(0u64..1000, 0..50),
        ) {
            let mut rings = [ring(times.clone()), ring(times.clone())];
            let mut merge = Merge::default();
            let mut sorted = times.clone();
            sorted.sort_unstable();
            let handed = all(&mut merge, &mut rings, 500).len();
            let left = rings[0].len() + rings[1].len();
            prop_assert!(2 * times.len() - handed - left <= 2);
        }
    }
}
