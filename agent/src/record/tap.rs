//! The running agent's side: writes down what its core takes, for readers that it never waits for.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;

use super::frame::{self, FrameError};
use super::{End, Entry, encode};
use crate::baseline::key::Key;
use crate::engine::{Engine, Input, Store, Time};
use crate::observe::event::{CgroupId, Moment};
use crate::workload::container::Container;

/// A frame is handed on once it holds so many bytes.
const FULL: usize = 256 << 10;

/// A frame is handed on after so long, in nanoseconds, however little it holds.
const PERIOD: u64 = 1_000_000_000;

/// Bytes that may wait for a slow reader, beyond the checkpoint.
const WAITING: usize = 16 << 20;

/// Recordings at the same time.
const MAX_TAPS: usize = 4;

/// One recording under way.
#[derive(Debug)]
pub struct Tap {
    /// Names or ids of the containers wanted; empty for all.
    containers: Vec<String>,
    keys: BTreeSet<Key>,
    cgroups: BTreeSet<CgroupId>,
    /// The time that the recording knows.
    told: Option<Time>,
    buffer: Vec<u8>,
    /// Inputs in the buffer.
    held: u64,
    handed_on: Moment,
    frames: mpsc::UnboundedSender<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
    /// Inputs dropped; once there is one, nothing more is recorded.
    dropped: u64,
}

/// A recording's frames as they are filled.
#[derive(Debug)]
pub struct Feed {
    frames: mpsc::UnboundedReceiver<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
}

impl Feed {
    /// The next frame, sealed; `None` after the last.
    pub async fn next(&mut self) -> Option<Result<Vec<u8>, FrameError>> {
        let payload = self.frames.recv().await?;
        Some(self.seal(&payload))
    }

    /// As [`Feed::next`], for a thread of its own.
    pub fn blocking_next(&mut self) -> Option<Result<Vec<u8>, FrameError>> {
        let payload = self.frames.blocking_recv()?;
        Some(self.seal(&payload))
    }

    /// As [`Feed::next`], unless none is there now.
    #[cfg(test)]
    pub(super) fn try_next(&mut self) -> Option<Result<Vec<u8>, FrameError>> {
        let payload = self.frames.try_recv().ok()?;
        Some(self.seal(&payload))
    }

    fn seal(&self, payload: &[u8]) -> Result<Vec<u8>, FrameError> {
        self.waiting.fetch_sub(payload.len(), Ordering::Relaxed);
        frame::seal(payload)
    }
}

