//! Where the core finds baselines.

use std::collections::BTreeMap;

use crate::baseline::key::Key;
use crate::baseline::model::Baseline;

/// Baselines by key.
pub trait Store {
    /// The baseline of `key`, to learn into; an empty one made at `now_s` (Unix seconds) where there is none.
    fn of(&mut self, key: &Key, now_s: i64) -> &mut Baseline;

    /// The baseline of `key`, to look at.
    fn get(&self, key: &Key) -> Option<&Baseline>;

    /// Puts a baseline in the place of the one with its key.
    fn put(&mut self, baseline: Baseline);
}

/// In memory alone, without bound: a recording holds few.
impl Store for BTreeMap<Key, Baseline> {
    fn of(&mut self, key: &Key, now_s: i64) -> &mut Baseline {
        self.entry(key.clone())
            .or_insert_with(|| Baseline::new(key.clone(), now_s))
    }

    fn get(&self, key: &Key) -> Option<&Baseline> {
        BTreeMap::get(self, key)
    }

    fn put(&mut self, baseline: Baseline) {
        self.insert(baseline.key.clone(), baseline);
    }
}
