//! The baselines in memory and on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::baseline::file;
use crate::baseline::key::Key;
use crate::baseline::model::Baseline;

/// How long a change may stay unsaved. A crash loses at most this much learning.
const SAVE_PERIOD: Duration = Duration::from_secs(10);

/// All baselines of this node.
pub struct Baselines {
    directory: PathBuf,
    all: BTreeMap<Key, Baseline>,
    changed: BTreeSet<Key>,
    last_saved: Instant,
}

impl Baselines {
    /// Loads what `directory` holds. What cannot be used is set aside, named and counted; the rest goes on.
    pub fn load(directory: &Path, now: Instant) -> (Self, usize) {
        // A failure shows at the first save, with its cause, and is tried again there.
        let _ = make(directory);
        let (baselines, set_aside) = file::load_dir(directory);
        for bad in &set_aside {
            tracing::error!(
                path = %bad.path.display(),
                moved_to = bad.moved_to.as_ref().map(|path| path.display().to_string()),
                reason = %bad.reason,
                "A baseline file was set aside; its workload learns anew."
            );
        }
        let mut all = BTreeMap::new();
        for baseline in baselines {
            all.insert(baseline.key.clone(), baseline);
        }
        let baselines = Self {
            directory: directory.to_owned(),
            all,
            changed: BTreeSet::new(),
            last_saved: now,
        };
        (baselines, set_aside.len())
    }

    /// The baseline of `key`, begun empty when there is none. It counts as changed.
    pub fn of(&mut self, key: &Key, now_s: i64) -> &mut Baseline {
        self.changed.insert(key.clone());
        self.all
            .entry(key.clone())
            .or_insert_with(|| Baseline::new(key.clone(), now_s))
    }

    /// The baseline of `key`, to look at.
    pub fn get(&self, key: &Key) -> Option<&Baseline> {
        self.all.get(key)
    }

    /// All baselines.
    pub fn iter(&self) -> impl Iterator<Item = &Baseline> {
        self.all.values()
    }

    /// Whether changes have waited long enough.
    pub fn is_save_due(&self, now: Instant) -> bool {
        !self.changed.is_empty() && now.saturating_duration_since(self.last_saved) >= SAVE_PERIOD
    }

    /// Writes what changed. What fails stays changed and is tried again at the next period; the result is the number
    /// of failures and the last one's message.
    pub fn save(&mut self, now: Instant) -> (usize, Option<String>) {
        self.last_saved = now;
        let made = make(&self.directory).map_err(|error| {
            format!(
                "cannot make {}: {error}; check `state_dir`",
                self.directory.display()
            )
        });
        if let Err(message) = made {
            return (self.changed.len(), Some(message));
        }
        let mut failed = BTreeSet::new();
        let mut message = None;
        for key in std::mem::take(&mut self.changed) {
            let Some(baseline) = self.all.get(&key) else {
                continue;
            };
            if let Err(error) = file::save(&self.directory, baseline) {
                message = Some(error.to_string());
                failed.insert(key);
            }
        }
        let count = failed.len();
        self.changed = failed;
        (count, message)
    }
}

/// Only root may read what workloads do.
fn make(directory: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn key() -> Key {
        Key {
            namespace: "docker".into(),
            workload: "w".into(),
            container: "w".into(),
            image_digest: "sha256:1".into(),
        }
    }

    #[test]
    fn a_failed_save_is_kept_and_tried_again() {
        let directory = tempfile::tempdir().unwrap();
        let inside = directory.path().join("baselines");
        let now = Instant::now();
        let (mut baselines, bad) = Baselines::load(&inside, now);
        assert_eq!(bad, 0);
        baselines.of(&key(), 1);
        std::fs::remove_dir(&inside).unwrap();
        std::fs::write(&inside, "a file where the directory belongs").unwrap();
        let (failures, message) = baselines.save(now);
        assert_eq!(failures, 1);
        assert!(message.unwrap().contains("baselines"));
        std::fs::remove_file(&inside).unwrap();
        assert!(!baselines.is_save_due(now));
        assert!(baselines.is_save_due(now + SAVE_PERIOD));
        assert_eq!(baselines.save(now + SAVE_PERIOD), (0, None));
        let (again, _) = Baselines::load(&inside, now);
        assert_eq!(again.get(&key()), baselines.get(&key()));
    }
}
