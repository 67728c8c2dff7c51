//! What came over the network, as far as it explains what a container does next.

use serde::{Deserialize, Serialize};

use super::WITHIN_NS;
use crate::baseline::orders::Step;
use crate::observe::event::{FileClass, Moment};
use crate::observe::window::WindowReport;

/// From so many bytes in one window on, something was fetched or handed in.
const MUCH: u64 = 64 * 1024;

/// A window's mean request of so many times the usual size is odd.
const ODD: f64 = 8.0;

/// Windows with requests that make a usual size.
const ENOUGH: u32 = 20;

/// What came unpacks to so many times its size at most: weights hardly shrink. A server that writes what came twice does so
/// when it is learned from.
const UNPACKED: f64 = 1.5;

/// When something last came over the network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Network {
    download: Option<Moment>,
    ingest: Option<Moment>,
    request: Option<Moment>,
    odd: Option<Moment>,
    /// Mean logarithm of the bytes of a request, and of how many windows.
    usual: f64,
    windows: u32,
    /// Bytes that came, and bytes written to model files, of late: after the time within which one explains the other, a
    /// third is left.
    came: f64,
    written: f64,
}

impl Network {
    /// Takes one window.
    pub(super) fn window(&mut self, report: &WindowReport) {
        let end = report.end;
        let (mut served, mut fetched) = (0_u64, 0_u64);
        for endpoint in &report.activity.endpoints {
            let sum = if endpoint.served {
                &mut served
            } else {
                &mut fetched
            };
            *sum = sum.saturating_add(endpoint.rx_bytes);
        }
        let kept = (-(report.length_ns as f64) / WITHIN_NS as f64).exp();
        self.came = self.came * kept + served as f64 + fetched as f64;
        let written = report.activity.file_written.of(FileClass::Model);
        self.written = self.written * kept + written as f64;
        if fetched >= MUCH {
            self.download = Some(end);
        }
        if served >= MUCH.saturating_mul(report.requests.max(1)) {
            self.ingest = Some(end);
        }
        if report.requests > 0 {
            self.request = Some(end);
            let size = (1.0 + served as f64 / report.requests as f64).ln();
            if self.windows >= ENOUGH && size > self.usual + ODD.ln() {
                self.odd = Some(end);
            } else {
                // A mean over the last hundred windows or so.
                self.windows = self.windows.saturating_add(1);
                self.usual += (size - self.usual) / f64::from(self.windows.min(100));
            }
        }
    }

    /// What explains something that happened in the window that has just ended: the most telling of what came within
    /// the time, and after this moment.
    pub(super) fn cause(&self, at: Moment, since: Option<Moment>) -> Step {
        let is_recent = |m: Moment| at.since(m) <= WITHIN_NS && since.is_none_or(|since| m > since);
        let recent = |moment: Option<Moment>| moment.is_some_and(is_recent);
        if recent(self.download) {
            Step::Download
        } else if recent(self.ingest) {
            Step::Ingest
        } else if recent(self.request) {
            Step::Request
        } else {
            Step::Nothing
        }
    }

    /// The same of a model file that is written: what came is no reason for much more than it.
    pub(super) fn cause_of_write(&self, at: Moment) -> Step {
        let is_covered = self.written <= UNPACKED * self.came + MUCH as f64;
        match self.cause(at, None) {
            Step::Download | Step::Ingest if !is_covered => Step::Request,
            step => step,
        }
    }

    /// Whether requests of an unusual size came just before.
    pub(super) fn is_odd(&self, at: Moment) -> bool {
        const SOON_NS: u64 = 10_000_000_000;
        self.odd.is_some_and(|odd| at.since(odd) <= SOON_NS)
    }
}
