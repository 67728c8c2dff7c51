//! The layer of volumes: bytes to and from each endpoint, names asked of DNS, against the most that the workload ever
//! did, in units of the model's size where data leave.

mod wording;

pub(super) use wording::bytes;

use serde::{Deserialize, Serialize};

use super::claim::{At, Claim};
use super::finding::{Class, Method};
use super::levels::{Amount, Excess, Frame, Gauges, Mode};
use super::technique::{self, Known};
use crate::baseline::hash::hash64;
use crate::baseline::learning::State;
use crate::baseline::levels::Levels;
use crate::baseline::model::Baseline;
use crate::observe::event::FileClass;
use crate::observe::fact::Phase;
use crate::observe::window::WindowReport;

/// So little within a window, a minute, an hour, a day is never worth a claim: bytes.
const FLOOR_BYTES: [f64; 4] = [16e3, 64e3, 512e3, 4e6];

/// Names under one domain, likewise.
const FLOOR_NAMES: [f64; 4] = [8.0, 20.0, 100.0, 500.0];

/// Bytes of such names, likewise.
const FLOOR_NAME_BYTES: [f64; 4] = [400.0, 1e3, 5e3, 25e3];

/// Such a part of the model leaving to one place counts as theft of it; half of that adds half the danger.
const THEFT: f64 = 0.5;

/// Models below this are no yardstick, bytes.
const SMALLEST_MODEL: u64 = 64 * 1024;

/// What stands for endpoints and domains that were never learned.
const ANY_OUT: &str = "out any";
const ANY_IN: &str = "in any";
const ANY_NAMES: &str = "names any";
const ANY_NAME_BYTES: &str = "namebytes any";

/// What kind of quantity it is, by the first word of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Bytes sent to an endpoint.
    Out,
    /// Bytes received from an endpoint.
    In,
    /// Bytes sent to clients.
    Answered,
    /// Names asked under a domain.
    Names,
    /// Bytes of such names.
    NameBytes,
}

impl Kind {
    const ALL: [(&'static str, Self); 5] = [
        ("out ", Self::Out),
        ("in ", Self::In),
        ("answered ", Self::Answered),
        ("names ", Self::Names),
        ("namebytes ", Self::NameBytes),
    ];

    /// The kind and the place.
    fn of(quantity: &str) -> Option<(Self, &str)> {
        Self::ALL
            .into_iter()
            .find_map(|(prefix, kind)| Some((kind, quantity.strip_prefix(prefix)?)))
    }

    const fn class(self) -> Class {
        match self {
            Self::Out | Self::In | Self::Answered => Class::Network,
            Self::Names | Self::NameBytes => Class::Dns,
        }
    }

    /// Danger in nats, and why.
    const fn danger(self) -> (f64, &'static str) {
        match self {
            Self::Out => (
                4.0,
                "data leave in an amount that the work does not explain",
            ),
            Self::Answered => (4.0, "clients are given more than they ever were"),
            Self::In => (2.0, "something large is brought in"),
            Self::Names | Self::NameBytes => (5.0, "names can carry data past any firewall"),
        }
    }

    const fn techniques(self) -> &'static [Known] {
        match self {
            Self::Out => &[technique::EXFILTRATION, technique::ATLAS_EXFILTRATION],
            Self::Answered => &[technique::ATLAS_EXFILTRATION],
            Self::In => &[technique::TOOL_TRANSFER],
            Self::Names | Self::NameBytes => {
                &[technique::DNS_PROTOCOL, technique::ATLAS_EXFILTRATION]
            }
        }
    }

    const fn next_step(self) -> &'static str {
        match self {
            Self::Out => {
                "See which process talks to that place and what it reads meanwhile; compare the amount with the \
                 sizes of the model's files."
            }
            Self::Answered => {
                "See in the server's own log which requests were answered with so much, and for whom."
            }
            Self::In => {
                "See what was fetched and where it was written, and whether a release explains it."
            }
            Self::Names | Self::NameBytes => {
                "Look at the names in the name server's log: data in labels look random. See which process asks."
            }
        }
    }
}

/// The layer's memory of one container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    gauges: Gauges,
    /// Bytes of model files read before it served.
    model_bytes: u64,
    serves: bool,
}

