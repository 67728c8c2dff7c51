//! The budgets of all workloads.

use std::collections::BTreeMap;

use crate::baseline::key::Key;
use crate::detect::budget::Budget;

/// Workloads whose budgets are kept.
const MOST: usize = 1024;

/// Budgets by workload.
#[derive(Debug, Default)]
pub(in crate::detect) struct Budgets(BTreeMap<Key, Budget>);

impl Budgets {
    /// The budget of a workload, a full one of so many findings a month where there is none.
    pub(super) fn of(&mut self, key: &Key, per_month: f64, now_s: i64) -> &mut Budget {
        if !self.0.contains_key(key) {
            self.put(key, Budget::new(per_month));
        }
        let budget = self.0.entry(key.clone());
        let budget = budget.or_insert_with(|| Budget::new(per_month));
        budget.used_s = now_s;
        budget
    }

    /// The budget of a workload, where there is one.
    pub(super) fn get(&self, key: &Key) -> Option<&Budget> {
        self.0.get(key)
    }

    /// Goes on with a budget. The one unused for longest makes room.
    pub(super) fn put(&mut self, key: &Key, budget: Budget) {
        if self.0.len() >= MOST && !self.0.contains_key(key) {
            let oldest = self.0.iter().min_by_key(|(_, budget)| budget.used_s);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.0.remove(&oldest);
            }
        }
        self.0.insert(key.clone(), budget);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_unused_for_longest_gives_way() {
        let mut budgets = Budgets::default();
        let key = |n: usize| Key {
            namespace: "docker".into(),
            workload: n.to_string(),
            container: "w".into(),
            image_digest: "sha256:0".into(),
        };
        for (n, now_s) in (0..MOST).zip(0..) {
            budgets.of(&key(n), 1.0, now_s);
        }
        budgets.of(&key(0), 1.0, 10_000);
        budgets.of(&key(MOST), 1.0, 10_001);
        assert_eq!(budgets.0.len(), MOST);
        assert!(budgets.get(&key(0)).is_some() && budgets.get(&key(1)).is_none());
    }
}
