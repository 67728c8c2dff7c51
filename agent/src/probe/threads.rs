//! What each thread did since it was last asked for.

use std::collections::BTreeMap;
use std::os::fd::AsFd as _;

use aya::maps::{Array, MapData, MapError};
use picket_ebpf::{Caller, Thread};

use super::batch;
use crate::observe::event::CgroupId;
use crate::observe::window::ThreadCalls;

/// Threads told of each container.
const TOP: usize = 8;

/// The kernel's counters by thread, and what they were when they were last read. That takes some 100 bytes for each of
/// the kernel's entries.
pub struct Threads {
    entries: MapData,
    callers: Array<MapData, Caller>,
    counted: BTreeMap<u32, Thread>,
}

impl Threads {
    pub(super) fn new(entries: MapData, callers: Array<MapData, Caller>) -> Self {
        Self {
            entries,
            callers,
            counted: BTreeMap::new(),
        }
    }

    /// The threads of each container that made most calls since the last reading, without their names.
    ///
    /// # Errors
    ///
    /// When the kernel refuses the reading.
    pub fn read(&mut self) -> Result<BTreeMap<CgroupId, Vec<ThreadCalls>>, MapError> {
        let entries =
            batch::entries::<u32, Thread>(self.entries.fd().as_fd()).map_err(MapError::IoError)?;
        let mut now: BTreeMap<u32, Thread> = entries.into_iter().collect();
        for caller in self.callers.iter() {
            let caller = caller?;
            if let Some(thread) = now.get_mut(&caller.thread) {
                thread.calls = thread.calls.wrapping_add(caller.calls.into());
                thread.errors = thread.errors.wrapping_add(caller.errors.into());
            }
        }
        let top = most_active(&now, &self.counted);
        self.counted = now;
        Ok(top)
    }
}

fn most_active(
    now: &BTreeMap<u32, Thread>,
    then: &BTreeMap<u32, Thread>,
) -> BTreeMap<CgroupId, Vec<ThreadCalls>> {
    let mut by_container: BTreeMap<CgroupId, Vec<ThreadCalls>> = BTreeMap::new();
    for (&id, thread) in now {
        // An entry that is younger than the last reading has counted from 0; so has one whose id another had before.
        let before = then
            .get(&id)
            .filter(|before| before.container == thread.container && before.calls <= thread.calls);
        let before = before.copied().unwrap_or_default();
        let calls = thread.calls - before.calls;
        if calls > 0 {
            let threads = by_container.entry(CgroupId(thread.container)).or_default();
            threads.push(ThreadCalls {
                thread: id,
                comm: String::new(),
                calls,
                errors: thread.errors.saturating_sub(before.errors),
            });
        }
    }
    for threads in by_container.values_mut() {
        threads.sort_by_key(|thread| (std::cmp::Reverse(thread.calls), thread.thread));
        threads.truncate(TOP);
    }
    by_container
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "tests")]

    use super::*;

    fn thread(container: u64, calls: u64, errors: u64) -> Thread {
        Thread {
            container,
            calls,
            errors,
            ..Thread::default()
        }
    }

    #[test]
    fn each_containers_most_active_threads_are_told_with_what_they_did_since() {
        let then = BTreeMap::from([
            (1, thread(7, 100, 10)),
            (2, thread(7, 5, 0)),
            (3, thread(7, 50, 0)),
            (4, thread(8, 50, 3)),
        ]);
        let mut now = then.clone();
        now.insert(1, thread(7, 130, 14));
        now.insert(2, thread(7, 205, 0));
        // Another thread got the id; in the second case in the same container, and its entry began anew.
        now.insert(4, thread(7, 60, 1));
        now.insert(3, thread(7, 20, 2));
        now.extend((100..120).map(|id| (id, thread(9, u64::from(id), 0))));
        let top = most_active(&now, &then);
        let of = |container: u64| -> Vec<(u32, u64, u64)> {
            top[&CgroupId(container)]
                .iter()
                .map(|it| (it.thread, it.calls, it.errors))
                .collect()
        };
        assert_eq!(of(7), [(2, 200, 0), (4, 60, 1), (1, 30, 4), (3, 20, 2)]);
        assert_eq!(of(9).len(), TOP);
        assert_eq!(of(9)[0], (119, 119, 0));
        assert_eq!(top.get(&CgroupId(8)), None);
    }
}
