//! The pods of this node, as far as the API server has told of them.
//!
//! Who asks gets an answer at once, which may be that nothing is known (yet). Who wants to know of changes subscribes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::container::Container;
use super::pod::Pod;

/// Most pods held, several times what a node runs (110 by default, some platforms allow 500).
const MOST: usize = 2048;

/// For so long after its last failure the connection counts as troubled: attempts are at most a minute apart (half of one and jitter).
const TROUBLED: Duration = Duration::from_secs(90);

/// Pods by uid.
#[derive(Debug)]
pub struct PodStore {
    held: Mutex<Held>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Held {
    pods: BTreeMap<String, Arc<Pod>>,
    /// What a list that has begun named so far.
    listed: Option<BTreeSet<String>>,
    /// Whether there was a whole list.
    synced: bool,
    connection: Connection,
}

#[derive(Debug, Default)]
enum Connection {
    /// Nobody wants to be told.
    #[default]
    Unused,
    /// There can be none.
    Impossible(String),
    /// It is there, or being made.
    Open,
    /// It failed.
    Failed(Instant, String),
}

impl Default for PodStore {
    fn default() -> Self {
        Self {
            held: Mutex::default(),
            changed: watch::Sender::new(()),
        }
    }
}

impl PodStore {
    /// Told whenever something has changed.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Adds what is known of a container's pod to it; `None` where there is no API server to ask, or the container is in no
    /// pod, else whether its pod is known.
    pub fn describe(&self, container: &mut Container) -> Option<bool> {
        if container.pod_uid.is_empty() {
            return None;
        }
        if matches!(self.held().connection, Connection::Unused) {
            return None;
        }
        let pod = self.get(&container.pod_uid);
        Some(pod.is_some_and(|pod| pod.describe(container)))
    }

    /// The pod with this uid.
    #[must_use]
    pub fn get(&self, uid: &str) -> Option<Arc<Pod>> {
        self.held().pods.get(uid).cloned()
    }

    /// How many pods are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held().pods.len()
    }

    /// Whether no pod is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Why pods are not described as they should be, in words; `None` where they are, or nobody wants them to be.
    #[must_use]
    pub fn trouble(&self, now: Instant) -> Option<String> {
        let held = self.held();
        match &held.connection {
            Connection::Impossible(reason) => Some(reason.clone()),
            Connection::Failed(at, reason)
                if !held.synced || now.saturating_duration_since(*at) < TROUBLED =>
            {
                Some(reason.clone())
            }
            Connection::Open if !held.synced => {
                Some("the API server has not told of this node's pods yet".to_owned())
            }
            Connection::Unused | Connection::Open | Connection::Failed(..) => None,
        }
    }

    /// Whether the pods of this node were told once, all of them.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.held().synced
    }

    /// There will be no pods, for this reason.
    pub fn impossible(&self, reason: String) {
        self.held().connection = Connection::Impossible(reason);
    }

    /// Somebody begins to ask the API server.
    pub fn begin(&self) {
        self.held().connection = Connection::Open;
    }

    /// The API server could not be asked, or answered what cannot be used. What is known stays.
    pub fn failed(&self, now: Instant, reason: String) {
        self.held().connection = Connection::Failed(now, reason);
        self.changed.send_replace(());
    }

    /// A list begins. Until it has ended, what was known before stays.
    pub fn list_begins(&self) {
        self.held().listed = Some(BTreeSet::new());
    }

    /// A pod as it is now. `false` where there is no room for it.
    pub fn put(&self, pod: Pod) -> bool {
        let mut held = self.held();
        if let Some(listed) = &mut held.listed {
            listed.insert(pod.uid.clone());
        }
        let before = held.pods.get(&pod.uid);
        if before.is_some_and(|before| **before == pod) {
            return true;
        }
        if before.is_none() && held.pods.len() >= MOST {
            return false;
        }
        held.pods.insert(pod.uid.clone(), Arc::new(pod));
        drop(held);
        self.changed.send_replace(());
        true
    }

    /// The list has ended: what it did not name is gone.
    pub fn list_ends(&self) {
        let mut held = self.held();
        if let Some(listed) = held.listed.take() {
            held.pods.retain(|uid, _| listed.contains(uid));
            held.synced = true;
            held.connection = Connection::Open;
        }
        drop(held);
        self.changed.send_replace(());
    }

    /// A pod is gone.
    pub fn remove(&self, uid: &str) {
        self.held().pods.remove(uid);
        self.changed.send_replace(());
    }

    /// What is held is whole after every step, also where its owner panicked.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{container, pod};

    fn pod(uid: &str) -> Pod {
        Pod {
            uid: uid.to_owned(),
            ..pod::sample()
        }
    }

    fn container(uid: &str) -> Container {
        Container {
            pod_uid: uid.to_owned(),
            ..container::sample()
        }
    }

    fn knows(store: &PodStore, uid: &str) -> bool {
        store.describe(&mut container(uid)) == Some(true)
    }

    #[test]
    fn a_list_takes_the_place_of_what_was_known_when_it_has_ended() {
        let store = PodStore::default();
        store.begin();
        store.put(pod("a"));
        store.put(pod("b"));
        store.list_begins();
        store.put(pod("b"));
        assert!(knows(&store, "a") && !store.is_synced());
        // Another list, as the first broke off.
        store.list_begins();
        store.put(pod("c"));
        assert!(knows(&store, "a") && knows(&store, "b"));
        store.list_ends();
        assert!(!knows(&store, "a") && !knows(&store, "b") && knows(&store, "c"));
        assert!(store.is_synced());
        store.remove("c");
        assert!(store.is_empty());
    }

    #[test]
    fn only_changes_are_told() {
        let store = PodStore::default();
        let mut changes = store.subscribe();
        let mut told = || {
            let told = changes.has_changed().unwrap_or(false);
            changes.mark_unchanged();
            told
        };
        assert!(!told());
        store.put(pod("a"));
        assert!(told());
        store.put(pod("a"));
        assert!(!told());
        store.put(Pod {
            labels: std::collections::BTreeMap::new(),
            ..pod("a")
        });
        assert!(told());
    }

    #[test]
    fn there_is_a_bound() {
        let store = PodStore::default();
        for number in 0..MOST {
            assert!(store.put(pod(&number.to_string())));
        }
        assert!(!store.put(pod("more")));
        assert!(store.put(pod("7")));
        assert_eq!(store.len(), MOST);
    }

    #[test]
    fn containers_in_no_pod_are_not_looked_up() {
        let store = PodStore::default();
        assert_eq!(store.describe(&mut container("a")), None);
        store.begin();
        assert_eq!(store.describe(&mut container("a")), Some(false));
        assert_eq!(store.describe(&mut container("")), None);
    }

    #[test]
    fn trouble_is_told_while_it_lasts() {
        let store = PodStore::default();
        let now = Instant::now();
        assert_eq!(store.trouble(now), None);
        store.begin();
        assert!(store.trouble(now).is_some_and(|it| it.contains("yet")));
        store.failed(now, "refused".to_owned());
        let later = now + TROUBLED;
        assert_eq!(store.trouble(later).as_deref(), Some("refused"));
        store.list_begins();
        store.list_ends();
        assert_eq!(store.trouble(later), None);
        store.failed(later, "broken".to_owned());
        assert_eq!(store.trouble(later).as_deref(), Some("broken"));
        assert_eq!(store.trouble(later + TROUBLED), None);
        store.impossible("no token".to_owned());
        assert_eq!(store.trouble(later).as_deref(), Some("no token"));
    }
}
