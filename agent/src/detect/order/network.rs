//! What came over the network, as far as it explains what a container does next.

use serde::{Deserialize, Serialize};

use super::WITHIN_NS;
use crate::baseline::orders::Step;
use crate::observe::event::Moment;
use crate::observe::window::WindowReport;

/// From so many bytes in one window on, something was fetched or handed in.
const MUCH: u64 = 64 * 1024;

/// A window's mean request of so many times the usual size is odd.
const ODD: f64 = 8.0;

/// Windows with requests that make a usual size.
const ENOUGH: u32 = 20;

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

    /// Whether requests of an unusual size came just before.
    pub(super) fn is_odd(&self, at: Moment) -> bool {
        const SOON_NS: u64 = 10_000_000_000;
        self.odd.is_some_and(|odd| at.since(odd) <= SOON_NS)
    }
}
