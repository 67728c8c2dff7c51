//! The findings log: one JSON object a line, written by a thread of its own so that a slow reader or a full disk never
//! holds the pipeline up.

mod output;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use thiserror::Error;
use tracing::{error, info, warn};

use super::metrics::Metrics;
use output::{AppendedFile, Output};

/// The sink's name in metrics.
const SINK: &str = "log";

/// Findings that may wait. A finding is a few KiB, so this bounds the queue to a few MiB.
const QUEUE: usize = 1024;

/// Where findings are logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Standard output.
    Stdout,
    /// A file, appended to and opened anew after rotation; mode 0600 when created.
    File(PathBuf),
}

/// The log could not be started.
#[derive(Debug, Error)]
pub enum LogError {
    /// Standard output is closed.
    #[error(
        "cannot use standard output for findings: {0}; set `log.findings` to a file or to `none`"
    )]
    Stdout(io::Error),
    /// No thread could be started.
    #[error("cannot start the thread that writes findings: {0}; raise the limit of processes")]
    Thread(io::Error),
}

/// Handle of the running log.
pub struct FindingLog {
    queue: SyncSender<String>,
    finished: Receiver<()>,
    metrics: Arc<Metrics>,
    overflowing: AtomicBool,
}

impl FindingLog {
    /// Starts the log.
    ///
    /// # Errors
    /// See [`LogError`]. A file that cannot be opened is no error here: it is told and counted with the first finding,
    /// and tried again with each.
    pub fn start(target: &Target, metrics: Arc<Metrics>) -> Result<Self, LogError> {
        match target {
            Target::Stdout => {
                let output = output::stdout().map_err(LogError::Stdout)?;
                Self::with_output(output, "standard output".to_owned(), metrics)
            }
            Target::File(path) => {
                Self::with_output(AppendedFile::new(path), path.display().to_string(), metrics)
            }
        }
    }

    fn with_output(
        output: impl Output + 'static,
        name: String,
        metrics: Arc<Metrics>,
    ) -> Result<Self, LogError> {
        let (queue, lines) = sync_channel(QUEUE);
        let (done, finished) = sync_channel(1);
        let counted = Arc::clone(&metrics);
        thread::Builder::new()
            .name("findings-log".to_owned())
            .spawn(move || {
                write_all(output, &name, &lines, &counted);
                // Nobody waits when the agent does not end in good order.
                let _ = done.send(());
            })
            .map_err(LogError::Thread)?;
        Ok(Self {
            queue,
            finished,
            metrics,
            overflowing: AtomicBool::new(false),
        })
    }

    /// Queues one line, without newline. When the queue is full the line is dropped and counted.
    pub fn write(&self, line: String) {
        self.metrics.export_queued(SINK, 1);
        let full = self.queue.try_send(line).is_err();
        if full {
            self.metrics.export_queued(SINK, -1);
            self.metrics.export_error(SINK);
        }
        if full && !self.overflowing.swap(full, Ordering::Relaxed) {
            warn!(
                queue = QUEUE,
                "The findings log does not keep up and loses findings; see picket_export_errors_total"
            );
        } else if !full {
            self.overflowing.store(false, Ordering::Relaxed);
        }
    }

    /// Ends the log: waits at most `patience` for the queue to be written. Returns whether it was.
    pub fn finish(self, patience: Duration) -> bool {
        let Self {
            queue, finished, ..
        } = self;
        drop(queue);
        finished.recv_timeout(patience).is_ok()
    }
}

/// Writes lines until the queue is closed. An error is told once until a write succeeds again.
fn write_all(mut output: impl Output, name: &str, lines: &Receiver<String>, metrics: &Metrics) {
    let mut failing = false;
    for line in lines {
        metrics.export_queued(SINK, -1);
        match output.write_line(&line) {
            Ok(()) => {
                metrics.exported(SINK);
                if failing {
                    info!(log = name, "Findings are written to the log again");
                }
                failing = false;
            }
            Err(cause) => {
                metrics.export_error(SINK);
                if !failing {
                    error!(
                        log = name,
                        error = %cause,
                        next_step = next_step(&cause),
                        "Findings cannot be written to the log; metrics and API still have them"
                    );
                }
                failing = true;
            }
        }
    }
}

fn next_step(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free space on the log's file system"
        }
        io::ErrorKind::BrokenPipe => "restart what reads the agent's standard output",
        io::ErrorKind::NotFound => "create the log's directory",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "make the log's directory writable for the agent, or set `log.findings` to another path"
        }
        _ => "check the log's file system, or set `log.findings` to another path",
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        reason = "tests"
    )]

    use std::time::Instant;

    use super::*;
    use crate::export::sample;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn count(metrics: &Metrics, family: &str) -> u64 {
        let text = metrics.text(Instant::now()).unwrap();
        let series = format!("picket_export_{family}_total{{sink=\"log\"}} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&series));
        value.unwrap().parse().unwrap()
    }

    #[test]
    fn lines_reach_the_file_in_order() {
        let metrics = Arc::new(sample::metrics());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("findings.log");
        let log = FindingLog::start(&Target::File(path.clone()), Arc::clone(&metrics)).unwrap();
        for line in ["{\"a\":1}", "{\"a\":2}"] {
            log.write(line.to_owned());
        }
        assert!(log.finish(PATIENCE));
        assert_eq!(
            std::fs::read_to_string(path).unwrap(),
            "{\"a\":1}\n{\"a\":2}\n"
        );
        assert_eq!(count(&metrics, "events"), 2);
        assert_eq!(count(&metrics, "errors"), 0);
    }

    #[test]
    fn what_cannot_be_written_is_counted() {
        for path in ["/dev/full", "/dev/null/findings.log"] {
            let metrics = Arc::new(sample::metrics());
            let log = FindingLog::start(&Target::File(path.into()), Arc::clone(&metrics)).unwrap();
            log.write("a".to_owned());
            log.write("b".to_owned());
            assert!(log.finish(PATIENCE));
            assert_eq!(count(&metrics, "errors"), 2);
            assert_eq!(count(&metrics, "events"), 0);
        }
    }

    /// Takes a line only when told to.
    struct Stuck(Receiver<()>);

    impl Output for Stuck {
        fn write_line(&mut self, _: &str) -> io::Result<()> {
            self.0.recv().map_err(io::Error::other)
        }
    }

    #[test]
    fn a_stuck_reader_costs_findings_but_never_blocks() {
        let metrics = Arc::new(sample::metrics());
        let (release, stuck) = sync_channel(0);
        let log =
            FindingLog::with_output(Stuck(stuck), "test".to_owned(), Arc::clone(&metrics)).unwrap();
        let extra = 10;
        for _ in 0..QUEUE + 1 + extra {
            log.write("line".to_owned());
        }
        let lost = count(&metrics, "errors");
        assert!((extra as u64..=extra as u64 + 1).contains(&lost), "{lost}");
        assert!(!log.finish(Duration::ZERO), "it does not wait for ever");
        drop(release);
    }
}
