//! Blinding the probe is itself seen: claims about events that were lost.

use std::collections::BTreeMap;

use super::claim::{At, Claim};
use super::danger::begins_at;
use super::finding::{Class, Method, Severity};
use crate::observe::event::CgroupId;
use crate::observe::fact::Phase;
use crate::observe::window::WindowReport;

/// After a claim of lost events, the container's losses make no other for this long.
const COOL_DOWN_S: i64 = 3600;

/// The layer: until when it is quiet about each container.
#[derive(Clone, Debug, Default)]
pub struct LossLayer {
    quiet_until_s: BTreeMap<CgroupId, i64>,
}

impl LossLayer {
    /// Takes one window. What a container lost because it flooded its own share is its own deed and told whatever the
    /// budget; what it lost because a ring was full may be another's.
    pub fn window(&mut self, at: At<'_>, report: &WindowReport) -> Option<Claim> {
        if report.lost_events == 0 {
            return None;
        }
        let quiet_until_s = self.quiet_until_s.entry(at.cgroup).or_insert(i64::MIN);
        if at.now_s < *quiet_until_s {
            return None;
        }
        *quiet_until_s = at.now_s.saturating_add(COOL_DOWN_S);
        let lost = report.lost_events;
        let severity = if report.lost_to_quota > 0 {
            Severity::Medium
        } else {
            Severity::Low
        };
        let phase = report.phase.unwrap_or(Phase::Serve);
        let why = "what is not delivered is not judged, and a flood can hide a deed";
        Some(Claim {
            danger: (begins_at(severity), why.to_owned()),
            fixed: Some(severity),
            always: severity == Severity::Medium,
            feature: "events_lost".to_owned(),
            title: format!(
                "events of this container were lost: {lost}; what it did meanwhile was not all seen"
            ),
            observed: format!(
                "{lost} events lost within {:.0} s, {} of them beyond the container's own share",
                report.length_ns as f64 / 1e9,
                report.lost_to_quota
            ),
            expected: "every event delivered".to_owned(),
            next_step: "See in the container's counters what it did so often, and take what other logs say of that \
                        time as incomplete here; if the load is real, events of it will be lost again.",
            ..Claim::about_window(Method::Loss, Class::Sensor, report.end, phase)
        })
    }

    /// What is remembered of a container: until when it is quiet.
    #[must_use]
    pub fn remembered(&self, cgroup: CgroupId) -> Option<i64> {
        self.quiet_until_s.get(&cgroup).copied()
    }

    /// Goes on from what was remembered.
    pub fn resume(&mut self, cgroup: CgroupId, quiet_until_s: i64) {
        self.quiet_until_s.insert(cgroup, quiet_until_s);
    }

    /// Drops the state of a container that is gone.
    pub fn forget(&mut self, cgroup: CgroupId) {
        self.quiet_until_s.remove(&cgroup);
    }
}
