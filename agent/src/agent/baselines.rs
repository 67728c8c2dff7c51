//! The baselines in memory and on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::baseline::file;
use crate::baseline::key::Key;
use crate::baseline::model::Baseline;
use crate::engine::Store;

/// How long a change may stay unsaved. A crash loses at most this much learning.
const SAVE_PERIOD: Duration = Duration::from_secs(10);

/// Most baselines held in memory, at up to some hundred KiB each. Beyond it those longest unused stay on disk only.
const HELD: usize = 256;

/// The baselines of this node.
pub struct Baselines {
    directory: PathBuf,
    held: BTreeMap<Key, Baseline>,
    /// When each was last asked for, in a count of askings.
    used: BTreeMap<Key, u64>,
    asked: u64,
    changed: BTreeSet<Key>,
    /// Files that could neither be used nor moved aside. They are not overwritten.
    untouchable: BTreeSet<PathBuf>,
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
        let stuck = set_aside.iter().filter(|bad| bad.moved_to.is_none());
        let mut loaded = Self {
            directory: directory.to_owned(),
            held: BTreeMap::new(),
            used: BTreeMap::new(),
            asked: 0,
            changed: BTreeSet::new(),
            untouchable: stuck.map(|bad| bad.path.clone()).collect(),
            last_saved: now,
        };
        for baseline in baselines.into_iter().take(HELD) {
            loaded.held.insert(baseline.key.clone(), baseline);
        }
        (loaded, set_aside.len())
    }

    /// Counts a baseline as used and changed, and makes room for it where it is not held.
    fn use_now(&mut self, key: &Key) {
        self.asked += 1;
        // Asked for with every event, so that a key is copied only where it must be.
        match self.used.get_mut(key) {
            Some(used) => *used = self.asked,
            None => {
                self.used.insert(key.clone(), self.asked);
            }
        }
        if !self.changed.contains(key) {
            self.changed.insert(key.clone());
        }
        if !self.held.contains_key(key) {
            self.make_room();
        }
    }

    /// The baseline with this id, held or on disk.
    pub fn find(&self, id: &str) -> Option<Baseline> {
        if let Some(held) = self.held.values().find(|baseline| baseline.id() == id) {
            return Some(held.clone());
        }
        // The id becomes part of a path.
        let plain = id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let path = self.directory.join(format!("{id}.baseline"));
        plain.then(|| file::load(&path).ok()).flatten()
    }

    /// Keeps a baseline in a file beside its own, and returns that file's path.
    pub fn keep_old(&self, baseline: &Baseline) -> Result<String, String> {
        let kept = file::save_old(&self.directory, baseline).map_err(|error| error.to_string())?;
        Ok(kept.display().to_string())
    }

    /// Writes one baseline at once; the message of what went wrong, if anything did. It is tried again then.
    pub fn save_one(&mut self, key: &Key) -> Option<String> {
        let others = std::mem::take(&mut self.changed);
        let last_saved = self.last_saved;
        self.changed.insert(key.clone());
        let (_, message) = self.save(last_saved);
        self.changed
            .extend(others.into_iter().filter(|other| other != key));
        message
    }

    /// For a workload whose image has no baseline yet: one that begins with what the image before did. Of several the
    /// one seen last. `None` where the image has a baseline, or none came before it.
    pub fn successor(&self, key: &Key, now_s: i64) -> Option<Baseline> {
        if self.exists(key) {
            return None;
        }
        let mut new = Baseline::new(key.clone(), now_s);
        let same = |other: &&Baseline| {
            let other = &other.key;
            (&other.namespace, &other.workload, &other.container)
                == (&key.namespace, &key.workload, &key.container)
        };
        let before = self.held.values().filter(same);
        let last = before.max_by_key(|it| (it.last_seen_s(), it.id()))?;
        new.inherit(last, now_s);
        Some(new)
    }

    /// For a container that was compared with the baseline of `old` and is of `new`: that baseline as the new one's.
    /// `None` where `new` has a baseline, or `old` has none in memory.
    pub fn renamed(&self, old: &Key, new: &Key) -> Option<Baseline> {
        if self.exists(new) {
            return None;
        }
        let mut baseline = self.held.get(old)?.clone();
        baseline.key = new.clone();
        Some(baseline)
    }

    /// Drops a baseline that was only made under a provisional name: one not older than `since_s`, Unix seconds.
    pub fn forget_provisional(&mut self, key: &Key, since_s: i64) {
        let held = self.held.get(key);
        if held.is_none_or(|baseline| baseline.created_s < since_s) {
            return;
        }
        let path = self.path(key);
        self.held.remove(key);
        self.used.remove(key);
        self.changed.remove(key);
        // What stays there is a baseline that nobody uses.
        let _ = std::fs::remove_file(path);
    }

    fn exists(&self, key: &Key) -> bool {
        self.held.contains_key(key) || self.path(key).exists()
    }

    fn path(&self, key: &Key) -> PathBuf {
        let baseline = Baseline::new(key.clone(), 0);
        self.directory.join(file::file_name(&baseline))
    }

    /// Drops the baselines longest unused from memory; what is not saved yet stays.
    fn make_room(&mut self) {
        while self.held.len() >= HELD {
            let unchanged = self.held.keys().filter(|key| !self.changed.contains(*key));
            let oldest = unchanged.min_by_key(|key| self.used.get(*key)).cloned();
            let Some(oldest) = oldest else {
                return;
            };
            self.held.remove(&oldest);
            self.used.remove(&oldest);
        }
    }

    /// The baselines held.
    pub fn iter(&self) -> impl Iterator<Item = &Baseline> {
        self.held.values()
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
            let Some(baseline) = self.held.get(&key) else {
                continue;
            };
            let path = self.directory.join(file::file_name(baseline));
            let saved = if self.untouchable.contains(&path) {
                Err(format!(
                    "{} cannot be used and could not be moved; move it away",
                    path.display()
                ))
            } else {
                file::save(&self.directory, baseline)
                    .map(drop)
                    .map_err(|error| error.to_string())
            };
            if let Err(error) = saved {
                message = Some(error);
                failed.insert(key);
            }
        }
        let count = failed.len();
        self.changed = failed;
        (count, message)
    }
}

