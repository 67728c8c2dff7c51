//! The same work on many things, some at a time.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Works on every item, `jobs` of them at a time, which begin `stagger` apart; the results are in the items' order.
pub fn map<T: Sync, R: Send>(
    items: &[T],
    jobs: usize,
    stagger: Duration,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let (next, results) = (Mutex::new(items.iter().enumerate()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for worker in 0..jobs.max(1) {
            let (next, results, work) = (&next, &results, &work);
            scope.spawn(move || {
                thread::sleep(stagger * u32::try_from(worker).unwrap_or(0));
                loop {
                    let taken = next.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((place, item)) = taken else { break };
                    let result = work(item);
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    results.push((place, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_items() {
        let items: Vec<u64> = (0..50).collect();
        let slower_first = |item: &u64| {
            thread::sleep(Duration::from_micros(500 - item * 10));
            item * 2
        };
        let doubled = map(&items, 4, Duration::ZERO, slower_first);
        assert_eq!(doubled, (0..50).map(|it| it * 2).collect::<Vec<_>>());
        assert!(map(&[], 4, Duration::ZERO, slower_first).is_empty());
    }
}
