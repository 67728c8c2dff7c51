//! `picket record`.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use http_body_util::BodyExt as _;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use super::client::{Client, converse};
use super::{Format, Global, output};
use crate::config::Period;
use crate::record::{self, End, Frames};

/// Room kept for the frame that ends a recording.
const END: u64 = 64;

/// Record what the running agent sees, for `picket replay`
#[derive(Args)]
#[command(
    after_help = "The recording begins with the agent's state of the containers, so that its replay gives the findings \
                  that the agent reports from now on. It holds paths, peers and command lines without their secrets; \
                  the file is readable by its owner alone.\n\n\
                  Exit codes: 0 recorded, 1 the agent is not running, or the recording is incomplete, \
                  2 wrong command line or configuration"
)]
pub(super) struct Record {
    /// File to write; it must not exist
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only the container with this name or id, and those that share its baseline; may be repeated
    #[arg(long, value_name = "NAME")]
    container: Vec<String>,
    /// How long to record: 30s, 10m, 2h [default: until interrupted]
    #[arg(long, value_name = "TIME")]
    duration: Option<Period>,
    /// Largest file, bytes
    #[arg(long, value_name = "NUMBER")]
    max_bytes: Option<u64>,
}

/// What was recorded.
#[derive(Debug, Serialize)]
struct Summary {
    file: PathBuf,
    bytes: u64,
    seconds: f64,
    /// What ended it: `duration`, `max_bytes`, `interrupt`, `agent`.
    ended_by: &'static str,
    complete: bool,
    dropped_inputs: u64,
}

impl Record {
    pub(super) fn run(&self, global: &Global) -> anyhow::Result<ExitCode> {
        let client = Client::new(global)?;
        let summary = converse(self.record(&client))?;
        match global.output {
            Format::Json => output::json(&summary)?,
            Format::Text => output::complain(&format!(
                "{}: {} bytes in {:.0} s, {}",
                summary.file.display(),
                summary.bytes,
                summary.seconds,
                if summary.complete {
                    "complete".to_owned()
                } else {
                    format!(
                        "INCOMPLETE: {} inputs after its end are missing, because this machine did not keep up",
                        summary.dropped_inputs
                    )
                }
            )),
        }
        Ok(match summary.complete {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }

    async fn record(&self, client: &Client) -> anyhow::Result<Summary> {
        let query = serde_urlencoded::to_string([("containers", self.container.join(","))])?;
        let mut body = client.open(&format!("/api/v1/recording?{query}")).await?;
        let mut copy = Copy {
            file: record::create(&self.file)?,
            bytes: 0,
            most: self.max_bytes.unwrap_or(u64::MAX),
            frames: Frames::default(),
            last: Vec::new(),
        };
        let begun = Instant::now();
        let limit = self.duration.map_or(Duration::MAX, Period::duration);
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let over = tokio::time::sleep(limit);
        tokio::pin!(over);
        let ended_by = loop {
            tokio::select! {
                () = &mut over => break "duration",
                _ = interrupt.recv() => break "interrupt",
                _ = terminate.recv() => break "interrupt",
                frame = body.frame() => {
                    let Some(frame) = frame else { break "agent" };
                    let frame = frame.context("the agent broke the recording off; what is in the file is good")?;
                    if let Ok(data) = frame.into_data() {
                        copy.frames.push(&data);
                    }
                    if !copy.whole_frames().with_context(|| self.unwritable())? {
                        break "max_bytes";
                    }
                }
            }
        };
        let dropped = copy
            .end(ended_by == "agent")
            .with_context(|| self.unwritable())?;
        Ok(Summary {
            file: self.file.clone(),
            bytes: copy.bytes,
            seconds: begun.elapsed().as_secs_f64(),
            ended_by,
            complete: dropped == 0,
            dropped_inputs: dropped,
        })
    }

    fn unwritable(&self) -> String {
        format!("cannot write recording {}", self.file.display())
    }
}

/// A recording on its way into a file.
struct Copy {
    file: File,
    bytes: u64,
    most: u64,
    frames: Frames,
    /// The last frame written.
    last: Vec<u8>,
}

impl Copy {
    /// Writes what has come whole; false when no more may be written.
    fn whole_frames(&mut self) -> anyhow::Result<bool> {
        while let Some(piece) = self.frames.next_piece()? {
            let length = piece.len() as u64;
            if self.bytes.saturating_add(length + END) > self.most {
                return Ok(false);
            }
            self.file.write_all(&piece)?;
            self.bytes += length;
            self.last = piece;
        }
        Ok(true)
    }

    /// Ends the file, which the agent has done already where it ended the recording. Returns what was dropped.
    fn end(&mut self, by_agent: bool) -> anyhow::Result<u64> {
        let dropped = match by_agent {
            true => record::end_in(&self.last).map_or(0, |end| end.dropped),
            false => {
                let end = record::end(End::default())?;
                self.file.write_all(&end)?;
                self.bytes += end.len() as u64;
                0
            }
        };
        self.file.sync_all()?;
        Ok(dropped)
    }
}