impl Store for Baselines {
    /// The one held, else the one on disk, else an empty one. It counts as changed.
    fn of(&mut self, key: &Key, now_s: i64) -> &mut Baseline {
        self.use_now(key);
        let (directory, untouchable) = (&self.directory, &mut self.untouchable);
        self.held
            .entry(key.clone())
            .or_insert_with(|| from_disk(directory, key, untouchable, now_s))
    }

    fn get(&self, key: &Key) -> Option<&Baseline> {
        self.held.get(key)
    }

    fn put(&mut self, baseline: Baseline) {
        self.use_now(&baseline.key);
        self.held.insert(baseline.key.clone(), baseline);
    }
}

/// The baseline of `key` as its file has it; empty when there is none, or none that can be used.
fn from_disk(
    directory: &Path,
    key: &Key,
    untouchable: &mut BTreeSet<PathBuf>,
    now_s: i64,
) -> Baseline {
    let empty = Baseline::new(key.clone(), now_s);
    let path = directory.join(file::file_name(&empty));
    match path.exists().then(|| file::load(&path)) {
        Some(Ok(baseline)) if baseline.key == *key => baseline,
        None => empty,
        Some(outcome) => {
            let reason = outcome.err().map_or_else(
                || "it is another workload's".to_owned(),
                |error| error.to_string(),
            );
            tracing::error!(path = %path.display(), %reason, "A baseline file cannot be used and is left as it is; its workload learns anew, unsaved.");
            untouchable.insert(path);
            empty
        }
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
    use crate::baseline::exposure::Share;
    use crate::observe::fact::Phase;

    fn key() -> Key {
        named("w")
    }

    fn named(workload: &str) -> Key {
        Key {
            namespace: "docker".into(),
            workload: workload.into(),
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

    #[test]
    fn memory_is_bounded_and_what_left_it_comes_back_from_disk() {
        let directory = tempfile::tempdir().unwrap();
        let now = Instant::now();
        let (mut baselines, _) = Baselines::load(directory.path(), now);
        baselines.of(&named("first"), 7);
        for number in 0..HELD {
            assert_eq!(baselines.save(now), (0, None));
            baselines.of(&named(&number.to_string()), 8);
        }
        assert_eq!(baselines.iter().count(), HELD);
        assert!(baselines.get(&named("first")).is_none());
        assert_eq!(baselines.save(now), (0, None));
        assert_eq!(baselines.of(&named("first"), 9).created_s, 7);
    }

    #[test]
    fn a_new_image_succeeds_the_one_seen_last() {
        let directory = tempfile::tempdir().unwrap();
        let (mut baselines, _) = Baselines::load(directory.path(), Instant::now());
        let image = |digest: &str| Key {
            image_digest: digest.into(),
            ..key()
        };
        assert!(baselines.successor(&image("1"), 5).is_none());
        for (digest, seen_s) in [("1", 10), ("2", 30), ("3", 20)] {
            let baseline = baselines.of(&image(digest), 1);
            baseline.add_window(Phase::Serve, "r", Share::default(), seen_s);
        }
        baselines.of(&named("another"), 99);
        let new = baselines.successor(&image("4"), 40).unwrap();
        assert_eq!(new.predecessor.unwrap().image_digest, "2");
        assert!(baselines.successor(&image("3"), 40).is_none());
    }

    #[test]
    fn what_was_learned_under_a_provisional_name_goes_along() {
        let directory = tempfile::tempdir().unwrap();
        let now = Instant::now();
        let (mut baselines, _) = Baselines::load(directory.path(), now);
        let (old, new) = (named("vllm-0"), named("vllm"));
        assert!(baselines.renamed(&old, &new).is_none());
        let learned = baselines.of(&old, 7);
        learned.add_window(Phase::Start, "r", Share::default(), 9);
        let learned = learned.clone();
        let renamed = baselines.renamed(&old, &new).unwrap();
        assert_eq!(renamed.exposure(), learned.exposure());
        assert_eq!(renamed.key, new);
        baselines.put(renamed);
        // The workload's own counts more than a provisional one.
        assert!(baselines.renamed(&old, &new).is_none());
        assert_eq!(baselines.save(now), (0, None));
        // Older than the container: not provisional.
        baselines.forget_provisional(&old, 8);
        assert!(baselines.exists(&old));
        baselines.forget_provisional(&old, 7);
        assert!(!baselines.exists(&old));
        assert!(baselines.exists(&new));
    }

    #[test]
    fn a_baseline_is_found_by_its_id_in_memory_and_on_disk_and_nowhere_else() {
        let directory = tempfile::tempdir().unwrap();
        let now = Instant::now();
        let (mut baselines, _) = Baselines::load(directory.path(), now);
        let id = baselines.of(&key(), 7).id();
        assert_eq!(baselines.save_one(&key()), None);
        let (fresh, _) = Baselines::load(Path::new("/nonexistent"), now);
        assert_eq!(baselines.find(&id).unwrap().created_s, 7);
        let on_disk = Baselines {
            directory: directory.path().to_owned(),
            ..fresh
        };
        assert_eq!(on_disk.find(&id).unwrap().created_s, 7);
        assert!(on_disk.find(&format!("../{id}")).is_none());
        assert!(on_disk.find("0123").is_none());
    }

    #[test]
    fn a_file_that_became_unusable_is_not_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let now = Instant::now();
        let (mut baselines, _) = Baselines::load(directory.path(), now);
        let path = directory
            .path()
            .join(file::file_name(&Baseline::new(key(), 1)));
        std::fs::write(&path, "damaged").unwrap();
        baselines.of(&key(), 1);
        let (failures, message) = baselines.save(now);
        assert_eq!(failures, 1);
        assert!(message.unwrap().contains("cannot be used"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "damaged");
    }
}
