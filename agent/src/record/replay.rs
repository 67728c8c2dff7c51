//! Feeding a recording back to the core.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

use super::{ReadError, Reader};
use crate::baseline::key::Key;
use crate::baseline::model::Baseline;
use crate::engine::{Effects, Engine, Input, Settings, SettingsError, Time};

/// A recording on its way through the core.
#[derive(Debug)]
pub struct Replay<R> {
    reader: Reader<R>,
    engine: Engine<BTreeMap<Key, Baseline>>,
    /// Baselines of the recording that another recording's take the place of.
    replaced: BTreeSet<Key>,
    passed: Passed,
}

/// What was fed back so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Inputs.
    pub inputs: u64,
    /// Of these, events.
    pub events: u64,
    /// Of these, windows.
    pub windows: u64,
    /// The windows' lengths together, nanoseconds.
    pub observed_ns: u64,
    /// The times of the first and the last input.
    pub span: Option<(Time, Time)>,
}

/// What one input led to.
#[derive(Debug)]
pub struct Step {
    /// When it was handled.
    pub time: Time,
    /// What it led to.
    pub effects: Effects,
}

impl<R: BufRead> Replay<R> {
    /// A replay with other settings than the recording's, or with its own where `settings` is `None`.
    ///
    /// # Errors
    /// When the settings are not valid here.
    pub fn new(reader: Reader<R>, settings: Option<&Settings>) -> Result<Self, SettingsError> {
        let header = reader.header();
        let settings = settings.unwrap_or(&header.settings);
        Ok(Self {
            engine: Engine::new(settings, header.boot_ms, BTreeMap::new())?,
            reader,
            replaced: BTreeSet::new(),
            passed: Passed::default(),
        })
    }

    /// Judges by these baselines instead of those that the recording holds of the same workloads.
    #[must_use]
    pub fn judging_by(mut self, baselines: BTreeMap<Key, Baseline>) -> Self {
        self.replaced = baselines.keys().cloned().collect();
        for baseline in baselines.into_values() {
            self.engine.take(Input::Baseline(Box::new(baseline)));
        }
        self
    }

    /// Feeds the next input; `None` at the recording's end.
    ///
    /// # Errors
    /// When the recording cannot be read any further. What came before is good.
    pub fn step(&mut self) -> Result<Option<Step>, ReadError> {
        let Some(input) = self.reader.next_input()? else {
            return Ok(None);
        };
        let passed = &mut self.passed;
        passed.inputs += 1;
        match &input {
            Input::Time(time) => {
                let first = passed.span.map_or(*time, |(first, _)| first);
                passed.span = Some((first, *time));
            }
            Input::Event(_) => passed.events += 1,
            Input::Window { window, .. } => {
                passed.windows += 1;
                passed.observed_ns = passed.observed_ns.saturating_add(window.length_ns);
            }
            _ => {}
        }
        let effects = match &input {
            Input::Baseline(baseline) if self.replaced.contains(&baseline.key) => {
                Effects::default()
            }
            _ => self.engine.take(input),
        };
        Ok(Some(Step {
            time: self.engine.time(),
            effects,
        }))
    }

    /// What was fed back so far.
    #[must_use]
    pub fn passed(&self) -> Passed {
        self.passed
    }

    /// The recording.
    #[must_use]
    pub fn reader(&self) -> &Reader<R> {
        &self.reader
    }

    /// What was learned of the recording and of what came with it.
    #[must_use]
    pub fn into_baselines(mut self) -> BTreeMap<Key, Baseline> {
        std::mem::take(self.engine.baselines_mut())
    }

    /// The core, as far as the recording has brought it.
    #[must_use]
    pub fn engine(&self) -> &Engine<BTreeMap<Key, Baseline>> {
        &self.engine
    }
}
