//! A map of bounded size.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A map in which what was set longest ago gives way when it is full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "K: Ord + Deserialize<'de>, V: Deserialize<'de>"))]
pub struct Recent<K, V> {
    values: BTreeMap<K, (u64, V)>,
    order: BTreeMap<u64, K>,
    next: u64,
    most: usize,
}

impl<K: Ord + Clone, V> Recent<K, V> {
    /// An empty map for at most so many values.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            values: BTreeMap::new(),
            order: BTreeMap::new(),
            next: 0,
            most,
        }
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.values.get(key).map(|(_, value)| value)
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.values.get_mut(key).map(|(_, value)| value)
    }

    /// Sets a value. Returns what gave way for it, if the map was full.
    pub fn set(&mut self, key: K, value: V) -> Option<V> {
        let age = self.next;
        self.next += 1;
        if let Some((before, _)) = self.values.insert(key.clone(), (age, value)) {
            self.order.remove(&before);
        }
        self.order.insert(age, key);
        if self.values.len() <= self.most {
            return None;
        }
        self.pop_oldest()
    }

    /// Takes a value out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let (age, value) = self.values.remove(key)?;
        self.order.remove(&age);
        Some(value)
    }

    /// The value set longest ago.
    #[must_use]
    pub fn oldest(&self) -> Option<&V> {
        let (_, key) = self.order.first_key_value()?;
        self.get(key)
    }

    /// Takes out the value set longest ago.
    pub fn pop_oldest(&mut self) -> Option<V> {
        let (_, key) = self.order.pop_first()?;
        self.values.remove(&key).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_gives_way() {
        let mut map = Recent::new(2);
        assert_eq!(map.set("a", 1), None);
        assert_eq!(map.set("b", 2), None);
        assert_eq!(map.set("a", 3), None, "set anew, so young again");
        assert_eq!(map.set("c", 4), Some(2));
        assert_eq!((map.get(&"a"), map.get(&"b")), (Some(&3), None));
        assert_eq!(map.oldest(), Some(&3));
        assert_eq!(map.remove(&"a"), Some(3));
        assert_eq!(map.pop_oldest(), Some(4));
        assert_eq!(map.pop_oldest(), None);
    }
}
