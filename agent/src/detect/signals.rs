//! The layers of amounts, time and order, with what they remember of each container.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::claim::{At, Claim};
use super::{order, time, volume};
use crate::baseline::model::Baseline;
use crate::observe::event::{CgroupId, Moment};
use crate::observe::fact::{Family, Sighting};
use crate::observe::window::WindowReport;

/// What the layers remember of one container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Watch {
    volume: volume::Watch,
    time: time::Watch,
    order: order::Watch,
}

/// The layers. Their memory is bounded per container; [`Signals::forget`] those gone.
#[derive(Debug, Default)]
pub struct Signals {
    watches: BTreeMap<CgroupId, Watch>,
}

impl Signals {
    /// Takes one sighting.
    pub fn sighting(&mut self, cgroup: CgroupId, sighting: &Sighting) {
        let watch = self.watches.entry(cgroup).or_default();
        watch.order.sighting(sighting);
    }

    /// Takes what the workload is not known for. Of peers only the container's own other services count: others are told of
    /// by their news, and what goes to them is none the less worth telling.
    pub fn news(&mut self, cgroup: CgroupId, sighting: &Sighting) {
        let watch = self.watches.entry(cgroup).or_default();
        match sighting.fact.family {
            Family::FileChange => watch.time.change_is_news(&sighting.fact),
            Family::Endpoint if sighting.marks.loopback => watch.time.peer_is_news(sighting.at),
            _ => {}
        }
    }

    /// Takes a file written again, by this process and its ancestors, of which all else is known.
    pub fn written_again(
        &mut self,
        cgroup: CgroupId,
        at: Moment,
        line: impl Iterator<Item = u32>,
        raw: &str,
    ) {
        let watch = self.watches.entry(cgroup).or_default();
        watch.order.written_again(at, line, raw);
    }

    /// Whether a contact of this container now would follow on something that it must not follow on.
    #[must_use]
    pub fn awaits_contact(&self, cgroup: CgroupId, at: Moment) -> bool {
        let watch = self.watches.get(&cgroup);
        watch.is_some_and(|watch| watch.order.awaits_contact(at))
    }

    /// Takes one window, whatever its phase.
    pub fn window(
        &mut self,
        baseline: &mut Baseline,
        at: At<'_>,
        report: &WindowReport,
    ) -> Vec<Claim> {
        let watch = self.watches.entry(at.cgroup).or_default();
        let mut claims = watch.volume.window(baseline, at, report);
        claims.extend(watch.time.window(baseline, at, report));
        claims.extend(watch.order.window(baseline, at, report));
        claims
    }

    /// What is remembered of a container.
    #[must_use]
    pub fn remembered(&self, cgroup: CgroupId) -> Option<Watch> {
        self.watches.get(&cgroup).cloned()
    }

    /// Goes on with a container from what was remembered of it.
    pub fn resume(&mut self, cgroup: CgroupId, watch: Watch) {
        self.watches.insert(cgroup, watch);
    }

    /// Drops the state of a container that is gone.
    pub fn forget(&mut self, cgroup: CgroupId) {
        self.watches.remove(&cgroup);
    }
}
