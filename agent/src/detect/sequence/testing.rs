//! Bags for tests.

use crate::baseline::bags::Bag;
use crate::observe::window::CallCount;

/// The bag of these calls.
pub fn bag(calls: &[u16], new_pairs: u32) -> Bag {
    let once = |call: &u16| CallCount {
        call: *call,
        calls: 1,
        errors: 0,
    };
    Bag::of(&calls.iter().map(once).collect::<Vec<_>>(), new_pairs)
}