impl Tap {
    /// Begins a recording of these containers (names or ids; all when empty) and of those that share a baseline with
    /// them, from the engine's present state on.
    pub fn begin<S: Store>(containers: Vec<String>, engine: &mut Engine<S>) -> (Self, Feed) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let mut tap = Self {
            containers,
            keys: BTreeSet::new(),
            cgroups: BTreeSet::new(),
            told: None,
            buffer: Vec::new(),
            held: 0,
            handed_on: engine.time().since_boot(),
            frames: sender,
            waiting: Arc::clone(&waiting),
            dropped: 0,
        };
        let reported = engine.reported();
        tap.write(&Input::Elsewhere { findings: reported }, engine.time());
        let wanted = engine.watched();
        let wanted = wanted.filter(|(container, _)| tap.names(container));
        let keys: BTreeSet<Key> = wanted.map(|(_, key)| key.clone()).collect();
        tap.checkpoint(&keys, engine);
        let feed = Feed {
            frames: receiver,
            waiting,
        };
        (tap, feed)
    }

    fn names(&self, container: &Container) -> bool {
        let names = [&container.name, &container.pod, &container.id];
        self.containers.is_empty() || self.containers.iter().any(|wanted| names.contains(&wanted))
    }

    /// Records the state of everything that these baselines are about. It does not count as waiting: it is as large as
    /// it is.
    fn checkpoint<S: Store>(&mut self, keys: &BTreeSet<Key>, engine: &mut Engine<S>) {
        let now = engine.time();
        for input in engine.checkpoint(keys) {
            if let Input::Resume(resume) = &input {
                self.cgroups.insert(resume.container.cgroup);
            }
            self.write(&input, now);
            if self.buffer.len() >= FULL {
                self.hand_on(now);
            }
        }
        self.keys.extend(keys.iter().cloned());
    }

    /// Takes note of what the engine is about to take. Returns the baseline of which it has taken a checkpoint for that.
    fn note<S: Store>(&mut self, input: &Input, engine: &mut Engine<S>) -> Option<Key> {
        let now = engine.time();
        let mut begun = None;
        let concerns = match input {
            Input::Time(time) => {
                self.tick(*time);
                return None;
            }
            Input::Baseline(baseline) => self.keys.contains(&baseline.key),
            Input::Watch(watch) => {
                self.takes_up((&watch.container, &watch.key), engine, &mut begun)
            }
            Input::Resume(resume) => {
                self.takes_up((&resume.container, &resume.key), engine, &mut begun)
            }
            Input::Event(event) => self.cgroups.contains(&event.cgroup),
            Input::Window { cgroup, .. } | Input::Resync { cgroup, .. } => {
                self.cgroups.contains(cgroup)
            }
            Input::End { cgroup } => self.cgroups.remove(cgroup),
            // These stand in recordings alone.
            Input::Anew { .. } | Input::Elsewhere { .. } => false,
        };
        if concerns {
            self.write(input, now);
            if self.buffer.len() >= FULL {
                self.hand_on_or_drop(now);
            }
        }
        begun
    }

    /// Another recording has taken a checkpoint of this baseline.
    fn anew(&mut self, key: &Key, now: Time) {
        if self.keys.contains(key) {
            self.write(&Input::Anew { key: key.clone() }, now);
        }
    }

    /// A container comes under watch, or goes on under another name: whether the recording is about it.
    fn takes_up<S: Store>(
        &mut self,
        (container, key): (&Container, &Key),
        engine: &mut Engine<S>,
        begun: &mut Option<Key>,
    ) -> bool {
        let known = self.keys.contains(key);
        let wanted = self.cgroups.contains(&container.cgroup) || self.names(container);
        if !known && !wanted {
            return false;
        }
        if !known && self.dropped == 0 {
            self.checkpoint(&BTreeSet::from([key.clone()]), engine);
            *begun = Some(key.clone());
        }
        self.cgroups.insert(container.cgroup);
        true
    }

    /// Findings were reported about a container.
    fn reported(&mut self, cgroup: CgroupId, findings: u64, now: Time) {
        if findings > 0 && !self.cgroups.contains(&cgroup) {
            self.write(&Input::Elsewhere { findings }, now);
        }
    }

    fn write(&mut self, input: &Input, now: Time) {
        if self.dropped > 0 {
            self.dropped += 1;
            return;
        }
        if self.told != Some(now) {
            self.told = Some(now);
            self.put(Input::Time(now));
        }
        let length = self.buffer.len();
        if let Err(error) = encode(&EntryRef::Input(input), &mut self.buffer) {
            tracing::error!(%error, "An input could not be recorded; the recording ends.");
            self.buffer.truncate(length);
            self.dropped = 1;
            return;
        }
        self.held += 1;
    }

    fn put(&mut self, input: Input) {
        // A number pair can always be written.
        let _ = encode(&Entry::Input(input), &mut self.buffer);
    }

    fn tick(&mut self, now: Time) {
        let overdue = now.since_boot().since(self.handed_on) >= PERIOD;
        if overdue && !self.buffer.is_empty() {
            self.hand_on_or_drop(now);
        }
    }

    fn hand_on_or_drop(&mut self, now: Time) {
        if self.waiting.load(Ordering::Relaxed) < WAITING {
            return self.hand_on(now);
        }
        self.dropped = self.dropped.saturating_add(self.held);
        self.buffer.clear();
        self.held = 0;
    }

    fn hand_on(&mut self, now: Time) {
        let payload = std::mem::take(&mut self.buffer);
        self.waiting.fetch_add(payload.len(), Ordering::Relaxed);
        // A reader that has gone is noticed by `is_over`.
        let _ = self.frames.send(payload);
        self.held = 0;
        self.handed_on = now.since_boot();
    }

    /// Hands on the rest, with the end.
    fn end(mut self, now: Time) {
        let end = End {
            dropped: self.dropped,
        };
        if encode(&Entry::End(end), &mut self.buffer).is_ok() {
            self.hand_on(now);
        }
    }

    fn is_over(&self) -> bool {
        // What was dropped can be told once there is room again.
        let told = self.dropped > 0 && self.waiting.load(Ordering::Relaxed) < WAITING;
        told || self.frames.is_closed()
    }
}

/// An entry of somebody else's input.
#[derive(serde::Serialize)]
#[serde(rename_all = "snake_case")]
enum EntryRef<'a> {
    Input(&'a Input),
}

/// The recordings under way.
#[derive(Debug, Default)]
pub struct Taps(Vec<Tap>);

impl Taps {
    /// Adds a recording that has just begun.
    ///
    /// # Errors
    /// When there are too many: how many there may be.
    pub fn add(&mut self, tap: Tap, now: Time) -> Result<(), usize> {
        for key in &tap.keys {
            self.anew(key, now);
        }
        if self.0.len() >= MAX_TAPS {
            return Err(MAX_TAPS);
        }
        self.0.push(tap);
        Ok(())
    }

    /// Takes note of what the engine is about to take.
    pub fn note<S: Store>(&mut self, input: &Input, engine: &mut Engine<S>) {
        if self.0.is_empty() {
            return;
        }
        let begun: BTreeSet<Key> = self
            .0
            .iter_mut()
            .filter_map(|tap| tap.note(input, engine))
            .collect();
        for key in &begun {
            self.anew(key, engine.time());
        }
        if let Input::Time(now) = input {
            for over in self.0.extract_if(.., |tap| tap.is_over()) {
                over.end(*now);
            }
        }
    }

    /// A checkpoint was taken of this baseline.
    fn anew(&mut self, key: &Key, now: Time) {
        for tap in &mut self.0 {
            tap.anew(key, now);
        }
    }

    /// Takes note of findings about a container.
    pub fn reported(&mut self, cgroup: CgroupId, findings: usize, now: Time) {
        for tap in &mut self.0 {
            tap.reported(cgroup, findings as u64, now);
        }
    }

    /// Whether no recording is under way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Ends every recording in good order.
    pub fn end(&mut self, now: Time) {
        for tap in std::mem::take(&mut self.0) {
            tap.end(now);
        }
    }
}
