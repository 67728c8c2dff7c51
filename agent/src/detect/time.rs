//! The layer of time: contacts at regular pauses, activity that nobody asked for, bursts, long bouts of what is done by
//! few, slow drift.

mod beacon;
mod bouts;
mod drift;
mod habits;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::claim::{At, Claim};
use crate::baseline::hash::hash64;
use crate::baseline::model::Baseline;
use crate::detect::volume;
use crate::observe::event::Moment;
use crate::observe::fact::{Fact, Phase};
use crate::observe::window::WindowReport;

/// The layer's memory of one container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Watch {
    serves: bool,
    beacons: beacon::Beacons,
    bouts: bouts::Watch,
    habits: habits::Habits,
    drifts: drift::Drifts,
    /// How many changes of files since the last window were news, by their operation.
    news: BTreeMap<String, f64>,
    /// When a peer was last contacted that is news.
    new_peer: Option<Moment>,
}

/// For so long a peer that is news accounts for connections, ns: it is told of once, however often it is contacted.
const PEER_ACCOUNTS_NS: u64 = 300_000_000_000;

/// Operations whose news are counted: there are some two dozen.
const OPERATIONS: usize = 64;

impl Watch {
    /// Takes a change of a file that the workload is not known for.
    pub fn change_is_news(&mut self, change: &Fact) {
        let operation = change.value.split(' ').next().unwrap_or_default();
        if self.news.len() < OPERATIONS || self.news.contains_key(operation) {
            *self.news.entry(operation.to_owned()).or_insert(0.0) += 1.0;
        }
    }

    /// Takes a contact with a peer that the workload is not known for.
    pub fn peer_is_news(&mut self, at: Moment) {
        self.new_peer = self.new_peer.max(Some(at));
    }

    /// Takes one window: learns it while the baseline learns, judges it afterwards. Only serving has a rhythm; starts
    /// and stops are over too soon.
    pub fn window(
        &mut self,
        baseline: &mut Baseline,
        at: At<'_>,
        report: &WindowReport,
    ) -> Vec<Claim> {
        let mut news = std::mem::take(&mut self.news);
        let is_new = |peer: Moment| report.end.since(peer) <= PEER_ACCOUNTS_NS;
        if self.new_peer.is_some_and(is_new) {
            news.extend(["connect", "socket"].map(|call| (call.to_owned(), f64::INFINITY)));
        }
        match report.phase {
            Some(Phase::WarmUp | Phase::Serve | Phase::Reload) => self.serves = true,
            Some(Phase::Start | Phase::Load | Phase::Stop) => self.serves = false,
            None => {}
        }
        if !self.serves {
            return Vec::new();
        }
        let frame = volume::frame(baseline, report, at.now_s);
        let here = baseline.phases.entry(Phase::Serve).or_default();
        let usual = here.exposure.totals().requests_per_window();
        let of = (hash64(&[at.replica.as_bytes()]), usual);
        let mut claims = self.beacons.window(&mut here.rhythms, &frame, report);
        claims.extend(
            self.bouts
                .window(&mut here.bouts, &frame, of, (report, &news)),
        );
        claims.extend(self.habits.window(&mut here.levels, frame, report));
        claims.extend(self.drifts.window(&frame, report));
        claims
    }
}

#[cfg(test)]
mod tests;
