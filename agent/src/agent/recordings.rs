//! Recordings of what the core takes: begun by the command line, or with the agent.

use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc;

use super::BUILD;
use super::pipeline::Pipeline;
use crate::engine::Settings;
use crate::export::api::recording::{Begun, Refusal, Request};
use crate::export::ocsf::Host;
use crate::record::{FileError, Header, RecordingFile, Tap};

/// What recordings say of the agent.
pub struct Recordings {
    /// The machine, as findings name it.
    pub host: Host,
    /// The settings that findings depend on.
    pub settings: Settings,
    /// The one that the agent writes itself.
    pub file: Option<RecordingFile>,
    /// A copy goes to every reader, who holds it to the end.
    pub reading: Option<mpsc::Sender<Infallible>>,
}

impl Pipeline {
    /// Begins the recording that the agent writes itself.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn record_to(&mut self, path: &Path) -> Result<(), FileError> {
        self.tell_time();
        let header = self.recording_header(Vec::new());
        let (tap, feed) = Tap::begin(Vec::new(), &mut self.parts.engine);
        self.parts.recordings.file = Some(RecordingFile::start(path, &header, feed)?);
        // The first one always finds room.
        let _ = self.taps.add(tap, self.parts.engine.time());
        Ok(())
    }

    /// Begins a recording for whoever asks, or says why not.
    pub fn record_for(&mut self, request: Request) {
        self.tell_time();
        let header = self.recording_header(request.containers.clone());
        let (tap, feed) = Tap::begin(request.containers, &mut self.parts.engine);
        let answer = match self.taps.add(tap, self.parts.engine.time()) {
            Ok(()) => match &self.parts.recordings.reading {
                Some(reading) => Ok(Begun {
                    header,
                    feed,
                    reading: reading.clone(),
                }),
                None => return,
            },
            Err(most) => Err(Refusal { most }),
        };
        // Who asked may have gone; the tap ends itself then.
        let _ = request.answer.send(answer);
    }

    fn recording_header(&self, containers: Vec<String>) -> Header {
        let recordings = &self.parts.recordings;
        Header {
            agent: BUILD.version.to_owned(),
            host: recordings.host.clone(),
            boot_ms: self.parts.engine.steady().boot_ms(),
            begun_ms: self.parts.engine.time().wall_ms,
            settings: recordings.settings.clone(),
            containers,
        }
    }

    /// Ends every recording in good order. Their readers still need a moment.
    pub fn end_recordings(&mut self, patience: Duration) {
        self.tell_time();
        self.taps.end(self.parts.engine.time());
        self.parts.recordings.reading = None;
        let file = self.parts.recordings.file.take();
        if file.is_some_and(|file| !file.finish(patience)) {
            tracing::error!("The recording could not be written to its end.");
        }
    }
}