impl Watch {
    /// Takes one window: learns it while the baseline learns, judges it afterwards. Volumes are those of serving, from the
    /// first request on; reloading belongs to it, as a thief reads the model again.
    pub fn window(
        &mut self,
        baseline: &mut Baseline,
        at: At<'_>,
        report: &WindowReport,
    ) -> Vec<Claim> {
        match report.phase {
            Some(Phase::WarmUp | Phase::Serve | Phase::Reload) => self.serves = true,
            Some(Phase::Start | Phase::Load | Phase::Stop) => self.serves = false,
            None => {}
        }
        if !self.serves {
            let read = report.activity.file_read.of(FileClass::Model);
            self.model_bytes = self.model_bytes.saturating_add(read);
            return Vec::new();
        }
        let frame = frame(baseline, report, at.now_s);
        let here = baseline.phases.entry(Phase::Serve).or_default();
        if frame.mode != Mode::Frozen {
            here.levels.note_model(self.model_bytes);
        }
        let found = self.gauges.step(&mut here.levels, frame, &amounts(report));
        let levels = &here.levels;
        found
            .into_iter()
            .filter_map(|excess| claim(levels, report, &excess, frame.hours))
            .collect()
    }
}

/// The frame of a window for layers that compare with levels of the serve phase.
#[must_use]
pub fn frame(baseline: &Baseline, report: &WindowReport, now_s: i64) -> Frame {
    let learned = baseline.phases.get(&Phase::Serve);
    let seconds = learned.map_or(0, |phase| phase.exposure.totals().seconds);
    Frame {
        seconds: report.length_ns as f64 / 1e9,
        requests: report.requests,
        hours: seconds as f64 / 3600.0,
        now_s,
        mode: match baseline.state() {
            State::Learning => Mode::Learn,
            State::Active => Mode::Judge,
            State::Frozen => Mode::Frozen,
        },
    }
}

fn amounts(report: &WindowReport) -> Vec<Amount> {
    let mut amounts = Vec::new();
    let mut push = |quantity, pool, amount: u64, floors| {
        if amount > 0 {
            amounts.push(Amount {
                quantity,
                pool,
                amount: amount as f64,
                floors,
            });
        }
    };
    for endpoint in &report.activity.endpoints {
        let value = &endpoint.value;
        if endpoint.served {
            let quantity = format!("answered {value}");
            push(quantity, None, endpoint.tx_bytes, FLOOR_BYTES);
        } else {
            let (sent, received) = (format!("out {value}"), format!("in {value}"));
            push(sent, Some(ANY_OUT), endpoint.tx_bytes, FLOOR_BYTES);
            push(received, Some(ANY_IN), endpoint.rx_bytes, FLOOR_BYTES);
        }
    }
    for asked in &report.activity.asked {
        let domain = &asked.domain;
        let names = format!("names {domain}");
        push(names, Some(ANY_NAMES), asked.names, FLOOR_NAMES);
        let bytes = format!("namebytes {domain}");
        push(bytes, Some(ANY_NAME_BYTES), asked.bytes, FLOOR_NAME_BYTES);
    }
    amounts
}

fn claim(levels: &Levels, report: &WindowReport, excess: &Excess, hours: f64) -> Option<Claim> {
    let (kind, place) = Kind::of(&excess.quantity)?;
    let (mut danger, why) = kind.danger();
    let mut why = why.to_owned();
    let leaves = matches!(kind, Kind::Out | Kind::Answered);
    let model = levels.model_bytes;
    let models = (leaves && model >= SMALLEST_MODEL).then(|| excess.in_a_day / model as f64);
    if let Some(models) = models.filter(|models| *models >= THEFT / 10.0) {
        // 4 nats for the whole of what counts as theft, none for a tenth of it.
        danger += 4.0 * (1.0 + (models / THEFT).log10().min(0.0));
        why = format!("{why}; it comes to {models:.2} times the size of the model");
    }
    let phase = report.phase.unwrap_or(Phase::Serve);
    let wording = wording::Wording {
        kind,
        place,
        excess,
        models,
        hours,
    };
    Some(Claim {
        identity: hash64(&[b"volume", excess.quantity.as_bytes()]),
        danger: (danger, why),
        false_per_month: (excess.per_month, wording.evidence()),
        feature: excess
            .quantity
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_owned(),
        title: wording.title(),
        observed: wording.observed(),
        raw: place.to_owned(),
        expected: wording.expected(),
        reasons: wording.reasons(),
        techniques: kind.techniques(),
        next_step: kind.next_step(),
        ..Claim::about_window(Method::Volume, kind.class(), report.end, phase)
    })
}

#[cfg(test)]
mod tests;
